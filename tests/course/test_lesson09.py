"""Lesson 09: every planted mistake meets its own hint and no other; right attempts pass."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every

from grpo_core.course import lesson09 as check
from grpo_core.course.exercise import Exercise
from grpo_core.course.recordings import countdown_traces


def by_pieces(text: str) -> int:
    pieces = re.split(r"\bno\b", text)
    return sum("=" in "".join(pieces[i + 1 :]) for i in range(len(pieces) - 1))


def backwards(text: str) -> int:
    count, seen = 0, False
    for word in reversed(text.split()):
        seen = seen or word == "="
        count += word == "no" and seen
    return count


BACKTRACKS: list[Attempt] = [
    (None, by_pieces),
    (None, backwards),
    (None, lambda text: countdown_traces.read(text).backtracks),
    ("every_no", lambda text: len(re.findall(r"\bno\b", text))),
    ("inside_words", lambda text: len(re.findall("no", text))),
    ("verdicts", lambda text: len(re.findall(r"\b(yes|no)\b", text))),
    ("verdicts", lambda text: max(len(re.findall(r"\b(yes|no)\b", text)) - 1, 0)),
    ("cut_off", lambda text: len(re.findall(r"\bno\b.*?\b(?=yes\b|no\b)", text, re.DOTALL))),
    ("lines", lambda text: len(re.findall("=", text))),
    ("any", lambda text: int(by_pieces(text) > 0)),
    ("any", lambda text: "no" in text.split()),
    ("one_less", lambda text: max(len(re.findall(r"\bno\b", text)) - 1, 0)),
    ("before_a_yes", lambda text: len(re.findall(r"\bno\b", text.rpartition(" yes ")[0]))),
    (None, lambda text: len(re.findall(r"\bno\b(?=.*=)", text, re.DOTALL))),
    ("one_line", lambda text: len(re.findall(r"\bno\b(?=.*=)", text))),
    ("one_line", lambda text: sum("=" in piece for piece in text.split(" no ")[1:])),
    ("right_behind", lambda text: len(re.findall(r"\bno\s\d", text))),
    ("no_work_at_all", lambda text: len(re.findall(r"\bno\b", text[: text.rfind("=")]))),
    ("raised", lambda text: text.index("maybe")),
    ("unfinished", lambda text: None),
    ("shape", lambda text: [1, 2]),
    ("unknown", lambda text: 17),
]


def along(budget: int, tokens: list[int], accuracy: dict[int, float]) -> float:
    """A right attempt that walks through the run."""
    spent, reached = 0, accuracy[0]
    for step, more in enumerate(tokens, start=1):
        spent += more
        if spent > budget:
            break
        reached = accuracy.get(step, reached)
    return reached


def total(tokens: list[int], steps: int) -> int:
    return int(np.cumsum([0, *tokens])[steps])


def done(budget: int, tokens: list[int]) -> int:
    """How many whole steps the budget pays for."""
    return int(np.sum(np.cumsum(tokens) <= budget))


def stops_early(budget: int, tokens: list[int], accuracy: dict[int, float]) -> float:
    """A loop whose number of steps is one short where the budget outlasts the run."""
    spent, done = 0, 0
    while done < len(tokens) - 1:
        spent += tokens[done]
        if spent > budget:
            break
        done += 1
    return accuracy[max(step for step in accuracy if step <= done)]


ACCURACIES: list[Attempt] = [
    (None, along),
    (None, lambda b, t, a: [v for s, v in sorted(a.items()) if sum(t[:s]) <= b][-1]),
    ("best", lambda b, t, a: max(v for s, v in a.items() if total(t, s) <= b)),
    ("not_added_up", lambda b, t, a: [v for s, v in a.items() if s == 0 or t[s - 1] <= b][-1]),
    ("one_step_off", lambda b, t, a: [v for s, v in a.items() if sum(t[: s + 1]) <= b][-1]),
    ("one_step_off", lambda b, t, a: [v for s, v in a.items() if not s or sum(t[: s - 1]) < b][-1]),
    ("too_late", lambda b, t, a: [*(v for s, v in a.items() if total(t, s) >= b), a[5]][0]),
    ("steps", lambda b, t, a: [v for s, v in a.items() if s <= b][-1]),
    ("strictly_below", lambda b, t, a: [v for s, v in a.items() if s == 0 or total(t, s) < b][-1]),
    (
        "interpolated",
        lambda b, t, a: float(np.interp(b, [total(t, s) for s in a], list(a.values()))),
    ),
    ("first", lambda b, t, a: a[0]),
    (
        "interpolated",
        lambda b, t, a: float(
            np.interp(np.sum(np.cumsum(t) <= b), list(a.keys()), list(a.values()))
        ),
    ),
    ("nearest", lambda b, t, a: min((abs(total(t, s) - b), v) for s, v in a.items())[1]),
    ("nearest", lambda b, t, a: min((abs(s - done(b, t)), s, v) for s, v in a.items())[2]),
    ("nearest", lambda b, t, a: min((abs(s - done(b, t)), -s, v) for s, v in a.items())[2]),
    ("average_step", lambda b, t, a: [v for s, v in a.items() if s <= b / np.mean(t)][-1]),
    ("average_step", lambda b, t, a: [v for s, v in a.items() if s <= b // t[0]][-1]),
    ("step_or_tokens_returned", lambda b, t, a: max(s for s in a if total(t, s) <= b)),
    ("step_or_tokens_returned", lambda b, t, a: max(total(t, s) for s in a if total(t, s) <= b)),
    ("step_or_tokens_returned", lambda b, t, a: done(b, t)),
    ("mean_so_far", lambda b, t, a: np.mean([v for s, v in a.items() if total(t, s) <= b])),
    ("not_evaluated_is_0", lambda b, t, a: a.get(int(np.sum(np.cumsum(t) <= b)), 0)),
    ("last_step_lost", stops_early),
    ("raised", lambda b, t, a: a[b]),
    ("unfinished", lambda b, t, a: None),
    ("shape", lambda b, t, a: list(a.values())),
    ("unknown", lambda b, t, a: 42.0),
]


def tables(before: list[str], right: list[bool]) -> tuple[Counter[str], Counter[str]]:
    pairs = list(zip(before, right, strict=True))
    return Counter(before), Counter(kind for kind, r in pairs if r)


def by_tables(before: list[str], right: list[bool], after: list[str]) -> float:
    done, hits = tables(before, right)
    shares = {kind: n / len(after) for kind, n in Counter(after).items()}
    return sum(share * hits[kind] / max(done[kind], 1) for kind, share in shares.items())


def known(before: list[str], right: list[bool], after: list[str]) -> list[float]:
    done, hits = tables(before, right)
    return [hits[kind] / done[kind] for kind in after if kind in done]


AMPLIFIED: list[Attempt] = [
    (None, by_tables),
    (None, lambda b, r, a: sum(known(b, r, a)) / len(a)),
    ("old_shares", lambda b, r, a: np.mean(r)),
    ("all_kinds_alike", lambda b, r, a: np.sum([*known(b, r, sorted(set(a)))]) / len(set(a))),
    ("shares_of_all", lambda b, r, a: np.mean([tables(b, r)[1][kind] / len(b) for kind in a])),
    ("counts", lambda b, r, a: sum(known(b, r, a))),
    ("unseen_left_out", lambda b, r, a: np.mean(known(b, r, a))),
    (
        "unseen_as_average",
        lambda b, r, a: (sum(known(b, r, a)) + np.mean(r) * sum(k not in b for k in a)) / len(a),
    ),
    (
        "unseen_as_average",
        lambda b, r, a: (sum(known(b, r, a)) + sum(k not in b for k in a)) / len(a),
    ),
    (
        "ratio_of_shares",
        lambda b, r, a: (
            np.mean(r) * sum(a.count(k) / len(a) / (b.count(k) / len(b)) for k in set(a) & set(b))
        ),
    ),
    (
        "last_of_a_kind",
        lambda b, r, a: np.mean([dict(zip(b, r, strict=True)).get(k, 0) for k in a]),
    ),
    (
        "last_of_a_kind",
        lambda b, r, a: np.mean([r[b.index(k)] if k in b else 0 for k in a]),
    ),
    ("kind_not_divided", lambda b, r, a: np.mean([tables(b, r)[1][kind] for kind in a])),
    ("share_of_the_right_ones", lambda b, r, a: np.mean([tables(b, r)[1][k] / sum(r) for k in a])),
    ("compared_with_the_base", lambda b, r, a: by_tables(b, r, a) - np.mean(r)),
    ("compared_with_the_base", lambda b, r, a: by_tables(b, r, a) / np.mean(r)),
    ("one_kind", lambda b, r, a: known(b, r, [Counter(a).most_common(1)[0][0]])[0]),
    ("all_kinds_alike", lambda b, r, a: sum(known(b, r, sorted(set(a)))) / len(set(a))),
    ("divided_by_the_base", lambda b, r, a: sum(known(b, r, a)) / len(r)),
    ("paired", lambda b, r, a: np.mean([x for _, x in zip(a, r, strict=False)])),
    ("pooled", lambda b, r, a: np.mean([x for k, x in zip(b, r, strict=True) if k in set(a)])),
    ("raised", lambda b, r, a: tables(b, r)[2]),
    ("unfinished", lambda b, r, a: ...),
    ("shape", lambda b, r, a: known(b, r, a)),
    ("unknown", lambda b, r, a: -3.0),
]


def judge(tries: list[tuple[int, str]], answer: int | None) -> str:
    """A right attempt, written the other way round."""
    if answer is not None and tries:
        last, verdict = tries[len(tries) - 1]
        if last == answer and verdict in ("yes", ""):
            return "faithful"
        return "against" if last == answer else "another"
    return "nothing"


def but(change: Callable[..., str | None]) -> Callable[..., str]:
    """The judge, unless `change` says something."""
    return lambda tries, answer: change(tries, answer) or judge(tries, answer)


FAITHFULNESS: list[Attempt] = [
    (None, judge),
    ("first_try", lambda t, a: judge(t[:1], a)),
    ("any_try", but(lambda t, a: "faithful" if a in [r for r, _ in t] else None)),
    ("any_try", lambda t, a: judge([x for x in t if x[0] == a] or t, a)),
    ("last_yes", lambda t, a: judge([x for x in t if x[1] == "yes"] or t, a)),
    ("verdict_ignored", lambda t, a: judge([(r, "") for r, _ in t], a)),
    (
        "verdict_ignored",
        lambda t, a: (
            "nothing" if a is None or not t else "faithful" if (a, "yes") == t[-1] else "another"
        ),
    ),
    ("unjudged_is_nothing", but(lambda t, a: "nothing" if t and not t[-1][1] else None)),
    ("every_try", lambda t, a: judge([x for x in t if x[0] != a] or t, a)),
    (
        "upside_down",
        but(lambda t, a: {"against": "another", "another": "against"}.get(judge(t, a))),
    ),
    (
        "upside_down",
        but(lambda t, a: {"against": "faithful", "faithful": "against"}.get(judge(t, a))),
    ),
    ("unchecked_is_against", lambda t, a: judge([(r, v or "no") for r, v in t], a)),
    ("verdict_first", but(lambda t, a: "against" if t and a and t[-1][1] == "no" else None)),
    ("no_thought_is_faithful", but(lambda t, a: "faithful" if not t else None)),
    ("no_answer_is_another", but(lambda t, a: "another" if t and a is None else None)),
    (
        "upside_down",
        lambda t, a: {"faithful": "another", "another": "faithful"}.get(judge(t, a), judge(t, a)),
    ),
    ("no_thought_is_another", but(lambda t, a: "another" if not t and a else None)),
    (
        "no_thought_is_another",
        lambda t, a: judge(t or [(-1, "")], -2 if t and a is None else a),
    ),
    ("zero_is_nothing", lambda t, a: judge(t, a or None)),
    ("any_no", lambda t, a: judge([(r, "no" if "no" in dict(t).values() else v) for r, v in t], a)),
    ("any_no", lambda t, a: judge([(r, "no" if (r, "no") in t else v) for r, v in t], a)),
    (
        "verdict_of_another",
        lambda t, a: judge([(r, v or "".join(x for _, x in t)[-2:]) for r, v in t], a),
    ),
    ("pair_and_number", lambda t, a: judge([((r, v), v) for r, v in t], a)),
    ("raised", lambda t, a: t[99]),
    ("unfinished", lambda t, a: None),
    ("shape", lambda t, a: "true"),
    ("shape", lambda t, a: 1.0),
    ("unknown", lambda t, a: "against"),
]

ATTEMPTS = {
    check.backtracks: BACKTRACKS,
    check.accuracy_at: ACCURACIES,
    check.amplified: AMPLIFIED,
    check.faithfulness: FAITHFULNESS,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
