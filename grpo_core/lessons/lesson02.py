"""Lesson 02, rewards by rule: its checks, its mistakes, its quiz."""

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from grpo_core.lessons.exercise import Case, Exercise, Mistake, Unfinished, returned
from grpo_core.lessons.quiz import Option, Question, Quiz


def _or_error(function: Callable[..., Any], *inputs: Any) -> Any:
    """What a function gives, or what it raises, as a text: here that is an outcome too."""
    try:
        return function(*inputs)
    except (NotImplementedError, Unfinished):
        raise
    except Exception as error:  # whatever a learner's code may raise
        return f"raised {type(error).__name__}"


# --- exercise 1: the answer that counts -----------------------------------------------------------


def my_answer(completion: str) -> str | None:
    """The last complete answer outside thinking; None without one."""
    spoken = completion.split("</think>")[-1].split("<think>")[0]
    pattern = r"<answer>(.*?)</answer>"
    found = re.findall(pattern, spoken, re.DOTALL)
    return found[-1].strip() if found else None


def _spoken(completion: str) -> str:
    return completion.split("</think>")[-1].split("<think>")[0]


def _extract(
    spoken: Callable[[str], str] = _spoken,
    pattern: str = r"(?s)<answer>(.*?)</answer>",
    choose: Callable[[list[str]], str] = lambda found: found[-1],
    tidy: Callable[[str], str] = str.strip,
    nothing: str | None = None,
) -> Callable[[str], str | None]:
    """A reader that is right but for the part that is passed in."""

    def answer(completion: str) -> str | None:
        found = re.findall(pattern, spoken(completion))
        return tidy(choose(found)) if found else nothing

    return answer


def _everything(completion: str) -> str:
    return completion


def _first(found: list[str]) -> str:
    return found[0]


def _after_last_tag(completion: str) -> str | None:
    """The end of the answer is not asked for."""
    parts = _spoken(completion).split("<answer>")
    return parts[-1].split("</answer>")[0].strip() if len(parts) > 1 else None


def _second_piece(completion: str) -> str | None:
    """What follows a thought, taken for granted."""
    found = re.findall(r"(?s)<answer>(.*?)</answer>", completion.split("</think>")[1])
    return found[-1].strip() if found else None


def _group_of_nothing(completion: str) -> str:
    """`re.search` gives None where nothing is found."""
    match = re.search(r"(?s).*<answer>(.*?)</answer>", _spoken(completion))
    return match.group(1).strip()  # type: ignore[union-attr]


_ANSWERS = {
    "a completion as agreed": "<think> 10 + 5 = 15 </think> <answer> ( 10 + 5 ) * 3 </answer>",
    "two answers, one after the other": (
        "<think> hm </think> <answer> 10 * 3 + 5 </answer> wait <answer> ( 10 + 5 ) * 3 </answer>"
    ),
    "a completion on several lines": "<think>\n10 + 5\n</think>\n<answer>\n3 +\n4\n</answer>",
    "an answer that is quoted while thinking": (
        "<think> I am to write <answer> 45 </answer> but how </think> I give up"
    ),
    "an answer that is cut off": "<think> 10 + 5 = 15 </think> <answer> ( 10 +",
    "a thought that never ends": "<think> try <answer> 45 </answer> no , try",
    "a completion without any tag": "45",
    "an answer without a thought": "<answer> ( 10 + 5 ) * 3 </answer>",
    "an answer with a text behind it": "<think> hm </think> <answer> 45 </answer> . I hope so",
}


def _read(text: str, first: bool) -> Callable[[Callable[..., Any]], Any]:
    # An answer of None is right for some; for the first, it means that nothing is written yet.
    return lambda f: returned(f(text)) if first else _or_error(f, text)


extract_answer = Exercise(
    "02",
    "extract_answer",
    solution_function=my_answer,
    cases=[
        Case(f"For {name}", _read(text, first=i == 0))
        for i, (name, text) in enumerate(_ANSWERS.items())
    ],
    mistakes=[
        Mistake(
            "first_answer",
            "Of two answers you took the first. A policy that is judged by its first answer "
            "learns to blurt one out; whoever changes their mind has a last word, and it counts.",
            (_extract(choose=_first), _extract(spoken=_everything, choose=_first)),
        ),
        Mistake(
            "greedy",
            "Between the first <answer> and the last </answer> you took everything, the text "
            "between two answers included. `.*` takes as much as it can; with a question mark "
            "it takes as little.",
            (
                _extract(pattern=r"(?s)<answer>(.*)</answer>"),
                _extract(spoken=_everything, pattern=r"(?s)<answer>(.*)</answer>"),
                _extract(pattern=r"<answer>(.*)</answer>"),
                _extract(spoken=_everything, pattern=r"<answer>(.*)</answer>"),
            ),
        ),
        Mistake(
            "one_line_only",
            "An answer on several lines was not found: a dot stands for any character except a "
            "line break. Models like line breaks. There is a flag for it.",
            (
                _extract(pattern=r"<answer>(.*?)</answer>"),
                _extract(pattern=r"<answer>(.*?)</answer>", nothing=""),
                _extract(spoken=_everything, pattern=r"<answer>(.*?)</answer>"),
            ),
        ),
        Mistake(
            "answer_in_a_thought",
            "You found an answer that the completion only thought of. Models quote the prompt "
            "while they think, tags and all. What stands between <think> and </think> is to be "
            "left out before you look.",
            (_extract(spoken=_everything),),
        ),
        Mistake(
            "open_thought",
            "Right, but for a thought that never ends: everything after a <think> without a "
            "</think> is thinking, however much it looks like an answer.",
            (_extract(spoken=lambda text: text.split("</think>")[-1]),),
        ),
        Mistake(
            "cut_off_answer",
            "You took an answer that was cut off. Half an answer is a guess at what would have "
            "come; only a closed one counts.",
            (_after_last_tag,),
        ),
        Mistake(
            "not_stripped",
            "The answer is right, with the blanks around it. Take them off, or comparing answers "
            "will surprise you.",
            (_extract(tidy=str), _extract(spoken=_everything, tidy=str)),
        ),
        Mistake(
            "raises_without_answer",
            "For a text that is not as agreed your function raises, and one odd completion would "
            "end the training. A missing answer, or a thought that never ends, is an ordinary "
            "outcome: None.",
            (
                _group_of_nothing,
                _second_piece,
                lambda text: re.findall(r"(?s)<answer>(.*?)</answer>", _spoken(text))[-1].strip(),
            ),
        ),
        Mistake(
            "thought_required",
            "An answer without a thought was not found. Whether there has to be a thought is a "
            "question of form, and the format reward asks it; this is about the answer.",
            (
                lambda text: (
                    _extract(spoken=lambda t: t.split("</think>")[-1])(text)
                    if "</think>" in text
                    else None
                ),
                _extract(pattern=r"(?s)</think>\s*<answer>(.*?)</answer>", spoken=_everything),
            ),
        ),
        Mistake(
            "empty_for_none",
            "Where there is no answer you give an empty text. Nothing and an empty answer are "
            "two things: give None.",
            (_extract(nothing=""),),
        ),
        Mistake(
            "nothing_may_follow",
            "Right, except for an answer with some text behind it. It is a complete answer all the "
            "same; whether something may follow it is a question of form.",
            (
                lambda text: my_answer(text) if text.rstrip().endswith("</answer>") else None,
                lambda text: my_answer(text) if re.search(r"</answer>\s*$", text) else None,
            ),
        ),
        Mistake(
            "tags_kept",
            "You gave the answer with its tags. The parentheses in a pattern say what is to be "
            "caught: put them around what stands between the tags.",
            (
                _extract(pattern=r"(?s)(<answer>.*?</answer>)"),
                _extract(pattern=r"(?s)(<answer>.*?</answer>)", spoken=_everything),
            ),
        ),
        Mistake(
            "blanks_inside",
            "You took the blanks *inside* the answer away as well. Only those at its two ends "
            "are no part of it.",
            (_extract(tidy=lambda text: "".join(text.split())),),
        ),
        Mistake(
            "a_list",
            "You gave the whole list of what was found. One answer counts.",
            (
                lambda text: re.findall(r"(?s)<answer>(.*?)</answer>", _spoken(text)),
                lambda text: re.findall(r"(?s)<answer>(.*?)</answer>", text),
                lambda text: re.findall(r"<answer>(.*?)</answer>", text),
                lambda text: [
                    found.strip()
                    for found in re.findall(r"(?s)<answer>(.*?)</answer>", _spoken(text))
                ],
            ),
        ),
    ],
    hints=[
        "Two steps: first cut away the thinking, then look for answers in what is left. Print what "
        "is left for each of the six completions above.",
        "`text.split(tag)` cuts at every tag; its last piece is what comes after the last one.",
        "`re.findall` gives a list of what the parentheses caught. It may be empty, and if it is "
        "not, you want its last entry.",
    ],
    well_done="your reader finds the last complete answer outside thinking, and nothing else.",
)


# --- exercise 2: the verifier ---------------------------------------------------------------------

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

Verifier = Callable[[str, list[int], int], bool]


def my_verifier(answer: str, numbers: list[int], target: int) -> bool:
    """Whether `answer` combines exactly `numbers` into `target`."""
    used = []

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            used.append(node.value)
            return Fraction(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            left, right = value(node.left), value(node.right)
            return OPERATORS[type(node.op)](left, right)
        raise ValueError("more than arithmetic")

    if len(answer) > 200:
        return False
    try:
        result = value(ast.parse(answer.strip(), mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return False
    return sorted(used) == sorted(numbers) and result == target


@dataclass(frozen=True)
class Attack:
    """An answer, the problem it is for, and whether it is right. All are harmless to run."""

    name: str
    answer: str
    numbers: tuple[int, ...]
    target: int
    right: bool


ATTACKS = (
    Attack("a right answer", "( 10 + 5 ) * 3", (3, 5, 10), 45, True),
    Attack("a right one, other order", "3 * (5 + 10)", (3, 5, 10), 45, True),
    Attack("a wrong value", "10 + 5 * 3", (3, 5, 10), 45, False),
    Attack("the target itself", "45", (3, 5, 10), 45, False),
    Attack("a number used twice", "( 10 + 5 ) * 3 + 5 - 5", (3, 5, 10), 45, False),
    Attack("other numbers, as many", "15 * 3 + 0", (3, 5, 10), 45, False),
    Attack("the wrong one twice", "2 * 3 * 3", (2, 2, 3), 18, False),
    Attack("rounding down", "7 / 2", (7, 2), 3, False),
    Attack("an exact fraction", "1 / 49 * 49", (1, 49, 49), 1, True),
    Attack("very nearly the target", "1 / 3000000000", (1, 3000000000), 0, False),
    Attack("a call", "sum([10, 5]) * 3", (3, 5, 10), 45, False),
    Attack("a power", "2 ** 3", (2, 3), 8, False),
    Attack("floor division", "7 // 2", (7, 2), 3, False),
    Attack("a decimal point", "1.5 * 2", (1, 5, 2), 3, False),
    Attack("True for 1", "True + 2", (1, 2), 3, False),
    Attack("not closed", "( 10 + 5 * 3", (3, 5, 10), 45, False),
    Attack("a division by zero", "3 / ( 5 - 5 )", (3, 5, 5), 1, False),
    Attack("a very long answer", "+".join(["1"] * 3000), (1,) * 3000, 1, False),
)


def attacked(verifier: Verifier) -> list[str]:
    """What a verifier makes of each attack: "right", "wrong" or "raised"."""
    verdicts = []
    for attack in ATTACKS:
        said = _or_error(verifier, attack.answer, list(attack.numbers), attack.target)
        if isinstance(said, str):
            verdicts.append("raised")
        else:
            verdicts.append("right" if bool(said) == attack.right else "wrong")
    return verdicts


def _try(attack: Attack, first: bool) -> Callable[[Callable[..., Any]], Any]:
    def run(f: Callable[..., Any]) -> Any:
        said = _or_error(f, attack.answer, list(attack.numbers), attack.target)
        said = returned(said) if first else said
        return said if isinstance(said, str) else bool(said)

    return run


def _verifier(
    number: Callable[[ast.Constant], bool] = lambda node: type(node.value) is int,
    apply: Callable[[ast.operator, Any, Any], Any] = lambda op, a, b: OPERATORS[type(op)](a, b),
    kind: Callable[[Any], Any] = Fraction,
    fits: Callable[[list[int], list[int]], bool] = lambda used, given: sorted(used) == given,
    equal: Callable[[Any, int], bool] = lambda result, target: bool(result == target),
    caught: tuple[type[Exception], ...] = (Exception,),
    longest: float = 200,
) -> Verifier:
    """A verifier that is right but for the part that is passed in."""

    def verify(answer: str, numbers: list[int], target: int) -> bool:
        used: list[int] = []

        def value(node: ast.expr) -> Any:
            if isinstance(node, ast.Constant) and number(node):
                used.append(node.value)  # type: ignore[arg-type]
                return kind(node.value)
            if isinstance(node, ast.BinOp):
                return apply(node.op, value(node.left), value(node.right))
            raise ValueError

        if len(answer) > longest:
            return False
        try:
            result = value(ast.parse(answer.strip(), mode="eval").body)
        except caught:
            return False
        return fits(used, sorted(numbers)) and equal(result, target)

    return verify


def _literals(answer: str, numbers: list[int], target: int) -> bool:
    try:
        return bool(ast.literal_eval(answer) == target)
    except Exception:
        return False


def _evaluated(
    allowed: str = "", safe: bool = False, tolerance: float = 0.0, doubled: bool = True
) -> Verifier:
    """A verifier that runs the answer. It is only ever given the attacks above.

    Args:
        allowed: characters, as in a pattern; all where empty.
        safe: say no where the answer raises.
        tolerance: how near is near enough.
        doubled: let ** and // through.
    """

    def verify(answer: str, numbers: list[int], target: int) -> bool:
        if allowed and not re.fullmatch(f"[{allowed}]+", answer):
            return False
        if not doubled and ("**" in answer or "//" in answer):
            return False
        if sorted(map(int, re.findall(r"\d+", answer))) != sorted(numbers):
            return False
        try:
            return bool(abs(eval(answer) - target) <= tolerance)
        except Exception:
            if safe:
                return False
            raise

    return verify


_Extra = dict[type[ast.operator], Callable[[Any, Any], Any]]
_POWER: _Extra = {ast.Pow: operator.pow}
_FLOOR: _Extra = {ast.FloorDiv: operator.floordiv}


def _with(extra: _Extra) -> Verifier:
    """A verifier that knows more operators than the task."""
    return _verifier(apply=lambda op, a, b: (OPERATORS | extra)[type(op)](a, b))


verifier = Exercise(
    "02",
    "verifier",
    solution_function=my_verifier,
    cases=[
        Case(f"For {attack.name}, {attack.answer[:24]!r}", _try(attack, first=i == 0))
        for i, attack in enumerate(ATTACKS)
    ],
    mistakes=[
        Mistake(
            "numbers_ignored",
            "The target itself was accepted as an answer: you compare values and do not look at "
            "the numbers. A policy finds that out within one step.",
            (
                _verifier(fits=lambda used, given: True),
                _verifier(fits=lambda used, given: set(used) <= {*given, 45}),
            ),
        ),
        Mistake(
            "numbers_as_a_set",
            "A number that was used twice passed: sets forget how often. Every given number is to "
            "be used exactly once, so compare sorted lists, or counts.",
            (
                _verifier(fits=lambda used, given: set(used) == set(given)),
                _verifier(fits=lambda used, given: all(number in used for number in given)),
            ),
        ),
        Mistake(
            "numbers_half_compared",
            "Other numbers than the given ones passed: as many of them, or of the same sum, or "
            "the same ones with another one repeated. How many there are and what they sum to "
            "does not say which they are. Compare sorted lists, or counts.",
            (
                _verifier(fits=lambda used, given: len(used) == len(given)),
                _verifier(fits=lambda used, given: sum(used) == sum(given)),
                _verifier(
                    fits=lambda used, given: len(used) == len(given) and set(used) == set(given)
                ),
                _verifier(
                    fits=lambda used, given: len(used) == len(given) and set(used) <= set(given)
                ),
            ),
        ),
        Mistake(
            "value_ignored",
            "Any value passes in yours, if only the numbers are right. The value has to equal the "
            "target.",
            (_verifier(equal=lambda result, target: True),),
        ),
        Mistake(
            "order_of_numbers",
            "A right answer was refused because its numbers stand in another order than they were "
            "given in. Any order will do: sort both sides, or count.",
            (
                _verifier(fits=lambda used, given: used == given),
                _verifier(fits=lambda used, given: used == sorted(given, reverse=True)),
            ),
        ),
        Mistake(
            "rounded",
            "7 / 2 passed for 3: somewhere a fraction is cut to a whole number. The value has to "
            "equal the target exactly.",
            (
                _verifier(equal=lambda result, target: int(result) == target),
                _verifier(
                    apply=lambda op, a, b: {**OPERATORS, ast.Div: operator.floordiv}[type(op)](a, b)
                ),
            ),
        ),
        Mistake(
            "floats",
            "A right answer was refused: as floats, 1 / 49 * 49 is 0.9999999999999999. With "
            "fractions it is 1.",
            (_verifier(kind=float), _verifier(kind=int)),
        ),
        Mistake(
            "tolerance",
            "Very nearly was enough in yours: 1 / 3000000000 passed for 0. With fractions nothing "
            "is lost on the way, so `==` is all you need.",
            (
                _verifier(kind=float, equal=lambda result, target: abs(result - target) < 1e-6),
                _verifier(equal=lambda result, target: abs(result - target) < 1e-6),
                _verifier(
                    kind=float,
                    number=lambda node: isinstance(node.value, int),
                    equal=lambda result, target: abs(result - target) < 1e-9,
                ),
                _evaluated(allowed=r"\d+\-*/() ", safe=True, tolerance=1e-6, doubled=False),
            ),
        ),
        Mistake(
            "never_true",
            "Every answer is refused by yours, right ones too. Something raises on each of them, "
            "and is caught: print what your `except` catches. (`ast.parse` gives an "
            "`ast.Expression`; the tree of the sum is its `.body`.)",
            (lambda answer, numbers, target: False,),
        ),
        Mistake(
            "literals_only",
            "A right answer was refused. `ast.literal_eval` is safe because it reads values that "
            "are written out, numbers and lists of them, and no sums. `ast.parse` reads sums too, "
            "and still runs nothing.",
            (
                _literals,
                lambda answer, numbers, target: ast.literal_eval(answer) == target,
            ),
        ),
        Mistake(
            "runs_the_answer",
            "A function call inside the answer was executed. This one was harmless; the next may "
            "read your files or never return. `eval` runs whatever it is given, with or without "
            "builtins: there are ways around every lock. Read the answer with `ast.parse`.",
            (
                _evaluated(),
                _evaluated(safe=True),
                lambda answer, numbers, target: (
                    sorted(map(int, re.findall(r"\d+", answer))) == sorted(numbers)
                    and abs(eval(answer) - target) < 1e-6
                ),
            ),
        ),
        Mistake(
            "letters_forbidden_then_run",
            "Only digits and operators reach `eval`, and still it is too much: ** and // are made "
            "of allowed characters, and 9**9**9 would never come back. List what is allowed in "
            "the tree, and not in the text.",
            (
                _evaluated(allowed=r"\d+\-*/(). "),
                _evaluated(allowed=r"\d+\-*/(). ", safe=True),
                _evaluated(allowed=r"\d+\-*/() "),
                _evaluated(allowed=r"\d+\-*/() ", safe=True),
                lambda answer, numbers, target: (
                    bool(re.fullmatch(r"[\d+\-*/(). ]+", answer))
                    and sorted(map(int, re.findall(r"\d+", answer))) == sorted(numbers)
                    and abs(eval(answer) - target) < 1e-6
                ),
            ),
        ),
        Mistake(
            "too_many_operators",
            "A power or a floor division passed. They are no operators of the task, and 9**9**9 "
            "has 370 million digits. Know four operators, and refuse the rest.",
            (_with(_POWER | _FLOOR), _with(_POWER), _with(_FLOOR)),
        ),
        Mistake(
            "true_is_one",
            "The word True passed for the number 1. In Python True is an int; ask for the exact "
            "type, and not by isinstance.",
            (_verifier(number=lambda node: isinstance(node.value, int)),),
        ),
        Mistake(
            "bad_syntax_raises",
            "An answer with a parenthesis left open made your verifier raise. A model's text is "
            "often no expression at all; that is an ordinary wrong answer.",
            (
                _verifier(caught=(ZeroDivisionError,)),
                _verifier(caught=(ValueError,)),
                _verifier(caught=(ValueError, KeyError)),
                _verifier(caught=(ValueError, KeyError, ZeroDivisionError)),
            ),
        ),
        Mistake(
            "division_by_zero_raises",
            "A division by zero made your verifier raise. It is a wrong answer like others.",
            (
                _verifier(caught=(ValueError, SyntaxError)),
                _verifier(caught=(ValueError, SyntaxError, KeyError)),
            ),
        ),
        Mistake(
            "no_limit",
            "Right, but for an answer of 6,000 characters: walking over its tree goes too deep, "
            "and Python gives up. Nobody needs an answer that long; refuse it before you read it.",
            (
                _verifier(
                    caught=(ValueError, SyntaxError, ZeroDivisionError, KeyError),
                    longest=float("inf"),
                ),
            ),
        ),
    ],
    hints=[
        "Three questions, in this order: is it arithmetic at all, does it use the right numbers, "
        "does it come to the target? The first is the walk over the tree, and it can collect the "
        "numbers on its way.",
        "In the walk there are two kinds of node to know, `ast.Constant` and `ast.BinOp`; for "
        "everything else raise one kind of error, and catch it, with those that Python raises, in "
        "one place.",
        "Collect the numbers in a list that the inner function appends to. Compare it with the "
        "given ones regardless of order, but with repeats. Compute with Fraction from the leaves "
        "up.",
    ],
    well_done="your verifier withstands all eighteen attacks, and refuses no right answer.",
)


# --- exercise 3: the format reward ----------------------------------------------------------------


def my_format(completion: str) -> float:
    """1.0 for a completion in the agreed form, else 0.0."""
    pattern = r"<think>(.+?)</think>\s*<answer>(.+?)</answer>"
    match = re.fullmatch(pattern, completion.strip(), re.DOTALL)
    if match is None:
        return 0.0
    thought, answer = match.groups()
    tags = ("<think>", "</think>", "<answer>", "</answer>")
    tidy = not any(tag in thought + answer for tag in tags)
    return float(tidy and bool(thought.strip()) and bool(answer.strip()))


_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


def _format(
    pattern: str = r"(?s)<think>(.+?)</think>\s*<answer>(.+?)</answer>",
    find: Callable[[str, str], re.Match[str] | None] = re.fullmatch,
    strip: bool = True,
    tags_inside: bool = False,
    blank: bool = False,
) -> Callable[[str], float]:
    """A format reward that is right but for the part that is passed in."""

    def reward(completion: str) -> float:
        match = find(pattern, completion.strip() if strip else completion)
        if match is None:
            return 0.0
        inside = match.groups()
        tidy = tags_inside or not any(tag in text for tag in _TAGS for text in inside)
        return float(tidy and (blank or all(text.strip() for text in inside)))

    return reward


_FORMS = {
    "a completion as agreed": "<think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer>",
    "a bare answer": "2 + 1",
    "all tags in the wrong order": "<answer> 2 + 1 </answer> <think> 2 + 1 = 3 </think>",
    "a text after the answer": "<think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer> done",
    "a text before the thought": "well <think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer>",
    "a text between the two": "<think> 2 + 1 </think> so <answer> 2 + 1 </answer>",
    "a completion on several lines": "<think>\n2 + 1\n= 3\n</think>\n<answer>\n2 + 1\n</answer>",
    "blanks around it": "\n <think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer> \n",
    "two answers": "<think> 3 </think> <answer> 1 + 2 </answer> <answer> 2 + 1 </answer>",
    "an empty thought": "<think>  </think> <answer> 2 + 1 </answer>",
    "an empty answer": "<think> 2 + 1 = 3 </think> <answer>  </answer>",
    "a thought with a tag in it": "<think> 3 <think> 2 + 1 </think> <answer> 2 + 1 </answer>",
}


def _reward(text: str) -> Callable[[Callable[..., Any]], Any]:
    return lambda f: float(returned(f(text)))


def _contains(*tags: str) -> Callable[[str], float]:
    return lambda text: float(all(tag in text for tag in tags))


format_reward = Exercise(
    "02",
    "format_reward",
    solution_function=my_format,
    cases=[Case(f"For {name}", _reward(text)) for name, text in _FORMS.items()],
    mistakes=[
        Mistake(
            "tags_anywhere",
            "The tags may stand in any order in yours: a thought after the answer was paid. What "
            "is rewarded is what will be written, so ask for the order, too.",
            (_contains(*_TAGS), _contains("<think>", "<answer>"), _contains("</answer>")),
        ),
        Mistake(
            "not_anchored",
            "The pattern fits a part of the completion, and the rest may be anything. "
            "From its first character to its last the completion is to be in the agreed form.",
            (
                _format(find=re.search),
                _format(find=re.match),
                _format(find=re.search, tags_inside=True, blank=True),
                _format(find=re.match, tags_inside=True, blank=True),
                _format(pattern=r"<think>(.+?)</think>\s*<answer>(.+?)</answer>", find=re.search),
                _format(
                    pattern=r"<think>(.*?)</think>\s*<answer>(.*?)</answer>",
                    find=re.match,
                    tags_inside=True,
                    blank=True,
                ),
            ),
        ),
        Mistake(
            "text_between",
            "Something stood between the thought and the answer, and was let through. Only blanks "
            "may be there.",
            (
                _format(pattern=r"(?s)<think>(.+?)</think>.*<answer>(.+?)</answer>"),
                _format(
                    pattern=r"(?s)<think>(.+?)</think>.*<answer>(.+?)</answer>",
                    tags_inside=True,
                    blank=True,
                ),
                lambda text: float(
                    bool(re.fullmatch(r"(?s)\s*<think>.*</think>.*<answer>.*</answer>\s*", text))
                ),
            ),
        ),
        Mistake(
            "one_line_only",
            "A completion on several lines was refused: a dot stands for any character except a "
            "line break. A policy would learn to avoid line breaks.",
            (
                _format(pattern=r"<think>(.+?)</think>\s*<answer>(.+?)</answer>"),
                _format(
                    pattern=r"<think>(.*?)</think>\s*<answer>(.*?)</answer>",
                    tags_inside=True,
                    blank=True,
                ),
            ),
        ),
        Mistake(
            "blanks_refused",
            "Blanks or line breaks around the whole were refused. They do no harm, and some "
            "models begin every completion with one.",
            (_format(strip=False), _format(strip=False, tags_inside=True, blank=True)),
        ),
        Mistake(
            "tags_inside",
            "Two answers passed for one. Even a pattern that takes as little as it can goes on "
            "past a tag, if only that makes the whole fit. Look at what the parentheses caught.",
            (_format(tags_inside=True), _format(tags_inside=True, blank=True)),
        ),
        Mistake(
            "empty_thought",
            "A thought of nothing but blanks was paid. That is the cheapest way to keep the form, "
            "so it is the first that a policy finds.",
            (_format(blank=True),),
        ),
        Mistake(
            "empty_answer",
            "Right, except that an answer of nothing but blanks was paid. The thought must not be "
            "empty, and no more must the answer.",
            (
                lambda text: my_format(
                    re.sub(r"<answer>\s*</answer>", "<answer> ? </answer>", text)
                ),
            ),
        ),
        Mistake(
            "tag_in_the_thought",
            "Right, except for a thought with a tag of its own in it. Each of the four tags stands "
            "in the form once: look for them in the thought as well as in the answer.",
            (
                lambda text: my_format(re.sub(r"(?s)(?<=.)<think>(?=.*</think>)", "", text)),
                lambda text: my_format(
                    re.sub(
                        r"(?s)<think>(.+?)</think>(?=\s*<answer>)",
                        lambda m: "<think>" + re.sub(r"</?(think|answer)>", "", m[1]) + "</think>",
                        text,
                    )
                ),
            ),
        ),
        Mistake(
            "refuses_the_form",
            "The very completion of the agreed form is refused by yours. Between the two parts, "
            "and at both ends, blanks and line breaks may stand or not.",
            (
                lambda text: 0.0,
                _format(pattern=r"(?s)<think>(.+?)</think>\n<answer>(.+?)</answer>"),
                _format(pattern=r"(?s)<think>(.+?)</think><answer>(.+?)</answer>"),
                _format(pattern=r"(?s)<think>\n(.+?)\n</think>\n<answer>\n(.+?)\n</answer>"),
            ),
        ),
    ],
    hints=[
        "Write the form as one pattern with two pairs of parentheses, one for the thought and one "
        "for the answer, and `\\s*` between the two parts.",
        "Ask for it from end to end, with the flag that lets a dot be a line break, on a text "
        "without blanks around it.",
        "Then look at what the two parentheses caught: is one of them blank, is there a tag in "
        "one of them?",
    ],
    well_done="your reward pays for the agreed form, and for nothing that resembles it.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "02",
    Question(
        "last",
        "A completion reads: <think> maybe <answer> 7 </answer> </think> <answer> 8 </answer> "
        "<answer> 9. Which answer counts?",
        [
            Option("7", "It is part of a thought."),
            Option("9", "It is cut off: there is no </answer>."),
            Option("8", "The last complete one outside thinking.", right=True),
            Option("None, since the form is broken", "Form and answer are two rewards."),
        ],
    ),
    Question(
        "whitelist",
        "Why is it not enough to let only digits, + - * / ( ) and blanks through to eval?",
        [
            Option(
                "Letters can be written with digits.",
                "They cannot, not in an expression of Python.",
            ),
            Option(
                "** and // are made of those characters.",
                "Powers and floor division pass, and one power can take forever.",
                right=True,
            ),
            Option(
                "It is enough, if builtins are switched off as well.",
                "9**9**9 needs no builtins.",
            ),
        ],
    ),
    Question(
        "raises",
        "Your verifier raises ZeroDivisionError on 3 / (5 - 5). What is the right thing to do?",
        [
            Option(
                "Return False: it is a wrong answer.",
                "A verifier says yes or no to any text; a wrong answer is nothing unusual.",
                right=True,
            ),
            Option(
                "Let it raise, so that the completion is left out of the group.",
                "It would leave the whole run out: the exception ends the training.",
            ),
            Option(
                "Return 0.5, as the answer cannot be decided.",
                "It can: it is not the target. And half a point is an advantage of full size in a "
                "group that is all wrong.",
            ),
        ],
    ),
    Question(
        "weight",
        "You double both weights, to 2 for a right answer and 0.6 for the form. What changes for "
        "GRPO?",
        [
            Option(
                "It learns twice as fast.",
                "Advantages are divided by the group's standard deviation, and that doubles too.",
            ),
            Option(
                "The form becomes more important.",
                "Only the ratio of the weights can do that, and it stays 0.3.",
            ),
            Option(
                "Nothing, but for the small number beside the standard deviation.",
                "Advantages do not depend on the unit of the rewards.",
                right=True,
            ),
        ],
    ),
    Question(
        "search",
        "No reward mentions searching, and the run learns to search all the same. Why?",
        [
            Option(
                "The format reward asks for a thought, and a search is one.",
                "Any text between the tags satisfies it.",
            ),
            Option(
                "Completions that search are right more often, and so are pushed up.",
                "A reward for the result rewards whatever leads to it.",
                right=True,
            ),
            Option(
                "Longer completions have more tokens, hence a larger reward.",
                "A reward is one number a completion, whatever its length.",
            ),
        ],
    ),
)
