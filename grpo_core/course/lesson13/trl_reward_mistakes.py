"""The mistakes that the exercise `trl_reward` of lesson 13 recognises."""

import re
from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson13.trl_reward_exercise import my_reward, trl_reward
from grpo_core.rewards.format import completion_text, parse


def _reward(
    text: Callable[[Any], Any] = completion_text,
    judge: Callable[[Any, str], float] = lambda text, right: float(parse(text).answer == right),
    pairs: Callable[[list[Any], list[str]], list[Any]] = lambda c, s: list(zip(c, s, strict=True)),
    give: Callable[[list[float]], Any] = lambda rewards: rewards,
) -> Callable[..., Any]:
    """A reward function, right but for what is passed in."""

    def reward(completions: Any, solution: Any, **columns: Any) -> Any:
        return give([judge(text(c), right) for c, right in pairs(completions, solution)])

    return reward


def _without_columns(prompts: Any, completions: Any, solution: Any) -> Any:
    return my_reward(completions, solution)


def _completions_only(completions: Any, solution: Any) -> Any:
    return my_reward(completions, solution)


def _as_tensor(rewards: list[float]) -> Any:
    import torch

    return torch.tensor(rewards)


def _normalised(rewards: list[float]) -> list[float]:
    mean = sum(rewards) / len(rewards)
    return [reward - mean for reward in rewards]


def _found(text: str, flags: int, strip: bool = True, which: int = -1) -> str | None:
    """An answer by a regular expression, anywhere in the text."""
    found = re.findall(r"<answer>(.*?)</answer>", text, flags)
    if not found:
        return None
    return found[which].strip() if strip else found[which]


@trl_reward.mistake(
    "TRL called your function with more than it takes: besides prompts and completions it passes "
    "completion_ids, trainer_state and *every column* of the data set, by name. A function that "
    "uses two of them must accept the others."
)
def no_columns() -> WrongAnswers:
    yield _without_columns
    yield _completions_only


@trl_reward.mistake(
    "Plain texts are right. A chat model's completion is not a string but a list of messages, "
    "each a dict with role and content; the text is the last message's content."
)
def conversation() -> WrongAnswers:
    yield _reward(text=lambda c: c)
    yield _reward(text=lambda c: c if isinstance(c, str) else c["content"])


@trl_reward.mistake(
    "You took every completion for a message or a list of them. Here they are plain strings, as "
    "for a model without a chat template: your function must accept both."
)
def messages_only() -> WrongAnswers:
    yield _reward(text=lambda c: c[-1]["content"])


@trl_reward.mistake(
    "Your function asks for an argument that TRL does not pass. Columns are passed under their "
    "name in the data set, and this one is called `solution`."
)
def column_that_is_not_there() -> WrongAnswers:
    yield lambda completions, answer, **columns: my_reward(completions, answer)


@trl_reward.mistake("You reward any answer in tags. It must be the solution.")
def any_answer() -> WrongAnswers:
    yield _reward(judge=lambda text, right: float(parse(text).answer is not None))


@trl_reward.mistake(
    "Your list has entries only for the right ones. Every completion needs a reward, 0.0 for a "
    "wrong one."
)
def wrong_ones_left_out() -> WrongAnswers:
    yield _reward(give=lambda rewards: [reward for reward in rewards if reward])


@trl_reward.mistake(
    "You turned the list of messages into a string, with its brackets and quotes. A line break in "
    "it is now a backslash and an n, so an answer on a line of its own is no longer the same. "
    "Take the content of the message."
)
def conversation_as_text() -> WrongAnswers:
    yield _reward(text=str)


@trl_reward.mistake(
    "You looked for the solution anywhere in the text. 7 is in 17, in a thought, and in any text "
    "with enough numbers: a policy will find that out. Only the answer in the tags counts."
)
def contains() -> WrongAnswers:
    yield _reward(judge=lambda text, right: float(right in text))
    yield _reward(judge=lambda text, right: float(right in text.split()))
    yield _reward(judge=lambda text, right: float(right in (parse(text).answer or "")))


@trl_reward.mistake(
    "One of the completions has no answer in tags, and your function raised. That ends a training "
    "run. Without an answer the reward is 0."
)
def fails_without_an_answer() -> WrongAnswers:
    yield _reward(judge=lambda text, right: float(parse(text).answer.strip() == right))  # type: ignore[union-attr]
    yield _reward(judge=lambda text, right: float(int(parse(text).answer) == int(right)))  # type: ignore[arg-type]


@trl_reward.mistake(
    "You compared every completion with the *first* solution. A column has one entry for each "
    "completion, and completions of different prompts are in one batch."
)
def one_solution_for_all() -> WrongAnswers:
    yield _reward(pairs=lambda c, s: [(one, s[0]) for one in c])


@trl_reward.mistake(
    "You compared each answer with the whole column, which is a list: then either no answer is "
    "rewarded, or every answer that occurs in it. One entry belongs to one completion: go through "
    "both in parallel. (No answer is rewarded either if you compare a string with a number.)"
)
def column_as_a_whole() -> WrongAnswers:
    yield _reward(pairs=lambda c, s: [(one, s) for one in c])
    yield _reward(
        pairs=lambda c, s: [(one, s) for one in c],
        judge=lambda text, right: float((parse(text).answer or "-") in right),
    )


@trl_reward.mistake(
    "You returned one number for the batch. GRPO compares completions: it needs a reward for each."
)
def one_number() -> WrongAnswers:
    yield _reward(give=lambda rewards: sum(rewards) / len(rewards))
    yield _reward(give=sum)


@trl_reward.mistake(
    "You returned a tensor, or an array. TRL asks for a list of floats, and there is no reason "
    "for torch in a function that compares texts."
)
def tensor() -> WrongAnswers:
    yield _reward(give=_as_tensor)


@trl_reward.mistake(
    "You subtracted the mean. The trainer does that, group by group; a reward judges the "
    "completion by itself."
)
def normalised() -> WrongAnswers:
    yield _reward(give=_normalised)


@trl_reward.mistake(
    "You returned the answer that was found instead of whether it is right: return numbers."
)
def texts_returned() -> WrongAnswers:
    yield _reward(judge=lambda text, right: parse(text).answer)  # type: ignore[arg-type,return-value]


@trl_reward.mistake(
    "Right, except that you compare an answer with the spaces around it: ' 7 ' is not '7'. Nearly "
    "every answer has them. `parse` removes them, and so does `strip`."
)
def not_stripped() -> WrongAnswers:
    yield _reward(judge=lambda text, right: float(_found(text, re.DOTALL, False) == right))
    yield _reward(judge=lambda text, right: float(_found(text, 0, False) == right))


@trl_reward.mistake(
    "An answer on a line of its own was not found: a dot in a pattern matches any character "
    "except a line break, unless a flag changes that (notebook 02)."
)
def one_line_only() -> WrongAnswers:
    yield _reward(judge=lambda text, right: float(_found(text, 0) == right))
    yield _reward(judge=lambda text, right: float(text.endswith(f"{right} </answer>")))


@trl_reward.mistake(
    "You took the first answer in the text. It may be one that the thought quotes or gives up; "
    "the last one outside thinking counts (notebook 02)."
)
def first_answer() -> WrongAnswers:
    yield _reward(judge=lambda text, right: float(_found(text, re.DOTALL, which=0) == right))


@trl_reward.mistake(
    "You give right ones 1.0, but wrong ones something other than 0.0: a negative number, a "
    "little for the form, or None, which TRL takes as 'no opinion' and leaves out."
)
def other_rewards() -> WrongAnswers:
    yield _reward(judge=lambda text, right: 1.0 if parse(text).answer == right else -1.0)
    yield _reward(
        judge=lambda text, right: 1.0 if parse(text).answer == right else None  # type: ignore[arg-type,return-value]
    )
    yield _reward(
        judge=lambda text, right: 1.0 if parse(text).answer == right else 0.1 * ("<answer>" in text)
    )
