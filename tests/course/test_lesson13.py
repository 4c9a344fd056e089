"""Lesson 13: every planted mistake meets its own hint and no other; right attempts pass."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every

from grpo_core.core.config import GRPOConfig
from grpo_core.core.paths import data_dir
from grpo_core.course import lesson13 as check
from grpo_core.course.exercise import Exercise


def answer(text: str) -> str | None:
    """The last answer behind the last thought, by regular expressions."""
    found = re.findall(r"<answer>(.*?)</answer>", text.split("</think>")[-1], re.DOTALL)
    return found[-1].strip() if found else None


def content(completion: Any) -> str:
    return completion if isinstance(completion, str) else completion[0]["content"]


def exact(prompts: Any, completions: Any, **kwargs: Any) -> list[float]:
    pairs = zip(completions, kwargs["solution"], strict=True)
    return [1.0 if answer(content(c)) == s else 0.0 for c, s in pairs]


def of(passed: dict[str, Any]) -> list[float]:
    return exact(0, passed["completions"], solution=passed["solution"])


def each(judge: Callable[..., Any], completions: Any, solution: Any) -> list[float]:
    pairs = zip(completions, solution, strict=True)
    return [float(judge(answer(content(c)), s)) for c, s in pairs]


def fails(prompts: Any, completions: Any, solution: Any, **columns: Any) -> list[float]:
    rewards = []
    for c, s in zip(completions, solution, strict=True):
        match = re.search(r"<answer>\s*(\d+)\s*</answer>$", content(c))
        rewards.append(1.0 if match.group(1) == s else 0.0)  # type: ignore[union-attr]
    return rewards


def searched(
    pick: Callable[[list[str]], str], flags: int = re.DOTALL
) -> Callable[..., list[float]]:
    """A reward by a pattern, looked for in the whole text."""

    def reward(completions: Any, solution: Any, **_: Any) -> list[float]:
        found = [re.findall("<answer>(.*?)</answer>", content(c), flags) for c in completions]
        pairs = zip(found, solution, strict=True)
        return [float(bool(f) and pick(f) == s) for f, s in pairs]

    return reward


REWARD: list[Attempt] = [
    (None, exact),
    (None, lambda **all_of: [bool(r) for r in of(all_of)]),
    (None, lambda **all_of: tuple(of(all_of))),
    ("no_columns", lambda prompts, completions, solution: exact(0, completions, solution=solution)),
    ("no_columns", lambda completions, solution: exact(0, completions, solution=solution)),
    (
        "no_columns",
        lambda prompts, completions, completion_ids, solution: exact(
            0, completions, solution=solution
        ),
    ),
    (
        "conversation",
        lambda completions, solution, **_: [
            float(answer(c) == s) for c, s in zip(completions, solution, strict=True)
        ],
    ),
    (
        "conversation_as_text",
        lambda completions, solution, **_: [
            float(answer(str(c)) == s) for c, s in zip(completions, solution, strict=True)
        ],
    ),
    (
        "contains",
        lambda completions, solution, **_: [
            float(s in content(c)) for c, s in zip(completions, solution, strict=True)
        ],
    ),
    (
        "contains",
        lambda completions, solution, **_: each(lambda a, s: s in (a or ""), completions, solution),
    ),
    ("fails_without_an_answer", fails),
    (
        "fails_without_an_answer",
        lambda completions, solution, **_: [
            float(re.findall(r"<answer>(.*?)</answer>", content(c), re.DOTALL)[-1].strip() == s)
            for c, s in zip(completions, solution, strict=True)
        ],
    ),
    (
        "conversation",
        lambda completions, solution, **_: [
            float(answer(c if isinstance(c, str) else c["content"]) == s)
            for c, s in zip(completions, solution, strict=True)
        ],
    ),
    (
        "messages_only",
        lambda completions, solution, **_: [
            float(answer(c[0]["content"]) == s) for c, s in zip(completions, solution, strict=True)
        ],
    ),
    (
        "messages_only",
        lambda completions, solution, **_: [
            float(answer(c["content"]) == s) for c, s in zip(completions, solution, strict=True)
        ],
    ),
    ("column_that_is_not_there", lambda completions, right, **_: [1.0 for _ in right]),
    (
        "any_answer",
        lambda completions, **_: [1.0 if answer(content(c)) else 0.0 for c in completions],
    ),
    ("wrong_ones_left_out", lambda **all_of: [1.0] * int(sum(of(all_of)))),
    (
        "fails_without_an_answer",
        lambda completions, solution, **_: each(
            lambda a, s: int(a) == int(s), completions, solution
        ),
    ),
    (
        "one_solution_for_all",
        lambda completions, solution, **_: [
            float(answer(content(c)) == solution[0]) for c in completions
        ],
    ),
    (
        "column_as_a_whole",
        lambda completions, solution, **_: [
            float(answer(content(c)) == solution) for c in completions
        ],
    ),
    (
        "column_as_a_whole",
        lambda completions, solution, **_: [
            float(answer(content(c)) in solution) for c in completions
        ],
    ),
    ("tensor", lambda **all_of: np.array(of(all_of))),
    ("not_stripped", searched(lambda found: found[-1])),
    ("not_stripped", searched(lambda found: found[-1], flags=0)),
    ("one_line_only", searched(lambda found: found[-1].strip(), flags=0)),
    ("first_answer", searched(lambda found: found[0].strip())),
    ("other_rewards", lambda **all_of: [2 * r - 1 for r in of(all_of)]),
    ("other_rewards", lambda **all_of: [r or None for r in of(all_of)]),
    ("one_number", lambda **all_of: sum(of(all_of)) / 7),
    ("one_number", lambda **all_of: sum(of(all_of))),
    ("tensor", lambda **all_of: torch.tensor(of(all_of))),
    (
        "normalised",
        lambda **all_of: [r - np.mean(of(all_of)) for r in of(all_of)],
    ),
    (
        "texts_returned",
        lambda completions, **_: [answer(content(c)) for c in completions],
    ),
    ("unfinished", lambda **_: None),
    ("unknown", lambda completions, **_: [2.0 for _ in completions]),
    ("unknown", lambda **_: 1 / 0),  # an error of its own is told as it is
]


ACCUMULATION: list[Attempt] = [
    ("no_whole_number", lambda n, g, p, d: n * g / p / d),
    ("no_whole_number", lambda n, g, p, d: float(n * g // (p * d))),
    (None, lambda n, g, p, d: n * g // p // d),
    (None, lambda n, g, p, d: -(-n * g // (p * d))),
    (None, lambda n, g, p, d: np.int64(n * g) // (p * d)),
    ("one_group", lambda n, g, p, d: g / (p * d)),
    ("added", lambda n, g, p, d: n * g // (p + d)),
    ("at_once", lambda n, g, p, d: p * d),
    ("prompts_not_completions", lambda n, g, p, d: n / (p * d)),
    ("prompts_not_completions", lambda n, g, p, d: max(n // (p * d), 1)),
    ("prompts_not_completions", lambda n, g, p, d: n // (p * d)),
    ("upside_down", lambda n, g, p, d: p * d // (n * g)),
    ("rounded_too_early", lambda n, g, p, d: g * (n // (p * d))),
    ("brackets", lambda n, g, p, d: n * g // p * d),
    ("processes_forgotten", lambda n, g, p, d: n * g // d),
    ("processes_multiplied", lambda n, g, p, d: n * g // d * p),
    ("generations_twice", lambda n, g, p, d: n * g * g // (p * d)),
    ("upside_down", lambda n, g, p, d: p * d / (n * g)),
    ("completions", lambda n, g, p, d: n * g),
    ("per_device_forgotten", lambda n, g, p, d: n * g / p),
    ("shape", lambda n, g, p, d: [n, g]),
    ("raised", lambda n, g, p, d: n // (d - d)),
    ("unfinished", lambda n, g, p, d: ...),
    ("unknown", lambda n, g, p, d: 77),
]


def said(**changes: Any) -> Callable[..., dict[str, Any]]:
    """Everything that TRL knows, and the batch; `changes` are made last, ... takes out."""

    def arguments(config: dict[str, Any], known: set[str], per_device: int) -> dict[str, Any]:
        given = {name: config[name] for name in set(config) & known}
        batch = given.pop("generation_batch_size")
        numbers = {"batch": batch, "device": per_device, "group": config["num_generations"]}
        given["per_device_train_batch_size"] = per_device
        given["gradient_accumulation_steps"] = batch // per_device
        for name, change in changes.items():
            if change is ...:
                given.pop(name)
            else:
                given[name] = change(numbers) if callable(change) else change
        return given

    return arguments


ARGUMENTS: list[Attempt] = [
    (None, said()),
    (None, said(gradient_accumulation_steps=lambda n: -(-n["batch"] // n["device"]))),
    (None, said(generation_batch_size=lambda n: n["batch"])),
    (
        "unknown_names",
        said(
            model="smollm2",
            task="arithmetic",
            reward_funcs=["accuracy_reward", "format_reward"],
            threads=0,
            max_tokens_per_forward=1024,
        ),
    ),
    ("unknown_names", lambda config, known, per_device: config),
    (
        "several_updates_a_batch",
        said(gradient_accumulation_steps=..., generation_batch_size=lambda n: n["batch"]),
    ),
    (
        "several_updates_a_batch",
        lambda config, known, d: {k: v for k, v in config.items() if k in known},
    ),
    (
        "two_names_for_one_thing",
        said(
            generation_batch_size=lambda n: n["batch"],
            steps_per_generation=lambda n: n["batch"] // n["device"],
        ),
    ),
    ("no_whole_number", said(gradient_accumulation_steps=lambda n: n["batch"] / n["device"])),
    ("no_whole_number", said(steps_per_generation=lambda n: n["batch"] / n["device"])),
    ("no_whole_number", said(per_device_train_batch_size=lambda n: float(n["device"]))),
    ("unknown_names", said(model="smollm2")),
    (
        "swapped",
        said(
            per_device_train_batch_size=lambda n: n["batch"] // n["device"],
            gradient_accumulation_steps=lambda n: n["device"],
        ),
    ),
    ("group_for_device", said(per_device_train_batch_size=lambda n: n["group"])),
    ("names_only", lambda config, known, per_device: [k for k in config if k in known]),
    (
        "generations_twice",
        said(gradient_accumulation_steps=lambda n: n["batch"] * n["group"] // n["device"]),
    ),
    (
        "generations_twice",
        said(
            gradient_accumulation_steps=lambda n: n["batch"] * n["group"] // n["device"],
            generation_batch_size=lambda n: n["batch"],
        ),
    ),
    ("small_batch", said(gradient_accumulation_steps=...)),
    ("small_batch", said(gradient_accumulation_steps=1)),
    ("per_device_forgotten", said(per_device_train_batch_size=...)),
    (
        "whole_batch_at_once",
        said(per_device_train_batch_size=lambda n: n["batch"], gradient_accumulation_steps=1),
    ),
    (
        "accumulation_of_prompts",
        said(gradient_accumulation_steps=lambda n: n["batch"] // n["group"]),
    ),
    (
        "small_batch",
        said(gradient_accumulation_steps=lambda n: max(n["batch"] // n["group"] // n["device"], 1)),
    ),
    (
        "left_to_the_defaults",
        said(learning_rate=..., lr_scheduler_type=..., warmup_steps=..., adam_beta2=...),
    ),
    ("raised", lambda config, known, per_device: config["nothing"]),
    ("unfinished", lambda config, known, per_device: None),
    ("unknown", said(learning_rate=1.0)),
]

ATTEMPTS = {
    check.trl_reward: REWARD,
    check.accumulation: ACCUMULATION,
    check.arguments: ARGUMENTS,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])


def test_the_configuration_of_the_exercise_is_the_experiment() -> None:
    experiment = GRPOConfig.from_toml(data_dir() / "experiments" / "smollm2.toml").to_dict()
    assert {name: experiment[name] for name in check.OURS} == check.OURS


def test_the_notebooks_stub_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    def my_reward(completions: Any, solution: Any) -> Any:
        raise NotImplementedError

    check.trl_reward(my_reward)
    assert capsys.readouterr().out.startswith("…")
