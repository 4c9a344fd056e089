# %% [markdown]
# # 08 · GRPO against PPO
#
# PPO came first. It has a second network, the **critic**, that says before
# every token what reward is still to be expected. Whatever turns out
# better than that was well done. GRPO threw the critic out and asks the
# group instead. What was thrown out with it, what was saved, and was it
# worth it? Here you build PPO's half, work out to the byte what it costs,
# measure, and look at what it buys.
#
# **After this notebook you will be able to**
# - work out an advantage by GAE by hand, and say what λ trades for what,
# - write the critic's loss, and name the classic mistakes in it,
# - predict how many bytes a method holds, before you have run it, and
# - say where PPO and GRPO are the same algorithm, and where they part.
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
# A verifier gives a completion **one** number, when it is over. PPO was
# made for games, where rewards come at every step, so it asks: what did
# each *token* bring? The answer is short. Nothing, but for the last one,
# which brings the score. And each token pays a little for straying from the
# reference, β times its KL (notebook 06):
#
# $$r_t = -\beta\, \mathrm{kl}_t + [t \text{ is the last}]\ \text{score}$$
#
# ### Exercise 1: where the reward goes
#
# A batch of completions, one a row, padded on the right to one length.
# `mask` is True on their tokens.


# %% tags=["exercise"]
def my_token_rewards(
    scores: torch.Tensor,
    kl: torch.Tensor,
    mask: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Scores (B,), KL and mask (B, T) -> every token's reward (B, T)."""
    raise NotImplementedError  # your code here


check.token_rewards(my_token_rewards)


# %% tags=["solution"]
def my_token_rewards(
    scores: torch.Tensor,
    kl: torch.Tensor,
    mask: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """Scores (B,), KL and mask (B, T) -> every token's reward (B, T)."""
    rewards = -beta * kl * mask
    last = mask.sum(dim=1) - 1
    rows = torch.arange(len(scores))
    rewards[rows, last] += scores
    return rewards


check.token_rewards(my_token_rewards)

# %% [markdown]
# ## 2. Surprises
#
# So a completion of 90 tokens has one reward, at the end. Which of the 90
# earned it? The critic has an opinion $V_t$ *before* each token: so much is
# still to come. Then a token is seen, and there is a new opinion,
# $V_{t+1}$. The difference is a **surprise**:
#
# $$\delta_t = r_t + V_{t+1} - V_t$$
#
# Behind the last token there is nothing to expect: $V = 0$ there.
#
# Take a completion of seven tokens. The task: make 45 from 3, 5 and 10. It
# begins well, goes wrong, gives up, and finds it. It is right, and its
# score is 1. Suppose the critic expects this before each token:

# %%
tokens = ["(10+5)", "*", "2", "no", "(10+5)*3", "yes", "<end>"]
values = torch.tensor([[0.3, 0.6, 0.7, 0.2, 0.3, 0.9, 0.95]])
rewards = torch.tensor([[0.0, 0, 0, 0, 0, 0, 1]])
mask = torch.ones(1, 7).bool()

# %% [markdown]
# **Before you go on:** which token is the worst surprise, and which the
# best? Work out both. (The values stand *before* the token of the same
# place.)
#
# <details><summary>Answer</summary>
#
# The worst is `2`: 0.7 was expected before it and 0.2 after it, so −0.5.
# The best is `(10+5)*3`: from 0.3 to 0.9, so +0.6. The last token brings
# 1, and 0.95 was expected: +0.05. Nearly all of the reward was known
# before it came.
#
# </details>
#
# ### Adding up surprises
#
# Is a token's surprise its advantage? If the critic is right, yes. But the
# critic is a network that is still learning. The other extreme is not to
# believe it any further: the advantage of a token is *everything that came
# after*, minus what was expected before it. Between the two lies
# **generalized advantage estimation**: later surprises count too, each
# token further by a factor λ less.
#
# $$A_t = \delta_t + \lambda \delta_{t+1} + \lambda^2 \delta_{t+2} + \dots
#       = \delta_t + \lambda A_{t+1}$$
#
# (There is a second factor γ, which makes late rewards smaller. In language
# models it is 1: a right answer is no worse for coming late.)
#
# ### Exercise 2: GAE
#
# The formula on the right is a loop. Completions of different lengths are
# in one batch: what stands behind the end of a row may be anything.


# %% tags=["exercise"]
def my_gae(
    rewards: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    lam: float,
) -> torch.Tensor:
    """Rewards, values and mask (B, T) -> advantages (B, T), gamma 1."""
    raise NotImplementedError  # your code here


check.gae(my_gae)


# %% tags=["solution"]
def my_gae(
    rewards: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    lam: float,
) -> torch.Tensor:
    """Rewards, values and mask (B, T) -> advantages (B, T), gamma 1."""
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
# The completion from above, at both ends and in between. Move λ, and the
# score: what if the answer had been wrong after all?
#
# **Before you go on:** at λ = 1, what is the advantage of `2`, the token
# that went wrong, in a completion that came out right?

# %%
from grpo_core.algorithm.critic import gae


def draw(lam: float, score: float):
    r = torch.tensor([[0.0, 0, 0, 0, 0, 0, score]])
    rows = {
        f"λ = {x:g}": gae(r, values, mask, lam=x)[0][0].numpy()
        for x in dict.fromkeys([0.0, lam, 1.0])
    }
    return figures.credit(tokens, values[0], r[0], rows)


show_with_sliders(
    draw, lam=(0.5, 0.0, 1.0, 0.05), score=(1.0, 0.0, 1.0, 1.0)
)

# %% [markdown]
# *See:* at λ = 0 the token that went wrong is to blame, and the one that
# found it is praised: every token for itself. At λ = 1 *every* token is
# praised, `2` as well: in the end it came out right, and more was won than
# was expected before it. All that the critic still does at λ = 1 is to say
# what is *subtracted*.
#
# That makes λ = 0 look better. It is, with this critic, which I made up.

# %% [markdown]
# ## 3. What λ trades for what
#
# To see whether an estimate is right one must know the truth, so here is a
# world where it is known. A completion is 31 coins, heads or tails, and is
# right if more than half are heads. (A critic can be perfect here: the
# chance of winning from any point is a matter of counting.) The first coin
# is worth something: with heads the odds are better. By how much is known
# exactly. What does the policy gradient make of it, under three critics: a
# perfect one, one that knows the direction and is half as bold as it should
# be, and one that has learned nothing and says 0?
#
# **Before you go on:** with the critic that knows nothing, the only
# surprise is the reward, 30 coins later. What share of it reaches the first
# coin at λ = 0.95: about 95%, 50%, 20% or 1%?

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

figures.truth_and_noise(lams, found, exact[0])

# %% [markdown]
# *See, on the left:* how much of the true push arrives. The perfect critic
# is right at every λ. The half-learned one is right only at λ = 1: below
# it, its timidity is in the estimate: **bias**. With the critic that knows
# nothing, λ is the only thing that decides, and 0.95 lets a fifth through.
#
# *On the right:* the price of λ = 1 is **noise**. There the estimate has
# the luck of all the coins in it that are still to come.
#
# So: a good critic wants a small λ, and a bad one λ = 1. At the start of a
# training *every* critic is a bad one. And it gets worse with length:

# %%
figures.faded([0.9, 0.95, 0.99, 0.999, 1.0], 500)

# %% [markdown]
# *See:* 0.95 sounds like nearly 1. After 100 tokens it has let 0.6%
# through, after 500 nothing. In games rewards come all the time, and there
# it is a fine value. A chain of thought has thousands of tokens and one
# reward at its end: unless the critic knows early what will come of it, the
# first thoughts learn nothing. DeepSeek compared the two on MATH, with a
# model of 16 billion weights. With λ = 0.95 PPO "performs considerably
# worse than GRPO"; with λ = 1 it does much better, "nearing that of GRPO"
# (R1, version 2, supplementary A.3 and figure 4).

# %% [markdown]
# ## 4. Where the two meet
#
# At λ = 1 all the values in between cancel, and the advantage of every
# token is (what really came) − $V_t$. Now let the critic say one thing
# only, at every token: the mean reward of the group.

# %%
from grpo_core.algorithm.advantages import group_advantages

scores = torch.tensor([1.3, 0.3, 0.0, 1.3, 1.0, 0.0])
group = torch.zeros(6, 8)
group[:, -1] = scores
everywhere = torch.ones(6, 8).bool()
others = (scores.sum() - scores) / (len(scores) - 1)
for name, critic, scale in (
    ("the group's mean", scores.mean().expand(6), "none"),
    ("the mean of the others", others, "loo"),
):
    values_of_group = critic.unsqueeze(1).expand(6, 8).contiguous()
    by_gae, _ = gae(group, values_of_group, everywhere, lam=1.0)
    by_group = group_advantages(scores[None], scale)[0]
    print(f"{name:>24}: {by_gae[:, 0].numpy().round(2)}")
    print(f"{scale + ', at every token':>24}: {by_group.numpy().round(2)}")
    assert torch.allclose(by_gae, by_group[:, None].expand(6, 8))

# %% [markdown]
# The first pair is Dr. GRPO, and GRPO but for the division by the spread.
# The second is RLOO. **GRPO is PPO at λ = 1, with a critic that needs no
# training, knows the current policy exactly, and cannot tell one token of a
# completion from another.**

# %% [markdown]
# ## 5. The critic learns
#
# What should the critic have said? What really came: the **return**, which
# is the advantage plus the value it was computed from (at λ = 1 simply the
# rewards that followed). So its loss is a squared error, held back by a
# clip of its own:
#
# $$\tfrac12 \max\big((V - R)^2,\ (V_{clip} - R)^2\big)$$
#
# with $V_{clip}$ the new value, kept within ±`clip` (0.2, as a rule) of
# what it was when the completions were sampled.
#
# ### Exercise 3: the critic's loss
#
# The mean over all tokens. `old_values` are those that `advantages` were
# computed from; only `values` is to be differentiated.


# %% tags=["exercise"]
def my_critic_loss(
    values: torch.Tensor,
    old_values: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip: float,
) -> torch.Tensor:
    """Values now and then, advantages, mask, each (B, T) -> the loss."""
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
    """Values now and then, advantages, mask, each (B, T) -> the loss."""
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
# A recorded run: PPO on Countdown, λ = 1, a critic of its own, 60 steps of
# 128 completions. (`GRPO_LAB_FULL=1` trains it here and now.) At six of the
# steps, all 128 completions are there with what the critic said before each
# token. How much of what was to come did it know? The measure is the share
# of the rewards' variance that its opinion explains: 1 is all, 0 is no
# better than a constant.
#
# We ask it three times: before the first token, when it has seen nothing
# but the problem; in the middle; and before the last token, when the answer
# stands there.
#
# **Before you go on:** how much can anybody know before the first token?
# And before the last one?

# %%
kept = {}
for step in replay.steps("countdown-ppo-seed0"):
    if step.index % 10 == 0 and step.groups:
        kept[step.index] = [c for g in step.groups for c in g.completions]


def explained(completions, place: float) -> float:
    """Share of the rewards' variance; place 0 is the first token."""
    r = np.array([c.reward for c in completions])
    v = np.array([c.values[int(place * (len(c) - 1))] for c in completions])
    return 1 - np.mean((r - v) ** 2) / np.var(r)


places = {"before the first token": 0, "half-way": 0.5, "at the end": 1}
figures.explained(
    list(kept),
    {
        name: [explained(c, at) for c in kept.values()]
        for name, at in places.items()
    },
)

# %% [markdown]
# *See:* by step 60 it knows about half of what there is to know **when the
# answer stands there**, and much less on the way. Before the first token it
# is *worse* than a constant, and it gets no better: the policy improves,
# and the critic tells what was true some steps ago. It says 0.65 there on
# average, and 1.0 comes.
#
# What does it see, on the way? Two completions of the last step, one that
# was right and one that was not. Named are the tokens at which its opinion
# changed most.

# %%
last = kept[60]
long_ones = [c for c in last if 40 <= len(c) <= 130 and not c.truncated]
right = next(c for c in long_ones if c.rewards["accuracy_reward"] == 1)
wrong = next(c for c in long_ones if c.rewards["accuracy_reward"] == 0)
figures.watched(
    [
        (f"reward {c.reward:.1f} (dashed)", c.tokens, c.values, c.reward)
        for c in (right, wrong)
    ]
)

# %% [markdown]
# *See:* it noticed the opening `<think>`, which promises the 0.3 for the
# form. For the rest it says about 1.1 everywhere, to the right one and to
# the wrong one alike, even when the wrong answer has been written out. To
# know better it would have to do the sum. (These two are the first of
# their kind, not the worst. Wrong ones that never open a tag it often
# doubts.)
#
# So for most tokens this critic is little more than a running mean, and at
# λ = 1 its advantages are little more than $r$ minus that. A group of
# sixteen knows the mean of *this* problem, under *this* policy. Kazemnejad
# et al. (below) looked into critics of large models, and found them hardly
# better than chance at saying which of several next steps is a good one.

# %% [markdown]
# ## 6. What it costs: predict the bytes
#
# All through training a method holds
#
# - the policy's **weights**, which are trained;
# - for every weight that is trained: its **gradient**, and AdamW's two
#   moving averages (of the gradient, and of its square);
# - a **reference**, if there is a KL: a frozen copy of the policy;
# - a **critic**, if there is one, which is trained too.
#
# ### Exercise 4: the bill
#
# `weights` and `critic` are how many numbers policy and critic have (0 for
# no critic), each of `itemsize` bytes, the optimizer's too.


# %% tags=["exercise"]
def my_bytes(
    weights: int, critic: int, reference: bool, itemsize: int
) -> int:
    """How many bytes a method holds all through training, with AdamW."""
    raise NotImplementedError  # your code here


check.bytes_held(my_bytes)


# %% tags=["solution"]
def my_bytes(
    weights: int, critic: int, reference: bool, itemsize: int
) -> int:
    """How many bytes a method holds all through training, with AdamW."""
    trained = weights + critic
    frozen = weights if reference else 0
    return itemsize * (4 * trained + frozen)


check.bytes_held(my_bytes)

# %% [markdown]
# The tiny model has 770,816 weights in float32. A critic of its own is a
# copy of its body and a linear layer on top, 129 more.
#
# **Before you go on:** how many MB does GRPO hold, without a reference? How
# many times that does PPO hold, with a reference and a critic of its own?
#
# Now let us measure. Each method takes a step for real, on the same
# completions, and then every tensor that it holds is counted.

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
print(f"{'':>18} {'predicted':>12} {'counted':>12} {'left over':>10}")
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
# The rule is right to within a few hundred bytes. **What is left over?**
# AdamW also counts, for every *tensor*, how many steps it has made, in four
# bytes: the policy has 38 tensors, and 38 × 4 = 152.
#
# And what comes and goes during a step? The full measurement, with more
# and longer completions, is recorded (`grpo-lab bench memory`; the machine
# is named in `docs/grpo-vs-ppo.md`).
#
# **Before you go on:** while completions are sampled, and while the update
# runs, there are more bytes: keys and values, activations. Are those larger
# or smaller than what is held?

# %%
ledger = json.loads((data_dir() / "results/memory-tiny.json").read_text())
figures.memory_ledger(ledger)

# %% [markdown]
# *See, on the left:* PPO with its own critic holds 2.25 times what GRPO
# holds. *On the right:* at this size that hardly matters, since what comes
# and goes is several times as large. It grows with the *tokens*; what is
# held grows with the *model*. Let us grow the model.

# %%
for name, n in (("tiny", 770_816), ("SmolLM2", 134_515_008), ("7B", 7e9)):
    grpo, ppo = 4 * 4 * n, 4 * (4 * (n + n) + n)
    print(
        f"{name:>8}: GRPO {grpo / 2**30:9.3f} GiB, "
        f"PPO with its own critic {ppo / 2**30:9.3f} GiB"
    )

# %% [markdown]
# At 7 billion weights the critic is the difference between two machines and
# one. (In practice much of it is held in 16 bits and cut into pieces over
# many GPUs; the proportions stay about the same.)
#
# ## 7. What it costs: seconds
#
# **Before you go on:** a step is sampling, asking the reference and the
# critic, forward and backward. In which of these does PPO do more?

# %%
figures.step_seconds(ledger)

# %% [markdown]
# *See:* sampling is the same work for all. PPO has to ask its critic before
# it knows an advantage (orange), and trains it (green). A step with a
# critic of its own took twice as long. A value head on the policy's hidden
# states is cheap in bytes, and still has to be asked.

# %% [markdown]
# ## 8. What it buys
#
# The same task, the same number of completions, three seeds each: 60 steps
# of 8 prompts × 16. Nothing was tuned for any of them
# (`python data/make.py compare`).
#
# **Before you go on:** GRPO, Dr. GRPO, RLOO, and PPO with λ = 1 and with
# λ = 0.95: in which order?

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
# *See:* at step 60 PPO lies where GRPO lies, no further from it than one
# seed from another. On the way it was ahead of it, with the two that leave
# out GRPO's division by the group's spread (Dr. GRPO, RLOO; notebooks 04
# and 11), and those end higher. RLOO is PPO at λ = 1 with the group for a
# critic: on this task, a critic that had to be learned bought nothing, at
# twice the time a step and more than twice the memory held.
#
# With λ = 0.95 every seed ends lower: the critic is believed, and it is
# wrong (section 5). It is young, too. One run of another seed whose critic
# learned three times as fast ended at .78 where this rate gave .53
# (`data/results/compare-ppo_lam95*-seed10.csv`); at λ = 1 that was not
# tried. (One small model, one task, three seeds, nothing tuned: elsewhere
# a critic may well earn its keep.)

# %% [markdown]
# ## 9. When would you want a critic?
#
# - **When a group is too dear.** Sixteen completions a prompt are sixteen
#   times the tokens. An agent that takes an hour a try has no group.
# - **When rewards come on the way**, and not at the end alone.
# - **When a group would tie.** All wrong teaches GRPO nothing. A critic
#   that expected 0.1 has something to say.
#
# And when not: when a verifier is cheap, groups are large, and the second
# model would be the one that no longer fits. That is the case of R1.

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
# - A **critic** says before every token what is to be expected; a
#   **surprise** is what a token changed about that. **GAE** adds up
#   surprises, later ones faded by λ.
# - A small λ believes the critic: **bias** where it is wrong. λ = 1
#   believes what came: **noise**. With one reward at the end of a long
#   completion, anything below 1 cuts the beginning off.
# - At λ = 1 with the group's mean for a critic, **PPO is Dr. GRPO**, and
#   with the mean of the others RLOO.
# - A trained weight costs **four** times its size, a frozen one once. PPO
#   with its own critic holds 2.25 times what GRPO without a reference
#   holds, and asks and trains a second model at every step.
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
#   arXiv:2403.17031. The clipped value loss, and where the score goes.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.1: why the
#   critic was left out.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948, version 2.
#   Supplementary A.3 (1.3 in Nature's numbering): GRPO beside PPO, and what
#   λ does.
# - Kazemnejad et al. 2024, *VinePPO*, arXiv:2410.01679. How wrong critics
#   of language models are, and sampling in their place.
# - Hu et al. 2025, *Open-Reasoner-Zero*, arXiv:2503.24290. PPO with λ = 1
#   and γ = 1, and it works.
# - `docs/grpo-vs-ppo.md`: every figure of this notebook with the machine,
#   the work and the commands.
