"""Formulas as MathML, which browsers draw themselves: no script, and none fetched from elsewhere.

docutils has the converter; this hands Sphinx's formulas to it.
"""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

# What docutils does not know, in words that it does.
_SIDE = {"(": "l", "[": "l", "{": "l", ")": "r", "]": "r", "}": "r"}
_SIZED = re.compile(r"\\(bigg?|Bigg?)(?![a-zA-Z])\s*(\\[{}|]|.)")


def known(tex: str) -> str:
    r"""LaTeX in docutils' words: `\big(` is `\bigl(`, `\dots` is `\ldots`."""

    def sized(match: re.Match[str]) -> str:
        side = _SIDE.get(match[2][-1])
        return f"\\{match[1]}{side}{match[2]}" if side else match[2]

    return re.sub(r"\\dots(?![a-zA-Z])", r"\\ldots", _SIZED.sub(sized, tex))


def visit(self: Any, node: nodes.Element) -> None:
    """Write one formula, in its line or on its own. A formula that cannot be read raises."""
    block = isinstance(node, nodes.math_block)
    mathml = tex2mathml(known(node.astext()), as_block=block)
    self.body.append(f'<div class="math">{mathml}</div>' if block else mathml)
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_html_math_renderer("mathml", (visit, None), (visit, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
