"""Formulas as data: a page draws them as mathematics, the documents write them as text.

A formula is a row of nodes. A node is a tuple of its kind and its parts, and nothing but strings,
numbers, tuples and None is in it, so it goes into JSON as it is. The kinds are the functions below;
the page draws the same kinds (dashboard/assets/notation.js). A kind that is unknown is an error in
both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grpo_core.core.errors import LabError

Node = tuple[Any, ...]
Formula = tuple[Node, ...]


@dataclass(frozen=True)
class Symbol:
    """A symbol that a formula may use.

    Attributes:
        written: how it is written, a node of `letter`, `word`, `sub` and the like.
        entry: its name in docs/glossary.md.
        value: (terms of one token, numbers of the method) -> its value there; the terms are
            "advantage", "ratio", "surrogate" and "slope".
        meaning: one sentence, for a symbol that the glossary does not have.
    """

    written: Node
    entry: str
    value: Callable[[Mapping[str, float], Mapping[str, Any]], float]
    meaning: str = ""


def sym(name: str) -> Node:
    """A symbol, drawn as it is written or replaced by its value."""
    return ("sym", name)


def letter(text: str) -> Node:
    """A letter, in italics."""
    return ("letter", text)


def word(text: str) -> Node:
    """A word, upright."""
    return ("word", text)


def op(text: str) -> Node:
    """An operator."""
    return ("op", text)


def num(text: str) -> Node:
    """A number that is part of the formula."""
    return ("num", text)


def row(*nodes: Node) -> Node:
    """Some nodes as one."""
    return ("row", nodes)


def frac(above: Formula, below: Formula) -> Node:
    """A fraction."""
    return ("frac", above, below)


def call(name: str, *arguments: Formula) -> Node:
    """A function of some arguments."""
    return ("call", name, *arguments)


def bracket(*nodes: Node) -> Node:
    """Some nodes in brackets."""
    return ("bracket", nodes)


def power(base: Node, exponent: str) -> Node:
    """A power."""
    return ("power", base, exponent)


def sub(base: Node, below: Node) -> Node:
    """A letter with an index."""
    return ("sub", base, below)


def mean_of(base: Node) -> Node:
    """A letter under a bar."""
    return ("bar", base)


def total(*nodes: Node) -> Node:
    """The sum over the tokens of a completion."""
    return ("sum", nodes)


def given(number: str, formula: Formula, otherwise: Formula) -> Node:
    """One formula where a number of the method is set, another where it is None."""
    return ("given", number, formula, otherwise)


def settled(formula: Formula, numbers: Mapping[str, Any]) -> Formula:
    """The formula with every `given` replaced by what the numbers make of it."""
    out: list[Node] = []
    for node in formula:
        if node[0] == "given":
            _, number, there, otherwise = node
            out += settled(otherwise if numbers[number] is None else there, numbers)
        else:
            out.append(
                tuple(
                    settled(part, numbers)
                    if isinstance(part, tuple) and part and isinstance(part[0], tuple)
                    else part
                    for part in node
                )
            )
    return tuple(out)


def text(formula: Formula, written: Mapping[str, Node]) -> str:
    """The formula as one line of text.

    Args:
        formula: a row of nodes.
        written: symbol -> how it is written.

    Raises:
        LabError: a node is of an unknown kind, or a symbol is not written.
    """
    line = "".join(_text(node, written) for node in formula)
    return re.sub(" +", " ", line).strip()


def _text(node: Node, written: Mapping[str, Node]) -> str:
    kind, *parts = node
    if kind not in _TEXT:
        raise LabError(f"A formula has no part of the kind '{kind}'. Known: {', '.join(_TEXT)}.")
    return _TEXT[kind](written, *parts)


def _part(formula: Formula, written: Mapping[str, Node]) -> str:
    """A part of a fraction, in brackets where it is more than one symbol."""
    whole = text(formula, written)
    return whole if len(formula) == 1 else f"({whole})"


def _symbol(written: Mapping[str, Node], name: str) -> str:
    if name not in written:
        raise LabError(f"The formula uses the symbol '{name}', and nothing says how to write it.")
    return _text(written[name], written)


_TEXT: dict[str, Callable[..., str]] = {
    "sym": _symbol,
    "letter": lambda _, letter: letter,
    "word": lambda _, word: word,
    "op": lambda _, op: f" {op} ",
    "num": lambda _, num: num,
    "row": lambda written, nodes: " ".join(_text(node, written) for node in nodes),
    "frac": lambda written, a, b: f"{_part(a, written)} / {_part(b, written)}",
    "call": lambda written, name, *of: f"{name}({', '.join(text(a, written) for a in of)})",
    "bracket": lambda written, nodes: f"({text(nodes, written)})",
    "power": lambda written, base, exponent: f"{_text(base, written)}^{exponent}",
    "sub": lambda written, base, below: f"{_text(base, written)}_{_text(below, written)}",
    "bar": lambda written, base: f"mean {_text(base, written)}",
    "sum": lambda written, nodes: f"sum_t ({text(nodes, written)})",
    "given": lambda written, number, there, otherwise: text(otherwise, written),
}
