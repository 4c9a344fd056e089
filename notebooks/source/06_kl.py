# %% [markdown]
# # 06 · The KL to the reference
#
# The clip holds back a single step. What holds back the whole way is the
# **KL divergence** to a *reference*, usually the model that training began
# with: a leash. It is one term in the loss, it takes one line, and that
# line is wrong in a surprising number of places, without anyone noticing:
# its value looks right, and its gradient is something else.
#
# **After this notebook you will be able to**
# - compute a KL exactly, and estimate it from sampled tokens in three ways,
# - work out by enumeration which gradient a penalty *really* has,
# - find and mend a published bug,
# - put the KL into the reward, and say what that changes, and
# - read a KL curve, and know which tokens its spikes are made of.
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
# Two policies, one prompt, five possible answers (or five tokens). The
# **reverse KL** is
#
# $$\mathrm{KL}(\pi, \pi_{ref}) = \sum_a \pi(a)\,
#   \big(\log \pi(a) - \log \pi_{ref}(a)\big)$$
#
# the mean, *over what the policy does*, of how much likelier it finds that
# than the reference does. With the two exchanged it is the **forward KL**,
# a mean over what the *reference* would do. It is no distance: the two are
# different numbers.
#
# **Before you go on:** a policy has given up one of the five answers for
# good: its probability is 0. The reference still gives it a tenth. Which
# of the two KLs is infinite?
#
# <details><summary>Answer</summary>
#
# The forward one. It averages over what the reference does, and in a tenth
# of the cases the policy finds that impossible. The reverse KL never looks
# there: the policy never goes there. So a policy on a reverse leash may
# *drop* things and must not *invent* them; on a forward leash it is the
# other way round.
#
# </details>

# %% [markdown]
# ### Exercise 1: exactly
#
# Each row of `logits` is a policy, the same row of `ref_logits` its
# reference.


# %% tags=["exercise"]
def my_kl(logits: torch.Tensor, ref_logits: torch.Tensor) -> torch.Tensor:
    """Scores (N, V) of two policies -> KL(policy, reference), (N,)."""
    raise NotImplementedError  # your code here


check.exact_kl(my_kl)


# %% tags=["solution"]
def my_kl(logits: torch.Tensor, ref_logits: torch.Tensor) -> torch.Tensor:
    """Scores (N, V) of two policies -> KL(policy, reference), (N,)."""
    logprobs = torch.log_softmax(logits, dim=1)
    ref_logprobs = torch.log_softmax(ref_logits, dim=1)
    return (logprobs.exp() * (logprobs - ref_logprobs)).sum(dim=1)


check.exact_kl(my_kl)

# %% [markdown]
# ## 2. From samples
#
# For a real model the sum would run over the vocabulary at every token, and
# over all completions. A trainer has samples. With
# $d = \log \pi(a) - \log \pi_{ref}(a)$ for a sampled $a$, there are three
# well-known estimators (Schulman):
#
# $$k_1 = d \qquad k_2 = \tfrac12 d^2 \qquad k_3 = e^{-d} + d - 1$$
#
# The mean of k1 is the KL, by definition. k3 adds $e^{-d} - 1$, whose mean
# is 0 (why? $\sum \pi\, \pi_{ref}/\pi = 1$), in order to be never below 0.
# k2 is what both look like when d is small.

# %% [markdown]
# ### Exercise 2: three estimators


# %% tags=["exercise"]
def my_estimators(
    logprobs: torch.Tensor, ref_logprobs: torch.Tensor
) -> torch.Tensor:
    """Log-probs (T,) of sampled tokens -> k1, k2 and k3, (3, T)."""
    raise NotImplementedError  # your code here


check.estimators(my_estimators)


# %% tags=["solution"]
def my_estimators(
    logprobs: torch.Tensor, ref_logprobs: torch.Tensor
) -> torch.Tensor:
    """Log-probs (T,) of sampled tokens -> k1, k2 and k3, (3, T)."""
    d = logprobs - ref_logprobs
    return torch.stack([d, d**2 / 2, torch.exp(-d) + d - 1])


check.estimators(my_estimators)

# %%
figures.kl_estimators()

# %% [markdown]
# *See, on the left:* k1 may be below 0, the others not; around 0 k2 and k3
# are the same. Far to the left, where a token was sampled that the
# reference likes much better, k3 goes through the roof: it grows like
# $e^{-d}$. Remember that for section 6.
#
# *On the right* the slopes. Remember those for section 3: they have nothing
# in common.
#
# How good are the estimates? Two policies a little apart, 50 sampled
# tokens, 4,000 times over. The sliders move the policy away from the
# reference, and set the number of tokens.
#
# **Before you go on:** which of the three will scatter most? Which will be
# right on average?

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
# *See:* k1 scatters widely, and says now and then that two different
# policies are closer than equal. k3 is right on average too, and much
# calmer. k2 is calm, and a little off. (Move the policy further away: k2
# goes wrong, and k3 loses its lead.)
#
# So GRPO took k3, and there the story could end.

# %% [markdown]
# ## 3. A value is not a gradient
#
# A published course on GRPO, and several open trainers (Tang and Munos,
# below, name some), had this in their loss, in our words:
#
#     kl = logprobs - ref_logprobs          # k1: unbiased
#     loss = policy_loss + beta * kl.mean()
#
# The value is an unbiased estimate of the KL. It is printed, it looks
# right, it is small. **What does it do?**
#
# Take the gradient. `ref_logprobs` does not depend on the weights, so what
# is left is $\nabla \log \pi$ of each sampled token, and its mean over
# samples is 0, as notebook 01 found, whatever the reference is. The leash
# is not tied to anything.
#
# The mistake is general: **the gradient of an unbiased estimate is not an
# unbiased estimate of the gradient.** The KL depends on the weights in two
# places, in what is averaged *and in what is sampled*, and autograd sees
# only the first.
#
# With five answers we need not argue. Go through all five, weigh each by
# its probability, and add up what autograd gives. Six ways to use an
# estimator; for each, the average gradient, beside the two it might be.
#
# **Before you go on:** k1 in the loss is 0. What of k3, which DeepSeekMath
# has in its loss?

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
# *See:* the circles are where the reverse KL's gradient would be, the
# crosses the forward KL's.
#
# | use | average gradient |
# |---|---|
# | k1 in the loss | 0: no leash |
# | k2 in the loss | **reverse KL**, though its value is a little off |
# | k3 in the loss | *forward* KL, though its value is the reverse one |
# | ratio × k3 in the loss | **reverse KL** |
# | k1 in the reward | **reverse KL** |
# | k3 in the reward | reverse *minus* forward: neither |
#
# The estimator whose value is wrong has the right gradient, and the one
# with the best value has another. (k3 in the loss is a leash all the same:
# near the reference the two KLs are alike.) DeepSeek-V3.2 and TRL multiply
# by the ratio, $\rho = \pi/\pi_{old}$: it is 1, so it changes no value, and
# its slope supplies what autograd did not see, the sampling.

# %% [markdown]
# ### Exercise 3: mend it
#
# Write a penalty to be added to the loss, one number for each sampled
# token, whose average gradient is that of the **reverse KL**, in the first
# update after sampling. Its value does not matter. There is more than one
# right answer.


# %% tags=["exercise"]
def my_penalty(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
) -> torch.Tensor:
    """Log-probs (T,) of sampled tokens -> what to add to the loss, (T,)."""
    raise NotImplementedError  # your code here


check.penalty(my_penalty)


# %% tags=["solution"]
def my_penalty(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
) -> torch.Tensor:
    """Log-probs (T,) of sampled tokens -> what to add to the loss, (T,)."""
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
# until nothing moves. The best policy is known: it has
# $\pi(a) \propto \pi_{ref}(a)\, e^{r(a)/\beta}$, the reference with every
# answer multiplied by how good it is.
#
# **Before you go on:** answer 4 has the highest reward. Which of the six
# will put everything on it? Which will end at that best policy?

# %%
rewards, beta = torch.tensor([0.2, 0.5, 0.3, 1.0, 0.9]), 0.3
ends = {
    use: kl_bandit.train(rewards, reference, penalty, beta, steps=4000)[-1]
    for use, penalty in kl_bandit.USES.items()
}
figures.leashed(
    torch.softmax(reference, 0),
    rewards.tolist(),
    kl_bandit.best(rewards, reference, beta),
    ends,
)

# %% [markdown]
# *See:* the circles are the best policy. **k1 in the loss** ends where a
# policy without a leash ends. **k3 in the reward** does too, only faster:
# it *pushes* away from the reference, since an answer that is rare already
# costs more. The three that follow the reverse KL are at the circles. **k3
# in the loss** ends at another policy: further along for the best answer,
# and at the cost of the second best.
#
# None of this shows in the value that a trainer prints.

# %% [markdown]
# ## 5. In the loss or in the reward?
#
# PPO for language models, and RLOO, take the KL from the *reward*: a
# completion that strays has earned less. No gradient flows through it; the
# policy gradient does the work, and it sees the sampling. So there the
# plain k1 is right.
#
# ### Exercise 4: KL in the reward
#
# For every completion, its reward minus β times the KL of the whole
# completion. The log-probability of a completion is the sum over its
# tokens; `mask` is True on those, and what is behind is padding.


# %% tags=["exercise"]
def my_rewards(
    rewards: torch.Tensor,
    logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
    mask: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Rewards (B,), log-probs and mask (B, T) -> rewards (B,)."""
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
    """Rewards (B,), log-probs and mask (B, T) -> rewards (B,)."""
    d = (logprobs - ref_logprobs).detach()
    return rewards - beta * (d * mask).sum(dim=1)


check.in_reward(my_rewards)

# %% [markdown]
# There is a catch in GRPO. Rewards are *compared in a group and divided by
# their spread*. Here is a real group in which all sixteen completions were
# right and well-formed; its advantages are all 0. Now take a very small KL
# from the rewards, β = 0.001.
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
# **The dead group has risen**, and pushes as hard as any other, for nothing
# but a difference of a few thousandths. With the division by the spread, a
# small β is not small. So GRPO has its KL in the loss, where it stays what
# it is; RLOO, which does not divide, has it in the reward.

# %% [markdown]
# ## 6. A real run, token by token
#
# The recorded run: 125 steps, β = 0.001, k3 in the loss, and for every
# token of a group both log-probs. How far did it drift?

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
# *See, on the left:* all three rise, and all three jump about. k1 and k3
# agree on a few hundredths of a nat a token. k2 does not: where d is 12,
# half its square is 72. *On the right* is why they jump: **one token in a
# hundred makes up most of the sum**, at most of the steps. The other
# ninety-nine are nearly as the reference would have them.
#
# Which tokens are those? All tokens of the last 25 steps:
#
# **Before you go on:** two kinds of token could have a large KL: those the
# reference thought all but impossible, and that the policy now likes; and
# those the reference liked, and that the policy has all but given up. Both
# were *sampled from the policy*. Which kind has the larger k3?

# %%
late = [c for i in range(101, 126) for c in run.group(i, 0).completions]
logprobs = np.concatenate([c.logprobs for c in late])
ref_logprobs = np.concatenate([c.ref_logprobs for c in late])
tokens = [token for c in late for token in c.tokens]
figures.two_probabilities(logprobs, ref_logprobs, tokens)

# %% [markdown]
# *See:* nearly everything lies in the upper right corner, near the line.
# Above the line, at the left edge, are the tokens that the reference
# thought all but impossible: `</think>` has gone from two in a million to
# near certainty in some place. d is 10 or more there, and so is k3. They
# are what training was *for*.
#
# Below the line are tokens that the policy has given up, and happened to
# draw once more. They are rare, and **their k3 is larger still**, above 40
# nats for one token: $e^{-d}$. A spike in a KL curve is, more often than
# not, one of these. Nothing has happened to the policy.

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
# And in a text? Two completions of the last step, shaded by k3:

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
# *See:* long pale stretches, and single tokens in colour. A policy that
# learns by reinforcement changes at the forks (which number to try, when to
# give up, when to stop) and leaves the arithmetic between them alone.

# %% [markdown]
# ## 7. How long a leash?
#
# - DeepSeekMath: β = 0.04, with a learned reward model, which can be
#   fooled. The leash keeps the policy where the reward model was trained.
# - R1-Zero: β = 0.001, with rules for rewards, and the reference *replaced*
#   by the policy every 400 steps: a leash that is lengthened.
# - DAPO, Dr. GRPO and TRL's default: β = 0. No reference is needed then,
#   and its memory and forward pass are saved.
#
# One thing that no variant here does: a token's KL in the loss counts that
# token only. That the token also decides *where the completion goes*, and
# so what KL is still to come, is left out. The KL in the reward, as a sum,
# has it in.

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
# - The **reverse KL** averages over what the policy does, the **forward
#   KL** over what the reference does.
# - **k1** is right and noisy, **k2** a little off and calm, **k3** right
#   and calm while the two are close.
# - Their **gradients** are another matter: k1 in the loss is no leash, k3
#   in the loss follows the forward KL, k2 and ratio × k3 the reverse one.
#   In the reward, only k1 will do. Enumerate before you believe.
# - In GRPO a KL **in the reward** wakes dead groups, and is made as large
#   as anything by the division.
# - A KL curve is made of **few tokens**. Spikes are rare draws of what the
#   policy has given up.
#
# **Next:** notebook 07 puts all the pieces into one loop.
#
# ### Further reading
#
# - Schulman 2020, *Approximating KL Divergence*,
#   <http://joschu.net/blog/kl-approx.html>. The three estimators, as
#   values.
# - Tang and Munos 2025, *On a few pitfalls in KL divergence gradient
#   estimation for RL*, arXiv:2506.09477. The bug of section 3, and the one
#   at the end of section 7.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Equation 4: k3 in
#   the loss.
# - DeepSeek-AI 2025, *DeepSeek-V3.2*, arXiv:2512.02556. The ratio in front
#   of k3.
# - Ziegler et al. 2019, *Fine-Tuning Language Models from Human
#   Preferences*, arXiv:1909.08593. KL in the reward, and the best policy.
# - Ahmadian et al. 2024, *Back to Basics*, arXiv:2402.14740. RLOO, with the
#   KL in the reward.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. β = 0.001, and the
#   reference that is replaced.
