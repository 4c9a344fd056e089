"""What is on disk, and the table of results."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.app.dashboard.classroom import journal
from grpo_core.app.dashboard.classroom.journal import Journal, file_name
from grpo_core.core.errors import LabError
from grpo_core.runs import list_runs


def test_events_come_back_in_their_order(tmp_path: Path) -> None:
    first = Journal(tmp_path, "Monday")
    for i in range(3):
        first.append({"what": "x", "i": i, "text": "Zoë \ud800"})
    first.close()
    second = Journal(tmp_path, "Monday")
    assert [event["i"] for event in second.events()] == [0, 1, 2]
    assert second.secret == first.secret and len(second.secret) >= 32
    second.append({"what": "x", "i": 3})
    assert [json.loads(line)["i"] for line in second.path.read_text().splitlines()] == [0, 1, 2, 3]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    held = Journal(tmp_path, "Monday")
    held.append({"what": "x"})
    if os.name == "posix":
        assert stat.S_IMODE(held.folder.stat().st_mode) == 0o700
        for path in (held.path, *held.folder.glob("*.key")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(held.folder.glob("*.key"))) == 1 and list_runs(tmp_path) == []


def test_a_line_that_a_crash_cut_off_costs_itself_only(tmp_path: Path) -> None:
    held = Journal(tmp_path, "a")
    held.append({"i": 1})
    held.close()
    with held.path.open("ab") as file:
        file.write(b'{"i": 2, "te')
    again = Journal(tmp_path, "a")
    again.append({"i": 3})
    again.close()
    assert [event["i"] for event in Journal(tmp_path, "a").events()] == [1, 3]


def test_one_server_a_class(tmp_path: Path) -> None:
    held = Journal(tmp_path, "a")
    with pytest.raises(LabError, match="is being served already"):
        Journal(tmp_path, "a")
    Journal(tmp_path, "b")
    held.close()
    Journal(tmp_path, "a")


def test_a_new_class_puts_the_old_one_aside(tmp_path: Path) -> None:
    old = Journal(tmp_path, "a")
    old.append({"i": 1})
    old.close()
    new = Journal(tmp_path, "a", new=True)
    assert list(new.events()) == [] and new.secret != old.secret
    aside = [path for path in new.folder.glob("a.*.jsonl")]
    assert len(aside) == 1 and json.loads(aside[0].read_text()) == {"i": 1}


def test_a_journal_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_EVENTS", 3)
    held = Journal(tmp_path, "a")
    for i in range(3):
        held.append({"i": i})
    with pytest.raises(LabError, match="is full"):
        held.append({"i": 3})
    held.close()
    again = Journal(tmp_path, "a")
    assert len(list(again.events())) == 3
    with pytest.raises(LabError, match="is full"):
        again.append({"i": 3})


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(LabError, match="Cannot write"):
        Journal(tmp_path / "runs", "a")


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_a_title_names_a_file_of_its_own_and_in_this_folder(one: str, other: str) -> None:
    try:
        names = [file_name(one), file_name(other)]
    except UnicodeEncodeError:  # half a character: no title has one, see clean_title
        return
    for name in names:
        assert (
            name and len(name) <= 60 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        )
    assert (names[0] == names[1]) == (one == other)
