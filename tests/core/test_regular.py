"""Files of someone else: what is not regular is refused at once, in a sentence."""

import os
from pathlib import Path

import pytest

from grpo_core.core import regular
from grpo_core.core.errors import LabError

READERS = [regular.read_bytes, regular.read_text, regular.read_json]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


def test_a_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": [1, "\xc3\xa4"]}')
    assert regular.read_json(path, 100) == {"a": [1, "ä"]}
    assert regular.read_text(path, 100) == '{"a": [1, "ä"]}'
    assert regular.read_bytes(path, path.stat().st_size)[:3] == b"\xef\xbb\xbf"


@pytest.mark.parametrize("read", READERS)
def test_a_missing_one(tmp_path: Path, read) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", 100)


@pytest.mark.parametrize("read", READERS)
def test_a_large_one(tmp_path: Path, read) -> None:
    (tmp_path / "file").write_bytes(b"1" * 101)
    with pytest.raises(LabError, match="file is larger than 100 bytes"):
        read(tmp_path / "file", 100)


def test_one_that_grows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"1" * 101)
    monkeypatch.setattr(regular, "open_bounded", lambda path, *_, **__: path.open("rb"))
    with pytest.raises(LabError, match="file is larger than 100 bytes"):
        regular.read_bytes(tmp_path / "file", 100)


@posix
@pytest.mark.parametrize("read", READERS)
def test_a_pipe_a_device_and_a_folder(tmp_path: Path, read) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in [
        (tmp_path / "pipe", "a named pipe"),
        (Path("/dev/zero"), "a device"),
        (tmp_path, "a folder"),
    ]:
        for follow_links in (False, True):
            with pytest.raises(LabError, match=f"is {kind}, not a regular file"):
                read(path, 100, follow_links=follow_links)


@posix
def test_a_pipe_that_took_the_place_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the path and its opening."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    was = (tmp_path / "file").lstat()
    monkeypatch.setattr(os, "lstat", lambda path: was)
    with pytest.raises(LabError, match="is a named pipe"):
        regular.read_bytes(tmp_path / "pipe", 100)


@posix
def test_a_link_only_where_the_user_named_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert regular.read_text(tmp_path / "link", 100, follow_links=True) == "text"
    with pytest.raises(LabError, match="is a link, not a regular file"):
        regular.read_text(tmp_path / "link", 100)


@posix
def test_a_link_that_took_the_place_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    was = (tmp_path / "file").lstat()
    monkeypatch.setattr(os, "lstat", lambda path: was)
    with pytest.raises(LabError, match="Cannot read"):
        regular.read_text(tmp_path / "link", 100)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "cannot be read as text"),
        (b"{", "not a JSON file"),
        (b"[" * 100_000, "not a JSON file"),
        (b"1" * 5_000, "not a JSON file"),  # more digits than Python turns into a number
    ],
)
def test_what_is_no_json(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(LabError, match=said):
        regular.read_json(tmp_path / "file", 1_000_000)


def test_a_json_file_of_very_many_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular, "MAX_JSON_VALUES", 1_000)
    (tmp_path / "file").write_text("[" + "[]," * 500 + "[]]")
    with pytest.raises(LabError, match=r"more than the 1,000 values"):
        regular.read_json(tmp_path / "file", 10_000)
