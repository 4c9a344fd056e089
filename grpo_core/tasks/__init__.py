"""Tasks: where problems come from and what counts as solving one. No torch in here.

A new task is one file with a class that satisfies `Task`, and one line in `TASKS`.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol, runtime_checkable

from grpo_core.core import registry
from grpo_core.core.errors import LabError

Split = Literal["pretrain", "train", "test"]
SPLITS: tuple[Split, ...] = ("pretrain", "train", "test")

TASKS: dict[str, Any] = {
    "arithmetic": "grpo_core.tasks.arithmetic:Arithmetic",
    "countdown": "grpo_core.tasks.countdown:Countdown",
    "scenarios": "grpo_core.tasks.scenarios:Scenarios",
}


@dataclass(frozen=True)
class Problem:
    """One problem, as reward functions see it.

    Attributes:
        prompt: the text given to the policy.
        columns: everything a verifier needs, JSON-serialisable. Reward functions receive each
            column as a list with one entry a completion, as in TRL.
    """

    prompt: str
    columns: dict[str, Any] = field(default_factory=dict)


Trait = Callable[..., bool]
"""Whether an (untrusted) completion does something, from its text and the problem's columns by
name: `trait(completion, **columns)`. Must never raise, hang or execute anything."""


@runtime_checkable
class Task(Protocol):
    """What the rest of the kit asks of a task. `get_task` builds one from its options.

    A task may also have `traits`, what a completion may do on its way: name, such as "searched" or
    "checked", -> a `Trait`. The atlas marks the first of each. A task that cannot tell such things
    honestly leaves it out.
    """

    @property
    def name(self) -> str:
        """What it is registered as."""
        ...

    def problems(self, split: Split) -> Sequence[Problem]:
        """All problems of a split, always in the same order. Splits share no problem."""
        ...

    def verify(self, answer: str, *_: Any, **columns: Any) -> bool:
        """Whether `answer` (untrusted text from between the answer tags) solves the problem.

        Columns come by name; a task names those it needs. (Type checkers read `*_, **columns` as
        "whatever arguments the task has".)

        Must never raise, hang or execute on any `answer`.
        """
        ...

    def backtracks(self, completion: str) -> int:
        """How often the (untrusted) completion discards a try and goes on: a metric, no reward."""
        ...


@lru_cache(maxsize=32)
def _build(name: str, options: tuple[tuple[str, Any], ...]) -> Task:
    kind = registry.load(TASKS, name, "task")
    known = {k: p.default for k, p in inspect.signature(kind).parameters.items() if k != "name"}
    for option, value in options:
        if option not in known:
            names = ", ".join(known) or "none"
            raise LabError(f"The task '{name}' has no option '{option}'. Use one of: {names}.")
        _check_type(f"The option '{option}' of the task '{name}'", value, known[option])
    task = kind(**dict(options))
    missing = [m for m in ("name", "problems", "verify", "backtracks") if not hasattr(task, m)]
    if missing:
        raise LabError(f"The task '{name}' has no {' and no '.join(missing)}: see docs/adding.md.")
    if task.name != name:
        raise LabError(
            f"The task registered as '{name}' says that its name is {task.name!r}: give both the "
            "same, for rewards find a problem's verifier by it."
        )
    return task


def _check_type(what: str, value: Any, default: Any) -> None:
    """Raise LabError where an option has another type than its default; 1 passes for 1.0."""
    if default is None or default is inspect.Parameter.empty:
        return
    expected = (int, float) if isinstance(default, float) else (type(default),)
    if not isinstance(value, expected) or isinstance(value, bool) != isinstance(default, bool):
        raise LabError(f"{what} cannot be {value!r}: {type(default).__name__} is expected.")


def get_task(name: str, /, **options: Any) -> Task:
    """The task registered as `name`, with its options; the same arguments give the same object.

    Raises:
        LabError: no such task, an option the task refuses, or a task that lacks something.
    """
    frozen = tuple(sorted((k, tuple(v) if isinstance(v, list) else v) for k, v in options.items()))
    try:
        return _build(name, frozen)
    except (TypeError, ValueError) as error:
        if not options:
            raise  # no option is to blame: a bug of the task
        raise LabError(f"The task '{name}' cannot work with its options: {error}.") from error


def columns_of(task: Task, problems: list[Problem]) -> dict[str, list[object]]:
    """Return the columns that reward functions receive: column name -> one entry per problem.

    The column `task` names the task whose verifier to use; the others are the problems' own.

    Raises:
        LabError: the problems have different columns, or a column with a reserved name.
    """
    names = problems[0].columns.keys()
    if taken := names & {"task", "prompts", "completions"}:
        raise LabError(f"A problem of '{task.name}' cannot have a column called '{min(taken)}'.")
    for problem in problems:
        if problem.columns.keys() != names:
            raise LabError(
                f"All problems of '{task.name}' must have the same columns: {problem.prompt!r} has "
                f"{', '.join(problem.columns) or 'none'}, and another has "
                f"{', '.join(names) or 'none'}."
            )
    columns: dict[str, list[object]] = {name: [p.columns[name] for p in problems] for name in names}
    return {**columns, "task": [task.name] * len(problems)}
