"""The accuracy reward: 1 when the task's own verifier accepts the answer, else 0."""

from collections.abc import Sequence
from typing import Any

from grpo_core.core.errors import LabError, format_error
from grpo_core.rewards.format import Completion, completion_text, parse
from grpo_core.tasks import get_task

# What TRL passes to every reward function beside the columns of the data set. Everything else
# that is a list with one entry a completion is taken for a column.
_NOT_COLUMNS = {"completion_ids", "environments", "log_extra", "log_metric", "trainer_state"}


def accuracy_reward(
    prompts: Sequence[Any],
    completions: Sequence[Completion],
    task: Sequence[str],
    **columns: Any,
) -> list[float]:
    """1.0 where the answer solves the problem, 0.0 where it does not or there is no answer.

    Nothing in between: partial credit in a group that is all wrong would be amplified by the
    group's own standard deviation to advantages of full size.

    Args:
        prompts: not read.
        completions: untrusted texts, or conversations as TRL passes them. What counts as the
            answer is stated in `grpo_core.rewards.format`.
        task: the name of each problem's task, whose `verify` decides.
        **columns: the problems' other columns, one entry a completion, passed on to `verify`.
            Whatever else TRL passes is left out.

    Raises:
        LabError: a name is no task's, or a verifier raises, which it must never do.
    """
    if isinstance(task, str) or len(task) != len(completions):
        raise LabError("The column 'task' must hold one task name for each completion.")
    columns = {
        name: values
        for name, values in columns.items()
        if name not in _NOT_COLUMNS and isinstance(values, list) and len(values) == len(task)
    }
    rewards = []
    for i, completion in enumerate(completions):
        answer = parse(completion_text(completion)).answer
        problem = {name: values[i] for name, values in columns.items()}
        rewards.append(float(answer is not None and _solves(task[i], answer, problem)))
    return rewards


def _solves(task: str, answer: str, problem: dict[str, Any]) -> bool:
    verify = get_task(task).verify
    try:
        return bool(verify(answer, **problem))
    except Exception as error:
        raise LabError(
            f"The verifier of task '{task}' must return True or False on any text, but on the "
            f"answer {answer[:80]!r} it raised {format_error(error)}."
        ) from error
