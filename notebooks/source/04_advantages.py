# %% [markdown]
# # 04 · Advantages
#
# Between the reward and the gradient stands one line of arithmetic: the
# advantage. It decides which completions count as good, how much a hard
# problem weighs against an easy one, and which groups say nothing at all.
# Half of the papers that followed GRPO change this line. Here you take it
# apart.
#
# **After this notebook you will be able to**
# - say what happens to advantages when you touch a reward, before you do,
# - write four ways to compare completions, and choose among them,
# - work out what dividing by the standard deviation does to hard and easy
#   prompts, exactly, and
# - give every step of a solution an advantage of its own, and say what a
#   policy will make of that.
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
# ## 1. Touch a reward
#
# A group of six. In a live notebook there are sliders: move them, and watch
# all six advantages move, also those of the completions that you did not
# touch. (In a saved notebook you see the picture they start from.)
#
# **Before you go on,** three guesses to test:
#
# 1. The best reward goes from 1 to 3. Does its GRPO advantage triple?
# 2. All six go up by 1. What changes?
# 3. All are 0 but one, which is 0.01. How large is that one's advantage?


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
# *See:* each column of bars sums to 0. GRPO's are the longest: it divides
# by the spread, which here is below 1. RLOO's are Dr. GRPO's times 6/5.
#
# <details><summary>Answers to the three guesses</summary>
#
# 1. No. The spread grows along with it. In a group of G no advantage can be
#    above $(G-1)/\sqrt G$, which is 2.04 for six, however large the reward.
# 2. Nothing, in any of the three: they look at differences.
# 3. In GRPO as large as can be, 2.04 (a little less, for the 0.0001 beside
#    the standard deviation). In the other two it is 0.01.
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
print(f"{'':>18}   {'GRPO':>6}   {'Dr. GRPO':>8}   of the first")
for name, rewards in groups.items():
    a = [
        group_advantages(torch.tensor([rewards]), scale)[0, 0].item()
        for scale in ("group", "none")
    ]
    print(f"{name:>18}   {a[0]:>6.2f}   {a[1]:>8.3f}")

# %% [markdown]
# The last line is the one to remember. A point for effort, 0.01 for a long
# attempt say, is harmless beside right answers. **In a group that is all
# wrong it is all there is, and GRPO makes it as large as a right answer.**

# %% [markdown]
# ## 2. Four ways to compare
#
# All of them subtract the mean of the group. They differ in what they
# divide by:
#
# | TRL's `scale_rewards` | advantage | whose |
# |---|---|---|
# | `"group"` | (r − mean) / (std of the group + 0.0001) | GRPO |
# | `"batch"` | (r − mean) / (std of all rewards + 0.0001) | Lite PPO |
# | `"none"` | r − mean | Dr. GRPO |
# | (the kit's `"loo"`) | r − mean of the others | RLOO |
#
# ### Which standard deviation?
#
# The papers do not say whether to divide by G or by G − 1. Libraries
# choose for you: torch takes G − 1 (`ddof` 1), numpy takes G (`ddof` 0).
# TRL uses torch, and this kit does as TRL.
#
# **Before you go on:** rewards 1, 1, 0, 0. One way gives advantages of ±1,
# the other ±0.87. Which is which? Does it matter for training?

# %%
import numpy as np

r = [1.0, 1.0, 0.0, 0.0]
print("numpy:", ((np.array(r) - 0.5) / np.std(r)).round(2))
print("torch:", ((torch.tensor(r) - 0.5) / torch.std(torch.tensor(r))))
for size in (2, 4, 8, 16, 64):
    print(f"G = {size:>2}: {math.sqrt(size / (size - 1)):.3f} times")

# %% [markdown]
# For a given G it is one factor for all, as if the learning rate were
# larger, and at G = 16 it is 3%. It matters when you compare two libraries
# and wonder why the numbers differ, and at G = 2, where it is 41%.

# %% [markdown]
# ### Exercise 1: four ways
#
# One function, four values of `scale`. And one thing more: **a group that
# ties gets exactly 0.** Sixteen rewards of 0.7 tie, but in float32 their
# mean is 0.69999994, and something is left over:

# %% tags=["measured"]
tied = torch.full((1, 16), 0.7)
left_over = (tied - tied.mean())[0, 0].item()
print(f"0.7 - mean = {left_over:.1e}")
for eps in (1e-4, 1e-8, 0.0):
    print(f"eps {eps:g}: {left_over / (tied.std().item() + eps):.4f}")

# %% [markdown]
# With a small enough eps, rounding becomes an advantage as large as a right
# answer's. So look for the tie itself, before any arithmetic.


# %% tags=["exercise"]
def my_advantages(rewards: torch.Tensor, scale: str) -> torch.Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    raise NotImplementedError  # your code here


check.compare(my_advantages)


# %% tags=["solution"]
def my_advantages(rewards: torch.Tensor, scale: str) -> torch.Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    advantages = rewards - rewards.mean(dim=1, keepdim=True)
    if scale == "group":
        spread = rewards.std(dim=1, keepdim=True)
        advantages = advantages / (spread + 1e-4)
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
# Five groups of eight: one in which nobody is right, one with a single
# right answer, one with four, one with seven, one with eight.
#
# **Before you go on:** in which group does a right answer get the highest
# advantage? In which does a wrong answer get the lowest? What does each
# method make of the first and the last group?

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
# *See:* the first and the last line are one dot at 0 in every method. They
# are **dead groups**: sixteen of forty completions that were sampled,
# scored, and teach nothing. Dividing by the batch's spread does not wake
# them. Only other prompts do (DAPO draws again until it has enough), or
# another reward.
#
# A rare success stands out: one right answer of eight is far to the right,
# one wrong answer of eight far to the left. Compare GRPO with Dr. GRPO, and
# the same pattern is there, stretched: the lines of 1 and of 7 are
# stretched *more* than the line of 4. That is the next section.
#
# Dead groups are no rarity. In the recorded run:

# %%
run = replay.recorded("countdown-seed0")
dead = run.frame()["frac_reward_zero_std"]
for first in (1, 26, 51, 76, 101):
    share = dead.loc[first : first + 24].mean()
    print(f"steps {first:>3} to {first + 24:>3}: {share:.0%} dead")

# %% [markdown]
# As the policy gets better, more and more problems are solved by all
# sixteen. At the end a good third of the work is done for nothing.

# %% [markdown]
# ## 4. Does it care more about hard problems?
#
# Dr. GRPO leaves the division out, and calls it a **difficulty bias**. Let
# us see what that is, exactly. Take one prompt, rewards 0 and 1, and a
# policy that is right with probability p. Learning should raise p, so we
# ask: **the gradient of p, times what?**
#
# The group has G completions, a share f of them right. Every right one has
# the advantage $(1 - f)/s$, every wrong one $-f/s$, where s is what we
# divide by. Two facts from notebook 01 (the score averages to 0, and its
# mean over right answers alone is $\nabla p / p$) turn the average of
# advantage × score into
#
# $$w(p)\,\nabla p, \qquad w(p) = \frac{1}{p\,(1-p)}\;
#   \mathrm E\!\left[ \frac{f\,(1 - f)}{s} \right]$$
#
# The mean E is over how many of the G are right, which is binomial:
# $k$ right ones have the chance
# $\binom{G}{k}\, p^k (1-p)^{G-k}$. Groups without right or without wrong
# ones have $f(1-f) = 0$ and add nothing.
#
# **Before you go on:** without dividing, s = 1. Which p gets the most
# weight?
#
# <details><summary>Answer</summary>
#
# All the same: $\mathrm E[f(1-f)] = p(1-p)(G-1)/G$, so w is (G − 1)/G
# everywhere, notebook 01's factor. Every bit of p is worth the same,
# whatever the prompt.
#
# </details>

# %% [markdown]
# ### Exercise 2: the weight of a prompt
#
# Compute w(p) by going through all k. With `divide`, s is the standard
# deviation of a group with a share f of ones,
# $s = \sqrt{\tfrac{G}{G-1} f (1 - f)}$ (that is ddof 1); without, s is 1.
# Leave out k = 0 and k = G: they add nothing, and their s is 0.
#
# <details><summary>Hint: the number of ways</summary>
#
# $\binom{G}{k}$ is `math.comb(size, k)`.
#
# </details>


# %% tags=["exercise"]
def my_weight(p: float, size: int, divide: bool) -> float:
    """What the gradient of p is multiplied by, on average over groups."""
    raise NotImplementedError  # your code here


check.difficulty(my_weight)


# %% tags=["solution"]
def my_weight(p: float, size: int, divide: bool) -> float:
    """What the gradient of p is multiplied by, on average over groups."""
    total = 0.0
    for right in range(1, size):  # 0 and all right are ties: they add 0
        chance = p**right * (1 - p) ** (size - right)
        chance *= math.comb(size, right)
        spread = right / size * (1 - right / size)
        std = math.sqrt(spread * size / (size - 1))
        total += chance * spread / (std if divide else 1.0)
    return total / (p * (1 - p))


check.difficulty(my_weight)

# %%
from grpo_core.course.lesson04 import my_weight as weight

chances = [i / 400 for i in range(1, 400)]
curves = {"not divided, G = 16": [weight(p, 16, False) for p in chances]}
for size in (2, 8, 16, 64):
    curves[f"divided, G = {size}"] = [
        weight(p, size, True) for p in chances
    ]
figures.prompt_weights(chances, curves)

# %% [markdown]
# *See, on the left:* without the division all prompts weigh the same. With
# it, hard and easy ones weigh more, about $1/\sqrt{p(1-p)}$, up to a limit
# that G sets: where hardly any group has a right answer, hardly any speaks.
# At G = 2 there is no bias at all: a pair differs or it does not, and its
# spread is always the same.
#
# *On the right*, the same said differently. A policy that follows
# w(p)∇p makes large whatever has the slope w. Without the division that is
# p itself: the expected accuracy. With it (and a large G) it is
# $\arcsin\sqrt p$, which rises steeply at both ends: going from 0 to 10% is
# worth more than going from 45% to 55%, and so is going from 90% to 100%.
#
# Is that bad? Dr. GRPO's authors want the thing that is measured in the
# end, accuracy, to be what is made large. But one may well want hard
# problems to count for more. **A division that looked like housekeeping has
# chosen an objective; know which one you have.**

# %% [markdown]
# ## 5. Every step for itself
#
# So far all tokens of a completion share one advantage, and a good line of
# work in a wrong answer is punished with the rest. DeepSeekMath tried
# **process supervision**: every *step* has a reward of its own.
#
# - Pool the step rewards of all G completions.
# - Normalise each: minus the pool's mean, over its standard deviation.
# - The advantage of a token is the **sum over all steps that end with it
#   or after it**: what is already written cannot be changed by what comes.
#
# Three completions; a line of work that is true earns 1, one that is false
# 0. The last token ends a step too, the answer: 1 if right, 0 if wrong.
# (`equations_true` is the kit's step reward. It finds the lines in a text,
# and says behind which character each one ends.)

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
    """Step rewards (G, T), and True where a step ends (G, T).

    text_ends[i][t]: how many characters there are up to token t.
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
    """How many characters of the text there are up to each token."""
    return [len(" ".join(tokens[: t + 1])) for t in range(len(tokens))]


step_rewards, step_ends = steps_of(
    texts, [ends_of(row) for row in tokens], [1.0, 0.0, 0.0]
)
for i in range(3):
    print(f"completion {i + 1}:", step_rewards[i, step_ends[i]].tolist())

# %% [markdown]
# **Before you go on:** in completion 2 the first line is true, the second
# is false, and the answer is wrong. Which of its tokens should be pushed
# down hardest: those before the first line ends, those of the second line,
# or those of the answer?

# %% [markdown]
# ### Exercise 3: process supervision


# %% tags=["exercise"]
def my_process(
    step_rewards: torch.Tensor, step_ends: torch.Tensor
) -> torch.Tensor:
    """Rewards (G, T), read where step_ends (G, T) is True -> (G, T)."""
    raise NotImplementedError  # your code here


check.process(my_process)


# %% tags=["solution"]
def my_process(
    step_rewards: torch.Tensor, step_ends: torch.Tensor
) -> torch.Tensor:
    """Rewards (G, T), read where step_ends (G, T) is True -> (G, T)."""
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
# *See:* above, one colour a completion. Below, completion 2 has three: up
# to the end of its first line, one true and two failed steps are still to
# come; in the second line, the two failed ones; in the answer, one. So the
# second line is pushed down hardest, and that is where it went wrong. This
# is what one hopes for.

# %% [markdown]
# ### What a policy makes of it
#
# Now a real group, step 29 of the recorded run: sixteen completions, the
# kit's step reward (`equations_true`), and the same rule.
#
# **Before you go on:** the tiny model hardly ever makes an arithmetic
# mistake. One completion of this group writes 42 true lines and runs out of
# room before it answers. Its reward is 0. Will it be pushed up or down?

# %%
group = run.group(step=29, group_index=0)
texts = [c.text for c in group.completions]
step_rewards, step_ends = steps_of(
    texts,
    [ends_of(c.tokens) for c in group.completions],
    group.rewards,
)
by_step = process_advantages(step_rewards[None], step_ends[None])[0]
figures.paid_by_the_line(
    [sum(reward for _, reward in s) for s in equations_true([], texts)],
    [c.rewards["accuracy_reward"] == 1 for c in group.completions],
    group.advantages,
    by_step[:, 0],
)

# %% [markdown]
# *See:* on the left, right is up and wrong is down, however long. On the
# right, **more lines, more advantage**: the completion that never answers
# is pushed up further than a right one that needed ten lines. Each true
# line is a little above the mean of the pool, and 42 times a little is a
# lot.
#
# The rule does what it says, and what it says is not what was meant. A
# better judge of steps, one that asks whether a line *leads* anywhere,
# has to be learned, and then it can be fooled. DeepSeek-R1's authors tried
# process rewards and gave them up, for these two reasons and one more: it
# is hard to say what a step is.

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
# - An advantage is a **difference to the group**. A bonus for all changes
#   nothing; a tie teaches nothing, and is to be found before the
#   arithmetic.
# - **Dividing by the standard deviation** takes the unit away: no advantage
#   is above $(G-1)/\sqrt G$, and 0.01 in a group of zeros is as large as a
#   right answer.
# - It also makes hard and easy prompts count for more: what is made large
#   is $\arcsin\sqrt p$ and no longer p.
# - **Leave-one-out** is G/(G − 1) times the difference to the mean;
#   **ddof** is another constant. Both are learning rates in disguise.
# - **Process supervision** says *where* a completion went wrong, and pays
#   by the line.
#
# **Next:** notebook 05, what keeps a policy from taking too large a step.
#
# ### Further reading
#
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.1.2,
#   outcome supervision; 4.1.3, process supervision.
# - Liu et al. 2025, *Understanding R1-Zero-Like Training: A Critical
#   Perspective*, arXiv:2503.20783. Dr. GRPO; section 3.1 on the difficulty
#   bias.
# - Davis and Recht 2025, *What is the objective of reasoning with
#   reinforcement learning?*, arXiv:2510.13651. The arcsine, and what other
#   methods make large.
# - Ahmadian et al. 2024, *Back to Basics*, arXiv:2402.14740. RLOO.
# - Liu et al. 2025, *Tricks or Traps? A Deep Dive into RL for LLM
#   Reasoning*, arXiv:2508.08221. Lite PPO: the batch's spread instead of
#   the group's.
# - Yu et al. 2025, *DAPO*, arXiv:2503.14476. Section 3.2: drawing again
#   for dead groups.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. Section 4.2 of the
#   first version, unsuccessful attempts: process reward models.
