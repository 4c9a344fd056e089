"""What is made is there whole or not at all."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from grpo_core.app.share.whole import made_whole, new_place
from grpo_core.core.errors import LabError
from grpo_core.runs.disk import told_plainly


def test_it_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with made_whole(target) as path:
        path.write_text("whole")
        assert path.name == target.name and not target.exists()
    assert target.read_text() == "whole" and os.listdir(target.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, LabError])
def test_it_does_not_where_the_block_fails(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), made_whole(tmp_path / "folder") as path:
        path.mkdir()
        (path / "half").touch()
        raise error("no")
    assert os.listdir(tmp_path) == []


def test_what_somebody_else_made_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    with pytest.raises(LabError, match="already exists"), made_whole(target) as path:
        path.write_text("ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs" and os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.parametrize(
    ("number", "said"),
    [(28, "the disk is full"), (13, "no permission"), (30, "no permission"), (5, "Input/output")],
)
def test_what_the_disk_says_is_one_sentence(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(LabError, match=said), made_whole(tmp_path / "x") as path:
        path.touch()
        raise OSError(number, os.strerror(number))
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_known_by_what_failed_and_not_by_its_words(tmp_path: Path) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    for error in (full, OSError(errno.ENOSPC, "no room")):
        with pytest.raises(LabError, match="x was not written: the disk is full"), \
                made_whole(tmp_path / "x"), told_plainly(tmp_path, "recording"):  # fmt: skip
            raise error
    with pytest.raises(LabError, match=r"^Its own words: the disk is full\."), \
            made_whole(tmp_path / "x"):  # fmt: skip
        raise LabError("Its own words: the disk is full.")
    assert os.listdir(tmp_path) == []


def test_new_place(tmp_path: Path) -> None:
    assert new_place(tmp_path / "a" / ".." / "b") == tmp_path / "b"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(LabError, match="already exists"):
        new_place(tmp_path / "link")
