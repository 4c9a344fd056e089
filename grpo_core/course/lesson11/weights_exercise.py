"""Exercise 1 of lesson 11: the weights of completions."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor

# Three completions of 2, 3 and 5 tokens in a tensor of 6, where 12 would have been allowed: the
# longest, the width and the limit are three numbers.
_LENGTHS = (2, 3, 5)
_WIDTH, _LIMIT = 6, 12
_MASK = torch.arange(_WIDTH)[None] < torch.tensor(_LENGTHS)[:, None]


def my_weights(mask: torch.Tensor, how: str, max_length: int) -> torch.Tensor:
    """Return the weight of each token (B, T), 0 on padding."""
    if how == "sequence_mean":
        return mask / mask.sum(dim=1, keepdim=True) / len(mask)
    if how == "token_mean":
        return mask / mask.sum()
    return mask / (len(mask) * max_length)  # "constant"


def _weighed(how: str) -> Callable[[Callable[..., Any]], Tensor]:
    return lambda f: tensor(f(_MASK.clone(), how, _LIMIT)).float()


weights = Exercise(
    "11",
    "weights",
    solution_function=my_weights,
    cases=[
        Case('For completions of 2, 3 and 5 tokens, "sequence_mean"', _weighed("sequence_mean")),
        Case('For the same three, "token_mean"', _weighed("token_mean")),
        Case('For the same three, "constant" with a limit of 12', _weighed("constant")),
    ],
    hints=[
        "In each of the three a token's weight is 1 over a divisor. Only the divisor differs: it "
        "is a column in the first, and one number in the other two.",
        "Sum the weights of a whole batch, in your head: 1 in the first (each completion has "
        "1/B), 1 in the second, and below 1 in the third, since no completion reached the limit.",
        "`mask.sum(dim=1, keepdim=True)` has the lengths as a column. A mask divided by a number "
        "is automatically 0 on padding.",
    ],
    well_done="your weights are right: by completion, by token, and by a constant.",
)
