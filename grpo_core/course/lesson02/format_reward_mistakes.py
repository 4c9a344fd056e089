"""The mistakes that the exercise `format_reward` of lesson 02 recognises."""

import re
from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson02.format_reward_exercise import format_reward, my_format

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


def _contains(*tags: str) -> Callable[[str], float]:
    return lambda text: float(all(tag in text for tag in tags))


@format_reward.mistake(
    "Your function accepts the tags in any order: it rewarded a thought after the answer. The "
    "policy will write whatever is rewarded, so check the order too."
)
def tags_anywhere() -> WrongAnswers:
    yield _contains(*_TAGS)
    yield _contains("<think>", "<answer>")
    yield _contains("</answer>")


@format_reward.mistake(
    "Your pattern matches a part of the completion, and the rest may be anything. The whole "
    "completion must have the agreed form, from its first character to its last."
)
def not_anchored() -> WrongAnswers:
    yield _format(find=re.search)
    yield _format(find=re.match)
    yield _format(find=re.search, tags_inside=True, blank=True)
    yield _format(find=re.match, tags_inside=True, blank=True)
    yield _format(pattern=r"<think>(.+?)</think>\s*<answer>(.+?)</answer>", find=re.search)
    yield _format(
        pattern=r"<think>(.*?)</think>\s*<answer>(.*?)</answer>",
        find=re.match,
        tags_inside=True,
        blank=True,
    )


@format_reward.mistake(
    "You accepted a text between the thought and the answer. Only whitespace may be there."
)
def text_between() -> WrongAnswers:
    yield _format(pattern=r"(?s)<think>(.+?)</think>.*<answer>(.+?)</answer>")
    yield _format(
        pattern=r"(?s)<think>(.+?)</think>.*<answer>(.+?)</answer>",
        tags_inside=True,
        blank=True,
    )
    yield lambda text: float(
        bool(re.fullmatch(r"(?s)\s*<think>.*</think>.*<answer>.*</answer>\s*", text))
    )


@format_reward.mistake(
    "A completion on several lines was refused: a dot stands for any character except a line "
    "break. A policy would learn to avoid line breaks."
)
def one_line_only() -> WrongAnswers:
    yield _format(pattern=r"<think>(.+?)</think>\s*<answer>(.+?)</answer>")
    yield _format(
        pattern=r"<think>(.*?)</think>\s*<answer>(.*?)</answer>",
        tags_inside=True,
        blank=True,
    )


@format_reward.mistake(
    "You refused a completion with spaces or line breaks around it. They do no harm, and some "
    "models begin every completion with one."
)
def blanks_refused() -> WrongAnswers:
    yield _format(strip=False)
    yield _format(strip=False, tags_inside=True, blank=True)


@format_reward.mistake(
    "Two answers passed for one. Even a non-greedy pattern runs past a tag if that is the only "
    "way to match the whole text. Look at what the parentheses captured."
)
def tags_inside() -> WrongAnswers:
    yield _format(tags_inside=True)
    yield _format(tags_inside=True, blank=True)


@format_reward.mistake(
    "You rewarded a thought that is only whitespace. That is the cheapest way to keep the form, "
    "so it is the first one that a policy finds."
)
def empty_thought() -> WrongAnswers:
    yield _format(blank=True)


@format_reward.mistake(
    "Right, except that you rewarded an answer that is only whitespace. Neither the thought nor "
    "the answer may be empty."
)
def empty_answer() -> WrongAnswers:
    yield lambda text: my_format(re.sub(r"<answer>\s*</answer>", "<answer> ? </answer>", text))


@format_reward.mistake(
    "Right, except for a thought with a tag of its own in it. Each of the four tags appears once "
    "in the agreed form: look for tags in the thought as well as in the answer."
)
def tag_in_the_thought() -> WrongAnswers:
    yield lambda text: my_format(re.sub(r"(?s)(?<=.)<think>(?=.*</think>)", "", text))
    yield lambda text: my_format(
        re.sub(
            r"(?s)<think>(.+?)</think>(?=\s*<answer>)",
            lambda m: "<think>" + re.sub(r"</?(think|answer)>", "", m[1]) + "</think>",
            text,
        )
    )


@format_reward.mistake(
    "Your function refuses a completion of exactly the agreed form. Spaces and line breaks are "
    "optional between the two parts and at both ends."
)
def refuses_the_form() -> WrongAnswers:
    yield lambda text: 0.0
    yield _format(pattern=r"(?s)<think>(.+?)</think>\n<answer>(.+?)</answer>")
    yield _format(pattern=r"(?s)<think>(.+?)</think><answer>(.+?)</answer>")
    yield _format(pattern=r"(?s)<think>\n(.+?)\n</think>\n<answer>\n(.+?)\n</answer>")
