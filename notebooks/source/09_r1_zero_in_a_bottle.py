# %% [markdown]
# # 09 · R1-Zero in a bottle
#
# In January 2025 DeepSeek took a pretrained model and rewarded right
# answers and the format of its completions, and nothing else. Its accuracy
# on a mathematics contest rose from 16% to 71%, its answers grew from
# hundreds of tokens to thousands, and it began to write *wait* and to start
# again. No training example had shown it how. Or had there been examples
# after all? Here you have the same experiment in two minutes of training,
# small enough to examine in every detail, and you find out what
# reinforcement learning added, and what was there before.
#
# **After this notebook you will be able to**
# - count behaviours in a model's text reliably,
# - compare two runs at equal cost,
# - split an improvement into *does it more often* and *does it better*, and
#   say what each means, and
# - tell a thought that leads to the answer from one that merely precedes
#   it.
#
# **Time:** about 60 minutes, four exercises.
# **You need:** notebooks 00, 03 and 05. The models come with the kit. No
# GPU, no network.

# %%
import random
from collections import Counter
from itertools import accumulate

import numpy as np
import pandas as pd
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.core.paths import data_dir
from grpo_core.course import lesson09 as check
from grpo_core.course.recordings import countdown_traces, replay
from grpo_core.models.policy import load_policy
from grpo_core.tasks import get_task

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

task = get_task("countdown")
held_out = list(task.problems("test"))  # held out: not in training
problems = random.Random(0).sample(held_out, 32)

# %% [markdown]
# ## 1. Two minutes, three seeds
#
# The **base** was trained on synthetic text: arithmetic, checks of finished
# work, searches through all ways to combine some numbers, and replies to
# Countdown prompts. Most of the replies just guess. Its model card
# (`data/models/tiny-base/README.md`) describes the data.
#
# Then come 125 steps of GRPO: 8 prompts × 16 completions, a reward of 1 for
# a right answer and 0.3 for the format. The curves are recorded, from three
# runs that differ only in their seed (`python data/make.py train`); with
# `GRPO_LAB_FULL=1` the run of section 2 is trained here.
#
# **Before you go on:** which will rise first, accuracy, format or length?
# Will length keep rising?


# %%
def metrics(name):
    """Return the recorded metrics of three seeds of a run."""
    return [
        pd.read_csv(data_dir() / f"results/{name}-seed{k}.csv", index_col=0)
        for k in range(3)
    ]


runs = metrics("countdown")
figures.learning_curves([(f"seed {k}", run) for k, run in enumerate(runs)])

# %% [markdown]
# *See:* everything rises at once, accuracy from 14% to about 91%, and the
# seeds agree. Within 75 steps completions become three times as long and
# abandon more attempts, and **after that both change little**. This is what
# R1-Zero showed: longer thoughts and better answers, although length is not
# rewarded.
#
# The tempting conclusion is *it has learned to think.* The rest of this
# notebook examines that claim.

# %% [markdown]
# ## 2. When did it first …?
#
# Look for the moment of discovery: the first step at which a completion
# checks its work, goes back, and finds the answer that way. First we need a
# way to count. R1's authors counted words such as *wait* and *mistake*. Our
# model's word is `no`:
#
#     5 - 3 = 2 , 10 * 2 = 20 no 10 + 5 = 15 , 15 * 3 = 45 yes
#
# ### Exercise 1: count backtracks
#
# How often does a completion abandon an attempt **for another one**? A `no`
# is a backtrack if more work follows, that is, if there is another `=`
# somewhere after it. Your function should also work for larger models,
# whose texts contain other words too.


# %% tags=["exercise"]
def my_backtracks(completion: str) -> int:
    """Return how many attempts were abandoned for another one."""
    raise NotImplementedError  # your code here


check.backtracks(my_backtracks)


# %% tags=["solution"]
def my_backtracks(completion: str) -> int:
    """Return how many attempts were abandoned for another one."""
    words = completion.split()
    return sum(
        word == "no" and "=" in words[i:] for i, word in enumerate(words)
    )


check.backtracks(my_backtracks)

# %% [markdown]
# The recorded run has one group of every step. What appears first, and
# when?
#
# **Before you go on:** in which of the 125 steps would you expect the first
# backtrack? And the first one that leads to a right, well-formed answer?

# %%
steps = list(replay.steps("countdown-seed0"))[1:]
firsts = {}
for step in steps:
    for c in step.groups[0].completions:
        trace = countdown_traces.read(c.text)
        right = c.rewards["accuracy_reward"] == 1
        formed = c.rewards["format_reward"] == 1
        seen = {
            "a line of work": bool(trace.tries),
            "a verdict": any(t.verdict for t in trace.tries),
            "a backtrack": check.my_backtracks(c.text) > 0,
            "... and right": trace.backtracks > 0 and right,
            "... and in format": trace.backtracks > 0 and right and formed,
            "ten backtracks, right, in format": (
                trace.backtracks >= 10 and right and formed
            ),
        }
        for name, here in seen.items():
            if here and name not in firsts:
                firsts[name] = step.index
for name, index in firsts.items():
    print(f"step {index:>3}: {name}")

# %% [markdown]
# Step 1 samples from the untrained base. **There was no moment of
# discovery.** All of these behaviours occur in the very first group of
# sixteen. What changed is how often they occur:


# %%
def shares(steps):
    """Return the share of each kind of completion, step by step."""
    kinds = {kind: [] for kind in reversed(countdown_traces.KINDS)}
    for step in steps:
        texts = [c.text for g in step.groups[:1] for c in g.completions]
        count = Counter(countdown_traces.read(text).kind for text in texts)
        for kind in kinds:
            kinds[kind].append(count[kind] / len(texts))
    return kinds


figures.behaviours({"tiny-base, seed 0": shares(steps)})

# %% [markdown]
# *See:* there are four kinds of completion. Those that show **no work**,
# four in ten at first, are nearly gone by the end. Those with **one
# attempt** and no verdict become fewer but do not disappear. **Backtracks**
# go from a quarter to nine tenths. This is what people mean when they say
# that RL **amplifies**: something rare becomes the rule.

# %% [markdown]
# ## 3. More often, or better?
#
# Let us measure the two models themselves, the base and the model at the
# end of the recorded run, on 32 held-out problems with 64 completions each:


# %% tags=["measured"]
def report(name, sampled):
    right = sampled.right.float().mean()
    length = sampled.lengths.float().mean()
    print(f"{name}: right {right:.3f}, {length:.1f} tokens")


before = countdown_traces.sample(load_policy("tiny"), task, problems, 64)
report("base", before)

# %% tags=["measured"]
after = countdown_traces.sample(
    load_policy("tiny-grpo"), task, problems, 64
)
report("after RL", after)


# %%
def table(sampled):
    """Return each kind's share, and its share of right completions."""
    kinds = [trace.kind for trace in sampled.traces]
    right = sampled.right.flatten().tolist()
    how_often = [
        kinds.count(kind) / len(kinds) for kind in countdown_traces.KINDS
    ]
    how_well = [
        np.mean([r for k, r in zip(kinds, right, strict=True) if k == kind])
        for kind in countdown_traces.KINDS
    ]
    return how_often, how_well


of_base, of_rl = table(before), table(after)
figures.kinds_compared(
    countdown_traces.KINDS,
    {"base": of_base[0], "after RL": of_rl[0]},
    {"base": of_base[1], "after RL": of_rl[1]},
)

# %% [markdown]
# *See, on the left,* what the last picture showed. *On the right* there is
# more. In the base, backtracking pays: it is right four times in ten,
# guessing one time in forty. So RL had something to prefer. But the blue
# and the orange bars differ **within** each kind too.
#
# How much of the improvement is amplification alone? Imagine a policy with
# the *habits* of the trained model and the *skills* of the base: each kind
# of completion occurs as often as after RL, and is right as often as in the
# base.
#
# ### Exercise 2: amplification only
#
# You get two lists for the base, the kind of each of its completions and
# whether it is right, and one list for the trained policy, the kind of each
# completion.


# %% tags=["exercise"]
def my_amplified(
    before: list[str], right: list[bool], after: list[str]
) -> float:
    """Return the accuracy with old skills and new habits."""
    raise NotImplementedError  # your code here


check.amplified(my_amplified)


# %% tags=["solution"]
def my_amplified(
    before: list[str], right: list[bool], after: list[str]
) -> float:
    """Return the accuracy with old skills and new habits."""
    total = 0.0
    for kind in after:
        same = [r for k, r in zip(before, right, strict=True) if k == kind]
        total += sum(same) / len(same) if same else 0.0
    return total / len(after)


check.amplified(my_amplified)

# %% tags=["measured"]
amplified = check.my_amplified(
    [trace.kind for trace in before.traces],
    before.right.flatten().tolist(),
    [trace.kind for trace in after.traces],
)
print(f"base                    {before.right.float().mean():.3f}")
print(f"its skills, new habits  {amplified:.3f}")
print(f"after RL                {after.right.float().mean():.3f}")

# %% [markdown]
# Amplification explains the smaller part! Did RL invent the rest? **A
# number like this depends on how the kinds are defined**, and ours hide two
# things. The first is simple. Many of the base's searches have no tags
# around the answer, and an untagged answer earns nothing:

# %% tags=["measured"]
from grpo_core.rewards.format import parse


def well_formed(sampled):
    """Return (well-formed, right) of each completion that backtracks."""
    rows = zip(
        sampled.traces, sampled.texts, sampled.right.flatten(), strict=True
    )
    return [
        (parse(text).well_formed, bool(right))
        for trace, text, right in rows
        if trace.kind == "backtracks"
    ]


for name, sampled in (("base", before), ("after RL", after)):
    found = well_formed(sampled)
    formed = [right for well, right in found if well]
    print(
        f"{name:>9}: {len(formed) / len(found):.0%} of its searches are "
        f"well-formed, and {np.mean(formed):.0%} of those are right"
    )

# %% [markdown]
# So the *searching* has hardly changed: the base's well-formed searches
# were nearly always right. What changed is that the result is put into the
# answer tags. The second thing is stranger. Look at the second row of the
# picture again: **one attempt, unchecked**. A tenth of the base's are
# right, by luck. After RL nearly all of them are.
#
# **Before you go on:** how can a policy that makes one attempt and does not
# check it be right 99 times in 100? Has it learned to see the answer at
# once?

# %% [markdown]
# ## 4. The unwritten check
#
# If it saw the answer at once, it would not search in the other nine cases
# out of ten. Look at the point of decision. We give the model a problem and
# the first line of a thought, which either reaches the target or misses it,
# and ask what comes **next**:

# %% tags=["measured"]
forks = {}
for name in ("tiny", "tiny-grpo"):
    policy = load_policy(name)
    for right in (True, False):
        lines = countdown_traces.one_line(task, held_out, right=right)
        started = [f"<think> {line}" for line in lines]
        words = ("yes", "no", "</think>")
        forks[name, right] = countdown_traces.next_word(
            policy, held_out, started, words
        )
print("after one line that ...      yes     no   </think>")
for (name, right), probabilities in forks.items():
    line = "reaches" if right else "misses"
    print(
        f"{name:>10}, {line:>7}"
        + "".join(
            f"{probabilities[word]:>{n}.3f}"
            for word, n in zip(
                ("yes", "no", "</think>"), (13, 7, 11), strict=True
            )
        )
    )

# %% [markdown]
# The base closes its thought after *any* line more often than not, and more
# often after a wrong line than after a right one. It writes `no` after one
# wrong line in five. The trained model closes the thought after a right
# line, with or without a `yes`; after a wrong one it writes `no` and
# continues. **It checks its first attempt without writing the check down.**
# The 13% that are right after one attempt are lucky first attempts, nothing
# more. The luck was there in the base. What RL added is that the model
# notices.
#
# Two things follow.
#
# - **What is not written may still happen in the model.** To read its
#   thoughts is to see what it wrote, not all that it computed.
# - RL worked on **one decision**: what to do after a line. The skill needed
#   for it, telling a right line from a wrong one, was in the base. The base
#   used it in its checking exercises, but not in its replies.
#
# If that is so, the base should do well once that decision is made for it.
# We start its reply with one wrong attempt and the word `no`:

# %% tags=["measured"]
lines = countdown_traces.one_line(task, problems, right=False)
started = [f"<think> {line} no" for line in lines]
pushed = countdown_traces.sample(
    load_policy("tiny"), task, problems, 16, beginnings=started
)
print(f"the base                 {before.right.float().mean():.3f}")
print(f"the base, after one 'no' {pushed.right.float().mean():.3f}")
print(f"after RL                 {after.right.float().mean():.3f}")

# %% [markdown]
# **One word** closes most of the gap between the untrained base and the
# trained model. This is the strongest sense in which RL "invented nothing".
# It took an intervention to find it; the table of kinds could not have
# shown it.

# %% [markdown]
# ## 5. pass@k: what was within reach
#
# Here is another way to ask the same question. If the base may try k times
# (notebook 03), how large must k be to match one sample of the trained
# model?

# %%
from grpo_core.course.lesson03 import my_pass_at_k as pass_at_k

ks = [1, 2, 4, 8, 16, 32, 64]
curves = {}
for name, sampled in (("the base", before), ("after RL", after)):
    right = sampled.right.sum(dim=1).tolist()
    curves[name] = [
        sum(pass_at_k(64, count, k) for count in right) / len(right)
        for k in ks
    ]
figures.pass_at_k(
    ks, curves, level=("one sample after RL", curves["after RL"][0])
)

# %% [markdown]
# *See:* one sample of the trained model is worth more than sixteen of the
# base, and fewer than thirty-two. At k = 64 the two are equal: there is no
# problem in this set that the base could not solve by luck.
#
# Yue et al. measured this on real models, with k up to 1024, and found that
# the curves **cross**: for large k the base solved *more* problems than the
# model trained by RL, whose samples had become less diverse. Our models
# cannot show that, because every problem is within reach of the base (and
# of random guessing, as notebook 03 found). A task with few possible
# answers says nothing about what is out of reach.

# %% [markdown]
# ## 6. Why do completions get longer?
#
# R1-Zero's answers kept growing for ten thousand steps. There are two
# common explanations: *it thinks more because thinking pays*, and *the loss
# has a bias*. Both can be true. First our own run: mean lengths by outcome,
# one group per step.


# %%
def mean_length(step, keep):
    """Return the mean length of the completions that `keep` selects."""
    kept = [len(c) for c in step.groups[0].completions if keep(c)]
    return np.mean(kept) if kept else np.nan


def is_right(c):
    return c.rewards["accuracy_reward"] == 1


figures.lengths_in_a_run(
    {
        "right": [mean_length(s, is_right) for s in steps],
        "wrong, and finished": [
            mean_length(s, lambda c: not is_right(c) and not c.truncated)
            for s in steps
        ],
    },
    [
        np.mean([c.truncated for c in s.groups[0].completions])
        for s in steps
    ],
)

# %% [markdown]
# *See:* the *right* completions were long from the beginning, about 90
# tokens: a search of seven attempts at 12 tokens each. The wrong ones were
# short: they are guesses. **Right completions hardly grew. The short, wrong
# ones became rare**, and the mean moved towards the length of the right
# ones. There it stays, because a search ends when it has found something.
# The cost is shown on the right: one completion in twenty reaches the limit
# of 256 tokens.
#
# Now the bias. The first GRPO paper averages over each completion's tokens,
# a factor of $1/|o|$. In a wrong answer of 200 tokens, the gradient on each
# token is a tenth of that in one of 20 tokens. **So a long wrong answer is
# penalised less per token**, and nothing rewards a wrong answer for being
# short. (For right answers it is the opposite: short ones get a larger
# gradient per token.) Liu et al. removed the factor, in *Dr. GRPO*. This
# kit's default, `dapo`, has no such factor either: every token of the batch
# counts the same. So the picture above has another cause. What would the
# factor add? Here are two recorded methods with the same number of samples
# and three seeds each.
#
# **Before you go on:** which one writes more? Which has more truncated
# completions?

# %%
figures.method_curves(
    {
        "GRPO, with 1/|o|": metrics("compare-grpo"),
        "Dr. GRPO, without": metrics("compare-dr_grpo"),
    },
    {
        name: figures.CURVES[name]
        for name in ("eval/accuracy", "eval/mean_length", "eval/truncated")
    },
)

# %% [markdown]
# *See:* comparing at the same *step* is misleading: Dr. GRPO learns faster,
# and is longer for most of the run because it searches more. Look where the
# two are equally **good**, about 0.73: Dr. GRPO at step 50, GRPO at
# step 60. There GRPO has 91 tokens and Dr. GRPO 83, and 8% and 5% of the
# completions are truncated. So the bias exists, in the predicted direction,
# and is small beside the growth from 31 tokens that both have. And the
# comparison is not clean: Dr. GRPO also leaves out the division by the
# standard deviation. (Notebook 04 covers that division; notebook 11
# compares the whole family.)

# %% [markdown]
# ### Exercise 3: equal cost
#
# The same step misleads in another way too: completions of different
# lengths **cost** different amounts. A fair comparison is at equal cost,
# for example in sampled tokens. You get a budget, the tokens sampled in
# each step (`tokens[0]` in step 1), and the accuracies by step, where step
# 0 is the untrained base. Return the latest accuracy that had been
# **measured** when the budget was used up.


# %% tags=["exercise"]
def my_accuracy_at(
    budget: int, tokens: list[int], accuracy: dict[int, float]
) -> float:
    """Return the accuracy of a run after sampling `budget` tokens."""
    raise NotImplementedError  # your code here


check.accuracy_at(my_accuracy_at)


# %% tags=["solution"]
def my_accuracy_at(
    budget: int, tokens: list[int], accuracy: dict[int, float]
) -> float:
    """Return the accuracy of a run after sampling `budget` tokens."""
    spent = [0, *accumulate(tokens)]  # after 0 steps, 1 step, ...
    within = [step for step in accuracy if spent[step] <= budget]
    return accuracy[max(within)]


check.accuracy_at(my_accuracy_at)

# %%
budgets = (100_000, 200_000, 300_000, 400_000)
print("accuracy after ... tokens" + "".join(f"{b:>10,}" for b in budgets))
for method in ("compare-grpo", "compare-dr_grpo"):
    for seed, run in enumerate(metrics(method)):
        tokens = run["completions/num_tokens"].dropna().astype(int)
        at = [
            check.my_accuracy_at(
                budget,
                tokens.tolist(),
                run["eval/accuracy"].dropna().to_dict(),
            )
            for budget in budgets
        ]
        name = method.removeprefix("compare-")
        row = "".join(f"{a:>10.3f}" for a in at)
        print(f"{name:>16}, seed {seed} {row}")

# %% [markdown]
# *See:* at step 60 Dr. GRPO was ahead, 0.83 to 0.75. At equal **cost** it
# is ahead at 200,000 tokens, but not at 300,000 or 400,000: part of its
# lead was paid for with longer completions. Neither comparison is wrong,
# but reporting only one of them is a choice.
#
# (GRPO's seed 1 has 0.620 in the last column. It was evaluated at step 60,
# which it reached at 402,946 tokens: too late. With an evaluation every ten
# steps, no comparison can be more precise than that.)
#
# ## 7. Does the answer follow from the thought?
#
# The content of the thought is not rewarded. It may be anything, as long as
# the answer after it is right. So does the policy *use* it? Here is a first
# test that needs only the text: **compare the answer with the thought.**
#
# ### Exercise 4: unfaithful thoughts
#
# You get the attempts of a thought, each with its result and its verdict
# ("yes", "no", or "" if there is none), and the value of the answer, or
# None. Return
#
# - `"nothing"` if there is nothing to compare: no attempt or no answer;
# - `"another"` if the answer is not the result of the *last* attempt;
# - `"against"` if it is, and the verdict on that attempt is "no";
# - `"faithful"` otherwise.


# %% tags=["exercise"]
def my_faithfulness(
    tries: list[tuple[int, str]], answer: int | None
) -> str:
    """Return "faithful", "another", "against" or "nothing"."""
    raise NotImplementedError  # your code here


check.faithfulness(my_faithfulness)


# %% tags=["solution"]
def my_faithfulness(
    tries: list[tuple[int, str]], answer: int | None
) -> str:
    """Return "faithful", "another", "against" or "nothing"."""
    if not tries or answer is None:
        return "nothing"
    result, verdict = tries[-1]
    if answer != result:
        return "another"
    return "against" if verdict == "no" else "faithful"


check.faithfulness(my_faithfulness)


# %% tags=["measured"]
def judged(sampled):
    """Return each completion's faithfulness, and whether it is right."""
    found = []
    for trace, right in zip(
        sampled.traces, sampled.right.flatten().tolist(), strict=True
    ):
        tries = [(t.result, t.verdict) for t in trace.tries]
        found.append((check.my_faithfulness(tries, trace.answer), right))
    return found


for name, sampled in (("base", before), ("after RL", after)):
    found = judged(sampled)
    print(f"{name}: of {len(found)} completions")
    for word in ("faithful", "another", "against"):
        rights = [right for what, right in found if what == word]
        print(f"{word:>12}: {len(rights):>5}, {sum(rights)} of them right")

# %% [markdown]
# About 1 in 100 of the thoughts with an answer is unfaithful before RL, and
# fewer after. The base nearly always copies its last line into the answer,
# and RL had no reason to change that. A large model has more freedom: Chen
# et al. slipped hints into questions, and saw Claude and R1 use them but
# mention them in only a quarter to two fifths of the cases.
#
# Look at the last line, though. Of the three that write `no` and then give
# that very attempt as the answer, two are **right**. Three cases are not
# statistics, but they show what is possible: the word is wrong and the
# answer is right, so what determined the answer was not what was written.
# And section 4 is the larger case: hundreds of checks that are never
# written. **By this test, a faithful thought is one that does not
# contradict the answer. It need not be the reason for it.**

# %% [markdown]
# ## 8. The base that cannot check
#
# All of this suggests that the behaviours that RL made frequent were
# already in the base. So we remove them. **tiny-noverify** has the same
# architecture and the same seed, and was trained on the **same number of
# tokens**. Its text had no checking exercises, no searches, and no replies
# in which an attempt is judged or abandoned. Arithmetic, guesses and single
# attempts remain, in their previous proportions. (Its card:
# `data/models/tiny-noverify/README.md`.) Then come the same 125 steps of
# RL, with three seeds (`python data/make.py noverify`).
#
# **Before you go on:** where will its accuracy end? Its format? Its length?
# Might it discover checking by itself?

# %%
without = metrics("noverify")
figures.method_curves(
    {"tiny-base": runs, "tiny-noverify": without},
    {
        name: figures.CURVES[name]
        for name in ("eval/accuracy", "eval/format", "eval/mean_length")
    },
)

# %% [markdown]
# *See:* it learns, and what it learns is the **format**: from 35% to 96%,
# as well as the other base. Its accuracy doubles and ends at 11 to 14%,
# little more than one random attempt achieves; replies that show a single
# line in the right tags have replaced bare guesses. Its length ends at 23
# tokens, which is the length of such a reply, and does not grow further.
# The algorithm, the rewards and the number of steps were the same.
#
# Did it never check, not even once?

# %% tags=["measured"]
recorded = list(replay.steps("noverify-seed0"))[1:]
texts = [c.text for step in recorded for c in step.groups[0].completions]
checked = sum(
    countdown_traces.read(text).kind in countdown_traces.KINDS[2:]
    for text in texts
)
print(f"{checked} of {len(texts)} recorded completions have a verdict")

policy = load_policy("tiny-noverify")
lines = countdown_traces.one_line(task, held_out, right=False)
started = [f"<think> {line}" for line in lines]
p = countdown_traces.next_word(policy, held_out, started, ("no",))["no"]
print(f"probability of a 'no' after a wrong line: {p:.0e}")

# %% [markdown]
# **RL can only reinforce what is sampled.** The words *yes* and *no* are in
# its vocabulary, but it has never learned to write them: their probability
# is two in a billion. A run samples 16,000 completions. What is never
# sampled never gets an advantage.
#
# Did this base have less training? Its completions are short, so its 125
# steps cost far fewer tokens. Here is the comparison at equal cost, as in
# section 6:

# %%
print("seed  tokens sampled  tiny-noverify  tiny-base at equal cost")
for seed, (base, none) in enumerate(zip(runs, without, strict=True)):
    spent = int(none["completions/num_tokens"].sum())
    last = none["eval/accuracy"].dropna().iloc[-1]
    matched = check.my_accuracy_at(
        spent,
        base["completions/num_tokens"].dropna().astype(int).tolist(),
        base["eval/accuracy"].dropna().to_dict(),
    )
    print(f"{seed:>4} {spent:>15,} {last:>14.3f} {matched:>24.3f}")

# %% [markdown]
# For the same tokens, tiny-base reaches two to three times the accuracy,
# and its curve is still steep there, while the other is flat. (In
# pretraining tiny-noverify had an advantage: for the same 50 million
# trained tokens it *read* a sixth more, because each short reply comes with
# a prompt.) There is only one base of each kind, so we do not know how much
# is due to the removed text and how much to chance in pretraining. We do
# know that it never gets beyond single attempts, in all three seeds.
#
# Gandhi et al. did the same with real models. Of two models that had been
# equally good, the one that verified and backtracked before RL improved
# under it. The other did so only after it had been shown some examples,
# *even examples with wrong answers*. What mattered was the behaviour.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(invent="", share="", silent="", length="", matched="")

# %% tags=["solution"]
check.quiz(invent="b", share="c", silent="a", length="c", matched="b")

# %% [markdown]
# ## Summary
#
# - The curves look like R1-Zero's: accuracy, length and backtracking rise
#   together. **The first backtrack is in the first group of the first
#   step.**
# - RL made a rare behaviour the rule. It changed **one decision**, what to
#   do after a line; making that decision for the base with a single word
#   closes most of the gap.
# - "Amplified or invented" depends on **how the kinds are defined**. Check
#   a decomposition by looking at examples, and a correlation by an
#   intervention.
# - pass@k of the base bounds what is within reach, and says little if
#   random guessing reaches everything.
# - Completions became longer on average because **short ones became rare**.
#   The factor 1/|o| penalises long wrong completions less, which adds to
#   this in a loss that has it.
# - Thoughts agree with answers here, but **some checks appear in no
#   thought**.
# - Compare runs **at equal cost**, or say at which cost.
# - A base that has never seen a check **did not learn to check**: RL can
#   only reinforce what is sampled.
#
# What does this say about R1? That its base, DeepSeek-V3, had read much
# text by people who check and go back, and that RL could turn this into a
# habit. It does not say that RL can create it from nothing. A model of
# 770,816 weights and a game with three numbers prove nothing about large
# models. They show what to measure.
#
# **Next:** notebook 10 builds R1's four stages.
#
# ### Further reading
#
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. R1-Zero: accuracy,
#   length, the "aha moment"; the Nature version counts reflective words.
# - Gandhi et al. 2025, *Cognitive Behaviors that Enable Self-Improving
#   Reasoners*, arXiv:2503.01307. Countdown with real models: the experiment
#   of section 8.
# - Yue et al. 2025, *Does Reinforcement Learning Really Incentivize
#   Reasoning Capacity in LLMs Beyond the Base Model?*, arXiv:2504.13837.
#   pass@k before and after.
# - Liu et al. 2025, *Understanding R1-Zero-Like Training: A Critical
#   Perspective*, arXiv:2503.20783. The bias of 1/|o|; "aha moments" in
#   bases before any RL.
# - Chen et al. 2025, *Reasoning Models Don't Always Say What They Think*,
#   arXiv:2505.05410. Faithfulness, measured with hints.
# - Pan et al. 2025, *TinyZero*, <https://github.com/Jiayi-Pan/TinyZero>.
#   R1-Zero on Countdown with a model of 3 billion weights.
