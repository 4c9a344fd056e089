"""A stranger's run is copied row by row before it is gone on with."""

import json
import os
import shutil
import sqlite3
import time
import zipfile
from pathlib import Path

import pytest
from make_steps import assert_same, step
from mini_model import make_model
from strangers import change, deleting_journal, stranger, unfolded

from grpo_core.core.errors import LabError
from grpo_core.runs import Run, RunWriter, adopt, check_checkpoint, check_model, create_run
from grpo_core.runs.database import copy_rows, new_database
from grpo_core.runs.origin import is_own


@pytest.fixture
def gift(tmp_path: Path) -> Path:
    return stranger(tmp_path / "runs")


def test_a_stranger_s_run_chooses_no_plugin(tmp_path: Path) -> None:
    evil, trusted = str(tmp_path / "evil.py"), str(tmp_path / "sums.py")
    gift = Run(stranger(tmp_path / "runs", plugins=(evil,)))
    with pytest.raises(LabError, match=r"needs plugins, whose code is run: name files .*evil\.py"):
        adopt(gift, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    copy = Run(adopt(gift, tmp_path / "mine", [trusted]).path)
    assert copy.is_own and copy.config.plugins == (trusted,)


# --- whose it is --------------------------------------------------------------------------------


def test_what_was_made_here_is_our_own_and_stays_so_when_it_is_moved(path: Path) -> None:
    assert Run(path).is_own
    moved = path.rename(path.with_name("moved"))
    assert Run(moved).is_own
    with RunWriter(moved) as writer:
        writer.append(step(1))
    assert adopt(Run(moved), path.parent).path == moved


def test_a_copy_or_a_changed_origin_is_a_stranger_s(path: Path, tmp_path: Path) -> None:
    origin = json.loads((path / "origin.json").read_text())
    later = path / "origin.json"
    for forged in (
        {"made": origin["made"] + 10**9},
        {"code": "0" * 64},
        {"made": None},
        {"code": 5},
    ):
        later.write_text(json.dumps(origin | forged))
        assert not is_own(path)
    for content in ("", "[]", "[" * 500, '{"made": 1}'):
        later.write_text(content)
        assert not is_own(path)


def test_what_comes_back_after_a_while_is_a_stranger_s(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grpo_core.runs.origin._SLACK_NS", 0)  # as if the copy were made later
    back = shutil.copytree(path, tmp_path / "back")
    assert not is_own(back)


@pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")
def test_the_origin_of_another_run_cannot_be_borrowed(path: Path, gift: Path) -> None:
    (gift / "origin.json").unlink()
    (gift / "origin.json").symlink_to(path / "origin.json")
    assert not is_own(gift)
    (gift / "origin.json").unlink()
    os.link(path / "origin.json", gift / "origin.json")
    assert not is_own(gift)


def test_another_installation_s_key_counts_for_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRPO_LAB_STATE", str(tmp_path / "other"))
    assert not is_own(path)
    assert is_own(create_run(tmp_path, "mine", Run(path).config))


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_a_key_that_others_could_have_written_is_not_used(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv("GRPO_LAB_STATE", str(shared))
    with pytest.raises(LabError, match=r"can be written to by you alone\. Set GRPO_LAB_STATE"):
        create_run(tmp_path, "r", Run(path).config)


def test_without_a_home_a_folder_of_the_system_holds_the_key(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRPO_LAB_STATE")
    monkeypatch.setattr("grpo_core.runs.origin.state_dir", lambda: Path("~/state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "system"))
    made = create_run(tmp_path, "r", Run(path).config)
    assert is_own(made) and len(list((tmp_path / "system").glob("*/run.key"))) == 1
    assert not Path("~").exists()
    monkeypatch.setattr("tempfile.tempdir", str(made / "run.db" / "no folder"))
    with pytest.raises(LabError, match="Set GRPO_LAB_STATE"):
        create_run(tmp_path, "s", Run(path).config)


# --- the copy -----------------------------------------------------------------------------------


def test_a_copy_has_all_rows_and_nothing_else(gift: Path) -> None:
    (gift / "worker.log").write_text("x")
    (gift / "run.py").write_text("x")
    unfolded(gift, 7)
    before = sorted(p.name for p in gift.iterdir())
    adopted = adopt(Run(gift), gift.parent)
    assert adopted.notice == (
        "Run 'gift' was not made by this installation of GRPO Lab: it was copied to 'gift-copy', "
        "which is continued."
    )
    copy = Run(adopted.path)
    assert copy.is_own and copy.path == gift.parent / "gift-copy"
    assert [s for s, _ in copy.metrics()] == [1, 2, 3, 7]
    for index in (1, 2, 3):
        assert_same(step(index), copy.step(index))
    assert (copy.config, copy.status, copy.problem) == (Run(gift).config, "stopped", None)
    names = ["checkpoints", "config.json", "control.json", "origin.json", "run.db", "state.json"]
    assert sorted(p.name for p in copy.path.iterdir()) == names
    assert sorted(p.name for p in gift.iterdir()) == before
    with RunWriter(copy.path) as writer:
        writer.append(step(8))
    assert copy.last_step() == 8 and not list(gift.parent.glob("*.tmp"))


def test_a_run_is_copied_once_and_its_copy_continued(gift: Path) -> None:
    first = adopt(Run(gift), gift.parent)
    with RunWriter(first.path) as writer:
        writer.append(step(4))
    again = adopt(Run(gift), gift.parent)
    assert again.path == first.path and Run(again.path).last_step() == 4
    assert again.notice.endswith("its copy 'gift-copy' is continued.")


def test_a_name_that_is_taken_by_something_else_is_left(gift: Path) -> None:
    stranger(gift.parent, "gift-copy")
    (gift.parent / "gift-copy-2").write_text("x")
    assert adopt(Run(gift), gift.parent).path.name == "gift-copy-3"
    assert adopt(Run(gift.parent / "gift-copy"), gift.parent).path.name == "gift-copy-4"


def test_a_run_of_the_first_version_is_copied_and_continued(gift: Path) -> None:
    (gift / "origin.json").unlink()
    for column in ("after_logprobs", '"values"', "token_advantages"):
        change(gift, f"ALTER TABLE completions DROP COLUMN {column}")
    change(gift, "UPDATE meta SET value = '1'")
    copy = adopt(Run(gift), gift.parent).path
    with RunWriter(copy) as writer:
        writer.append(step(4))
    for index in range(1, 5):
        assert_same(step(index), Run(copy).step(index))


def test_a_run_that_is_being_trained_is_not_copied(gift: Path) -> None:
    state = {"status": "running", "host": "elsewhere", "heartbeat": time.time()}
    (gift / "state.json").write_text(json.dumps(state))
    with pytest.raises(LabError, match=r"being trained elsewhere\. Stop it there first"):
        adopt(Run(gift), gift.parent)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE groups SET prompt = x'00'",
        "UPDATE completions SET length = 'one'",
        "UPDATE completions SET push = 'text'",
        "CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM groups; END",
        "UPDATE meta SET value = '99'",
    ],
)
def test_what_is_refused_leaves_no_half_copy(gift: Path, statement: str) -> None:
    change(gift, statement)
    with pytest.raises(LabError):
        adopt(Run(gift), gift.parent)
    assert [p.name for p in gift.parent.iterdir()] == ["gift"]


def test_rows_larger_than_their_file_are_refused(gift: Path, tmp_path: Path) -> None:
    """Many rows can share the pages of one large value, and would each be copied whole."""

    class Smaller:
        """The same rows out of a file of one byte."""

        def execute(self, query: str, *values: object) -> sqlite3.Cursor:
            return db.execute("SELECT 1" if query.startswith("PRAGMA page_") else query, *values)

    with Run(gift).reading() as db, new_database(tmp_path / "new.db") as new:
        copy_rows(db, new, {}, ())
        with pytest.raises(sqlite3.IntegrityError):  # a tree that leads back to itself ends so
            copy_rows(db, new, {}, ())
    with (
        pytest.raises(LabError, match="larger than its file"),
        new_database(tmp_path / "other.db") as new,
        Run(gift).reading(copying=True) as db,
    ):
        copy_rows(Smaller(), new, {}, ())


def test_a_journal_beside_the_original_is_not_obeyed(gift: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    deleting_journal(gift, victim)
    copy = adopt(Run(gift), gift.parent).path
    assert victim.read_text() == "precious" and Run(copy).last_step() == 3


# --- checkpoints and models ---------------------------------------------------------------------


@pytest.fixture
def with_model(gift: Path) -> Path:
    (gift / "checkpoints").mkdir()
    make_model(gift / "checkpoints" / "step-000002")
    return gift


def test_a_saved_model_and_the_checkpoint_are_copied(with_model: Path) -> None:
    import torch

    checkpoints = with_model / "checkpoints"
    torch.save({"step": 2, "trainer": {"weights": torch.ones(5)}}, checkpoints / "last.pt")
    copy = adopt(Run(with_model), with_model.parent).path
    for file in checkpoints.rglob("*.*"):
        if file.is_file():
            same = copy / "checkpoints" / file.relative_to(checkpoints)
            assert same.read_bytes() == file.read_bytes()
    assert Run(copy).models() == [(2, copy / "checkpoints" / "step-000002")]


HARM = {
    "pytorch_model.bin": b"pickle",
    "training_args.bin": b"pickle",
    "modeling.py": b"print()",
    "config.json": b'{"auto_map": {"AutoModel": "evil--modeling.Model"}}',
    "tokenizer_config.json": b'{"x": {"auto_map": 1}}',
}


@pytest.mark.parametrize("name", [*HARM, "link", "folder"])
def test_a_model_with_code_is_left_out_and_not_loaded(with_model: Path, name: str) -> None:
    folder = with_model / "checkpoints" / "step-000002"
    assert check_model(folder) == folder
    if name == "link":
        (folder / "model.safetensors").rename(with_model / "weights")
        (folder / "model.safetensors").symlink_to(with_model / "weights")
    elif name == "folder":
        (folder / "vocab.json").mkdir()
    else:
        (folder / name).write_bytes(HARM[name])
    with pytest.raises(LabError):
        check_model(folder)
    adopted = adopt(Run(with_model), with_model.parent)
    assert Run(adopted.path).models() == [] and "Left out: " in adopted.notice


def test_a_checkpoint_that_unpacks_is_refused(gift: Path) -> None:
    path = gift / "checkpoints" / "last.pt"
    assert not check_checkpoint(path)
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("last/data/0", bytes(2**24))
    with pytest.raises(LabError, match="it is not an archive as GRPO Lab writes one"):
        check_checkpoint(path)
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(LabError, match="more than the"):
        check_checkpoint(path)
    with pytest.raises(LabError, match="more than the"):
        adopt(Run(gift), gift.parent)
    assert [p.name for p in gift.parent.iterdir()] == ["gift"]
