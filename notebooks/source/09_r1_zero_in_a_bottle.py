# %% [markdown]
# # 09 · R1-Zero in a bottle
#
# In January 2025 DeepSeek took a pretrained model, rewarded right answers
# and a form, and nothing else. Its accuracy on a mathematics contest rose
# from 16% to 71%, its answers grew from hundreds of tokens to thousands,
# and it began to write *wait* and to start again. Nobody had shown it how.
# Or had they? Here you have the same experiment in two minutes of training,
# small enough to look at from every side, and you find out what
# reinforcement learning added, and what was there before.
#
# **After this notebook you will be able to**
# - count behaviours in a model's text without fooling yourself,
# - compare two runs at the same price,
# - split a gain into *does it more often* and *does it better*, and say
#   what each means, and
# - tell a thought that leads to the answer from one that only stands
#   before it.
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
held_out = list(task.problems("test"))  # numbers it has never seen
problems = random.Random(0).sample(held_out, 32)

# %% [markdown]
# ## 1. Two minutes, three seeds
#
# The **base** was trained on text that this kit made up: arithmetic, checks
# of finished work, searches through all ways to combine some numbers, and
# replies to Countdown prompts. Most of the replies just guess. Its
# model card (`data/models/tiny-base/README.md`) has the recipe.
#
# Then 125 steps of GRPO: 8 prompts × 16 completions, 1 for a right answer,
# 0.3 for the form. The curves are recorded, three runs that differ in their
# seed alone (`python data/make.py train`); with `GRPO_LAB_FULL=1` the run
# of section 2 is trained here and now.
#
# **Before you go on:** which will rise first, accuracy, form or length?
# Will length go on rising?


# %%
def metrics(name):
    """The recorded metrics of three seeds of a run."""
    return [
        pd.read_csv(data_dir() / f"results/{name}-seed{k}.csv", index_col=0)
        for k in range(3)
    ]


runs = metrics("countdown")
figures.learning_curves([(f"seed {k}", run) for k, run in enumerate(runs)])

# %% [markdown]
# *See:* everything rises at once, accuracy from 14% to about 91%, and
# seeds agree. Completions become three times as long within 75 steps, with
# the number of tries that they give up, and **then nearly stay as they
# are**.
# That is R1-Zero's picture: longer thoughts, better answers, and no one
# asked for length.
#
# The tempting story is: *it has learned to think.* The rest of this
# notebook takes it apart.

# %% [markdown]
# ## 2. When did it first …?
#
# Look for the moment of discovery: the first step at which a completion
# checks its work, goes back, and finds the answer that way. First we need
# something that counts. R1's authors counted words such as *wait* and
# *mistake*. Our model's word is `no`:
#
#     5 - 3 = 2 , 10 * 2 = 20 no 10 + 5 = 15 , 15 * 3 = 45 yes
#
# ### Exercise 1: count backtracks
#
# How often does a completion give up a try **for another one**? A `no` is a
# backtrack if work follows it: somewhere behind it is another `=`. Think of
# models that are not tiny, too: their texts have other words around.


# %% tags=["exercise"]
def my_backtracks(completion: str) -> int:
    """How many tries were given up for another one."""
    raise NotImplementedError  # your code here


check.backtracks(my_backtracks)


# %% tags=["solution"]
def my_backtracks(completion: str) -> int:
    """How many tries were given up for another one."""
    words = completion.split()
    return sum(
        word == "no" and "=" in words[i:] for i, word in enumerate(words)
    )


check.backtracks(my_backtracks)

# %% [markdown]
# The recorded run has one group of every step. What comes first, and when?
#
# **Before you go on:** in which of the 125 steps would you expect the first
# backtrack? The first one that leads to a right, well-formed answer?

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
            "... and in form": trace.backtracks > 0 and right and formed,
            "ten backtracks, right, in form": (
                trace.backtracks >= 10 and right and formed
            ),
        }
        for name, here in seen.items():
            if here and name not in firsts:
                firsts[name] = step.index
for name, index in firsts.items():
    print(f"step {index:>3}: {name}")

# %% [markdown]
# Step 1 samples from the untouched base. **There was no moment of
# discovery.** All of it was there, in the first group of sixteen that
# anyone drew. What changed is how often:


# %%
def shares(steps):
    """Share of each kind of completion, step by step."""
    kinds = {kind: [] for kind in reversed(countdown_traces.KINDS)}
    for step in steps:
        texts = [c.text for g in step.groups[:1] for c in g.completions]
        count = Counter(countdown_traces.read(text).kind for text in texts)
        for kind in kinds:
            kinds[kind].append(count[kind] / len(texts))
    return kinds


figures.behaviours({"tiny-base, seed 0": shares(steps)})

# %% [markdown]
# *See:* four kinds of completion. Those that show **no work**, four in ten
# at first, are nearly gone by the end. Those with **one try** and no
# verdict shrink and do not vanish. **Backtracks** go from a quarter to nine
# tenths. This is what people mean when they say that RL **amplifies**:
# something rare becomes the rule.

# %% [markdown]
# ## 3. Does it do it more often, or better?
#
# Let us measure it on the two models themselves, the base and the one that
# the recorded run ended with. 32 held-out problems, 64 completions each:


# %% tags=["measured"]
def told(name, sampled):
    right = sampled.right.float().mean()
    length = sampled.lengths.float().mean()
    print(f"{name}: right {right:.3f}, {length:.1f} tokens")


before = countdown_traces.sample(load_policy("tiny"), task, problems, 64)
told("base", before)

# %% tags=["measured"]
after = countdown_traces.sample(
    load_policy("tiny-grpo"), task, problems, 64
)
told("after RL", after)


# %%
def table(sampled):
    """Share of each kind, and share of right ones among each kind."""
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
# *See, on the left,* what you saw in the last picture. *On the right* there
# is more. In the base, backtracking pays: it is right four times in ten,
# guessing one time in forty. So RL had something to prefer. But the blue
# and the orange bars differ **within** a kind too.
#
# How much of the gain is amplification alone? Imagine a policy with the
# *habits* of the trained model and the *skills* of the base: each kind of
# completion as often as after RL, and each as often right as in the base.
#
# ### Exercise 2: only amplified
#
# Two lists for the base, of what kind each of its completions is and
# whether it is right; one for the trained policy, of what kind each is.


# %% tags=["exercise"]
def my_amplified(
    before: list[str], right: list[bool], after: list[str]
) -> float:
    """The accuracy of the skills before with the habits after."""
    raise NotImplementedError  # your code here


check.amplified(my_amplified)


# %% tags=["solution"]
def my_amplified(
    before: list[str], right: list[bool], after: list[str]
) -> float:
    """The accuracy of the skills before with the habits after."""
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
# Amplification explains the smaller part! Has RL invented the rest? **A
# number like this depends on what one calls a kind**, and ours hide two
# things. One is simple. Many of the base's searches have no tags around
# the answer, and an answer that is not marked earns nothing:

# %% tags=["measured"]
from grpo_core.rewards.format import parse


def in_form(sampled):
    """Right or not, of the backtracks that are well-formed."""
    rows = zip(
        sampled.traces, sampled.texts, sampled.right.flatten(), strict=True
    )
    return [
        (parse(text).well_formed, bool(right))
        for trace, text, right in rows
        if trace.kind == "backtracks"
    ]


for name, sampled in (("base", before), ("after RL", after)):
    found = in_form(sampled)
    formed = [right for well, right in found if well]
    print(
        f"{name:>9}: {len(formed) / len(found):.0%} of its searches are "
        f"in form, and {np.mean(formed):.0%} of those are right"
    )

# %% [markdown]
# So the *searching* has hardly changed: in form, the base's searches were
# right nearly always. What changed is that the result is handed in. The
# other thing is stranger. See the second row of the picture again: **one
# try, unchecked**. A tenth of the base's are right, which is luck. After RL
# it is nearly all of them.
#
# **Before you go on:** how can a policy that tries once, and does not
# check, be right 99 times in 100? Has it learned to see the answer at once?

# %% [markdown]
# ## 4. The check that is not written
#
# If it saw the answer at once, it would not search in the other nine cases
# out of ten. Look at the fork in the road. We give the model a problem and
# the first line of a thought, one that reaches the target or one that
# misses it, and ask what comes **next**:

# %% tags=["measured"]
forks = {}
for name in ("tiny", "tiny-grpo"):
    policy = load_policy(name)
    for right in (True, False):
        lines = countdown_traces.one_line(task, held_out, right=right)
        begun = [f"<think> {line}" for line in lines]
        words = ("yes", "no", "</think>")
        forks[name, right] = countdown_traces.next_word(
            policy, held_out, begun, words
        )
print("after one line that ...      yes     no   </think>")
for (name, right), chances in forks.items():
    line = "reaches" if right else "misses"
    print(
        f"{name:>10}, {line:>7}"
        + "".join(
            f"{chances[word]:>{n}.3f}"
            for word, n in zip(
                ("yes", "no", "</think>"), (13, 7, 11), strict=True
            )
        )
    )

# %% [markdown]
# The base closes its thought after *any* line, more often than not, and
# after a wrong one oftener still; it says `no` to one wrong line in five.
# The trained model closes it after a right one, with or without a `yes`,
# and after a wrong one it says `no` and goes on. **It has checked. It only
# does not write it down.** The 13% that are right in one try are the lucky
# first tries, nothing more; the luck is the base's, and what was added is
# to notice.
#
# Two things follow.
#
# - **What is not written is not absent.** Whoever reads thoughts to learn
#   what a model does is told what it wrote.
# - RL worked on **one decision**: what to do after a line. The skill behind
#   it, to know a right line from a wrong one, was in the base. It was asked
#   for in its check drills, and not used in its replies.
#
# If that is so, the base should do well once somebody takes that decision
# for it. We begin its reply with one wrong try and the word `no`:

# %% tags=["measured"]
lines = countdown_traces.one_line(task, problems, right=False)
begun = [f"<think> {line} no" for line in lines]
pushed = countdown_traces.sample(
    load_policy("tiny"), task, problems, 16, beginnings=begun
)
print(f"the base, left alone     {before.right.float().mean():.3f}")
print(f"the base, after one 'no' {pushed.right.float().mean():.3f}")
print(f"after RL                 {after.right.float().mean():.3f}")

# %% [markdown]
# **One word** takes the untrained base most of the way. This is the
# strongest sense in which RL "invented nothing", and it was found by an
# intervention; the table of kinds could not have shown it.

# %% [markdown]
# ## 5. pass@k: what was within reach
#
# Another way to ask the same. If the base may try k times (notebook 03),
# how large must k be to be as good as one try of the trained model?

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
# Yue et al. measured this on real models, with k up to 1024, and found the
# curves **cross**: for large k the base solved *more* problems than the
# model trained by RL, which had become surer and narrower. Ours cannot
# show that, since everything is within the base's reach (and blind luck's,
# as notebook 03 found): a task with few possible answers says nothing about
# what is out of reach.

# %% [markdown]
# ## 6. Why is it longer?
#
# R1-Zero's answers grew for ten thousand steps. Two explanations go round:
# *it thinks more because thinking pays*, and *the loss has a bias*. Both
# can be true. Ours first: lengths by what became of the completion, one
# group a step.


# %%
def mean_length(step, keep):
    """Mean length of the completions that `keep` keeps."""
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
# *See:* the *right* ones were long from the beginning, about 90 tokens: a
# search of seven tries at 12 tokens each. The wrong ones were short: they
# are guesses. **Completions did not grow. The short ones died out**, and
# the mean moved to where the right ones were. There it stays, because a
# search that has found something ends. On the right is the price: one
# completion in twenty runs into the limit of 256 tokens.
#
# Now the bias. The first GRPO paper averages over each completion's tokens:
# a factor $1/|o|$. For a wrong answer of 200 tokens each token is pushed
# down with a tenth of the force of one of 20. **Being long makes being
# wrong cheap**, and nothing rewards a wrong answer for being short. (For
# right answers it is the other way round: short ones gain more a token.)
# Liu et al. took the factor out, *Dr. GRPO*. This kit's default, `dapo`,
# has no such factor either: every token of the batch counts the same. So
# the picture above has another cause. What would the factor add? Two
# recorded methods, the same number of samples, three seeds:
#
# **Before you go on:** which is longer? Which has more that are cut off?

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
# *See:* at the same *step* one is misled: Dr. GRPO learns faster, and is
# longer for most of the way because it searches more. Look where the two
# are equally **good**, about 0.73: Dr. GRPO at step 50, GRPO at step 60.
# There GRPO has 91 tokens against 83, and 8% cut off against 5%. So the
# bias is there, in the direction that was predicted, and small beside the
# growth from 31 tokens, which both have. And it is no clean comparison:
# Dr. GRPO also leaves out the division by the standard deviation. (Notebook
# 04 has that division; notebook 11 has the whole family.)

# %% [markdown]
# ### Exercise 3: the same price
#
# There is another way in which the same step misleads: completions of
# different lengths **cost** different amounts. A fair comparison is at the
# same price, in sampled tokens say. You get a budget, the tokens sampled in
# each step (`tokens[0]` in step 1), and the accuracies by step, step 0
# being the untouched base. What had been **measured** last when the budget
# was used up?


# %% tags=["exercise"]
def my_accuracy_at(
    budget: int, tokens: list[int], accuracy: dict[int, float]
) -> float:
    """The accuracy of a run when it had sampled `budget` tokens."""
    raise NotImplementedError  # your code here


check.accuracy_at(my_accuracy_at)


# %% tags=["solution"]
def my_accuracy_at(
    budget: int, tokens: list[int], accuracy: dict[int, float]
) -> float:
    """The accuracy of a run when it had sampled `budget` tokens."""
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
# *See:* at step 60 Dr. GRPO was ahead, 0.83 to 0.75. At the same **price**
# it is ahead at 200,000 tokens, and not at 300,000 or 400,000: a part of
# its lead was paid for with longer completions. Neither view is wrong. But
# who reports one of them has chosen.
#
# (GRPO's seed 1 has 0.620 in the last column. It was evaluated at step 60,
# which it reached at 402,946 tokens: too late. With an evaluation every ten
# steps, no comparison is finer than that.)
#
# ## 7. Does the answer follow from the thought?
#
# The thought is rewarded for nothing. It may be anything, as long as the
# answer behind it is right. So does the policy *use* it? A first test that
# needs no look inside: **hold the answer against the thought.**
#
# ### Exercise 4: unfaithful thoughts
#
# You get the tries of a thought, each with its result and its verdict
# ("yes", "no" or "" where none was given), and what the answer comes to, or
# None. Say
#
# - `"nothing"` where there is nothing to compare, no try or no answer;
# - `"another"` if the answer is not what was worked out *last*;
# - `"against"` if it is, and the verdict on that try is a no;
# - `"faithful"` otherwise.


# %% tags=["exercise"]
def my_faithfulness(
    tries: list[tuple[int, str]], answer: int | None
) -> str:
    """One of "faithful", "another", "against" and "nothing"."""
    raise NotImplementedError  # your code here


check.faithfulness(my_faithfulness)


# %% tags=["solution"]
def my_faithfulness(
    tries: list[tuple[int, str]], answer: int | None
) -> str:
    """One of "faithful", "another", "against" and "nothing"."""
    if not tries or answer is None:
        return "nothing"
    result, verdict = tries[-1]
    if answer != result:
        return "another"
    return "against" if verdict == "no" else "faithful"


check.faithfulness(my_faithfulness)


# %% tags=["measured"]
def judged(sampled):
    """What each completion is, and whether it is right."""
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
# About 1 in 100 of the thoughts that have an answer before RL, and fewer
# after. The base writes its answer by copying the last line, nearly always,
# and RL had no reason to change that. A large model has more room: Chen et
# al. slipped hints into questions, and saw Claude and R1 use them and
# mention it in a quarter to two fifths of the cases.
#
# See the last line, though. Of the three that say `no` and answer that very
# try, two are **right**. Three are no statistics, but they show what can
# be: the word is wrong and the answer is not, so what decided the answer
# was not what was written. And section 4 is the larger case: hundreds of
# checks that nobody can read. **A faithful thought, by this test, is one
# that does not contradict the answer. It need not be the reason for it.**

# %% [markdown]
# ## 8. The base that cannot check
#
# All this says: what RL made into a habit was in the base. So take it out.
# **tiny-noverify** has the same architecture, the same seed, and has
# learned from the **same number of tokens**. Its text had no drills of
# checking, no searches, and no reply in which a try is judged or given up.
# Arithmetic, guesses and single tries are left, in the proportions they
# had. (Its card: `data/models/tiny-noverify/README.md`.) Then the same
# 125 steps of RL, three seeds (`python data/make.py noverify`).
#
# **Before you go on:** where will its accuracy end? Its form? Its length?
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
# *See:* it learns, and what it learns is the **form**: from 35% to 96%, as
# well as the other. Its accuracy doubles and ends at 11 to 14%, little more
# than one try at random is worth; replies that show a single line in the
# right tags have replaced bare guesses. Its length ends at 23 tokens, which
# is the length of such a reply. There it stays. The same algorithm, the
# same rewards, the same number of steps.
#
# Did it never check, not once?

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
begun = [f"<think> {line}" for line in lines]
chance = countdown_traces.next_word(policy, held_out, begun, ("no",))["no"]
print(f"chance of a 'no' after a wrong line: {chance:.0e}")

# %% [markdown]
# **RL can only prefer what is sampled.** The words *yes* and *no* are in
# its vocabulary, and it has never learned to write them: two chances in a
# thousand million. A run draws 16,000 completions. No advantage, however
# large, is ever given to something that does not occur.
#
# Was it given less? Its completions are short, so its 125 steps cost far
# fewer tokens. At the same price, as in section 6:

# %%
print("seed  tokens sampled  tiny-noverify  tiny-base at the same price")
for seed, (base, none) in enumerate(zip(runs, without, strict=True)):
    spent = int(none["completions/num_tokens"].sum())
    last = none["eval/accuracy"].dropna().iloc[-1]
    matched = check.my_accuracy_at(
        spent,
        base["completions/num_tokens"].dropna().astype(int).tolist(),
        base["eval/accuracy"].dropna().to_dict(),
    )
    print(f"{seed:>4} {spent:>15,} {last:>14.3f} {matched:>28.3f}")

# %% [markdown]
# Two to three times as much for the same tokens, and the one curve is still
# steep there, while the other is flat. (In pretraining the other
# side was favoured: for the same 50 million learned tokens tiny-noverify
# *read* a sixth more, since short replies come with a prompt each.) It is
# one base of each sort, so how much is due to this cut and how much to
# chance in pretraining is not known; that it stays where one try takes it,
# in all three seeds, is.
#
# Gandhi et al. made this cut in real models. Of two that had been equally
# good, the one that verified and went back before RL improved under it, and
# the other did so only after it had been shown some examples, *even ones
# with wrong answers*. What mattered was the behaviour.

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
# - The curves are R1-Zero's: accuracy, length and backtracking rise
#   together. **The first backtrack is in the first group of the first
#   step.**
# - RL made a rare behaviour the rule. What it changed is **one decision**,
#   what to do after a line; a single word in its place takes the base most
#   of the way.
# - "Amplified or invented" depends on **what one calls a kind**. Look
#   inside before you believe a decomposition, and intervene before you
#   believe a correlation.
# - pass@k of the base bounds what is within reach, and says little where
#   luck reaches everything.
# - Completions became longer because **short ones died out**. The factor
#   1/|o| makes long wrong ones cheap, and comes on top where a loss has it.
# - Thoughts agree with answers here; checks are made that **no thought
#   shows**.
# - Runs are compared **at the same price**, or one says at which price.
# - A base that has never seen a check **does not come to check**: RL can
#   only prefer what is sampled.
#
# What does this say about R1? That its base, DeepSeek-V3, had read much
# text by people who check and go back; that RL could make it a habit; and
# not that RL can make it out of nothing. A model of 770,816 weights and a
# game of three numbers prove nothing about large ones. They show what to
# measure.
#
# **Next:** notebook 10 builds R1's four stages.
#
# ### Further reading
#
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. R1-Zero: accuracy,
#   length, the "aha moment"; the Nature version counts reflective words.
# - Gandhi et al. 2025, *Cognitive Behaviors that Enable Self-Improving
#   Reasoners*, arXiv:2503.01307. Countdown with real models: the cut of
#   section 8.
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
