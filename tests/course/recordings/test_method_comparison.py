"""Methods are compared at the completions they drew, and luck has the size that luck has."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.errors import LabError
from grpo_core.course.recordings import method_comparison


def run(
    groups: list[float] | None = None, accuracy: dict[int, float] | None = None
) -> pd.DataFrame:
    steps = range(61)
    frame = pd.DataFrame(index=pd.Index(steps, name="step"))
    frame["eval/accuracy"] = pd.Series(accuracy or {0: 0.1, 30: 0.4, 60: 0.7})
    if groups is not None:
        frame["dynamic_sampling/groups"] = [math.nan, *groups]
    return frame


def test_what_was_drawn() -> None:
    plain = method_comparison.with_drawn(run())["drawn"]
    assert plain[0] == 0 and plain[1] == 128 and plain[60] == method_comparison.BUDGET == 7680
    again = method_comparison.with_drawn(run([16.0] * 60))["drawn"]
    assert again[0] == 0 and again[30] == method_comparison.BUDGET


def test_a_method_that_draws_again_is_looked_at_earlier() -> None:
    plain, again = (method_comparison.with_drawn(run(g)) for g in (None, [16.0] * 60))
    assert method_comparison.after(plain, "eval/accuracy") == pytest.approx(0.7)
    assert method_comparison.after(again, "eval/accuracy") == pytest.approx(0.4)
    thrice = method_comparison.with_drawn(run([12.0] * 60))  # 40 steps, between two evaluations
    assert method_comparison.after(thrice, "eval/accuracy") == pytest.approx(0.5)


def test_completions_to_a_level() -> None:
    frame = method_comparison.with_drawn(run())
    assert method_comparison.completions_to(frame, 0.4) == pytest.approx(30 * 128)
    assert method_comparison.completions_to(frame, 0.55) == pytest.approx(45 * 128)
    assert method_comparison.completions_to(frame, 0.05) == 0
    assert method_comparison.completions_to(frame, 0.9) == math.inf


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=12), st.floats(0.02, 1.2))
def test_at_the_completions_to_a_level_the_level_is_reached(
    values: list[float], level: float
) -> None:
    frame = method_comparison.with_drawn(run(accuracy=dict(enumerate(values))))
    drawn = method_comparison.completions_to(frame, level)
    if drawn == math.inf:
        assert max(values) < level
    elif drawn > 0:
        assert method_comparison.after(frame, "eval/accuracy", drawn) == pytest.approx(level)


def test_methods_are_there_with_every_seed_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method_comparison, "data_dir", lambda: tmp_path)
    (tmp_path / "results").mkdir()
    for method, seeds in (("grpo", (0, 1, 2)), ("dapo", (0, 1)), ("rloo", (0, 1, 2))):
        for seed in seeds:
            run().to_csv(tmp_path / "results" / f"compare-{method}-seed{seed}.csv")
    assert method_comparison.recorded() == {"grpo": "GRPO", "rloo": "RLOO"}
    assert method_comparison.ends("eval/accuracy") == {"GRPO": [0.7] * 3, "RLOO": [0.7] * 3}
    halfway = method_comparison.ends("eval/accuracy", drawn=45 * 128)
    assert halfway["GRPO"] == pytest.approx([0.55] * 3)
    for at, values in method_comparison.curves("eval/accuracy")["RLOO"]:
        assert at.tolist() == [0.0, 3.84, 7.68] and values.tolist() == [0.1, 0.4, 0.7]


def test_a_method_without_results_says_what_to_do() -> None:
    with pytest.raises(LabError, match=r"data/make\.py compare"):
        method_comparison.frames("nothing")


def test_the_standard_error_is_how_much_differences_scatter() -> None:
    rng = np.random.default_rng(1)
    finals = rng.normal(0.7, 0.03, size=(4000, 3))
    differences = finals[:2000].mean(axis=1) - finals[2000:].mean(axis=1)
    assert method_comparison.standard_error(finals) == pytest.approx(differences.std(), rel=0.05)


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_the_standard_error_has_the_unit_of_the_numbers(factor: float, shift: float) -> None:
    finals = np.array([[0.1, 0.4, 0.2], [0.9, 0.5, 0.6]])
    once = method_comparison.standard_error(finals)
    assert method_comparison.standard_error(factor * finals + shift) == pytest.approx(factor * once)


def test_luck_is_students_and_grows_with_the_methods_that_are_looked_at() -> None:
    # two methods, three seeds: Student's t with 4 degrees of freedom; and one pair is the widest
    pair, widest = method_comparison.by_chance(2, 3)
    assert pair == pytest.approx(2.776, rel=0.03) and widest == pair
    # eight methods: t with 16; and Tukey's range, q(8, 16) / sqrt(2)
    pair, widest = method_comparison.by_chance(8, 3)
    assert pair == pytest.approx(2.120, rel=0.03)
    assert widest == pytest.approx(4.90 / math.sqrt(2), rel=0.03)


def test_luck_is_in_the_unit_of_the_numbers() -> None:
    ends = {"A": [0.1, 0.2, 0.3], "B": [0.2, 0.3, 0.4]}
    pair, widest = method_comparison.luck(ends)
    error = method_comparison.standard_error(np.array(list(ends.values())))
    assert error == pytest.approx(math.sqrt(2 * 0.01 / 3))
    assert (pair / error, widest / error) == pytest.approx(method_comparison.by_chance(2, 3))
