"""A history gives back the rows it was given, and the table that the run itself gives."""

import math
from pathlib import Path

import fake_run
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.app.dashboard.history import History
from grpo_core.runs import Run

METRICS = st.dictionaries(
    st.sampled_from(["reward", "kl", "eval/accuracy"]), st.floats(width=64), max_size=3
)


@given(st.lists(METRICS, max_size=8), st.data())
def test_rows_come_back(metrics: list[dict[str, float]], data: st.DataObject) -> None:
    rows = [(3 * i, row) for i, row in enumerate(metrics)]
    cut = data.draw(st.integers(0, len(rows)))
    history = History(rows[:cut])
    history.add(rows[cut:])
    known = [(step, {k: v for k, v in row.items() if not math.isnan(v)}) for step, row in rows]
    assert history[:] == known and len(history) == len(rows)
    assert history[cut:] == known[cut:] and [history[i] for i in range(len(rows))] == known
    if rows:
        assert history[-1] == known[-1]
    count = data.draw(st.integers(0, len(rows)))
    frame = history.frame(count)
    assert list(frame.index) == [step for step, _ in rows[:count]]
    for name in frame:
        expected = [row.get(name, math.nan) for _, row in rows[:count]]
        pd.testing.assert_series_equal(
            frame[name], pd.Series(expected, frame.index, name=name, dtype="float64")
        )


def test_the_table_is_the_runs_own(tmp_path: Path) -> None:
    run = Run(fake_run.record(tmp_path, "a", steps=30))
    frame = History(run.metrics()).frame(31)
    pd.testing.assert_frame_equal(frame, run.frame(), check_like=True)
