# %% [markdown]
# # 08 · GRPO against PPO
#
# PPO came before GRPO. It has a second network, the **critic**, that
# predicts before every token how much reward is still to come. A token
# after which things turn out better than predicted was a good token. GRPO
# has no critic and uses the rewards of the group instead. What was lost by
# that, what was saved, and was it worth it? Here you build the critic's
# half of PPO, predict its memory cost to the byte, measure it, and look at
# what it gains.
#
# **After this notebook you will be able to**
# - compute an advantage by GAE by hand, and say what λ trades off,
# - write the critic's loss, and name the classic mistakes in it,
# - predict how many bytes a method holds, before you have run it, and
# - say where PPO and GRPO are the same algorithm, and where they differ.
#
# **Time:** about 60 minutes, four exercises.
# **You need:** notebooks 01 and 05. No GPU, no network.

# %%
import json

import numpy as np
import pandas as pd
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.core.paths import data_dir
from grpo_core.course import lesson08 as check
from grpo_core.course.recordings import replay
from grpo_core.course.toys import coin_mdp
from grpo_core.course.widgets.sliders import show_with_sliders

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

# %% [markdown]
# ## 1. A reward for every token
#
# A verifier gives a completion **one** number, when it is finished. PPO was
# designed for tasks in which rewards come at every step, so it asks what
# reward each *token* earned. Here all of them earn nothing, except the last
# token, which earns the completion's reward. And each token pays a small
# penalty for its distance from the reference, β times its KL (notebook 06):
#
# $$r_t = -\beta\, \mathrm{kl}_t + [t \text{ is the last}]\ r$$
#
# ### Exercise 1: where the reward goes
#
# You get a batch of completions, one per row, padded on the right to the
# same length. `mask` is True on their tokens.


# %% tags=["exercise"]
def my_token_rewards(
    rewards: torch.Tensor,
    kl: torch.Tensor,
    mask: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Return every token's reward (B, T) from the completions' (B,)."""
    raise NotImplementedError  # your code here


check.token_rewards(my_token_rewards)


# %% tags=["solution"]
def my_token_rewards(
    rewards: torch.Tensor,
    kl: torch.Tensor,
    mask: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Return every token's reward (B, T) from the completions' (B,)."""
    token_rewards = -beta * kl * mask
    last = mask.sum(dim=1) - 1
    rows = torch.arange(len(rewards))
    token_rewards[rows, last] += rewards
    return token_rewards


check.token_rewards(my_token_rewards)

# %% [markdown]
# ## 2. Temporal-difference errors
#
# So a completion of 90 tokens has one reward, at the end. Which of the 90
# tokens earned it? Before each token the critic predicts $V_t$, the reward
# that is still to come. After the token there is a new prediction,
# $V_{t+1}$. The change is the **temporal-difference (TD) error**:
#
# $$\delta_t = r_t + V_{t+1} - V_t$$
#
# After the last token no more reward can come, so there $V = 0$.
#
# Take a completion of seven tokens. The task: make 45 from 3, 5 and 10. It
# begins well, makes a mistake, starts again, and finds the solution. It is
# right, and its reward is 1. Suppose the critic predicts the following
# before each token:

# %%
tokens = ["(10+5)", "*", "2", "no", "(10+5)*3", "yes", "<eos>"]
values = torch.tensor([[0.3, 0.6, 0.7, 0.2, 0.3, 0.9, 0.95]])
rewards = torch.tensor([[0.0, 0, 0, 0, 0, 0, 1]])
mask = torch.ones(1, 7).bool()

# %% [markdown]
# **Before you go on:** which token has the lowest TD error, and which the
# highest? Compute both. (Each value is the prediction *before* the token at
# the same position.)
#
# <details><summary>Answer</summary>
#
# The lowest belongs to `2`: the prediction falls from 0.7 to 0.2, so it is
# −0.5. The highest belongs to `(10+5)*3`: the prediction rises from 0.3 to
# 0.9, so it is +0.6. The last token earns 1 where 0.95 was predicted:
# +0.05. Nearly all of the reward was predicted before it came.
#
# </details>
#
# ### Adding up TD errors
#
# Is a token's TD error its advantage? If the critic is right, yes. But the
# critic is a network that is still learning. At the other extreme one does
# not rely on its later predictions at all: the advantage of a token is *all
# reward that came after it*, minus what was predicted before it. Between
# the two lies **generalized advantage estimation** (GAE): later TD errors
# count too, multiplied by λ once for every token in between.
#
# $$A_t = \delta_t + \lambda \delta_{t+1} + \lambda^2 \delta_{t+2} + \dots
#       = \delta_t + \lambda A_{t+1}$$
#
# (There is a second factor, γ, which discounts late rewards. For language
# models it is usually 1: a right answer is not worth less because it comes
# late.)
#
# ### Exercise 2: GAE
#
# The formula on the right becomes a loop. Completions of different lengths
# are in one batch: the values after the end of a row may be anything.


# %% tags=["exercise"]
def my_gae(
    rewards: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    lam: float,
) -> torch.Tensor:
    """Return advantages (B, T) by GAE with gamma 1; inputs are (B, T)."""
    raise NotImplementedError  # your code here


check.gae(my_gae)


# %% tags=["solution"]
def my_gae(
    rewards: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    lam: float,
) -> torch.Tensor:
    """Return advantages (B, T) by GAE with gamma 1; inputs are (B, T)."""
    advantages = torch.zeros_like(values)
    later_advantage = later_value = torch.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + later_value - values[:, t]
        later_advantage = (delta + lam * later_advantage) * mask[:, t]
        later_value = values[:, t] * mask[:, t]
        advantages[:, t] = later_advantage
    return advantages


check.gae(my_gae)

# %% [markdown]
# The figure shows the completion from above, at λ = 0, at λ = 1 and in
# between. Move λ, and the reward: what if the answer had been wrong?
#
# **Before you go on:** at λ = 1, what is the advantage of `2`, the mistake,
# in a completion that ends up right?

# %%
from grpo_core.algorithm.critic import gae


def draw(lam: float, reward: float):
    r = torch.tensor([[0.0, 0, 0, 0, 0, 0, reward]])
    rows = {
        f"λ = {x:g}": gae(r, values, mask, lam=x)[0][0].numpy()
        for x in dict.fromkeys([0.0, lam, 1.0])
    }
    return figures.critic_advantages(tokens, values[0], r[0], rows)


show_with_sliders(
    draw, lam=(0.5, 0.0, 1.0, 0.05), reward=(1.0, 0.0, 1.0, 1.0)
)

# %% [markdown]
# *See:* at λ = 0 the mistake gets a negative advantage, and the token that
# found the solution a positive one: each token is judged on its own. At
# λ = 1 *every* token has a positive advantage, even `2`: the completion
# ended up right, and earned more than was predicted before each token. At
# λ = 1 the critic only provides the baseline that is *subtracted*.
#
# That makes λ = 0 look better. With this critic it is, but its values are
# made up.

# %% [markdown]
# ## 3. What λ trades off
#
# To see whether an estimate is right one must know the truth, so here is an
# example in which it is known. A completion is 31 coin tosses, heads or
# tails, and is right if more than half are heads. (A perfect critic exists:
# the probability of a right completion can be computed at every point by
# counting.) The first coin matters: heads raises that probability, by an
# amount that is known exactly. How well does the policy gradient for the
# first coin estimate it, under three critics: a perfect one, one whose
# predictions move in the right direction but only half as far as they
# should, and one that has learned nothing and predicts 0?
#
# **Before you go on:** with the critic that has learned nothing, the only
# nonzero TD error is at the end, 30 coins later. What share of it reaches
# the first coin at λ = 0.95: about 95%, 50%, 20% or 1%?

# %%
completions, rewards31, true_values = coin_mdp.toss(40_000, 31)
lams = [0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1]
found = {}
for name, critic in coin_mdp.CRITICS.items():
    pushes = [
        coin_mdp.push(completions, rewards31, critic(true_values), lam)
        for lam in lams
    ]
    mean, std, exact = np.array(pushes).T
    found[name] = (mean, std)

figures.mean_and_noise(lams, found, exact[0])

# %% [markdown]
# *See, on the left:* the mean of the estimate, relative to the exact
# gradient. With the perfect critic it is right at every λ. With the
# half-learned critic it is right only at λ = 1; below that, the critic's
# error enters the estimate as **bias**. With the critic that has learned
# nothing, only λ matters, and 0.95 lets a fifth of the gradient through.
#
# *On the right:* the price of λ = 1 is **variance**. There the estimate
# contains the luck of all the coins that are still to come.
#
# So a small λ suits a good critic, and λ = 1 a bad one. At the start of
# training *every* critic is bad. And the problem grows with length:

# %%
figures.td_error_decay([0.9, 0.95, 0.99, 0.999, 1.0], 500)

# %% [markdown]
# *See:* 0.95 sounds close to 1. But after 100 tokens it lets only 0.6%
# through, and after 500 practically nothing. In games with frequent rewards
# it is a good value. A chain of thought has thousands of tokens and one
# reward at its end: unless the critic predicts the outcome early, the first
# thoughts get no signal. DeepSeek compared the two methods on MATH, with a
# model of 16 billion weights. With λ = 0.95 PPO "performs considerably
# worse than GRPO"; with λ = 1 it does much better, "nearing that of GRPO"
# (R1, version 2, supplementary A.3 and figure 4).

# %% [markdown]
# ## 4. Where PPO and GRPO are the same
#
# At λ = 1 all the values in between cancel, and the advantage of every
# token is the reward that really came minus $V_t$. Now let the critic
# predict the same number at every token: the mean reward of the group.

# %%
from grpo_core.algorithm.advantages import group_advantages

rewards = torch.tensor([1.3, 0.3, 0.0, 1.3, 1.0, 0.0])
group = torch.zeros(6, 8)
group[:, -1] = rewards
everywhere = torch.ones(6, 8).bool()
others = (rewards.sum() - rewards) / (len(rewards) - 1)
for name, critic, scale in (
    ("the group's mean", rewards.mean().expand(6), "none"),
    ("the mean of the others", others, "loo"),
):
    values_of_group = critic.unsqueeze(1).expand(6, 8).contiguous()
    by_gae, _ = gae(group, values_of_group, everywhere, lam=1.0)
    by_group = group_advantages(rewards[None], scale)[0]
    print(f"{name:>24}: {by_gae[:, 0].numpy().round(2)}")
    print(f"{scale + ', at every token':>24}: {by_group.numpy().round(2)}")
    assert torch.allclose(by_gae, by_group[:, None].expand(6, 8))

# %% [markdown]
# The first pair is Dr. GRPO, which is GRPO without the division by the
# standard deviation. The second pair is RLOO. **At λ = 1 and without a KL,
# with a critic that predicts the group's mean reward at every token, the
# advantages of GAE are those of Dr. GRPO.** Such a critic needs no training
# and always matches the current policy, but it cannot tell the tokens of a
# completion apart.

# %% [markdown]
# ## 5. Training the critic
#
# What should the critic have predicted? The reward that really came, called
# the **return**. It equals the advantage plus the value from which it was
# computed (at λ = 1 it is simply the sum of the rewards that followed). So
# the critic's loss is a squared error, with a clip of its own:
#
# $$\tfrac12 \max\big((V - R)^2,\ (V_{clip} - R)^2\big)$$
#
# where $V_{clip}$ is the new value, kept within ±`clip` (usually 0.2) of
# the value at the time of sampling.
#
# ### Exercise 3: the critic's loss
#
# Return the mean over all tokens. `old_values` are the values from which
# `advantages` were computed. Only `values` gets a gradient.


# %% tags=["exercise"]
def my_critic_loss(
    values: torch.Tensor,
    old_values: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip: float,
) -> torch.Tensor:
    """Return the loss; values, advantages and mask are each (B, T)."""
    raise NotImplementedError  # your code here


check.critic_loss(my_critic_loss)


# %% tags=["solution"]
def my_critic_loss(
    values: torch.Tensor,
    old_values: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip: float,
) -> torch.Tensor:
    """Return the loss; values, advantages and mask are each (B, T)."""
    returns = advantages + old_values
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    errors = torch.maximum(
        (values - returns) ** 2, (clipped - returns) ** 2
    )
    return 0.5 * (errors * mask).sum() / mask.sum()


check.critic_loss(my_critic_loss)

# %% [markdown]
# ### Has it learned?
#
# Here is a recorded run: PPO on Countdown, λ = 1, a separate critic, 60
# steps of 128 completions. (`GRPO_LAB_FULL=1` trains it here.) At six of
# the steps, all 128 completions are recorded with the critic's prediction
# before each token. How well did it predict the reward? The measure is the
# fraction of the rewards' variance that the predictions explain: 1 is a
# perfect prediction, 0 is no better than a constant.
#
# We measure it at three places: before the first token, when the critic has
# read only the problem; halfway; and before the last token, when the answer
# has been written.
#
# **Before you go on:** how much can any critic know before the first token?
# And before the last one?

# %%
kept = {}
for step in replay.steps("countdown-ppo-seed0"):
    if step.index % 10 == 0 and step.groups:
        kept[step.index] = [c for g in step.groups for c in g.completions]


def explained(completions, place: float) -> float:
    """Return the explained variance; place 0 is the first token."""
    r = np.array([c.reward for c in completions])
    v = np.array([c.values[int(place * (len(c) - 1))] for c in completions])
    return 1 - np.mean((r - v) ** 2) / np.var(r)


places = {"before the first token": 0, "halfway": 0.5, "at the end": 1}
figures.explained_variance(
    list(kept),
    {
        name: [explained(c, at) for c in kept.values()]
        for name, at in places.items()
    },
)

# %% [markdown]
# *See:* by step 60 the critic explains about half of the variance **once
# the answer has been written**, and much less before that. Before the first
# token it is *worse* than a constant and does not improve: the policy gets
# better, and the critic predicts what was true some steps ago. It predicts
# 0.65 there on average, and the actual mean is 1.0.
#
# What does it react to in between? Here are two completions of the last
# step, one right and one wrong. The labels mark the tokens at which the
# prediction changed most.

# %%
last = kept[60]
long_ones = [c for c in last if 40 <= len(c) <= 130 and not c.truncated]
right = next(c for c in long_ones if c.rewards["accuracy_reward"] == 1)
wrong = next(c for c in long_ones if c.rewards["accuracy_reward"] == 0)
figures.values_along(
    [
        (f"reward {c.reward:.1f} (dashed)", c.tokens, c.values, c.reward)
        for c in (right, wrong)
    ]
)

# %% [markdown]
# *See:* the critic reacts to the opening `<think>`, which makes the 0.3 for
# the format likely. After that it predicts about 1.1 everywhere, for the
# right completion and the wrong one alike, even after the wrong answer has
# been written out. To predict better it would have to do the arithmetic.
# (These two completions are the first of their kind, not the worst. Wrong
# completions that never open a tag often get a lower prediction.)
#
# So for most tokens this critic is little more than a running mean, and at
# λ = 1 its advantages are little more than $r$ minus that mean. A group of
# sixteen knows the mean of *this* problem, under *this* policy. Kazemnejad
# et al. (below) examined critics of large models, and found them hardly
# better than chance at telling which of several next steps is a good one.

# %% [markdown]
# ## 6. What it costs: predict the bytes
#
# Throughout training, a method holds:
#
# - the policy's **weights**, which are trained;
# - for every trained weight: its **gradient**, and AdamW's two moving
#   averages (of the gradient and of its square);
# - a **reference**, if there is a KL: a frozen copy of the policy;
# - a **critic**, if there is one, which is also trained.
#
# ### Exercise 4: count the bytes
#
# `weights` and `critic` are the numbers of weights of policy and critic (0
# if there is no critic). Every number has `itemsize` bytes, the optimizer's
# too.


# %% tags=["exercise"]
def my_bytes(
    weights: int, critic: int, reference: bool, itemsize: int
) -> int:
    """Return the bytes that a method holds in training with AdamW."""
    raise NotImplementedError  # your code here


check.bytes_held(my_bytes)


# %% tags=["solution"]
def my_bytes(
    weights: int, critic: int, reference: bool, itemsize: int
) -> int:
    """Return the bytes that a method holds in training with AdamW."""
    trained = weights + critic
    frozen = weights if reference else 0
    return itemsize * (4 * trained + frozen)


check.bytes_held(my_bytes)

# %% [markdown]
# The tiny model has 770,816 weights in float32. A separate critic is a copy
# of its body with a linear layer on top, which has 129 weights more.
#
# **Before you go on:** how many MB does GRPO hold, without a reference? And
# PPO with a reference and a separate critic: how many times that?
#
# Now let us measure it. Each method takes a real training step on the same
# completions, and then we count every tensor that it holds.

# %%
from contextlib import nullcontext

from grpo_core.analysis.ledger import LABELS, Work
from grpo_core.analysis.ledger.measure import Bench, held_bytes
from grpo_core.models.policy import load_policy

work = Work(prompts=2, num_generations=8, completion_length=48)
weights, critic = 770_816, 770_816 + 129
asked = {
    "grpo": (0, False),
    "grpo_reference": (0, True),
    "ppo_value_head": (129, True),
    "ppo": (critic, True),
}
print(f"{'':>18} {'predicted':>12} {'counted':>12} {'difference':>10}")
for method, (critics, reference) in asked.items():
    bench = Bench(method, work, load_policy("tiny"))
    bench.step(lambda phase: nullcontext())
    held = sum(held_bytes(bench.learner).values())
    predicted = 4 * (4 * (weights + critics) + weights * reference)
    print(
        f"{LABELS[method]:>18} {predicted:>12,} {held:>12,} "
        f"{held - predicted:>10,}"
    )

# %% [markdown]
# The rule is right to within a few hundred bytes. **Where does the rest
# come from?** AdamW also stores a step count for every *tensor*, in four
# bytes: the policy has 38 tensors, and 38 × 4 = 152.
#
# And what is allocated only during a step? The full measurement, with more
# and longer completions, is recorded (`grpo-lab bench memory`; the machine
# is named in `docs/grpo-vs-ppo.md`).
#
# **Before you go on:** during sampling and during the update, more memory
# is needed: keys and values, activations. Is that more or less than what is
# held throughout?

# %%
ledger = json.loads((data_dir() / "results/memory-tiny.json").read_text())
figures.memory_ledger(ledger)

# %% [markdown]
# *See, on the left:* PPO with a separate critic holds 2.25 times as much as
# GRPO. *On the right:* at this size that hardly matters, because the
# temporary memory is several times as large. Temporary memory grows with
# the *tokens*; what is held grows with the *model*. Let us increase the
# model.

# %%
for name, n in (("tiny", 770_816), ("SmolLM2", 134_515_008), ("7B", 7e9)):
    grpo, ppo = 4 * 4 * n, 4 * (4 * (n + n) + n)
    print(
        f"{name:>8}: GRPO {grpo / 2**30:9.3f} GiB, "
        f"PPO with a separate critic {ppo / 2**30:9.3f} GiB"
    )

# %% [markdown]
# At 7 billion weights, the critic decides whether one machine is enough.
# (In practice much of the memory is in 16-bit formats and sharded over many
# GPUs; the proportions stay about the same.)
#
# ## 7. What it costs: seconds
#
# **Before you go on:** a step consists of sampling, forward passes of the
# reference and the critic, and the forward and backward passes of the
# update. In which of these does PPO do more?

# %%
figures.step_seconds(ledger)

# %% [markdown]
# *See:* sampling is the same work for all methods. PPO has to run its
# critic before it can compute advantages (orange), and trains it (green). A
# step with a separate critic took twice as long. A value head on the
# policy's hidden states needs few bytes, but it still has to run before the
# update.

# %% [markdown]
# ## 8. What it gains
#
# The methods on the same task, with the same number of completions and
# three seeds each: 60 steps of 8 prompts × 16. Nothing was tuned for any of
# them (`python data/make.py compare`).
#
# **Before you go on:** GRPO, Dr. GRPO, RLOO, and PPO with λ = 1 and with
# λ = 0.95: in which order will they end?

# %%
methods = {
    "GRPO": "grpo",
    "Dr. GRPO": "dr_grpo",
    "RLOO": "rloo",
    "PPO, λ 1": "ppo",
    "PPO, λ 0.95": "ppo_lam95",
}
runs = {
    name: [
        pd.read_csv(
            data_dir() / f"results/compare-{file}-seed{seed}.csv",
            index_col=0,
        )
        for seed in range(3)
    ]
    for name, file in methods.items()
}
figures.method_curves(runs)

# %%
print(f"{'':>12}  held-out accuracy at step 60, seeds 0, 1, 2")
for name, frames in runs.items():
    ends = [frame["eval/accuracy"].dropna().iloc[-1] for frame in frames]
    each = "  ".join(f"{end:.3f}" for end in ends)
    print(f"{name:>12}  {each}   mean {np.mean(ends):.3f}")

# %% [markdown]
# *See:* at step 60 PPO with λ = 1 is where GRPO is; the difference is no
# larger than that between seeds. Before that it was ahead of GRPO, together
# with the two methods that leave out GRPO's division by the standard
# deviation (Dr. GRPO and RLOO; notebooks 04 and 11), and those two end
# higher. RLOO is PPO at λ = 1 with the group as its critic. On this task, a
# critic that had to be learned gained nothing, at twice the time per step
# and more than twice the memory held.
#
# With λ = 0.95 every seed ends lower: the advantages rely on the critic's
# predictions, and those are wrong (section 5). The critic has also had
# little training. One run of another seed whose critic had three times the
# learning rate ended at .78 where this learning rate gave .53
# (`data/results/compare-ppo_lam95*-seed10.csv`); at λ = 1 that was not
# tried. (One small model, one task, three seeds, nothing tuned: elsewhere a
# critic may well be worth its cost.)

# %% [markdown]
# ## 9. When is a critic worth it?
#
# - **If a group is too expensive.** Sixteen completions per prompt cost
#   sixteen times the tokens. An agent that takes an hour per attempt cannot
#   afford a group.
# - **If rewards come along the way**, and not only at the end.
# - **If groups would have zero reward variance.** If all completions are
#   wrong, GRPO gets no signal. A critic that predicted 0.1 still gives one.
#
# A critic is not worth it if a verifier is cheap, groups are large, and the
# second model no longer fits in memory. That is R1's situation.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(fade="", meet="", bytes="", head="", dead="")

# %% tags=["solution"]
check.quiz(fade="b", meet="a", bytes="c", head="b", dead="b")

# %% [markdown]
# ## Summary
#
# - A **critic** predicts before every token the reward that is still to
#   come; a **TD error** is the change of that prediction. **GAE** adds up
#   TD errors, later ones weighted down by λ.
# - A small λ relies on the critic: **bias** where it is wrong. λ = 1 relies
#   on the actual rewards: **variance**. With one reward at the end of a
#   long completion, any λ below 1 cuts off the signal to the beginning
#   unless the critic predicts it.
# - At λ = 1 with the group's mean as the critic, **GAE gives Dr. GRPO's
#   advantages**, and with the mean of the others RLOO's.
# - A trained weight costs **four** times its size, a frozen one once. PPO
#   with a separate critic holds 2.25 times as much as GRPO without a
#   reference, and runs and trains a second model at every step.
#
# **Next:** notebook 09 lets GRPO run, and asks what it really taught.
#
# ### Further reading
#
# - Schulman et al. 2016, *High-Dimensional Continuous Control Using
#   Generalized Advantage Estimation*, arXiv:1506.02438. Equation 16.
# - Schulman et al. 2017, *Proximal Policy Optimization Algorithms*,
#   arXiv:1707.06347.
# - Huang et al. 2024, *The N+ Implementation Details of RLHF with PPO*,
#   arXiv:2403.17031. The clipped value loss, and which token gets the
#   reward.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.1: why
#   there is no critic.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948, version 2.
#   Supplementary A.3 (1.3 in Nature's numbering): GRPO compared with PPO,
#   and the effect of λ.
# - Kazemnejad et al. 2024, *VinePPO*, arXiv:2410.01679. How wrong the
#   critics of language models are, and sampling instead of a critic.
# - Hu et al. 2025, *Open-Reasoner-Zero*, arXiv:2503.24290. PPO that works,
#   with λ = 1 and γ = 1.
# - `docs/grpo-vs-ppo.md`: every figure of this notebook with the machine,
#   the work and the commands.
