"""This kit's task and rewards in TRL's GRPOTrainer, under Accelerate.

Copy this file and change it. To try it on a laptop:

    accelerate launch --cpu notebooks/train_with_trl.py --max_steps 3

With one GPU, and with four:

    accelerate launch notebooks/train_with_trl.py \\
        --model smollm2 --task arithmetic --learning_rate 1e-5
    accelerate launch --num_processes 4 notebooks/train_with_trl.py \\
        --model Qwen/Qwen2.5-0.5B-Instruct --task arithmetic \\
        --learning_rate 1e-6 --per_device_train_batch_size 8

It accepts every option of TRL's GRPOConfig (--help), or a YAML file of
options (--config FILE). It writes TRL's log to OUTPUT_DIR/log_history.json
and the model beside it: `grpo-lab eval --model OUTPUT_DIR` evaluates it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer, TrlParser

from grpo_core.models import resolve, smollm2
from grpo_core.rewards.accuracy import accuracy_reward
from grpo_core.rewards.format import format_reward
from grpo_core.tasks import columns_of, get_task
from grpo_core.tasks.conversation import as_messages

# The kit's defaults where they differ from TRL's. All others are TRL's.
DEFAULTS = {
    "output_dir": "runs/trl",
    "max_steps": 125,
    "num_generations": 16,
    "per_device_train_batch_size": 32,  # completions, not prompts
    "gradient_accumulation_steps": 4,  # 32 x 4 / 16: 8 prompts per step
    "max_completion_length": 256,
    "learning_rate": 3e-4,  # for the tiny model; SmolLM2: 1e-5
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 5,
    "adam_beta2": 0.95,
    "reward_weights": [1.0, 0.3],
    "bf16": torch.cuda.is_available(),
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
}


@dataclass
class Work:
    """The model to train and the task to train it on."""

    model: str = field(
        default="tiny",
        metadata={"help": "tiny, smollm2, a folder or a hub id"},
    )
    task: str = field(
        default="countdown", metadata={"help": "a task of the kit"}
    )


def folder_of(name: str) -> str:
    """Return the folder or hub id of a model for transformers."""
    if name == "smollm2":
        smollm2.load()  # converts the model on first use
        return str(smollm2.cached_folder())
    return resolve(name)


def dataset_of(task_name: str, chat: bool) -> Dataset:
    """Return a task's training problems: prompts and reward columns.

    Args:
        task_name: a task of the kit.
        chat: whether prompts are conversations; then TRL passes
            completions to the rewards as conversations too.
    """
    task = get_task(task_name)
    problems = list(task.problems("train"))
    prompts = [
        as_messages(p.prompt) if chat else p.prompt for p in problems
    ]
    return Dataset.from_dict(
        {"prompt": prompts, **columns_of(task, problems)}
    )


def main() -> None:
    """Train with the options of the command line."""
    parser = TrlParser((Work, GRPOConfig))
    parser.set_defaults(**DEFAULTS)
    work, config = parser.parse_args_and_config()
    where = folder_of(work.model)
    tokenizer = AutoTokenizer.from_pretrained(
        where, trust_remote_code=False
    )
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(
            where,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,  # never load a pickle
        ),
        processing_class=tokenizer,
        reward_funcs=[accuracy_reward, format_reward],
        train_dataset=dataset_of(
            work.task, chat=tokenizer.chat_template is not None
        ),
        args=config,
    )
    trainer.train()
    trainer.save_model()
    if trainer.accelerator.is_main_process:  # only one process writes
        tokenizer.save_pretrained(config.output_dir)
        log = Path(config.output_dir, "log_history.json")
        log.write_text(
            json.dumps(trainer.state.log_history, indent=1),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
