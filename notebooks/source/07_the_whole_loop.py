# %% [markdown]
# # 07 · The whole loop
#
# You have written advantages, a verifier, a clipped objective and a KL.
# Here they become one loop, short enough to read in one go, and a real
# (tiny) model learns with it while you watch. Then you get four loops that
# someone else wrote. All four run, print a loss, and raise no error. All
# four are wrong. **Reinforcement learning code often fails silently**: that
# is what makes it hard to debug, and this notebook practises it.
#
# **After this notebook you will be able to**
# - write GRPO from sampling to the optimizer step,
# - show that a loop is right, by comparing it with one that is known to be
#   right,
# - read from its curves that something is wrong, and
# - write a test of a few lines that says what is wrong.
#
# **Time:** about 65 minutes, five exercises.
# **You need:** notebooks 00 to 06. The model comes with the kit. No GPU, no
# network.

# %%

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.core.paths import data_dir
from grpo_core.course import lesson07 as check
from grpo_core.course.toys import loop_variants
from grpo_core.course.widgets.board import Board
from grpo_core.models.policy import load_policy
from grpo_core.tasks import get_task

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

# %% [markdown]
# ## 1. What you have, and what is missing
#
# | part of the loop | where it comes from |
# |---|---|
# | sample a group for every prompt | notebook 03: `sample_groups` |
# | reward every completion | notebook 02: `RewardSum` |
# | rewards → advantages | notebooks 00, 04: `group_advantages` |
# | which tokens count | `completion_mask`, below |
# | **log-probabilities of the sampled tokens** | exercise 1 |
# | clipped surrogate of every token | notebook 05: your surrogate |
# | KL to the reference | notebook 06: `k3` |
# | **one loss** | exercise 2 |
# | update | AdamW |
#
# **The mask.** Completions have different lengths, but a tensor is
# rectangular: after its end-of-sequence (EOS) token, a completion is
# padded. The loss counts the tokens that the policy sampled: everything up
# to and *including* the EOS token.
#
# ### Exercise 1: log-probabilities of the sampled tokens
#
# A causal model reads prompt and completion at once. Its logits at
# **every** position predict the **next** token. The loss needs T numbers
# per row of them: for each token of the completion, its log-probability at
# the temperature at which it was sampled.
#
# All prompts here have P tokens. (In general their lengths differ. Then
# they are padded on the left, so that all completions begin at the same
# position.)


# %% tags=["exercise"]
def my_logprobs(
    logits: torch.Tensor,
    ids: torch.Tensor,
    prompt: int,
    temperature: float,
) -> torch.Tensor:
    """Return the completions' log-probs (B, T); logits (B, P + T, V)."""
    raise NotImplementedError  # your code here


check.logprobs(my_logprobs)


# %% tags=["solution"]
def my_logprobs(
    logits: torch.Tensor,
    ids: torch.Tensor,
    prompt: int,
    temperature: float,
) -> torch.Tensor:
    """Return the completions' log-probs (B, T); logits (B, P + T, V)."""
    before = logits[:, prompt - 1 : -1] / temperature
    logprobs = torch.log_softmax(before, dim=2)
    chosen = ids[:, prompt:].unsqueeze(2)
    return logprobs.gather(2, chosen).squeeze(2)


check.logprobs(my_logprobs)

# %% [markdown]
# ### Exercise 2: one loss
#
# Every token has a surrogate (clipped, notebook 05) and a KL (k3, notebook
# 06). The loss is minus the mean of surrogate − β · KL over **all tokens of
# the batch**.
#
# A whole batch is too large for one forward pass: its graph would not fit
# in the processor's cache, and on a GPU not in memory. So the batch is
# processed in *parts*, one group each, and their gradients are added up.
# For that, each part must be divided by the number of tokens in the whole
# batch. Write the loss of one part.
#
# Both functions below take and return (B, T), except that
# `my_surrogate(logprobs, old_logprobs, advantages, low, high)` takes the
# advantages as (B,). Clip at 0.2 on both sides.

# %%
from grpo_core.algorithm.kl import k3
from grpo_core.course.lesson05 import my_surrogate


# %% tags=["exercise"]
def my_loss(
    logprobs: torch.Tensor,  # (B, T)
    old_logprobs: torch.Tensor,  # (B, T)
    ref_logprobs: torch.Tensor,  # (B, T)
    advantages: torch.Tensor,  # (B,)
    mask: torch.Tensor,  # (B, T) bool
    beta: float,
    tokens: int,  # of the whole batch
) -> torch.Tensor:
    """Return this part's share of the batch's loss, one number."""
    raise NotImplementedError  # your code here


check.loss(my_loss)


# %% tags=["solution"]
def my_loss(
    logprobs: torch.Tensor,  # (B, T)
    old_logprobs: torch.Tensor,  # (B, T)
    ref_logprobs: torch.Tensor,  # (B, T)
    advantages: torch.Tensor,  # (B,)
    mask: torch.Tensor,  # (B, T) bool
    beta: float,
    tokens: int,  # of the whole batch
) -> torch.Tensor:
    """Return this part's share of the batch's loss, one number."""
    surrogate = my_surrogate(logprobs, old_logprobs, advantages, 0.2, 0.2)
    per_token = surrogate - beta * k3(logprobs, ref_logprobs)
    return -per_token[mask].sum() / tokens


check.loss(my_loss)

# %% [markdown]
# ## 2. The loop
#
# You now have all parts. The cell below uses the kit's copies of the two
# functions (`check.my_logprobs`, `check.my_loss`), so that it runs whether
# or not yours are finished. Once they are, use your own.
#
# Read it line by line. It uses only what notebooks 00 to 06 introduced.

# %%
from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.rewards import RewardSum
from grpo_core.tasks import columns_of
from grpo_core.training.sampling import sample_groups

G, T, BETA, LONGEST = 16, 1.0, 0.001, 160
task = get_task("countdown")
reward_sum = RewardSum(["accuracy_reward", "format_reward"], [1.0, 0.3])


def train_step(policy, reference, optimizer, problems, generator):
    """Take one GRPO step; return its loss, rewards and first group."""
    # a group of completions for every problem
    samples = sample_groups(
        policy,
        [problem.prompt for problem in problems],
        G,
        max_completion_length=LONGEST,
        temperature=T,
        generator=generator,
    )
    count = len(problems) * G
    texts = [policy.decode(samples.completion(i)) for i in range(count)]

    # their rewards, and their advantages within their group
    rows = [problem for problem in problems for _ in range(G)]
    parts, rewards = reward_sum([], texts, **columns_of(task, rows))
    advantages = group_advantages(torch.tensor(rewards).view(-1, G))
    advantages = advantages.flatten()

    # which tokens count
    mask = completion_mask(samples.completion_ids, policy.eos_ids)
    tokens, prompt = int(mask.sum()), samples.prompt_ids.shape[1]

    # the gradient, one group at a time
    optimizer.zero_grad()
    loss, first = 0.0, None
    for here in torch.arange(count).split(G):
        width = int(samples.lengths[here].max())
        completion = samples.completion_ids[here, :width]
        ids = torch.cat([samples.prompt_ids[here], completion], dim=1)
        logits = policy.model(input_ids=ids).logits
        logprobs = check.my_logprobs(logits, ids, prompt, T)
        with torch.no_grad():
            logits = reference.model(input_ids=ids).logits
            ref_logprobs = check.my_logprobs(logits, ids, prompt, T)
        logprobs.retain_grad()  # for the push on each token
        part = check.my_loss(
            logprobs,
            logprobs.detach(),
            ref_logprobs,
            advantages[here],
            mask[here, :width],
            BETA,
            tokens,
        )
        part.backward()
        loss += part.item()
        first = first or loop_variants.as_group(
            policy,
            problems[0],
            samples,
            here,
            parts=parts,
            rewards=rewards,
            advantages=advantages,
            logprobs=logprobs,
            push=-logprobs.grad,
        )

    # one optimizer step
    torch.nn.utils.clip_grad_norm_(policy.model.parameters(), 1.0)
    optimizer.step()
    return loss, parts, samples, first


# %% [markdown]
# The function around it sets up two copies of the model, an optimizer, a
# random number generator, problems in random order, and a learning rate
# that warms up over the first five steps.


# %%
def train(steps, seed=0):
    """Train the tiny model, and yield what each `train_step` returns."""
    policy = load_policy("tiny")
    reference = policy.frozen_copy()
    optimizer = torch.optim.AdamW(
        policy.model.parameters(),
        betas=(0.9, 0.95),
        weight_decay=0.0,
    )
    generator = torch.Generator().manual_seed(seed)
    batches = loop_variants.draw_problems(task, 8, steps, seed)
    for step, problems in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = 3e-4 * min(1.0, step / 5)
        yield train_step(policy, reference, optimizer, problems, generator)


# %% [markdown]
# ## 3. Is it right?
#
# It runs, but that proves nothing. If two independently written loops agree
# to six digits, step after step, that is strong evidence. The kit has a
# `Trainer`, which does the same computation with many optimisations, and
# tests compare it with a third implementation, the TRL library's. Same
# model, same seed, same settings:
#
# **Before you go on:** how far apart can two correct loops be? They add up
# the same numbers in a different order.

# %% tags=["measured"]
from grpo_core.core.config import GRPOConfig
from grpo_core.training.trainer import Trainer

config = GRPOConfig(
    seed=0,
    num_generations=G,
    generation_batch_size=8 * G,
    max_completion_length=LONGEST,
    temperature=T,
    beta=BETA,
    max_steps=5,
    eval_steps=0,
    eval_size=1,
    threads=1,
)
theirs = [step for step in Trainer(config) if step.groups]
ours = list(train(5))
print("step      our loss   the Trainer's   right: ours, theirs")
for step, (loss, parts, _, _) in zip(theirs, ours, strict=True):
    m = step.metrics
    right = sum(parts["accuracy_reward"]) / (8 * G)
    print(
        f"{step.index:>4} {loss:>13.6f} {m['loss']:>15.6f}"
        f" {right:>13.4f} {m['rewards/accuracy_reward/mean']:.4f}"
    )

# %% [markdown]
# Six digits agree at all five steps. It does not last: the sums are rounded
# differently, the difference grows, and at some step a different token is
# sampled. From there on the two are different runs. Two correct loops
# cannot agree more closely than that. (If the *first* line differs in the
# third digit, something is wrong.)
#
# ## 4. Watch it learn
#
# Now twenty steps, with the first group of each on the board. Every token
# is shaded by its push (minus the gradient of the loss with respect to its
# log-probability): blue if the update increases its probability, orange if
# it decreases it.
#
# **Before you go on:** what will the policy learn first: to use the
# required format, to be right, or to search? Will it write more or less?

# %%
board = Board()
display(board)
curve = {"right": [], "format": [], "tokens": []}
for _, parts, samples, group in train(20):
    curve["right"].append(np.mean(parts["accuracy_reward"]))
    curve["format"].append(np.mean(parts["format_reward"]))
    curve["tokens"].append(samples.lengths.float().mean().item())
    board.show(group)

# %% tags=["measured"]
for name, values in curve.items():
    first, last = np.mean(values[:5]), np.mean(values[-5:])
    print(f"{name:>8}: {first:.2f} in steps 1-5, {last:.2f} in 16-20")

# %% [markdown]
# *See:* a completion has one colour throughout, because its tokens share an
# advantage; a group in which all are pale has zero reward variance. In
# twenty steps the format improves, completions get longer and more of them
# are right. (The recorded run of notebook 09 continues to 125 steps.)
#
# You have written GRPO.
#
# ## 5. Four wrong loops
#
# Here are four versions of the same loop, each with one mistake. None
# raises an error, prints a warning or has a loss that is NaN or infinite.
# (A has its KL in the reward, as PPO has, and C samples at temperature 1.3.
# Neither is the mistake: each is compared with a right loop with the same
# settings.) This is what they print after their first step, all from the
# same seed:

# %% tags=["measured"]
print("              right format  tokens    loss  gradient")
for name, suspect in loop_variants.LOOPS.items():
    policy = load_policy("tiny")
    m = next(loop_variants.train(policy, task, suspect, steps=1, seed=0))
    rates = f"{m['accuracy']:.3f}  {m['format']:.3f} {m['length']:>7.1f}"
    print(f"{name:<12}  {rates} {m['loss']:>7.3f} {m['grad_norm']:>9.3f}")

# %% [markdown]
# *See:* all start from the same samples, so the rewards agree (except for C
# and its right loop, which sample at another temperature). The gradient
# norm of **A** is three times that of its right loop; those of **B** and
# **C** are smaller; that of **D** differs little. Would you have known the
# right value, without the line beside it? The loss does not help at all.
#
# The figure shows the first 25 steps of two of them, with smaller groups
# and a larger learning rate, so that the effects show sooner; one seed each
# (`python data/make.py loops`). Dashed: the right loop.
#
# **Before you go on:** which of the two would you have noticed from its own
# curve alone?

# %%
rows = pd.read_csv(data_dir() / "results" / "loops.csv")


def run_of(name):
    """Return the metrics of a loop by step, for its only seed."""
    return [rows[rows["loop"] == name].set_index("step")]


figures.symptoms(
    {name: (run_of(name), run_of("right")) for name in ("B", "D")},
    {
        "accuracy": ("Accuracy", "fraction right"),
        "format": ("Format", "fraction in the format"),
        "length": ("Length", "tokens"),
        "grad_norm": ("Gradient", "norm before clipping"),
    },
)

# %% [markdown]
# *See:* **B** learns something, but never the format. One would look for
# the mistake in the format reward. **D** cannot be told apart from the
# right loop; on this seed it ends with more right answers. (One seed says
# nothing about better or worse, and with eight prompts per step the curves
# are this noisy.)
#
# A curve shows at best *that* something is wrong, and only beside the curve
# of a right loop. **A property test shows which part is wrong**, and takes
# a second. What should one test? Something that must hold for every model,
# task and reward: a *property*. You know several:
#
# - a mask covers a completion up to and including its EOS token;
# - before the first update, every ratio is 1;
# - advantages are constants.
#
# ### Exercise 3: a test for the mask
#
# `mask_of(ids, end)` takes completions (B, T) and the id of the EOS token,
# and returns a mask (B, T). Return whether it is right: True or False. The
# check runs your test on right masks and on eight broken ones.
#
# One thing to know: many tokenizers have no padding token, and pad with the
# EOS token itself.


# %% tags=["exercise"]
def my_mask_test(mask_of) -> bool:
    """Return whether mask_of(ids (B, T), end) -> (B, T) is right."""
    raise NotImplementedError  # your code here


check.mask_test(my_mask_test)


# %% tags=["solution"]
def my_mask_test(mask_of) -> bool:
    """Return whether mask_of(ids (B, T), end) -> (B, T) is right."""
    end = 9
    ids = torch.tensor(
        [[5, 6, end, end, end], [7, end, end, end, end], [5, 6, 7, 5, 6]]
    )
    right = torch.tensor(
        [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]
    )
    return torch.equal(mask_of(ids, end).long(), right)


check.mask_test(my_mask_test)

# %% [markdown]
# ### Exercise 4: a test for log-probabilities
#
# You get the log-probabilities that a loop computed (B, T), those that were
# recorded during sampling (B, T), and the mask. Before the first update
# both belong to the same policy. How large a difference should the test
# allow? (Look again at the table of section 3.)


# %% tags=["exercise"]
def my_ratio_test(
    logprobs: torch.Tensor, sampled: torch.Tensor, mask: torch.Tensor
) -> bool:
    """Return whether log-probs (B, T) are those of the sampling."""
    raise NotImplementedError  # your code here


check.ratio_test(my_ratio_test)


# %% tags=["solution"]
def my_ratio_test(
    logprobs: torch.Tensor, sampled: torch.Tensor, mask: torch.Tensor
) -> bool:
    """Return whether log-probs (B, T) are those of the sampling."""
    off = (logprobs - sampled)[mask].abs()
    return bool(off.max() < 1e-3)


check.ratio_test(my_ratio_test)

# %% [markdown]
# ### Exercise 5: a test for advantages
#
# `advantages_of(rewards, logprobs, ref_logprobs, mask, beta)` subtracts β
# times the KL of each completion from its reward and compares the results
# within the group. It takes rewards (N, G) and three tensors (N · G, T),
# and returns advantages (N · G,). The policy gradient treats an advantage
# as a **constant**. Is it one here?


# %% tags=["exercise"]
def my_constant_test(advantages_of) -> bool:
    """Return whether no gradient flows through advantages_of(...)."""
    raise NotImplementedError  # your code here


check.constant_test(my_constant_test)


# %% tags=["solution"]
def my_constant_test(advantages_of) -> bool:
    """Return whether no gradient flows through advantages_of(...)."""
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]])
    logprobs = torch.randn(4, 6, requires_grad=True)
    ref_logprobs, mask = torch.randn(4, 6), torch.ones(4, 6).bool()
    advantages = advantages_of(rewards, logprobs, ref_logprobs, mask, 0.1)
    return not advantages.requires_grad


check.constant_test(my_constant_test)

# %% [markdown]
# ## 6. Test the four loops
#
# Now apply the three tests to the parts of the four loops. (The cell uses
# the kit's copies; use your own if you like.) For the second test, each
# loop samples two real groups at its own temperature, and computes their
# log-probabilities.


# %%
def tested(suspect):
    """Return the results of the three tests on a loop."""
    policy = load_policy("tiny")
    prompts = [p.prompt for p in task.problems("train")[:2]]
    samples = sample_groups(
        policy,
        prompts,
        G,
        max_completion_length=60,
        temperature=suspect.temperature,
        generator=torch.Generator().manual_seed(0),
    )
    rows = torch.arange(2 * G)
    with torch.no_grad():
        logprobs = suspect.logprobs(
            policy, samples, rows, suspect.temperature
        )
    return {
        "mask": check.my_mask_test(suspect.mask),
        "log-probs": check.my_ratio_test(
            logprobs, samples.logprobs, samples.mask
        ),
        "advantages": check.my_constant_test(suspect.advantages),
    }


print("loop          mask   log-probs  advantages")
for name, suspect in loop_variants.LOOPS.items():
    said = ["ok" if fine else "BROKEN" for fine in tested(suspect).values()]
    print(f"{name:<12} {said[0]:>6} {said[1]:>10} {said[2]:>11}")

# %% [markdown]
# The tests take a second, and they locate every mistake. Two loops share a
# broken mask; look at the masks to tell them apart:

# %%
ids = torch.tensor([[5, 6, 7, 9, 9, 9]])  # 9 is EOS, and the padding
print("ids  ", ids[0].tolist())
for name in ("right", "B", "D"):
    mask = loop_variants.LOOPS[name].mask(ids, 9)[0].int().tolist()
    print(f"{name:<5}", mask)

# %% [markdown]
# What each mistake does:
#
# - **A**: its advantages depend on log-probabilities, so a gradient flows
#   through them too. It increases each completion's *advantage* directly,
#   whatever its reward is. This gradient is added to the intended one, and
#   is larger.
# - **B** leaves out the *first* token, and trains one token of padding. The
#   first token decides whether the completion opens a thought at all, so
#   the policy never learns the format.
# - **C** samples at 1.3, but computes its log-probabilities as if it had
#   sampled at 1. Its ratios are not 1 before the first update, so the clip
#   removes the gradient of tokens that have not moved at all.
# - **D** never trains an EOS token. Here that does no visible harm: the
#   base model already ends its completions. A model that does not would
#   never learn to stop.
#
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(a="", b="", c="", d="", proof="")

# %% tags=["solution"]
check.quiz(a="b", b="c", c="a", d="d", proof="b")

# %% [markdown]
# ## Summary
#
# - GRPO is **one screen of code**: sample, reward, compare, compute
#   log-probabilities, clip, penalise the KL, update.
# - The gradients of parts of a batch add up exactly if each part is divided
#   by the number of tokens in the **whole batch**.
# - A loop that runs may still be wrong. **Compare it** with another one,
#   step by step, from the same seed.
# - Silent bugs have weak symptoms, or none. **Property tests** are short,
#   need no training, and say which part is wrong: the mask ends with the
#   EOS token; the first ratio is 1; an advantage is a constant.
# - Before you rely on a test, see it **fail** on something broken.
#
# **Next:** notebook 08 compares GRPO with PPO and its critic.
#
# ### Further reading
#
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Algorithm 1: the
#   loop.
# - Engstrom et al. 2020, *Implementation Matters in Deep Policy Gradients*,
#   arXiv:2005.12729. How much of PPO depends on details that papers do not
#   mention.
# - Huang et al. 2024, *The N+ Implementation Details of RLHF with PPO*,
#   arXiv:2403.17031. Padding with the EOS token, temperature, and many
#   more.
# - Qi et al. 2025, *Defeating the Training-Inference Mismatch via FP16*,
#   arXiv:2510.26788. What happens in large systems when sampler and trainer
#   disagree about the log-probabilities.
# - Yu et al. 2025, *DAPO*, arXiv:2503.14476. Section 3.3: every token of
#   the batch counts the same.
