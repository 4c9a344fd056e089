"""What a real trainer of TRL's leaves behind is read as it is, and ours is written as TRL's."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from trl_side import GROUP, PROMPTS, make_trainer

from grpo_core.app.share.trl import export_trl, import_folder
from grpo_core.runs import Run
from grpo_core.tasks import Problem

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # among TRL and transformers
    pytest.mark.filterwarnings("ignore:.*experimental.*"),
]


STEPS = 4


@pytest.fixture(scope="module")
def folder(trl: ModuleType, problems: list[Problem], tmp_path_factory: Any) -> Path:
    """The output_dir of a training of four steps, at which the rewards' means differ."""
    folder = tmp_path_factory.mktemp("trl")
    trainer = make_trainer(trl, problems, folder, max_steps=STEPS)
    trainer.train()
    trainer.save_state()  # trainer_state.json
    return Path(trainer.args.output_dir)


@pytest.fixture(scope="module")
def imported(folder: Path, tmp_path_factory: Any) -> tuple[Run, list[str]]:
    return import_folder(folder, tmp_path_factory.mktemp("runs") / "of-trl")


def files(folder: Path) -> list[Path]:
    return sorted((folder / "completions").glob("*.parquet"))


def test_groups_texts_rewards_and_advantages(folder: Path, imported: tuple[Run, list[str]]) -> None:
    run, _ = imported
    assert [step for step, _ in run.metrics()] == list(range(1, STEPS + 1))
    for step, file in enumerate(files(folder), 1):
        table = pd.read_parquet(file)
        groups = run.step(step).groups
        assert [len(group.completions) for group in groups] == [GROUP] * PROMPTS
        rows = [(group.prompt, c) for group in groups for c in group.completions]
        assert [prompt for prompt, _ in rows] == list(table["prompt"])
        assert [c.text for _, c in rows] == list(table["completion"])
        assert [c.advantage for _, c in rows] == list(table["advantage"])
        for name in ("accuracy_reward", "format_reward"):
            assert [c.rewards[name] for _, c in rows] == list(table[name])
        assert len({prompt for prompt, _ in rows}) == PROMPTS


def test_the_weights_that_it_was_trained_with(imported: tuple[Run, list[str]]) -> None:
    run, notes = imported
    assert run.config.reward_funcs == ("accuracy_reward", "format_reward")
    assert run.config.reward_weights == pytest.approx((1.0, 0.3))
    assert any("Weights as the log has them" in note for note in notes)
    assert run.config.num_generations == GROUP


def test_metrics_without_the_log_are_trls(
    folder: Path, imported: tuple[Run, list[str]], tmp_path: Path
) -> None:
    """The same file without its log: what is worked out from rewards is what TRL logged."""
    logged = dict(imported[0].metrics())
    (tmp_path / "completions").symlink_to(folder / "completions")
    weights = {"accuracy_reward": 1.0, "format_reward": 0.3}
    run, _ = import_folder(tmp_path, tmp_path / "runs" / "bare", weights=weights)
    checked = set()
    for step, metrics in run.metrics():
        for name, value in metrics.items():
            if name in logged[step] and name != "reward_std_in_group":
                assert value == pytest.approx(logged[step][name], abs=1e-6), name
                checked.add(name)
    assert {"reward", "reward_std", "frac_reward_zero_std"} <= checked
    assert {f"rewards/{n}/{k}" for n in weights for k in ("mean", "std")} <= checked


def test_the_log_is_kept(folder: Path, imported: tuple[Run, list[str]]) -> None:
    metrics = dict(imported[0].metrics())
    for name in ("loss", "grad_norm", "entropy", "completions/mean_length", "seconds/step"):
        assert all(name in values for values in metrics.values()), name
    assert imported[0].state["heartbeat"] > imported[0].state["started"]


def test_ours_is_written_as_trl_does(
    folder: Path, imported: tuple[Run, list[str]], tmp_path: Path
) -> None:
    again = export_trl(imported[0], tmp_path / "again")
    assert [file.name for file in files(again)] == [file.name for file in files(folder)]
    for ours, theirs in zip(files(again), files(folder), strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(ours), pd.read_parquet(theirs))
