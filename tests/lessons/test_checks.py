"""Every planted mistake meets its own hint and no other; the solution passes; nothing raises."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.objective import Variant, grpo_objective
from grpo_core.lessons import checks, mistakes


def numpy_default(r: Tensor) -> Any:
    r = r.numpy()
    return (r - r.mean(1, keepdims=True)) / (r.std(1, keepdims=True) + 1e-4)


def exact_ties(r: Tensor) -> Tensor:
    a = torch.zeros_like(r)
    for i, row in enumerate(r):
        if row.max() > row.min():
            a[i] = (row - row.mean()) / row.std()
    return a


def nan_ties(r: Tensor) -> Tensor:
    d = r.double()  # exact enough for the mean of 0.7 to be 0.7
    d = (d - d.mean(1, keepdim=True)).round(decimals=9)
    return d / d.std(1, keepdim=True)


# Written as a learner would, and not copied from mistakes.py.
ADVANTAGES: list[tuple[str | None, Callable[[Tensor], Any]]] = [
    (None, group_advantages),
    (None, exact_ties),
    (None, lambda r: ((r.T - r.T.mean(0)) / (r.T.std(0) + 1e-4)).T),
    (None, lambda r: ((r - r.mean(1, keepdim=True)) / (r.std(1, keepdim=True) + 1e-4)).numpy()),
    ("population_std", numpy_default),
    ("whole_batch", lambda r: (r - r.mean()) / (r.std() + 1e-8)),
    ("whole_batch", lambda r: (r - torch.mean(r)) / (r.std(1, keepdim=True) + 1e-4)),
    ("wrong_axis", lambda r: (r - r.mean(0)) / (r.std(0) + 1e-4)),
    ("batch_std", lambda r: (r - r.mean(1, keepdim=True)) / (r.std() + 1e-4)),
    ("nan_on_ties", nan_ties),
    ("noise_on_ties", lambda r: (r - r.mean(1, keepdim=True)) / r.std(1, keepdim=True)),
    (
        "noise_on_ties",
        lambda r: (r - r.mean(-1, keepdim=True)) / (r.std(-1, keepdim=True) + 1e-8),
    ),
    ("sign", lambda r: -group_advantages(r)),
    ("not_divided", lambda r: group_advantages(r, "none")),
    ("not_centered", lambda r: r / (r.std(1, keepdim=True) + 1e-4)),
    ("variance", lambda r: (r - r.mean(1, keepdim=True)) / (r.var(1, keepdim=True) + 1e-4)),
    ("raised", lambda r: (r - r.mean(1)) / r.std(1)),
    ("raised", lambda r: r.nonsense),
    ("shape", lambda r: r.mean(1)),
    ("shape", lambda r: group_advantages(r).flatten()),
    ("unfinished", lambda r: None),
    ("unfinished", lambda r: ...),
    ("unknown", lambda r: torch.zeros_like(r) + 3),
]


def learner_loss(
    ratio: Callable[[Tensor, Tensor], Tensor] = lambda new, old: torch.exp(new - old.detach()),
    term: Callable[[Tensor, Tensor], Tensor] | None = None,
    mean: Callable[[Tensor, Tensor], Tensor] = lambda x, mask: x[mask].mean(),
) -> Callable[..., Any]:
    def loss(lp: Tensor, old: Tensor, a: Tensor, mask: Tensor, epsilon: float = 0.2) -> Any:
        rho, a = ratio(lp, old), a[:, None]
        if term is not None:
            return mean(-term(rho, a), mask)
        return mean(-torch.min(rho * a, torch.clip(rho, 1 - epsilon, 1 + epsilon) * a), mask)

    return loss


def kit_loss(lp: Tensor, old: Tensor, a: Tensor, mask: Tensor, epsilon: float = 0.2) -> Tensor:
    variant = Variant(epsilon_low=epsilon, epsilon_high=epsilon)
    return grpo_objective(lp, old, None, a, mask, variant)[0]


def row_mean(x: Tensor, mask: Tensor) -> Tensor:
    return torch.stack([row[m].mean() for row, m in zip(x, mask, strict=True)]).mean()


LOSSES: list[tuple[str | None, Callable[..., Any]]] = [
    (None, kit_loss),
    (None, learner_loss()),
    (None, learner_loss(ratio=lambda new, old: new.exp() / old.detach().exp())),
    ("sign", lambda *args: -kit_loss(*args)),
    ("no_mask", learner_loss(mean=lambda x, mask: x.mean())),
    ("mask_in_numerator_only", learner_loss(mean=lambda x, m: x.where(m, 0 * x).mean())),
    ("mask_in_denominator_only", learner_loss(mean=lambda x, mask: x.sum() / mask.sum())),
    ("no_detach", learner_loss(ratio=lambda new, old: torch.exp(new - old))),
    ("max", learner_loss(term=lambda r, a: torch.max(r * a, r.clip(0.8, 1.2) * a))),
    ("min_of_ratios", learner_loss(term=lambda r, a: torch.min(r, r.clip(0.8, 1.2)) * a)),
    ("no_clip", learner_loss(term=lambda r, a: r * a)),
    ("clip_without_min", learner_loss(term=lambda r, a: r.clip(0.8, 1.2) * a)),
    ("sequence_mean", learner_loss(mean=row_mean)),
    ("sum", learner_loss(mean=lambda x, mask: x[mask].sum())),
    ("ratio_upside_down", learner_loss(ratio=lambda new, old: torch.exp(old.detach() - new))),
    ("no_exp", learner_loss(ratio=lambda new, old: new - old.detach())),
    ("no_gradient", lambda *args: kit_loss(*args).item()),
    ("no_gradient", lambda *args: kit_loss(*args).detach()),
    ("no_gradient", learner_loss(ratio=lambda new, old: torch.exp(new.detach() - old.detach()))),
    ("raised", lambda lp, old, a, mask: (lp.exp() * a).sum()),
    ("shape", learner_loss(mean=lambda x, mask: x * mask)),
    ("unfinished", lambda lp, old, a, mask: None),
    ("unknown", learner_loss(term=lambda r, a: r.sqrt() * a)),
]

CASES = [("advantages", checks.advantages, *case) for case in ADVANTAGES] + [
    ("clipped_loss", checks.clipped_loss, *case) for case in LOSSES
]
NAMES = [
    f"{exercise}-{mistake or 'right'}-{i}" for i, (exercise, _, mistake, _) in enumerate(CASES)
]


@pytest.mark.parametrize(("exercise", "check", "mistake", "function"), CASES, ids=NAMES)
def test_each_attempt_meets_its_own_hint(
    exercise: str,
    check: Callable[..., checks.Result],
    mistake: str | None,
    function: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = check(function)
    assert result.mistake == mistake, result.message
    assert result.passed is (mistake is None)
    mark = {None: "✓ ", "unfinished": "… "}.get(mistake, "✗ ")
    assert capsys.readouterr().out == f"{mark}{result.message}\n"


@pytest.mark.parametrize("known", [mistakes.ADVANTAGES, mistakes.CLIPPED_LOSS])
def test_every_known_mistake_is_planted_above(known: tuple[mistakes.Mistake, ...]) -> None:
    planted = {case[0] for case in (ADVANTAGES if known is mistakes.ADVANTAGES else LOSSES)}
    assert {mistake.name for mistake in known} <= planted


@pytest.mark.parametrize(
    ("check", "known"),
    [
        (checks.advantages, mistakes.ADVANTAGES),
        (checks.clipped_loss, mistakes.CLIPPED_LOSS),
    ],
)
def test_no_two_mistakes_look_the_same(
    check: Callable[..., checks.Result], known: tuple[mistakes.Mistake, ...]
) -> None:
    for mistake in known:
        for function in mistake.functions:
            assert check(function).mistake == mistake.name


def test_a_stub_that_is_not_written_yet_is_no_mistake() -> None:
    def stub(rewards: Tensor) -> Tensor:
        raise NotImplementedError

    result = checks.advantages(stub)
    assert (result.passed, result.mistake) == (False, "unfinished")
    assert "yet" in result.message


@pytest.mark.parametrize("value", ["text", object(), [[1.0], [2.0, 3.0]], np.zeros((3, 4))])
def test_whatever_a_function_returns_the_check_does_not_raise(value: Any) -> None:
    assert not checks.advantages(lambda r: value).passed
    assert not checks.clipped_loss(lambda *args: value).passed


def test_a_shape_error_is_explained() -> None:
    assert "keepdim=True" in checks.advantages(lambda r: r - r.mean(1)).message


def test_the_learners_function_cannot_spoil_the_inputs() -> None:
    def greedy(r: Tensor) -> Tensor:
        a = group_advantages(r)
        r.zero_()
        return a

    assert checks.advantages(greedy).passed
