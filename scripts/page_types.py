"""Write assets/core/messages.d.ts, TypeScript's view of grpo_core/app/dashboard/messages.py.

    python scripts/page_types.py

Only what stands there is understood: classes of fields, and unions of classes.
"""

import inspect
import re
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from grpo_core.app.dashboard import messages

FILE = Path(messages.__file__).parent / "assets" / "core" / "messages.d.ts"
HEAD = """/**
 * What the server and the page say to each other.
 * Made by `python scripts/page_types.py` of dashboard/messages.py: change that.
 */

"""
PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", Any: "any"}


def declarations() -> str:
    """The text of the file."""
    parts = [_interface(each) for each in vars(messages).values() if is_typeddict(each)]
    union = " | ".join(each.__name__ for each in get_args(messages.FeedMessage))
    return HEAD + "\n".join(parts) + f"\nexport type FeedMessage = {union};\n"


def _interface(declared: type) -> str:
    """A class as an interface, its fields' comments beside them."""
    said = dict(re.findall(r"^ {4}(\w+): .*?  # (.+)$", inspect.getsource(declared), re.M))
    lines = [f"/** {' '.join((declared.__doc__ or '').split())} */"]
    lines.append(f"export interface {declared.__name__} {{")
    for name, kind in get_type_hints(declared).items():
        mark = "?" if name in declared.__optional_keys__ else ""
        if name in said:
            lines.append(f"  /** {said[name]} */")
        lines.append(f"  {name}{mark}: {_type(kind)};")
    return "\n".join([*lines, "}", ""])


def _type(kind: Any) -> str:
    """A Python type in TypeScript's words.

    Raises:
        ValueError: one that JSON has not, or that is not understood here.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if kind is type(None):
        return "null"
    if is_typeddict(kind):
        return str(kind.__name__)
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(map(_type, inner)))
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in inner)
    if origin is list:
        return f"Array<{_type(inner[0])}>"
    if origin is tuple:
        return f"[{', '.join(map(_type, inner))}]"
    if origin is dict and inner[0] is str:
        return f"{{ [name: string]: {_type(inner[1])} }}"
    raise ValueError(f"messages.py has a type that the page's declarations cannot say: {kind}.")


if __name__ == "__main__":
    FILE.write_text(declarations(), encoding="utf-8")
    print(f"Wrote {FILE}.")
