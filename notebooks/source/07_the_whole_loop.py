# %% [markdown]
# # 07 · The whole loop
#
# You have written advantages, a verifier, a clipped objective and a KL.
# Here they become one loop, short enough to read at a glance, and a real
# (tiny) model learns by it while you watch. Then four people hand in loops
# of their own. All four run, and print a loss, and no error. All four are
# wrong. **Reinforcement learning fails silently**: that is the hardest
# thing about it, and it can be learned.
#
# **After this notebook you will be able to**
# - write GRPO from sampling to the optimizer step,
# - show that a loop is right, by comparing it with one that is known to be,
# - read from its curves that something is wrong, and
# - write a test of a few lines that says what.
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
# ## 1. What is there, and what is missing
#
# | step of the loop | where it comes from |
# |---|---|
# | sample a group for every prompt | notebook 03: `sample_groups` |
# | reward every completion | notebook 02: `RewardSum` |
# | rewards → advantages | notebooks 00, 04: `group_advantages` |
# | which tokens count | `completion_mask`, below |
# | **log-probs of the sampled tokens** | exercise 1 |
# | clipped gain of every token | notebook 05: your surrogate |
# | KL to the reference | notebook 06: `k3` |
# | **one loss** | exercise 2 |
# | update | AdamW |
#
# **The mask.** Completions have different lengths, and a tensor is a
# rectangle: behind its end a completion is filled up with padding. The
# policy is responsible for what it sampled: everything up to and *with* the
# token that ends it.
#
# ### Exercise 1: log-probs of what was sampled
#
# A causal model reads prompt and completion at once, and says at **every**
# position what it thinks of the **next** one. Of all that, the loss wants T
# numbers a row: for each token of the completion, how likely it was when it
# was drawn, at the temperature it was drawn at.
#
# All prompts here have P tokens. (In general they have not, and then they
# are padded on the left, so that all completions begin at once.)


# %% tags=["exercise"]
def my_logprobs(
    logits: torch.Tensor,
    ids: torch.Tensor,
    prompt: int,
    temperature: float,
) -> torch.Tensor:
    """Logits (B, P + T, V), ids (B, P + T), P -> log-probs (B, T)."""
    raise NotImplementedError  # your code here


check.logprobs(my_logprobs)


# %% tags=["solution"]
def my_logprobs(
    logits: torch.Tensor,
    ids: torch.Tensor,
    prompt: int,
    temperature: float,
) -> torch.Tensor:
    """Logits (B, P + T, V), ids (B, P + T), P -> log-probs (B, T)."""
    before = logits[:, prompt - 1 : -1] / temperature
    logprobs = torch.log_softmax(before, dim=2)
    chosen = ids[:, prompt:].unsqueeze(2)
    return logprobs.gather(2, chosen).squeeze(2)


check.logprobs(my_logprobs)

# %% [markdown]
# ### Exercise 2: one loss
#
# Every token has a gain (clipped, notebook 05) and a KL (k3, notebook 06).
# The loss is minus the mean of gain − β · KL, over **all tokens of the
# batch**.
#
# A batch is too large to go through the model at once: its graph would not
# fit in the processor's cache, and on a graphics card not in memory. So it
# goes through in *parts*, one group each, and their gradients add up. Then
# each part has to be divided by the tokens of the whole batch. Write the
# loss of one part.
#
# Both functions below take and give (B, T);
# `my_surrogate(logprobs, old_logprobs, advantages, low, high)` takes the
# advantages as they are, (B,). Clip at 0.2 on both sides.

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
    """This part's share of the batch's loss, one number."""
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
    """This part's share of the batch's loss, one number."""
    gain = my_surrogate(logprobs, old_logprobs, advantages, 0.2, 0.2)
    per_token = gain - beta * k3(logprobs, ref_logprobs)
    return -per_token[mask].sum() / tokens


check.loss(my_loss)

# %% [markdown]
# ## 2. The loop
#
# That is all. From here on the cell uses the kit's copies of the two
# functions (`check.my_logprobs`, `check.my_loss`), so that it runs whether
# or not yours are finished. Once they are, put yours in.
#
# Read it line by line. Nothing in it is new.

# %%
from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.rewards import RewardSum
from grpo_core.training.evaluation import columns_of
from grpo_core.training.sampling import sample_groups

G, T, BETA, LONGEST = 16, 1.0, 0.001, 160
task = get_task("countdown")
score = RewardSum(["accuracy_reward", "format_reward"], [1.0, 0.3])


def train_step(policy, reference, optimizer, problems, generator):
    """One step of GRPO: its loss, its rewards, its first group."""
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

    # their rewards, and how much better than their group they are
    rows = [problem for problem in problems for _ in range(G)]
    parts, rewards = score([], texts, **columns_of(task, rows))
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
        logprobs.retain_grad()  # to see what each token was pushed to do
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

    # one step of the optimizer
    torch.nn.utils.clip_grad_norm_(policy.model.parameters(), 1.0)
    optimizer.step()
    return loss, parts, samples, first


# %% [markdown]
# What goes around it: two copies of the model, an optimizer, a generator
# of random numbers, problems in a random order, and a learning rate that
# rises over the first five steps.


# %%
def train(steps, seed=0):
    """Train the tiny model by `train_step`, and give what each returns."""
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
# It runs. That says nothing. Two loops that were written independently and
# agree to six digits, step after step, say a lot. The kit has a `Trainer`,
# which does the same with everything that makes it fast, and which is held
# against a third, the TRL library's, by tests. Same model, same seed, same
# settings:
#
# **Before you go on:** how far can two right loops be apart? They add up
# the same numbers in another order.

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
# Six digits agree, at all five steps. It does not last: the sums are
# rounded differently, the difference grows, and at some step a sample comes
# out differently by a hair's breadth. From there on the two are different
# runs. That is as close as two right loops can be. (If the *first* line
# differs in the third digit, something is wrong.)
#
# ## 4. Watch it
#
# Twenty more steps, and the first group of each on the board: every token
# shaded by what the update did to it, blue up and vermilion down.
#
# **Before you go on:** which will the policy learn first, to answer in the
# agreed form, to be right, or to search? Will it write more or less?

# %%
board = Board()
display(board)
curve = {"right": [], "in form": [], "tokens": []}
for _, parts, samples, group in train(20):
    curve["right"].append(np.mean(parts["accuracy_reward"]))
    curve["in form"].append(np.mean(parts["format_reward"]))
    curve["tokens"].append(samples.lengths.float().mean().item())
    board.show(group)

# %% tags=["measured"]
for name, values in curve.items():
    first, last = np.mean(values[:5]), np.mean(values[-5:])
    print(f"{name:>8}: {first:.2f} in steps 1-5, {last:.2f} in 16-20")

# %% [markdown]
# *See:* a completion has one colour throughout, since its tokens share an
# advantage; a group of which all are pale has tied. In twenty steps the
# form improves, completions get longer and more are right. (The recorded
# run of notebook 09 goes on to 125 steps.)
#
# You have written GRPO.
#
# ## 5. Four loops that run
#
# Four people have written the same loop, each with one mistake. None
# raises, none gives a loss that is no number, none warns. (A has its KL in
# the reward, as PPO has, and C samples at temperature 1.3. Neither is the
# mistake: each has a right loop beside it with the same settings.) This is
# what they print after their first step, all from the same seed:

# %% tags=["measured"]
print("              right   form  tokens    loss  gradient")
for name, suspect in loop_variants.LOOPS.items():
    policy = load_policy("tiny")
    m = next(loop_variants.train(policy, task, suspect, steps=1, seed=0))
    rates = f"{m['accuracy']:.3f}  {m['format']:.3f} {m['length']:>7.1f}"
    print(f"{name:<12}  {rates} {m['loss']:>7.3f} {m['grad_norm']:>9.3f}")

# %% [markdown]
# *See:* all begin with the same samples, so the rewards agree (but for C
# and the right loop beside it, which sample at another temperature). **A**
# has a gradient three times as long as that of its right loop; **B** and
# **C** have shorter ones; D differs by little. Would you have known what it
# ought to be, without the line beside it? The loss is no help at all.
#
# And these are the first 25 steps of two of them, with smaller groups and a
# larger learning rate, so that one sees sooner what happens; one seed each
# (`python data/make.py loops`). Dashed: the right loop.
#
# **Before you go on:** which of the two would you have noticed, if you had
# only its own curve?

# %%
rows = pd.read_csv(data_dir() / "results" / "loops.csv")


def run_of(name):
    """The metrics of a loop by step, as the only seed there is."""
    return [rows[rows["loop"] == name].set_index("step")]


figures.symptoms(
    {name: (run_of(name), run_of("right")) for name in ("B", "D")},
    {
        "accuracy": ("Accuracy", "share right"),
        "format": ("Format", "share in form"),
        "length": ("Length", "tokens"),
        "grad_norm": ("Gradient", "norm, before the clip"),
    },
)

# %% [markdown]
# *See:* **B** learns something, and never the form. One would look for the
# mistake in the format reward. **D** cannot be told from the right loop; on
# this seed it ends with more right answers. (One seed says nothing about
# better or worse, and curves are this ragged with eight prompts a step.)
#
# A curve tells *that* something is wrong, at best, and it takes a right
# loop beside it. **A test tells what**, and needs one second. What to test?
# Something that must hold whatever the model, the task and the rewards are:
# a *property*. You know several:
#
# - a mask covers a completion up to its end, and with it;
# - before the first update, every ratio is 1;
# - advantages are constants.
#
# ### Exercise 3: a test for the mask
#
# `mask_of(ids, end)` takes completions (B, T) and the id that ends one, and
# gives a mask (B, T). Say whether it is right: True or False. Your test is
# tried on right masks and on eight broken ones.
#
# One thing to know: many tokenizers have no padding token, and fill up with
# the end token itself.


# %% tags=["exercise"]
def my_mask_test(mask_of) -> bool:
    """Whether mask_of(ids (B, T), end) -> (B, T) is right."""
    raise NotImplementedError  # your code here


check.mask_test(my_mask_test)


# %% tags=["solution"]
def my_mask_test(mask_of) -> bool:
    """Whether mask_of(ids (B, T), end) -> (B, T) is right."""
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
# ### Exercise 4: a test for log-probs
#
# You get what a loop computed (B, T), what was recorded when the tokens
# were drawn (B, T), and the mask. Before the first update the two are the
# same policy's. How exactly can one ask for that? (Look again at the table
# of section 3.)


# %% tags=["exercise"]
def my_ratio_test(
    logprobs: torch.Tensor, sampled: torch.Tensor, mask: torch.Tensor
) -> bool:
    """Whether log-probs (B, T) are those the tokens were sampled with."""
    raise NotImplementedError  # your code here


check.ratio_test(my_ratio_test)


# %% tags=["solution"]
def my_ratio_test(
    logprobs: torch.Tensor, sampled: torch.Tensor, mask: torch.Tensor
) -> bool:
    """Whether log-probs (B, T) are those the tokens were sampled with."""
    off = (logprobs - sampled)[mask].abs()
    return bool(off.max() < 1e-3)


check.ratio_test(my_ratio_test)

# %% [markdown]
# ### Exercise 5: a test for advantages
#
# `advantages_of(rewards, logprobs, ref_logprobs, mask, beta)` takes the KL
# of each completion from its reward and compares what is left in the group:
# rewards (N, G) and three tensors (N · G, T) to advantages (N · G,). The
# policy gradient treats an advantage as a **constant**. Is it one?


# %% tags=["exercise"]
def my_constant_test(advantages_of) -> bool:
    """Whether no gradient flows through advantages_of(...): see above."""
    raise NotImplementedError  # your code here


check.constant_test(my_constant_test)


# %% tags=["solution"]
def my_constant_test(advantages_of) -> bool:
    """Whether no gradient flows through advantages_of(...): see above."""
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]])
    logprobs = torch.randn(4, 6, requires_grad=True)
    ref_logprobs, mask = torch.randn(4, 6), torch.ones(4, 6).bool()
    advantages = advantages_of(rewards, logprobs, ref_logprobs, mask, 0.1)
    return not advantages.requires_grad


check.constant_test(my_constant_test)

# %% [markdown]
# ## 6. In the dock
#
# Now the four loops, part by part, through the three tests. (Here the kit's
# copies; put yours in.) For the second, each loop samples two real groups
# at its own temperature, and scores them.


# %%
def tested(suspect):
    """What the three tests say of a loop."""
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
# One second, and each has its place. Two of them share a broken mask; look
# at what the masks say to tell them apart:

# %%
ids = torch.tensor([[5, 6, 7, 9, 9, 9]])  # 9 is the end, and the padding
print("ids  ", ids[0].tolist())
for name in ("right", "B", "D"):
    mask = loop_variants.LOOPS[name].mask(ids, 9)[0].int().tolist()
    print(f"{name:<5}", mask)

# %% [markdown]
# What each mistake does:
#
# - **A**: its advantages are made of log-probs, so the gradient pushes on
#   those too: every completion to be *compared* more favourably, whatever
#   it earned. That comes on top, and is larger than what was wanted.
# - **B** leaves the *first* token out, and trains one of padding. The first
#   token decides whether a thought is opened at all: hence the form that
#   never came.
# - **C** samples boldly, at 1.3, and scores as if it had sampled at 1. Its
#   ratios are not 1 before the first update, so its clip silences tokens
#   for what they never did.
# - **D** never trains an end. Here that does no harm one could see: the
#   base ends its replies by itself. A model that rambles would never be
#   taught to stop.
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
# - GRPO is **one screen of code**: sample, reward, compare, score, clip,
#   leash, step.
# - Parts of a batch add up exactly if each is divided by the **whole
#   batch's** tokens.
# - A loop that runs is not a loop that is right. **Compare it** with
#   another, step by step, from the same seed.
# - Silent bugs have soft symptoms, or none. **Property tests** are short,
#   need no training, and say which part it is: the mask ends with the end;
#   the first ratio is 1; an advantage is a constant.
# - A test must be seen to **fail**, on something broken.
#
# **Next:** notebook 08 holds GRPO against PPO and its critic.
#
# ### Further reading
#
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Algorithm 1: the
#   loop.
# - Engstrom et al. 2020, *Implementation Matters in Deep Policy Gradients*,
#   arXiv:2005.12729. How much of PPO is in what papers do not say.
# - Huang et al. 2024, *The N+ Implementation Details of RLHF with PPO*,
#   arXiv:2403.17031. Padding that is the end token, temperature, and many
#   more.
# - Qi et al. 2025, *Defeating the Training-Inference Mismatch via FP16*,
#   arXiv:2510.26788. What happens when sampler and trainer disagree about
#   the log-probs, in large systems.
# - Yu et al. 2025, *DAPO*, arXiv:2503.14476. Section 3.3: every token of
#   the batch counts the same.
