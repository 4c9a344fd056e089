"""How many threads, and where."""

import threading

import pytest

from grpo_core.training import threads
from grpo_core.training.threads import LARGE, MOST, Threads, choose_threads
from grpo_core.training.timing import Stopwatch


def test_small_models_get_workers_and_large_ones_wide_operations(monkeypatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)
    assert choose_threads(0, 1_000_000) == Threads(workers=2, within=1)
    assert choose_threads(0, LARGE) == Threads(workers=1, within=2)
    assert choose_threads(3, 1_000_000) == Threads(workers=3, within=1)
    monkeypatch.setattr(threads, "cores", lambda: 64)
    assert choose_threads(0, 1_000_000).workers == MOST


def test_there_is_always_a_core() -> None:
    assert threads.cores() >= 1


def test_a_stopwatch_adds_up_over_threads(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr("grpo_core.training.timing.time.perf_counter", lambda: now[0])
    watch = Stopwatch()
    with pytest.raises(ZeroDivisionError), watch.phase("a"):
        now[0] += 3.0
        1 / 0  # noqa: B018
    assert watch.seconds == {"a": 3.0}

    def work() -> None:
        with watch.phase("b", share=0.5):
            pass

    workers = [threading.Thread(target=work) for _ in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with watch.phase("b", share=0.5):
        now[0] += 2.0
    assert watch.seconds == {"a": 3.0, "b": 1.0}
