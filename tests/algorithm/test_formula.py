"""Formulas as data: what becomes of `given`, the line of text, and what is refused."""

import json

import pytest

from grpo_core.algorithm.formula import (
    bracket,
    call,
    frac,
    given,
    letter,
    mean_of,
    num,
    op,
    power,
    row,
    settled,
    sub,
    sym,
    text,
    total,
    word,
)
from grpo_core.core.errors import LabError

WRITTEN = {
    "x": letter("x"),
    "low": row(num("1"), op("−"), letter("ε")),
    "mean": mean_of(letter("r")),
    "new": row(word("log"), sub(letter("π"), letter("θ"))),
}


@pytest.mark.parametrize(
    ("formula", "line"),
    [
        ((sym("x"), op("·"), sym("low")), "x · 1 − ε"),
        ((frac((num("1"),), (sym("x"), op("+"), num("2"))),), "1 / (x + 2)"),
        ((call("min", (sym("x"),), (sym("low"),)),), "min(x, 1 − ε)"),
        ((bracket(sym("mean")), power(sym("x"), "2")), "(mean r)x^2"),
        ((total(sym("new")),), "sum_t (log π_θ)"),
        ((given("n", (sym("x"),), (num("0"),)),), "0"),
    ],
)
def test_a_line_of_text(formula: tuple, line: str) -> None:
    assert text(formula, WRITTEN) == line
    assert json.loads(json.dumps(formula))[0][0] == formula[0][0]  # JSON takes it as it is


def test_what_depends_on_a_number_is_settled_at_any_depth() -> None:
    formula = (call("min", (given("n", (sym("x"),), (num("0"),)),), (sym("x"),)), op("+"))
    assert settled(formula, {"n": None})[0] == call("min", (num("0"),), (sym("x"),))
    assert settled(formula, {"n": 1.0})[0] == call("min", (sym("x"),), (sym("x"),))
    assert settled(formula, {"n": 1.0})[1] == op("+")


def test_what_is_unknown_is_an_error() -> None:
    with pytest.raises(LabError, match="no part of the kind 'html'"):
        text((("html", "<b>"),), WRITTEN)
    with pytest.raises(LabError, match="symbol 'y', and nothing says how to write it"):
        text((sym("y"),), WRITTEN)
