# %% [markdown]
# # 00 · One GRPO step by hand
#
# GRPO is the algorithm that taught DeepSeek R1 to reason. Take away the
# scale, and one step of it is short enough to do by hand:
#
# > rewards → advantages → a push on every token
#
# **After this notebook you will be able to**
# - turn the rewards of a group of completions into advantages,
# - write the clipped loss that GRPO minimises, and
# - say of every single token which way an update pushes it, and why.
#
# **Time:** about 35 minutes, two exercises.
# **You need:** Python, a first acquaintance with PyTorch tensors, and the
# idea that a language model gives every possible next token a probability.
# No GPU, no network, no download.

# %%
import torch

from grpo_core.analysis import figures
from grpo_core.course import lesson00 as check

figures.use_style()

# %% [markdown]
# ## 0. Warm-up: ten arms
#
# Forget language for five minutes. There are ten buttons (*arms*), and a
# policy that presses one at random. Eight tries make a group. Some are
# rewarded. That is all GRPO needs.

# %%
arms = torch.tensor([3, 6, 6, 8, 3, 1, 10, 6]) - 1  # counted from 0
rewards = torch.tensor([1.0, 0, 1, 0, 1, 0, 0, 0])

scores = torch.zeros(10, requires_grad=True)  # all alike: 10% each
before = torch.softmax(scores, dim=0).detach()

# %% [markdown]
# Three of eight tries were rewarded, so 0.375 was to be expected. Better
# than that is good, worse is bad; the unit is the spread of the group:

# %%
advantages = (rewards - rewards.mean()) / rewards.std()
print("  arm:", "  ".join(f"{arm + 1:>5}" for arm in arms.tolist()))
print("reward", "  ".join(f"{r:>5.0f}" for r in rewards.tolist()))
print("  adv:", "  ".join(f"{a:+.2f}" for a in advantages.tolist()))

# %% [markdown]
# Now one step: make what has a positive advantage likelier, and the rest
# rarer.
#
# **Before you go on:** arm 3 was pressed twice and paid twice. Arm 6 was
# pressed three times and paid once. Arms 1, 8 and 10 were pressed once, for
# nothing. The other five were not pressed. Which of them rise?
#
# <details><summary>Answer</summary>
#
# Arm 3 rises. Arm 6 *falls*, a little: one advantage of +1.21 against two
# of −0.72. Arms 1, 8 and 10 fall. And the arms that nobody pressed? Their
# scores do not move at all, because advantages sum to 0. Their
# probabilities shrink slightly, to make room for arm 3.
#
# </details>

# %%
objective = (advantages * torch.log_softmax(scores, dim=0)[arms]).mean()
objective.backward()
after = torch.softmax(scores.detach() + 2.0 * scores.grad, dim=0)
figures.bandit_step(before, after, arms, rewards)

# %% [markdown]
# *See:* one group moved the whole policy, and was unfair to arm 6, which
# may be a good one that had bad luck. More groups will tell. (Notebook 01
# comes back to these arms and asks how much luck there is in a group.)
#
# A language model does the same. Its arms are completions, and pressing one
# takes many tokens. That is where the rest of this notebook comes in.

# %% [markdown]
# ## 1. One problem, four answers
#
# The task is Countdown: *combine all the numbers, each once, to reach the
# target*. The model that answers is called the **policy**, because it
# decides what to do next, token by token. GRPO asks it for not one answer
# but a **group** of G. Here G = 4.
#
# We wrote these four ourselves, so that each is of a different kind. From
# notebook 02 on a real model samples them.

# %%
prompt = "Use 3 , 5 , 10 to make 45 ."
problem = {"numbers": [3, 5, 10], "target": 45, "operators": "+-*"}

completions = [
    # 1: thinks, checks, and is right
    "<think> 10 + 5 = 15 , 15 * 3 = 45 yes </think> "
    "<answer> ( 10 + 5 ) * 3 </answer>",
    # 2: thinks, gives up, and answers all the same
    "<think> 5 * 3 = 15 , 15 + 10 = 25 no "
    "10 * 3 = 30 , 30 + 5 = 35 no </think> "
    "<answer> 10 * 3 + 5 </answer>",
    # 3: is right, and does not show how
    "<answer> ( 10 + 5 ) * 3 </answer>",
    # 4: runs out of room in the middle of a thought
    "<think> 10 + 3 = 13 , 13 * 5 = 65 no 10 - 3",
]

# %% [markdown]
# ## 2. Rewards: what we want
#
# R1-Zero was trained with two rules and nothing else, no neural network
# that judges. One rule asks *is the answer right?*, the other *is it in the
# agreed form*, `<think> … </think> <answer> … </answer>`? A verifier works
# both out exactly; it reads the answer, and never runs it as a program.
#
# The total is a weighted sum: 1 for a right answer, 0.3 for the form.

# %%
from grpo_core.rewards import RewardSum

score = RewardSum(["accuracy_reward", "format_reward"], weights=[1.0, 0.3])
columns = {name: [value] * 4 for name, value in problem.items()}
parts, rewards = score(
    [prompt] * 4, completions, task=["countdown"] * 4, **columns
)

print("completion   accuracy   format   reward")
for i in range(4):
    right, form = parts["accuracy_reward"][i], parts["format_reward"][i]
    print(f"{i + 1:>10} {right:>10.0f} {form:>8.0f} {rewards[i]:>8.1f}")

# %% [markdown]
# ## 3. Advantages: better than what?
#
# Is a reward of 0.3 good? It depends on what was to be expected. On a hard
# problem it is the best anyone got; here it is poor. PPO, GRPO's
# predecessor, trains a second network (the *critic*) to know what to
# expect. GRPO has a simpler idea: **ask the group**. The mean reward of the
# group is what was to be expected.
#
# $$A_i = \frac{r_i - \operatorname{mean}(r)}
#   {\operatorname{std}(r) + 10^{-4}}$$
#
# By hand, for completion 1: the rewards are 1.3, 0.3, 1.0 and 0. Their mean
# is 0.65. The differences to it are 0.65, −0.35, 0.35 and −0.65; their
# squares add up to 1.09; divided by G − 1 = 3 and under a root, the
# standard deviation is 0.603. So $A_1 = 0.65 / 0.603 = 1.08$.
#
# **Before you go on:** which completions get a positive advantage? Which is
# pushed down harder, the wrong one or the unfinished one?
#
# <details><summary>Answer</summary>
#
# 1 and 3 are above the mean, 2 and 4 below. The unfinished one (4) is
# pushed down harder: completion 2 at least kept the form.
#
# </details>

# %% [markdown]
# ### Exercise 1: group advantages
#
# Fill in the function. Three things to get right:
#
# - each **row** is a group; groups have nothing to do with each other;
# - the standard deviation is the sample's, with G − 1 in the denominator
#   (torch's default);
# - what if all rewards of a group are the same?
#
# The check says what is right and names the mistake. Each further try gives
# one more hint; `check.advantages.hint()` asks for the next one, and
# `check.advantages.solution()` shows a solution, last. What you have passed
# is remembered on your machine (`from grpo_core.course import overview`,
# then `overview.show()`).
#
# <details><summary>Hint: shapes</summary>
#
# `rewards.mean(dim=1)` has shape (N,), which does not line up with (N, G).
# `rewards.mean(dim=1, keepdim=True)` has shape (N, 1), which does.
#
# </details>


# %% tags=["exercise"]
def my_advantages(rewards: torch.Tensor) -> torch.Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    raise NotImplementedError  # your code here


check.advantages(my_advantages)


# %% tags=["solution"]
def my_advantages(rewards: torch.Tensor) -> torch.Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    mean = rewards.mean(dim=1, keepdim=True)
    std = rewards.std(dim=1, keepdim=True)
    return (rewards - mean) / (std + 1e-4)


check.advantages(my_advantages)

# %% [markdown]
# From here on we use the kit's own function, so that the rest works whether
# or not yours is finished.

# %%
from grpo_core.algorithm.advantages import group_advantages

advantages = group_advantages(torch.tensor([rewards]))[0]  # one group
figures.rewards_to_advantages(rewards, advantages)

# %% [markdown]
# Three facts worth remembering:
#
# - **They sum to 0.** What some completions gain, the others lose.
# - **Their scale is always the same**, whatever the rewards. Rewards of 0
#   and 0.01 give advantages as large as rewards of 0 and 1. So points for
#   effort in a group that is all wrong are not "small".
# - **A group that ties teaches nothing.** All right or all wrong: every
#   advantage is 0. A good problem is one that the policy solves sometimes.

# %%
for group in ([0.0, 1.0, 0.0, 1.0], [0.0, 0.01, 0.0, 0.01], [0.7] * 4):
    a = group_advantages(torch.tensor([group]))[0].tolist()
    print(f"rewards {group} -> advantages {[round(x, 2) for x in a]}")

# %% [markdown]
# A word on "the" standard deviation: the papers do not say whether to
# divide by G − 1 or by G. For rewards 1, 1, 0, 0 the first gives advantages
# of ±0.87, the second ±1.00. This kit does as the TRL library does: G − 1.

# %% [markdown]
# ## 4. A policy small enough to see
#
# An advantage belongs to a completion. What the policy can change is the
# probability of a *token*. So we need a policy. A real one is a neural
# network with millions of weights. Ours is a table: row = the token before,
# column = the token to come, entry = a score. A softmax over a row turns
# its scores into probabilities. It sees one token back and no further, but
# it is a language model, and everything below works the same for a
# transformer.
#
# As scores we take the logarithm of how often one token follows the other
# in our four texts, with 0.1 added everywhere: a policy that could well
# have written them.

# %%
texts = [c.split() for c in completions]
for row in texts[:3]:
    row.append("<eos>")  # the end is a token too; 4 never got there

vocabulary = ["<start>", *sorted({token for row in texts for token in row})]
number = {token: i for i, token in enumerate(vocabulary)}

B, T = 4, max(len(row) for row in texts)  # completions, positions
V = len(vocabulary)
ids = torch.zeros(B, T, dtype=torch.long)  # filled up with 0 on the right
mask = torch.zeros(B, T, dtype=torch.bool)  # True where there is a token
for i, row in enumerate(texts):
    ids[i, : len(row)] = torch.tensor([number[token] for token in row])
    mask[i, : len(row)] = True
previous = torch.roll(ids, 1, dims=1)  # the token before each token
previous[:, 0] = number["<start>"]

counts = torch.full((V, V), 0.1)
for last, following in zip(previous[mask], ids[mask], strict=True):
    counts[last, following] += 1
table = counts.log().requires_grad_()
print(f"{V} different tokens, {mask.sum()} tokens in {B} completions")

# %% [markdown]
# How likely each token of completion 3 was, given the one before. (We work
# with logarithms: a product of many small numbers becomes a sum.)

# %%
from grpo_core.algorithm.logprobs import token_logprobs


def policy(ids: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (B, T) of the tokens, under the table as it is."""
    logprobs, _ = token_logprobs(logits=table[previous], ids=ids)
    return logprobs


old_logprobs = policy(ids).detach()  # of the policy that "sampled" them
for token, logprob in zip(texts[2], old_logprobs[2], strict=False):
    print(f"{token:>10}   {logprob.exp():.0%}")

# %% [markdown]
# Read the first line as: completion 3 begins with `<answer>`, which this
# policy does in about one case in six. Remember that figure.

# %% [markdown]
# ## 5. The loss
#
# We want good tokens likelier and bad ones rarer. For every token, GRPO
# looks at the **ratio** of its probability now to its probability when it
# was sampled,
#
# $$\rho_t = \frac{\pi_\theta(o_t)}{\pi_{\text{old}}(o_t)}
#   = \exp(\log \pi_\theta(o_t) - \log \pi_{\text{old}}(o_t)),$$
#
# and makes $\rho_t A$ large. Without a limit, one lucky completion could
# drag the policy anywhere. So the gain is **clipped**, as in PPO:
#
# $$\min\big(\rho_t A,\ \operatorname{clip}(\rho_t, 1-\epsilon,
#   1+\epsilon)\, A\big), \qquad \epsilon = 0.2$$
#
# Where the solid line is flat there is no gradient, and the token is left
# alone.

# %%
figures.clipped_surrogate()

# %% [markdown]
# It is flat in two cases only: a good token that is already 20% likelier,
# and a bad one that is already 20% rarer. A token that went the *wrong* way
# is always allowed back: that is what the minimum is for.
#
# At last, one number is made of all tokens. Here it is the plain mean over
# all tokens of the batch, padding left out. (The first GRPO paper averaged
# within each completion first. Then each token of a long completion counts
# for less. A later notebook compares the two.) An optimizer makes its loss
# *small*, so the loss is minus all this.

# %% [markdown]
# ### Exercise 2: the clipped loss
#
# - `old_logprobs` is a record of the past, a constant. On the first update
#   it may well be the same tensor as `logprobs`: detach it.
# - `mask` says where there is a token. What lies elsewhere must not count.
#
# <details><summary>Hint: the order of things</summary>
#
# ratio → ratio times advantage → clipped ratio times advantage → the
# smaller of the two → minus → sum over tokens / number of tokens.
#
# </details>
#
# <details><summary>Hint: shapes</summary>
#
# There is one advantage a row, (B,), and one ratio a token, (B, T).
# `advantages.unsqueeze(1)` is (B, 1).
#
# </details>


# %% tags=["exercise"]
def my_loss(
    logprobs: torch.Tensor,  # (B, T) under the policy as it is now
    old_logprobs: torch.Tensor,  # (B, T) under the policy that sampled
    advantages: torch.Tensor,  # (B,)
    mask: torch.Tensor,  # (B, T) True where there is a token
    epsilon: float = 0.2,
) -> torch.Tensor:
    """One number, to be made small."""
    raise NotImplementedError  # your code here


check.clipped_loss(my_loss)


# %% tags=["solution"]
def my_loss(
    logprobs: torch.Tensor,  # (B, T) under the policy as it is now
    old_logprobs: torch.Tensor,  # (B, T) under the policy that sampled
    advantages: torch.Tensor,  # (B,)
    mask: torch.Tensor,  # (B, T) True where there is a token
    epsilon: float = 0.2,
) -> torch.Tensor:
    """One number, to be made small."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / mask.sum()


check.clipped_loss(my_loss)

# %% [markdown]
# The kit's version of the same, with its switches named:

# %%
from grpo_core.algorithm.objective import grpo_objective
from grpo_core.algorithm.variant import Variant

token_mean = Variant(aggregation="token_mean")
sequence_mean = Variant(aggregation="sequence_mean")

for variant in (token_mean, sequence_mean):
    loss, _ = grpo_objective(
        policy(ids), old_logprobs, None, advantages, mask, variant
    )
    (gradient,) = torch.autograd.grad(loss, table)
    print(
        f"{variant.aggregation:>13}: loss {abs(loss.item()):.4f}, "
        f"length of the gradient {gradient.norm():.3f}"
    )

# %% [markdown]
# **A loss of 0 is no bug.** Nothing has moved yet, so every ratio is 1 and
# every token's gain equals its advantage. Averaged completion by
# completion, the advantages cancel out: the loss is exactly 0. Averaged
# token by token, long completions weigh more, and something remains.
# Neither number tells how good the policy is. What trains is the
# *gradient*, and that is not 0.

# %% [markdown]
# ## 6. The push on each token
#
# The gradient of the loss with respect to one token's log-probability says
# how hard, and which way, the update pushes that token. We turn its sign
# round, so that above 0 means "becomes likelier".

# %%
import numpy as np

from grpo_core.algorithm.objective import token_push
from grpo_core.core.records import Completion, Group


def record(logprobs: torch.Tensor) -> Group:
    """The group with the push that an update would give it now."""
    push = token_push(
        logprobs, old_logprobs, None, advantages, mask, token_mean
    )
    group = Group(prompt, problem, [])
    for i, row in enumerate(texts):
        n = len(row)
        completion = Completion(
            text=completions[i],
            tokens=row,
            token_ids=ids[i, :n].numpy().astype(np.int32),
            rewards={name: values[i] for name, values in parts.items()},
            reward=rewards[i],
            advantage=advantages[i].item(),
            truncated=i == 3,
            old_logprobs=old_logprobs[i, :n].numpy(),
            logprobs=logprobs[i, :n].detach().numpy(),
            push=push[i, :n].numpy(),
        )
        group.completions.append(completion)
    return group


figures.token_push(record(policy(ids)), width=66)

# %% [markdown]
# Look closely, for this picture is what GRPO *is*:
#
# - All tokens of a completion are pushed alike. GRPO does not know which of
#   them made the answer right. In completion 1 the comma is praised as much
#   as the idea.
# - Completion 2 does some correct arithmetic, and all of it is pushed down.
# - The end token `<eos>` is pushed like any other. That is how length is
#   learned.
#
# So why does it work? Because the same token, in the same place, occurs in
# good completions and in bad ones. Where it does no harm and no good, the
# pushes cancel. Over many groups, what remains is what makes the
# difference.

# %% [markdown]
# ## 7. Take the step
#
# Plain gradient descent on the table. Then see what it did: the probability
# of each whole completion is the product of its tokens', so we add up
# log-probabilities.


# %%
def update(learning_rate: float = 10.0) -> dict[str, float]:
    """One update on the same four completions; what the kit reports."""
    loss, stats = grpo_objective(
        policy(ids), old_logprobs, None, advantages, mask, token_mean
    )
    (gradient,) = torch.autograd.grad(loss, table)
    with torch.no_grad():
        table.sub_(learning_rate * gradient)
    return {name: value.item() for name, value in stats.items()}


def times_as_likely() -> list[float]:
    """Each completion's probability now, over what it was."""
    log_change = (policy(ids).detach() - old_logprobs) * mask
    return log_change.sum(dim=1).exp().tolist()


start_before = table.detach()[number["<start>"]].softmax(dim=0)
update()
for i, factor in enumerate(times_as_likely()):
    print(
        f"completion {i + 1}: advantage {advantages[i]:+.2f}, "
        f"now {factor:.2f} times as likely"
    )

# %% [markdown]
# The good ones gained, the bad ones lost: as ordered. But what did the
# policy *learn*? See how it begins a completion now, and how it did before:

# %%
start_after = table.detach()[number["<start>"]].softmax(dim=0)
for token in ("<think>", "<answer>"):
    n = number[token]
    share = f"{start_before[n]:.0%} before, {start_after[n]:.0%} after"
    print(f"{token:>8}: {share}")

# %% [markdown]
# It learned to think a little *less*! Of the three completions that
# thought, one was right; the one that did not think was right too. In this
# group thinking did not pay, and GRPO believes its group. That is no
# mistake of yours: a group of four is one small vote, and with more
# completions and more problems such accidents average out. But it is a real
# danger as well. Where thoughts do not help a policy, RL removes them;
# where they do, it makes them longer. That is what to watch for in a run.

# %% [markdown]
# That was a complete step of GRPO. A training run is this, a hundred times
# or ten thousand, with new problems and new completions each time.
#
# Samples are expensive, so one may take several updates on the same ones
# (`num_iterations` in the configuration). From the second on the ratios are
# not 1 any more, and the clip has work to do:

# %%
for n in range(2, 9):
    stats = update()
    print(
        f"update {n}: {stats['clip_ratio/region_mean']:.0%} of the tokens "
        "had come too far, and were left alone"
    )

# %%
figures.token_push(record(policy(ids)), width=66)

# %% [markdown]
# The pale cells are those the clip has stopped. Compare with the first
# picture: what still has colour are mostly tokens that good *and* bad
# completions share, such as `<eos>`. They were pulled both ways and have
# hardly moved.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(tied="", loss="", clip="", effort="")

# %% tags=["solution"]
check.quiz(tied="b", loss="c", clip="b", effort="b")

# %% [markdown]
# ## Summary
#
# - A **reward** says how good a completion is; an **advantage**, how much
#   better than the rest of its group. A group that ties has nothing to say.
# - The **loss** is minus the mean of ratio × advantage over all tokens,
#   with a **clip** that stops a token which has come far enough.
# - Before the first update every ratio is 1 and the loss says nothing. The
#   **gradient** trains, and it pushes every token of a completion alike.
# - What a single group teaches may be an accident. What many groups agree
#   on is learned.
#
# **Left out here:** the KL term that holds the policy near a reference
# (the kit's `beta`), and the neural network.
#
# **Next:** notebook 01 asks whether a group is as good as the critic it
# replaces. Or start the dashboard (`make app`), press Start, and look at
# the group board. It is the picture of section 6, live.
#
# ### Further reading
#
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.1 and
#   equation 3: GRPO as first published.
# - DeepSeek-AI 2025, *DeepSeek-R1*, arXiv:2501.12948, and in Nature 645,
#   633–638. The two reward rules, and what came of them.
# - Schulman et al. 2017, *Proximal Policy Optimization Algorithms*,
#   arXiv:1707.06347. Section 3 and equation 7: the clip.
# - Williams 1992, *Simple Statistical Gradient-Following Algorithms for
#   Connectionist Reinforcement Learning*, Machine Learning 8, 229–256.
#   Where "advantage times the gradient of the log-probability" comes from.
# - Liu et al. 2025, *Understanding R1-Zero-Like Training: A Critical
#   Perspective*, arXiv:2503.20783. Section 3: why one may not want to
#   divide by the standard deviation, nor by length.
# - Yu et al. 2025, *DAPO*, arXiv:2503.14476. Section 3: the mean over all
#   tokens, and two different bounds for the clip.
