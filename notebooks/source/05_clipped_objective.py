# %% [markdown]
# # 05 · The clipped objective
#
# A batch of completions is expensive: sampling them takes most of the time
# of a step. So one would like to learn from a batch more than once. But
# after the first update the policy is no longer the one that sampled, and
# after ten updates it may be far away. PPO's answer, which GRPO adopted, is
# an objective with a clipped ratio and a minimum. Here you take it apart,
# on tokens that were really clipped.
#
# **After this notebook you will be able to**
# - say why a loss of 0 trains a model,
# - draw a map of the clip: where a token gets a gradient, where it gets
#   none, and why there are four cases,
# - write the clipped surrogate with two bounds, and CISPO, which caps
#   weights instead of stopping gradients, and
# - recognise common mistakes in clipping.
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

policy = load_policy("tiny")  # it sampled step 1 of the run below
run = replay.recorded("countdown-mu4-seed0")
batch = reused_batch.batch_of(policy, run.step(1).groups[:2])
print(f"{len(batch.ids)} completions, {batch.mask.sum()} tokens")

# %% [markdown]
# ## 1. A loss of 0
#
# Everyone who trains with GRPO is surprised by it once: **the loss prints
# as 0.0000.** Let us compute it, for two recorded groups of 16, with the
# model that sampled them. Every token contributes $\rho A$, its ratio times
# its advantage. The loss takes the mean over each completion's tokens
# first, and then over completions.
#
# **Before you go on:** the policy has not changed since it sampled. What is
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
print(f"loss {abs(loss.item()):.4f}, gradient norm {norm:.2f}")

# %% [markdown]
# The loss is 0 and the gradient is not. That is no contradiction: the loss
# has a slope here, and its value just happens to be 0. Let us move along
# the gradient, a little downhill and a little uphill.

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
            p += distance * g / norm  # undo the move
figures.loss_along(moved, losses)

# %% [markdown]
# *See:* the curve passes through 0 at the current weights, and falls to the
# right. The **value** of this loss says nothing about how good the policy
# is. What trains it is the **slope**. Watch the reward and the gradient
# norm instead.
#
# One mistake makes the slope vanish too: if `logprobs.detach()` above were
# `logprobs`, the ratio would be 1 whatever the weights are.

# %% [markdown]
# ## 2. More than one update
#
# Now let the policy change, and learn from the same completions again. The
# number of updates per batch is `num_iterations`, μ in the paper; the run
# we look at has μ = 4. The ratio corrects for the change: a token that has
# become twice as likely since it was sampled occurs half as often in the
# batch as it would in a fresh sample, so it counts twice.
#
# The correction is exact on average, but noisy: the further the ratios are
# from 1, the less reliable the estimate is. So PPO **clips**. For every
# token the objective is
#
# $$\min\big(\rho A,\ \operatorname{clip}(\rho,\, 1-\epsilon_{low},\,
#   1+\epsilon_{high})\, A\big)$$
#
# and its gradient is
#
# $$w\, \nabla \log \pi, \qquad w = \rho A \ \text{ or }\ 0.$$
#
# ($\rho$ is the exponential of $\log\pi - \log\pi_{old}$, and the
# derivative of the exponential is the exponential itself. Hence $\rho A$
# and not $A$.)
#
# Move the sliders. Where is the dot on the right at 0?


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
# *See:* with A > 0 the curve rises and then is flat, to the right of the
# band. With A < 0 it is flat first, to the left of the band, and then
# falls. It is never flat on both sides.
#
# **Before you go on:** there are four cases: A > 0 and the token rose (its
# probability increased), A > 0 and it fell, A < 0 and it rose, A < 0 and it
# fell. In which of them *should* the gradient be stopped? In which would
# that be a mistake?
#
# <details><summary>Answer</summary>
#
# Stop it if A > 0 and the token has risen far enough, or A < 0 and it has
# fallen far enough: one batch does not justify more. In the other two cases
# the token has moved in the wrong direction. (It can, because all tokens
# share the weights.) Without a gradient it would stay there.
#
# </details>

# %% [markdown]
# ### Exercise 1: the weight
#
# Write w, the factor of the gradient of log π, for any ratios and
# advantages (tensors of the same shape).


# %% tags=["exercise"]
def my_weight(
    ratio: torch.Tensor, advantages: torch.Tensor, low: float, high: float
) -> torch.Tensor:
    """Return the factor of the gradient of log pi under the clip."""
    raise NotImplementedError  # your code here


check.weight(my_weight)


# %% tags=["solution"]
def my_weight(
    ratio: torch.Tensor, advantages: torch.Tensor, low: float, high: float
) -> torch.Tensor:
    """Return the factor of the gradient of log pi under the clip."""
    too_likely = (advantages > 0) & (ratio > 1 + high)
    too_rare = (advantages < 0) & (ratio < 1 - low)
    return (ratio * advantages).masked_fill(too_likely | too_rare, 0.0)


check.weight(my_weight)

# %% [markdown]
# ## 3. The map, with real tokens on it
#
# Step 5 of the run has 64 completions. The map shows each of their tokens
# in the fourth and last pass over the batch, after three updates. The
# horizontal axis shows how the updates changed the token's probability, the
# vertical axis the advantage of its completion.

# %%
completions = [c for g in run.step(5).groups for c in g.completions]
ratio = np.concatenate([c.ratio for c in completions])
advantage = np.repeat(
    [c.advantage for c in completions], [len(c) for c in completions]
)
tokens = [token for c in completions for token in c.tokens]

figures.clip_map(ratio, advantage, tokens)

# %% [markdown]
# *See* (points beyond the edges are drawn at the edge): most tokens are on
# the line in the middle. Their probability was close to 1 before, and such
# tokens hardly move. Of those that moved, most moved in the intended
# direction: up and right, or down and left. Some did not. In the two shaded
# corners the gradient is 0. In the other two corners the minimum matters:
# the ratio is outside the band, and the token still gets a gradient.
#
# Is that really what the trainer did? It recorded the push on every token,
# which is minus the derivative of the loss with respect to the token's
# log-probability. It should be exactly 0 in two of the corners and nowhere
# else:

# %%
push = np.concatenate([c.push for c in completions])
corners = {
    "A > 0, rose": (advantage > 0) & (ratio > 1.2),
    "A < 0, fell": (advantage < 0) & (ratio < 0.8),
    "A > 0, fell": (advantage > 0) & (ratio < 0.8),
    "A < 0, rose": (advantage < 0) & (ratio > 1.2),
    "inside": (ratio >= 0.8) & (ratio <= 1.2),
}
for name, here in corners.items():
    zero = (push[here] == 0).sum()
    print(f"{name:>11}: {here.sum():>4} tokens, {zero:>3} with a push of 0")

# %% [markdown]
# The fraction of clipped tokens is the metric `clip_ratio/region_mean`
# (here 102 of 2939 tokens, 3.5%, in the last of four updates; the metric is
# the mean over all four). At 0 nothing is clipped, because there is one
# update per batch, or the updates are tiny. At 0.3, almost a third of the
# tokens contribute nothing to the update.

# %% [markdown]
# ## 4. Write it
#
# ### Exercise 2: the surrogate with two bounds
#
# A training loop does not compute w. It computes the objective and lets
# autograd find the gradient. The two bounds may differ. Why should they?
# Look at what $\epsilon = 0.2$ allows:

# %%
for p in (0.9, 0.5, 0.1, 0.01, 0.001):
    top, bottom = min(1.0, 1.2 * p), 0.8 * p
    print(f"from {p:<6} up to {top:<7.4g} down to {bottom:.4g}")

# %% [markdown]
# A token with a probability of 0.01 may rise by 0.002 per batch, one with a
# probability of 0.5 by 0.1. So what the policy already does can grow
# quickly, and what it has just discovered cannot. The authors of DAPO saw
# the entropy of their policy collapse, and raised only the upper bound, to
# 0.28: **clip-higher**.
#
# Write the surrogate, one number per token.


# %% tags=["exercise"]
def my_surrogate(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    low: float,
    high: float,
) -> torch.Tensor:
    """Return the surrogate (B, T) to maximise; advantages are (B,)."""
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
    """Return the surrogate (B, T) to maximise; advantages are (B,)."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    return torch.minimum(ratio * a, clipped * a)


check.surrogate(my_surrogate)

# %% [markdown]
# Here are two wrong clips beside the right one. Both are easy to write and
# hard to notice, because training still runs:


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
    """Return objective and weight for A = +1, then for A = -1."""
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
# *See, in the lower row:* PPO's weight (solid) is 0 on one side, where the
# token has moved far enough in the intended direction. With the maximum it
# is 0 on the *other* side: a token that moves in the intended direction is
# never stopped, and one that moved in the wrong direction never comes back.
# Without the minimum the weight is 0 on both sides: tokens are stopped, but
# they cannot come back.

# %% [markdown]
# ## 5. One batch, many updates
#
# Does it matter? Let us exaggerate: take the two groups from above, start
# from the model that sampled them, and update on them eight times. How far
# does the policy move from the one that sampled? We use two measures: the
# KL between the two (estimated on these tokens; notebook 06 says more), and
# the largest ratio of any token.
#
# **Before you go on:** there are four methods: no clip, PPO's clip, the
# maximum, and the clip without the minimum. Which two will be worst? Does
# PPO's clip keep all ratios between 0.8 and 1.2?


# %%
def follow(surrogate, count=8):
    """Return KL to the sampling policy and largest ratio, per update."""
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
# *See:* without a clip, some token becomes several hundred times more
# likely within four updates. With the maximum the result is the same, or
# worse: that clip does nothing where it is needed. PPO's clip keeps the
# policy much closer. So does the clip without its minimum: within eight
# updates, few tokens have moved in the wrong direction and need to come
# back.
#
# But **PPO's clip does not keep ratios inside the band**, and was never
# guaranteed to. The clip removes a token's *own* gradient. All tokens share
# the weights, so the gradients of other tokens still move it; and the first
# update is taken before anything is clipped at all. The clip is not a hard
# constraint. It only removes the incentive to move further.

# %% [markdown]
# ## 6. Which tokens are clipped?
#
# MiniMax asked this question when they trained M1. Take the tokens with
# A > 0 in the whole recorded run, and count how many of each kind rose
# above 1.2 and were clipped. (Kinds that occur fewer than 150 times are
# left out.)
#
# **Before you go on:** the tiny model thinks in lines like `10 + 5 = 15 ,
# 15 * 3 = 45 no`. Which kind of token would rise quickly in a good
# completion: digits, `=`, or `no`?

# %%
good, stopped = {}, {}
for index in range(1, 7):
    for g in run.step(index).groups:
        for c in g.completions:
            if c.advantage <= 0:
                continue
            for token, r in zip(c.tokens, c.ratio, strict=True):
                good[token] = good.get(token, 0) + 1
                stopped[token] = stopped.get(token, 0) + (r > 1.2)

often = {t: stopped[t] / n for t, n in good.items() if n >= 150}
kinds = sorted(often, key=often.get, reverse=True)[:10]
figures.token_shares(
    kinds,
    [often[t] for t in kinds],
    sum(stopped.values()) / sum(good.values()),
    "clipped, % of tokens of this kind with A > 0",
)

# %% [markdown]
# *See:* the token that is clipped most often is `no`, the one that abandons
# one attempt and starts the next. It marks a decision, so its probability
# was neither near 0 nor near 1, and it rises fast if it pays. In a large
# model such tokens are *wait*, *however*, *recheck*. **In this run the clip
# most often stops the token on which the search depends.** (Six steps of a
# tiny model prove nothing in general. MiniMax observed the same in a large
# one.)

# %% [markdown]
# ### Exercise 3: CISPO
#
# MiniMax's solution: do not clip tokens, cap their *weight*. The ratio
# becomes a constant factor of the plain policy gradient, and it is limited
# by a cap:
#
# $$\operatorname{sg}\!\big[\min(\rho,\ \text{cap})\big]\; A\;
#   \log \pi$$
#
# where sg (stop gradient) means that no gradient flows through the factor.


# %% tags=["exercise"]
def my_cispo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    cap: float,
) -> torch.Tensor:
    """Return the objective (B, T) to maximise; advantages are (B,)."""
    raise NotImplementedError  # your code here


check.cispo(my_cispo)


# %% tags=["solution"]
def my_cispo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    cap: float,
) -> torch.Tensor:
    """Return the objective (B, T) to maximise; advantages are (B,)."""
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
# *See, in the lower row:* where PPO's weight drops to 0, CISPO's stays at
# the cap. For A < 0 the same cap applies on the right, where PPO's weight
# grows without limit. Every token keeps a gradient, and its weight is at
# most the cap times its advantage. (The upper row cannot be compared: the
# value of CISPO's objective has no meaning, only its gradient does.)
#
# The price is the protection that the clip gave. Exaggerate again:

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
# *See:* CISPO ends between the two. A capped weight slows a policy down but
# never stops it, so CISPO suits few updates per batch, not many.

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
#   gradient is not**. With one update per batch, nothing is ever clipped.
# - There are **four cases, and the clip stops two**: tokens with A > 0 that
#   rose, and tokens with A < 0 that fell. The minimum lets the other two
#   move back.
# - With a maximum in place of the minimum, the clip never stops a token
#   that it should stop. Without the minimum, tokens cannot move back.
# - The clip is **not a hard constraint**: it removes a token's own
#   gradient, and the gradients of other tokens still move it.
# - A bound on the ratio is tight for rare tokens: **clip-higher** (DAPO)
#   raises the upper bound, **CISPO** caps weights and removes no token's
#   gradient.
#
# **Next:** notebook 06 is about the other limit on a policy: the KL to the
# model it started from.
#
# ### Further reading
#
# - Schulman et al. 2017, *Proximal Policy Optimization Algorithms*,
#   arXiv:1707.06347. Equation 7 and figure 1: the clipped objective.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Equation 3: the same
#   in GRPO, with μ updates per batch.
# - Yu et al. 2025, *DAPO: An Open-Source LLM Reinforcement Learning System
#   at Scale*, arXiv:2503.14476. Section 3.1: clip-higher.
# - MiniMax 2025, *MiniMax-M1: Scaling Test-Time Compute Efficiently with
#   Lightning Attention*, arXiv:2506.13585. Section 3.1: which tokens are
#   clipped, and CISPO.
# - Engstrom et al. 2020, *Implementation Matters in Deep Policy Gradients:
#   A Case Study on PPO and TRPO*, arXiv:2005.12729. Evidence that the clip
#   does not keep ratios inside the band.
