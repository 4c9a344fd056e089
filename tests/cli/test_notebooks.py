"""`grpo-lab notebooks` and `grpo-lab grade`."""

import json
from pathlib import Path

import pytest
from cli_runs import Lab

from grpo_core.course import confined, sources

SOURCE = """# %% [markdown]
# # 00 · A test
# %% tags=["exercise"]
x = ...
# %% tags=["solution"]
x = 1
# %%
print("x is", x)
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of notebooks with one source in it."""
    (tmp_path / "notebooks" / "source").mkdir(parents=True)
    (tmp_path / "notebooks" / "source" / "00_test.py").write_text(SOURCE)
    monkeypatch.setattr(sources, "NOTEBOOKS", tmp_path / "notebooks")
    return tmp_path / "notebooks"


def test_build_and_check(lab: Lab, shelf: Path) -> None:
    code, out, err = lab("notebooks", "check")
    assert code == 1 and "00_test.ipynb is missing" in out and "notebooks build" in err
    assert lab("notebooks", "build", "00")[0] == 0
    assert lab("notebooks", "check") == (0, "Up to date: both editions of 1 notebook.\n", "")
    solved = json.loads((shelf / "solutions" / "00_test.ipynb").read_text())
    assert solved["cells"][-1]["outputs"][0]["text"] == ["x is 1\n"]

    source = shelf / "source" / "00_test.py"
    source.write_text(SOURCE.replace("x = 1", "x = 2"))
    code, out, _ = lab("notebooks", "check", "00_test")
    assert code == 1
    assert out == "solutions/00_test.ipynb is not what its source gives\n"
    source.write_text(SOURCE.replace("x = ...", "x = 0"))
    code, out, _ = lab("notebooks", "check")
    assert out == "00_test.ipynb is not what its source gives\n"


def test_a_notebook_that_was_not_run(lab: Lab, shelf: Path) -> None:
    lab("notebooks", "build")
    solutions = shelf / "solutions" / "00_test.ipynb"
    cells = json.loads(solutions.read_text())
    cells["cells"][-1].update(outputs=[], execution_count=None)
    solutions.write_text(json.dumps(cells))
    assert lab("notebooks", "check")[1] == "solutions/00_test.ipynb has not been run\n"


def test_a_notebook_there_is_not(lab: Lab, shelf: Path) -> None:
    code, _, err = lab("notebooks", "build", "77")
    assert code == 1 and "There is no notebook '77': 00_test." in err


def test_an_installed_package_has_no_sources(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sources, "NOTEBOOKS", tmp_path)
    code, _, err = lab("notebooks", "build")
    assert code == 1 and "clone it" in err


def test_grade(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "x.ipynb").write_text("nonsense")
    out_file = tmp_path / "grades.csv"
    code, out, _ = lab("grade", tmp_path / "class", "--out", out_file, "--json")
    result = json.loads(out.splitlines()[-1])
    assert code == 0 and result["files"] == 1 and result["problems"][0]["file"] == "x.ipynb"
    assert out_file.read_text(encoding="utf-8-sig").startswith("student,file,")
    held = confined.protections()
    assert out.splitlines()[: len(held)] == list(map(str, held))  # before anything is run
    assert result["protections"] == {p.name: p.active for p in held}


def test_grade_refuses_where_a_protection_is_missing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(confined.claims, "layers", frozenset[str])
    (tmp_path / "x.ipynb").write_text("nonsense")
    code, out, err = lab("grade", tmp_path, "--require-confinement")
    assert code == 1 and "x.ipynb" not in out
    assert "Not protected on this machine: network, reading, writing, processes." in err


def test_grade_of_nothing(lab: Lab, tmp_path: Path) -> None:
    assert lab("grade", tmp_path / "nowhere")[0] == 2
    code, _, err = lab("grade", tmp_path)
    assert code == 1 and "no notebook" in err
