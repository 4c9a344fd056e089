"""One script and one sheet out of many: nothing is lost, nothing foreign comes in."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from needs import require

from grpo_core.app.dashboard.bundle import ASSETS, script, style


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "main.js"


def run(text: str, folder: Path) -> str:
    """What a module prints, run by node."""
    node = shutil.which("node")
    require(node, "node")
    (folder / "bundle.mjs").write_text(text)
    done = subprocess.run([node, folder / "bundle.mjs"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["notebook.js", "lab.js", "page.js", "board.js", "replay.js"])
def test_every_module_comes_once_and_after_those_it_needs(name: str) -> None:
    text = script(ASSETS / name)
    assert not re.search(r'^(import\b|export \{)|from "\./', text, re.M)
    defined = re.findall(r"^const (\w+_js) = \(\(\) => \{$", text, re.M)
    assert len(set(defined)) == len(defined) and defined[-1] == name.replace(".", "_")
    seen: set[str] = set()
    for line in text.splitlines():
        if match := re.match(r"const (\w+_js) = ", line):
            seen.add(match[1])
        elif match := re.match(r"const \{.*\} = (\w+_js);", line):
            assert match[1] in seen


def test_it_does_what_the_modules_do(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { twice as double,\n  name } from "./a.js";\n'
        'export { deep } from "./b.js";\n'
        "const local = name + double(4);\n"
        "export { local as said };\n"
        "export default { render: () => local };\n",
        a='import { deep } from "./b.js";\n'
        'export const name = deep + "a";\n'
        "export function twice(x) {\n  return helper(x);\n}\n"
        "function helper(x) {\n  return 2 * x;\n}\n",
        b="const helper = 1; // of the same name as a's\n"
        'export const deep = "b" + helper;\n'
        "export class Thing {}\n",
    )
    text = script(entry)
    tail = "\nconsole.log(said, deep, main_js.default.render());"
    assert run(text + tail, tmp_path) == "b1a8 b1 b1a8"


@pytest.mark.parametrize(
    "text",
    [
        'import * as everything from "./a.js";',
        'import thing from "./a.js";',
        'import "./a.js";',
        'import { x } from "elsewhere";',
        "export const { a, b } = c;",
        'export * from "./a.js";',
    ],
)
def test_a_form_that_is_not_understood_raises(tmp_path: Path, text: str) -> None:
    entry = write(tmp_path, main=text + "\n", a="export const x = 1;\n")
    with pytest.raises(ValueError, match=r"main\.js has a form"):
        script(entry)


def test_a_circle_raises(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { a } from "./a.js";\nexport const m = 1;\n',
        a='import { m } from "./main.js";\nexport const a = 1;\n',
    )
    with pytest.raises(ValueError, match=r"main\.js imports itself, by way of a\.js"):
        script(entry)


def test_a_sheet_touches_nothing_outside_its_class() -> None:
    text = style(ASSETS / "notebook.css", scope="grpo-cell")
    assert text.startswith(".grpo-cell {\n") and text.endswith("\n}\n")
    assert "@import" not in text and ":root" not in text and "url(" not in text
    assert not re.search(r"^\.dark", text, re.M)
    depth, least = 0, 1
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if at < len(text) - 3 and at > 20:
            least = min(least, depth)
    assert depth == 0 and least == 1  # everything stands inside the one rule
    for sheet in ASSETS.glob("*.css"):  # those of panels that a notebook has not are in lab.css
        own = sheet.read_text()
        rule = re.search(r"^\.[\w-]+", own, re.M)
        other_page = '@import url("lab.css")' in own  # replay.css, of a page of its own
        assert rule is None or other_page or rule[0] in text
