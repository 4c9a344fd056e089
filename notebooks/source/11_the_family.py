# %% [markdown]
# # 11 · The family
#
# Since GRPO a new method with a short name has appeared almost every month.
# Most of them are GRPO with one line changed. Once you know which lines
# there are, you can read a new paper in five minutes and write your own
# method in one line. Here you compare all of them on the same completions,
# and then on the same task, with error bars.
#
# **After this notebook you will be able to**
# - describe any method of the family by five choices,
# - say which methods are the same under another name, and when they stop
#   being the same,
# - write the three aggregations, GSPO's ratio and DAPO's loss without the
#   common mistakes,
# - tell a real difference between methods from chance, with three seeds,
#   and
# - train a method of your own.
#
# **Time:** about 60 minutes, four exercises and an open one.
# **You need:** notebooks 04, 05 and 06. The runs come with the kit. No GPU,
# no network.

# %%
import numpy as np
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.course import lesson11 as check
from grpo_core.course.recordings import method_comparison, replay
from grpo_core.course.recordings.recorded_batch import (
    likeness,
    load_batch,
    push_of,
    variant_of,
)
from grpo_core.models.policy import load_policy

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

# %% [markdown]
# ## 1. Five choices
#
# Any loss of the family answers five questions:
#
# 1. **Advantage:** which baseline is subtracted, and what divides the
#    result? (notebook 04)
# 2. **Level:** is there a ratio per token or per completion?
# 3. **Surrogate:** what happens to a ratio that differs from 1?
#    (notebook 05)
# 4. **Aggregation:** how are tokens averaged into one number?
# 5. **KL:** which estimator, and in the loss or in the reward?
#    (notebook 06)
#
# A method is one answer to each. The kit implements methods in just this
# way: a preset is a row of settings, and a method that is missing is
# another row.

# %%
from grpo_core.algorithm.presets import PRESETS

head = f"{'':>10}  {'advantage':9} {'level':14} {'surrogate':9}"
print(f"{head} {'aggregation':16} KL")
for name in PRESETS:
    v = variant_of(name)
    where = "loss" if v.kl_in_loss else "reward"
    kl = f"{v.kl_estimator} in the {where}, {v.beta:g}" if v.beta else "-"
    level = v.importance_sampling_level
    row = f"{name:>10}  {v.scale_rewards:9} {level:14} {v.surrogate:9}"
    print(f"{row} {v.aggregation:16} {kl}")

# %% [markdown]
# (As an advantage, `none` means r − mean; as a surrogate, it means the
# plain policy gradient, A log π. PPO, the last row, is included for
# comparison: its advantages, `gae`, come from a critic, token by token.)
#
# **Before you go on:** find the two rows that differ only in the level.
# Find the row that differs from `dr_grpo` only in the surrogate and the
# aggregation. Which column has the most different entries?
#
# <details><summary>Answer</summary>
#
# `gspo` and `gspo_token` differ only in the level. `reinforce` has Dr.
# GRPO's advantage, level and KL. The surrogate has six different entries in
# this table. (`gspo` and `grpo` differ in the level, and also in the KL and
# in ε, which is not shown.)
#
# </details>

# %% [markdown]
# ## 2. One recorded batch
#
# Here are four groups of sixteen, recorded at step 5 of a run with four
# updates per batch. The samples and the rewards stay fixed. Only the preset
# changes, so every difference comes from the method.
#
# The figure shows the third group, before the first update. Each column is
# a preset. Each number is the mean push on a *token* of that completion:
# minus the gradient of the loss with respect to the token's
# log-probability, as in notebook 00. Adam does not depend on the overall
# scale of the gradient, so each column is scaled to a largest value of 1.
# PPO's critic has learned nothing yet, and predicts 0 everywhere.
#
# **Before you go on:** one completion is wrong and 80 tokens long, others
# are wrong and 8 tokens long. In which columns is the push on a token of
# the long one weaker than on a token of a short one?

# %%
run = replay.recorded("countdown-mu4-seed0")
batch = load_batch(run.step(5).groups, reference=load_policy("tiny"))
print(f"{len(batch.mask)} completions, {batch.mask.sum()} tokens")

group = list(range(32, 48))  # the rows of the third group
reward = [c.reward for c in batch.completions]
length = batch.mask.sum(dim=1).tolist()
group.sort(key=lambda i: (-reward[i], length[i]))


def per_token(push: torch.Tensor) -> list[float]:
    """Return the mean push per token of each completion of the group."""
    return [push[i].sum().item() / length[i] for i in group]


columns = {name: variant_of(name) for name in PRESETS}
pushes = {name: push_of(batch.first, v) for name, v in columns.items()}
pushes["ppo, λ 1"] = pushes.pop("ppo")
pushes["ppo, λ .95"] = push_of(batch.first, variant_of("ppo"), lam=0.95)
figures.push_grid(
    [f"{reward[i]:.1f}, {length[i]} tokens" for i in group],
    {name: per_token(push) for name, push in pushes.items()},
    "mean push per token",
)

# %% [markdown]
# *See:* there are three kinds of columns.
#
# - In `grpo`, `gspo`, `gspo_token`, `sapo` and `gmpo`, the push on a token
#   of the wrong answer with 8 tokens is ten times as strong as on a token
#   of the wrong answer with 80. Each completion has the same total weight,
#   which its tokens share. So **a long wrong answer is penalised less per
#   token**.
# - In the other columns of the family, all tokens of wrong answers get the
#   same push, and so do those of right answers. (`rloo` subtracts its KL
#   from the reward, so completions with equal rewards differ slightly.)
# - PPO is different. It has no groups, and its critic has learned nothing
#   yet, so each completion is compared with the whole *batch*: a completion
#   with a reward of 0.3, better than most of its group, gets a negative
#   push, because other groups did better. With λ = 0.95 the mean over a
#   completion hides the differences between its tokens; section 5 shows
#   them.
#
# ### Exercise 1: aggregation weights
#
# The push on a token is its advantage times a weight, and the aggregation
# determines the weight. Write it for three aggregations, with B completions
# in a batch:
#
# - `"sequence_mean"` (GRPO's paper): a mean within each completion, then a
#   mean over completions;
# - `"token_mean"` (DAPO): a mean over all tokens of the batch;
# - `"constant"` (Dr. GRPO): the sum over all tokens, divided by B times the
#   maximum length of a completion.


# %% tags=["exercise"]
def my_weights(
    mask: torch.Tensor, how: str, max_length: int
) -> torch.Tensor:
    """Return the weight of each token (B, T), 0 on padding."""
    raise NotImplementedError  # your code here


check.weights(my_weights)


# %% tags=["solution"]
def my_weights(
    mask: torch.Tensor, how: str, max_length: int
) -> torch.Tensor:
    """Return the weight of each token (B, T), 0 on padding."""
    if how == "sequence_mean":
        return mask / mask.sum(dim=1, keepdim=True) / len(mask)
    if how == "token_mean":
        return mask / mask.sum()
    return mask / (len(mask) * max_length)  # "constant"


check.weights(my_weights)

# %% [markdown]
# The last two differ by a factor that is the same for all tokens *of a
# batch*, but not from batch to batch: if completions are long, `token_mean`
# divides by more. `constant` is the only one of the three in which a token
# has the same weight in every batch of a run.

# %% [markdown]
# ## 3. Same or different?
#
# Many columns look alike. Are they? Each method gives one long list of
# pushes: 64 completions, all tokens. If the lists of two methods have the
# same *direction*, the two train the same way, up to the step size. The
# cosine between two lists is 1 if their directions are the same.
#
# To compare the methods without their KL terms, β is 0 in all of them.
#
# **Before you go on:** on the left, before the first update, all ratios
# are 1. How many *different* directions are there among the thirteen
# methods? And on the right, after three updates on the same batch?

# %%
names = [name for name in PRESETS if name != "ppo"]
variants = [variant_of(name, beta=0.0) for name in names]
figures.cosine_grid(
    names,
    {
        title: likeness([push_of(when, v) for v in variants])
        for title, when in (
            ("Before the first update", batch.first),
            ("Before the fourth", batch),
        )
    },
)

# %% [markdown]
# *See, on the left:* three blocks.
#
# | direction | methods |
# |---|---|
# | mean within a completion | `grpo` `gspo` `gspo_token` `sapo` `gmpo` |
# | all tokens equal | `dapo` `bnpo` `cispo` `luspo` `vespo` |
# | the same, not divided by the std | `dr_grpo` `rloo` `reinforce` |
#
# and the last two are nearly the same (.96). On the right hardly any two
# are alike: the ratios have moved, and each method treats them differently.
#
# **With one update per batch, thirteen names are three methods.** Level,
# surrogate and ε have no effect then: at a ratio of 1 all surrogates have
# the gradient of A log π. What is left is the advantage, the aggregation,
# and the KL. So the first question about any comparison is how many updates
# it makes per batch.
#
# (Two methods of the same direction may still train differently if
# something depends on the *norm* of the gradient. `reinforce` sums over
# tokens where `dr_grpo` takes a mean, so its gradient norm is some 256
# times as large, and `max_grad_norm` clips it to 1 at every step.)

# %% [markdown]
# ### Exercise 2: GSPO's ratio
#
# From the second update on, the level matters. GSPO argues that the reward
# belongs to the completion, so the ratio should too. Its ratio is the
# *geometric mean* of the tokens' ratios,
#
# $$s_i = \exp\Big(\frac{1}{|o_i|} \sum_t
#   \log \frac{\pi(o_{i,t})}{\pi_{old}(o_{i,t})}\Big)$$
#
# As in notebook 05 the old policy is a constant: **detach** its
# log-probabilities. On the first update of a batch they are the same tensor
# as the current ones.


# %% tags=["exercise"]
def my_ratio(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Return one ratio per completion (B,); the inputs are (B, T)."""
    raise NotImplementedError  # your code here


check.ratio(my_ratio)


# %% tags=["solution"]
def my_ratio(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Return one ratio per completion (B,); the inputs are (B, T)."""
    moved = (logprobs - old_logprobs.detach()) * mask
    return torch.exp(moved.sum(dim=1) / mask.sum(dim=1))


check.ratio(my_ratio)

# %% [markdown]
# How far from 1 are the ratios at the three levels, on the recorded batch
# after three updates? And how many completions does GSPO clip there, with
# its ε of 0.0003 and 0.0004?

# %%
from grpo_core.algorithm.levels import importance_ratio

for level in ("token", "sequence", "sequence_sum"):
    ratio = importance_ratio(
        batch.logprobs, batch.old_logprobs, batch.mask, level
    )
    ratio = ratio[batch.mask] if level == "token" else ratio.flatten()
    middle = (ratio.log().abs().median().exp() - 1).item()
    print(
        f"{level:>12}: {ratio.min():.2f} to {ratio.max():.2f}, "
        f"half of them within {middle:.1%} of 1"
    )
clipped = (push_of(batch, variant_of("gspo")) == 0).all(dim=1)
print(f"gspo clips {clipped.sum()} of {len(clipped)} completions")

# %% [markdown]
# Most token ratios are close to 1: half of them have moved by less than a
# tenth of a percent. A few have moved a lot. The *mean* over a completion
# damps those few; the *sum* adds them all up. By the sum, half of the
# completions are 60% away from 1, and RLOO's clip at 0.2 stops them.
#
# GSPO's mean stays close to 1, but its bounds are tighter still: 0.03%
# below and 0.04% above, while half of the completions are more than 1.5%
# away. So here it clips nearly all of them. Those bounds were chosen for a
# large model that takes small steps. **A good ε depends on the learning
# rate**: do not copy one without the other.
#
# The next figure shows a right and a wrong completion token by token under
# three methods, before that fourth update.

# %%
good = next(i for i in group if reward[i] > 1 and length[i] == 48)
bad = next(i for i in group if reward[i] == 0 and length[i] == 28)
lines = []
for name in ("grpo", "gspo", "cispo"):
    push = push_of(batch, variant_of(name, beta=0.0))
    push = push / push[[good, bad]].abs().max().clamp(min=1e-9)
    for label, i in (("right", good), ("wrong", bad)):
        tokens = batch.completions[i].tokens
        lines.append((f"{name}, {label}", tokens, push[i].tolist()))
figures.token_values(lines, "push (largest of the two = 1)", width=66)

# %% [markdown]
# *See:* under GRPO all tokens still get a push, except the few whose ratio
# has moved far enough: `6` and `no` in the right completion, `12`, `)` and
# `<eos>` in the wrong one. GSPO treats a completion as a whole, and both
# have moved far enough: no token gets a push. Under CISPO every token gets
# one. `no`, whose probability rose most, has the largest weight, and
# `<eos>` in the wrong completion hardly any, because its ratio is near 0.
# (The wrong completion did find the solution, wrote *yes*, and then did not
# give an answer.)

# %% [markdown]
# ### Exercise 3: DAPO's loss, in parts
#
# DAPO changes four things at once. It raises the upper bound of the clip
# (0.28). It averages over all tokens. It resamples in place of groups with
# zero reward variance. And it penalises completions that come near the
# length limit.
#
# Write the loss: it contains the first two changes, and the others happen
# before it is called. The difficulty is not the formula but the trainer
# around it: a batch does not fit into memory at once, so the loss is called
# with a few completions at a time, and the gradients of these
# **micro-batches** are added up. The sum must be the gradient of the whole
# batch. `tokens` is the number of tokens in the *whole* batch. (The bounds
# are 1 − `low` and 1 + `high`, and the old log-probabilities are detached,
# as before.)


# %% tags=["exercise"]
def my_dapo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    low: float,
    high: float,
    tokens: int,
) -> torch.Tensor:
    """Return a micro-batch's (B, T) share of the whole batch's loss."""
    raise NotImplementedError  # your code here


check.dapo(my_dapo)


# %% tags=["solution"]
def my_dapo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    low: float,
    high: float,
    tokens: int,
) -> torch.Tensor:
    """Return a micro-batch's (B, T) share of the whole batch's loss."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / tokens


check.dapo(my_dapo)

# %% [markdown]
# ## 4. All of them on Countdown
#
# Here are eight methods on the tiny model with three seeds each, made by
#
#     python data/make.py compare --jobs 2
#
# Each samples the same number of completions, 7,680, that is 60 steps of 8
# prompts × 16. (DAPO resamples in place of groups with zero reward
# variance, so it makes one or two steps less: the completions that it
# discards count too.) Everything else is equal: the learning rate, one
# update per batch, and a KL coefficient of 0.001 if the method has a KL at
# all. Nothing was tuned for any method.
#
# **Before you go on:** with one update per batch, you know from section 3
# which methods are nearly the same. Which curves should coincide? And which
# of the two PPOs will be worse, the one that uses all the reward that
# follows a token (λ = 1), or the one that relies on its critic (λ = 0.95)?

# %%
figures.family_curves(
    method_comparison.curves("eval/accuracy"),
    "completions sampled (thousands)",
    "held-out accuracy",
)

# %% [markdown]
# *See:* all of them learn, and none has converged: the figure shows how
# fast they learn, not how far they get. **Section 3 was right:** the curves
# of Dr. GRPO, RLOO and REINFORCE coincide, and so do those of GRPO and GSPO
# (GRPO has a small KL, GSPO has none). GRPO starts slowly: its mean within
# each completion gives most of the gradient to the many short wrong answers
# at the beginning. Later it catches up with DAPO and with PPO at λ = 1, but
# not with Dr. GRPO. PPO with λ = 1 is in the middle, without any group.
# With λ = 0.95 it does not improve for 2,500 completions, and ends last.
#
# For a while, methods with the same direction even agree seed by seed,
# because the same seed gives the same prompts and the same random numbers.
# After 2,560 completions:

# %%
for names in (("dr_grpo", "rloo", "reinforce"), ("grpo", "gspo")):
    for name in names:
        seeds = [
            method_comparison.after(frame, "eval/accuracy", drawn=2560)
            for frame in method_comparison.frames(name)
        ]
        print(f"{name:>10}:", "  ".join(f"{a:.3f}" for a in seeds))

# %% [markdown]
# Three papers, nearly the same numbers. That is no criticism of the papers:
# the methods differ if a batch is used more than once, and the papers
# differ in what they explain.

# %% [markdown]
# ### Exercise 4: a standard error
#
# Run anything twice with different seeds, and the results differ. So before
# you say that one method is better than another, you need to know how far
# apart the means of S seeds can be *by chance alone*.
#
# You have M methods with S seeds each. Three seeds say little about the
# variance of one method. So pool the methods: take the variance within each
# method, and average those. (That assumes that all methods have the same
# variance.) From this follows the **standard error of a difference**: the
# standard deviation of the difference of two means, if everything were run
# again.
#
# <details><summary>Hint: two rules</summary>
#
# The variance of a mean of S numbers is 1/S of the variance of one. The
# variance of a difference of two independent numbers is the sum of their
# variances.
#
# </details>


# %% tags=["exercise"]
def my_error(finals: torch.Tensor) -> float:
    """Return the standard error of a difference, from results (M, S)."""
    raise NotImplementedError  # your code here


check.error(my_error)


# %% tags=["solution"]
def my_error(finals: torch.Tensor) -> float:
    """Return the standard error of a difference, from results (M, S)."""
    variance = finals.var(dim=1).mean()
    return (2 * variance / finals.shape[1]).sqrt().item()


check.error(my_error)

# %% [markdown]
# Now simulate chance. Take eight methods that are **all the same**, three
# seeds each, 40,000 times. By how many standard errors do two of them
# differ at most, in 19 of 20 comparisons? And the *best* and the *worst*?
#
# **Before you go on:** guess the second number. The best and the worst are
# the widest of 28 pairs.

# %%
ends = method_comparison.ends("eval/accuracy")
values = np.array(list(ends.values()))
error = method_comparison.standard_error(values)
pair, widest = method_comparison.by_chance(methods=len(values), seeds=3)
print(f"standard error of a difference: {error:.3f}")
print(f"one pair, chosen before: {pair:.2f} errors, {pair * error:.3f}")
print(f"best and worst of all:   {widest:.2f} errors, {widest * error:.3f}")

# %%
figures.finals(
    ends,
    "held-out accuracy after 7,680 completions",
    {
        "chance, one pair": pair * error,
        "chance, the widest pair": widest * error,
    },
)

# %% [markdown]
# *See:* compare the two lengths with the differences between the means.
#
# - **PPO with λ = 0.95 is worse** than all others except DAPO by more than
#   chance gives for the widest pair. That is a real difference.
# - **Dr. GRPO is better than GRPO** by more than chance gives for one pair,
#   and it is the pair that its paper names. But it is less than chance
#   gives for the widest pair, so if you picked this pair from the figure,
#   you may have picked chance. The difference is likely; more seeds would
#   tell.
# - **GRPO, GSPO, DAPO and PPO with λ = 1:** no difference is visible. That
#   does not mean that there is none. (Of GRPO and GSPO we know that there
#   is hardly any; from this figure alone we would not.)
#
# The time of the comparison matters too. A third of the way through, seeds
# are much closer together, and GRPO's slow start is far beyond chance:
# section 6 shows it.
#
# And look at the dots before you rely on this standard error. It assumes
# that all methods have the same variance, but the seeds of DAPO, GSPO and
# PPO with λ = 0.95 are three times as far apart as those of PPO with λ = 1.

# %% [markdown]
# ## 5. Why λ = 0.95 is worse
#
# DeepSeek's authors saw the same with 16 billion weights: PPO at the usual
# λ = 0.95 does "considerably worse than GRPO", and at λ = 1 comes near it
# (R1, version 2, supplementary A.3). Why?
#
# λ determines how far a token's advantage looks ahead before it relies on
# the critic instead. At the start of a run the critic predicts 0
# everywhere. Then the advantage of a token is the reward times λ to the
# power of its distance to the end (minus the mean over all tokens). Here is
# a right completion under GRPO and under both PPOs:

# %%
lines = []
for label, name, lam in (
    ("grpo", "grpo", 1.0),
    ("ppo, λ 1", "ppo", 1.0),
    ("ppo, λ .95", "ppo", 0.95),
):
    push = push_of(batch.first, variant_of(name, beta=0.0), lam)[good]
    tokens = batch.completions[good].tokens
    lines.append((label, tokens, (push / push.abs().max()).tolist()))
figures.token_values(lines, "push (largest = 1)", width=66)

# %% [markdown]
# *See:* under GRPO and PPO with λ = 1 all tokens get the same positive
# push. With λ = 0.95 the last tokens get nearly all of it, `</answer>` and
# `<eos>` most of all. At the decisions, 40 tokens earlier, an eighth of the
# reward arrives ($0.95^{40} = 0.13$). That is less than the mean over all
# tokens, so the push on them is even slightly negative.
#
# **Before you go on:** what does a policy learn first if only its last
# twenty tokens get a signal? Accuracy, format, or length?

# %%
figures.method_curves(
    {
        method_comparison.METHODS[name]: method_comparison.frames(name)
        for name in ("ppo", "ppo_lam95")
    }
)

# %% [markdown]
# *See, in the middle:* the format. The tags are at the end of a completion,
# so for most of the run λ = 0.95 is *better* there. On the right, its
# completions even get shorter at first: it learns to close its tags and
# does not learn to search, because a search begins forty tokens before it
# pays. Accuracy follows only when the critic predicts what a good beginning
# is worth. **With λ below 1, the critic has to be good before the policy
# can learn.** A group needs no such training.
#
# So is λ = 0.95 a bad method? Or was the shared learning rate unfair to it?
# Its critic has a learning rate of 0.0003, like every policy here. Here is
# a run on a seed other than the three (one should not tune on those), with
# a learning rate of 0.001 for the critic:

# %%
for name in ("ppo_lam95", "ppo_lam95_critic"):
    (frame,) = method_comparison.frames(name, seeds=[10])
    print(
        f"{name:>16}: {method_comparison.after(frame, 'eval/accuracy'):.3f}"
    )

# %% [markdown]
# It is level with λ = 1. One run is a hint and not a result, but the hint
# is strong: **"nothing was tuned" does not make a comparison fair.** A
# method with one more setting has one more way to be set badly.

# %% [markdown]
# ## 6. Your own method
#
# Every choice is a dictionary from names to functions, so a new option is
# one line. For instance: *learn only from completions with a positive
# advantage.* (Xiong et al. found that this simple idea, rejection sampling,
# comes surprisingly close to GRPO.)
#
# **Before you go on:** if completions with a negative advantage are
# ignored, what happens to diversity? Will twenty steps of it be better or
# worse than GRPO's?

# %% tags=["measured"]
from grpo_core.algorithm.advantages import ADVANTAGES, group_scaled
from grpo_core.core.config import GRPOConfig
from grpo_core.training.trainer import Trainer

# The line. It takes rewards (N, G), one row per group. What it returns
# for a group with equal rewards does not matter: the kit sets that to 0.
ADVANTAGES["mine"] = lambda r, eps: group_scaled(r, eps).clamp(min=0)

mine = GRPOConfig.from_dict(
    PRESETS["grpo"]
    | {"scale_rewards": "mine", "beta": 0.001, "seed": 0}
    | {"max_steps": 20, "eval_steps": 0, "threads": 1}
)
for step in Trainer(mine):
    if step.index % 5 == 0:
        measured = {
            k: step.metrics[k]
            for k in ("eval/accuracy", "reward", "entropy")
            if k in step.metrics
        }
        print(step.index, {k: round(v, 3) for k, v in measured.items()})
accuracy = step.metrics["eval/accuracy"]

# %% [markdown]
# Twenty steps, trained here, compared with what the other methods had
# reached after the same number of completions:

# %% tags=["measured"]
drawn = 20 * 128
others = method_comparison.ends("eval/accuracy", drawn)
pair, widest = method_comparison.luck(others)
figures.finals(
    others | {"mine": [accuracy]},
    "held-out accuracy after 2,560 completions",
    {"chance, one pair": pair, "chance, the widest pair": widest},
)

# %% [markdown]
# *See:* one dot beside three per method. A third of the way through, the
# seeds of a method are close together, and both lengths are short. A single
# dot outside them is a reason to run two more seeds, and no more than that.
#
# ### Your turn
#
# Change the line, and run both cells again (a minute). Some ideas:
#
# - the median as the baseline: `r - r.median(dim=1, keepdim=True)[0]`;
# - ranks instead of rewards: `r.argsort(1).argsort(1)`, and then? (What
#   about completions with equal rewards?)
# - a surrogate: a new file in `grpo_core/algorithm/methods/`, copied from
#   the one there that is closest to it. `docs/algorithms.md` explains how;
#   the run, the formula lens and the tests then know it.
#
# Before you believe the result, run other seeds without changing anything
# else. `grpo-lab train --preset grpo --set scale_rewards=batch` trains any
# combination that the kit has, and the dashboard overlays the runs.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(once="", long="", budget="", seeds="", lam="", variant="")

# %% tags=["solution"]
check.quiz(once="b", long="a", budget="c", seeds="b", lam="c", variant="a")

# %% [markdown]
# ## Summary
#
# - A method of the family is **five choices**. A new paper is a new row, or
#   a new function for one choice.
# - With **one update per batch** thirteen names are three directions:
#   level, surrogate and ε have no effect. Ask for the number of updates
#   first.
# - The **aggregation** determines how much a long wrong answer is
#   penalised. `constant` divides by the *limit*, not by the longest
#   completion of the batch.
# - GSPO's ratio is the exponential of a **mean of logarithms**, and a good
#   ε depends on the learning rate.
# - The loss of a micro-batch is divided by the number of tokens in the
#   **whole** batch.
# - PPO with λ = 0.95 and an untrained critic gets a signal only at the end,
#   and learns the format first.
# - **Three seeds** can show large differences, but not small ones. By
#   chance, the best and the worst of many methods differ more than a pair
#   that was chosen in advance. Show every run.
#
# **Next:** notebook 12 shows what a policy does to a reward that can be
# fooled.
#
# ### Further reading
#
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. GRPO: equation 3.
# - Liu et al. 2025, *Understanding R1-Zero-Like Training: A Critical
#   Perspective*, arXiv:2503.20783. Dr. GRPO: section 3.2 on the constant.
# - Yu et al. 2025, *DAPO: An Open-Source LLM Reinforcement Learning System
#   at Scale*, arXiv:2503.14476. Section 3: four changes, one at a time.
# - Zheng et al. 2025, *Group Sequence Policy Optimization*,
#   arXiv:2507.18071. GSPO: equation 7.
# - MiniMax 2025, *MiniMax-M1*, arXiv:2506.13585. CISPO: equation 4.
# - Ahmadian et al. 2024, *Back to Basics: Revisiting REINFORCE Style
#   Optimization for Learning from Human Feedback in LLMs*,
#   arXiv:2402.14740. RLOO, and why a completion may be one action.
# - Schulman et al. 2017, *Proximal Policy Optimization Algorithms*,
#   arXiv:1707.06347, and 2016, *High-Dimensional Continuous Control Using
#   Generalized Advantage Estimation*, arXiv:1506.02438: PPO and λ.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. PPO at λ 0.95 and 1.
# - Xiong et al. 2025, *A Minimalist Approach to LLM Reasoning: from
#   Rejection Sampling to Reinforce*, arXiv:2504.11343.
# - Agarwal et al. 2021, *Deep Reinforcement Learning at the Edge of the
#   Statistical Precipice*, arXiv:2108.13264. What a few seeds can say.
# - Williams 1992, *Simple Statistical Gradient-Following Algorithms for
#   Connectionist Reinforcement Learning*, Machine Learning 8, 229–256.
