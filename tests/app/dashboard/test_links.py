"""Lesson links: what a view says, its address says; whatever an address says, the page survives."""

import dataclasses
import json
import re
import shutil
import subprocess
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from needs import require

from grpo_core.app.dashboard.bundle import ASSETS
from grpo_core.core.config import GRPOConfig
from grpo_core.core.recipes import RECIPES
from grpo_core.rewards import REWARDS

NODE = shutil.which("node")
PROGRAM = """
import { readFileSync } from "node:fs";
const { readView, writeView } = await import(process.argv[1] + "/view.js");
const lesson = await import(process.argv[1] + "/lesson.js");
const { call, values } = JSON.parse(readFileSync(0, "utf8"));
const calls = {
  read: readView,
  write: writeView,
  rewrite: (hash) => writeView(readView(hash)),
  options: lesson.asOptions,
  words: lesson.inWords,
};
console.log(JSON.stringify(values.map(calls[call])));
"""


def page(call: str, values: list[Any]) -> list[Any]:
    """What the page's functions make of some values."""
    require(NODE, "node")
    done = subprocess.run(
        [str(NODE), "--input-type=module", "-e", PROGRAM, ASSETS.as_uri()],
        input=json.dumps({"call": call, "values": values}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def names(title: str) -> list[str]:
    """The names of a list of lesson.js."""
    text = (ASSETS / "lesson.js").read_text(encoding="utf-8")
    (found,) = re.findall(rf"^export const {title} = \[\n(.*?)^\];", text, re.M | re.S)
    return re.findall(r'^  \["(\w+)"', found, re.M)


PARTS, FIELDS = names("PARTS"), names("FIELDS")

word = st.from_regex(r"[a-z]{1,20}", fullmatch=True)
setting = st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,12})?|[a-z][a-z0-9_-]{0,39}", fullmatch=True)
views = st.fixed_dictionaries(
    {
        "run": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
        "step": st.none() | st.integers(0, 999_999_999),
        "group": st.integers(0, 999_999),
        "shade": word,
        "sort": word,
        "tool": st.none() | word,
        "token": st.none() | st.lists(st.integers(0, 999_999), min_size=2, max_size=2),
        "others": st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
        "stage": st.none() | st.sampled_from("12345"),
        "tour": st.none() | st.integers(1, 99),
        "hidden": st.sets(st.sampled_from(PARTS)).map(lambda s: [p for p in PARTS if p in s]),
        "settings": st.dictionaries(st.sampled_from([*FIELDS, *REWARDS]), setting, max_size=12),
    }
)
some_examples = settings(  # each starts node: making a failure small would take minutes
    max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
NAMES = ["run", "step", "group", "shade", "sort", "tool", "token", "with", "stage"]
NAMES += ["tour", "hide", "seed", "set"]
hashes = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
        | st.sampled_from(["charts,atlas", "beta:0.04,seed:3", "3.17", "2", "beta:1:2", "a:b,,:"]),
    ),
    max_size=8,
).map(lambda pairs: "#" + "&".join(f"{name}={quote(value)}" for name, value in pairs))


@some_examples
@given(st.lists(views, min_size=20, max_size=40))
def test_what_a_view_says_its_address_says(some: list[dict[str, Any]]) -> None:
    assert page("read", page("write", some)) == some


@some_examples
@given(st.lists(hashes | st.text(max_size=80), min_size=20, max_size=40))
def test_an_address_that_was_read_is_written_once_and_for_all(some: list[str]) -> None:
    once = page("rewrite", some)
    assert page("rewrite", once) == once
    assert page("read", once) == page("read", some)
    for view in page("read", some):
        assert set(view["hidden"]) <= set(PARTS)
        for name, value in view["settings"].items():
            assert name in FIELDS or name.endswith("_reward")
            assert re.fullmatch(r"[\w.-]{1,40}", value, re.ASCII)


def test_a_lesson_link_reads_as_its_teacher_wrote_it() -> None:
    link = "#run=a&step=40&hide=charts,atlas&seed=3&set=beta:0.04,num_generations:8"
    (view,) = page("read", [link])
    assert view["hidden"] == ["charts", "atlas"]
    assert view["settings"] == {"seed": "3", "beta": "0.04", "num_generations": "8"}
    assert page("write", [view]) == [link]
    assert page("options", [view["settings"]]) == [{"seed": 3, "beta": 0.04, "num_generations": 8}]
    assert page("words", [view["settings"]]) == ["seed 3, beta 0.04, group size G 8"]


def test_what_no_link_may_carry_is_left_out() -> None:
    hostile = [
        "set=model:..%2F..%2Fetc,beta:javascript%3Aalert(1)",
        "set=__proto__:x,constructor:y,device:cuda,task_options:z",
        "seed=%3Cscript%3E&set=loss_type:%22x%22",
        "hide=everything,__proto__,toString",
    ]
    for view in page("read", ["#" + text for text in hostile]):
        assert view["settings"] == {} and view["hidden"] == []


def test_links_set_what_there_is() -> None:
    defaults = GRPOConfig()
    fields = {field.name for field in dataclasses.fields(GRPOConfig)}
    assert set(FIELDS) <= fields | {"recipe"}
    carried = {name: str(getattr(defaults, name)) for name in FIELDS if name in fields}
    carried = {name: value for name, value in carried.items() if value != "None"}
    read = page("read", ["#set=" + ",".join(f"{n}:{v}" for n, v in carried.items())])[0]
    options = page("options", [read["settings"]])[0]
    assert options == {name: getattr(defaults, name) for name in carried}
    assert GRPOConfig.from_dict(options) == defaults


@pytest.mark.parametrize("name", RECIPES)
def test_a_link_can_name_every_experiment(name: str) -> None:
    read = page("read", [f"#set=recipe:{name}"])[0]
    assert page("options", [read["settings"]]) == [{"recipe": name}]


def test_what_a_link_can_hide_is_there() -> None:
    assert len(PARTS) > 10 and len(FIELDS) > 10
    panels = (ASSETS / "lab.js").read_text()
    tools = {
        match[1]
        for path in ASSETS.glob("*.js")
        if (match := re.search(r'^export const \w+ = \{ id: "(\w+)"', path.read_text(), re.M))
    }
    there = tools | {"runs", "controls", "options"}
    there |= set(re.findall(r"^  (\w+),$", panels, re.M))
    assert set(PARTS) <= there
