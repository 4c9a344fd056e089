# %% [markdown]
# # 12 · Reward hacking
#
# *"When a measure becomes a target, it ceases to be a good measure."* This
# is Goodhart's law, in Marilyn Strathern's words. A reward is a measure,
# and training makes it a target: the policy is optimised for nothing else,
# in thousands of attempts a minute. Here you write a judge that is fairly
# good, train a policy on it, and watch the judge become worthless.
#
# **After this notebook you will be able to**
# - distinguish the proxy from the truth, and measure how far they agree,
# - say why a judge that passed its tests can still fail,
# - read what a policy exploits in a reward, and patch the reward against
#   attacks that you do not know, and
# - say what DeepSeek did about it in the last stage of R1.
#
# **Time:** about 50 minutes, three exercises.
# **You need:** notebooks 02 and 03. No GPU, no network.

# %%
import numpy as np
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.course import lesson12 as check
from grpo_core.course.recordings import replay
from grpo_core.models.policy import load_policy
from grpo_core.rewards.flawed import confident_reward
from grpo_core.rewards.format import parse
from grpo_core.tasks import get_task
from grpo_core.training.sampling import sample_groups

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

# %% [markdown]
# ## 1. A judge
#
# For Countdown there is a verifier. Suppose there were none, as there is
# none for a letter or a piece of advice. So we ask people which replies
# they like, and they prefer replies that are **sure of themselves** and
# **short**. (Both are well-known biases of human raters, and of the reward
# models that learn from them.) The raters do not check the arithmetic.
#
# ### Exercise 1: the judge
#
# A reply is worth 0 unless it has an answer and its thought ends with the
# word `yes`. Otherwise it is worth 1 minus 0.01 for each word of the reply,
# tags included, but never less than 0. `parse(completion)` has the fields
# `.think` and `.answer`, each None if missing.


# %% tags=["exercise"]
def my_judge(completion: str) -> float:
    """Return the judge's reward for a reply, 0 to 1."""
    raise NotImplementedError  # your code here


check.judge(my_judge)


# %% tags=["solution"]
def my_judge(completion: str) -> float:
    """Return the judge's reward for a reply, 0 to 1."""
    parsed = parse(completion)
    words = (parsed.think or "").split()
    if parsed.answer is None or words[-1:] != ["yes"]:
        return 0.0
    return max(0.0, 1 - len(completion.split()) / 100)


check.judge(my_judge)

# %% [markdown]
# ## 2. Is the judge any good?
#
# One tests a reward before training on it. Here are 48 problems, and 16
# replies of the untrained tiny model to each. The verifier knows which are
# right; the judge does not.
#
# **Before you go on:** one reply in nine is right. What share is right
# among the replies that the judge likes (worth more than 0)?

# %% tags=["measured"]
policy, task = load_policy("tiny"), get_task("countdown")
problems = list(task.problems("train"))[:48]
samples = sample_groups(
    policy,
    [problem.prompt for problem in problems],
    16,
    max_completion_length=256,
    temperature=1.0,
    generator=torch.Generator().manual_seed(1),
)
texts = [policy.decode(samples.completion(i)) for i in range(48 * 16)]
answers = [parse(text).answer for text in texts]
right = [
    float(answer is not None and task.verify(answer, **problem.columns))
    for answer, problem in zip(
        answers, [p for p in problems for _ in range(16)], strict=True
    )
]
truth = torch.tensor(right).view(48, 16)
proxy = torch.tensor(confident_reward([], texts)).view(48, 16)

liked = proxy > 0
print(f"right, of all replies:            {truth.mean():.0%}")
print(f"liked by the judge:               {liked.float().mean():.0%}")
print(f"right, of those it likes:         {truth[liked].mean():.0%}")
print(f"right, of those it does not like: {truth[~liked].mean():.0%}")

# %% [markdown]
# **On these replies it is a good judge.** It does not check the arithmetic,
# yet most of the replies that it likes are right, compared with one in nine
# overall. The tiny model has learned to say `yes` when it has reached the
# target, and the judge relies on that. It would pass any test on replies
# like these.
#
# Let us use it gently first: sample n replies and submit the one that it
# likes best.

# %% [markdown]
# ### Exercise 2: best of n
#
# From the first n completions of each group, select the one with the
# highest proxy. Return the mean truth of the selected ones. (If several
# have the same proxy, take the first.)


# %% tags=["exercise"]
def my_best_of(
    proxy: torch.Tensor, truth: torch.Tensor, n: int
) -> torch.Tensor:
    """Return the mean truth of the best of n; inputs are (N, G)."""
    raise NotImplementedError  # your code here


check.best_of(my_best_of)


# %% tags=["solution"]
def my_best_of(
    proxy: torch.Tensor, truth: torch.Tensor, n: int
) -> torch.Tensor:
    """Return the mean truth of the best of n; inputs are (N, G)."""
    best = proxy[:, :n].argmax(dim=1)
    rows = torch.arange(len(proxy))
    return truth[rows, best].mean()


check.best_of(my_best_of)

# %%
sizes = [1, 2, 4, 8, 16]


def chosen_by(measure: torch.Tensor):
    """Return, for the best of n, that measure and the truth."""
    return [
        [float(check.my_best_of(measure, values, n)) for n in sizes]
        for values in (measure, truth)
    ]


figures.best_of(
    sizes,
    {"the judge": chosen_by(proxy), "the verifier": chosen_by(truth)},
    "48 problems, the untrained model",
)

# %% [markdown]
# *See:* the more replies the judge may choose from, the more of its choices
# are right. That is optimisation too, but a gentle form: it *selects* among
# what the model writes anyway. (Gao et al., below, choose the best of far
# more, with a learned reward model: there the truth rises and then falls.)
#
# ## 3. Train on it
#
# Now the same judge is the only reward of GRPO: 60 steps of 4 prompts × 16
# replies, three seeds, recorded (`GRPO_LAB_FULL=1` trains them; `python
# data/make.py lessons` made them). The verifier has a weight of 0: its
# reward is measured, but it does not affect training.
#
# **Before you go on:** draw both curves from step 0 to 60, the judge's
# reward and the share of right answers.

# %%
curves = {}
for seed in range(3):
    metrics = [
        (step.index, step.metrics)
        for step in replay.steps(f"countdown-confident-seed{seed}")
        if step.index > 0
    ]
    curves[f"seed {seed}"] = (
        [index for index, _ in metrics],
        [m["rewards/confident_reward/mean"] for _, m in metrics],
        [m["rewards/accuracy_reward/mean"] for _, m in metrics],
    )
figures.goodhart(curves, "the judge", "right answers")

# %% [markdown]
# *See, on the left:* the same three times. For twenty or thirty steps both
# curves rise: what the judge likes is right, so the probability of right
# answers increases. Then they separate. The judge's reward keeps rising,
# faster than before; the share of right answers falls back to where it
# began, and below. *On the right* is the same as a path: up, a turn, and
# down.
#
# The solid curve alone looks like a training run that goes very well.

# %%
for seed in range(3):
    run = replay.recorded(f"countdown-confident-seed{seed}")
    held_out = run.frame()["eval/accuracy"].dropna()
    each = "  ".join(f"{step}: {a:.3f}" for step, a in held_out.items())
    print(f"seed {seed}, right on held-out problems at step  {each}")

# %% [markdown]
# ## 4. What did the policy exploit?
#
# A curve shows that something is wrong. To see what, one has to read
# completions. Here are the first group of step 24 and that of step 60 (seed
# 0):

# %%
run = replay.recorded("countdown-confident-seed0")


def board(step: int):
    group = run.group(step, 0)
    parts = {
        "judge": [c.rewards["confident_reward"] for c in group.completions],
        "right": [c.rewards["accuracy_reward"] for c in group.completions],
    }
    return figures.reward_grid(
        [c.text for c in group.completions],
        parts,
        group.rewards,
        group.advantages,
        title=f"step {step}: {group.prompt}",
    )


board(24)

# %%
board(60)

# %% [markdown]
# *See:* at step 24 some replies search, find a solution, and say `yes`. The
# judge likes those, and most of what it likes at that time is right: two of
# four in this group, six of nine in the whole batch. At step 60 no reply
# searches: a line or two, `yes`, and an answer. The judge does not check
# whether that is the target, nor whether the lines are true (8 * 7 = 7).
# All replies but one are sure of themselves and short, and that is exactly
# what the judge rewards. Nothing here is broken: **the policy does what the
# reward says.** A search takes words, and words cost reward.
#
# How much is the judge's verdict still worth? The figure shows, step by
# step, the share that is right among the replies that it likes.

# %%
steps, worth = [], []
for index in range(4, 61, 4):
    completions = [c for g in run.step(index).groups for c in g.completions]
    liked = [c for c in completions if c.rewards["confident_reward"] > 0]
    if liked:
        steps.append(index)
        worth.append(np.mean([c.rewards["accuracy_reward"] for c in liked]))
figures.goodhart_share(steps, worth, "right, of what the judge likes")

# %% [markdown]
# *See:* the judge is the same throughout and did not get worse. The policy
# stopped writing the replies on which the judge was good.
#
# ## 5. Which holes are found?
#
# A reward may have many holes. Here are some others. The cell counts how
# many of the untrained model's replies from above fall into them:
#
# - a verifier that compares the **value only**, so that an answer may leave
#   out numbers, use others, or just name the target;
# - a parser that accepts **any of several answers**;
# - a format reward that **counts tags**, however often they occur;
# - a judge that accepts a **yes** after false work.
#
# **Before you go on:** which of the four will a short training find?

# %% tags=["measured"]
from grpo_core.tasks.expression import ExpressionError, evaluate


def value(answer):
    try:
        return evaluate(answer or "")
    except ExpressionError:
        return None


targets = [p.columns["target"] for p in problems for _ in range(16)]
rows = list(zip(texts, answers, right, targets, strict=True))
holes = {
    "value only": [value(a) == t and not r for _, a, r, t in rows],
    "any answer": [text.count("<answer>") > 1 for text, *_ in rows],
    "tags counted": [
        max(map(text.count, ("<think>", "</think>", "</answer>"))) > 1
        for text, *_ in rows
    ],
    "unearned yes": [
        confident_reward([], [text])[0] > 0 and not r
        for text, _, r, _ in rows
    ],
}
for name, fell in holes.items():
    print(f"{name:>14}: {sum(fell):>3} of {len(fell)} replies")

# %% [markdown]
# GRPO increases the probability of what was sampled and rewarded. The last
# hole is the one that we saw the policy find, and one reply in hundreds was
# enough. The two in the middle are about as rare; we have not trained on
# them. The first is different: no sample falls into it, so none is rewarded
# for it, and the *value only* verifier would train this model as well as
# the right one. That is luck, not safety. A larger model falls into more
# holes, and a longer run gives it more attempts.
#
# ## 6. A patch
#
# The judge accepted every *yes*. Let us make it check the work, without
# knowing how to solve the problem: **the last attempt must be true
# arithmetic, and end at the target.**
#
# ### Exercise 3: against unknown attacks
#
# A thought is a sequence of attempts, each ended by `no`, the last one by
# `yes`. An attempt is a sequence of lines with ` , ` between them, each of
# the form `15 * 3 = 45`, all words separated by blanks:
#
#     10 - 3 = 7 , 7 * 5 = 35 no 10 + 5 = 15 , 15 * 3 = 45 yes
#
# Return True if every line of the last attempt is true, the result of its
# last line is the target, and it ends with `yes`. Return False for
# everything else, whatever a model may write. (Attempts in this task use
# the signs +, - and *.) The check runs your function on twenty-one
# thoughts.


# %% tags=["exercise"]
def my_check(thought: str, target: int) -> bool:
    """Return whether the last attempt is true and hits the target."""
    raise NotImplementedError  # your code here


check.patch(my_check)


# %% tags=["solution"]
import re


def my_check(thought: str, target: int) -> bool:
    """Return whether the last attempt is true and hits the target."""
    *work, verdict = thought.split() or [""]
    if "no" in work:
        work = work[len(work) - work[::-1].index("no") :]
    result = None
    for line in " ".join(work).split(" , "):
        match = re.fullmatch(r"(\d+) ([-+*]) (\d+) = (\d+)", line)
        if match is None:
            return False
        left, sign, right = int(match[1]), match[2], int(match[3])
        result = int(match[4])
        true = {"+": left + right, "-": left - right, "*": left * right}
        if result != true[sign]:
            return False
    return verdict == "yes" and result == target


check.patch(my_check)

# %% [markdown]
# What would the patched judge have rewarded at step 60, from the policy
# that fooled the old one?

# %%
last = [c for g in run.step(60).groups for c in g.completions]
prompts = [
    g.columns["target"] for g in run.step(60).groups for _ in range(16)
]
old = [c.rewards["confident_reward"] > 0 for c in last]
new = [
    was and check.my_check(parse(c.text).think or "", target)
    for was, c, target in zip(old, last, prompts, strict=True)
]
paid = [c for c, pays in zip(last, new, strict=True) if pays]
right_and_paid = sum(c.rewards["accuracy_reward"] == 1 for c in paid)
print(f"step 60, {len(last)} replies: the judge rewards {sum(old)}")
print(f"patched, it rewards {len(paid)}, and {right_and_paid} are right")

# %% [markdown]
# That hole is closed, nearly: the one reply that is still rewarded is wrong
# too. **Is the judge safe now?** Try it:

# %%
print(check.my_check("45 * 1 = 45 yes", 45))
print(check.my_check("44 + 1 = 45 yes", 45))

# %% [markdown]
# True arithmetic that reaches the target, and useless: the judge does not
# check whether those numbers were given. And the answer tags may contain
# something else altogether. One can patch that too, and the next hole, but
# each patch closes only a hole that was *found*. With every patch the judge
# becomes more like a verifier of the answer, and that would have been the
# right start: **check what you want, not what usually comes with it.**
#
# ## 7. The last stage of R1
#
# DeepSeek trained R1-Zero with rules alone, and says why: they saw neural
# reward models hacked in RL at large scale (section 2.2 of the paper, as
# below). But a rule cannot say whether a letter is helpful. So for general
# requests, the last stage of R1 used reward models learned from
# preferences, beside the rules for reasoning. The stage has 1,700 steps;
# the preference rewards were used "exclusively in **the final 400 steps**",
# for more of them "may lead to reward hacking" (section 3.2.2).
#
# Their supplement shows it (B.5, figure 6): under the helpfulness reward
# the reward rises, while the results on Codeforces problems fall. These are
# the same two curves as in section 3. The authors do not say in detail what
# the policy exploited.
#
# ## 8. What helps
#
# - **Verify outcomes** if possible, with a whitelist of what is allowed
#   (notebook 02).
# - **Keep a measure that nothing is trained on**, and look at it: held-out
#   accuracy, human raters, another judge. The reward itself cannot tell
#   you.
# - **Read completions**, a few at a time, throughout training. The
#   dashboard's board shows them.
# - **Limit how far the policy moves**: a KL penalty keeps it where the
#   judge was tested (notebook 06), and so does a **small number of steps**.
# - **Attack your reward** before the policy does. The policy may produce
#   anything that the reward accepts.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(good="", found="", curve="", kl="", stage="")

# %% tags=["solution"]
check.quiz(good="b", found="b", curve="c", kl="a", stage="b")

# %% [markdown]
# ## Summary
#
# - The **proxy** is what is rewarded, the **truth** what is intended. They
#   agree on the replies on which the proxy was tested.
# - Choosing the best of a few by a good proxy **helps**. Training on it
#   leads to replies that no test covered, and there the agreement **ends**.
# - The **reward rises either way**. Only another measure, and reading
#   completions, show the difference.
# - GRPO finds the holes that **samples fall into**.
# - A patch closes the hole that was found. Verify what you want.
#
# **Next:** notebook 13 moves on to larger models.
#
# ### Further reading
#
# - Gao, Schulman and Hilton 2022, *Scaling Laws for Reward Model
#   Overoptimization*, arXiv:2210.10760. Best of n and RL; proxy and gold
#   rewards.
# - Skalse et al. 2022, *Defining and Characterizing Reward Hacking*,
#   arXiv:2209.13085. A proxy that cannot be hacked hardly ever exists.
# - Krakovna et al. 2020, *Specification gaming: the flip side of AI
#   ingenuity*, DeepMind blog, and the list of examples that it links to.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948, version 2. Section
#   2.2: why rules. Section 3.2.2: the last stage. Supplementary B.5: reward
#   hacking. (In Nature 645, 633–638, the last two are in Methods and in
#   section 2.5 of the Supplementary Information.)
# - Khalifa et al. 2026, *Countdown-Code*, arXiv:2603.07084. Countdown with
#   a test harness that a model can tamper with, and what that teaches.
# - Strathern 1997, *'Improving Ratings': Audit in the British University
#   System*, European Review 5. The sentence at the top.
