"""Exact arithmetic on untrusted text: the part of a verifier that must not be fooled.

What a model writes is hostile input. Python's `eval` would run it, and so would sympy's
`parse_expr`; a float would call 0.1 + 0.2 wrong. So nothing is executed here. The text is parsed
to a tree, every node of the tree is checked against a short list, and the tree is evaluated with
fractions. The whole language:

    expression := number | "(" expression ")" | "-" expression
                | expression ("+" | "-" | "*" | "/") expression
    number     := "0", or decimal digits of which the first is not 0

Blanks (space, tab, line breaks) may stand between any two of these. Everything else is refused:
powers, floor division, unary plus, 1_000, 0x1f, 1e3, 1.5, 007, names, calls, other alphabets'
digits, look-alike operators, comments.
"""

import ast
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import accumulate

MAX_LENGTH = 256  # characters
MAX_DEPTH = 64  # of parentheses, and of nodes from the root of the tree to its deepest number
MAX_SIZE = 10**12  # of any numerator or denominator, intermediate results included

# The characters of the language. Python's parser warns about some texts ("1is 2"), reads others
# as we do not ("1_0") and is slow or crashes on a few; none of those pass this first gate. It is
# only the first: "9**9**9" passes it, and is stopped by the list of operators below.
_ALPHABET = frozenset("0123456789+-*/() ")
_BLANKS = str.maketrans("\t\r\n", "   ")

_SYMBOL: dict[type[ast.operator | ast.unaryop], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.USub: "-",
}
_APPLY: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


class ExpressionError(ValueError):
    """The text is no expression of the language, or it has no value within the caps."""


def evaluate(text: str) -> Fraction:
    """The exact value of an expression.

    Args:
        text: untrusted.

    Returns:
        The value, as a fraction; an integer result has denominator 1.

    Raises:
        ExpressionError: the text is not an expression as defined above, is too long or too deep,
            divides by zero, or has a literal or an intermediate result above `MAX_SIZE`.
    """
    return _value(_parse(text))


def literals(text: str) -> list[int]:
    """The numbers an expression is written with, from left to right, repeats included.

    A minus sign is an operator and no part of a number: `literals("3 - -5")` is `[3, 5]`.

    Raises:
        ExpressionError: as `evaluate`, except that a division by zero is not noticed.
    """
    constants = [node for node in ast.walk(_parse(text)) if isinstance(node, ast.Constant)]
    return [_number(node) for node in sorted(constants, key=lambda node: node.col_offset)]


def operators(text: str) -> set[str]:
    """Which of + - * / an expression uses; a unary minus counts as "-".

    Raises:
        ExpressionError: as `literals`.
    """
    nodes = ast.walk(_parse(text))
    return {_SYMBOL[type(n.op)] for n in nodes if isinstance(n, ast.BinOp | ast.UnaryOp)}


def _parse(text: str) -> ast.expr:
    """The tree of an expression, every node of it checked."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    line = text.translate(_BLANKS).strip(" ")
    if not _ALPHABET.issuperset(line):
        raise ExpressionError("a character other than digits, + - * / and parentheses")
    if max(accumulate((c == "(") - (c == ")") for c in line), default=0) > MAX_DEPTH:
        raise ExpressionError(f"nested deeper than {MAX_DEPTH}")
    try:
        root = ast.parse(line, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ExpressionError("not an arithmetic expression") from error
    for node, depth in _walk(root):
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}")
        _check(node, line)
    return root


def _walk(root: ast.expr) -> Iterator[tuple[ast.expr, int]]:
    """Every node that stands for a value, with its depth. A stack of its own, no recursion."""
    stack = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack.extend((c, depth + 1) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))


def _check(node: ast.expr, line: str) -> None:
    """Raise unless the node is a plain decimal number or one of the five operators."""
    if isinstance(node, ast.Constant):
        written = line[node.col_offset : node.end_col_offset]
        # Python reads "00" as 0; here a number has one spelling.
        if type(node.value) is not int or written != str(node.value):
            raise ExpressionError("a number that is not written in plain decimal digits")
        if node.value > MAX_SIZE:
            raise ExpressionError(f"a number above {MAX_SIZE}")
    elif not isinstance(node, ast.BinOp | ast.UnaryOp) or type(node.op) not in _SYMBOL:
        raise ExpressionError("something other than numbers, + - * / and parentheses")


def _number(node: ast.Constant) -> int:
    """The number a checked constant stands for."""
    assert isinstance(node.value, int)
    return node.value


def _value(node: ast.expr) -> Fraction:
    """The value of a checked tree; its depth is capped, so recursion is safe."""
    if isinstance(node, ast.Constant):
        return Fraction(_number(node))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand)
    assert isinstance(node, ast.BinOp)
    left, right = _value(node.left), _value(node.right)
    symbol = _SYMBOL[type(node.op)]
    if symbol == "/" and right == 0:
        raise ExpressionError("division by zero")
    value = _APPLY[symbol](left, right)
    if max(abs(value.numerator), value.denominator) > MAX_SIZE:
        raise ExpressionError(f"an intermediate result above {MAX_SIZE}")
    return value
