"""Traces written by rule: right, readable in their own language, and never of held-out problems."""

from grpo_core.pipeline.select import unreadable
from grpo_core.pipeline.writers import cold_start, general
from grpo_core.rewards.format import parse
from grpo_core.tasks import get_task
from grpo_core.tasks.languages import said, translated

COUNTDOWN, SCENARIOS = get_task("countdown"), get_task("scenarios")
TRACES = cold_start(COUNTDOWN, 120, seed=4)  # type: ignore[arg-type]
GENERAL = general(SCENARIOS, 120, seed=4)  # type: ignore[arg-type]


def numbers(prompt: str) -> tuple[list[int], int]:
    given, _, target = prompt.removeprefix("Use ").removesuffix(" .").partition(" to make ")
    return [int(n) for n in given.split(" , ")], int(target)


def test_cold_starts_are_right_well_formed_and_in_one_language_each() -> None:
    held_out = {tuple(sorted(p.columns["numbers"])) for p in COUNTDOWN.problems("test")}
    for trace in TRACES:
        given, target = numbers(trace.prompt)
        assert tuple(sorted(given)) not in held_out
        answer = parse(trace.completion).answer
        assert answer and COUNTDOWN.verify(answer, numbers=given, target=target)
        assert sum(map(bool, said(trace.completion).values())) == 1
        assert not unreadable(translated(trace.completion, "en"))
    german = sum(said(t.completion)["de"] > 0 for t in TRACES)
    assert german == len(TRACES) / 2


def test_they_search_some_longer_some_shorter() -> None:
    tries = [sum(said(t.completion).values()) for t in TRACES]
    assert min(tries) == 1 and max(tries) > 8 and sum(t > 3 for t in tries) == len(TRACES) / 2


def test_general_answers_are_true_english_and_often_wordy() -> None:
    for trace in GENERAL:
        target, line = trace.prompt.removeprefix("Check ").split(" : ")
        right = line.split(" = ")[-1] == target
        parsed = parse(trace.completion)
        assert parsed.well_formed and parsed.answer == ("yes" if right else "no")
        assert (parsed.think or "").startswith(f"{line} {parsed.answer}")
        assert said(trace.completion)["de"] == 0
    words = [len(t.completion.split()) for t in GENERAL]
    assert max(words) > 2 * min(words)


def test_the_seed_decides() -> None:
    assert cold_start(COUNTDOWN, 9, 4) == TRACES[:9] != cold_start(COUNTDOWN, 9, 5)  # type: ignore[arg-type]
    assert general(SCENARIOS, 9, 4) == GENERAL[:9] != general(SCENARIOS, 9, 5)  # type: ignore[arg-type]
