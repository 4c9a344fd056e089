# %% [markdown]
# # 05 · The clipped objective
#
# A batch of completions is expensive: sampling them takes most of a step.
# So one would like to learn from it more than once. But after the first
# update the policy is no longer the one that sampled, and after ten it may
# be somewhere else entirely. PPO's answer, which GRPO took over, is a
# strange formula with a minimum in it. Here you take it apart, on tokens
# that were really clipped.
#
# **After this notebook you will be able to**
# - say why a loss of 0 trains a model,
# - draw the map of the clip: where a token is pushed, where it is left
#   alone, and why the map has four corners,
# - write the clipped surrogate with two bounds, and CISPO, which clips
#   nothing, and
# - recognise the wrong clips that people write.
#
# **Time:** about 50 minutes, three exercises.
# **You need:** notebooks 00 and 04. The model and the run come with the
# kit. No GPU, no network.

# %%
import numpy as np
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.course import lesson05 as check
from grpo_core.course.recordings import replay, reused_batch
from grpo_core.course.widgets.sliders import show_with_sliders
from grpo_core.models.policy import load_policy

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

policy = load_policy("tiny")  # the policy that sampled step 1 of ...
run = replay.recorded("countdown-mu4-seed0")  # ... this run
batch = reused_batch.batch_of(policy, run.step(1).groups[:2])
print(f"{len(batch.ids)} completions, {batch.mask.sum()} tokens")

# %% [markdown]
# ## 1. A loss of 0
#
# The first shock of everyone who trains with GRPO: **the loss prints as
# 0.0000.** Let us compute it, for two recorded groups of 16, with the model
# that sampled them. Every token adds $\rho A$, its ratio times its
# advantage; then the mean over each completion's tokens, and over
# completions.
#
# **Before you go on:** the policy has not moved since it sampled. What is
# every ratio? What is the mean of the advantages? So what is the loss, and
# is there anything to learn from it?

# %% tags=["measured"]
logprobs = reused_batch.logprobs_of(policy, batch)
ratio = torch.exp(logprobs - logprobs.detach())

per_token = ratio * batch.advantages * batch.mask
lengths = batch.mask.sum(dim=1)
loss = -(per_token.sum(dim=1) / lengths).mean()

parameters = list(policy.model.parameters())
gradient = torch.autograd.grad(loss, parameters)
norm = torch.sqrt(sum((g**2).sum() for g in gradient))
print(f"loss {abs(loss.item()):.4f}, length of its gradient {norm:.2f}")

# %% [markdown]
# The loss is 0 and the gradient is not. There is no contradiction: we are
# standing on a slope, at the height that happens to be called 0. Let us
# walk along the gradient, a little downhill and a little uphill.

# %%
old = logprobs.detach()
moved, losses = np.linspace(-0.1, 0.1, 9), []
with torch.no_grad():
    for distance in moved:
        for p, g in zip(parameters, gradient, strict=True):
            p -= distance * g / norm
        ratio = torch.exp(reused_batch.logprobs_of(policy, batch) - old)
        per_token = ratio * batch.advantages * batch.mask
        losses.append(-(per_token.sum(dim=1) / lengths).mean().item())
        for p, g in zip(parameters, gradient, strict=True):
            p += distance * g / norm  # and back
figures.loss_along(moved, losses)

# %% [markdown]
# *See:* the curve goes through 0 where we are, and downhill to the right.
# The **value** of this loss says nothing about how good the policy is.
# What trains is the **slope**. Watch the reward, and the norm of the
# gradient.
#
# One mistake makes the slope vanish as well: if `logprobs.detach()` above
# were `logprobs`, the ratio would be 1 whatever the weights are.

# %% [markdown]
# ## 2. More than one update
#
# Now let the policy move, and learn from the same completions again. This
# is `num_iterations`, μ in the paper; the run we look at has μ = 4. The
# ratio is what corrects for it: a token that has become twice as likely
# since it was sampled is there half as often as it would be in a fresh
# sample, and counts twice.
#
# That is right on average, and dangerous: the further the ratios are from
# 1, the less the sample says. So PPO **clips**. For every token
#
# $$\min\big(\rho A,\ \operatorname{clip}(\rho,\, 1-\epsilon_{low},\,
#   1+\epsilon_{high})\, A\big)$$
#
# and what a token passes on is
#
# $$w\, \nabla \log \pi, \qquad w = \rho A \ \text{ or }\ 0.$$
#
# ($\rho$ is the exponential of $\log\pi - \log\pi_{old}$, and the slope of
# an exponential is itself: hence $\rho A$ and not $A$.)
#
# Move the token. In which places is the dot on the right at 0?


# %%
def draw(ratio: float, advantage: float, low: float, high: float):
    return figures.clip_at(ratio, advantage, low, high)


show_with_sliders(
    draw,
    ratio=(1.1, 0.0, 2.0, 0.05),
    advantage=(1.0, -2.0, 2.0, 0.25),
    low=(0.2, 0.0, 0.6, 0.02),
    high=(0.2, 0.0, 0.6, 0.02),
)

# %% [markdown]
# *See:* with A above 0 the curve goes up and then is flat, to the right of
# the band. With A below 0 it is flat first, to the left of the band, and
# then goes down. Never on both sides.
#
# **Before you go on:** there are four corners: a good token that rose, a
# good one that fell, a bad one that rose, a bad one that fell. In which of
# them *should* the gradient be stopped? In which would it be a mistake?
#
# <details><summary>Answer</summary>
#
# Stop the good token that rose far enough, and the bad one that fell far
# enough: they have had what this batch can justify. A good token that
# *fell* (pulled along by its neighbours, since they share the weights) and
# a bad one that *rose* have moved the wrong way. To stop those would leave
# them there.
#
# </details>

# %% [markdown]
# ### Exercise 1: the weight
#
# Write w: what the clip passes on, for any ratios and advantages (tensors
# of one shape).


# %% tags=["exercise"]
def my_weight(
    ratio: torch.Tensor, advantages: torch.Tensor, low: float, high: float
) -> torch.Tensor:
    """What the clip passes on: the factor of the gradient of log pi."""
    raise NotImplementedError  # your code here


check.weight(my_weight)


# %% tags=["solution"]
def my_weight(
    ratio: torch.Tensor, advantages: torch.Tensor, low: float, high: float
) -> torch.Tensor:
    """What the clip passes on: the factor of the gradient of log pi."""
    too_likely = (advantages > 0) & (ratio > 1 + high)
    too_rare = (advantages < 0) & (ratio < 1 - low)
    return (ratio * advantages).masked_fill(too_likely | too_rare, 0.0)


check.weight(my_weight)

# %% [markdown]
# ## 3. The map, with real tokens on it
#
# Step 5 of the run: 64 completions, and where each of their tokens is when
# the batch is gone through for the fourth and last time. Three updates have
# been made. Right and left: what they did to the token's probability. Up
# and down: what its completion was worth.

# %%
completions = [c for g in run.step(5).groups for c in g.completions]
ratio = np.concatenate([c.ratio for c in completions])
advantage = np.repeat(
    [c.advantage for c in completions], [len(c) for c in completions]
)
tokens = [token for c in completions for token in c.tokens]

figures.clip_map(ratio, advantage, tokens)

# %% [markdown]
# *See* (what lies beyond the edges stands at the edge): most tokens are on
# the line in the middle. They were nearly certain
# before, and nearly certain tokens hardly move. Of those that moved, most
# moved the way they were to: up and right, down and left. Some did not. In
# the two shaded corners nothing is pushed; the other two corners are where
# the minimum matters: outside the band, and still pushed.
#
# Is that really what the trainer did? It recorded the push on every token,
# minus the derivative of the loss. It should be exactly 0 in two corners
# and nowhere else:

# %%
push = np.concatenate([c.push for c in completions])
corners = {
    "good, rose": (advantage > 0) & (ratio > 1.2),
    "bad, fell": (advantage < 0) & (ratio < 0.8),
    "good, fell": (advantage > 0) & (ratio < 0.8),
    "bad, rose": (advantage < 0) & (ratio > 1.2),
    "inside": (ratio >= 0.8) & (ratio <= 1.2),
}
for name, here in corners.items():
    silent = (push[here] == 0).sum()
    print(f"{name:>10}: {here.sum():>4} tokens, {silent:>3} without a push")

# %% [markdown]
# The share of silent tokens is the metric `clip_ratio/region_mean` (here
# 102 of 2939 tokens, 3.5%, in the last of four updates; the metric is the
# mean over all four). At 0 nothing is clipped, because there is one update
# a batch, or the steps are tiny. At 0.3 a third of the work is thrown away.

# %% [markdown]
# ## 4. Write it
#
# ### Exercise 2: the surrogate with two bounds
#
# In a training loop nobody writes w. One writes the objective and lets
# autograd find the slope. The bounds may differ. Why should they? Look at
# what $\epsilon = 0.2$ allows:

# %%
for p in (0.9, 0.5, 0.1, 0.01, 0.001):
    top, bottom = min(1.0, 1.2 * p), 0.8 * p
    print(f"from {p:<6} up to {top:<7.4g} down to {bottom:.4g}")

# %% [markdown]
# A token with a probability of 0.01 may rise by 0.002 a batch, one with 0.5
# by 0.1. What the policy does already is made likelier easily; what it has
# just discovered is held back. DAPO found that the entropy of its policy
# collapsed, and raised the upper bound alone, to 0.28: **clip-higher**.
#
# Write the surrogate, one number a token.


# %% tags=["exercise"]
def my_surrogate(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    low: float,
    high: float,
) -> torch.Tensor:
    """(B, T), (B, T) and (B,) -> (B, T), to be made large."""
    raise NotImplementedError  # your code here


check.surrogate(my_surrogate)


# %% tags=["solution"]
def my_surrogate(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    low: float,
    high: float,
) -> torch.Tensor:
    """(B, T), (B, T) and (B,) -> (B, T), to be made large."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    return torch.minimum(ratio * a, clipped * a)


check.surrogate(my_surrogate)

# %% [markdown]
# Two wrong clips beside the right one, both easy to write and hard to
# notice, because training goes on:


# %%
def clipped(lp, old, a):
    r = torch.exp(lp - old)
    return torch.minimum(r * a, r.clamp(0.8, 1.2) * a)


def unclipped(lp, old, a):
    return torch.exp(lp - old) * a


def maximum(lp, old, a):
    r = torch.exp(lp - old)
    return torch.maximum(r * a, r.clamp(0.8, 1.2) * a)


def two_sided(lp, old, a):
    return torch.exp(lp - old).clamp(0.8, 1.2) * a


def curves(surrogate, ratios):
    """Objective and weight for A = +1, then the same for A = -1."""
    rows = []
    for a in (1.0, -1.0):
        lp = torch.log(ratios).requires_grad_()
        value = surrogate(lp, torch.zeros_like(lp), torch.tensor(a))
        (slope,) = torch.autograd.grad(value.sum(), lp)
        rows += [value.detach(), slope]
    return torch.stack(rows)


ratios = torch.linspace(0.4, 1.6, 241)
methods = {"min (PPO)": clipped, "max": maximum, "no min": two_sided}
figures.surrogates(
    ratios, {name: curves(f, ratios) for name, f in methods.items()}
)

# %% [markdown]
# *See, in the lower row:* PPO (solid) is 0 on one side, the side where the
# token has gone far enough. With the maximum it is 0 on the *other* side: a
# token that goes the right way is never stopped, and one that went astray
# is never fetched back. Without the minimum it is 0 on both sides: the stop
# works, and the way back is closed.

# %% [markdown]
# ## 5. One batch, many updates
#
# Does it matter? Let us overdo it: take the two groups from above, start
# from the model that sampled them, and learn from them eight times. How far
# does the policy get from the one that sampled? Two measures: the KL
# between the two (estimated on these tokens; notebook 06 has more), and the
# largest ratio of any token.
#
# **Before you go on:** four methods: no clip, PPO's clip, the maximum, the
# clip without minimum. Which two will be worst? Does PPO's clip keep all
# ratios inside 0.8 to 1.2?


# %%
def follow(surrogate, count=8):
    """KL to the policy that sampled and the largest ratio, by update."""
    kl, largest = [], []
    for log_ratio in reused_batch.updates(policy, batch, surrogate, count):
        d = log_ratio[batch.mask]
        kl.append((d.exp() - 1 - d).mean().item())
        largest.append(d.exp().max().log10().item())
    return kl, largest


methods = {"no clip": unclipped, "min (PPO)": clipped}
methods |= {"no min": two_sided, "max": maximum}
followed = {name: follow(surrogate) for name, surrogate in methods.items()}

# %%
figures.many_updates(
    {
        "Distance": (
            "KL to the policy that sampled (nats)",
            {name: kl for name, (kl, _) in followed.items()},
        ),
        "The largest ratio": (
            "powers of ten",
            {name: largest for name, (_, largest) in followed.items()},
        ),
    }
)

# %% [markdown]
# *See:* without a clip, some token becomes several hundred times likelier
# within four updates. With the maximum it is the same, or worse: that bug
# is a clip that does nothing where it is needed. PPO's clip keeps the
# policy much closer. So does the clip without its minimum: over eight
# updates few tokens have gone astray yet that would need the way back.
#
# But **it does not keep ratios inside the band**, and never promised to.
# The clip stops a token's *own* gradient. All tokens share the weights, so
# it is still moved by what others are pushed to do; and one update of a
# certain size is taken before anything is clipped at all. A clip is no
# fence. It takes away the reason to go on.

# %% [markdown]
# ## 6. Who is silenced?
#
# A question that MiniMax asked when they trained their M1: *which* tokens
# are clipped? In the whole recorded run, take the good tokens, and count
# how many of each kind rose above 1.2 and fell silent. (Kinds that occur
# fewer than 150 times are left out.)
#
# **Before you go on:** the tiny model thinks in lines like
# `10 + 5 = 15 , 15 * 3 = 45 no`. Which kind of token would rise quickly in
# a good completion: digits, `=`, or `no`?

# %%
good, silenced = {}, {}
for index in range(1, 7):
    for g in run.step(index).groups:
        for c in g.completions:
            if c.advantage <= 0:
                continue
            for token, r in zip(c.tokens, c.ratio, strict=True):
                good[token] = good.get(token, 0) + 1
                silenced[token] = silenced.get(token, 0) + (r > 1.2)

often = {t: silenced[t] / n for t, n in good.items() if n >= 150}
kinds = sorted(often, key=often.get, reverse=True)[:10]
figures.shares(
    kinds,
    [often[t] for t in kinds],
    sum(silenced.values()) / sum(good.values()),
    "clipped, % of good tokens of this kind",
)

# %% [markdown]
# *See:* the token that is silenced most is `no`: the one with which a
# thought is given up and the next one begins. It is a fork in the road, so
# its probability was neither near 0 nor near 1, and it moves fast when it
# pays. In a large model these are *wait*, *however*, *recheck*. **The clip
# falls hardest on the tokens that make up reasoning.** (Six steps of a tiny
# model prove nothing in general. MiniMax saw the same in a large one.)

# %% [markdown]
# ### Exercise 3: CISPO
#
# MiniMax's way out: do not clip tokens, cap their *weight*. The ratio
# becomes a constant number in front of the plain policy gradient, and stops
# growing at a cap:
#
# $$\operatorname{sg}\!\big[\min(\rho,\ \text{cap})\big]\; A\;
#   \log \pi$$
#
# where sg says *as a constant*: no gradient flows through it.


# %% tags=["exercise"]
def my_cispo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    cap: float,
) -> torch.Tensor:
    """(B, T), (B, T) and (B,) -> (B, T), to be made large."""
    raise NotImplementedError  # your code here


check.cispo(my_cispo)


# %% tags=["solution"]
def my_cispo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    cap: float,
) -> torch.Tensor:
    """(B, T), (B, T) and (B,) -> (B, T), to be made large."""
    ratio = torch.exp(logprobs - old_logprobs)
    weight = ratio.clamp(max=cap).detach()
    return weight * advantages.unsqueeze(1) * logprobs


check.cispo(my_cispo)


# %%
def cispo(lp, old, a):
    return torch.exp(lp - old).clamp(max=1.2).detach() * a * lp


methods = {"min (PPO)": clipped, "CISPO, cap 1.2": cispo}
figures.surrogates(
    ratios, {name: curves(f, ratios) for name, f in methods.items()}
)

# %% [markdown]
# *See, in the lower row:* where PPO drops to 0, CISPO stays at its cap. For
# a bad token it is the same on the right, where PPO's weight grows without
# a limit and CISPO's does not. Nobody falls silent, nobody shouts. (The
# upper row cannot be compared: CISPO's objective is no estimate of
# anything, only its slope is meant.)
#
# The price is what the clip was for. Overdo it again:

# %%
followed["CISPO, cap 1.2"] = follow(cispo)
shown = ("no clip", "min (PPO)", "CISPO, cap 1.2")
figures.many_updates(
    {
        "Distance": (
            "KL to the policy that sampled (nats)",
            {name: followed[name][0] for name in shown},
        ),
        "The largest ratio": (
            "powers of ten",
            {name: followed[name][1] for name in shown},
        ),
    }
)

# %% [markdown]
# *See:* CISPO ends between the two. A capped weight slows a policy down and
# nothing stops it, so it is for few updates a batch, not for many.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(zero="", back="", rare="", once="", cispo="")

# %% tags=["solution"]
check.quiz(zero="b", back="c", rare="a", once="b", cispo="c")

# %% [markdown]
# ## Summary
#
# - Before the first update all ratios are 1: the **loss is 0 and its
#   gradient is not**. With one update a batch, nothing is ever clipped.
# - The clip has **four corners and stops two**: good tokens that rose, bad
#   ones that fell. The minimum is what leaves the other two a way back.
# - A maximum instead is no clip; no minimum closes the way back.
# - The clip is **no fence**: it takes away a token's own push, and its
#   neighbours still move it.
# - A bound on the ratio is narrow for rare tokens: **clip-higher** (DAPO)
#   widens it upwards, **CISPO** caps weights and silences nobody.
#
# **Next:** notebook 06, the other thing that holds a policy back: the KL to
# where it came from.
#
# ### Further reading
#
# - Schulman et al. 2017, *Proximal Policy Optimization Algorithms*,
#   arXiv:1707.06347. Equation 7 and figure 1: the clipped objective.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Equation 3: the same
#   in GRPO, with μ updates a batch.
# - Yu et al. 2025, *DAPO: An Open-Source LLM Reinforcement Learning System
#   at Scale*, arXiv:2503.14476. Section 3.1: clip-higher.
# - MiniMax 2025, *MiniMax-M1: Scaling Test-Time Compute Efficiently with
#   Lightning Attention*, arXiv:2506.13585. Section 3.1: which tokens are
#   clipped, and CISPO.
# - Engstrom et al. 2020, *Implementation Matters in Deep Policy Gradients:
#   A Case Study on PPO and TRPO*, arXiv:2005.12729. How little the clip
#   keeps ratios inside the band.
