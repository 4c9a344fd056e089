"""Lesson 02: every planted mistake meets its own hint and no other; right attempts pass."""

import ast
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every

from grpo_core.course import lesson02 as check
from grpo_core.course.exercise import Exercise
from grpo_core.rewards.format import format_reward, parse
from grpo_core.tasks.countdown import solves


def outside(text: str) -> str:
    """What was not thought."""
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.S)
    return re.sub(r"<think>.*", "", text, flags=re.S)


def by_searching(pattern: str, flags: int = 0, where: Callable[[str], str] = str) -> Any:
    def answer(text: str) -> str | None:
        match = re.search(pattern, where(text), flags)
        return match.group(1).strip() if match else None

    return answer


def last_without_check(text: str) -> str:
    return re.findall(r"<answer>(.*?)</answer>", outside(text), re.S)[-1].strip()


def last(text: str, where: Callable[[str], str] = outside) -> str | None:
    found = re.findall(r"<answer>(.*?)</answer>", where(text), re.S)
    return found[-1].strip() if found else None


def split_only(text: str) -> str | None:
    text = outside(text)
    if "<answer>" not in text:
        return None
    return text.rsplit("<answer>", 1)[1].partition("</answer>")[0].strip()


ANSWERS: list[Attempt] = [
    (None, lambda text: parse(text).answer),
    (None, last),
    ("first_answer", by_searching("<answer>(.*?)</answer>", re.S)),
    ("first_answer", by_searching("<answer>(.*?)</answer>", re.S, outside)),
    ("first_answer", by_searching("<answer>(.*?)</answer>")),
    ("greedy", by_searching("<answer>(.*)</answer>")),
    ("greedy", by_searching("<answer>(.*)</answer>", re.S, outside)),
    (
        "one_line_only",
        lambda t: (re.findall("<answer>(.*?)</answer>", outside(t)) or [""])[-1].strip(),
    ),
    ("answer_in_a_thought", lambda text: last(text, str)),
    ("open_thought", lambda text: last(text, lambda t: t.rpartition("</think>")[2])),
    ("cut_off_answer", split_only),
    ("not_stripped", lambda text: f" {last(text)} "),
    ("raises_without_answer", last_without_check),
    ("raises_without_answer", lambda text: last(text, lambda t: t.split("</think>", 1)[1])),
    ("thought_required", lambda text: last(text) if "</think>" in text else None),
    ("empty_for_none", lambda text: last(text) or ""),
    (
        "tags_kept",
        lambda text: (re.findall("<answer>.*?</answer>", outside(text), re.S) or [""])[-1],
    ),
    ("nothing_may_follow", lambda text: last(text) if text.strip()[-9:] == "</answer>" else None),
    ("blanks_inside", lambda text: (last(text) or "").replace(" ", "") or None),
    ("a_list", lambda text: re.findall("<answer>(.*?)</answer>", text)),
    ("a_list", lambda text: re.findall("<answer>(.*?)</answer>", outside(text), re.S)),
    ("unfinished", lambda text: None),
    ("raised", lambda text: text.answer),
    ("unknown", lambda text: "42"),
]


def kit(answer: str, numbers: list[int], target: int) -> bool:
    return solves(answer, numbers=numbers, target=target, allowed="+-*/")


def digits(answer: str) -> list[int]:
    return sorted(int(n) for n in re.findall(r"\d+", answer))


def evaluated(answer: str, numbers: list[int], target: int) -> bool:
    return digits(answer) == sorted(numbers) and eval(answer) == target


def tinyzero_like(answer: str, numbers: list[int], target: int) -> bool:
    try:
        if digits(answer) != sorted(numbers) or not re.match(r"^[\d+\-*/().\s]+$", answer):
            return False
        return abs(eval(answer, {"__builtins__": None}, {}) - target) < 1e-5
    except Exception:
        return False


def walker(
    leaf: Callable[[Any], bool] = lambda v: type(v) is int,
    convert: Callable[[int], Any] = Fraction,
    used_right: Callable[[list[int], list[int]], bool] = lambda u, n: sorted(u) == sorted(n),
    errors: tuple[type[Exception], ...] = (Exception,),
    limit: int = 250,
    extra: dict[type, Callable[[Any, Any], Any]] | None = None,
    final: Callable[[Any], Any] = lambda v: v,
) -> Callable[..., bool]:
    operators: dict[type, Callable[[Any, Any], Any]] = {
        ast.Add: lambda a, b: a + b,
        ast.Sub: lambda a, b: a - b,
        ast.Mult: lambda a, b: a * b,
        ast.Div: lambda a, b: a / b,
        **(extra or {}),
    }

    def verify(answer: str, numbers: list[int], target: int) -> bool:
        seen: list[int] = []

        def walk(node: ast.AST) -> Any:
            match node:
                case ast.Constant(value=v) if leaf(v):
                    seen.append(v)  # type: ignore[arg-type]
                    return convert(v)  # type: ignore[arg-type]
                case ast.BinOp(left=left, op=op, right=right) if type(op) in operators:
                    return operators[type(op)](walk(left), walk(right))
            raise ValueError(node)

        if len(answer) > limit:
            return False
        try:
            value = walk(ast.parse(answer, mode="eval").body)
        except errors:
            return False
        return used_right(seen, numbers) and final(value) == target

    return verify


def nothing_doubled(answer: str, numbers: list[int], target: int) -> bool:
    return "//" not in answer and tinyzero_like(answer.replace("**", "?"), numbers, target)


def literally(answer: str, numbers: list[int], target: int) -> bool:
    try:
        value = ast.literal_eval(answer)
    except (ValueError, SyntaxError, RecursionError):
        return False
    return value == target


def without_body(answer: str, numbers: list[int], target: int) -> bool:
    def walk(node: Any) -> Fraction:
        if isinstance(node, ast.Constant):
            return Fraction(node.value)
        raise ValueError

    try:
        return walk(ast.parse(answer, mode="eval")) == target
    except Exception:
        return False


VERIFIERS: list[Attempt] = [
    (None, kit),
    (None, walker()),
    (None, lambda *args: int(kit(*args))),
    ("numbers_ignored", walker(used_right=lambda u, n: True)),
    ("numbers_as_a_set", walker(used_right=lambda u, n: set(u) == set(n))),
    ("numbers_half_compared", walker(used_right=lambda u, n: len(u) == len(n))),
    ("numbers_half_compared", walker(used_right=lambda u, n: sum(u) == sum(n))),
    (
        "numbers_half_compared",
        walker(used_right=lambda u, n: set(u) == set(n) and len(u) == len(n)),
    ),
    (
        "numbers_half_compared",
        walker(used_right=lambda u, n: len(u) == len(n) and all(x in n for x in u)),
    ),
    ("value_ignored", lambda a, n, t: any(walker()(a, n, v) for v in (t, 25, Fraction(7, 2)))),
    ("order_of_numbers", walker(used_right=lambda u, n: u == n)),
    ("rounded", walker(final=int)),
    ("rounded", walker(extra={ast.Div: lambda a, b: a // b})),
    ("floats", walker(convert=float)),
    ("floats", walker(convert=int)),
    ("runs_the_answer", evaluated),
    ("letters_forbidden_then_run", tinyzero_like),
    (
        "letters_forbidden_then_run",
        lambda a, n, t: bool(re.fullmatch(r"[0-9+*/() -]*", a)) and evaluated(a, n, t),
    ),
    ("too_many_operators", walker(extra={ast.Pow: lambda a, b: a**b})),
    ("too_many_operators", walker(extra={ast.FloorDiv: lambda a, b: a // b})),
    ("true_is_one", walker(leaf=lambda v: isinstance(v, int))),
    ("bad_syntax_raises", walker(errors=(ValueError, ZeroDivisionError))),
    ("division_by_zero_raises", walker(errors=(ValueError, SyntaxError))),
    ("no_limit", walker(errors=(ValueError, SyntaxError, ZeroDivisionError), limit=10**9)),
    ("unfinished", lambda a, n, t: None),
    ("tolerance", walker(convert=float, final=lambda v: round(v, 6))),
    ("tolerance", walker(final=lambda v: round(v, 8))),
    ("tolerance", walker(leaf=lambda v: isinstance(v, int), final=lambda v: round(v + 0.0, 9))),
    ("tolerance", nothing_doubled),
    ("literals_only", literally),
    ("literals_only", lambda a, n, t: ast.literal_eval(a) == t),
    ("never_true", lambda a, n, t: False),
    ("never_true", without_body),
    ("unknown", lambda a, n, t: 1 / 0),
]


def pattern(text: str, flags: int = re.S, how: Any = re.fullmatch) -> Callable[[str], float]:
    return lambda completion: float(how(text, completion, flags) is not None)


THINK, ANSWER = "<think>.*?</think>", "<answer>.*?</answer>"
KIT_FORM = lambda text: format_reward([], [text])[0]  # noqa: E731

FORMATS: list[Attempt] = [
    (None, KIT_FORM),
    (None, lambda text: parse(text).well_formed),
    ("tags_anywhere", lambda text: float("<think>" in text and "</answer>" in text)),
    ("tags_anywhere", lambda text: float(text.count("<think>") == text.count("<answer>") == 1)),
    ("not_anchored", pattern(rf"{THINK}\s*{ANSWER}", how=re.search)),
    ("not_anchored", pattern(rf"\s*{THINK}\s*{ANSWER}", how=re.match)),
    ("text_between", pattern(rf"\s*{THINK}.*{ANSWER}\s*")),
    ("one_line_only", lambda text: pattern(rf"{THINK}\s*{ANSWER}", flags=0)(text.strip())),
    ("blanks_refused", pattern(rf"{THINK}\s*{ANSWER}")),
    ("tags_inside", lambda text: pattern(rf"{THINK}\s*{ANSWER}")(text.strip())),
    (
        "empty_thought",
        lambda text: float(KIT_FORM(text.replace("<think>", "<think> x"))),
    ),
    (
        "empty_answer",
        lambda text: float(
            parse(text).well_formed
            or (parse(text).answer == "" and bool(parse(text).think) and text.count("<") == 4)
        ),
    ),
    (
        "tag_in_the_thought",
        lambda text: float(
            (
                m := re.fullmatch(
                    r"<think>(.+?)</think>\s*<answer>(.+?)</answer>", text.strip(), re.S
                )
            )
            is not None
            and "<" not in m[2]
            and all(part.strip() for part in m.groups())
        ),
    ),
    (
        "refuses_the_form",
        lambda text: pattern(r"<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>")(text.strip()),
    ),
    ("refuses_the_form", lambda text: pattern(rf"{THINK}{ANSWER}")(text)),
    ("unfinished", lambda text: None),
    ("raised", lambda text: "yes"),
    ("unknown", lambda text: 0.5),
]

ATTEMPTS = {
    check.extract_answer: ANSWERS,
    check.verifier: VERIFIERS,
    check.format_reward: FORMATS,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])


def test_attacks_are_judged() -> None:
    assert set(check.attacked(kit)) == {"right"}
    verdicts = dict(zip([a.name for a in check.ATTACKS], check.attacked(evaluated), strict=True))
    assert verdicts["a call"] == verdicts["a power"] == verdicts["an exact fraction"] == "wrong"
    assert verdicts["not closed"] == verdicts["a division by zero"] == "raised"
    assert verdicts["a right answer"] == "right"


def test_no_attack_could_hang_a_verifier_that_runs_it() -> None:
    for attack in check.ATTACKS:
        assert "**" not in attack.answer or attack.answer == "2 ** 3"
        assert not set(re.findall(r"[a-z]+", attack.answer)) - {"sum", "rue"}
