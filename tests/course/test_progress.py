"""Progress is kept, handed in, and never the reason that a lesson fails."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.errors import LabError
from grpo_core.course import lesson00 as check
from grpo_core.course import overview, progress


def attempt() -> None:
    check.advantages(lambda r: r)


def test_it_is_kept_in_a_file(progress_file: Path) -> None:
    attempt()
    check.advantages(check.my_advantages)
    check.advantages(lambda r: None)
    known = json.loads(progress_file.read_text())
    assert progress.is_sound(known) and known["version"] == progress.VERSION
    entry = known["lessons"]["00"]["exercises"]["advantages"]
    assert entry["mistakes"] == {"unknown": 1}
    assert entry["passed"]["failures"] == 1 and entry["passed"]["looked_up"] is False
    assert progress.has_passed("00", "advantages")


def test_what_was_passed_stays_passed() -> None:
    check.advantages(check.my_advantages)
    attempt()
    assert progress.has_passed("00", "advantages")


def test_off_keeps_nothing(monkeypatch: pytest.MonkeyPatch, progress_file: Path) -> None:
    monkeypatch.setenv("GRPO_LAB_PROGRESS", "off")
    assert progress.progress_file() is None
    attempt()
    attempt()
    assert progress.hints_given("00", "advantages") == 1  # the ladder works all the same
    assert not progress_file.exists()


def test_without_a_variable_it_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRPO_LAB_PROGRESS")
    assert progress.progress_file() == Path.home() / ".grpo-lab" / "progress.json"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["lessons", "00", "exercises", "quiz", "advantages", "mistakes", "hints", "passed"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@given(json_values)
def test_no_file_can_make_a_lesson_fail(shared: Path, value: Any) -> None:
    file = shared / "progress.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRPO_LAB_PROGRESS", str(file))
        file.write_text(json.dumps(value))
        before = len(list(shared.glob("progress-damaged-*")))
        attempt()
        overview.show()
        assert progress.is_sound(json.loads(file.read_text()))
        moved = len(list(shared.glob("progress-damaged-*"))) - before
        assert moved == (not progress.is_sound(value))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", '{"version": 2}'])
def test_a_damaged_file_is_moved_aside(text: str, progress_file: Path) -> None:
    progress_file.parent.mkdir()
    progress_file.write_text(text)
    attempt()
    (aside,) = progress_file.parent.glob("progress-damaged-*.json")
    assert aside.read_text() == text
    assert progress.find(progress.read(), "00", "advantages")["mistakes"] == {"unknown": 1}


def test_where_nothing_can_be_written_it_is_remembered(
    progress_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress_file.parent.write_text("a file where a folder should be")
    attempt()
    attempt()
    assert progress.hints_given("00", "advantages") == 1


def test_a_full_disk_is_no_failure(progress_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress, "write_json", full)
    attempt()
    attempt()
    assert progress.hints_given("00", "advantages") == 2
    assert "unknown" in progress_file.read_text()  # what was there is still there


def test_notebooks_that_are_open_at_once_do_not_overwrite_each_other() -> None:
    names = [f"exercise{i}" for i in range(4)]
    threads = [
        threading.Thread(
            target=lambda n=n: [progress.failed("00", n, "sign", 3) for _ in range(10)]
        )
        for n in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = progress.read()
    assert all(progress.find(known, "00", n)["mistakes"] == {"sign": 10} for n in names)


def test_an_export_can_be_handed_in(tmp_path: Path) -> None:
    attempt()
    path = progress.export("Anna / Müller", tmp_path)
    assert path == tmp_path / "Anna---Müller.json"
    known = json.loads(path.read_text())
    assert known["name"] == "Anna / Müller" and progress.is_sound(known)
    assert progress.find(known, "00", "advantages")["mistakes"] == {"unknown": 1}


@pytest.mark.parametrize("name", ["", "..", "/"])
def test_an_export_needs_a_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="must contain a letter or a digit"):
        progress.export(name, tmp_path)


def test_an_export_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be written"):
        progress.export("Anna", tmp_path / "nowhere")


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    check.advantages(check.my_advantages)
    check.quiz(tied="b", loss="a")
    capsys.readouterr()
    overview.show()
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "00  ✓ advantages   · clipped_loss   quiz 1/4"
