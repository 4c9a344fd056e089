"""An RL stage is an ordinary run: made, stopped, gone on with, found finished, never mixed up."""

from pathlib import Path

import pytest
from cli_runs import Counting

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.pipeline.progress import Progress, Stopped
from grpo_core.pipeline.rl import CURVES, rl
from grpo_core.runs import Run, RunWriter, worker


class Writing(Counting):
    """A trainer that only counts, with the metrics that a stage keeps."""

    def __next__(self) -> Step:
        step = super().__next__()
        if step.index:
            step.metrics |= dict.fromkeys(CURVES.values(), float(step.index))
            step.metrics |= {"completions/num_tokens": 100.0, "seconds/step": 0.5}
        return step


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_real_trainer", Writing)


CONFIG = GRPOConfig(max_steps=4, eval_steps=0)


def test_it_trains_says_so_and_keeps_the_curves(tmp_path: Path) -> None:
    seen: list[Progress] = []
    found = rl(tmp_path / "deep" / "stage", CONFIG, seen.append)
    assert [p.done for p in seen] == [0, 1, 2, 3, 4] and seen[-1].figures["accuracy"] == 4.0
    assert found["steps"] == 4 and found["tokens"] == 400 and found["seconds"] >= 2.0
    assert found["curves"]["language"] == [[i, float(i)] for i in range(1, 5)]
    assert Path(found["model"]).name == "step-000004"
    again = rl(tmp_path / "deep" / "stage", CONFIG, lambda p: pytest.fail("it trained again"))
    assert again == found


def test_stopped_it_says_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = RunWriter.append

    def stop_at_2(self: RunWriter, step: Step) -> None:
        original(self, step)
        if step.index == 2:
            self.run.control("stop")

    with monkeypatch.context() as patch:
        patch.setattr(worker.RunWriter, "append", stop_at_2)
        with pytest.raises(Stopped):
            rl(tmp_path / "stage", CONFIG)
    assert Run(tmp_path / "stage").last_step() == 2
    assert rl(tmp_path / "stage", CONFIG)["steps"] == 4


def test_killed_while_the_folder_was_made_it_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    (folder / "run.db").touch()
    assert rl(folder, CONFIG)["steps"] == 4


def test_other_settings_and_other_contents_are_refused(tmp_path: Path) -> None:
    rl(tmp_path / "stage", CONFIG)
    with pytest.raises(LabError, match="begun with other settings"):
        rl(tmp_path / "stage", GRPOConfig(max_steps=5, eval_steps=0))
    (tmp_path / "mine").mkdir()
    with pytest.raises(LabError, match="holds something else"):
        rl(tmp_path / "mine", CONFIG)
