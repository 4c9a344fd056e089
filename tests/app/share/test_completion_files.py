"""Parquet of a stranger: small files that stand for gigabytes, and files that are none."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grpo_core.app.share import completion_files
from grpo_core.app.share.completion_files import read_rows
from grpo_core.app.share.trl import import_folder
from grpo_core.core import child
from grpo_core.core.errors import LabError

MEASURED = """
import sys
from grpo_core.core.errors import LabError
from grpo_core.core.machine import peak_rss
from grpo_core.app.share.completion_files import read_rows
from grpo_core.app.share.tables import pyarrow
pyarrow()
before = peak_rss() // 1024
try:
    read_rows(sys.argv[1])
    print("read")
except LabError as error:
    print(error)
print(peak_rss() // 1024 - before)
"""


def repeated(text: str, count: int) -> pa.Array:
    """A text stored once and said to be there many times."""
    indices = pa.array([0]).take(pa.array([0] * count))
    return pa.DictionaryArray.from_arrays(indices.cast(pa.int32()), pa.array([text]))


def table(rows: int, **columns: Any) -> pa.Table:
    usual = {
        "step": repeated("1", rows).dictionary_decode().cast(pa.int64()),
        "prompt": repeated("p", rows),
        "completion": repeated("c", rows),
        "r": repeated("1", rows).dictionary_decode().cast(pa.float64()),
        "advantage": repeated("0", rows).dictionary_decode().cast(pa.float64()),
    }
    return pa.table(usual | columns)


def write(folder: Path, content: pa.Table) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "completions_00001.parquet"
    pq.write_table(content, file, compression="zstd", store_schema=False)
    return file


def deep(levels: int) -> pa.Array:
    kind, value = pa.string(), "x"
    for _ in range(levels):
        kind, value = pa.list_(kind), [value]
    return pa.array([value], kind)


BOMBS = {
    "rows": (lambda: table(3_000_000), "3,000,000 rows; at most 200,000"),
    "dictionary": (
        lambda: table(100_000, completion=repeated("A" * 50_000, 100_000)),
        "unpacks to more than the 256 MiB",
    ),
    "another column": (
        lambda: table(100_000, extra=repeated("A" * 50_000, 100_000)),
        "unpacks to more than the 256 MiB",
    ),
    "a text": (
        lambda: table(1, completion=pa.array(["A" * 100_000_000])),
        "a text of 100,000,000 bytes in column 'completion'",
    ),
    "pages": (
        lambda: table(2, completion=pa.array(["A" * 400_000_000] * 2)),
        "unpacks to more than the 256 MiB",
    ),
    "a list": (
        lambda: table(1, completion=pa.array([[{"content": ""}] * 3_900_000])),
        "unpacks to more than the 256 MiB",
    ),
    "a longer list": (
        lambda: table(1, completion=pa.array([[None] * 4_100_000], pa.list_(pa.string()))),
        "a column of 4,100,000 values; at most 4,000,000",
    ),
    "columns": (
        lambda: table(1, **{f"c{i}": pa.array([1.0]) for i in range(20_000)}),
        "20,005 columns; at most 1,000",
    ),
    "depth": (lambda: table(1, extra=deep(20)), "lists in lists, more than 16 deep"),
}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no getrusage")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_little_memory(tmp_path: Path, name: str) -> None:
    make, said = BOMBS[name]
    file = write(tmp_path / "completions", make())
    assert file.stat().st_size < (8_000_000 if name == "columns" else 150_000)
    done = subprocess.run(
        child.command("-c", MEASURED, file), env=child.environment(), capture_output=True, text=True
    )
    answer, kibibytes = done.stdout.splitlines()
    assert said in answer and str(file) in answer
    assert int(kibibytes) < 500_000  # 4.8 GB were taken


def test_within_the_limits_everything_is_read(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "é 漢 🙂"}]
    content = table(3, prompt=pa.array([turns] * 3), extra=pa.array([{"a": [1]}, None, {"a": []}]))
    rows = read_rows(write(tmp_path, content))
    assert [row["prompt"] for row in rows] == [turns] * 3
    assert [row["extra"] for row in rows] == [{"a": [1]}, None, {"a": []}]
    assert [row["completion"] for row in rows] == ["c"] * 3
    assert read_rows(tmp_path / "completions_00001.parquet", ["r"]) == [{"r": 1.0}] * 3


def test_rows_of_many_row_groups(tmp_path: Path) -> None:
    file = tmp_path / "completions_00001.parquet"
    texts = [f"text {i}" for i in range(1_000)]
    pq.write_table(table(1_000, completion=pa.array(texts)), file, row_group_size=7)
    assert [row["completion"] for row in read_rows(file)] == texts


def test_more_rows_than_the_footer_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, table(500))
    monkeypatch.setattr(completion_files, "_check_footer", lambda *_: None)
    monkeypatch.setattr(completion_files, "MAX_ROWS", 100)
    with pytest.raises(LabError, match="more than the 100 rows"):
        read_rows(file)


# --- the whole import --------------------------------------------------------------------------


def refused(folder: Path, said: str) -> None:
    with pytest.raises(LabError, match=said):
        import_folder(folder, folder / "run")
    assert not (folder / "run").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.timeout(60)
def test_a_pipe_a_device_and_a_link(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "completions_00001.parquet")
    refused(tmp_path, "is a named pipe, not a regular file")
    (tmp_path / "completions_00001.parquet").unlink()
    (tmp_path / "completions_00001.parquet").symlink_to("/dev/zero")
    refused(tmp_path, "is a link, not a regular file")
    (tmp_path / "completions_00001.parquet").unlink()
    write(tmp_path, table(2))
    os.mkfifo(tmp_path / "trainer_state.json")
    refused(tmp_path, "is a named pipe, not a regular file")


def test_a_state_that_is_large(tmp_path: Path) -> None:
    write(tmp_path, table(2))
    with (tmp_path / "trainer_state.json").open("wb") as file:
        file.truncate(70_000_000)
    refused(tmp_path, "is larger than 64,000,000 bytes")


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    twice = table(2).append_column("r", pa.array([1.0, 2.0]))
    write(tmp_path, twice)
    refused(tmp_path, "two columns 'r'")


@pytest.mark.parametrize(
    "columns",
    [
        {"advantage": pa.array(["none", "many"])},
        {"advantage": pa.array([{"a": 1}, None])},
        {"r": pa.array([1.7e308, -1.7e308]), "s": pa.array([1.7e308, 1.7e308])},
        {"r": pa.array([float("inf"), 0.0]), "s": pa.array([float("-inf"), 1.0])},
        {"extra": pa.array([2**62, 2**62], pa.timestamp("ms"))},
        {"completion": pa.array([b"\xff", b"x"])},
    ],
)
def test_odd_columns_give_a_run_or_a_sentence(tmp_path: Path, columns: dict[str, Any]) -> None:
    write(tmp_path, table(2, **columns))
    try:
        run, _ = import_folder(tmp_path, tmp_path / "run")
    except LabError:
        return
    assert len(run.step(1).groups[0].completions) == 2


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "-5", "true", '"1"', "1" + "0" * 20])
def test_odd_numbers_of_a_log(tmp_path: Path, number: str) -> None:
    write(tmp_path, table(2))
    entries = f'{{"step": {number}, "reward": 1.0}}, {{"step": 1, "reward": {number}}}'
    state = f'{{"global_step": {number}, "log_history": [{entries}, {{"step": 1, "loss": 0.5}}]}}'
    (tmp_path / "trainer_state.json").write_text(state)
    run, _ = import_folder(tmp_path, tmp_path / "run")
    assert [step for step, _ in run.metrics()] == [1] and run.metrics()[0][1]["loss"] == 0.5


def test_a_log_of_very_many_steps(tmp_path: Path) -> None:
    write(tmp_path, table(2))
    history = [{"step": i, "loss": 1.0} for i in range(100_001)]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    refused(tmp_path, "100,001 steps; at most 100,000")
