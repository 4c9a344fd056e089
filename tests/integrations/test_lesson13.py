"""What lesson 13 says of TRL is so, and its script trains under Accelerate."""

import json
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from grpo_core.core.errors import LabError
from grpo_core.course import lesson13 as lesson
from grpo_core.course.trl_launch import launch
from grpo_core.models.policy import load_policy

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def test_what_trl_knows_and_assumes_is_what_the_lesson_says(
    trl: ModuleType, tmp_path: Path
) -> None:
    names = {f.name for f in fields(trl.GRPOConfig)}
    assert set(lesson.OURS) & names == set(lesson.OURS) & lesson.KNOWN and names >= lesson.KNOWN
    quiet = {"output_dir": str(tmp_path), "use_cpu": True, "report_to": "none"}
    plain = trl.GRPOConfig(**quiet, bf16=False)
    assumed = {name: getattr(plain, name) for name in lesson.TRL_DEFAULTS}
    assert assumed == lesson.TRL_DEFAULTS
    assert (plain.learning_rate, plain.lr_scheduler_type, plain.adam_beta2) == (
        1e-6,
        "linear",
        0.999,
    )
    assert plain.per_device_train_batch_size == 8

    given = lesson.my_arguments(lesson.OURS | {"bf16": False}, lesson.KNOWN, 4)
    told = trl.GRPOConfig(**quiet, **given)
    assert (told.generation_batch_size, told.steps_per_generation) == (32, 8)
    alone = trl.GRPOConfig(**quiet, bf16=False, generation_batch_size=32, num_generations=8)
    assert alone.steps_per_generation == 4 and alone.gradient_accumulation_steps == 1
    assert json.dumps(given)  # plain values, as a YAML file would have them


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_script_trains_under_accelerate(trl: ModuleType, tmp_path: Path) -> None:
    """Two steps of the tiny model, as the notebook takes them; what comes out is a policy."""
    steps = launch(
        tmp_path,
        *("--max_steps", "2", "--num_generations", "4", "--max_completion_length", "24"),
        *("--per_device_train_batch_size", "8", "--gradient_accumulation_steps", "2"),
    )
    assert len(steps) == 2
    for step in steps:
        parts = {
            name: step[f"rewards/{name}/mean"] for name in ("accuracy_reward", "format_reward")
        }
        weighted = parts["accuracy_reward"] + 0.3 * parts["format_reward"]
        assert step["reward"] == pytest.approx(weighted, abs=1e-4)
    assert steps[-1]["num_tokens"] > 2 * 16  # 16 completions a step
    policy = load_policy(str(tmp_path))
    assert policy.model.num_parameters() == load_policy("tiny").model.num_parameters()


def test_a_run_that_fails_says_why(trl: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"TRL's run failed: .*--no_such_option"):
        launch(tmp_path, "--no_such_option", "1")


def test_without_the_script_nothing_is_started(
    trl: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grpo_core.course.trl_launch.SCRIPT", tmp_path / "none.py")
    with pytest.raises(LabError, match="it comes with the notebooks"):
        launch(tmp_path)
