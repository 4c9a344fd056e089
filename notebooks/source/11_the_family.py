# %% [markdown]
# # 11 · The family
#
# Since GRPO a new method with four letters has appeared every month. Most
# are GRPO with one line changed, and once you know which lines there are,
# you can read a new paper in five minutes, and write your own method in
# one. Here you hold all of them against the same completions, and then
# against the same problem, with honest error bars.
#
# **After this notebook you will be able to**
# - read any method of the family as five choices,
# - say which methods are the same under another name, and when they cease
#   to be,
# - write the three aggregations, GSPO's ratio and DAPO's loss without the
#   usual slips,
# - tell a difference between methods from luck, with three seeds, and
# - train a method of your own.
#
# **Time:** about 60 minutes, four exercises and a free one.
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
# ## 1. Five switches
#
# Take any loss of the family apart, and you find five questions:
#
# 1. **Advantage:** better than what, and divided by what? (notebook 04)
# 2. **Level:** what has a ratio of its own, a token or a completion?
# 3. **Surrogate:** what is done with a ratio that has left 1? (notebook 05)
# 4. **Aggregation:** how do tokens become one number?
# 5. **KL:** which estimator, and in the loss or in the reward? (notebook
#    06)
#
# A method is an answer to each. The kit has nothing else: a preset is a row
# of settings, and a method that is not there yet is another row.

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
# (`none` as an advantage is r − mean, and as a surrogate the plain policy
# gradient, A log π. PPO, the last row, stands beside the family: its
# advantages, `gae`, come from a critic, token by token.)
#
# **Before you go on:** find the two rows that differ from each other in one
# switch only, the level. Find the row that differs from `dr_grpo` in
# nothing but the surrogate and the aggregation. Which switch has the most
# choices?
#
# <details><summary>Answer</summary>
#
# `gspo` and `gspo_token` differ in the level alone. `reinforce` has Dr.
# GRPO's advantage, level and KL. The surrogate has six choices in this
# table. (`gspo` and `grpo` differ in the level, and also in the KL and in
# ε, which is not shown.)
#
# </details>

# %% [markdown]
# ## 2. One frozen batch
#
# Four groups of sixteen, recorded at step 5 of a run that learns four times
# from each batch. The samples and the rewards stay as they are. Only the
# row changes, so what differs is the method.
#
# Here is the third group, before the first update. Each column is a preset;
# each number says how hard one *token* of that completion is pushed, on
# average, and which way (minus the slope of the loss, as in notebook 00).
# Adam does not mind how large all pushes are together, so each column has
# its largest at 1. PPO's critic has learned nothing yet, and expects 0 of
# everything.
#
# **Before you go on:** one completion is wrong and 80 tokens long, others
# are wrong and 8 tokens long. In which columns will a token of the long one
# be pushed down less than a token of a short one?

# %%
run = replay.recorded("countdown-mu4-seed0")
batch = load_batch(run.step(5).groups, reference=load_policy("tiny"))
print(f"{len(batch.mask)} completions, {batch.mask.sum()} tokens")

group = list(range(32, 48))  # the rows of the third group
reward = [c.reward for c in batch.completions]
length = batch.mask.sum(dim=1).tolist()
group.sort(key=lambda i: (-reward[i], length[i]))


def a_token(push: torch.Tensor) -> list[float]:
    """The mean push on a token of each completion of the group."""
    return [push[i].sum().item() / length[i] for i in group]


columns = {name: variant_of(name) for name in PRESETS}
pushes = {name: push_of(batch.first, v) for name, v in columns.items()}
pushes["ppo, λ 1"] = pushes.pop("ppo")
pushes["ppo, λ .95"] = push_of(batch.first, variant_of("ppo"), lam=0.95)
figures.push_grid(
    [f"{reward[i]:.1f}, {length[i]} tokens" for i in group],
    {name: a_token(push) for name, push in pushes.items()},
    "push on a token",
)

# %% [markdown]
# *See:* the columns are of three kinds.
#
# - In `grpo`, `gspo`, `gspo_token`, `sapo` and `gmpo` a token of the wrong
#   answer with 8 tokens is pushed down ten times as hard as one of the
#   wrong answer with 80. Each completion has the same say, and its tokens
#   share it. So **a long wrong answer is cheap**.
# - In the other columns of the family all tokens of wrong answers are
#   pushed alike, and so are those of right ones. (`rloo` takes its KL from
#   the reward, so completions with one reward differ a little.)
# - PPO stands apart. It knows no groups, and its critic knows nothing yet,
#   so it compares with the whole *batch*: a completion with 0.3, better
#   than most of its group, is pushed down, for other groups did better. And
#   with λ = 0.95 the mean over a completion hides something. Section 5
#   looks inside.
#
# ### Exercise 1: who has how large a say
#
# The push on a token is its advantage times a weight, and the weight is the
# aggregation. Write it for three of them, B completions in a batch:
#
# - `"sequence_mean"` (GRPO's paper): a mean within each completion, then a
#   mean over completions;
# - `"token_mean"` (DAPO): a mean over all tokens of the batch;
# - `"constant"` (Dr. GRPO): the sum over all tokens, divided by B times the
#   length that a completion may have at most.


# %% tags=["exercise"]
def my_weights(
    mask: torch.Tensor, how: str, max_length: int
) -> torch.Tensor:
    """What each token counts, 0 on padding: mask (B, T) -> (B, T)."""
    raise NotImplementedError  # your code here


check.weights(my_weights)


# %% tags=["solution"]
def my_weights(
    mask: torch.Tensor, how: str, max_length: int
) -> torch.Tensor:
    """What each token counts, 0 on padding: mask (B, T) -> (B, T)."""
    if how == "sequence_mean":
        return mask / mask.sum(dim=1, keepdim=True) / len(mask)
    if how == "token_mean":
        return mask / mask.sum()
    return mask / (len(mask) * max_length)  # "constant"


check.weights(my_weights)

# %% [markdown]
# The two lower ones differ by a factor that is the same for all tokens *of
# a batch*. But not from batch to batch: where completions are long,
# `token_mean` divides by more. `constant` is the only one of the three in
# which a token counts the same in every batch of a run.

# %% [markdown]
# ## 3. The same or not?
#
# Many columns look alike. Are they? Each method gives one long list of
# pushes, 64 completions, all tokens. Two methods with the same *direction*
# train the same, up to the length of a step. The cosine between the lists
# is 1 for the same direction.
#
# To see the methods and not their leashes, β is 0 in all of them.
#
# **Before you go on:** on the left, before the first update, all ratios
# are 1. How many *different* directions are there among the thirteen? And
# on the right, after three updates on the same batch?

# %%
names = [name for name in PRESETS if name != "ppo"]
variants = [variant_of(name, beta=0.0) for name in names]
figures.likeness(
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
# | all tokens alike | `dapo` `bnpo` `cispo` `luspo` `vespo` |
# | these, not divided by the std | `dr_grpo` `rloo` `reinforce` |
#
# and the last two are nearly one (.96). On the right hardly two are alike:
# the ratios have moved, and each method makes something else of that.
#
# **With one update a batch, thirteen names are three methods.** The level,
# the surrogate and ε do nothing then: at a ratio of 1 all of them have the
# slope of A log π. What is left is the advantage, the aggregation, and the
# KL. So the first thing to ask of a comparison is: how many updates a
# batch?
#
# (Two of the same direction may still train differently, where something
# looks at the *length* of the gradient. `reinforce` adds up where `dr_grpo`
# takes a mean, so its gradient is some 256 times as long, and
# `max_grad_norm` cuts it to 1 at every step.)

# %% [markdown]
# ### Exercise 2: GSPO's ratio
#
# From the second update on the level matters. GSPO's argument: the reward
# belongs to the completion, so the ratio should too. Its ratio is the
# *geometric mean* of the tokens' ratios,
#
# $$s_i = \exp\Big(\frac{1}{|o_i|} \sum_t
#   \log \frac{\pi(o_{i,t})}{\pi_{old}(o_{i,t})}\Big)$$
#
# As in notebook 05 the old policy is a constant: **detach** its log-probs.
# On the first update of a batch they are the very tensor that is learned.


# %% tags=["exercise"]
def my_ratio(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Log-probs and mask (B, T) -> one ratio a completion, (B,)."""
    raise NotImplementedError  # your code here


check.ratio(my_ratio)


# %% tags=["solution"]
def my_ratio(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Log-probs and mask (B, T) -> one ratio a completion, (B,)."""
    moved = (logprobs - old_logprobs.detach()) * mask
    return torch.exp(moved.sum(dim=1) / mask.sum(dim=1))


check.ratio(my_ratio)

# %% [markdown]
# How far apart are the three levels, on the frozen batch after three
# updates? And what does GSPO's ε of 0.0003 and 0.0004 leave of it?

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
silent = (push_of(batch, variant_of("gspo")) == 0).all(dim=1)
print(f"gspo leaves {silent.sum()} of {len(silent)} completions unpushed")

# %% [markdown]
# A token is nearly always where it was: half of them have not moved by a
# tenth of a percent. A few have moved a lot. The *mean* over a completion
# calms those few down, the *sum* lets them all add up: half of the
# completions are 60% away from 1 by that measure, and RLOO's clip at 0.2
# stops them.
#
# GSPO's mean is calm, and its bounds are calmer still: 0.03% below, 0.04%
# above, and half of the completions are further than 1.5%. So here it is
# all but silent. Those bounds were chosen for a large model that takes
# small steps. **An ε belongs to a learning rate**, and does not travel
# without it.
#
# Token by token: a right completion and a wrong one under three methods,
# before that fourth update.

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
# *See:* GRPO goes on pushing all tokens but the few that have come far
# enough: `6` and `no` in the right one, `12`, `)` and `<eos>` in the wrong
# one. GSPO judges a completion as a whole, and both have come far enough:
# not one token is pushed. CISPO silences nobody. `no`, which rose most, has
# the largest weight, and `<eos>` in the wrong one hardly any, since its
# ratio is near 0. (The wrong one found the answer, by the way, wrote *yes*,
# and forgot to give it.)

# %% [markdown]
# ### Exercise 3: DAPO's loss, in pieces
#
# DAPO changes four things at once: the upper bound of the clip (0.28), the
# aggregation (by token), it draws again for groups that teach nothing, and
# it takes points off completions that come near the limit.
#
# Write the loss: the first two are in it, and the others are done before it
# is called. The trap is not the formula but the trainer around it: a batch
# does not fit into memory at once, so the loss is called with a few
# completions at a time, and the gradients of these **micro-batches** add
# up. They have to add up to the gradient of the whole batch. `tokens` is
# the number of tokens in the *whole* batch. (The bounds are 1 − `low` and
# 1 + `high`, and the old log-probs are detached, as before.)


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
    """A micro-batch (B, T) -> its share of the loss of the whole batch."""
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
    """A micro-batch (B, T) -> its share of the loss of the whole batch."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / tokens


check.dapo(my_dapo)

# %% [markdown]
# ## 4. All of them on Countdown
#
# Eight methods, the tiny model, three seeds each, by
#
#     python data/make.py compare --jobs 2
#
# Each draws the same number of completions, 7,680, that is 60 steps of 8
# prompts × 16. (DAPO draws again for groups that tie, so it gets through a
# step or two less: what it threw away was drawn too.) All else is alike:
# the learning rate, one update a batch, a KL coefficient of 0.001 where the
# method has a KL at all. Nothing was tuned for anybody.
#
# **Before you go on:** with one update a batch you know from section 3
# which methods are nearly one. Which curves should lie on each other? And
# which of the two PPOs will be behind, the one that looks at the whole rest
# of the completion (λ = 1), or the one that trusts its critic (λ = 0.95)?

# %%
figures.family_curves(
    method_comparison.curves("eval/accuracy"),
    "thousand completions drawn",
    "held-out accuracy",
)

# %% [markdown]
# *See:* all of them learn, and none has finished: this says how fast, and
# not how far. **Section 3 was right:** Dr. GRPO, RLOO and REINFORCE are one
# curve, and so are GRPO and GSPO (GRPO has a small KL, GSPO has none). GRPO
# starts slowly: its mean within each completion spends most of the push on
# the many short wrong answers of the beginning. Later it comes up to DAPO
# and PPO with λ = 1, and not to Dr. GRPO.
# PPO with λ = 1 is in the middle of it, without any group. With λ = 0.95 it
# stands still for 2,500 completions, and ends last.
#
# Methods of one direction even agree seed by seed, for a while, since the
# same seed has the same prompts and the same dice. After 2,560 completions:

# %%
for names in (("dr_grpo", "rloo", "reinforce"), ("grpo", "gspo")):
    for name in names:
        seeds = [
            method_comparison.after(frame, "eval/accuracy", drawn=2560)
            for frame in method_comparison.frames(name)
        ]
        print(f"{name:>10}:", "  ".join(f"{a:.3f}" for a in seeds))

# %% [markdown]
# Three papers, one line of numbers. That is no criticism of the papers:
# they differ where a batch is used more than once, or in what they explain.

# %% [markdown]
# ### Exercise 4: a yardstick
#
# Run anything twice with another seed, and it comes out otherwise. So
# before you say that one method is better than another, you need to know
# how far two means of S seeds lie apart *when nothing is behind it*.
#
# You have M methods with S seeds each. Three seeds say little about how
# much a method scatters. So let all methods lend each other theirs: take
# the variance within each method, and average those. (That supposes that
# all scatter alike.) From it follows the **standard error of a
# difference**: by how much the difference of two means would scatter, were
# everything run again.
#
# <details><summary>Hint: two rules</summary>
#
# The variance of a mean of S numbers is 1/S of the variance of one. The
# variance of a difference of two independent numbers is the sum of theirs.
#
# </details>


# %% tags=["exercise"]
def my_error(finals: torch.Tensor) -> float:
    """One number a run (M, S) -> standard error of a difference."""
    raise NotImplementedError  # your code here


check.error(my_error)


# %% tags=["solution"]
def my_error(finals: torch.Tensor) -> float:
    """One number a run (M, S) -> standard error of a difference."""
    variance = finals.var(dim=1).mean()
    return (2 * variance / finals.shape[1]).sqrt().item()


check.error(my_error)

# %% [markdown]
# Now luck itself. Simulate eight methods that are **all the same**, three
# seeds each, 40,000 times. How many standard errors are two of them apart,
# at most, in 19 of 20 comparisons? And the *best* from the *worst*?
#
# **Before you go on:** guess the second number. It is the widest of 28
# pairs that one looks at, after all.

# %%
ends = method_comparison.ends("eval/accuracy")
values = np.array(list(ends.values()))
error = method_comparison.standard_error(values)
pair, widest = method_comparison.by_chance(methods=len(values), seeds=3)
print(f"standard error of a difference: {error:.3f}")
print(f"one pair, named before: {pair:.2f} errors, {pair * error:.3f}")
print(f"the best from the worst: {widest:.2f} errors, {widest * error:.3f}")

# %%
figures.finals(
    ends,
    "held-out accuracy after 7,680 completions",
    {
        "luck, one pair": pair * error,
        "luck, the widest pair": widest * error,
    },
)

# %% [markdown]
# *See:* lay the two lengths between the means.
#
# - **PPO with λ = 0.95 is behind** all others but DAPO by more than the
#   widest luck. That is no accident.
# - **Dr. GRPO before GRPO:** more than the luck of one pair, and it is the
#   pair that its paper names. But less than the widest luck, so whoever
#   picks it out of this picture may have picked luck. Likely; more seeds
#   would tell.
# - **GRPO, GSPO, DAPO and PPO with λ = 1:** no difference can be seen. That
#   is not the same as none. (Of GRPO and GSPO we know that there is hardly
#   any; from this picture alone we would not.)
#
# When one looks matters too. A third of the way, seeds lie much closer, and
# GRPO's slow start is beyond all luck: you will see it in section 6.
#
# And look at the dots before you trust the yardstick. It takes all methods
# to scatter alike, and the seeds of DAPO, GSPO and PPO with λ = 0.95 lie
# three times as far apart as those of PPO with λ = 1.

# %% [markdown]
# ## 5. Why λ = 0.95 falls behind
#
# DeepSeek's authors saw the same with 16 billion weights: PPO at the usual
# λ = 0.95 does "considerably worse than GRPO", and at λ = 1 comes near it
# (R1, version 2, supplementary A.3). Why?
#
# λ says how far a token's advantage looks ahead, and how soon it believes
# the critic instead. At the start of a run the critic expects 0 everywhere.
# Then the advantage of a token is the reward times λ to the power of its
# distance to the end (less the mean of all tokens). A right completion
# under GRPO and under both PPOs:

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
# *See:* under GRPO and PPO with λ = 1 the whole way is praised for where it
# led. With λ = 0.95 the last tokens get nearly all of it, `</answer>` and
# `<eos>` most of all. Where the decisions were made, 40 tokens earlier, an
# eighth of the reward arrives ($0.95^{40} = 0.13$), less than the mean over
# all tokens, so that they are even pushed down a little.
#
# **Before you go on:** what does a policy learn first that hears only about
# its last twenty tokens? Accuracy, form, or length?

# %%
figures.method_curves(
    {
        method_comparison.METHODS[name]: method_comparison.frames(name)
        for name in ("ppo", "ppo_lam95")
    }
)

# %% [markdown]
# *See, in the middle:* the form. The tags stand at the end of a completion,
# so for most of the run λ = 0.95 is *ahead* there. On the right its
# completions even get shorter at first: it learns to close its tags, and
# does not learn to search, for a search begins forty tokens before it pays.
# Only when the critic knows what a good beginning is worth does accuracy
# follow. **A critic has to be good before it can be believed.** In a group
# there is nothing to believe.
#
# So is λ = 0.95 a bad method? Or has the common learning rate been unfair
# to it? Its critic learns at 0.0003, like every policy here. On a seed that
# is none of the three (one tunes on none of those), with a critic that
# learns at 0.001:

# %%
for name in ("ppo_lam95", "ppo_lam95_critic"):
    (frame,) = method_comparison.frames(name, seeds=[10])
    print(
        f"{name:>16}: {method_comparison.after(frame, 'eval/accuracy'):.3f}"
    )

# %% [markdown]
# It is level with λ = 1. One run, so a hint and no result, but the hint is
# loud: **"nothing was tuned" is fair to nobody in particular.** A method
# with one more number to set has one more way to be set wrong.

# %% [markdown]
# ## 6. Your own
#
# Every switch is a dictionary from a name to a function, so a new choice is
# one line. For instance: *learn from the good ones and leave the bad ones
# alone.* (Xiong et al. found that this simplest of ideas, rejection
# sampling, comes surprisingly close to GRPO.)
#
# **Before you go on:** with bad completions left alone, what happens to
# variety? Will twenty steps of it be better or worse than GRPO's?

# %% tags=["measured"]
from grpo_core.algorithm.advantages import ADVANTAGES, group_scaled
from grpo_core.core.config import GRPOConfig
from grpo_core.training.trainer import Trainer

# The line. It takes rewards (N, G), one row a group; what it gives a
# group that ties does not matter, the kit makes that 0.
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
# Twenty steps, trained here and now, against what the others had reached
# after as many completions:

# %% tags=["measured"]
drawn = 20 * 128
others = method_comparison.ends("eval/accuracy", drawn)
pair, widest = method_comparison.luck(others)
figures.finals(
    others | {"mine": [accuracy]},
    "held-out accuracy after 2,560 completions",
    {"luck, one pair": pair, "luck, the widest pair": widest},
)

# %% [markdown]
# *See:* one dot against three. A third of the way the seeds of a method lie
# close together, and both lengths of luck are short. A single dot beyond
# them is a reason to run two more seeds, and no more than that.
#
# ### Your turn
#
# Change the line, and run both cells again (a minute). Some ideas:
#
# - the median as the baseline: `r - r.median(dim=1, keepdim=True)[0]`;
# - ranks instead of rewards: `r.argsort(1).argsort(1)`, and then? (Mind
#   completions with the same reward.)
# - a surrogate: a file of your own in `grpo_core/algorithm/methods/`, made
#   from the one there that is nearest to it. `docs/algorithms.md` says how;
#   the run, the formula lens and the tests then know it.
#
# Before you believe in it: other seeds, without touching anything else.
# `grpo-lab train --preset grpo --set scale_rewards=batch` trains what the
# kit knows, and the dashboard lays the runs on each other.

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
#   a new function on one switch.
# - With **one update a batch** thirteen names are three directions: level,
#   surrogate and ε do nothing. Ask for the number of updates first.
# - The **aggregation** decides how cheap a long wrong answer is. `constant`
#   divides by the *limit*, not by the longest completion of the batch.
# - GSPO's ratio is a **mean of logarithms**, and an ε belongs to a learning
#   rate.
# - The loss of a micro-batch is divided by the tokens of the **whole**
#   batch.
# - PPO with λ = 0.95 and a young critic hears about the end, and learns the
#   form first.
# - **Three seeds** can tell large differences and no small ones. The best
#   and the worst of many methods differ by luck more than any one pair.
#   Show every run.
#
# **Next:** notebook 12, what a policy does to a reward that can be fooled.
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
