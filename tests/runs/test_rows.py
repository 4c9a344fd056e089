"""What goes in comes out, whatever it is."""

import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from make_steps import assert_same, completion, step

from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group, Step
from grpo_core.runs import Run, RunWriter, clean

HOSTILE = [
    "",
    "\0",
    "</script><img onerror=x>",
    "${x}",
    "'; DROP TABLE steps; --",
    "\ud800",
    "é\u2028𝛑",
]


texts = st.text(max_size=8) | st.text("\ud800\udfff\0a", max_size=4) | st.sampled_from(HOSTILE)
# Names that clean() would make equal are not two names.
names = st.text("abc/_", min_size=1, max_size=6) | st.sampled_from(HOSTILE)
numbers = st.floats(width=64) | st.integers(-5, 5).map(float)


@st.composite
def completions(draw: st.DrawFn) -> Completion:
    length = draw(st.integers(0, 4))
    floats = hnp.arrays(np.float32, length, elements=st.floats(width=32))
    old = draw(floats)
    return Completion(
        text=draw(texts),
        tokens=draw(st.lists(texts, min_size=length, max_size=length)),
        token_ids=draw(hnp.arrays(np.int32, length)),
        rewards=draw(st.dictionaries(names, numbers, max_size=3)),
        reward=draw(numbers),
        advantage=draw(numbers),
        truncated=draw(st.booleans()),
        old_logprobs=old,
        logprobs=old.copy() if draw(st.booleans()) else draw(floats),
        ref_logprobs=draw(st.none() | floats),
        entropy=draw(st.none() | floats),
        push=draw(st.none() | floats),
        token_advantages=draw(st.none() | floats),
        values=draw(st.none() | floats),
        after_logprobs=draw(st.none() | floats),
    )


columns = st.dictionaries(
    names, st.integers() | texts | st.lists(st.integers(), max_size=3), max_size=3
)
groups = st.builds(
    Group, prompt=texts, columns=columns, completions=st.lists(completions(), max_size=3)
)
steps = st.builds(
    Step,
    index=st.integers(0, 3),
    metrics=st.dictionaries(names, numbers, max_size=4),
    groups=st.lists(groups, max_size=3),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(record=steps)
def test_any_step_comes_back_identical(path: Path, record: Step) -> None:
    with RunWriter(path) as writer:
        writer.append(record)
        assert_same(record, writer.run.step(record.index))
    run = Run(path)
    assert_same(record, run.step(record.index))
    assert run.group_count(record.index) == len(record.groups)
    for g in range(len(record.groups)):
        alone = Step(record.index, {}, [run.group(record.index, g)])
        assert_same(Step(record.index, {}, [record.groups[g]]), alone)


def test_lone_surrogates_are_replaced_so_that_readers_can_encode(path: Path) -> None:
    assert clean("a\ud800b") == "a\ufffdb"
    assert clean("\ud83d\ude00") == "\U0001f600"
    with RunWriter(path) as writer:
        writer.append(Step(1, {}, [Group("\udfff", {"a": "\ud800"}, [completion(text="\ud800")])]))
    group = Run(path).group(1, 0)
    (group.prompt + group.columns["a"] + group.completions[0].text).encode()


@pytest.mark.parametrize("missing", [["after_logprobs"], ["after_logprobs", "values"]])
def test_what_an_older_version_lacks_is_read_as_not_recorded_and_added(
    path: Path, missing: list[str]
) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1))
    with sqlite3.connect(path / "run.db") as db:
        for column in missing:
            db.execute(f'ALTER TABLE completions DROP COLUMN "{column}"')
        db.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")
    assert_same(step(1), Run(path).step(1))
    looked = completion(after_logprobs=np.ones(5, np.float32))
    with RunWriter(path) as writer:
        writer.append(Step(2, {}, [Group("p", {}, [looked])]))
    assert_same(step(1), Run(path).step(1))
    assert (Run(path).group(2, 0).completions[0].after_logprobs == 1).all()


def test_equal_logprobs_are_stored_once(path: Path) -> None:
    same = completion()
    same.logprobs = same.old_logprobs.copy()
    with RunWriter(path) as writer:
        writer.append(Step(1, {}, [Group("p", {}, [same, completion()])]))
    with sqlite3.connect(path / "run.db") as db:
        rows = db.execute("SELECT logprobs FROM completions ORDER BY completion_index").fetchall()
    assert rows[0][0] is None and rows[1][0] is not None


def test_numpy_values_from_rewards_and_metrics_are_recorded(path: Path) -> None:
    odd = completion(rewards={"f": np.float32(0.5)}, reward=np.float64(2), truncated=np.bool_(True))
    group = Group("p", {"numbers": np.array([1, 2])}, [odd])
    with RunWriter(path) as writer:
        writer.append(Step(1, {"a": np.float32(1.5)}, [group]))
    back = Run(path).step(1)
    assert back.metrics == {"a": 1.5} and back.groups[0].columns == {"numbers": [1, 2]}
    assert back.groups[0].completions[0].rewards == {"f": 0.5}


def test_a_step_written_again_replaces_the_first(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1, groups=4))
        writer.append(step(1, groups=2))
    assert_same(step(1, groups=2), Run(path).step(1))


def test_metrics_and_frame(path: Path) -> None:
    run = Run(path)
    assert run.last_step() is None and run.metrics() == [] and run.frame().empty
    with RunWriter(path) as writer:
        for i in range(4):
            writer.append(Step(i, {"reward": i / 2, **({"eval/accuracy": 1.0} if i == 3 else {})}))
    assert run.metrics(after=1) == [
        (2, {"reward": 1.0}),
        (3, {"reward": 1.5, "eval/accuracy": 1.0}),
    ]
    frame = run.frame()
    assert list(frame.index) == [0, 1, 2, 3] and frame.index.name == "step"
    assert frame["reward"].iloc[2] == 1.0 and np.isnan(frame["eval/accuracy"].iloc[0])
    assert run.last_step() == 3


def test_what_was_not_recorded_is_said(path: Path) -> None:
    run = Run(path)
    with pytest.raises(LabError, match="no step 5"):
        run.step(5)
    with pytest.raises(LabError, match="no group 0 in step 5"):
        run.group(5, 0)
    assert run.group_count(5) == 0


def test_append_is_fast_enough(path: Path) -> None:
    """The default step: 8 groups x 16 completions x 100 tokens (28 ms where this was written)."""
    record = step(1, groups=8, size=16, length=100)
    with RunWriter(path) as writer:
        times = []
        for _ in range(4):
            start = time.process_time()
            writer.append(record)
            times.append(time.process_time() - start)
    assert min(times) < 0.3
