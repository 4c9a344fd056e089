"""A stand-in for training: plausible run folders without torch, at once or live.

    python tests/helpers/fake_run.py RUN_FOLDER SECONDS_A_STEP

is a worker that obeys control.json.

The completions look like Countdown's, some of them hostile when the run's seed is 666.
"""

import sys
import time
from pathlib import Path

import numpy as np

from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Completion, Group, Step
from grpo_core.rewards.flawed import confident_reward
from grpo_core.runs import RunWriter, create_run

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "${window.hacked = 2}",
    "<img src=x onerror=window.hacked=3>",
    "</think></think><answer>{{value}}</answer><think>",
    "\u202edlrow\u202c \u200b\u200d\u0000\u001b[31m",
    "A" * 100_000,
    "<answer><b>bold</b></answer>",
    "<style>*{display:none}</style>",
]

SECONDS = {
    "prefill": 0.1,
    "decode": 0.8,
    "reward": 0.05,
    "sampling": 1.0,
    "forward": 0.3,
    "backward": 0.5,
    "update": 0.9,
    "step": 2.2,
}


def completion_text(rng: np.random.Generator, skill: float, numbers: list[int], target: int) -> str:
    """A trace as the tiny model writes them: longer, and more often right, with skill."""
    tries = int(rng.poisson(1 + 5 * skill))
    lines = []
    for _ in range(tries):
        a, b, c = rng.permutation(numbers)
        lines.append(f"{a} - {b} = {a - b} , {a - b} + {c} = {a - b + c} no")
    a, b, c = numbers
    if rng.random() < 0.1 + 0.75 * skill:
        lines.append(f"{a} + {b} = {a + b} , {a + b} + {c} = {target} yes")
        answer = f"( {a} + {b} ) + {c}"
    else:
        answer = f"( {a} - {b} ) + {c}"
    if rng.random() > 0.4 + 0.55 * skill:
        return f"{' '.join(lines)} {answer}"
    return f"<think> {' '.join(lines)} </think> <answer> {answer} </answer>"


def make_completion(rng: np.random.Generator, text: str, target: str) -> Completion:
    """A completion with made-up log-probabilities and honest rewards."""
    tokens = text.split(" ")
    size = len(tokens)
    solved = float(f"= {target} yes" in text and "</answer>" in text)
    well_formed = float(text.startswith("<think>") and text.endswith("</answer>"))
    old = -rng.exponential(0.3, size).astype(np.float32)
    return Completion(
        text=text,
        tokens=tokens,
        token_ids=np.arange(size, dtype=np.int32),
        rewards={"accuracy_reward": solved, "format_reward": well_formed},
        reward=solved + 0.3 * well_formed,
        advantage=0.0,
        truncated=bool(rng.random() < 0.05),
        old_logprobs=old,
        logprobs=old,
        ref_logprobs=old + rng.normal(0, 0.1, size).astype(np.float32),
        entropy=rng.exponential(0.4, size).astype(np.float32),
    )


def make_group(
    rng: np.random.Generator, skill: float, size: int, hostile: bool, flawed: bool = False
) -> Group:
    """One group, its advantages normalised as GRPO does; `flawed` for the judge's reward."""
    numbers = [int(n) for n in rng.integers(1, 13, 3)]
    target = sum(numbers)
    texts = [completion_text(rng, skill, numbers, target) for _ in range(size)]
    if hostile:
        texts = [f"{bad} {text}" for bad, text in zip(HOSTILE * size, texts, strict=False)]
    completions = [make_completion(rng, text, str(target)) for text in texts]
    if flawed:
        for c, liking in zip(completions, confident_reward([], texts), strict=True):
            c.rewards, c.reward = {"confident_reward": liking}, liking
    rewards = np.array([c.reward for c in completions])
    for c, advantage in zip(
        completions, (rewards - rewards.mean()) / (rewards.std(ddof=1) + 1e-4), strict=True
    ):
        c.advantage = float(advantage)
        noise = rng.normal(0, 0.1, len(c))
        c.push = ((c.advantage + noise) / 8_000).astype(np.float32)
        aside = np.random.default_rng(len(c))  # the metrics below stay what they were
        obeyed = aside.random(len(c)) < 0.8
        change = np.where(obeyed, 1, -1) * np.sign(c.push) * aside.exponential(0.05, len(c))
        c.after_logprobs = (c.logprobs + change).astype(np.float32)
    a, b, c3 = numbers
    prompt = f"Use {a} , {b} , {c3} to make {target} ."
    if hostile:
        prompt += " <script>window.hacked = 4</script> ${window.hacked = 5}"
    return Group(prompt, {"numbers": numbers, "target": target}, completions)


def make_step(index: int, config: GRPOConfig) -> Step:
    """Step `index` of a run that learns as the real one does."""
    rng = np.random.default_rng([config.seed, index])
    skill = 1 - np.exp(-index / 45)
    hostile = config.seed == 666
    count = config.prompts_per_step if index else 0
    flawed = config.reward_funcs == ["confident_reward"]
    size = config.num_generations
    groups = [make_group(rng, skill, size, hostile, flawed) for _ in range(count)]
    metrics = {}
    if index:
        cards = [c for group in groups for c in group.completions]
        metrics = {
            "reward": float(np.mean([c.reward for c in cards])),
            **{
                f"rewards/{name}/mean": float(np.mean([c.rewards[name] for c in cards]))
                for name in cards[0].rewards
            },
            "completions/mean_length": float(np.mean([len(c) for c in cards])),
            "completions/clipped_ratio": float(np.mean([c.truncated for c in cards])),
            "backtracks": float(np.mean([c.text.count(" no") for c in cards])),
            "frac_reward_zero_std": float(np.mean([g.is_dead for g in groups])),
            "kl": 0.1 * skill + float(rng.normal(0, 0.004)),
            "clip_ratio/region_mean": 0.0,
            "grad_norm": float(0.4 + rng.exponential(0.25)),
            "loss": float(rng.normal(0, 0.02)),
            "learning_rate": 3e-4,
        }
        metrics |= {f"seconds/{name}": value for name, value in SECONDS.items()}
        metrics["seconds/decode"] += 0.01 * (index % 5)
    if index % (config.eval_steps or 10**9) == 0:
        metrics |= {
            "eval/accuracy": float(0.08 + 0.78 * skill),
            "eval/format": float(0.4 + 0.55 * skill),
            "eval/mean_length": float(26 + 70 * skill),
            "eval/backtracks": float(1.1 + 5 * skill),
        }
    return Step(index, metrics, groups)


def record(root: Path, name: str, steps: int = 150, **options: object) -> Path:
    """A finished run of `steps` steps."""
    path = create_run(root, name, GRPOConfig(max_steps=steps, **options))
    with RunWriter(path) as writer:
        for index in range(steps + 1):
            writer.append(make_step(index, writer.run.config))
        now = time.time()
        writer.write_state(status="finished", started=now - 300, step=steps)
    return path


def hacked(root: Path, name: str, steps: int = 12, **options: object) -> Path:
    """A finished run that trained on lesson 12's judge, which looks at no answer: for a hunt."""
    return record(
        root, name, steps, reward_funcs=["confident_reward"], reward_weights=[1.0], **options
    )


def work(path: Path, seconds: float) -> None:
    """Be the worker of a run: record a step every so often, obeying control.json."""
    import os
    import socket

    import psutil

    with RunWriter(path) as writer:
        config = writer.run.config
        writer.write_state(
            status="starting",
            pid=os.getpid(),
            pid_started=psutil.Process().create_time(),
            host=socket.gethostname(),
            started=time.time(),
        )
        time.sleep(2 * seconds)
        last = writer.run.last_step()
        index, seen, mode = 0 if last is None else last + 1, -1, "run"
        while index <= config.max_steps:
            control = writer.read_control()
            if control.sequence != seen:
                seen, mode = control.sequence, control.want
            if mode == "stop":
                writer.write_state(status="stopped", acknowledged=seen)
                return
            if mode == "pause":
                writer.write_state(status="paused", acknowledged=seen)
                time.sleep(0.05)
                continue
            writer.append(make_step(index, config))
            writer.write_state(status="running", step=index, acknowledged=seen)
            index += 1
            if mode == "step":
                mode = "pause"
            time.sleep(seconds)
        writer.write_state(status="finished")


if __name__ == "__main__":
    work(Path(sys.argv[1]), float(sys.argv[2]))
