"""The atlas: every group at a glance, read once, and what was first seen where."""

from pathlib import Path

import fake_run
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_steps import completion

from grpo_core.app.dashboard import atlas
from grpo_core.app.dashboard.atlas import Atlas, Prompts
from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Group, Step
from grpo_core.runs import Run, RunWriter, create_run


def group(prompt: str, *cards: tuple[str, float, float], **columns: object) -> Group:
    """A group of (text, solved, well-formed), each worth their sum."""
    made = [
        completion(
            text=text,
            rewards={"accuracy_reward": solved, "format_reward": formed},
            reward=solved + formed,
            advantage=solved + formed - 1,
        )
        for text, solved, formed in cards
    ]
    return Group(prompt, columns, made)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return create_run(tmp_path, "run", GRPOConfig(generation_batch_size=32))


def append(path: Path, *steps: Step) -> None:
    with RunWriter(path) as writer:
        for step in steps:
            writer.append(step)


def test_cells_firsts_and_prompts_that_come_again(path: Path) -> None:
    plain, turned = "1 + 1 = 2 yes", "1 + 1 = 2 no 2 + 2 = 4 yes"
    append(
        path,
        Step(0, {}),
        Step(1, {}, [group("a", (plain, 0, 0), (plain, 0, 1)), group("b", (plain, 1, 0))]),
        Step(2, {}, [group("c", (turned, 0, 1)), group("a", (turned, 1, 1), (plain, 1, 1))]),
    )
    found = Atlas("countdown")
    found.read(Run(path))
    told = found.since(-1)
    assert told["cells"] == [
        [1, 0, 0, 0.5, False, 0.5, 0.0, 0.70711],
        [1, 1, 1, 1.0, True, 0.0, 1.0, None],  # one of 1, advantage 0
        [2, 0, 2, 1.0, True, 1.0, 0.0, None],
        [2, 1, 0, 2.0, False, 1.0, 1.0, 0.0],
    ]
    assert told["prompts"] == {"0": "a", "1": "b", "2": "c"}
    assert told["firsts"] == {
        "well-formed": {"step": 1, "group": 0, "completion": 1},
        "solved": {"step": 1, "group": 1, "completion": 0},
        "searched": {"step": 2, "group": 0, "completion": 0},
        "turned back": {"step": 2, "group": 0, "completion": 0},
        "solved after turning back": {"step": 2, "group": 1, "completion": 0},
    }
    assert [cell[:2] for cell in found.since(1)["cells"]] == [[2, 0], [2, 1]]
    assert found.since(2)["cells"] == []


def test_the_first_search_and_the_first_check_are_marked(path: Path) -> None:
    one, wrong, search = "1 + 1 = 2", "1 + 1 = 2 yes", "1 + 1 = 2 , 2 + 1 = 3 1 + 2 = 3"
    two = "1 + 1 = 2 no 1 * 3 = 3"
    append(
        path,
        Step(1, {}, [group("a", (one, 1, 1), (wrong, 0, 0), target=3)]),
        Step(2, {}, [group("b", (search, 0, 1), (two, 0, 0), target=3)]),
        Step(3, {}, [group("c", (wrong, 1, 1), target=2)]),
    )
    found = Atlas("countdown")
    found.read(Run(path))
    firsts = found.since(-1)["firsts"]
    assert firsts["checked"] == {"step": 2, "group": 0, "completion": 1}
    assert firsts["searched"] == {"step": 2, "group": 0, "completion": 1}
    assert firsts["turned back"] == {"step": 2, "group": 0, "completion": 1}
    assert "solved after turning back" not in firsts


def test_texts_are_no_longer_read_when_all_was_seen(path: Path, monkeypatch) -> None:
    found = Atlas("countdown")
    text = "1 + 1 = 2 no 1 + 2 = 3 yes"
    append(path, Step(1, {}, [group("a", (text, 1, 1), target=3)]))
    found.read(Run(path))
    assert set(found.firsts) == {
        "well-formed", "solved", "searched", "checked", "turned back", "solved after turning back",
    }  # fmt: skip
    monkeypatch.setattr(found, "_does", lambda *_: pytest.fail("read again"))
    append(path, Step(2, {}, [group("b", (text, 1, 1), target=3)]))
    found.read(Run(path))
    assert len(found.cells) == 2


def test_columns_of_another_version_cost_what_needs_them(path: Path) -> None:
    append(path, Step(1, {}, [group("a", ("1 + 1 = 2 no 1 + 2 = 3 yes", 0, 0), goal=3)]))
    found = Atlas("countdown")
    found.read(Run(path))
    assert set(found.since(-1)["firsts"]) == {"searched", "turned back"}


def test_only_what_is_new_is_read(path: Path, monkeypatch) -> None:
    append(path, fake_run.make_step(1, GRPOConfig(generation_batch_size=32)))
    asked: list[int] = []
    real = Run.outlines

    def spied(self: Run, after: int = -1) -> object:
        asked.append(after)
        return real(self, after)

    monkeypatch.setattr(Run, "outlines", spied)
    found = Atlas("countdown")
    found.read(Run(path))
    append(path, fake_run.make_step(2, GRPOConfig(generation_batch_size=32)))
    found.read(Run(path))
    assert asked == [-1, 1] and len(found.cells) == 4


def test_a_long_run_is_told_in_parts_of_whole_steps(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(atlas, "MAX_CELLS", 5)
    append(path, *(fake_run.make_step(i, GRPOConfig(generation_batch_size=32)) for i in (1, 2, 3)))
    found = Atlas("countdown")
    found.read(Run(path))
    first = found.since(-1)["cells"]
    assert [cell[0] for cell in first] == [1, 1, 2, 2]
    assert [cell[0] for cell in found.since(2)["cells"]] == [3, 3]


def test_a_task_that_is_not_known_here_only_costs_the_backtracks(path: Path) -> None:
    append(path, Step(1, {}, [group("a", ("1 no 2 yes", 1, 1))]))
    found = Atlas("nonsense")
    found.read(Run(path))
    assert set(found.since(-1)["firsts"]) == {"well-formed", "solved"}


def test_outlines_are_the_records_without_tokens(path: Path) -> None:
    step = fake_run.make_step(1, GRPOConfig(generation_batch_size=32))
    append(path, step)
    ((index, groups),) = Run(path).outlines()
    assert index == 1 and len(groups) == len(step.groups)
    for outline, whole in zip(groups, step.groups, strict=True):
        assert outline.prompt == whole.prompt and outline.dead == whole.is_dead
        assert outline.texts == [c.text for c in whole.completions]
        assert outline.rewards == [c.reward for c in whole.completions]
        assert outline.parts == [c.rewards for c in whole.completions]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=3)))
def test_prompts_are_numbered_as_they_come_and_kept(texts: list[str]) -> None:
    prompts, different = Prompts(), list(dict.fromkeys(texts))
    assert [prompts.number(text) for text in texts] == [different.index(text) for text in texts]
    assert [prompts[number] for number in range(len(prompts))] == different
