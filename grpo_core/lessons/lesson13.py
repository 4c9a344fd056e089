"""Lesson 13, the real thing: its checks, its mistakes, its quiz."""

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, Unfinished, number, returned
from grpo_core.lessons.quiz import Option, Question, Quiz
from grpo_core.rewards.format import completion_text, parse

# --- exercise 1: a reward function for TRL --------------------------------------------------------


def my_reward(completions: list[Any], solution: list[str], **columns: Any) -> list[float]:
    """1.0 where the answer in the tags is `solution`, else 0.0."""
    rewards = []
    for completion, right in zip(completions, solution, strict=True):
        if not isinstance(completion, str):  # a conversation
            completion = completion[-1]["content"]
        rewards.append(float(parse(completion).answer == right))
    return rewards


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


_RIGHT = "<think> 3 + 4 = 7 </think> <answer> 7 </answer>"
_TEXTS = [
    _RIGHT,
    "<think> 9 + 8 = 17 </think> <answer> 17 </answer>",
    "It is 7 of course.",
    "<think> <answer> 5 </answer> is wrong </think>\n<answer>\n7\n</answer>",
    "<think> 7 is the solution </think> <answer> 5 </answer>",
    "<think> 9 - 4 = 5 </think> <answer>5</answer>",
    "<think>\n4 + 4 = 8\n</think>\n<answer>\n8\n</answer>",
]
_SOLUTIONS = ["7", "7", "7", "7", "7", "5", "8"]


def _called(chat: bool, **extras: Any) -> Callable[[Callable[..., Any]], Any]:
    """As TRL calls a reward function: everything by name. What is raised is an outcome, too."""

    def run(function: Callable[..., Any]) -> Any:
        completions: list[Any] = list(_TEXTS)
        prompts: list[Any] = ["What is ... ?"] * len(_TEXTS)
        if chat:
            completions = [[{"role": "assistant", "content": text}] for text in _TEXTS]
            prompts = [[{"role": "user", "content": prompt}] for prompt in prompts]
        try:
            value = returned(
                function(
                    prompts=prompts, completions=completions, solution=list(_SOLUTIONS), **extras
                )
            )
        except (NotImplementedError, Unfinished):
            raise
        except Exception as error:
            if "unexpected keyword argument" in str(error):
                _raise_if_stub(function, completions)
                return "does not take everything that is passed"
            if "required positional argument" in str(error):
                return "asks for something that is not passed"
            if "indices must be integers" in str(error):
                return "looks a name up in a text or a list"
            # what a missing answer makes of `None`, an empty list or a text without a tag
            missing = isinstance(error, AttributeError | TypeError | IndexError | ValueError)
            return "raised an error" if missing else f"raised {type(error).__name__}: {error}"
        if isinstance(value, Tensor | np.ndarray):
            return f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [_plain(v) for v in value]
        return _plain(value)

    return run


def _raise_if_stub(function: Callable[..., Any], completions: list[Any]) -> None:
    """The notebook's stub takes too little, and is a stub all the same: raise what it raises."""
    try:
        returned(function(completions=completions, solution=list(_SOLUTIONS)))
    except (NotImplementedError, Unfinished):
        raise
    except Exception:  # a mistake of its own; what it does not take was seen first
        return


def _plain(value: Any) -> Any:
    """A number as a float, anything else as what kind of thing it is."""
    return float(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


_EXTRAS: dict[str, Any] = {"completion_ids": [[1, 2]] * len(_TEXTS), "trainer_state": None}

trl_reward = Exercise(
    "13",
    "trl_reward",
    solution_function=my_reward,
    cases=[
        Case("For seven completions, called with what TRL passes", _called(False, **_EXTRAS)),
        Case("With another column in the data set", _called(False, **_EXTRAS, task=["sum"] * 7)),
        Case("For conversations, as chat models have them", _called(True, **_EXTRAS)),
    ],
    mistakes=[
        Mistake(
            "no_columns",
            "TRL called your function with more than it takes: beside prompts and completions it "
            "passes completion_ids, trainer_state and *every column* of the data set, by name. A "
            "function that wants two of them must swallow the others.",
            (_without_columns, _completions_only),
        ),
        Mistake(
            "conversation",
            "Plain texts are right. A chat model's completion is no text but a list of messages, "
            "each a dict with role and content; the text is the last message's content.",
            (
                _reward(text=lambda c: c),
                _reward(text=lambda c: c if isinstance(c, str) else c["content"]),
            ),
        ),
        Mistake(
            "messages_only",
            "You took every completion for a message or a list of them. Here they are plain "
            "texts, as for a model without a chat template: your function has to take both.",
            (_reward(text=lambda c: c[-1]["content"]),),
        ),
        Mistake(
            "column_that_is_not_there",
            "Your function asks for an argument that TRL does not pass. Columns come by the name "
            "that they have in the data set, and this one is called `solution`.",
            (lambda completions, answer, **columns: my_reward(completions, answer),),
        ),
        Mistake(
            "any_answer",
            "Any answer in tags is paid in yours. It has to be the solution.",
            (_reward(judge=lambda text, right: float(parse(text).answer is not None)),),
        ),
        Mistake(
            "wrong_ones_left_out",
            "Your list has entries for the right ones only. A reward belongs to every completion, "
            "0.0 to a wrong one.",
            (_reward(give=lambda rewards: [reward for reward in rewards if reward]),),
        ),
        Mistake(
            "conversation_as_text",
            "You turned the list of messages into a text, brackets, quotes and all. A line break "
            "in it is now a backslash and an n, so an answer on a line of its own is no longer "
            "the same. Take the content of the message.",
            (_reward(text=str),),
        ),
        Mistake(
            "contains",
            "You looked for the solution somewhere in the text. 7 is in 17, in a thought, and in "
            "any text with enough numbers in it: a policy will find that out. What counts is the "
            "answer in the tags.",
            (
                _reward(judge=lambda text, right: float(right in text)),
                _reward(judge=lambda text, right: float(right in text.split())),
                _reward(judge=lambda text, right: float(right in (parse(text).answer or ""))),
            ),
        ),
        Mistake(
            "fails_without_an_answer",
            "One of the completions has no answer in tags, and your function raised. That ends a "
            "training run, at night. Without an answer the reward is 0.",
            (
                _reward(judge=lambda text, right: float(parse(text).answer.strip() == right)),  # type: ignore[union-attr]
                _reward(judge=lambda text, right: float(int(parse(text).answer) == int(right))),  # type: ignore[arg-type]
            ),
        ),
        Mistake(
            "one_solution_for_all",
            "You compared every completion with the *first* solution. A column has one entry for "
            "each completion, and completions of different prompts are in one batch.",
            (_reward(pairs=lambda c, s: [(one, s[0]) for one in c]),),
        ),
        Mistake(
            "column_as_a_whole",
            "You compared each answer with the whole column, which is a list: then none is ever "
            "paid, or all that occur in it. One entry belongs to one completion: go through both "
            "together. (None is paid either where a text is compared with a number.)",
            (
                _reward(pairs=lambda c, s: [(one, s) for one in c]),
                _reward(
                    pairs=lambda c, s: [(one, s) for one in c],
                    judge=lambda text, right: float((parse(text).answer or "-") in right),
                ),
            ),
        ),
        Mistake(
            "one_number",
            "You returned one number for the batch. GRPO compares completions: it needs a reward "
            "for each.",
            (
                _reward(give=lambda rewards: sum(rewards) / len(rewards)),
                _reward(give=sum),
            ),
        ),
        Mistake(
            "tensor",
            "You returned a tensor, or an array. TRL asks for a list of floats, and there is no "
            "reason for torch in a function that compares texts.",
            (_reward(give=_as_tensor),),
        ),
        Mistake(
            "normalised",
            "You subtracted the mean. That is the trainer's work, and it does it group by group; "
            "a reward is what the completion is worth by itself.",
            (_reward(give=_normalised),),
        ),
        Mistake(
            "texts_returned",
            "You returned what was found, and not whether it is right: numbers are wanted.",
            (_reward(judge=lambda text, right: parse(text).answer),),  # type: ignore[arg-type,return-value]
        ),
        Mistake(
            "not_stripped",
            "Right, except that you compare an answer with the blanks around it: ' 7 ' is no '7'. "
            "Nearly every answer has them. `parse` takes them off, and so does `strip`.",
            (
                _reward(judge=lambda text, right: float(_found(text, re.DOTALL, False) == right)),
                _reward(judge=lambda text, right: float(_found(text, 0, False) == right)),
            ),
        ),
        Mistake(
            "one_line_only",
            "An answer on a line of its own was not found: a dot in a pattern stands for any "
            "character except a line break, unless it is told otherwise (notebook 02).",
            (
                _reward(judge=lambda text, right: float(_found(text, 0) == right)),
                _reward(judge=lambda text, right: float(text.endswith(f"{right} </answer>"))),
            ),
        ),
        Mistake(
            "first_answer",
            "You took the first answer in the text. It may be one that the thought quotes or gives "
            "up; the last one outside thinking counts (notebook 02).",
            (
                _reward(judge=lambda text, right: float(_found(text, re.DOTALL, which=0) == right)),
            ),
        ),
        Mistake(
            "other_rewards",
            "The right ones are paid 1.0, and the wrong ones something else than 0.0: less than "
            "nothing, a little for the form, or None, which TRL takes for 'no opinion' and leaves "
            "out.",
            (
                _reward(judge=lambda text, right: 1.0 if parse(text).answer == right else -1.0),
                _reward(
                    judge=lambda text, right: 1.0 if parse(text).answer == right else None  # type: ignore[arg-type,return-value]
                ),
                _reward(
                    judge=lambda text, right: (
                        1.0 if parse(text).answer == right else 0.1 * ("<answer>" in text)
                    )
                ),
            ),
        ),
    ],
    hints=[
        "TRL calls it with everything by name. Name what you need in the signature, and let "
        "`**columns` take the rest.",
        "Go through completions and solutions side by side. `parse(text).answer` is the answer, "
        "or None.",
        "If a completion is not a `str`, it is a list of messages: the last one's `content`.",
    ],
    well_done="your reward works in TRL: any columns, plain texts and conversations.",
)  # fmt: skip


# --- exercise 2: the arithmetic of a batch --------------------------------------------------------


def my_accumulation(prompts: int, generations: int, processes: int, per_device: int) -> int:
    """Micro-batches to accumulate, so that a step has so many prompts."""
    completions = prompts * generations
    return completions // (per_device * processes)


def _accumulated(
    completions: Callable[[int, int], float] = lambda n, g: n * g,
    at_once: Callable[[int, int], float] = lambda d, p: d * p,
    turn: Callable[[float, float], float] = lambda all_of, some: all_of / some,
) -> Callable[..., float]:
    """The number of micro-batches, right but for what is passed in."""
    return lambda n, g, p, d: turn(completions(n, g), at_once(d, p))


def _batch(*numbers: int) -> Callable[[Callable[..., Any]], Any]:
    return lambda f: number(f(*numbers))


def _countable(f: Callable[..., Any]) -> str:
    """Whether `range` would take the number: TRL's data loader does not take 4.0."""
    value = returned(f(32, 16, 8, 4))
    try:
        operator.index(value)
    except TypeError:
        return f"{value}, a {type(value).__name__}"
    return "a whole number"


accumulation = Exercise(
    "13",
    "accumulation",
    solution_function=my_accumulation,
    cases=[
        Case("For 8 prompts of 16, one process, 32 at a time", _batch(8, 16, 1, 32)),
        Case("For the same on two processes", _batch(8, 16, 2, 32)),
        Case("For 32 prompts of 16, 8 processes, 4 at a time", _batch(32, 16, 8, 4)),
        Case("For the same, as a number that can be counted with", _countable),
    ],
    mistakes=[
        Mistake(
            "prompts_not_completions",
            "per_device_train_batch_size counts *completions* in GRPO, though its name does not "
            "say so. Eight prompts of 16 are 128 of them.",
            (
                _accumulated(lambda n, g: n),
                _accumulated(lambda n, g: n, turn=lambda a, s: a // s),
                _accumulated(lambda n, g: n, turn=lambda a, s: max(1, a // s)),
                _accumulated(lambda n, g: n, turn=lambda a, s: math.ceil(a / s)),
            ),
        ),
        Mistake(
            "processes_forgotten",
            "One process is right. Two processes work on two micro-batches at the same time, so "
            "each needs to do half as many.",
            (_accumulated(at_once=lambda d, p: d),),
        ),
        Mistake(
            "processes_multiplied",
            "More processes need *fewer* micro-batches each, for the same step.",
            (lambda n, g, p, d: n * g * p / d,),
        ),
        Mistake(
            "generations_twice",
            "The size of the group is in there twice. Prompts times completions a prompt is all "
            "that a step has.",
            (lambda n, g, p, d: n * g * g / (d * p),),
        ),
        Mistake(
            "upside_down",
            "Upside down: all completions of a step, over those that are worked on at once.",
            (
                _accumulated(turn=lambda all_of, some: some / all_of),
                _accumulated(turn=lambda all_of, some: some // all_of),
            ),
        ),
        Mistake(
            "rounded_too_early",
            "You rounded down before you multiplied: of 8 prompts over 32 places nothing is left. "
            "First all completions of a step, and then the division.",
            (lambda n, g, p, d: n // (p * d) * g,),
        ),
        Mistake(
            "brackets",
            "Python goes from left to right: `a // b * c` divides by b, and multiplies by c. "
            "What is divided by belongs in brackets.",
            (lambda n, g, p, d: n * g / p * d,),
        ),
        Mistake(
            "completions",
            "That is how many completions a step has. How many micro-batches does it take to get "
            "through them?",
            (_accumulated(at_once=lambda d, p: 1),),
        ),
        Mistake(
            "per_device_forgotten",
            "Each process takes per_device completions at a time, not one.",
            (_accumulated(at_once=lambda d, p: p),),
        ),
        Mistake(
            "no_whole_number",
            "Right, and a float: 16.0 micro-batches. TRL counts with it, and its data loader "
            "refuses a number that is not whole: divide with `//`.",
            (_accumulated(),),
        ),
        Mistake(
            "one_group",
            "You divided the completions of *one* prompt. A step has those of all its prompts.",
            (_accumulated(lambda n, g: g),),
        ),
        Mistake(
            "added",
            "You added processes and per_device. On each of the processes there are per_device at "
            "work: so many *times* so many.",
            (
                _accumulated(at_once=lambda d, p: d + p),
                _accumulated(at_once=lambda d, p: d + p, turn=lambda a, s: a // s),
            ),
        ),
        Mistake(
            "at_once",
            "That is how many are worked on at the same time. How often does that have to be done, "
            "for all completions of a step?",
            (lambda n, g, p, d: d * p,),
        ),
    ],
    hints=[
        "How many completions has a step in all?",
        "How many are worked on at the same time, on all processes together?",
    ],
    well_done="your batch is right: so many micro-batches on every process make a step.",
)


# --- exercise 3: a configuration in TRL's words ---------------------------------------------------


def my_arguments(config: dict[str, Any], known: set[str], per_device: int) -> dict[str, Any]:
    """The kit's options -> arguments of trl.GRPOConfig, one process."""
    arguments = {name: config[name] for name in config if name in known}
    completions = arguments.pop("generation_batch_size")
    arguments["per_device_train_batch_size"] = per_device
    arguments["gradient_accumulation_steps"] = completions // per_device
    return arguments


OURS = {
    "model": "smollm2",
    "task": "arithmetic",
    "reward_funcs": ["accuracy_reward", "format_reward"],
    "reward_weights": [1.0, 0.3],
    "max_steps": 40,
    "generation_batch_size": 32,
    "num_generations": 8,
    "max_completion_length": 64,
    "learning_rate": 1e-5,
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 3,
    "adam_beta2": 0.95,
    "beta": 0.0,
    "scale_rewards": "group",
    "loss_type": "dapo",
    "bf16": True,
    "max_tokens_per_forward": 1024,
    "threads": 0,
}
"""The recipe for SmolLM2 in the kit's words, as far as it matters here."""

KNOWN = {
    "per_device_train_batch_size", "gradient_accumulation_steps", "steps_per_generation",
    "generation_batch_size", "num_generations", "max_completion_length", "max_steps",
    "reward_weights", "learning_rate", "lr_scheduler_type", "warmup_steps", "adam_beta2", "beta",
    "scale_rewards", "loss_type", "bf16",
}  # fmt: skip
"""What trl.GRPOConfig knows of it."""

_TRL_DEFAULTS = {"beta": 0.0, "loss_type": "dapo", "scale_rewards": "group"}


def _known_ones(config: dict[str, Any], known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name in known}


def _told(
    kept: Callable[[dict[str, Any], set[str]], dict[str, Any]] = _known_ones,
    drop: tuple[str, ...] = ("generation_batch_size",),
    more: Callable[[dict[str, Any], int], dict[str, Any]] = lambda config, per_device: {
        "per_device_train_batch_size": per_device,
        "gradient_accumulation_steps": config["generation_batch_size"] // per_device,
    },
) -> Callable[..., dict[str, Any]]:
    """Arguments for TRL, right but for what is passed in."""

    def arguments(config: dict[str, Any], known: set[str], per_device: int) -> dict[str, Any]:
        some = {k: v for k, v in kept(config, known).items() if k not in drop}
        return some | more(config, per_device)

    return arguments


def _read_by_trl(per_device: int, **changes: Any) -> Callable[[Callable[..., Any]], Any]:
    """What TRL would make of the arguments, or what it would refuse; as trl.GRPOConfig does it."""

    def run(function: Callable[..., Any]) -> Any:
        given = returned(function(OURS | changes, set(KNOWN), per_device))
        if not isinstance(given, dict):
            return f"a {type(given).__name__}"
        if set(given) - KNOWN:
            return "refused: unexpected keyword arguments"
        given = dict(given)
        at_once = given.pop("per_device_train_batch_size", 8)
        accumulated = given.pop("gradient_accumulation_steps", 1)
        batch = given.pop("generation_batch_size", None)
        rounds = given.pop("steps_per_generation", None)
        if any(isinstance(number, float) for number in (at_once, accumulated, batch, rounds)):
            return "refused: a number of completions or micro-batches that is no whole number"
        if batch is not None and rounds is not None:
            return "refused: generation_batch_size and steps_per_generation together"
        if batch is None:
            batch = at_once * (accumulated if rounds is None else rounds)
        return {
            "the batch": [float(at_once), float(batch), batch / (at_once * accumulated)],
            "the rest": {k: v for k, v in given.items() if _TRL_DEFAULTS.get(k, ...) != v},
        }

    return run


arguments = Exercise(
    "13",
    "arguments",
    solution_function=my_arguments,
    cases=[
        Case(
            "For the recipe of SmolLM2, 4 at a time (per device, generated at once, updates a "
            "batch; then the rest)",
            _read_by_trl(4),
        ),
        Case(
            "The same with groups of 4 and beta 0.04, 16 at a time",
            _read_by_trl(16, beta=0.04, num_generations=4),
        ),
    ],
    mistakes=[
        Mistake(
            "unknown_names",
            "TRL's configuration refuses names that it does not know. The model, the task (as a "
            "data set) and the reward functions go to the *trainer*; how the kit computes is "
            "nobody's business there.",
            (
                _told(lambda config, known: config),
                lambda config, known, per_device: dict(config),
            ),
        ),
        Mistake(
            "two_names_for_one_thing",
            "TRL refuses generation_batch_size and steps_per_generation together: each follows "
            "from the other. Leave one of them out, or both.",
            (
                _told(
                    drop=(),
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": per_device,
                        "steps_per_generation": config["generation_batch_size"] // per_device,
                    },
                ),
            ),
        ),
        Mistake(
            "no_whole_number",
            "One of your numbers is a float, such as 8.0. Completions and micro-batches are "
            "counted, and TRL's data loader takes no float: divide with `//`.",
            (
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": per_device,
                        "steps_per_generation": config["generation_batch_size"] / per_device,
                    }
                ),
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": per_device,
                        "gradient_accumulation_steps": config["generation_batch_size"] / per_device,
                    }
                ),
            ),
        ),
        Mistake(
            "generations_twice",
            "Your step is as many times too large as a group has completions. "
            "generation_batch_size counts completions already, and not prompts.",
            tuple(
                _told(
                    drop=drop,
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": per_device,
                        "gradient_accumulation_steps": config["generation_batch_size"]
                        * config["num_generations"]
                        // per_device,
                    },
                )
                for drop in ((), ("generation_batch_size",))
            ),
        ),
        Mistake(
            "several_updates_a_batch",
            "TRL would generate 32 completions and make *several* updates from them: with "
            "generation_batch_size alone, each micro-batch of per_device completions is an "
            "optimizer step of its own, since gradient_accumulation_steps is 1 unless you say "
            "otherwise. From the second on that is off-policy.",
            (
                _told(
                    drop=(),
                    more=lambda config, per_device: {"per_device_train_batch_size": per_device},
                ),
                _told(drop=(), more=lambda config, per_device: {}),
            ),
        ),
        Mistake(
            "small_batch",
            "A step has only one micro-batch in yours: per_device completions where there should "
            "be 32. The rest has to be accumulated.",
            (
                _told(more=lambda config, per_device: {"per_device_train_batch_size": per_device}),
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": per_device,
                        "gradient_accumulation_steps": 1,
                    }
                ),
            ),
        ),
        Mistake(
            "per_device_forgotten",
            "You did not say how many completions are worked on at once. TRL then takes 8, "
            "whatever fits.",
            (
                _told(
                    more=lambda config, per_device: {
                        "gradient_accumulation_steps": config["generation_batch_size"] // per_device
                    }
                ),
            ),
        ),
        Mistake(
            "whole_batch_at_once",
            "The whole batch goes through the model at once in yours. That is right, and it is "
            "what does not fit: per_device is what does.",
            (
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": config["generation_batch_size"]
                    }
                ),
            ),
        ),
        Mistake(
            "accumulation_of_prompts",
            "You accumulate as many micro-batches as there are *prompts*. Completions are counted: "
            "all of a step, over those that are worked on at once.",
            (
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": per_device,
                        "gradient_accumulation_steps": config["generation_batch_size"]
                        // config["num_generations"],
                    }
                ),
            ),
        ),
        Mistake(
            "swapped",
            "The two numbers are in each other's place: `per_device` is what fits at once, and the "
            "other one how often that is done.",
            (
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": config["generation_batch_size"]
                        // per_device,
                        "gradient_accumulation_steps": per_device,
                    }
                ),
            ),
        ),
        Mistake(
            "group_for_device",
            "You took the size of the group for what fits at once. The two have nothing to do "
            "with each other: what fits is handed in.",
            (
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": config["num_generations"],
                        "gradient_accumulation_steps": config["generation_batch_size"]
                        // config["num_generations"],
                    }
                ),
                _told(
                    more=lambda config, per_device: {
                        "per_device_train_batch_size": config["num_generations"],
                        "gradient_accumulation_steps": config["generation_batch_size"]
                        // per_device,
                    }
                ),
            ),
        ),
        Mistake(
            "names_only",
            "You gave a list of names, or a text. The arguments are a dict, name by name with its "
            "value.",
            (
                lambda config, known, per_device: [name for name in config if name in known],
                lambda config, known, per_device: sorted(config),
            ),
        ),
        Mistake(
            "left_to_the_defaults",
            "Something is left out, and what you leave out TRL fills in: a learning rate of 1e-6, "
            "a linear schedule without warm-up, an adam_beta2 of 0.999. Two libraries whose names "
            "agree can still differ in every default. Say everything that you know.",
            (
                _told(
                    lambda config, known: {
                        name: config[name]
                        for name in ("max_steps", "num_generations", "max_completion_length")
                    }
                ),
                _told(
                    lambda config, known: {
                        name: config[name]
                        for name in known & set(config)
                        if name
                        not in ("learning_rate", "lr_scheduler_type", "warmup_steps", "adam_beta2")
                    }
                ),
                _told(lambda config, known: {}),
            ),
        ),
    ],
    hints=[
        "Keep the names that are `known`, and leave the others out.",
        "One name needs a translation: generation_batch_size, all completions of a step. TRL "
        "works it out from two others.",
        "per_device_train_batch_size × gradient_accumulation_steps (× processes) is what "
        "generation_batch_size is here.",
    ],
    well_done="your arguments say to TRL what the recipe says here, update for update.",
)  # fmt: skip


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "13",
    Question(
        "rate",
        "The tiny model learns at 3e-4, SmolLM2 at 1e-5 here, TRL's default is 1e-6. What would "
        "SmolLM2 do at 3e-4?",
        [
            Option(
                "Learn thirty times faster.",
                "For a step or two, perhaps. What does a large step do to what it knows already?",
            ),
            Option(
                "Most likely fall apart: a pretrained model has much to lose.",
                "At only 2e-5 its entropy was gone within 14 steps. Rates fall with size.",
                right=True,
            ),
            Option(
                "The same: AdamW adapts the rate to the model.",
                "AdamW scales each weight's step by its gradient's size, and then by the rate.",
            ),
        ],
    ),
    Question(
        "obey",
        "SmolLM2's accuracy rises from 0.03 to 0.57 within 40 steps (seed 0). What has it learned?",
        [
            Option(
                "Arithmetic.",
                "Of its well-formed replies some four in ten were right before. And the others?",
            ),
            Option(
                "Mostly to reply in the tags, where its answers count; some arithmetic.",
                "Format went from 0.08 to 1. Of the replies in form some four in ten, later six "
                "in ten are right.",
                right=True,
            ),
            Option(
                "To guess: with numbers up to 20 that works often.",
                "Sums up to 40: a guess is right in one of dozens of cases.",
            ),
        ],
    ),
    Question(
        "batch",
        "Four processes, per_device_train_batch_size 8, gradient_accumulation_steps 4, "
        "num_generations 16. How many prompts has a step?",
        [
            Option(
                "8.",
                "8 × 4 × 4 = 128 completions, in groups of 16.",
                right=True,
            ),
            Option(
                "32.",
                "That would be 512 completions. How many are there in all?",
            ),
            Option(
                "2.",
                "Every process has micro-batches of its own. How many processes are there?",
            ),
            Option(
                "128.",
                "Those are completions. They come in groups.",
            ),
        ],
    ),
    Question(
        "lora",
        "What does LoRA save, if all else stays the same?",
        [
            Option(
                "Time: fewer weights have to be multiplied.",
                "The frozen weights are still multiplied with, forward and backward, and the "
                "adapters on top.",
            ),
            Option(
                "Gradients and optimizer state of the weights that are frozen, and the reference.",
                "The reference is the same model with its adapters switched off.",
                right=True,
            ),
            Option(
                "The memory of the weights.",
                "They must be there to be multiplied with.",
            ),
        ],
    ),
    Question(
        "column",
        "Your reward needs the right answer of each problem. How does TRL get it to your function?",
        [
            Option(
                "You look it up by the prompt's text.",
                "Prompts may be conversations, and the same prompt may stand there twice.",
            ),
            Option(
                "It cannot: rewards see the completion only.",
                "What else is in the data set beside the prompt?",
            ),
            Option(
                "As a column of the data set: it is passed by its name, one entry a completion.",
                "Every column but the prompt is handed on.",
                right=True,
            ),
        ],
    ),
)
