"""TRL's completions, out and in: what a run has goes there and comes back."""

import errno
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from awkward_texts import AWKWARD
from make_steps import step

from grpo_core.app.dashboard.payloads import encode, group_payload
from grpo_core.app.share.trl import Log, export_trl, import_folder, plain, weights_of
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.runs import Run


def learned(index: int, groups: int = 3, size: int = 4) -> Step:
    """A step whose rewards, advantages and metrics fit together, with weights 1 and 0.3."""
    one = step(index, groups, size)
    rng = np.random.default_rng(index)
    for g, group in enumerate(one.groups):
        group.prompt = f"Prompt {index} {g}"
        for c in group.completions:
            c.rewards = {"accuracy_reward": float(rng.integers(2)), "format_reward": rng.random()}
            c.reward = c.rewards["accuracy_reward"] + 0.3 * c.rewards["format_reward"]
        spread = group.rewards.std(ddof=1) + 1e-4
        for c in group.completions:
            c.advantage = float((c.reward - group.rewards.mean()) / spread)
    cards = [c for group in one.groups for c in group.completions]
    one.metrics = {"reward": float(np.mean([c.reward for c in cards]))}
    for name in ("accuracy_reward", "format_reward"):
        one.metrics[f"rewards/{name}/mean"] = float(np.mean([c.rewards[name] for c in cards]))
    return one


def assert_equal(a: Run, b: Run) -> None:
    """The same groups of the same prompts, texts, rewards and advantages; the same metrics."""
    steps = [s for s, _ in a.metrics()]
    assert steps == [s for s, _ in b.metrics()]
    for index in steps:
        ours, theirs = a.step(index), b.step(index)
        assert [g.prompt for g in ours.groups] == [g.prompt for g in theirs.groups]
        for left, right in zip(ours.groups, theirs.groups, strict=True):
            assert [c.text for c in left.completions] == [c.text for c in right.completions]
            assert [c.rewards for c in left.completions] == [c.rewards for c in right.completions]
            np.testing.assert_array_equal(left.advantages, right.advantages)
            np.testing.assert_allclose(left.rewards, right.rewards, rtol=1e-6)
        for name, value in ours.metrics.items():
            assert theirs.metrics[name] == value


def test_a_run_goes_out_and_comes_back(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("out", [Step(0, {"eval/accuracy": 0.5}), *(learned(i) for i in (1, 2, 3))])
    folder = export_trl(run, tmp_path / "trl")
    again, notes = import_folder(folder, tmp_path / "runs" / "back")
    assert_equal(run, again)
    assert again.config.reward_weights == pytest.approx((1, 0.3))
    assert any("Weights as the log has them" in note for note in notes)
    assert again.config.num_generations == 4 and again.status == "finished"
    assert again.problem is None
    assert sorted(os.listdir(tmp_path / "runs")) == ["back", "out"]


def test_it_is_what_trl_writes(awkward: Run, tmp_path: Path) -> None:
    folder = export_trl(awkward, tmp_path / "trl")
    files = sorted(path.name for path in (folder / "completions").iterdir())
    assert files == ["completions_00001.parquet", "completions_00002.parquet"]
    table = pd.read_parquet(folder / "completions" / files[1])
    rewards = ["accuracy_reward", "format_reward"]
    assert list(table.columns) == ["step", "prompt", "completion", *rewards, "advantage"]
    assert set(table["step"]) == {2}
    texts = [c.text for group in awkward.step(2).groups for c in group.completions]
    assert list(table["completion"]) == texts and len(texts) == 2 * len(AWKWARD)
    assert all(f"`{name}`" in (folder / "README.md").read_text() for name in table.columns)


def test_transformers_reads_the_log(made: Callable[..., Run], tmp_path: Path) -> None:
    from transformers import TrainerState

    run = made("out", [learned(1), Step(2, {"kl": math.nan, "reward": 0.5})])
    folder = export_trl(run, tmp_path / "trl")
    state = TrainerState.load_from_json(str(folder / "trainer_state.json"))
    assert state.global_step == 2 and state.log_history[1] == {"reward": 0.5, "step": 2}


def write(folder: Path, step: int, **columns: list[object]) -> Path:
    """A file as TRL writes it."""
    (folder / "completions").mkdir(parents=True, exist_ok=True)
    table = {"step": [step] * len(next(iter(columns.values()))), **columns}
    path = folder / "completions" / f"completions_{step:05d}.parquet"
    pd.DataFrame(table).to_parquet(path)
    return path


def test_conversations_missing_rewards_and_extra_columns(tmp_path: Path) -> None:
    asked = [{"role": "system", "content": "Think."}, {"role": "user", "content": "2 + 2?"}]
    said = [[{"role": "assistant", "content": text}] for text in ("4", "5", "6", "7")]
    write(
        tmp_path / "trl",
        7,
        prompt=[asked] * 4,
        completion=said,
        good=[1.0, 0.0, math.nan, 0.0],
        none=[math.nan] * 4,
        truth=["4"] * 4,
        parsed=["4", "5", "6", "7"],
        advantage=[1.5, -0.5, 0.0, -0.5],
    )
    run, notes = import_folder(tmp_path / "trl" / "completions", tmp_path / "runs" / "r")
    (group,) = run.step(7).groups
    assert group.prompt == "Think.\n\nUser: 2 + 2?"
    assert [c.text for c in group.completions] == ["4", "5", "6", "7"]
    assert group.columns == {"truth": "4"}
    assert [c.reward for c in group.completions[:2]] == [1.0, 0.0]
    assert math.isnan(group.completions[2].reward) and group.completions[2].advantage == 0
    assert run.config.reward_funcs == ("good", "none")
    assert any("truth, parsed" in note for note in notes)
    assert any("taken for 1" in note for note in notes)
    assert any("No trainer_state.json" in note for note in notes)
    metrics = dict(run.metrics())[7]
    assert metrics["reward"] == pytest.approx(1 / 3) and "rewards/none/mean" not in metrics
    encode(group_payload(group, run.options))  # what the board is sent


def test_equal_prompts_are_cut_into_groups(tmp_path: Path) -> None:
    prompts = ["a"] * 2 + ["b"] * 4 + ["c"] * 2  # b was drawn twice
    row = {"completion": list("abcdefgh"), "good": [0.0] * 8, "advantage": [0.0] * 8}
    write(tmp_path / "trl", 1, prompt=prompts, **row)
    run, _ = import_folder(tmp_path / "trl", tmp_path / "runs" / "guessed")
    assert [len(g.completions) for g in run.step(1).groups] == [2, 2, 2, 2]
    assert run.config.generation_batch_size == 8
    run, _ = import_folder(tmp_path / "trl", tmp_path / "runs" / "told", group_size=4)
    assert [len(g.completions) for g in run.step(1).groups] == [2, 4, 2]


def test_weights_are_taken_as_told(made: Callable[..., Run], tmp_path: Path) -> None:
    folder = export_trl(made("out", [learned(1)]), tmp_path / "trl")
    told = {"format_reward": 2.0}
    known = {"learning_rate": 1e-6, "task": "countdown"}
    run, _ = import_folder(folder, tmp_path / "runs" / "w", weights=told, known=known)
    first = run.step(1).groups[0].completions[0]
    assert first.reward == 2 * first.rewards["format_reward"] and len(first.rewards) == 1
    assert run.options["learning_rate"] == 1e-6 and "beta" not in run.options
    with pytest.raises(
        LabError, match=r"Unknown reward column 'missing'\. The columns of numbers are: accuracy"
    ):
        import_folder(folder, tmp_path / "runs" / "x", weights={"missing": 1.0})
    with pytest.raises(LabError, match="Unknown option 'learning_rat'"):
        import_folder(folder, tmp_path / "runs" / "x", known={"learning_rat": 1})


def test_weights_that_the_log_does_not_determine(tmp_path: Path) -> None:
    def log(*rows: tuple[float, float, float]) -> Log:
        names = ("reward", "rewards/a/mean", "rewards/b/mean")
        return Log({i: dict(zip(names, row, strict=True)) for i, row in enumerate(rows)}, None,
                   frozenset())  # fmt: skip

    assert weights_of(["a", "b"], log((0.8, 0.5, 0.1), (0.3, 0.1, 0.2)), None)[0] == {
        "a": pytest.approx(1.44444, abs=1e-4),
        "b": pytest.approx(0.77778, abs=1e-4),
    }
    ones = {"a": 1.0, "b": 1.0}
    assert weights_of(["a", "b"], log((0.8, 0.5, 0.1)), None)[0] == ones  # too few
    assert weights_of(["a", "b"], log((0.8, 0.5, 0.5), (0.4, 0.2, 0.2)), None)[0] == ones
    uneven = log((0.8, 0.5, 0.1), (0.3, 0.1, 0.2), (0.9, 0.1, 0.9))  # no weights fit
    assert weights_of(["a", "b"], uneven, None)[0] == ones


def test_text_of_conversations() -> None:
    assert plain("a") == "a" and plain(None) == ""
    assert plain([{"role": "assistant", "content": "a"}]) == "a"
    parts = [{"type": "image"}, {"type": "text", "text": "what?"}]
    assert plain([{"role": "user", "content": parts}]) == "what?"
    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}
    assert json.loads(plain([call])) == {"tool_calls": [{"name": "f"}]}
    turns = [{"role": "user", "content": "1"}, {"role": "tool", "content": "2"}]
    assert plain(turns) == "User: 1\n\nTool: 2"


def test_a_checkpoint_has_the_log(made: Callable[..., Run], tmp_path: Path) -> None:
    folder = export_trl(made("out", [learned(1), learned(2)]), tmp_path / "trl")
    state = json.loads((folder / "trainer_state.json").read_text())
    state["log_history"][1]["eval_loss"] = 0.25
    state["log_history"][0]["step_time"] = 1.5
    state["log_history"].append({"step": 2, "train_runtime": 60.0, "train_loss": 0.1})
    for number, steps in ((1, 1), (2, 3)):
        (folder / f"checkpoint-{number}").mkdir()
        kept = {"global_step": number, "log_history": state["log_history"][:steps]}
        (folder / f"checkpoint-{number}" / "trainer_state.json").write_text(json.dumps(kept))
    (folder / "trainer_state.json").unlink()
    run, notes = import_folder(folder, tmp_path / "runs" / "r")
    metrics = dict(run.metrics())
    assert metrics[1]["seconds/step"] == 1.5 and metrics[2]["eval_loss"] == 0.25
    assert "train_loss" not in metrics[2]
    assert run.state["heartbeat"] - run.state["started"] == pytest.approx(60, abs=1)
    assert any("At steps 2 TRL's file holds" in note for note in notes)


def test_what_is_no_such_folder(made: Callable[..., Run], tmp_path: Path) -> None:
    target = tmp_path / "runs" / "r"
    with pytest.raises(LabError, match="does not exist"):
        import_folder(tmp_path / "nowhere", target)
    with pytest.raises(LabError, match="has no completions_"):
        import_folder(tmp_path, target)
    bad = write(tmp_path / "bad", 1, prompt=["a"], completion=["b"], good=[1.0])
    with pytest.raises(LabError, match="no column 'advantage'"):
        import_folder(tmp_path / "bad", target)
    bad.write_bytes(b"PAR1 no more")
    with pytest.raises(LabError, match=r"completions_00001.parquet is damaged"):
        import_folder(tmp_path / "bad", target)
    write(tmp_path / "none", 1, prompt=["a"], completion=["b"], advantage=[0.0])
    with pytest.raises(LabError, match="no reward column"):
        import_folder(tmp_path / "none", target)
    with pytest.raises(LabError, match="nothing to export"):
        export_trl(made("bare", [Step(0, {"eval/accuracy": 0.5})]), tmp_path / "out")
    assert not target.exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_damaged_file_leaves_nothing(
    made: Callable[..., Run], tmp_path: Path, place: float
) -> None:
    folder = export_trl(made("out", [learned(i, size=40) for i in (1, 2)]), tmp_path / "trl")
    file = folder / "completions" / "completions_00002.parquet"
    whole = bytearray(file.read_bytes())
    at = int(place * len(whole))
    whole[at : at + 40] = b"\xff" * 40
    file.write_bytes(bytes(whole))
    before = sorted(os.listdir(tmp_path / "runs"))
    try:
        import_folder(folder, tmp_path / "runs" / "r")
    except LabError as error:
        assert "damaged" in str(error)
        assert sorted(os.listdir(tmp_path / "runs")) == before
    else:  # the change hit a number, which Parquet does not notice without checksums
        assert Run(tmp_path / "runs" / "r").problem is None


def test_a_run_that_is_there_stays(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("out", [learned(1)])
    folder = export_trl(run, tmp_path / "trl")
    with pytest.raises(LabError, match="already exists"):
        import_folder(folder, run.path)
    assert run.step(1).groups


def test_a_full_disk_leaves_nothing(
    made: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grpo_core.runs import RunWriter
    from grpo_core.runs.disk import told_plainly

    folder = export_trl(made("out", [learned(1)]), tmp_path / "trl")

    def full(writer: RunWriter, step: object) -> None:
        with told_plainly(writer.path, "recording step 1"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunWriter, "append", full)
    with pytest.raises(LabError, match=r"r was not written: the disk is full\."):
        import_folder(folder, tmp_path / "runs" / "r")
    assert os.listdir(tmp_path / "runs") == ["out"]
