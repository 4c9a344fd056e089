"""Lesson 12: every planted mistake meets its own hint and no other; right attempts pass."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.course import lesson12 as check
from grpo_core.course.exercise import Exercise
from grpo_core.rewards.flawed import confident_reward


def thought(text: str) -> str:
    found = re.search(r"<think>(.*?)</think>", text, re.DOTALL)
    return found.group(1).strip() if found else ""


def answered(text: str) -> bool:
    return re.search(r"<answer>.*?</answer>", text, re.DOTALL) is not None


def judged(
    sure: Callable[[str], bool] = lambda t: thought(t).split()[-1:] == ["yes"],
    has: Callable[[str], bool] = answered,
    words: Callable[[str], float] = lambda t: len(t.split()),
) -> Callable[[str], float]:
    """A learner's judge, by regular expressions; right but for what is passed in."""

    def judge(text: str) -> float:
        if not sure(text) or not has(text):
            return 0
        return max(100 - words(text), 0) / 100

    return judge


JUDGE: list[Attempt] = [
    (None, lambda text: confident_reward([], [text])[0]),
    (None, judged()),
    ("yes_anywhere", judged(sure=lambda t: "yes" in thought(t))),
    ("yes_anywhere", judged(sure=lambda t: "yes" in t)),
    ("end_of_the_reply", judged(sure=lambda t: t.strip().endswith("yes"))),
    ("end_of_the_reply", judged(words=lambda t: 10 * len(t.split()))),
    ("thought_only", judged(words=lambda t: len(t.split()) - 4)),
    ("no_answer_needed", judged(has=lambda t: True)),
    ("not_sure_needed", judged(sure=lambda t: True)),
    ("below_zero", lambda t: (1 - len(t.split()) / 100) * (judged(words=lambda t: 0)(t) > 0)),
    ("characters", judged(words=len)),
    ("thought_only", judged(words=lambda t: len(thought(t).split()))),
    ("length_forgotten", judged(words=lambda t: 0)),
    ("longer_is_better", judged(words=lambda t: 100 - min(len(t.split()), 100))),
    ("letters", judged(sure=lambda t: thought(t).endswith("yes"))),
    ("no_is_not_yes", judged(sure=lambda t: " no " not in f" {thought(t)} ")),
    ("no_is_not_yes", judged(sure=lambda t: not thought(t).endswith("no"))),
    ("another_price", lambda text: 100 * judged()(text)),
    ("another_price", lambda text: (judged()(text) > 0) / len(text.split())),
    ("shape", lambda text: [1.0, 0.0]),
    ("raised", lambda text: text / 100),
    ("unfinished", lambda text: None),
    ("unknown", lambda text: 0.123),
]


def loop(choose: Callable[[list[float]], int]) -> Callable[[Tensor, Tensor, int], float]:
    """Group by group; `choose` gets the proxies of the first n."""

    def mean(proxy: Tensor, truth: Tensor, n: int) -> float:
        kept = [t[choose(p[:n].tolist())] for p, t in zip(proxy, truth, strict=True)]
        return float(sum(kept) / len(kept))

    return mean


BEST_OF: list[Attempt] = [
    (None, loop(lambda p: p.index(max(p)))),
    (None, lambda p, t, n: t.gather(1, p[:, :n].max(dim=1, keepdim=True).indices).mean()),
    ("chosen_by_the_truth", lambda p, t, n: t[:, :n].amax(dim=1).mean()),
    ("the_proxy_of_the_best", lambda p, t, n: p[:, :n].amax(dim=1).mean()),
    ("all_of_the_group", lambda p, t, n: t.gather(1, p.argmax(1, keepdim=True)).mean()),
    ("the_last_n", lambda p, t, n: loop(lambda q: q.index(max(q)))(p[:, -n:], t[:, -n:], n)),
    ("worst", loop(lambda p: p.index(min(p)))),
    ("mean_of_n", lambda p, t, n: t[:, :n].mean(dim=1).mean()),
    ("mean_of_n", lambda p, t, n: t.gather(1, p.topk(n, dim=1).indices).mean()),
    ("another_of_the_tie", loop(lambda p: max(range(len(p)), key=lambda i: (p[i], i)))),
    ("another_of_the_tie", lambda p, t, n: t[:, :n][p[:, :n] == p[:, :n].amax(1)[:, None]].mean()),
    ("every_row", lambda p, t, n: t[:, p[:, :n].argmax(1)].mean()),
    ("sum", lambda p, t, n: t.gather(1, p[:, :n].argmax(1, keepdim=True)).sum()),
    ("one_for_all_groups", lambda p, t, n: t.flatten()[p[:, :n].argmax()]),
    ("one_for_all_groups", lambda p, t, n: t[:, :n].reshape(-1)[p[:, :n].reshape(-1).argmax()]),
    ("wrong_axis", lambda p, t, n: t[:, :n].gather(0, p[:, :n].argmax(0, keepdim=True)).mean()),
    ("one_off", lambda p, t, n: t.gather(1, p[:, : n + 1].argmax(1, keepdim=True)).mean()),
    ("one_off", lambda p, t, n: t.gather(1, p[:, : n - 1 or 1].argmax(1, keepdim=True)).mean()),
    ("nothing_chosen", lambda p, t, n: t[:, n - 1].mean()),
    ("nothing_chosen", lambda p, t, n: torch.mean(t[:, 0])),
    ("weighed", lambda p, t, n: (p * t)[:, :n].max(1).values.mean()),
    ("weighed", lambda p, t, n: (p[:, :n].softmax(1) * t[:, :n]).sum(1).mean()),
    ("median", lambda p, t, n: t.gather(1, p[:, :n].argmax(1, keepdim=True)).median()),
    ("shape", lambda p, t, n: t.gather(1, p[:, :n].argmax(1, keepdim=True))),
    ("raised", lambda p, t, n: t @ torch.zeros(9)),
    ("unfinished", lambda p, t, n: ...),
    ("unknown", lambda p, t, n: torch.tensor(7.0)),
]

OPERATORS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}


def true(line: str) -> bool:
    a, sign, b, _, c = line.split()
    return bool(OPERATORS[sign](int(a), int(b)) == int(c))


def is_line(line: str) -> bool:
    parts = line.split()
    numbers = [parts[i] for i in (0, 2, 4)] if len(parts) == 5 else ["-"]
    return all(n.isdecimal() for n in numbers) and parts[1] in OPERATORS and parts[3] == "="


def patched(
    lines_true: Callable[[list[str]], bool] = lambda lines: all(map(true, lines)),
    ends: Callable[[list[str], int], bool] = lambda lines, t: lines[-1].split()[-1] == str(t),
    yes: bool = True,
    last: Callable[[str], str] = lambda text: text.split("no")[-1],
    gaps: bool = False,
) -> Callable[[str, int], bool]:
    """A learner's patch by splitting; right but for what is passed in."""

    def patch(text: str, target: int) -> bool:
        if yes and not text.endswith("yes"):
            return False
        lines = last(text).removesuffix("yes").strip().split(" , ")
        if gaps:
            lines = re.findall(r"\d+ [-+*] \d+ = \d+", last(text))
        if not lines or not all(map(is_line, lines)):
            return False
        return lines_true(lines) and ends(lines, target)

    return patch


def running(text: str, target: int) -> bool:
    """Python does the sums."""
    if not text.endswith("yes"):
        return False
    lines = text.split("no ")[-1].removesuffix("yes").strip().split(" , ")
    return all(bool(eval(line.replace("=", "=="))) for line in lines) and (
        lines[-1].split()[-1] == str(target)
    )


def running_sides(text: str, target: int) -> bool:
    """Python does one side of each sum, and nothing may raise."""
    try:
        pairs = [line.split("=") for line in text.split("no ")[-1].removesuffix("yes").split(",")]
        true = all(eval(a, {"print": lambda *_: None}) == int(b) for a, b in pairs)
        return text.endswith("yes") and true and int(pairs[-1][1]) == target
    except Exception:
        return False


def dividing(text: str, target: int) -> bool:
    """A fourth operator, rounded down."""
    OPERATORS["/"] = lambda a, b: a // b
    try:
        return patched()(text, target)
    finally:
        del OPERATORS["/"]


def linked(text: str) -> bool:
    """Whether each line begins or goes on with the result of the one before."""
    lines = text.split("no ")[-1].removesuffix("yes").strip().split(" , ")
    return all(a.split()[-1] in b.split()[:3] for a, b in pairwise(lines))


PATCH: list[Attempt] = [
    (None, patched()),
    ("work_not_checked", patched(lines_true=lambda lines: True)),
    ("one_true_line", patched(lines_true=lambda lines: any(map(true, lines)))),
    ("last_line_only", patched(lines_true=lambda lines: true(lines[-1]))),
    ("target_not_asked", patched(ends=lambda lines, target: True)),
    (
        "target_anywhere",
        patched(ends=lambda lines, target: str(target) in [li.split()[-1] for li in lines]),
    ),
    ("all_tries", patched(last=lambda text: text.replace(" no ", " , "))),
    ("verdict_not_asked", patched(yes=False)),
    ("gaps", patched(gaps=True)),
    ("eval", running),
    ("eval", running_sides),
    ("rounded_division", dividing),
    ("empty_is_true", lambda t, n: t == "yes" or patched()(t, n)),
    ("raises", lambda t, n: patched()(t, n) if t.split()[-1] == "yes" else False),
    ("never_true", lambda t, n: False),
    ("never_true", lambda t, n: patched(ends=lambda lines, t: lines[-1].split()[-1] == t)(t, n)),
    (
        "any_try",
        lambda t, n: (
            t.endswith("yes")
            and any(patched()(f"{one.removesuffix('yes').strip()} yes", n) for one in t.split("no"))
        ),
    ),
    ("first_try", lambda t, n: patched(last=lambda text: text.split(" no ")[0])(t, n)),
    ("target_as_text", patched(ends=lambda lines, target: lines[-1].endswith(str(target)))),
    ("chain_demanded", lambda t, n: patched()(t, n) and linked(t)),
    (
        "yes_anywhere",
        lambda t, n: (
            "yes" in t and patched()(t.replace(" yes ", " , ").removesuffix(" yes") + " yes", n)
        ),
    ),
    ("shape", lambda t, n: "yes" if patched()(t, n) else "no"),
    ("unfinished", lambda t, n: None),
    ("unknown", lambda t, n: len(t) % 2 == 0),
]

ATTEMPTS = {check.judge: JUDGE, check.best_of: BEST_OF, check.patch: PATCH}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])


def test_the_attacks_are_what_the_lesson_says_they_are() -> None:
    assert check.attacked(check.my_check) == [paid for _, paid in check.ATTACKS.values()]
