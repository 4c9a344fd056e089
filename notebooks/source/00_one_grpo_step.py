# %% [markdown]
# # 00 · One GRPO step by hand
#
# GRPO is the algorithm that trained DeepSeek-R1 to reason. Leave out the
# scale, and one step of it is short enough to do by hand:
#
# > rewards → advantages → a gradient for every token
#
# **After this notebook you will be able to**
# - turn the rewards of a group of completions into advantages,
# - write the clipped loss that GRPO minimises, and
# - say for every single token whether an update increases or decreases its
#   probability, and why.
#
# **Time:** about 35 minutes, two exercises.
# **You need:** Python, basic familiarity with PyTorch tensors, and the
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
# policy that presses one of them at random. Eight presses make a group.
# Some of them are rewarded. That is all GRPO needs.

# %%
arms = torch.tensor([3, 6, 6, 8, 3, 1, 10, 6]) - 1  # counted from 0
rewards = torch.tensor([1.0, 0, 1, 0, 1, 0, 0, 0])

logits = torch.zeros(10, requires_grad=True)  # all equal: 10% each
before = torch.softmax(logits, dim=0).detach()

# %% [markdown]
# Three of the eight presses were rewarded, so the mean reward is 0.375. A
# press is good if its reward is above that mean and bad if it is below. The
# difference is measured in units of the group's standard deviation:

# %%
advantages = (rewards - rewards.mean()) / rewards.std()
print("  arm:", "  ".join(f"{arm + 1:>5}" for arm in arms.tolist()))
print("reward", "  ".join(f"{r:>5.0f}" for r in rewards.tolist()))
print("  adv:", "  ".join(f"{a:+.2f}" for a in advantages.tolist()))

# %% [markdown]
# Now one gradient step: increase the probability of presses with a positive
# advantage, and decrease it for the others.
#
# **Before you go on:** arm 3 was pressed twice and rewarded twice. Arm 6
# was pressed three times and rewarded once. Arms 1, 8 and 10 were pressed
# once each and not rewarded. The other five were not pressed. Which
# probabilities rise?
#
# <details><summary>Answer</summary>
#
# Only that of arm 3 rises. Arm 6 *falls* a little: one advantage of +1.21
# against two of −0.72. Arms 1, 8 and 10 fall. And the five arms that were
# not pressed? Their logits do not move at all, because the advantages sum
# to 0. Their probabilities still shrink slightly, to make room for arm 3.
#
# </details>

# %%
objective = (advantages * torch.log_softmax(logits, dim=0)[arms]).mean()
objective.backward()
after = torch.softmax(logits.detach() + 2.0 * logits.grad, dim=0)
figures.bandit_step(before, after, arms, rewards)

# %% [markdown]
# *See:* one group changed every probability of the policy, and was unfair
# to arm 6, which may be a good arm that had bad luck. More groups will
# tell. (Notebook 01 comes back to ten arms and asks how much luck there is
# in a group.)
#
# A language model works the same way. Its arms are completions, and
# producing one takes many tokens. The rest of this notebook is about those
# tokens.

# %% [markdown]
# ## 1. One problem, four answers
#
# The task is Countdown: *combine all the numbers, each once, to reach the
# target*. The model that answers is called the **policy**, because it
# decides what to do next, token by token. GRPO samples not one answer per
# problem but a **group** of G. Here G = 4.
#
# We wrote these four by hand, so that each shows a different case. From
# notebook 02 on, a real model samples them.

# %%
prompt = "Use 3 , 5 , 10 to make 45 ."
problem = {"numbers": [3, 5, 10], "target": 45, "operators": "+-*"}

completions = [
    # 1: thinks, checks, and is right
    "<think> 10 + 5 = 15 , 15 * 3 = 45 yes </think> "
    "<answer> ( 10 + 5 ) * 3 </answer>",
    # 2: thinks, gives up, and answers anyway
    "<think> 5 * 3 = 15 , 15 + 10 = 25 no "
    "10 * 3 = 30 , 30 + 5 = 35 no </think> "
    "<answer> 10 * 3 + 5 </answer>",
    # 3: is right, but does not show its work
    "<answer> ( 10 + 5 ) * 3 </answer>",
    # 4: is truncated in the middle of a thought
    "<think> 10 + 3 = 13 , 13 * 5 = 65 no 10 - 3",
]

# %% [markdown]
# ## 2. Rewards: what we want
#
# R1-Zero was trained with two rules and no neural reward model. One rule
# checks *whether the answer is right*, the other *whether the completion
# has the required format*, `<think> … </think> <answer> … </answer>`. Code
# evaluates both exactly. The verifier parses the answer and never runs it
# as a program.
#
# The reward is a weighted sum: 1 for a right answer, 0.3 for the format.

# %%
from grpo_core.rewards import RewardSum

reward_sum = RewardSum(
    ["accuracy_reward", "format_reward"], weights=[1.0, 0.3]
)
columns = {name: [value] * 4 for name, value in problem.items()}
parts, rewards = reward_sum(
    [prompt] * 4, completions, task=["countdown"] * 4, **columns
)

print("completion   accuracy   format   reward")
for i in range(4):
    right, form = parts["accuracy_reward"][i], parts["format_reward"][i]
    print(f"{i + 1:>10} {right:>10.0f} {form:>8.0f} {rewards[i]:>8.1f}")

# %% [markdown]
# ## 3. Advantages: better than what?
#
# Is a reward of 0.3 good? That depends on what reward to expect. On a hard
# problem it may be the best in the group; here it is below average. PPO,
# GRPO's predecessor, trains a second network (the *critic*) to predict the
# expected reward. GRPO has a simpler idea: **ask the group**. It takes the
# mean reward of the group as the expected reward.
#
# $$A_i = \frac{r_i - \operatorname{mean}(r)}
#   {\operatorname{std}(r) + 10^{-4}}$$
#
# By hand, for completion 1: the rewards are 1.3, 0.3, 1.0 and 0. Their mean
# is 0.65. The differences from the mean are 0.65, −0.35, 0.35 and −0.65,
# and their squares add up to 1.09. Divide by G − 1 = 3 and take the square
# root: the standard deviation is 0.603. So $A_1 = 0.65 / 0.603 = 1.08$.
#
# **Before you go on:** which completions get a positive advantage? Which
# gets the lower one, the wrong completion or the truncated one?
#
# <details><summary>Answer</summary>
#
# Completions 1 and 3 are above the mean, 2 and 4 below. The truncated one
# (4) has the lowest advantage: completion 2 at least kept the format.
#
# </details>

# %% [markdown]
# ### Exercise 1: group advantages
#
# Fill in the function. Three things to get right:
#
# - Each **row** is a group. Groups must not affect each other.
# - The standard deviation is the sample standard deviation, with G − 1 in
#   the denominator (torch's default).
# - What should happen if all rewards of a group are equal?
#
# The check says what is right and names the mistake it recognises. Each
# further attempt reveals one more hint. `check.advantages.hint()` shows the
# next hint at once, and `check.advantages.solution()` shows a solution
# after the last hint. Your progress is stored on your machine (`from
# grpo_core.course import overview`, then `overview.show()`).
#
# <details><summary>Hint: shapes</summary>
#
# `rewards.mean(dim=1)` has shape (N,), which does not line up with (N, G).
# `rewards.mean(dim=1, keepdim=True)` has shape (N, 1), which does.
#
# </details>


# %% tags=["exercise"]
def my_advantages(rewards: torch.Tensor) -> torch.Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    raise NotImplementedError  # your code here


check.advantages(my_advantages)


# %% tags=["solution"]
def my_advantages(rewards: torch.Tensor) -> torch.Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
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
# - **The advantages of a group sum to 0.** What some completions gain, the
#   others lose.
# - **Their scale hardly depends on the scale of the rewards.** Rewards of 0
#   and 0.01 give nearly the same advantages as rewards of 0 and 1. So a
#   small bonus for effort is not small in a group in which all answers are
#   wrong.
# - **A group with zero reward variance carries no signal.** If all its
#   rewards are equal, every advantage is 0. A useful problem is one that
#   the policy solves sometimes.

# %%
for group in ([0.0, 1.0, 0.0, 1.0], [0.0, 0.01, 0.0, 0.01], [0.7] * 4):
    a = group_advantages(torch.tensor([group]))[0].tolist()
    print(f"rewards {group} -> advantages {[round(x, 2) for x in a]}")

# %% [markdown]
# A note on the standard deviation: the papers do not say whether to divide
# by G − 1 or by G. For rewards 1, 1, 0, 0, dividing by G − 1 gives
# advantages of ±0.87, dividing by G gives ±1.00. This kit follows the TRL
# library: G − 1.

# %% [markdown]
# ## 4. A policy small enough to see
#
# An advantage belongs to a completion, but what the policy can change is
# the probability of a *token*. So we need a policy. A real one is a neural
# network with millions of weights. Ours is a table of logits: one row per
# previous token, one column per next token. A softmax over a row turns its
# logits into probabilities. The table sees only one token back, but it is a
# language model, and everything below works the same way for a transformer.
#
# As logits we take the logarithm of how often one token follows the other
# in our four texts, with 0.1 added everywhere. The result is a policy that
# could plausibly have written them.

# %%
texts = [c.split() for c in completions]
for row in texts[:3]:
    row.append("<eos>")  # the end is a token too; 4 was truncated before

vocabulary = ["<start>", *sorted({token for row in texts for token in row})]
number = {token: i for i, token in enumerate(vocabulary)}

B, T = 4, max(len(row) for row in texts)  # completions, positions
V = len(vocabulary)
ids = torch.zeros(B, T, dtype=torch.long)  # padded with 0 on the right
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
# The next cell prints the probability of each token of completion 3, given
# the token before it. (We compute with log-probabilities: they turn a
# product of many small numbers into a sum.)

# %%
from grpo_core.algorithm.logprobs import token_logprobs


def policy(ids: torch.Tensor) -> torch.Tensor:
    """Return the log-probabilities (B, T) of the tokens under the table."""
    logprobs, _ = token_logprobs(logits=table[previous], ids=ids)
    return logprobs


old_logprobs = policy(ids).detach()  # of the policy that "sampled" them
for token, logprob in zip(texts[2], old_logprobs[2], strict=False):
    print(f"{token:>10}   {logprob.exp():.0%}")

# %% [markdown]
# Read the first line as follows: completion 3 begins with `<answer>`, and
# the probability that this policy begins that way is about one in six.
# Remember that number.

# %% [markdown]
# ## 5. The loss
#
# We want to increase the probability of tokens with a positive advantage
# and decrease it for the others. For every token, GRPO computes the
# **ratio** of its probability now to its probability when it was sampled,
#
# $$\rho_t = \frac{\pi_\theta(o_t)}{\pi_{\text{old}}(o_t)}
#   = \exp(\log \pi_\theta(o_t) - \log \pi_{\text{old}}(o_t)),$$
#
# and maximises $\rho_t A$. Without a limit, one lucky completion could
# change the policy by any amount. So the product is **clipped**, as in PPO:
#
# $$\min\big(\rho_t A,\ \operatorname{clip}(\rho_t, 1-\epsilon,
#   1+\epsilon)\, A\big), \qquad \epsilon = 0.2$$
#
# Where the solid line is flat, the gradient is 0 and the token gets no
# update.

# %%
figures.clipped_surrogate()

# %% [markdown]
# It is flat in two cases only: if A > 0 and the token's probability has
# already risen by 20%, or if A < 0 and it has already fallen by 20%. A
# token that moved in the *wrong* direction keeps its gradient, so that it
# can move back. That is what the minimum is for.
#
# Finally, all tokens are averaged into one number. Here it is the plain
# mean over all tokens of the batch, without padding. (The first GRPO paper
# averages within each completion first, so that each token of a long
# completion counts for less. A later notebook compares the two.) An
# optimizer *minimises* its loss, so the loss is minus this average.

# %% [markdown]
# ### Exercise 2: the clipped loss
#
# - `old_logprobs` is recorded from sampling, so it is a constant. On the
#   first update it may be the same tensor as `logprobs`: detach it.
# - `mask` is True where there is a token. Values elsewhere are padding and
#   must not count.
#
# <details><summary>Hint: order of operations</summary>
#
# ratio → ratio times advantage → clipped ratio times advantage → the
# smaller of the two → minus → sum over tokens / number of tokens.
#
# </details>
#
# <details><summary>Hint: shapes</summary>
#
# There is one advantage per row, (B,), and one ratio per token, (B, T).
# `advantages.unsqueeze(1)` is (B, 1).
#
# </details>


# %% tags=["exercise"]
def my_loss(
    logprobs: torch.Tensor,  # (B, T) under the current policy
    old_logprobs: torch.Tensor,  # (B, T) under the policy that sampled
    advantages: torch.Tensor,  # (B,)
    mask: torch.Tensor,  # (B, T) True where there is a token
    epsilon: float = 0.2,
) -> torch.Tensor:
    """Return the loss: one number to minimise."""
    raise NotImplementedError  # your code here


check.clipped_loss(my_loss)


# %% tags=["solution"]
def my_loss(
    logprobs: torch.Tensor,  # (B, T) under the current policy
    old_logprobs: torch.Tensor,  # (B, T) under the policy that sampled
    advantages: torch.Tensor,  # (B,)
    mask: torch.Tensor,  # (B, T) True where there is a token
    epsilon: float = 0.2,
) -> torch.Tensor:
    """Return the loss: one number to minimise."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / mask.sum()


check.clipped_loss(my_loss)

# %% [markdown]
# The kit's version of the same loss, with its options named:

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
        f"gradient norm {gradient.norm():.3f}"
    )

# %% [markdown]
# **A loss of 0 is not a bug.** The policy has not changed yet, so every
# ratio is 1 and every token's term equals its advantage. If the loss
# averages within each completion first, the advantages cancel out, and the
# loss is exactly 0. If it averages over all tokens, long completions weigh
# more, and something remains. Neither number says how good the policy is.
# What trains the policy is the *gradient*, and the gradient is not 0.

# %% [markdown]
# ## 6. The push on each token
#
# We call **push** minus the gradient of the loss with respect to one
# token's log-probability. A push above 0 means that the update increases
# the token's probability, a push below 0 that it decreases it. Its size
# says how strongly.

# %%
import numpy as np

from grpo_core.algorithm.objective import token_push
from grpo_core.core.records import Completion, Group


def record(logprobs: torch.Tensor) -> Group:
    """Return the group with the push that an update would give it now."""
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
# Look closely: this picture shows what GRPO *does*.
#
# - All tokens of a completion get the same push. GRPO does not know which
#   of them made the answer right. In completion 1 the comma is rewarded as
#   much as the idea.
# - Completion 2 contains correct arithmetic, and all of it gets a negative
#   push.
# - The end-of-sequence token `<eos>` gets a push like any other. That is
#   how a policy learns how long to write.
#
# So why does it work? Because the same token occurs in the same context in
# good completions and in bad ones. Where it makes no difference to the
# reward, its pushes cancel. Over many groups, what remains are the tokens
# that do make a difference.

# %% [markdown]
# ## 7. Take the step
#
# We take one step of plain gradient descent on the table and look at the
# result. The probability of a whole completion is the product of its
# tokens' probabilities, so we add up log-probabilities.


# %%
def update(learning_rate: float = 10.0) -> dict[str, float]:
    """Take one update on the same four completions; return the metrics."""
    loss, stats = grpo_objective(
        policy(ids), old_logprobs, None, advantages, mask, token_mean
    )
    (gradient,) = torch.autograd.grad(loss, table)
    with torch.no_grad():
        table.sub_(learning_rate * gradient)
    return {name: value.item() for name, value in stats.items()}


def times_as_likely() -> list[float]:
    """Return each completion's probability now, relative to before."""
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
# The probabilities of the good completions rose and those of the bad ones
# fell, as intended. But what did the policy *learn*? Compare how it begins
# a completion now with how it began one before:

# %%
start_after = table.detach()[number["<start>"]].softmax(dim=0)
for token in ("<think>", "<answer>"):
    n = number[token]
    share = f"{start_before[n]:.0%} before, {start_after[n]:.0%} after"
    print(f"{token:>8}: {share}")

# %% [markdown]
# It learned to think a little *less*! Of the three completions that
# thought, one was right; the one that did not think was right too. In this
# group thinking did not pay, and GRPO has only the group to go by. You made
# no mistake: a group of four is a small sample, and over more completions
# and more problems such accidents average out. But the effect is also a
# real risk. If thinking does not help a policy, RL removes it; if it helps,
# RL makes it longer. Watch for this in a run.

# %% [markdown]
# That was a complete GRPO step. A training run repeats it a hundred or ten
# thousand times, with new problems and new completions each time.
#
# Samples are expensive, so one may take several updates on the same samples
# (`num_iterations` in the configuration). From the second update on, the
# ratios differ from 1, and the clip has an effect:

# %%
for n in range(2, 9):
    stats = update()
    print(
        f"update {n}: {stats['clip_ratio/region_mean']:.0%} of the tokens "
        "were clipped and got no gradient"
    )

# %%
figures.token_push(record(policy(ids)), width=66)

# %% [markdown]
# The pale cells are the tokens that the clip has stopped. Compare with the
# first picture: what still has colour are mostly tokens that good *and* bad
# completions share, such as `<eos>`. Their pushes had opposite signs, so
# they have hardly moved.

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
# - A **reward** says how good a completion is; an **advantage** says how
#   much better it is than its group. A group with zero reward variance
#   carries no signal.
# - The **loss** is minus the mean of ratio × advantage over all tokens,
#   with a **clip** that stops tokens whose ratio has moved far enough.
# - Before the first update every ratio is 1, and the value of the loss
#   carries no information. The **gradient** trains the policy, and its push
#   is the same on every token of a completion.
# - What a single group teaches may be an accident. What many groups agree
#   on is learned.
#
# **Left out here:** the KL term that keeps the policy near a reference (the
# kit's `beta`), and the neural network.
#
# **Next:** notebook 01 asks whether a group is as good as the critic it
# replaces. Or start the dashboard (`make app`), press Start, and look at
# the group board. It shows the picture of section 6, live.
#
# ### Further reading
#
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.1 and
#   equation 3: GRPO as first published.
# - DeepSeek-AI 2025, *DeepSeek-R1*, arXiv:2501.12948, and in Nature 645,
#   633–638. The two reward rules, and their results.
# - Schulman et al. 2017, *Proximal Policy Optimization Algorithms*,
#   arXiv:1707.06347. Section 3 and equation 7: the clip.
# - Williams 1992, *Simple Statistical Gradient-Following Algorithms for
#   Connectionist Reinforcement Learning*, Machine Learning 8, 229–256.
#   Where "advantage times the gradient of the log-probability" comes from.
# - Liu et al. 2025, *Understanding R1-Zero-Like Training: A Critical
#   Perspective*, arXiv:2503.20783. Section 3: reasons not to divide by the
#   standard deviation, nor by length.
# - Yu et al. 2025, *DAPO*, arXiv:2503.14476. Section 3: the mean over all
#   tokens, and two different bounds for the clip.
