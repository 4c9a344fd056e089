"""A run as tidy tables: steps, completions and, if wanted, tokens; CSV or Parquet.

    steps         one row a step: its number and every metric, named as in docs/glossary.md
    completions   one row a completion: where it stands, prompt, text, what it earned
    tokens        one row a token: its text, its id, its log-probabilities

A folder of tables has a README.md that says what each column is, in which unit, and how to read
the files so that every text and every number is exactly what was recorded.

A text may begin with "=", which spreadsheet programs take for a formula. For pandas it is data, and
it is written unchanged; `spreadsheet=True` makes files that are safe to open in such a program.
"""

import contextlib
import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grpo_core import __version__
from grpo_core.app.share.whole import made_whole, new_place
from grpo_core.core.errors import LabError
from grpo_core.core.glossary import explain
from grpo_core.core.records import Completion, Group, Step
from grpo_core.core.spreadsheet import ENCODING, Empty, cell
from grpo_core.runs import Run

if TYPE_CHECKING:
    import pandas as pd

Column = tuple[str, str, str, str]  # name, type, unit, what it is
Row = dict[str, Any]
Told = Callable[[str], None]

PLACE: list[Column] = [
    (
        "step",
        "int",
        "",
        "The step, from 1; step 0 only evaluated the untrained model.",
    ),
    ("group", "int", "", "The group within the step, from 0 (the dashboard counts from 1)."),
    ("completion", "int", "", "The completion within the group, from 0, in sampling order."),
]
COMPLETION: list[Column] = [
    ("prompt", "str", "", "The prompt given to the policy."),
    ("problem", "str", "JSON", "The problem's columns, which verifier and rewards receive."),
    ("text", "str", "", "The completion, special tokens left out."),
    # rewards/<name> come here
    ("reward", "float", "reward", "The weighted sum that the advantage was computed from."),
    ("advantage", "float", "", "The advantage; if advantages are per token, their mean."),
    ("length", "int", "tokens", "EOS token included; 0 if tokens were not recorded."),
    ("truncated", "bool", "", "True if there is no EOS token within max_completion_length."),
]
TOKEN: list[Column] = [
    ("token", "int", "", "The token within the completion, from 0."),
    ("text", "str", "", "The token as displayed."),
    ("token_id", "int", "", "The token's id."),
    ("old_logprob", "float", "nats", "log pi_old, under the sampling policy."),
    ("logprob", "float", "nats", "log pi_theta, under the policy that last entered the loss."),
    ("ref_logprob", "float", "nats", "log pi_ref; empty without a reference."),
    ("entropy", "float", "nats", "Entropy of the distribution it was sampled from; may be empty."),
    ("push", "float", "", "Minus the loss gradient at its log-probability; may be empty."),
    ("token_advantage", "float", "", "Its own advantage; empty if the completion's applies."),
    ("value", "float", "reward", "The critic's value before it; empty without a critic."),
    ("after_logprob", "float", "nats", "After the step's last update; empty if not recorded."),
]
_ARRAYS = {
    "token_id": "token_ids",
    "old_logprob": "old_logprobs",
    "logprob": "logprobs",
    "ref_logprob": "ref_logprobs",
    "entropy": "entropy",
    "push": "push",
    "token_advantage": "token_advantages",
    "value": "values",
    "after_logprob": "after_logprobs",
}


def export_tables(
    run: Run,
    target: Path | str,
    form: str,
    *,
    tokens: bool = False,
    spreadsheet: bool = False,
    told: Told = lambda sentence: None,
) -> Path:
    """Write a folder of tables, and a README.md that explains them; returns the folder.

    Args:
        run: may be live: the tables then have what was recorded until now.
        target: the folder, which must not exist.
        form: "csv" or "parquet".
        tokens: with the table of tokens, which is by far the largest.
        spreadsheet: CSV for a spreadsheet program: a cell of text that it might evaluate gets an
            apostrophe in front, and the file a byte order mark. It then no longer reads back as it
            was.
        told: called with a sentence about the progress.

    Raises:
        LabError: the run has recorded nothing or is damaged; the folder is there or cannot be
            written; pyarrow is missing.
    """
    target = new_place(target)
    if form == "parquet":
        if spreadsheet:
            raise LabError(
                "--spreadsheet works with CSV only, because no spreadsheet program reads Parquet."
            )
        pyarrow()
    metrics = run.metrics()
    if not metrics:
        raise LabError(f"Run '{run.name}' has recorded nothing yet, so there is nothing to export.")
    steps = steps_columns(sorted({name for _, values in metrics for name in values}))
    completions = completion_columns(run.reward_names())
    with made_whole(target) as folder, contextlib.ExitStack() as stack:
        folder.mkdir()

        def open_table(name: str, columns: list[Column]) -> "CsvWriter | ParquetWriter":
            path = folder / f"{name}.{form}"
            writer: CsvWriter | ParquetWriter
            if form == "csv":
                writer = CsvWriter(path, columns, spreadsheet)
            else:
                writer = ParquetWriter(path, columns)
            return stack.enter_context(contextlib.closing(writer))

        open_table("steps", steps).write([{"step": s, **values} for s, values in metrics])
        writer = open_table("completions", completions)
        token_writer = open_table("tokens", PLACE + TOKEN) if tokens else None
        for done, (index, _) in enumerate(metrics, 1):
            step = run.step(index)
            writer.write(list(completion_rows(step)))
            if token_writer is not None:
                token_writer.write(list(token_rows(step)))
            if done % 20 == 0:
                told(f"Wrote {done} of {len(metrics)} steps ...")
        stack.close()
        tables = {"steps": steps, "completions": completions}
        if tokens:
            tables["tokens"] = PLACE + TOKEN
        text = dictionary(run, form, tables, spreadsheet)
        (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    return target


# --- rows --------------------------------------------------------------------------------------


def steps_columns(metrics: list[str]) -> list[Column]:
    """The columns of `steps`, the metrics' meanings from the glossary."""
    columns = [("step", "int", "", "0 for the evaluation of the untrained model, then 1, 2, ...")]
    for name in metrics:
        entry = explain(name)
        unit, meaning = (entry.unit, entry.meaning) if entry else ("", "As recorded by the run.")
        columns.append((name, "float", unit, meaning))
    return columns


def completion_columns(rewards: list[str]) -> list[Column]:
    """The columns of `completions` in a run with these rewards."""
    at = next(i for i, column in enumerate(COMPLETION) if column[0] == "reward")
    parts = [
        (f"rewards/{r}", "float", "reward", "This reward, before its weight.") for r in rewards
    ]
    return PLACE + COMPLETION[:at] + parts + COMPLETION[at:]


def completion_rows(step: Step) -> Iterator[Row]:
    """One row a completion."""
    for place, group, completion in _members(step):
        yield {
            **place,
            "prompt": group.prompt,
            "problem": json.dumps(group.columns, ensure_ascii=False),
            "text": completion.text,
            **{f"rewards/{name}": value for name, value in completion.rewards.items()},
            "reward": completion.reward,
            "advantage": completion.advantage,
            "length": len(completion),
            "truncated": bool(completion.truncated),
        }


def token_rows(step: Step) -> Iterator[Row]:
    """One row a token."""
    for place, _, completion in _members(step):
        arrays = {name: getattr(completion, attribute) for name, attribute in _ARRAYS.items()}
        lists = {name: a.tolist() for name, a in arrays.items() if a is not None}
        for i, text in enumerate(completion.tokens):
            yield {**place, "token": i, "text": text, **{n: a[i] for n, a in lists.items()}}


def _members(step: Step) -> Iterator[tuple[Row, Group, Completion]]:
    for g, group in enumerate(step.groups):
        for i, completion in enumerate(group.completions):
            yield {"step": step.index, "group": g, "completion": i}, group, completion


# --- files -------------------------------------------------------------------------------------


class CsvWriter:
    """A CSV file as RFC 4180 describes it: UTF-8, every text in quotes, numbers exact.

    Numbers are written so that they read back to the last bit; what is missing, and NaN, is an
    empty cell without quotes.
    """

    def __init__(self, path: Path, columns: list[Column], guarded: bool = False) -> None:
        """Begin the file.

        Args:
            guarded: for a spreadsheet program, see `spreadsheet.cell`: no longer exact.
        """
        self.columns = columns
        self._cell = cell if guarded else self._exact
        encoding = ENCODING if guarded else "utf-8"
        self._file = path.open("w", encoding=encoding, newline="")
        self._csv = csv.writer(self._file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        self._csv.writerow([self._cell(name) for name, *_ in columns])

    def write(self, rows: list[Row]) -> None:
        """Append some rows."""
        for row in rows:
            self._csv.writerow([self._cell(row.get(name)) for name, *_ in self.columns])

    @staticmethod
    def _exact(value: Any) -> Any:
        if isinstance(value, bool):
            return int(value)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return Empty()
        return value

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class ParquetWriter:
    """A Parquet file, a row group a step that has any rows."""

    def __init__(self, path: Path, columns: list[Column]) -> None:
        pa = pyarrow()
        types = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()}
        self._schema = pa.schema([(name, types[kind]) for name, kind, *_ in columns])
        self._writer = pa.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._table = pa.Table

    def write(self, rows: list[Row]) -> None:
        """Append some rows."""
        if rows:
            self._writer.write_table(self._table.from_pylist(rows, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def pyarrow() -> Any:
    """The module, which reads and writes Parquet.

    Raises:
        LabError: it is not installed.
    """
    try:
        import pyarrow  # type: ignore[import-untyped]
        import pyarrow.compute  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise LabError(
            "Parquet needs pyarrow. Install it with: pip install 'grpo-lab[parquet]'."
        ) from error
    return pyarrow


def read_csv(path: Path | str) -> "pd.DataFrame":
    """A CSV of `export_tables` (without `spreadsheet`) as it was: texts and numbers exact.

    pandas' own `read_csv` takes a text "NA" for a missing number, ends a text at a NUL character
    and rounds the last digit, by default, so the file is read by Python's csv.
    """
    import pandas as pd

    csv.field_size_limit(2**31 - 1)  # a long completion is longer than csv's own limit
    with Path(path).open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, quoting=csv.QUOTE_NONNUMERIC)  # what has no quotes: numbers
    frame = pd.DataFrame(rows, columns=head)
    kinds = {name: kind for name, kind, *_ in PLACE + COMPLETION + TOKEN}
    for name in frame.columns:
        kind = kinds.get(name, "float")
        if kind != "str":
            frame[name] = frame[name].replace("", math.nan).astype(kind)
    return frame


# --- what it all means -------------------------------------------------------------------------

HOW_TO_READ = {
    "csv": """UTF-8, lines end in CR LF, every text in double quotes (RFC 4180). A number that
is missing or NaN is an empty cell; true is 1. Read it so that nothing is lost:

    from grpo_core.app.share.tables import read_csv
    completions = read_csv("completions.csv")

pandas' own `read_csv` takes a text "NA" for a missing value and may round a last digit; where that
is no matter, `pandas.read_csv("completions.csv", keep_default_na=False, na_values=[""])` will do.

A text is written as it is. One that begins with = + - or @ is data here, but a spreadsheet program
may take it for a formula: for such a program, export again with --spreadsheet.
""",
    "spreadsheet": """Made for a spreadsheet program (--spreadsheet): UTF-8 with a byte order mark,
and = + - or @ has an apostrophe in front where a cell could begin: at the beginning of a text, and
inside it after a comma, a semicolon, a bar, a tab or a line break, as the program may take any of
these for the separator. So nothing is evaluated. Do not read these files as data; export without
--spreadsheet for that. Excel cuts a cell at 32,767 characters.
""",
    "parquet": """Read it with `pandas.read_parquet("completions.parquet")`, or with anything else
that reads Parquet (DuckDB, Polars, R's arrow). A number that is missing is null; NaN stays NaN.
""",
}


def _cell(text: str) -> str:
    """A text as a cell of a Markdown table; a reward's name may be anything."""
    return " ".join(text.split()).replace("|", "\\|")


def dictionary(
    run: Run, form: str, tables: dict[str, list[Column]], spreadsheet: bool = False
) -> str:
    """The README.md of a folder: every column, its type, its unit, what it is."""
    lines = [
        f"# The run {run.name} as tables",
        "",
        f"Written by GRPO Lab {__version__} (`grpo-lab export {run.name} --as {form}`).",
        "",
        HOW_TO_READ["spreadsheet" if spreadsheet else form],
    ]
    for name, columns in tables.items():
        lines += [
            f"## {name}.{form}",
            "",
            "| column | type | unit | what it is |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{_cell(column)}` | {kind} | {unit or '-'} | {_cell(meaning)} |"
            for column, kind, unit, meaning in columns
        ]
        lines.append("")
    lines += [
        "`step`, `group` and `completion` together name a completion in every table. A token's",
        "ratio is exp(logprob - old_logprob); its k3 estimate of the KL is exp(-d) + d - 1 with",
        "d = logprob - ref_logprob.",
        "",
    ]
    return "\n".join(lines)
