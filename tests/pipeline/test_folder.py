"""A stage's folder: begun once, taken up again, never mixed up with another's."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from grpo_core.core.errors import LabError
from grpo_core.pipeline.folder import RECORD, begin, finish, saving


@dataclass(frozen=True)
class Config:
    size: int = 3
    names: tuple[str, ...] = ("a", "b")


def test_it_is_begun_taken_up_and_found_finished(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "stage"
    record = begin(folder, "bake", Config())
    assert not record["finished"] and begin(folder, "bake", Config()) == record
    done = finish(folder, record, loaves=7)
    assert begin(folder, "bake", Config()) == done
    assert done["finished"] and done["loaves"] == 7
    assert done["config"] == {"size": 3, "names": ["a", "b"]}


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    begin(tmp_path / "stage", "bake", Config())
    with pytest.raises(LabError, match=r"other settings \(size\)"):
        begin(tmp_path / "stage", "bake", Config(size=4))
    with pytest.raises(LabError, match="holds a 'bake', no 'fry'"):
        begin(tmp_path / "stage", "fry", Config())
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="is a file"):
        begin(tmp_path / "file", "bake", Config())
    (tmp_path / "stage" / RECORD).write_text("rubbish")
    with pytest.raises(LabError, match="is damaged"):
        begin(tmp_path / "stage", "bake", Config())
    (tmp_path / "stage" / RECORD).write_text(json.dumps({"what": "bake", "config": 7}))
    with pytest.raises(LabError, match="other settings"):
        begin(tmp_path / "stage", "bake", Config())


def test_only_the_disk_is_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"Permission denied\. Put that right"), saving(tmp_path):
        raise PermissionError(13, "Permission denied")
    with pytest.raises(ZeroDivisionError), saving(tmp_path):
        raise ZeroDivisionError
