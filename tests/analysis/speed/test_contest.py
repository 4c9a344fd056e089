"""Both take turns on the same work, and what comes out is about that work."""

import importlib.util
import json
from pathlib import Path

import pytest
from mini_model import make_model
from needs import require

from grpo_core.analysis.speed import SETTINGS, Setting, setting
from grpo_core.analysis.speed.contest import TRLs, TRLSettings, contest, measure, trl_settings
from grpo_core.analysis.speed.report import contest_table, floor_table, phase_table, summary
from grpo_core.core.errors import LabError


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    require(importlib.util.find_spec("trl"), "TRL: pip install 'grpo-lab[trl]'")
    model = make_model(tmp_path_factory.mktemp("speed") / "mini")
    return Setting(str(model), "countdown", 2, 4, 12, rounds=2, threads=1)


def silent(what: str, done: int, total: int) -> None:
    pass


def test_by_turns(work: Setting) -> None:
    result = measure(work, silent)
    assert len(result["rounds"]) == work.rounds
    for turns in result["rounds"]:
        for who in ("ours", "trl"):
            assert turns[who]["seconds"] > 0
            assert 8 <= turns[who]["tokens"] <= 8 * 12
        assert sum(turns["ours"]["phases"].values()) <= turns["ours"]["seconds"]
    assert len(result["trl_tried"]) == len(trl_settings(work)) == 4
    assert result["floor"]["float32"]["seconds"] > 0
    json.dumps(result)
    assert contest_table(result)[0][1:] == ["this kit", "TRL", "TRL / this kit"]
    assert len(floor_table(result)) == 4
    assert phase_table(result)[-1][0] == "other"


def test_alone(work: Setting) -> None:
    result = contest(work, silent, against_trl=False)
    result["summary"] = summary(result)
    assert "trl" not in result["rounds"][0] and "ratio" not in result["summary"]
    assert contest_table(result)[0] == ["", "this kit"]


def test_trl_waits_for_its_turn_and_ends(work: Setting) -> None:
    theirs = TRLs(work, TRLSettings(1, "sdpa", 8))
    assert not theirs._thread.is_alive()
    theirs.step()
    steps = theirs._trainer.state.global_step
    assert theirs._trainer.state.global_step == steps <= 1  # held between steps
    theirs.close()
    assert not theirs._thread.is_alive()


def test_what_goes_wrong_in_trl_is_told(work: Setting) -> None:
    theirs = TRLs(work, TRLSettings(1, "sdpa", 8))
    theirs._trainer.reward_funcs[0] = None
    with pytest.raises(LabError, match="TRL's trainer failed"):
        theirs.step()


def test_the_ratio_is_theirs_over_ours() -> None:
    def turn(seconds: float, tokens: int) -> dict:
        return {"seconds": seconds, "tokens": tokens, "phases": {"decode": seconds}}

    rounds = [{"ours": turn(s, 100), "trl": turn(6.0, 200)} for s in (1.0, 2.0, 3.0)]
    found = summary({"rounds": rounds})
    assert found["ratio"]["seconds"] == {"median": 3.0, "least": 2.0, "most": 6.0}
    assert found["ratio"]["a_token"]["median"] == pytest.approx(1.5)
    assert found["phases"] == {"decode": 2.0}


def test_settings() -> None:
    assert setting("short", rounds=3, model=None) == Setting(max_completion_length=32, rounds=3)
    assert set(SETTINGS) == {"long", "short", "smollm2"}
    with pytest.raises(LabError, match=r"There is no setting 'fast'\. Known: long, short, smollm2"):
        setting("fast")
    with pytest.raises(LabError, match="rounds must be between 1"):
        setting("long", rounds=0)
    with pytest.raises(LabError, match="num_generations must be 2 or more"):
        setting("long", num_generations=1)


def test_no_folder_is_left(work: Setting, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    theirs = TRLs(work, TRLSettings(1, "sdpa", 8))
    theirs.step()
    theirs.close()
    assert list(tmp_path.iterdir()) == []
