"""The mistakes that the exercise `extract_answer` of lesson 02 recognises."""

import re
from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson02.extract_answer_exercise import extract_answer, my_answer


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


@extract_answer.mistake(
    "Of two answers you took the first. A policy that is judged by its first answer learns to "
    "answer before thinking; if a completion changes its answer, the last one counts."
)
def first_answer() -> WrongAnswers:
    yield _extract(choose=_first)
    yield _extract(spoken=_everything, choose=_first)


@extract_answer.mistake(
    "Between the first <answer> and the last </answer> you took everything, including the text "
    "between two answers. `.*` matches as much as it can; with a question mark, `.*?`, it matches "
    "as little as it can."
)
def greedy() -> WrongAnswers:
    yield _extract(pattern=r"(?s)<answer>(.*)</answer>")
    yield _extract(spoken=_everything, pattern=r"(?s)<answer>(.*)</answer>")
    yield _extract(pattern=r"<answer>(.*)</answer>")
    yield _extract(spoken=_everything, pattern=r"<answer>(.*)</answer>")


@extract_answer.mistake(
    "An answer on several lines was not found: a dot stands for any character except a line "
    "break. Models like line breaks. There is a flag for it."
)
def one_line_only() -> WrongAnswers:
    yield _extract(pattern=r"<answer>(.*?)</answer>")
    yield _extract(pattern=r"<answer>(.*?)</answer>", nothing="")
    yield _extract(spoken=_everything, pattern=r"<answer>(.*?)</answer>")


@extract_answer.mistake(
    "You found an answer inside the thought. Models quote the prompt while they think, including "
    "its tags. Remove everything between <think> and </think> before you look."
)
def answer_in_a_thought() -> WrongAnswers:
    yield _extract(spoken=_everything)


@extract_answer.mistake(
    "Right, but for a thought that never ends: everything after a <think> without a </think> is "
    "thinking, however much it looks like an answer."
)
def open_thought() -> WrongAnswers:
    yield _extract(spoken=lambda text: text.split("</think>")[-1])


@extract_answer.mistake(
    "You took an answer that was cut off. Half an answer is a guess at what would have come; only "
    "a closed one counts."
)
def cut_off_answer() -> WrongAnswers:
    yield _after_last_tag


@extract_answer.mistake(
    "The answer is right, but still has whitespace around it. Strip it, or comparing answers will "
    "surprise you."
)
def not_stripped() -> WrongAnswers:
    yield _extract(tidy=str)
    yield _extract(spoken=_everything, tidy=str)


@extract_answer.mistake(
    "For a text without the agreed form your function raises, and one such completion would end "
    "the training. A missing answer, or a thought that never ends, is an ordinary outcome: None."
)
def raises_without_answer() -> WrongAnswers:
    yield _group_of_nothing
    yield _second_piece
    yield lambda text: re.findall(r"(?s)<answer>(.*?)</answer>", _spoken(text))[-1].strip()


@extract_answer.mistake(
    "An answer without a thought was not found. Whether there has to be a thought is a question "
    "of form, which the format reward checks; this function only finds the answer."
)
def thought_required() -> WrongAnswers:
    yield (
        lambda text: (
            _extract(spoken=lambda t: t.split("</think>")[-1])(text) if "</think>" in text else None
        )
    )
    yield _extract(pattern=r"(?s)</think>\s*<answer>(.*?)</answer>", spoken=_everything)


@extract_answer.mistake(
    "Where there is no answer you return an empty string. No answer and an empty answer are "
    "different things: return None."
)
def empty_for_none() -> WrongAnswers:
    yield _extract(nothing="")


@extract_answer.mistake(
    "Right, except for an answer with some text after it. It is still a complete answer; whether "
    "text may follow it is a question of form."
)
def nothing_may_follow() -> WrongAnswers:
    yield lambda text: my_answer(text) if text.rstrip().endswith("</answer>") else None
    yield lambda text: my_answer(text) if re.search(r"</answer>\s*$", text) else None


@extract_answer.mistake(
    "You returned the answer with its tags. The parentheses in a pattern say what to capture: put "
    "them around the text between the tags."
)
def tags_kept() -> WrongAnswers:
    yield _extract(pattern=r"(?s)(<answer>.*?</answer>)")
    yield _extract(pattern=r"(?s)(<answer>.*?</answer>)", spoken=_everything)


@extract_answer.mistake("You also removed the spaces *inside* the answer. Strip only its two ends.")
def blanks_inside() -> WrongAnswers:
    yield _extract(tidy=lambda text: "".join(text.split()))


@extract_answer.mistake("You returned the whole list of matches. Return one answer.")
def a_list() -> WrongAnswers:
    yield lambda text: re.findall(r"(?s)<answer>(.*?)</answer>", _spoken(text))
    yield lambda text: re.findall(r"(?s)<answer>(.*?)</answer>", text)
    yield lambda text: re.findall(r"<answer>(.*?)</answer>", text)
    yield lambda text: [
        found.strip() for found in re.findall(r"(?s)<answer>(.*?)</answer>", _spoken(text))
    ]
