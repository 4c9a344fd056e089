# %% [markdown]
# # 04 · Advantages
#
# One line of arithmetic connects the reward and the gradient: the
# advantage. It determines which completions count as good, how much a hard
# problem weighs compared with an easy one, and which groups carry no
# signal. Many of the papers that followed GRPO change this line. Here you
# take it apart.
#
# **After this notebook you will be able to**
# - predict how advantages change when a reward changes,
# - write four ways to compare completions, and choose among them,
# - derive exactly how dividing by the standard deviation weights hard and
#   easy prompts, and
# - give every step of a solution its own advantage, and say how a policy
#   can exploit that.
#
# **Time:** about 50 minutes, three exercises.
# **You need:** notebooks 00 and 01. No GPU, no network.

# %%
import math

import torch

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.analysis import figures
from grpo_core.course import lesson04 as check
from grpo_core.course.recordings import replay
from grpo_core.course.widgets.sliders import show_with_sliders

figures.use_style()
METHODS = {
    "GRPO": "group",
    "Dr. GRPO": "none",
    "RLOO": "loo",
}

# %% [markdown]
# ## 1. Change a reward
#
# Here is a group of six. In a live notebook there are sliders: move one,
# and all six advantages change, including those of completions whose reward
# you did not change. (In a saved notebook you see the initial picture.)
#
# **Before you go on,** three guesses to test:
#
# 1. The best reward goes from 1 to 3. Does its GRPO advantage triple?
# 2. All six rewards go up by 1. What changes?
# 3. All rewards are 0 except one, which is 0.01. How large is its
#    advantage?


# %%
def draw(**rewards: float):
    group = torch.tensor([list(rewards.values())])
    advantages = {
        name: group_advantages(group, scale)[0]
        for name, scale in METHODS.items()
    }
    return figures.compared_advantages(group[0], advantages)


start = [1.0, 0.3, 0.0, 0.0, 1.0, 0.3]
show_with_sliders(
    draw,
    **{f"reward_{i + 1}": (r, 0.0, 3.0, 0.01) for i, r in enumerate(start)},
)

# %% [markdown]
# *See:* the bars of each method sum to 0. GRPO's are the longest: it
# divides by the standard deviation, which is below 1 here. RLOO's are Dr.
# GRPO's times 6/5.
#
# <details><summary>Answers to the three guesses</summary>
#
# 1. No. The standard deviation grows along with it. In a group of G no
#    advantage can exceed $(G-1)/\sqrt G$, which is 2.04 for six, however
#    large the reward.
# 2. Nothing, in any of the three: they depend on differences only.
# 3. In GRPO it is as large as possible, 2.04 (slightly less, because of the
#    epsilon of 0.0001 added to the standard deviation). In the other two
#    methods it is about 0.01.
#
# </details>
#
# The same as numbers:

# %%
groups = {
    "as above": start,
    "best raised to 3": [3.0, 0.3, 0.0, 0.0, 1.0, 0.3],
    "all plus 1": [r + 1 for r in start],
    "a single 1": [1.0, 0, 0, 0, 0, 0],
    "a single 0.01": [0.01, 0, 0, 0, 0, 0],
}
print(f"{'':>18}   {'GRPO':>6}   {'Dr. GRPO':>8}   of completion 1")
for name, rewards in groups.items():
    a = [
        group_advantages(torch.tensor([rewards]), scale)[0, 0].item()
        for scale in ("group", "none")
    ]
    print(f"{name:>18}   {a[0]:>6.2f}   {a[1]:>8.3f}")

# %% [markdown]
# Look at the last line. A bonus for effort, say 0.01 for a long attempt,
# hardly matters beside right answers. **In a group in which all answers are
# wrong, the bonus is the only difference, and GRPO makes its advantage as
# large as that of a single right answer.**

# %% [markdown]
# ## 2. Four ways to compare
#
# All of them subtract a mean of the group. They differ in what they divide
# by, and in which mean:
#
# | TRL's `scale_rewards` | advantage | method |
# |---|---|---|
# | `"group"` | (r − mean) / (std of the group + 0.0001) | GRPO |
# | `"batch"` | (r − mean) / (std of all rewards + 0.0001) | Lite PPO |
# | `"none"` | r − mean | Dr. GRPO |
# | (the kit's `"loo"`) | r − mean of the others | RLOO |
#
# ### Which standard deviation?
#
# The papers do not say whether to divide by G or by G − 1. Libraries choose
# for you: torch uses G − 1 (`ddof` 1), numpy uses G (`ddof` 0). TRL uses
# torch, and this kit follows TRL.
#
# **Before you go on:** the rewards are 1, 1, 0, 0. One way gives advantages
# of ±1, the other ±0.87. Which is which? Does it matter for training?

# %%
import numpy as np

r = [1.0, 1.0, 0.0, 0.0]
print("numpy:", ((np.array(r) - 0.5) / np.std(r)).round(2))
print("torch:", ((torch.tensor(r) - 0.5) / torch.std(torch.tensor(r))))
for size in (2, 4, 8, 16, 64):
    print(f"G = {size:>2}: {math.sqrt(size / (size - 1)):.3f} times")

# %% [markdown]
# For a given G it is the same factor for all advantages, like a slightly
# different learning rate; at G = 16 it is 3%. It matters when you compare
# two libraries and wonder why the numbers differ, and at G = 2, where it is
# 41%.

# %% [markdown]
# ### Exercise 1: four ways
#
# Write one function that handles four values of `scale`. One more
# requirement: **if all rewards of a group are equal, its advantages are
# exactly 0.** Sixteen rewards of 0.7 are equal, but in float32 their mean
# is 0.69999994, so the difference is not 0:

# %% tags=["measured"]
tied = torch.full((1, 16), 0.7)
left_over = (tied - tied.mean())[0, 0].item()
print(f"0.7 - mean = {left_over:.1e}")
for eps in (1e-4, 1e-8, 0.0):
    print(f"eps {eps:g}: {left_over / (tied.std().item() + eps):.4f}")

# %% [markdown]
# With a small enough epsilon, this rounding error becomes an advantage as
# large as that of a right answer. So detect the tie itself, before any
# arithmetic.


# %% tags=["exercise"]
def my_advantages(rewards: torch.Tensor, scale: str) -> torch.Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    raise NotImplementedError  # your code here


check.compare(my_advantages)


# %% tags=["solution"]
def my_advantages(rewards: torch.Tensor, scale: str) -> torch.Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    advantages = rewards - rewards.mean(dim=1, keepdim=True)
    if scale == "group":
        std = rewards.std(dim=1, keepdim=True)
        advantages = advantages / (std + 1e-4)
    elif scale == "batch":
        advantages = advantages / (rewards.std() + 1e-4)
    elif scale == "loo":
        size = rewards.shape[1]
        advantages = advantages * size / (size - 1)
    best = rewards.amax(dim=1, keepdim=True)
    worst = rewards.amin(dim=1, keepdim=True)
    return advantages.masked_fill(best == worst, 0.0)


check.compare(my_advantages)

# %% [markdown]
# ## 3. A batch of groups
#
# Here are five groups of eight, with zero, one, four, seven and eight right
# answers.
#
# **Before you go on:** in which group does a right answer get the highest
# advantage? In which does a wrong answer get the lowest? What does each
# method do with the first and the last group?

# %%
right = [0, 1, 4, 7, 8]
batch = torch.tensor([[1.0] * k + [0.0] * (8 - k) for k in right])
methods = {"GRPO": "group", "batch std": "batch"}
methods |= {"Dr. GRPO": "none", "RLOO": "loo"}
figures.groups_under_methods(
    [f"{k} of 8 right" for k in right],
    {name: group_advantages(batch, how) for name, how in methods.items()},
)

# %% [markdown]
# *See:* the first and the last row are a single dot at 0 in every method.
# They are **zero-variance groups**: sixteen of forty completions that were
# sampled and rewarded but carry no signal. Dividing by the standard
# deviation of the batch does not change that. Only other prompts do (DAPO
# samples more prompts until the batch is full), or another reward.
#
# A rare success stands out: one right answer of eight is far to the right,
# one wrong answer of eight far to the left. Compare GRPO with Dr. GRPO: the
# pattern is the same but stretched, and the rows with 1 and 7 right answers
# are stretched *more* than the row with 4. The next section explains why.
#
# Zero-variance groups are common. In the recorded run:

# %%
run = replay.recorded("countdown-seed0")
zero_variance = run.frame()["frac_reward_zero_std"]
for first in (1, 26, 51, 76, 101):
    share = zero_variance.loc[first : first + 24].mean()
    print(f"steps {first:>3} to {first + 24:>3}: {share:.0%} zero variance")

# %% [markdown]
# As the policy improves, more and more problems are solved by all sixteen
# completions. At the end more than a third of the samples carry no signal.

# %% [markdown]
# ## 4. Does dividing favour hard problems?
#
# Dr. GRPO omits the division, and calls its effect a **difficulty bias**.
# Let us see what that is, exactly. Take one prompt, rewards 0 and 1, and a
# policy that is right with probability p. Learning should raise p, so we
# ask: **by what factor is the gradient of p multiplied?**
#
# The group has G completions, a fraction f of them right. Every right one
# has the advantage $(1 - f)/s$, every wrong one $-f/s$, where s is the
# divisor. Notebook 01 gave two facts: the mean of the score function
# $\nabla \log \pi$ is 0, and its mean over right answers alone is $\nabla p
# / p$. With them, the average of advantage × score function becomes
#
# $$w(p)\,\nabla p, \qquad w(p) = \frac{1}{p\,(1-p)}\;
#   \mathrm E\!\left[ \frac{f\,(1 - f)}{s} \right]$$
#
# The expectation E is over the number of right completions among the G,
# which is binomial: the probability of $k$ right ones is $\binom{G}{k}\,
# p^k (1-p)^{G-k}$. Groups without a right or without a wrong completion
# have $f(1-f) = 0$ and add nothing.
#
# **Before you go on:** without the division, s = 1. Which p gets the most
# weight?
#
# <details><summary>Answer</summary>
#
# All weigh the same: $\mathrm E[f(1-f)] = p(1-p)(G-1)/G$, so w is (G − 1)/G
# everywhere, the factor from notebook 01. The gradient of p has the same
# weight at every prompt.
#
# </details>

# %% [markdown]
# ### Exercise 2: the weight of a prompt
#
# Compute w(p) by summing over all k. With `divide`, s is the standard
# deviation of a group with a fraction f of ones, $s = \sqrt{\tfrac{G}{G-1}
# f (1 - f)}$ (that is ddof 1); otherwise s is 1. Leave out k = 0 and k = G:
# they add nothing, and their s is 0.
#
# <details><summary>Hint: the binomial coefficient</summary>
#
# $\binom{G}{k}$ is `math.comb(size, k)`.
#
# </details>


# %% tags=["exercise"]
def my_weight(p: float, size: int, divide: bool) -> float:
    """Return the average factor that multiplies the gradient of p."""
    raise NotImplementedError  # your code here


check.difficulty(my_weight)


# %% tags=["solution"]
def my_weight(p: float, size: int, divide: bool) -> float:
    """Return the average factor that multiplies the gradient of p."""
    total = 0.0
    for right in range(1, size):  # with 0 or all right, a group adds 0
        probability = p**right * (1 - p) ** (size - right)
        probability *= math.comb(size, right)
        variance = right / size * (1 - right / size)
        std = math.sqrt(variance * size / (size - 1))
        total += probability * variance / (std if divide else 1.0)
    return total / (p * (1 - p))


check.difficulty(my_weight)

# %%
from grpo_core.course.lesson04 import my_weight as weight

ps = [i / 400 for i in range(1, 400)]
curves = {"not divided, G = 16": [weight(p, 16, False) for p in ps]}
for size in (2, 8, 16, 64):
    curves[f"divided, G = {size}"] = [weight(p, size, True) for p in ps]
figures.prompt_weights(ps, curves)

# %% [markdown]
# *See, on the left:* without the division all prompts have the same weight.
# With it, hard and easy prompts weigh more, about $1/\sqrt{p(1-p)}$, up to
# a limit set by G: if hardly any group contains a right answer, hardly any
# contributes. At G = 2 there is no bias at all: the two rewards are equal
# or they differ, and if they differ, their standard deviation is always the
# same.
#
# *On the right* is what that maximises. A policy that follows w(p)∇p
# maximises the function of p whose slope is w. Without the division that is
# p itself, the expected accuracy. With it (and a large G) it is
# $\arcsin\sqrt p$, which is steep at both ends: going from 0 to 10% counts
# more than going from 45% to 55%, and so does going from 90% to 100%.
#
# Is that bad? The authors of Dr. GRPO want to maximise what is evaluated in
# the end, accuracy. But one may well want hard problems to count for more.
# **Dividing by the standard deviation changes the objective.** Know which
# objective you have.

# %% [markdown]
# ## 5. An advantage for every step
#
# So far all tokens of a completion share one advantage, and a correct line
# of work in a wrong answer is penalised with the rest. DeepSeekMath tried
# **process supervision**: every *step* of a solution has its own reward.
#
# - Pool the step rewards of all G completions.
# - Normalise each one: subtract the pool's mean, divide by its standard
#   deviation.
# - The advantage of a token is the **sum over all steps that end at it or
#   after it**, because a token can affect only what comes later.
#
# Below are three completions. A true line of work earns 1, a false one 0.
# The last token ends one more step, the answer: 1 if right, 0 if wrong.
# (`equations_true` is the kit's step reward. It finds the lines in a text
# and returns the character offset at which each one ends.)

# %%
from grpo_core.rewards.steps import equations_true

texts = [
    "<think> 10 + 5 = 15 , 15 * 3 = 45 yes </think> "
    "<answer> ( 10 + 5 ) * 3 </answer>",
    "<think> 10 + 5 = 15 , 15 - 3 = 13 no </think> "
    "<answer> 10 + 5 - 3 </answer>",
    "<answer> 10 * 3 + 5 </answer>",
]
tokens = [text.split() for text in texts]


def steps_of(texts, text_ends, outcomes):
    """Return step rewards (G, T), and True where a step ends (G, T).

    text_ends[i][t]: the number of characters up to and including token t.
    """
    shape = len(texts), max(map(len, text_ends))
    rewards, ends = torch.zeros(shape), torch.zeros(shape).bool()
    for i, steps in enumerate(equations_true([], texts)):
        for offset, reward in steps:
            reached = [end >= offset for end in text_ends[i]]
            t = reached.index(True)
            rewards[i, t], ends[i, t] = reward, True
        last = len(text_ends[i]) - 1
        rewards[i, last] += outcomes[i]
        ends[i, last] = True
    return rewards, ends


def ends_of(tokens):
    """Return the number of characters up to and including each token."""
    return [len(" ".join(tokens[: t + 1])) for t in range(len(tokens))]


step_rewards, step_ends = steps_of(
    texts, [ends_of(row) for row in tokens], [1.0, 0.0, 0.0]
)
for i in range(3):
    print(f"completion {i + 1}:", step_rewards[i, step_ends[i]].tolist())

# %% [markdown]
# **Before you go on:** in completion 2 the first line is true, the second
# is false, and the answer is wrong. Which of its tokens should get the
# lowest advantage: those up to the end of the first line, those of the
# second line, or those of the answer?

# %% [markdown]
# ### Exercise 3: process supervision


# %% tags=["exercise"]
def my_process(
    step_rewards: torch.Tensor, step_ends: torch.Tensor
) -> torch.Tensor:
    """Return token advantages (G, T); step_ends marks ends of steps."""
    raise NotImplementedError  # your code here


check.process(my_process)


# %% tags=["solution"]
def my_process(
    step_rewards: torch.Tensor, step_ends: torch.Tensor
) -> torch.Tensor:
    """Return token advantages (G, T); step_ends marks ends of steps."""
    pool = step_rewards[step_ends]
    scaled = torch.zeros_like(step_rewards)
    scaled[step_ends] = (pool - pool.mean()) / (pool.std() + 1e-4)
    return scaled.flip(1).cumsum(1).flip(1)


check.process(my_process)

# %%
from grpo_core.algorithm.advantages import process_advantages

outcome = group_advantages(torch.tensor([[1.0, 0.0, 0.0]]))[0].tolist()
by_step = process_advantages(step_rewards[None], step_ends[None])[0]
rows = [
    (f"{i + 1}: outcome", tokens[i], [outcome[i]] * len(tokens[i]))
    for i in range(3)
] + [
    (f"{i + 1}: process", tokens[i], by_step[i, : len(tokens[i])].tolist())
    for i in range(3)
]
figures.token_values(rows, "advantage")

# %% [markdown]
# *See:* in the upper rows, one colour per completion. In the lower rows,
# completion 2 has three colours. Up to the end of its first line, one
# successful and two failed steps are still to come; in the second line, the
# two failed ones; in the answer, one. So the second line gets the lowest
# advantage, and that is where the completion went wrong. This is the
# intended effect.

# %% [markdown]
# ### How a policy exploits it
#
# Now a real group, from step 29 of the recorded run: sixteen completions,
# the kit's step reward (`equations_true`), and the same rule.
#
# **Before you go on:** the tiny model hardly ever makes an arithmetic
# mistake. One completion of this group writes 42 true lines and is
# truncated before it answers. Its reward is 0. Is its advantage positive or
# negative?

# %%
group = run.group(step=29, group_index=0)
texts = [c.text for c in group.completions]
step_rewards, step_ends = steps_of(
    texts,
    [ends_of(c.tokens) for c in group.completions],
    group.rewards,
)
by_step = process_advantages(step_rewards[None], step_ends[None])[0]
figures.outcome_and_process(
    [sum(reward for _, reward in s) for s in equations_true([], texts)],
    [c.rewards["accuracy_reward"] == 1 for c in group.completions],
    group.advantages,
    by_step[:, 0],
)

# %% [markdown]
# *See:* on the left, right completions are above 0 and wrong ones below,
# however long they are. On the right, **every true line adds to the
# advantage**: the completion that never answers has a larger advantage than
# a right one that needed ten lines. Each true line is slightly above the
# mean of the pool, and over 42 lines that adds up.
#
# The rule does what it says, but not what was intended. A better reward for
# steps would ask whether a line *leads* anywhere. It has to be learned, and
# what is learned can be fooled. The authors of DeepSeek-R1 tried process
# rewards and gave them up, for these two reasons and one more: it is hard
# to define what a step is.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(pay="", numpy="", hard="", batch="", lines="")

# %% tags=["solution"]
check.quiz(pay="a", numpy="b", hard="b", batch="b", lines="c")

# %% [markdown]
# ## Summary
#
# - An advantage is a **difference from the group**. A bonus for all changes
#   nothing. A tie carries no signal, and must be detected before the
#   arithmetic.
# - **Dividing by the standard deviation** removes the scale of the rewards:
#   no advantage exceeds $(G-1)/\sqrt G$, and a 0.01 in a group of zeros
#   counts as much as a right answer.
# - It also makes hard and easy prompts count for more: for large G the
#   objective is $\arcsin\sqrt p$ instead of p.
# - **Leave-one-out** is G/(G − 1) times the difference from the mean;
#   **ddof** is another constant factor. Both act like a change of the
#   learning rate.
# - **Process supervision** says *where* a completion went wrong, but it
#   also rewards length.
#
# **Next:** notebook 05 is about what keeps a policy from taking too large a
# step.
#
# ### Further reading
#
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.1.2,
#   outcome supervision; 4.1.3, process supervision.
# - Liu et al. 2025, *Understanding R1-Zero-Like Training: A Critical
#   Perspective*, arXiv:2503.20783. Dr. GRPO; section 3.1 on the difficulty
#   bias.
# - Davis and Recht 2025, *What is the objective of reasoning with
#   reinforcement learning?*, arXiv:2510.13651. The arcsine, and the
#   objectives of other methods.
# - Ahmadian et al. 2024, *Back to Basics*, arXiv:2402.14740. RLOO.
# - Liu et al. 2025, *Tricks or Traps? A Deep Dive into RL for LLM
#   Reasoning*, arXiv:2508.08221. Lite PPO: the standard deviation of the
#   batch instead of the group's.
# - Yu et al. 2025, *DAPO*, arXiv:2503.14476. Section 3.2: resampling in
#   place of zero-variance groups.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. Section 4.2 of the
#   first version, unsuccessful attempts: process reward models.
