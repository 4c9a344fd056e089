"""Every closed form of the registry says what autograd makes of its torch function."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.advantages import ADVANTAGES, EPS, Advantage
from grpo_core.algorithm.aggregation import AGGREGATIONS, BatchSize
from grpo_core.algorithm.kl import KL_ESTIMATORS
from grpo_core.algorithm.levels import LEVELS, importance_ratio
from grpo_core.algorithm.method import Numbers, Tokens
from grpo_core.algorithm.methods import METHODS, NUMBERS
from grpo_core.algorithm.variant import Variant
from grpo_core.core.errors import LabError
from grpo_core.core.options import POSITIVE

LOG_RATIOS = st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-3), max_size=6)
LEVELS_OF = [
    (method, level)
    for method in METHODS
    for level in LEVELS
    if level == "token" or not METHODS[method].own_ratio
]


def two_choices(method: str) -> list[dict[str, float | None]]:
    """The method's numbers as they are by default, and each moved."""
    taken = METHODS[method].numbers
    plain = {number.name: number.default for number in taken}
    if "epsilon_high" in plain and method == "cispo":
        plain["epsilon_high"] = 1.5  # a cap is above 1
    moved = {
        name: 1.6 if value is None else value * 0.5 if name == "epsilon" else value * 1.5
        for name, value in plain.items()
    }
    return [plain, moved | ({"epsilon_high": 0.4} if "delta" in moved else {})]


CASES = [
    pytest.param(method, level, numbers, id=f"{method}-{level}-{i}")
    for method, level in LEVELS_OF
    for i, numbers in enumerate(two_choices(method))
]


@pytest.mark.parametrize(("method", "level", "numbers"), CASES)
@given(log_ratios=LOG_RATIOS, advantage=st.sampled_from([-2.0, 0.0, 0.5]))
def test_a_surrogate_and_its_slope(
    method: str, level: str, numbers: Numbers, log_ratios: list[float], advantage: float
) -> None:
    """Sum over the tokens of the surrogate, and its derivative by each log-probability."""
    size, record = len(log_ratios), METHODS[method]
    logprobs = torch.linspace(-2, -0.5, size, dtype=torch.float64)[None].requires_grad_()
    old = logprobs.detach() - torch.tensor([log_ratios], dtype=torch.float64)
    mask = torch.ones(1, size, dtype=torch.bool)
    advantages = torch.full((1, 1), advantage, dtype=torch.float64)
    ratio = importance_ratio(logprobs, old, mask, level)
    surrogate = record.maximised(
        *(ratio, advantages),
        **{"logprobs": logprobs, "log_ratio": logprobs - old, "mask": mask, **numbers},
    ).expand(1, size)
    slope = torch.zeros(1, size)
    if surrogate.requires_grad and size:
        (slope,) = torch.autograd.grad(surrogate.sum(), logprobs)

    log_ratio = (logprobs - old).detach().numpy()[0]
    tokens = Tokens(
        logprobs.detach().numpy()[0],
        log_ratio,
        LEVELS[level].closed_form(log_ratio),
        np.full(size, advantage),
        LEVELS[level].moved(size),
    )
    value, closed_slope = record.closed_form(tokens, numbers)
    np.testing.assert_allclose(tokens.ratio, ratio.detach().expand(1, size)[0], rtol=1e-12)
    np.testing.assert_allclose(value, surrogate.detach()[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(closed_slope, slope[0], rtol=1e-9, atol=1e-12)
    if record.counted is None or not record.held:
        return
    held = record.counted(tokens.ratio, tokens.log_ratio, tokens.advantages, numbers)[record.held]
    assert (closed_slope[held] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_surrogate_takes_the_numbers_that_its_method_declares(method: str) -> None:
    record = METHODS[method]
    assert {number.name for number in record.numbers} <= record.parameters
    others = record.parameters - {number.name for number in record.numbers}
    assert others <= {"ratio", "advantages", "logprobs", "log_ratio", "mask"}


@pytest.mark.parametrize("method", METHODS)
def test_the_symbols_of_a_method_have_values(method: str) -> None:
    numbers = {number.name: number.default for number in METHODS[method].numbers}
    for advantage in (-1.0, 0.0, 1.0):
        terms = {"advantage": advantage, "ratio": 1.1, "surrogate": 2.2, "slope": 3.3}
        for name, symbol in METHODS[method].symbols.items():
            value = symbol.value(terms, numbers)
            # a bound that is not set, and what is left of a division by 0, have none
            assert math.isnan(value) == (name == "delta" or (name in DIVIDED and advantage == 0))
        assert METHODS[method].in_words(numbers)


DIVIDED = ("phi", "whole")


@given(st.floats(-4, 4))
@pytest.mark.parametrize("name", KL_ESTIMATORS)
def test_a_kl_estimate_and_its_slope(name: str, d: float) -> None:
    leaf = torch.tensor([d], dtype=torch.float64, requires_grad=True)
    estimate = KL_ESTIMATORS[name](leaf, torch.zeros(1, dtype=torch.float64))
    (slope,) = torch.autograd.grad(estimate.sum(), leaf)
    value, closed_slope = KL_ESTIMATORS[name].closed_form(np.array([d]))
    np.testing.assert_allclose(value, estimate.detach(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(closed_slope, slope, rtol=1e-12, atol=1e-15)


@given(LOG_RATIOS, st.integers(0, 99))
@pytest.mark.parametrize("level", LEVELS)
def test_what_a_ratio_multiplies_is_gathered(
    level: str, log_ratios: list[float], seed: int
) -> None:
    """The derivative of sum_t ratio_t x_t is the ratio times what the level gathers of x."""
    size = len(log_ratios)
    x = torch.rand(1, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    logs = torch.tensor([log_ratios], dtype=torch.float64, requires_grad=True)
    mask = torch.ones(1, size, dtype=torch.bool)
    ratio = importance_ratio(logs, torch.zeros(1, size, dtype=torch.float64), mask, level)
    (slope,) = torch.autograd.grad((ratio * x).sum(), logs)
    closed = LEVELS[level].closed_form(np.array(log_ratios))
    gathered = closed * LEVELS[level].gathered(x[0].numpy())
    np.testing.assert_allclose(gathered, slope[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_what_a_token_counts(name: str) -> None:
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    values = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    AGGREGATIONS[name](values, mask, BatchSize.of(mask, 8)).backward()
    for row, length in enumerate((3, 1)):
        share = AGGREGATIONS[name].share(2, 4, length, 8)
        assert values.grad[row, 0].item() == pytest.approx(share)


@pytest.mark.parametrize("name", ADVANTAGES)
def test_what_the_difference_to_the_mean_is_divided_by(name: str) -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.5], [2.0, 0.0, 0.0]], dtype=torch.float64)
    choice = ADVANTAGES[name]
    assert isinstance(choice, Advantage)
    for own, advantages in zip(rewards.numpy(), choice(rewards).numpy(), strict=True):
        divisor = choice.divisor(own, rewards.numpy().ravel(), EPS)
        np.testing.assert_allclose((own - own.mean()) / divisor, advantages, rtol=1e-9)


@pytest.mark.parametrize("number", NUMBERS.values(), ids=str)
def test_a_number_is_held_to_its_bound(number) -> None:
    number.check(number.default)
    number.check(3.0)
    if not number.bound:
        return number.check(-1.0)
    with pytest.raises(LabError, match=f"{number.name} must be {number.bound}, not -1.0"):
        number.check(-1.0)
    if number.bound == POSITIVE:
        with pytest.raises(LabError, match="must be above 0"):
            number.check(0)
    else:
        number.check(0)


def test_where_the_kl_goes() -> None:
    places = [
        (Variant(), (False, False, False, 0.0)),
        (Variant(use_kl_in_reward=True), (False, False, False, 0.0)),
        (Variant(beta=0.1), (True, True, False, 0.1)),
        (Variant(beta=0.1, use_kl_in_reward=True), (True, False, True, 0.0)),
    ]
    for v, (reference, loss, reward, coefficient) in places:
        assert (v.needs_reference, v.kl_in_loss, v.kl_in_reward) == (reference, loss, reward)
        assert v.beta_in_loss == coefficient
