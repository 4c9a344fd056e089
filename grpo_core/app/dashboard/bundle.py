"""The script of assets/ as one module or one style sheet, for pages that have no server of ours.

A notebook cell is handed one text of JavaScript and one of CSS (see course/widgets/board.py), and
both are made here from the very files that the dashboard serves. No build step and no copy: modules
are wrapped, in order of need, in functions that return what they export.

    const dom_js = (() => { ...; return { h, setText }; })();
    const card_js = (() => { const { h } = dom_js; ...; return { Card }; })();

Only the forms that assets/ uses are understood; any other raises.
"""

import re
from collections.abc import Iterable
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";$', re.M)
_PASSED_ON = re.compile(r'^export \{([^}]*)\} from "\./([\w-]+\.js)";$', re.M)
_LISTED = re.compile(r"^export \{([^}]*)\};$", re.M)
_DECLARED = re.compile(r"^export ((?:async )?(?:function\*?|class|const|let) (\w+))", re.M)
_DEFAULT = re.compile(r"^export default ", re.M)
_LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.M)

_CSS_IMPORT = re.compile(r'^@import url\("([\w-]+\.css)"\);\n', re.M)


def script(entry: Path) -> str:
    """One ES module that exports what `entry` exports, with everything that it imports inside.

    Args:
        entry: a module; its imports are relative to its folder and stay in it.

    Raises:
        ValueError: a form of import or export that is not understood, or a circle of imports.
    """
    texts: dict[str, str] = {}
    names = _wrap(entry, texts, ())
    mine = _variable(entry.name)
    plain = [name for name in names if name != "default"]
    tail = f"export const {{ {', '.join(plain)} }} = {mine};\n" if plain else ""
    if "default" in names:
        tail += f"export default {mine}.default;\n"
    return "\n".join(texts.values()) + "\n" + tail


def _wrap(path: Path, texts: dict[str, str], waiting: tuple[str, ...]) -> list[str]:
    """Put the module, after those it needs, into `texts`; returns the names it exports."""
    if path.name in waiting:
        raise ValueError(f"{path.name} imports itself, by way of {waiting[-1]}.")
    source = path.read_text(encoding="utf-8")
    for form in (_IMPORT, _PASSED_ON):
        for match in form.finditer(source):
            if match[2] not in texts:
                _wrap(path.parent / match[2], texts, (*waiting, path.name))
    exports = {name: name for _, name in _DECLARED.findall(source)}
    for inner, outer in _pairs(match[1] for match in _LISTED.finditer(source)):
        exports[outer] = inner
    for match in _PASSED_ON.finditer(source):
        for inner, outer in _pairs([match[1]]):
            exports[outer] = f"{_variable(match[2])}.{inner}"
    if _DEFAULT.search(source):
        exports["default"] = "default_"
    body = _IMPORT.sub(lambda m: f"const {{ {_taken(m[1])} }} = {_variable(m[2])};", source)
    body = _LISTED.sub("", _PASSED_ON.sub("", body))
    body = _DEFAULT.sub("const default_ = ", _DECLARED.sub(r"\1", body))
    if left := _LEFT_OVER.search(body):
        raise ValueError(f"{path.name} has a form that is not understood: {left[0]}")
    given = ", ".join(f"{outer}: {inner}" for outer, inner in exports.items())
    texts[path.name] = (
        f"const {_variable(path.name)} = (() => {{\n{body}\nreturn {{ {given} }};\n}})();"
    )
    return list(exports)


def _pairs(lists: Iterable[str]) -> list[tuple[str, str]]:
    """What the lists of an import or export name: (name there, name here)."""
    found = []
    for text in lists:
        for item in filter(None, (item.strip() for item in text.split(","))):
            inner, _, outer = item.partition(" as ")
            found.append((inner, outer or inner))
    return found


def _taken(text: str) -> str:
    """A list of imported names as a destructuring pattern."""
    return ", ".join(a if a == b else f"{a}: {b}" for a, b in _pairs([text]))


def _variable(name: str) -> str:
    return name.replace(".", "_").replace("-", "_")


def style(entry: Path, scope: str) -> str:
    """One style sheet with its imports inside, which touches nothing outside elements of a class.

    The variables of `:root` and `.dark` become those of the class itself and of its `.dark`.

    Args:
        entry: a style sheet; it imports from its own folder.
        scope: the class that the page's part has, without the dot.
    """
    text = re.sub(r"^:root\b", "&", whole_style(entry), flags=re.M)
    text = re.sub(r"^\.dark\b", "&.dark", text, flags=re.M)
    return f".{scope} {{\n{text}\n}}\n"


def whole_style(sheet: Path) -> str:
    """A style sheet with those it imports in their places, for a page that is all ours."""
    text = sheet.read_text(encoding="utf-8")
    return _CSS_IMPORT.sub(lambda match: whole_style(sheet.parent / match[1]), text)
