"""Exercise checks: they say what is right, and which mistake it is when something is not.

A check calls the learner's function on a few small inputs. Up to the first that comes out wrong,
it is compared with the outcomes of the mistakes that learners make (`mistakes.py`); the one that
fits is named, with a hint that teaches. A check prints and never raises, whatever the
learner's function does: a notebook whose exercises are still empty runs from top to bottom.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.lessons import mistakes
from grpo_core.lessons.mistakes import Mistake

Outcome = list[Tensor]  # what a function gave on the inputs of a check, in a fixed order


@dataclass(frozen=True)
class Result:
    """What a check found out; the message has been printed already.

    Attributes:
        passed: whether everything is right.
        mistake: the name of the mistake: one of `mistakes.py`, or "unfinished", "raised",
            "shape", "unknown"; None when passed.
        message: what the learner was told.
    """

    passed: bool
    mistake: str | None
    message: str

    def _ipython_display_(self) -> None:
        """Nothing: a notebook would otherwise repeat the message as the value of the cell."""


def advantages(function: Callable[[Tensor], Tensor]) -> Result:
    """Check exercise 1 of notebook 00: rewards (N, G) to group-relative advantages (N, G)."""
    groups = torch.tensor([[1.3, 0.3, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [5.0, 2.0, 2.0, 2.0]])
    tied = torch.full((2, 16), 0.7)  # whose mean in float32 is not 0.7

    def outcome(f: Callable[..., Any]) -> Outcome:
        return [_tensor(f(rewards.clone())) for rewards in (groups, tied)]

    return _check(
        function,
        outcome,
        right=group_advantages,
        known=mistakes.ADVANTAGES,
        well_done=(
            "your advantages are right: each group on its own, mean 0, spread 1, "
            "and 0 where all rewards tie."
        ),
        example=f"For the rewards {_numbers(groups[0])}",
    )


def clipped_loss(function: Callable[..., Tensor]) -> Result:
    """Check exercise 2 of notebook 00: the clipped loss with a token mean, and its gradient."""
    old = torch.tensor([[-1.0, -2.0, -0.5, -1.5, -1.0], [-0.7, -1.2, -2.0, -0.4, -0.9]])
    old = torch.cat([old, old.flip(0)])[:3]
    # Ratios of 0.5 to 1.6 on both signs of the advantage: every branch of the clip is met.
    drift = torch.tensor(
        [[0.4, -0.7, 0.1, -0.1, 0.3], [0.45, -0.5, 0.1, -0.1, 0.35], [-0.6, 0.3, 0.1, 0.5, -0.2]]
    )
    a = torch.tensor([1.5, -0.5, -1.0])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]).bool()

    def outcome(f: Callable[..., Any]) -> Outcome:
        later = (old + drift).requires_grad_()
        first = old.clone().requires_grad_()  # first update: still the policy that sampled
        return [
            _loss_and_gradient(f(later, old.clone(), a.clone(), mask.clone()), later),
            _loss_and_gradient(f(first, first, a.clone(), mask.clone()), first),
        ]

    return _check(
        function,
        outcome,
        right=mistakes.right_loss,
        known=mistakes.CLIPPED_LOSS,
        well_done="your loss is right, and so is its gradient, before and after the policy moves.",
        example="For the loss, and then its gradient,",
    )


def _check(
    function: Callable[..., Any],
    outcome: Callable[[Callable[..., Any]], Outcome],
    *,
    right: Callable[..., Any],
    known: Sequence[Mistake],
    well_done: str,
    example: str,
) -> Result:
    """Run the learner's function, compare, and tell."""
    try:
        got = outcome(function)
    except (NotImplementedError, _Unfinished):
        return _tell(False, "unfinished", _UNFINISHED)
    except _WrongShape as error:
        return _tell(False, "shape", str(error))
    except Exception as error:  # whatever a learner's code may raise
        return _tell(False, "raised", _explain(error))

    expected = outcome(right)
    if [g.shape for g in got] != [e.shape for e in expected]:
        shapes = f"{tuple(expected[0].shape)}; yours has {tuple(got[0].shape)}"
        return _tell(False, "shape", f"The result must have the shape {shapes}.")
    if _same(got, expected):
        return _tell(True, None, well_done[0].upper() + well_done[1:])
    here = next(i for i, pair in enumerate(zip(got, expected, strict=True)) if not _same(*pair))
    for mistake in known:
        for wrong in mistake.functions:
            if _same(got[: here + 1], outcome(wrong)[: here + 1]):
                return _tell(False, mistake.name, mistake.hint)
    what = f"{example} " if here == 0 else ""
    return _tell(
        False,
        "unknown",
        f"{what}I expected {_numbers(expected[here])} and got {_numbers(got[here])}. "
        "This is no mistake that I know; compare with the formula term by term.",
    )


class _Unfinished(Exception):
    """The function returned nothing: its body is still `...` or `pass`."""


class _WrongShape(Exception):
    """The function returned a tensor of a shape that makes no sense."""


_UNFINISHED = "Nothing to check yet: write the function, then run its cell again."


def _tell(passed: bool, mistake: str | None, message: str) -> Result:
    """Print what was found, and return it."""
    print(("✓ " if passed else "✗ " if mistake != "unfinished" else "… ") + message)
    return Result(passed, mistake, message)


def _tensor(value: Any) -> Tensor:
    """What the learner's function returned, as a tensor."""
    if value is None or value is Ellipsis:
        raise _Unfinished
    return value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float32)


def _loss_and_gradient(value: Any, logprobs: Tensor) -> Tensor:
    """The loss and d loss / d logprobs in one row; the latter NaN where nothing can flow back."""
    loss = _tensor(value)
    if loss.dim():
        raise _WrongShape(f"A loss is one number; yours has the shape {tuple(loss.shape)}.")
    gradient = None
    if loss.requires_grad:
        (gradient,) = torch.autograd.grad(loss, logprobs, allow_unused=True)
    if gradient is None:
        gradient = torch.full_like(logprobs, float("nan"))
    return torch.cat([loss.detach().reshape(1), gradient.flatten()])


def _same(got: Outcome | Tensor, expected: Outcome | Tensor) -> bool:
    """Equal within 1e-3, so that no choice of a small epsilon decides; NaN equals NaN."""
    if isinstance(got, Tensor) and isinstance(expected, Tensor):
        return got.shape == expected.shape and torch.allclose(
            got.float(), expected.float(), atol=1e-3, rtol=1e-3, equal_nan=True
        )
    return all(_same(g, e) for g, e in zip(got, expected, strict=True))


def _numbers(values: Tensor) -> str:
    """At most eight numbers, with two or three decimals."""
    flat = values.detach().flatten().tolist()
    shown = ", ".join(f"{v:.3g}" for v in flat[:8])
    return f"[{shown}{', …' if len(flat) > 8 else ''}]" if values.dim() else f"{flat[0]:.4g}"


def _explain(error: Exception) -> str:
    """What the learner's function raised, and what that usually means."""
    text = f"Your function raised {type(error).__name__}: {error}"
    if "must match the size" in str(error) or "broadcast" in str(error):
        text += (
            "\n  The shapes do not fit. To combine one number a row with a whole row, keep its "
            "dimension: (N,) becomes (N, 1) by `keepdim=True` or `.unsqueeze(1)`."
        )
    return text
