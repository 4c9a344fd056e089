"""Tables: what was recorded is what is read back, to the last character and the last bit."""

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_steps import completion, step

from grpo_core.app.share import tables
from grpo_core.app.share.tables import CsvWriter, export_tables, read_csv
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group, Step
from grpo_core.core.spreadsheet import cell
from grpo_core.runs import Run


def read(folder: Path, name: str, form: str) -> pd.DataFrame:
    if form == "csv":
        return read_csv(folder / f"{name}.csv")
    return pd.read_parquet(folder / f"{name}.parquet")


def same(table: list[Any], record: list[Any]) -> bool:
    """Equal, numbers to the last bit, NaN included."""
    return len(table) == len(record) and all(
        a == b or (isinstance(b, float) and math.isnan(a) and math.isnan(b))
        for a, b in zip(table, record, strict=True)
    )


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_everything_reads_back_as_it_was(awkward: Run, tmp_path: Path, form: str) -> None:
    folder = export_tables(awkward, tmp_path / "out", form, tokens=True)
    steps = read(folder, "steps", form)
    assert list(steps["step"]) == [0, 1, 2]
    for index, metrics in awkward.metrics():
        row = steps[steps["step"] == index].iloc[0]
        for name in steps.columns[1:]:
            assert same([row[name]], [metrics.get(name, math.nan)])
    cards = [
        (s, g, i, group, c)
        for s in (1, 2)
        for g, group in enumerate(awkward.step(s).groups)
        for i, c in enumerate(group.completions)
    ]
    table = read(folder, "completions", form)
    assert same(list(table["text"]), [c.text for *_, c in cards])
    assert same(list(table["prompt"]), [group.prompt for *_, group, _ in cards])
    assert same(list(table["problem"].map(json.loads)), [group.columns for *_, group, _ in cards])
    assert same(list(table["reward"]), [c.reward for *_, c in cards])
    assert same(list(table["advantage"]), [c.advantage for *_, c in cards])
    assert list(table["truncated"]) == [c.truncated for *_, c in cards]
    assert list(table["length"]) == [len(c) for *_, c in cards]
    for place, name in enumerate(("step", "group", "completion")):
        assert list(table[name]) == [card[place] for card in cards]
    for name in awkward.reward_names():
        assert same(list(table[f"rewards/{name}"]), [c.rewards[name] for *_, c in cards])
    tokens = read(folder, "tokens", form)
    flat = [(c, t) for *_, c in cards for t in range(len(c))]
    assert list(tokens["text"]) == [c.tokens[t] for c, t in flat]
    assert list(tokens["token_id"]) == [c.token_ids[t] for c, t in flat]
    assert same(list(tokens["old_logprob"]), [float(c.old_logprobs[t]) for c, t in flat])
    assert same(list(tokens["push"]), [float(c.push[t]) for c, t in flat])
    assert tokens["value"].isna().all()  # there was no critic


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(str.__add__, st.sampled_from(["", "'", *"=+-@\t\r"]), st.text(max_size=20)),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
def test_a_text_is_data_unless_guarded(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], spreadsheet: bool
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    writer = CsvWriter(path, [("text", "str", "", ""), ("reward", "float", "", "")], spreadsheet)
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    writer.write([{"text": text, "reward": -0.1} for text in texts])
    writer.close()
    if spreadsheet:
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = [row[0] for row in list(csv.reader(file))[1:]]
        assert found == [str(cell(text)) for text in texts]  # see tests/core/test_spreadsheet.py
    else:
        table = read_csv(path)
        assert list(table["text"]) == texts and list(table["reward"]) == [-0.1] * len(texts)


def test_spreadsheet_guards_the_run(awkward: Run, tmp_path: Path) -> None:
    folder = export_tables(awkward, tmp_path / "out", "csv", spreadsheet=True)
    with (folder / "completions.csv").open(encoding="utf-8-sig", newline="") as file:
        csv.field_size_limit(2**31 - 1)
        rows = list(csv.DictReader(file))
    assert rows[0]["text"] == "'=1+1" and rows[3]["text"] == "'-5"
    assert float(rows[0]["advantage"]) == -0.25  # a number, not a text
    assert "apostrophe" in (folder / "README.md").read_text()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_column_is_in_the_dictionary(awkward: Run, tmp_path: Path, form: str) -> None:
    folder = export_tables(awkward, tmp_path / "out", form, tokens=True)
    text = (folder / "README.md").read_text(encoding="utf-8")
    for name in ("steps", "completions", "tokens"):
        part = text.split(f"## {name}.{form}")[1].split("\n## ")[0]
        for column in read(folder, name, form).columns:
            assert f"\n| `{column}` |" in part
    assert "held-out" not in text or "`eval/accuracy`" in text
    assert "Share solved" in text  # the glossary's words


def test_a_metric_that_a_step_lacks_is_missing(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("gaps", [Step(1, {"reward": 1.0}), Step(2, {"kl": 0.5, "reward": math.inf})])
    table = read_csv(export_tables(run, tmp_path / "out", "csv") / "steps.csv")
    assert math.isnan(table["kl"][0]) and table["kl"][1] == 0.5 and table["reward"][1] == math.inf


def test_rewards_that_come_later_have_a_column(made: Callable[..., Run], tmp_path: Path) -> None:
    late = Step(2, {}, [Group("p", {}, [completion(rewards={"new_reward": 0.5})])])
    run = made("late", [step(1), late])
    table = read_csv(export_tables(run, tmp_path / "out", "csv") / "completions.csv")
    assert math.isnan(table["rewards/new_reward"][0])
    assert table["rewards/new_reward"].iloc[-1] == 0.5
    assert math.isnan(table["rewards/accuracy_reward"].iloc[-1])


def test_refusals(awkward: Run, made: Callable[..., Run], tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(LabError, match="exists already"):
        export_tables(awkward, there, "csv")
    with pytest.raises(LabError, match="recorded nothing"):
        export_tables(made("empty", []), tmp_path / "out", "csv")
    with pytest.raises(LabError, match="for CSV"):
        export_tables(awkward, tmp_path / "out", "parquet", spreadsheet=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="is no folder"):
        export_tables(awkward, tmp_path / "file" / "out", "csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "runs", "there"]


def test_nothing_is_left_where_it_fails(
    awkward: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables.CsvWriter, "write", full)
    with pytest.raises(LabError, match=r"out was not written: the disk is full\."):
        export_tables(awkward, tmp_path / "out", "csv")
    monkeypatch.undo()
    (awkward.path / "run.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(LabError, match="damaged"):
        export_tables(awkward, tmp_path / "out", "csv")
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]


def test_without_pyarrow(awkward: Run, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from grpo_core.app.share.tables import export_tables\n"
        "from grpo_core.runs import Run\n"
        f"run = Run({str(awkward.path)!r})\n"
        f"export_tables(run, {str(tmp_path / 'csv')!r}, 'csv')\n"
        f"export_tables(run, {str(tmp_path / 'parquet')!r}, 'parquet')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("Parquet needs pyarrow: pip install 'grpo-lab[parquet]'.")
    assert (tmp_path / "csv" / "completions.csv").is_file()
    assert not (tmp_path / "parquet").exists()
