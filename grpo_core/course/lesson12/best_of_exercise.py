"""Exercise 2 of lesson 12: the best of n."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import WrongShape, returned, tensor


def my_best_of(proxy: Tensor, truth: Tensor, n: int) -> Tensor:
    """Return the mean truth of the best of n; inputs are (N, G)."""
    best = proxy[:, :n].argmax(dim=1)
    rows = torch.arange(len(proxy))
    return truth[rows, best].mean()


_PROXY = torch.tensor(
    [[0.2, 0.5, 0.1, 0.9], [0.7, 0.1, 0.8, 0.3], [0.4, 0.6, 0.0, 0.5], [0.1, 0.0, 0.2, 0.3]]
)
_TRUTH = torch.tensor([[1.0, 0.6, 1, 0], [0, 1, 0.5, 1], [0, 0.75, 0.25, 0.5], [0, 0.25, 1, 0]])
_TIED = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.2, 0.5, 0.5, 0.1]])
_TIED_TRUTH = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 1]])


def _best(
    n: int, proxy: Tensor = _PROXY, truth: Tensor = _TRUTH
) -> Callable[[Callable[..., Any]], Any]:
    def run(function: Callable[..., Any]) -> Any:
        got = tensor(returned(function(proxy.clone(), truth.clone(), n)))
        if got.numel() != 1:
            raise WrongShape(
                f"Return one number, a mean over groups; yours has the shape {tuple(got.shape)}."
            )
        return float(got)

    return run


best_of = Exercise(
    "12",
    "best_of",
    solution_function=my_best_of,
    cases=[
        Case("For four groups of four and n = 3", _best(3)),
        Case("For the same groups and n = 1", _best(1)),
        Case("For the same groups and n = 4", _best(4)),
        Case("For two groups in which the highest proxies tie", _best(3, _TIED, _TIED_TRUTH)),
    ],
    hints=[
        "Restrict both to the first n columns. Which column has the row's highest proxy?",
        "`argmax(dim=1)` gives one column per row; two index tensors pick one element per row.",
    ],
    well_done="your best of n is right: chosen by the proxy, measured by the truth.",
)
