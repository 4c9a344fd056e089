"""Mistakes in a task or reward of one's own are explained; test_plugins runs the docs' examples.

The panel of the docs is run here.
"""

import importlib
import json
import re
import shutil
import sys
import types
from pathlib import Path

import pytest
from nodejs import run_node

from grpo_core import tasks
from grpo_core.app.dashboard.bundle import ASSETS
from grpo_core.core import registry
from grpo_core.core.errors import LabError
from grpo_core.tasks import Problem, columns_of, get_task


def module(name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """`code` as an imported module, until the test ends."""
    made = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(code, made.__dict__)
    return made


@pytest.fixture(autouse=True)
def fresh_tasks() -> None:
    tasks._build.cache_clear()


TASK = """
class Mine:
    name = "mine"
    def __init__(self, size: int = 3): ...
    def problems(self, split): return []
    def verify(self, answer, **columns): return False
    def backtracks(self, completion): return 0
"""


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        (("def backtracks", "def back"), {}, "The task 'mine' has no backtracks"),
        (('"mine"', '"yours"'), {}, "its name is 'yours'"),
        (("class Mine", "class Yours"), {}, "cannot be loaded: AttributeError: .*'Mine'"),
        (("", ""), {"sise": 4}, "no option 'sise'. Use one of: size."),
        (("", ""), {"size": "big"}, "'size' of the task 'mine' cannot be 'big': int is expected"),
        (("", ""), {"name": "x"}, "no option 'name'"),
    ],
)
def test_a_task_that_cannot_work(
    change: tuple[str, str], options: dict, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module("mine_module", TASK.replace(*change), monkeypatch)
    monkeypatch.setitem(tasks.TASKS, "mine", "mine_module:Mine")
    with pytest.raises(LabError, match=sentence):
        get_task("mine", **options)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import nonsense_module", r"ModuleNotFoundError.*broken_file\.py, line 1\)"),
        ("x = 1\ny = 1 / 0", r"ZeroDivisionError.*broken_file\.py, line 2\)"),
        ("x = [", r"SyntaxError: .*\(broken_file\.py, line 1\)\.$"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_with_its_line(
    code: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_file.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(LabError, match=sentence):
        registry.load({"broken": "broken_file:broken"}, "broken", "reward")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([{"a": 1}, {}], "same columns: 'p1' has none, and another has a"),
        ([{"task": 1}], "cannot have a column called 'task'"),
    ],
)
def test_columns_that_cannot_work(columns: list[dict], sentence: str) -> None:
    problems = [Problem(f"p{i}", c) for i, c in enumerate(columns)]
    with pytest.raises(LabError, match=sentence):
        columns_of(get_task("countdown"), problems)


PANEL = """
// As much of a document as a panel of text needs.
class Element {
  constructor() { Object.assign(this, { children: [], text: "", hidden: false }); }
  append(child) { this.children.push(child); }
  setAttribute() {}
  get textContent() { return this.text; }
  set textContent(text) { this.text = text; }
}
globalThis.document = { createElement: () => new Element() };
const { longest } = await import(process.argv[1]);
const parent = new Element();
const columns = { "completions/max_length": null };
const update = longest(parent, { series: (name) => columns[name] });
const [panel] = parent.children;
const seen = [];
for (const lengths of [null, [3, 9, 4]]) {
  columns["completions/max_length"] = lengths;
  update();
  seen.push([panel.hidden, panel.children[0].text]);
}
console.log(JSON.stringify(seen));
"""


def test_the_panel_of_the_docs_is_a_file_that_works(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "adding.md"
    (code,) = re.findall(r"^```js\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    shutil.copytree(ASSETS / "core", tmp_path / "core")
    (tmp_path / "panels").mkdir()
    module = tmp_path / "panels" / "longest.js"
    module.write_text(code, encoding="utf-8")
    (hidden, _), (shown, said) = json.loads(
        run_node("--input-type=module", "-e", PANEL, module.as_uri())
    )
    assert hidden and not shown and said == "The longest completion so far has 9 tokens."
