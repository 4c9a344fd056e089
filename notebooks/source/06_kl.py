# %% [markdown]
# # 06 · The KL to the reference
#
# The clip limits a single step. What limits the distance over a whole run
# is the **KL divergence** from a *reference*, usually the model that
# training started from. It is one term in the loss and takes one line of
# code. That line is wrong in a surprising number of trainers, and the error
# goes unnoticed: the value looks right, but the gradient is wrong.
#
# **After this notebook you will be able to**
# - compute a KL exactly, and estimate it from sampled tokens in three ways,
# - find by enumeration which gradient a penalty *really* has,
# - find and fix a published bug,
# - put the KL into the reward, and say what that changes, and
# - read a KL curve, and say which tokens cause its spikes.
#
# **Time:** about 55 minutes, four exercises.
# **You need:** notebooks 00, 01 and 05. No GPU, no network.

# %%
import numpy as np
import torch

from grpo_core.analysis import figures
from grpo_core.course import lesson06 as check
from grpo_core.course.recordings import replay
from grpo_core.course.toys import kl_bandit
from grpo_core.course.widgets.sliders import show_with_sliders

figures.use_style()

# %% [markdown]
# ## 1. How different are two policies?
#
# Take two policies, one prompt and five possible answers (or five tokens).
# The **reverse KL** is
#
# $$\mathrm{KL}(\pi, \pi_{ref}) = \sum_a \pi(a)\,
#   \big(\log \pi(a) - \log \pi_{ref}(a)\big)$$
#
# It is a mean *over the policy's samples* of how much more likely they are
# under the policy than under the reference (as a log ratio). With the two
# policies exchanged it is the **forward KL**, a mean over the *reference's*
# samples. The two are different numbers, so the KL is not a distance.
#
# **Before you go on:** a policy has given up one of the five answers
# completely: its probability is 0. The reference still gives it a tenth.
# Which of the two KLs is infinite?
#
# <details><summary>Answer</summary>
#
# The forward one. It averages over the reference's samples, and a tenth of
# those have probability 0 under the policy. The reverse KL does not count
# that answer: the policy never samples it. So a penalty on the reverse KL
# lets a policy *drop* answers but makes it costly to *add* answers that the
# reference hardly ever gives. A penalty on the forward KL does the
# opposite.
#
# </details>

# %% [markdown]
# ### Exercise 1: the exact KL
#
# Each row of `logits` is a policy, and the same row of `ref_logits` is its
# reference.


# %% tags=["exercise"]
def my_kl(logits: torch.Tensor, ref_logits: torch.Tensor) -> torch.Tensor:
    """Return KL(policy, reference) (N,) of two sets of logits (N, V)."""
    raise NotImplementedError  # your code here


check.exact_kl(my_kl)


# %% tags=["solution"]
def my_kl(logits: torch.Tensor, ref_logits: torch.Tensor) -> torch.Tensor:
    """Return KL(policy, reference) (N,) of two sets of logits (N, V)."""
    logprobs = torch.log_softmax(logits, dim=1)
    ref_logprobs = torch.log_softmax(ref_logits, dim=1)
    return (logprobs.exp() * (logprobs - ref_logprobs)).sum(dim=1)


check.exact_kl(my_kl)

# %% [markdown]
# ## 2. From samples
#
# For a real model, the sum would run over the whole vocabulary at every
# token, and over all completions. A trainer has only samples. With
# $d = \log \pi(a) - \log \pi_{ref}(a)$ for a sampled $a$, there are three
# well-known estimators (Schulman):
#
# $$k_1 = d \qquad k_2 = \tfrac12 d^2 \qquad k_3 = e^{-d} + d - 1$$
#
# The mean of k1 is the KL, by definition. k3 adds $e^{-d} - 1$, whose mean
# is 0 (why? $\sum \pi\, \pi_{ref}/\pi = 1$), so k3 is never negative. For
# small d, k3 is approximately k2.

# %% [markdown]
# ### Exercise 2: three estimators


# %% tags=["exercise"]
def my_estimators(
    logprobs: torch.Tensor, ref_logprobs: torch.Tensor
) -> torch.Tensor:
    """Return k1, k2, k3 (3, T) from log-probabilities of tokens (T,)."""
    raise NotImplementedError  # your code here


check.estimators(my_estimators)


# %% tags=["solution"]
def my_estimators(
    logprobs: torch.Tensor, ref_logprobs: torch.Tensor
) -> torch.Tensor:
    """Return k1, k2, k3 (3, T) from log-probabilities of tokens (T,)."""
    d = logprobs - ref_logprobs
    return torch.stack([d, d**2 / 2, torch.exp(-d) + d - 1])


check.estimators(my_estimators)

# %%
figures.kl_estimators()

# %% [markdown]
# *See, on the left:* k1 can be negative, the others cannot; around 0, k2
# and k3 agree. Far to the left, where a sampled token is much more likely
# under the reference, k3 becomes huge: it grows like $e^{-d}$. Remember
# that for section 6.
#
# *On the right* are the slopes. The three have little in common. Remember
# that for section 3.
#
# How good are the estimates? Take two policies a small distance apart, and
# 50 sampled tokens, 4,000 times. The sliders move the policy away from the
# reference, and set the number of tokens.
#
# **Before you go on:** which of the three has the largest variance? Which
# are right on average?

# %%
reference = torch.tensor([1.2, 0.6, 0.0, -0.8, -2.0])
somewhere = torch.tensor([-0.3, 0.9, 0.2, 0.5, -1.0])


def draw(distance: float, tokens: float):
    logits = reference + distance * (somewhere - reference)
    p, q = torch.log_softmax(logits, 0), torch.log_softmax(reference, 0)
    generator = torch.Generator().manual_seed(0)
    size = int(tokens)
    sampled = torch.multinomial(
        p.exp(), 4000 * size, True, generator=generator
    )
    d = (p - q)[sampled].view(4000, size)
    estimates = {"k1": d, "k2": d**2 / 2, "k3": torch.exp(-d) + d - 1}
    means = {name: k.mean(dim=1).numpy() for name, k in estimates.items()}
    return figures.kl_estimates(
        kl_bandit.kl(logits, reference).item(), means, size
    )


show_with_sliders(
    draw, distance=(0.4, 0.05, 1.5, 0.05), tokens=(50, 5, 500, 5)
)

# %% [markdown]
# *See:* k1 has a large variance, and some of its estimates are negative,
# although a KL never is. k3 is right on average too, with a much smaller
# variance. k2 has a small variance and a small bias. (Move the policy
# further away: k2's bias grows, and k3 loses its advantage.)
#
# GRPO uses k3 for these reasons. But a good value is not enough.

# %% [markdown]
# ## 3. A value is not a gradient
#
# A published course on GRPO, and several open trainers (Tang and Munos,
# below, name some), had the following in their loss. The code is our
# paraphrase:
#
#     kl = logprobs - ref_logprobs          # k1: unbiased
#     loss = policy_loss + beta * kl.mean()
#
# The value is an unbiased estimate of the KL. It is printed, it looks
# right, it is small. **What does it do in training?**
#
# Take the gradient. `ref_logprobs` does not depend on the weights, so what
# is left is $\nabla \log \pi$ of each sampled token. Its mean over samples
# is 0, as notebook 01 showed, whatever the reference is. On average this
# penalty does nothing.
#
# The mistake is a general one: **the gradient of an unbiased estimate of a
# quantity need not be an unbiased estimate of its gradient.** The KL
# depends on the weights in two ways, through what is averaged *and through
# what is sampled*, and autograd sees only the first.
#
# With five answers we can check this exactly. Go through all five, weight
# each by its probability, and add up the gradients that autograd computes.
# The figure shows six ways to use an estimator, and for each the expected
# gradient, beside the gradients of the two KLs.
#
# **Before you go on:** the expected gradient of k1 in the loss is 0. What
# is that of k3, which DeepSeekMath has in its loss?

# %%
logits = somewhere
reverse, forward = kl_bandit.kl_gradients(logits, reference)
figures.kl_gradients(
    reverse,
    forward,
    {
        use: kl_bandit.expected_gradient(logits, reference, penalty)
        for use, penalty in kl_bandit.USES.items()
    },
)

# %% [markdown]
# *See:* the circles mark the gradient of the reverse KL, the crosses that
# of the forward KL.
#
# | use | expected gradient |
# |---|---|
# | k1 in the loss | 0: no penalty at all |
# | k2 in the loss | **reverse KL**, although its value is biased |
# | k3 in the loss | *forward* KL, although its value is the reverse KL |
# | ratio × k3 in the loss | **reverse KL** |
# | k1 in the reward | **reverse KL** |
# | k3 in the reward | reverse *minus* forward: neither |
#
# The estimator with the biased value has the right gradient, and the one
# with the best value has a different gradient. (k3 in the loss does hold
# the policy near the reference: close to it the two KLs are alike.)
# DeepSeek-V3.2 and TRL multiply k3 by the ratio $\rho = \pi/\pi_{old}$. In
# the first update the ratio is 1, so it does not change the value, and its
# gradient adds what autograd missed, the dependence on the sampling.

# %% [markdown]
# ### Exercise 3: fix the penalty
#
# Write a penalty to be added to the loss, one number for each sampled
# token. In the first update after sampling, its expected gradient must be
# that of the **reverse KL**. Its value does not matter. There is more than
# one right answer.


# %% tags=["exercise"]
def my_penalty(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
) -> torch.Tensor:
    """Return what to add to the loss (T,), from log-probabilities (T,)."""
    raise NotImplementedError  # your code here


check.penalty(my_penalty)


# %% tags=["solution"]
def my_penalty(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
) -> torch.Tensor:
    """Return what to add to the loss (T,), from log-probabilities (T,)."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    d = logprobs - ref_logprobs
    return ratio * (torch.exp(-d) + d - 1)


check.penalty(my_penalty)

# %% [markdown]
# ## 4. Where training ends
#
# Does it matter in the end? Give the five answers rewards, start from the
# reference, and follow the exact gradient of
#
# $$\mathrm E[r] - \beta\, \mathrm{KL}(\pi, \pi_{ref})$$
#
# until it converges. The optimal policy is known: $\pi(a) \propto
# \pi_{ref}(a)\, e^{r(a)/\beta}$. It is the reference with every answer
# reweighted by its reward.
#
# **Before you go on:** answer 4 has the highest reward. Which of the six
# uses will put all probability on it? Which will end at the optimal policy?

# %%
rewards, beta = torch.tensor([0.2, 0.5, 0.3, 1.0, 0.9]), 0.3
ends = {
    use: kl_bandit.train(rewards, reference, penalty, beta, steps=4000)[-1]
    for use, penalty in kl_bandit.USES.items()
}
figures.trained_policies(
    torch.softmax(reference, 0),
    rewards.tolist(),
    kl_bandit.best(rewards, reference, beta),
    ends,
)

# %% [markdown]
# *See:* the circles mark the optimal policy. **k1 in the loss** ends where
# a policy without a penalty ends. **k3 in the reward** does too, only
# faster: it drives the policy *away* from the reference, because it
# penalises most the answers that are already less likely than under the
# reference. The three that follow the reverse KL end at the circles. **k3
# in the loss** ends at a different policy, with more probability on the
# best answer and less on the second best.
#
# The value that a trainer prints shows none of this.

# %% [markdown]
# ## 5. In the loss or in the reward?
#
# PPO for language models, and RLOO, subtract the KL from the *reward*: a
# completion that is far from the reference earns less. No gradient flows
# through this KL. The policy gradient takes care of it, including the
# dependence on the sampling, so here plain k1 is right.
#
# ### Exercise 4: KL in the reward
#
# Return, for every completion, its reward minus β times the KL of the whole
# completion. The log-probability of a completion is the sum over its
# tokens. `mask` is True on those; after them comes padding.


# %% tags=["exercise"]
def my_rewards(
    rewards: torch.Tensor,
    logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
    mask: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Return penalised rewards (B,); log-probs and mask are (B, T)."""
    raise NotImplementedError  # your code here


check.in_reward(my_rewards)


# %% tags=["solution"]
def my_rewards(
    rewards: torch.Tensor,
    logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
    mask: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Return penalised rewards (B,); log-probs and mask are (B, T)."""
    d = (logprobs - ref_logprobs).detach()
    return rewards - beta * (d * mask).sum(dim=1)


check.in_reward(my_rewards)

# %% [markdown]
# There is a catch in GRPO. Rewards are *compared within a group and divided
# by their standard deviation*. Here is a real group in which all sixteen
# completions were right and well-formed, so all advantages are 0. Now
# subtract a very small KL penalty from the rewards, β = 0.001.
#
# **Before you go on:** how large are the advantages now?

# %%
from grpo_core.algorithm.advantages import group_advantages

run = replay.recorded("countdown-seed0")
step = next(
    index
    for index in range(125, 0, -1)
    if run.group(index, 0).is_dead and run.group(index, 0).rewards[0] > 1
)
group = run.group(step, 0)
kl = np.array(
    [(c.logprobs - c.ref_logprobs).sum() for c in group.completions]
)
rewards = torch.tensor(group.rewards - 0.001 * kl)
print(f"step {step}: rewards {rewards.min():.4f} to {rewards.max():.4f}")
for scale in ("group", "none"):
    a = group_advantages(rewards[None], scale)[0]
    print(f"{scale:>6}: advantages {a.min():+.4f} to {a.max():+.4f}")

# %% [markdown]
# **A group that carried no signal now gives advantages of full size**,
# because of differences of a few thousandths in its rewards. With the
# division by the standard deviation, a small β does not have a small
# effect. That is a reason for GRPO to have the KL in the loss, where β
# keeps its meaning. RLOO, which does not divide, has it in the reward.

# %% [markdown]
# ## 6. A real run, token by token
#
# The recorded run has 125 steps, β = 0.001, k3 in the loss, and both
# log-probabilities of every token in a group. How far did the policy drift?

# %%
steps, estimates = range(1, 126), {"k1": [], "k2": [], "k3": []}
share = []
for index in steps:
    completions = run.group(index, 0).completions
    d = np.concatenate([c.logprobs - c.ref_logprobs for c in completions])
    k3 = np.exp(-d) + d - 1
    for name, k in (("k1", d), ("k2", d**2 / 2), ("k3", k3)):
        estimates[name].append(k.mean())
    largest = np.sort(k3)[::-1][: max(1, len(k3) // 100)]
    share.append(largest.sum() / max(k3.sum(), 1e-12))

figures.kl_drift(steps, estimates, share)

# %% [markdown]
# *See, on the left:* all three rise, and all three fluctuate. k1 and k3
# agree: a few hundredths of a nat per token. k2 does not: where d is 12,
# half its square is 72. *On the right* is the reason for the fluctuations:
# at most steps **one token in a hundred contributes most of the sum**. The
# other ninety-nine have nearly the same probability under the policy and
# the reference.
#
# Which tokens are those? Below are all tokens of the last 25 steps.
#
# **Before you go on:** two kinds of token could have a large KL: those that
# were nearly impossible under the reference and that the policy now
# prefers, and those that the reference preferred and the policy has nearly
# given up. Both were *sampled from the policy*. Which kind has the larger
# k3?

# %%
late = [c for i in range(101, 126) for c in run.group(i, 0).completions]
logprobs = np.concatenate([c.logprobs for c in late])
ref_logprobs = np.concatenate([c.ref_logprobs for c in late])
tokens = [token for c in late for token in c.tokens]
figures.two_probabilities(logprobs, ref_logprobs, tokens)

# %% [markdown]
# *See:* nearly all points lie in the upper right corner, near the line.
# Above the line, at the left edge, are tokens that were nearly impossible
# under the reference: in one place the probability of `</think>` went from
# two in a million to almost 1. There d is 10 or more, and so is k3. These
# tokens are what training was *for*.
#
# Below the line are tokens that the policy has nearly given up and happened
# to sample once more. They are rare, and **their k3 is even larger**, above
# 40 nats for a single token, because of $e^{-d}$. More often than not, a
# spike in a KL curve is one of these, and the policy has not changed.

# %%
d = logprobs - ref_logprobs
k3 = np.exp(-d) + d - 1
for name, here in (("d above 1", d > 1), ("d below -1", d < -1)):
    part = k3[here].sum() / k3.sum()
    print(f"{name}: {here.sum()} of {len(d)} tokens, {part:.0%} of all k3")
for name, order in (("largest d", -d), ("largest k3", -k3)):
    print(name)
    for i in np.argsort(order, kind="stable")[:5]:
        before, after = np.exp(ref_logprobs[i]), np.exp(logprobs[i])
        print(
            f"{tokens[i]:>10}: from {before:.6f} to {after:.3f}, "
            f"d = {d[i]:+.1f}, k3 = {k3[i]:.1f}"
        )

# %% [markdown]
# The same in the text: two completions of the last step, shaded by k3.

# %%
group = run.group(125, 0)
short = [c for c in group.completions if len(c) < 100]
strayed = sorted(short, key=lambda c: c.kl.max(), reverse=True)[:2]
figures.token_values(
    [
        (
            f"reward {c.reward:.1f}\nlargest {c.kl.max():.1f}",
            c.tokens,
            c.kl.clip(min=0),
        )
        for c in strayed
    ],
    "k3 (nats; full colour from 1 on)",
    largest=1.0,
)

# %% [markdown]
# *See:* long pale stretches, and single tokens in colour. A policy trained
# by reinforcement learning changes at the decisions (which number to try,
# when to give up, when to stop) and hardly changes the arithmetic between
# them.

# %% [markdown]
# ## 7. How large should β be?
#
# - DeepSeekMath: β = 0.04, with a learned reward model, which can be
#   fooled. The penalty keeps the policy where the reward model was trained.
# - R1-Zero: β = 0.001, with rule-based rewards, and the reference
#   *replaced* by the current policy every 400 steps, which weakens the
#   penalty further.
# - DAPO, Dr. GRPO and TRL's default: β = 0. Then no reference is needed,
#   which saves its memory and its forward pass.
#
# One effect is missing from every KL in the loss here: a token's KL counts
# that token only. The token also decides *how the completion continues*,
# and so how much KL is still to come, and that is left out. The KL in the
# reward, as a sum over the completion, includes it.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(direction="", k1="", spike="", tie="", choice="")

# %% tags=["solution"]
check.quiz(direction="b", k1="b", spike="a", tie="b", choice="c")

# %% [markdown]
# ## Summary
#
# - The **reverse KL** averages over the policy's samples, the **forward
#   KL** over the reference's.
# - **k1** is unbiased with a large variance, **k2** is slightly biased with
#   a small variance, and **k3** is unbiased, with a small variance while
#   the two policies are close.
# - Their **gradients** are a different matter: k1 in the loss has no effect
#   on average, k3 in the loss follows the forward KL, k2 and ratio × k3
#   follow the reverse KL. In the reward, only k1 is right. Check such
#   claims by enumeration.
# - In GRPO, a KL **in the reward** gives advantages to groups that would
#   otherwise carry no signal, and the division makes them as large as any
#   other.
# - A KL curve is dominated by **few tokens**. Its spikes are rare samples
#   of what the policy has given up.
#
# **Next:** notebook 07 puts all the pieces into one loop.
#
# ### Further reading
#
# - Schulman 2020, *Approximating KL Divergence*,
#   <http://joschu.net/blog/kl-approx.html>. The three estimators,
#   considered as values.
# - Tang and Munos 2025, *On a few pitfalls in KL divergence gradient
#   estimation for RL*, arXiv:2506.09477. The bug of section 3, and the
#   omission at the end of section 7.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Equation 4: k3 in
#   the loss.
# - DeepSeek-AI 2025, *DeepSeek-V3.2*, arXiv:2512.02556. The ratio in front
#   of k3.
# - Ziegler et al. 2019, *Fine-Tuning Language Models from Human
#   Preferences*, arXiv:1909.08593. KL in the reward, and the optimal
#   policy.
# - Ahmadian et al. 2024, *Back to Basics*, arXiv:2402.14740. RLOO, with the
#   KL in the reward.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. β = 0.001, and the
#   replaced reference.
