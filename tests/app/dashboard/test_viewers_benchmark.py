"""What benchmarks/viewers.py counts, on made-up arrivals and on the feed's own messages."""

import sys
from pathlib import Path

import fake_run
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import viewers

from grpo_core.app.dashboard.packing import Message, frame
from grpo_core.app.dashboard.runfeed import RunFeed
from grpo_core.runs import Run


def test_staleness_counts_an_overtaken_step_until_the_next_one() -> None:
    steps = [(4, 10.0), (5, 11.0), (6, 11.1)]
    boards = [
        (0, 3, 9.9),
        (0, 4, 10.2),
        (0, 6, 11.3),  # 5 was overtaken
        (1, 4, 10.1),
        (1, 5, 11.05),
        (1, 6, 11.15),
        (2, 4, 10.9),  # of one who does not go with the run
    ]
    found = viewers.staleness(steps, boards, {0, 1})
    assert sorted(found) == pytest.approx([50, 50, 100, 200, 200, 300])


def test_a_step_that_never_came_is_as_old_as_the_day() -> None:
    assert viewers.staleness([(4, 10.0)], [(0, 3, 11.0)], {0})[0] > 1e9


def test_a_board_is_known_by_its_head(tmp_path: Path) -> None:
    run = Run(fake_run.record(tmp_path, "a", steps=2))
    feed = RunFeed("a", run)
    feed.refresh()
    crowd = viewers.Crowd()
    metrics = feed.metrics(0, 3, reset=True)
    crowd.note(7, frame([metrics, feed.board(2, 1)]))
    crowd.note(8, frame([Message('{"type":"run"}'), feed.board(1, 0), metrics]))
    crowd.note(9, frame([metrics]))
    assert [(who, step) for who, step, _ in crowd.boards] == [(7, 2), (8, 1)]


def test_only_equal_work_is_compared() -> None:
    def run(seconds: float, length: float = 5.0) -> dict:
        step = {"seconds/step": seconds, "completions/mean_length": length}
        return {"steps": {index: dict(step) for index in (2, 3)}}

    alone, watched = [run(1.0), run(2.0), run(1.0)], [run(1.1), run(2.0), run(9.0)]
    figures = viewers.compare({"alone": alone, "watched": watched})
    assert figures["slowdown"] == pytest.approx(0.1)
    assert figures["slowdown_of_each_pair"] == pytest.approx([0.1, 0.0, 8.0])
    with pytest.raises(SystemExit, match="differ in what they sampled"):
        viewers.compare({"alone": [run(1.0)], "watched": [run(1.0, length=6.0)]})


def test_slope_is_of_the_second_half() -> None:
    memory = [(float(t), 200.0 + min(t, 60)) for t in range(120)]
    assert viewers.slope(memory) == pytest.approx(0.0)
    assert viewers.slope([(float(t), t / 60) for t in range(120)]) == pytest.approx(1.0)
