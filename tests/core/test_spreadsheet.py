"""Tables for people: no text becomes a formula, whatever separator the file is opened with."""

import ast
import csv
import io
import re
import shutil
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from awkward_texts import AWKWARD
from hypothesis import example, given
from hypothesis import strategies as st
from needs import require

from grpo_core.core import spreadsheet
from grpo_core.core.spreadsheet import SIGNS, cell, text_of

ROOT = Path(__file__).parents[2]
SEPARATORS = {"comma": 44, "semicolon": 59, "tab": 9, "bar": 124}
BLANKS = ["", " ", '"', '""', "'", "\ufeff", "\u200b", "\x00", "\xa0", "\u3000"]

HOSTILE = [
    f"{before}{separator}{blank}{sign}1+1{after}"
    for before in ("", "x", '"', 'x"', '"x"')
    for separator in ("", ",", ";", "\t", "|", "\n", "\r", "\r\n", ";;", '";"', "\n\n", "\u2028")
    for blank in BLANKS
    for sign in "=＝"
    for after in (";", "")
    if sign == "=" or not after
] + [
    '=HYPERLINK("http://127.0.0.1/?"&A1)',
    "=cmd|' /C calc'!A0",
    "x;=cmd|' /C calc'!A0;",
    '";=1+1;"',
    '""";=1+1;"""',
    "a\tb\t=1+1\t",
    "sep=;\n=1+1",
    *AWKWARD[:-2],
]


# --- the rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("  =x", "'  =x"),
        ("\tx", "'\tx"),
        ("＝1", "'＝1"),
        ("x;=1+1", "x;'=1+1"),
        ('x; "=1+1"', 'x; "\'=1+1"'),
        ("a\n-b", "a\n'-b"),
        (",=1", ",'=1"),
        ("3 - 1 = 2", "3 - 1 = 2"),
        ("3 + 4, then 5; x = 1", "3 + 4, then 5; x = 1"),
        ("Anna-Lena @ home", "Anna-Lena @ home"),
        ("", ""),
    ],
)
def test_signs_are_guarded_where_a_cell_could_begin(text: str, guarded: str) -> None:
    assert cell(text) == guarded


def unguarded(text: str) -> str:
    """What `cell` was given."""
    inner = re.sub(
        rf"({spreadsheet._RUN.pattern})",
        lambda run: run[0][:-1] if spreadsheet._HAS_SEPARATOR.search(run[0]) else run[0],
        text[1:] if text[:1] == "'" and spreadsheet._BEGINS_A_FORMULA.match(text[1:]) else text,
    )
    return inner


texts = st.lists(st.sampled_from([*SIGNS, *",;|\t\n\r\u2028x1 ", *BLANKS]), max_size=12).map(
    "".join
)


@given(st.one_of(texts, st.text(max_size=30)))
@example("'=1")
@example(",'=1")
def test_nothing_is_lost_and_no_cell_begins_with_a_sign(text: str) -> None:
    guarded = cell(text)
    assert unguarded(guarded) == text
    for separator in ",;|\t":
        for line in guarded.splitlines():
            for part in line.split(separator):
                assert part.strip(' "\t\xa0\u3000\ufeff\u200b\x00')[:1] not in tuple(SIGNS)


def test_numbers_stay_numbers() -> None:
    assert [cell(value) for value in (3, -4, 0.5, -1e-9, True)] == [3, -4, 0.5, -1e-9, 1]
    assert [str(cell(value)) for value in (None, float("nan"))] == ["", ""]
    assert [cell(value) for value in (float("inf"), float("-inf"))] == ["inf", "'-inf"]


def test_a_table_reads_back() -> None:
    rows = [["name", -1.5, None], ["=x", 2, 'say "yes"']]
    text = text_of(["a", "b", "@c"], rows)
    assert text.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(text[1:], newline=""))) == [
        ["a", "b", "'@c"],
        ["name", "-1.5", ""],
        ["'=x", "2", 'say "yes"'],
    ]
    assert text.splitlines()[1] == "name,-1.5,"


def test_a_long_text_takes_linear_time() -> None:
    for text in ("\t" * 2_000_000, ";" * 2_000_000 + "=", " ;" * 1_000_000, '"' * 2_000_000):
        began = time.process_time()
        cell(text)
        assert time.process_time() - began < 10  # a tenth of a second; quadratic: hours


def test_every_table_for_people_is_written_here() -> None:
    """And the one for programs, in share/tables.py, which is guarded only when that is asked."""
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("grpo_core", "benchmarks", "scripts")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter", "to_csv")
    }
    assert found == {"grpo_core/core/spreadsheet.py", "grpo_core/app/share/tables.py"}


# --- a program ---------------------------------------------------------------------------------


def formulas(folder: Path, options: str) -> dict[str, list[str]]:
    """The formulas that LibreOffice Calc makes of each CSV file in a folder."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    require(program, "Debian's libreoffice-calc-nogui")
    out = folder / f"made-{options.replace(',', '-')}"
    command = [program, "--headless", "--norestore"]
    command += [f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
    command += [f"--infilter=CSV:{options}", "--convert-to", "fods", "--outdir", str(out)]
    files = sorted(folder.glob("*.csv"))
    done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=300)
    table, found = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}", {}
    for file in files:
        made = out / f"{file.stem}.fods"
        assert made.is_file(), done.stdout + done.stderr
        cells = ElementTree.parse(made).iter(f"{table}table-cell")
        formulas = [one.get(f"{table}formula") for one in cells]
        found[file.stem] = [formula for formula in formulas if formula is not None]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("separator", SEPARATORS)
def test_libreoffice_makes_no_formula(tmp_path: Path, separator: str) -> None:
    rows = [[i, text, -i / 3, text] for i, text in enumerate(HOSTILE)]
    rows += [[text, text, i, None] for i, text in enumerate(HOSTILE)]
    header = ["number", "=1+1", "x;=1+1", "a\t=1+1"]
    (tmp_path / "guarded.csv").write_text(text_of(header, rows), encoding="utf-8", newline="")
    with (tmp_path / "plain.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerows([header, *rows])
    # Separator, quote, UTF-8, first line; a quoted cell may be a formula; numbers are recognised;
    # blanks are kept or removed; formulas are evaluated.
    for blanks in ("false", "true"):
        options = f"{SEPARATORS[separator]},34,76,1,,0,false,true,false,false,{blanks},0,true"
        found = formulas(tmp_path, options)
        assert found["plain"]  # so the program does make formulas of these texts
        assert found["guarded"] == []
