"""The lens as the page asks for it: a trial in, a board and the numbers behind it out.

    {run, step, group, preset?, weights?: {name: number}, edits?: {completion: text},
     token?: [completion, token]}
    -> {run, step, group, board, facts, token}

`board` is what the feed sends of a group (see payloads.group_payload), after the trial. All of the
request is typed in somebody's browser: sizes are capped, and what is not of the right kind is
refused.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from grpo_core.algorithm.advantages import Advantage
from grpo_core.analysis.lens import Reconsidered, Trial, compare, reconsider
from grpo_core.analysis.lens.presets import OWN
from grpo_core.analysis.lens.symbols import advantage_of, lines, source_of, symbols, written
from grpo_core.app.dashboard import payloads
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step

MAX_EDIT = 4_000  # characters of an edited completion
MAX_EDITS = 8
MAX_WEIGHT = 1e6
PLACES = 10**6  # more completions or tokens than any group has


@dataclass(frozen=True)
class Request:
    """A checked request: see the module's docstring."""

    run: str
    step: int
    group: int
    trial: Trial
    token: tuple[int, int] | None

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Request":
        """Read what a page sent.

        Raises:
            LabError: something in it is not of the right kind, or too large.
        """
        run, preset = body.get("run"), body.get("preset") or OWN
        if not isinstance(run, str) or len(run) > 200 or not isinstance(preset, str):
            raise LabError("A trial needs a run and a preset's name.")
        place = body.get("token")
        token = None
        if place is not None:
            if not isinstance(place, list) or len(place) != 2:
                raise LabError("A token is a completion's number and its own.")
            token = (_count(place[0]), _count(place[1]))
        weights, edits = _mapping(body, "weights"), _mapping(body, "edits")
        return cls(
            run,
            _count(body.get("step")),
            _count(body.get("group") or 0),
            Trial(payloads.clip(preset, 40), _weights(weights), _edits(edits)),
            token,
        )


def _mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise LabError(f"{name} must be an object.")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < PLACES:
        raise LabError("A whole number from 0 was expected.")
    return value


def _weights(given: dict[str, Any]) -> dict[str, float]:
    for name, weight in given.items():
        real = isinstance(weight, int | float) and not isinstance(weight, bool)
        if len(name) > 200 or not real or not abs(weight) <= MAX_WEIGHT:
            raise LabError(f"A weight is a number from -{MAX_WEIGHT:,.0f} to {MAX_WEIGHT:,.0f}.")
    return {name: float(weight) for name, weight in given.items()}


def _edits(given: dict[str, Any]) -> dict[int, str]:
    if len(given) > MAX_EDITS:
        raise LabError(f"At most {MAX_EDITS} completions of a group can be edited at once.")
    for place, text in given.items():
        if not (place.isascii() and place.isdecimal()) or not isinstance(text, str):
            raise LabError("An edit is a completion's number and a text.")
        if len(text) > MAX_EDIT:
            raise LabError(f"An edited completion has at most {MAX_EDIT:,} characters.")
    return {_count(int(place[:9])): text for place, text in given.items()}


def answer(request: Request, step: Step, options: Mapping[str, Any]) -> dict[str, Any]:
    """What the page draws. Runs in a thread.

    Raises:
        LabError: what is tried is not possible with what is on record.
    """
    if request.group >= len(step.groups):
        raise LabError("That group is not on record.")
    completions = step.groups[request.group].completions
    if not any(map(len, completions)) and any(c.text for c in completions):
        raise LabError(
            "This run has no tokens and log-probabilities on record, as it was imported: there is "
            "nothing to put into a formula."
        )
    found = reconsider(step.groups, request.group, options, step.metrics, request.trial)
    tried = {**options, **found.config.to_dict()}
    return {
        "run": request.run,
        "step": request.step,
        "group": request.group,
        "board": _board(found, tried, request.trial),
        "facts": _facts(found),
        "token": _token_or_why_not(request, step, options, found),
    }


def _token_or_why_not(
    request: Request, step: Step, options: Mapping[str, Any], found: Reconsidered
) -> dict[str, Any] | None:
    """The chosen token's numbers; without any, the rest of the answer stands all the same."""
    if request.token is None:
        return None
    try:
        return _token(request, step, options, found)
    except LabError as error:
        return {"refused": str(error)}


def _board(found: Reconsidered, options: Mapping[str, Any], trial: Trial) -> dict[str, Any]:
    board = payloads.group_payload(found.group, options)
    for place in trial.edits:
        if place < len(board["completions"]):
            board["completions"][place] |= {"edited": True, "length": None}
    return board


def _facts(found: Reconsidered) -> dict[str, Any]:
    """The numbers of the group as a whole, and one row a completion."""
    config, credit = found.config, found.credit
    beta = config.beta_in_loss
    rows = [
        None
        if terms is None
        else {
            "share": payloads.number(terms.share),
            "held": int(terms.held.sum()),
            "objective": payloads.number(terms.objective(beta).sum()),
            "push": payloads.number(terms.push.sum()),
            "kl": None if terms.kl is None else payloads.number(_mean(terms.kl)),
            "ratio": payloads.number(_mean(terms.ratio)),
        }
        for terms in found.terms
    ]
    known = [terms for terms in found.terms if terms is not None]
    return {
        "weights": {payloads.clip(n, 64): payloads.number(w) for n, w in found.weights.items()},
        "formula": {"lines": [asdict(line) for line in lines(config)], "written": written(config)},
        "kl_in_reward": config.kl_in_reward,
        "by_group": isinstance(advantage_of(config), Advantage),
        "numbers": _numbers(config),
        "mean": payloads.number(credit.mean),
        "std": payloads.number(credit.std),
        "divisor": payloads.number(credit.divisor),
        "rewards": [payloads.number(value) for value in credit.rewards],
        "tied": bool(credit.rewards.max() == credit.rewards.min()),
        "loss": payloads.number(-sum(float(t.objective(beta).sum()) for t in known)),
        "batch": asdict(found.batch),
        "rows": rows,
    }


def _numbers(config: GRPOConfig) -> dict[str, Any]:
    names = ("beta", "epsilon", "epsilon_high", "learning_rate", "num_generations", "loss_type")
    return {name: getattr(config, name) for name in names}


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else math.nan


def _token(
    request: Request, step: Step, options: Mapping[str, Any], found: Reconsidered
) -> dict[str, Any]:
    """One token: the symbols of the formula, and what every method would do with it.

    The comparison is of the recorded words: an edit changes rewards, and only the trial has them.
    """
    assert request.token is not None
    row, token = request.token
    completions = found.group.completions
    if row >= len(completions) or token >= len(completions[row].tokens):
        raise LabError("This group has no such token.")
    c = completions[row]
    told = symbols(found, row, token)
    groups = list(step.groups)
    groups[request.group] = found.group
    every = compare(groups, request.group, (row, token), options, step.metrics, found.weights)
    recorded = step.groups[request.group].completions[row].push
    return {
        "completion": row,
        "token": token,
        "text": payloads.clip(c.tokens[token], payloads.MAX_TOKEN),
        "recorded_push": None if recorded is None else payloads.number(float(recorded[token])),
        "symbols": {
            name: asdict(s) | {"value": payloads.number(s.value)} for name, s in told.items()
        },
        "methods": {
            name: {"refused": numbers}
            if isinstance(numbers, str)
            else {key: payloads.number(value) for key, value in numbers.items()}
            for name, numbers in every.items()
        },
    }


def source_payload(name: str) -> dict[str, Any]:
    """The source of what computes a symbol. Raises LabError when it is none."""
    path, line, text = source_of(name)
    return {"name": name, "path": path, "line": line, "text": text}
