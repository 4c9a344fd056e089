"""Invariants 4, 8 to 13 and 15, for the objective as a whole."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.aggregation import AGGREGATIONS, BatchSize
from grpo_core.algorithm.logprobs import completion_mask, token_logprobs
from grpo_core.algorithm.methods import LOSS_TYPES
from grpo_core.algorithm.methods import METHODS as registry
from grpo_core.algorithm.objective import grpo_objective, token_push
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError

L = 12  # max_completion_length
EXACT = ["sequence_mean", "token_mean", "constant", "length_weighted"]  # under accumulation
METHODS = {
    name: Variant(**switches)
    for name, switches in {
        "gspo": {"importance_sampling_level": "sequence", "epsilon": 0.03, "epsilon_high": 0.04},
        "gspo_token": {
            "importance_sampling_level": "sequence_token",
            "epsilon": 0.03,
            "epsilon_high": 0.04,
        },
        "rloo": {"importance_sampling_level": "sequence_sum", "scale_rewards": "loo"},
        "luspo": {"importance_sampling_level": "sequence", "aggregation": "length_weighted"},
        "cispo": {"surrogate": "cispo", "epsilon_high": 1.1},
        "cispo_sequence": {
            "surrogate": "cispo",
            "importance_sampling_level": "sequence",
            "epsilon_high": 1.1,
        },
        "sapo": {"surrogate": "sapo", "aggregation": "sequence_mean"},
        "vespo": {"surrogate": "vespo"},
        "gmpo": {
            "surrogate": "gmpo",
            "aggregation": "sequence_mean",
            "epsilon": 0.4,
            "epsilon_high": 0.4,
        },
        "reinforce": {"surrogate": "none", "aggregation": "length_weighted"},
        "two_sided": {"delta": 1.5},
    }.items()
}
METHODS |= {  # a method that is new is among them
    name: Variant(surrogate=name, aggregation=next(iter(method.loss_types.values())))
    for name, method in registry.items()
    if name not in {variant.surrogate for variant in METHODS.values()}
}
EVERY_METHOD = pytest.mark.parametrize("method", list(METHODS))
EVERY_AGGREGATION = pytest.mark.parametrize("aggregation", list(AGGREGATIONS))


def batch(seed: int, groups: int = 2, g: int = 4, width: int = 6) -> dict[str, torch.Tensor]:
    """Ragged float64 completions, off policy, none of the ratios within 0.01 of a clip bound."""
    generator = torch.Generator().manual_seed(seed)
    b = groups * g
    logprobs = -3 * torch.rand(b, width, generator=generator, dtype=torch.float64)
    steps = torch.tensor([-0.6, -0.3, -0.1, 0.0, 0.1, 0.25, 0.6], dtype=torch.float64)
    drift = steps[torch.randint(len(steps), (b, width), generator=generator)]
    noise = 0.02 * torch.rand(b, width, generator=generator, dtype=torch.float64)
    lengths = torch.randint(1, width + 1, (b, 1), generator=generator)
    rewards = torch.randint(0, 3, (groups, g), generator=generator).double()
    return {
        "logprobs": logprobs,
        "old_logprobs": logprobs - drift - noise,
        "ref_logprobs": logprobs - torch.rand(b, width, generator=generator, dtype=torch.float64),
        "advantages": group_advantages(rewards).flatten(),
        "mask": torch.arange(width) < lengths,
    }


def loss_and_push(
    tensors: dict[str, torch.Tensor], variant: Variant, size: BatchSize | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    size = size or BatchSize.of(tensors["mask"], L)
    loss, _ = grpo_objective(**tensors, variant=variant, size=size)
    return loss, token_push(**tensors, variant=variant, size=size)


def rows(tensors: dict[str, torch.Tensor], index: Any) -> dict[str, torch.Tensor]:
    return {name: tensor[index] for name, tensor in tensors.items()}


# --- on policy ------------------------------------------------------------------------------------


@EVERY_AGGREGATION
@given(seed=st.integers(0, 500))
def test_on_policy_each_token_is_pushed_by_its_advantage_alone(aggregation: str, seed: int) -> None:
    b = batch(seed) | {"ref_logprobs": None}
    size = BatchSize.of(b["mask"], L)
    variant = Variant(aggregation=aggregation)
    explicit = loss_and_push(b | {"old_logprobs": b["logprobs"].clone()}, variant)
    loss, push = loss_and_push(b | {"old_logprobs": None}, variant)
    torch.testing.assert_close((loss, push), explicit)

    lengths = b["mask"].sum(1)
    a = b["advantages"]
    weight = {
        "sequence_mean": 1 / lengths / size.sequences,
        "token_mean": torch.full_like(a, 1 / size.tokens),
        "local_token_mean": torch.full_like(a, 1 / size.tokens),
        "constant": torch.full_like(a, 1 / (size.sequences * L)),
        "length_weighted": torch.full_like(a, 1 / size.sequences),
    }[aggregation]
    torch.testing.assert_close(push, (a * weight).unsqueeze(1) * b["mask"])
    torch.testing.assert_close(loss, -(a * weight * lengths).sum())
    if a.ne(0).any():
        assert push.ne(0).any()


def test_on_policy_the_loss_is_zero_for_sequence_mean_and_only_there() -> None:
    b = batch(3) | {"old_logprobs": None, "ref_logprobs": None}
    losses = {name: loss_and_push(b, Variant(aggregation=name))[0] for name in AGGREGATIONS}
    assert abs(losses.pop("sequence_mean")) < 1e-12
    assert all(abs(loss) > 1e-3 for loss in losses.values())


@given(st.integers(0, 500))
def test_the_temperature_belongs_to_the_policy(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
    ids = torch.randint(5, (4, 3), generator=generator)
    a = group_advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)).flatten()
    old, _ = token_logprobs(logits, ids, temperature=0.7)
    leaf = logits.clone().requires_grad_()
    lp, _ = token_logprobs(leaf, ids, temperature=0.7)
    loss, stats = grpo_objective(lp, old, old, a, ids >= 0, Variant(beta=0.1))
    assert stats["kl"] == 0 and stats["clip_ratio/region_mean"] == 0
    # d log softmax(z / T)[o] / dz = (1[o] - pi) / T
    (gradient,) = torch.autograd.grad(loss, leaf)
    pi = (logits / 0.7).softmax(-1)
    one_hot = torch.nn.functional.one_hot(ids, 5)
    torch.testing.assert_close(gradient, -a.view(4, 1, 1) / 12 * (one_hot - pi) / 0.7)


# --- off policy, with KL --------------------------------------------------------------------------


@EVERY_AGGREGATION
@pytest.mark.parametrize("kl", ["k1", "k2", "k3"])
@pytest.mark.parametrize("seed", range(4))
def test_finite_differences(aggregation: str, kl: str, seed: int) -> None:
    b = batch(seed)
    logprobs = b.pop("logprobs").requires_grad_()
    variant = Variant(aggregation=aggregation, kl_estimator=kl, beta=0.3, epsilon_high=0.28)
    size = BatchSize.of(b["mask"], L)
    _, stats = grpo_objective(logprobs, **b, variant=variant, size=size)
    assert stats["clip_ratio/low_mean"] > 0 and stats["clip_ratio/high_mean"] > 0

    def loss(lp: torch.Tensor) -> torch.Tensor:
        return grpo_objective(lp, **b, variant=variant, size=size)[0]

    assert torch.autograd.gradcheck(loss, (logprobs,))


@given(st.integers(0, 500))
def test_the_clip_stops_exactly_the_tokens_that_the_stats_count(seed: int) -> None:
    b = batch(seed) | {"ref_logprobs": None}
    variant = Variant(epsilon=0.2, epsilon_high=0.28)
    _, stats = grpo_objective(**b, variant=variant)
    _, push = loss_and_push(b, variant)
    rho = (b["logprobs"] - b["old_logprobs"]).exp()
    a = b["advantages"].unsqueeze(1).expand_as(rho)
    low, high = (a < 0) & (rho < 0.8) & b["mask"], (a > 0) & (rho > 1.28) & b["mask"]
    tokens = b["mask"].sum()
    assert stats["clip_ratio/low_mean"].item() == pytest.approx((low.sum() / tokens).item())
    assert stats["clip_ratio/high_mean"].item() == pytest.approx((high.sum() / tokens).item())
    assert stats["clip_ratio/region_mean"].item() == pytest.approx(
        ((low | high).sum() / tokens).item()
    )
    torch.testing.assert_close(push, (a * rho / tokens).masked_fill(low | high | ~b["mask"], 0.0))


def test_the_kl_is_reported_with_beta_zero_and_pulls_only_above() -> None:
    b = batch(1)
    kl = (b["ref_logprobs"] - b["logprobs"]).exp() + b["logprobs"] - b["ref_logprobs"] - 1
    mean = (kl * b["mask"]).sum() / b["mask"].sum()
    free, free_stats = grpo_objective(**b, variant=Variant())
    held, held_stats = grpo_objective(**b, variant=Variant(beta=0.5))
    assert free_stats["kl"].item() == pytest.approx(mean.item())
    assert held_stats["kl"].item() == pytest.approx(mean.item())
    torch.testing.assert_close(held, free + 0.5 * mean)
    without, stats = grpo_objective(**(b | {"ref_logprobs": None}), variant=Variant())
    assert without == free and "kl" not in stats


def test_nothing_but_the_policy_gets_a_gradient() -> None:
    b = {k: v.requires_grad_() if v.is_floating_point() else v for k, v in batch(1).items()}
    loss, stats = grpo_objective(**b, variant=Variant(beta=0.1))
    loss.backward()
    assert b["logprobs"].grad.abs().sum() > 0
    for name in ("old_logprobs", "ref_logprobs", "advantages"):
        assert b[name].grad is None
    assert not any(value.requires_grad for value in stats.values())


# --- every method ---------------------------------------------------------------------------------


@EVERY_METHOD
@given(seed=st.integers(0, 500))
def test_on_policy_every_method_pushes_by_the_advantage(method: str, seed: int) -> None:
    b = batch(seed) | {"old_logprobs": None, "ref_logprobs": None}
    variant = METHODS[method]
    push = loss_and_push(b, variant)[1]
    expected = loss_and_push(b, Variant(aggregation=variant.aggregation))[1]
    if variant.importance_sampling_level == "sequence_sum":  # a token carries all tokens' gradient
        expected = expected * b["mask"].sum(1, keepdim=True)
    torch.testing.assert_close(push, expected)


@EVERY_METHOD
@given(
    seed=st.integers(0, 500),
    pad=st.tuples(st.integers(0, 3), st.integers(0, 3), st.just(0), st.integers(0, 2)),
)
def test_padding_changes_no_method(method: str, seed: int, pad: tuple[int, int, int, int]) -> None:
    b = batch(seed) | {"ref_logprobs": None}
    padded = {
        name: torch.nn.functional.pad(b[name], pad, value=junk)
        for name, junk in [
            ("logprobs", float("nan")),
            ("old_logprobs", -float("inf")),
            ("mask", False),
        ]
    }
    padded["advantages"] = torch.nn.functional.pad(b["advantages"], (0, pad[3]), value=7.0)
    padded["ref_logprobs"] = None
    loss, push = loss_and_push(b, METHODS[method])
    padded_loss, padded_push = loss_and_push(padded, METHODS[method])
    torch.testing.assert_close(padded_loss, loss)
    torch.testing.assert_close(padded_push, torch.nn.functional.pad(push, pad))
    _, stats = grpo_objective(**b, variant=METHODS[method])
    _, padded_stats = grpo_objective(**padded, variant=METHODS[method])
    torch.testing.assert_close(padded_stats, stats)


@EVERY_METHOD
@given(seed=st.integers(0, 500), cuts=st.sets(st.integers(1, 8), max_size=4))
def test_accumulation_is_exact_for_every_method(method: str, seed: int, cuts: set[int]) -> None:
    b = batch(seed)
    variant = replace(METHODS[method], beta=0.1)
    size = BatchSize.of(b["mask"], L)
    whole, stats = grpo_objective(**b, variant=variant, size=size)
    edges = [0, *sorted(cuts), 8]
    parts = [rows(b, slice(i, j)) for i, j in itertools.pairwise(edges)]
    results = [grpo_objective(**part, variant=variant, size=size) for part in parts]
    torch.testing.assert_close(sum(loss for loss, _ in results), whole)
    for name, value in stats.items():
        torch.testing.assert_close(sum(s[name] for _, s in results), value)


@EVERY_METHOD
def test_a_masked_batch_gives_zero_by_every_method(method: str) -> None:
    b = batch(0)
    b["mask"] = torch.zeros_like(b["mask"])
    loss, stats = grpo_objective(**b, variant=METHODS[method])
    assert loss == 0 and all(value == 0 for value in stats.values())
    assert loss_and_push(b, METHODS[method])[1].eq(0).all()


@pytest.mark.parametrize(
    "method", ["gspo", "rloo", "luspo", "sapo", "gmpo", "reinforce", "two_sided"]
)
@pytest.mark.parametrize("seed", range(2))
def test_finite_differences_where_nothing_is_held_constant(method: str, seed: int) -> None:
    b = batch(seed)
    logprobs = b.pop("logprobs").requires_grad_()
    variant = replace(METHODS[method], beta=0.3)

    def loss(lp: torch.Tensor) -> torch.Tensor:
        return grpo_objective(lp, **b, variant=variant)[0]

    assert torch.autograd.gradcheck(loss, (logprobs,))


@given(st.integers(0, 500))
def test_gspo_by_tokens_is_gspo(seed: int) -> None:
    b = batch(seed)
    gspo = replace(METHODS["gspo"], aggregation="sequence_mean", beta=0.1)
    by_token = replace(gspo, importance_sampling_level="sequence_token")
    torch.testing.assert_close(loss_and_push(b, by_token), loss_and_push(b, gspo))


@given(st.integers(0, 500))
def test_gmpo_counts_the_tokens_that_it_stops(seed: int) -> None:
    b = batch(seed) | {"ref_logprobs": None}
    _, stats = grpo_objective(**b, variant=METHODS["gmpo"])
    push = loss_and_push(b, METHODS["gmpo"])[1]
    a = b["advantages"].unsqueeze(1)
    stopped = ((push == 0) & b["mask"] & (a != 0)).sum() / b["mask"].sum()
    assert stats["clip_ratio/region_mean"].item() == pytest.approx(stopped.item())


def test_the_ratio_weighs_the_kl_where_that_is_asked_for() -> None:
    b = batch(4)
    ratio = (b["logprobs"] - b["old_logprobs"]).exp()
    kl = (b["ref_logprobs"] - b["logprobs"]).exp() + b["logprobs"] - b["ref_logprobs"] - 1
    tokens = b["mask"].sum()
    free, _ = grpo_objective(**b, variant=Variant())
    for weighted, weight in ((False, 1.0), (True, ratio)):
        variant = Variant(beta=0.5, use_bias_correction_kl=weighted)
        loss, stats = grpo_objective(**b, variant=variant)
        expected = free + 0.5 * (weight * kl * b["mask"]).sum() / tokens
        torch.testing.assert_close(loss, expected)
        # the metric is the KL itself either way (TRL logs the weighted one)
        assert stats["kl"].item() == pytest.approx(((kl * b["mask"]).sum() / tokens).item())


def test_a_kl_in_the_reward_is_not_in_the_loss() -> None:
    b = batch(1)
    free = loss_and_push(b, Variant())
    torch.testing.assert_close(loss_and_push(b, Variant(beta=0.5, use_kl_in_reward=True)), free)
    without = b | {"ref_logprobs": None}
    loss, _ = grpo_objective(**without, variant=Variant(beta=0.5, use_kl_in_reward=True))
    torch.testing.assert_close(loss, free[0])


# --- the entropy bonus ----------------------------------------------------------------------------


def with_entropy(seed: int, coef: float, aggregation: str) -> tuple[torch.Tensor, Any, int]:
    """Logits, and the loss as a function of them; how many tokens count."""
    b = batch(seed, width=3)
    b = {k: v for k, v in b.items() if k != "logprobs"}
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(8, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    ids = torch.randint(5, (8, 3), generator=generator)
    variant = Variant(aggregation=aggregation, entropy_coef=coef)

    def loss(logits: torch.Tensor) -> torch.Tensor:
        logprobs, entropy = token_logprobs(logits, ids, 0.8, entropy_gradient=True)
        size = BatchSize.of(b["mask"], L)
        return grpo_objective(logprobs, **b, variant=variant, size=size, entropy=entropy)[0]

    return logits, loss, int(b["mask"].sum())


@EVERY_AGGREGATION
def test_the_gradient_of_the_entropy_bonus_by_finite_differences(aggregation: str) -> None:
    logits, loss, _ = with_entropy(5, 0.3, aggregation)
    assert torch.autograd.gradcheck(loss, (logits,))


@EVERY_AGGREGATION
def test_the_entropy_bonus_is_the_mean_over_tokens_whatever_the_aggregation(
    aggregation: str,
) -> None:
    logits, loss, tokens = with_entropy(5, 0.3, aggregation)
    _, plain, _ = with_entropy(5, 0.0, aggregation)
    p = (logits / 0.8).softmax(-1)
    mask = batch(5, width=3)["mask"]
    mean = (-(p * p.log()).sum(-1) * mask).sum() / tokens
    torch.testing.assert_close(loss(logits), plain(logits) - 0.3 * mean)
    # more entropy is a smaller loss: a step down the gradient flattens the policy
    (bonus,) = torch.autograd.grad(loss(logits) - plain(logits), logits)
    flatter = ((logits - bonus) / 0.8).softmax(-1)
    assert (-(flatter * flatter.log()).sum(-1) * mask).sum() / tokens > mean


@given(seed=st.integers(0, 50), cuts=st.sets(st.integers(1, 8), max_size=3))
def test_the_entropy_bonus_accumulates_exactly_and_ignores_padding(
    seed: int, cuts: set[int]
) -> None:
    b = batch(seed)
    entropy = torch.rand(b["mask"].shape, dtype=torch.float64)
    b["entropy"] = entropy.masked_fill(~b["mask"], float("nan"))
    variant, size = Variant(entropy_coef=0.5), BatchSize.of(b["mask"], L)
    whole, _ = grpo_objective(**b, variant=variant, size=size)
    edges = [0, *sorted(cuts), 8]
    parts = [rows(b, slice(i, j)) for i, j in itertools.pairwise(edges)]
    summed = sum(grpo_objective(**part, variant=variant, size=size)[0] for part in parts)
    torch.testing.assert_close(summed, whole)


# --- order, padding, micro-batches ----------------------------------------------------------------


@EVERY_AGGREGATION
@given(seed=st.integers(0, 500), data=st.data())
def test_the_order_of_completions_does_not_matter(
    aggregation: str, seed: int, data: st.DataObject
) -> None:
    b = batch(seed)
    variant = Variant(aggregation=aggregation, beta=0.1)
    order = list(data.draw(st.permutations(range(8))))
    loss, push = loss_and_push(b, variant)
    shuffled = loss_and_push(rows(b, order), variant)
    torch.testing.assert_close(shuffled, (loss, push[order]))


@EVERY_AGGREGATION
@given(
    seed=st.integers(0, 500),
    pad=st.tuples(st.integers(0, 3), st.integers(0, 3), st.just(0), st.integers(0, 2)),
)
def test_padding_changes_nothing_whatever_it_holds(
    aggregation: str, seed: int, pad: tuple[int, int, int, int]
) -> None:
    b = batch(seed)
    variant = Variant(aggregation=aggregation, beta=0.1)
    padded = {
        name: torch.nn.functional.pad(b[name], pad, value=junk)
        for name, junk in [
            ("logprobs", float("nan")),
            ("old_logprobs", -float("inf")),
            ("ref_logprobs", float("inf")),
            ("mask", False),
        ]
    }
    padded["advantages"] = torch.nn.functional.pad(b["advantages"], (0, pad[3]), value=7.0)
    loss, push = loss_and_push(b, variant)
    padded_loss, padded_push = loss_and_push(padded, variant)
    torch.testing.assert_close(padded_loss, loss)
    torch.testing.assert_close(padded_push, torch.nn.functional.pad(push, pad))


@given(st.integers(0, 500))
def test_what_lies_under_the_mask_changes_nothing(seed: int) -> None:
    b = batch(seed)
    junk = {
        name: tensor.masked_fill(~b["mask"], float("nan"))
        for name, tensor in b.items()
        if name.endswith("logprobs")
    }
    variant = Variant(beta=0.1)
    torch.testing.assert_close(loss_and_push(b | junk, variant), loss_and_push(b, variant))


def test_the_end_token_is_pushed_and_nothing_after_it() -> None:
    eos, pad = 9, 9  # the tokenizer that pads with its end token
    ids = torch.tensor([[1, 2, eos, pad], [1, eos, pad, pad]])
    lp = torch.full((2, 4), -1.0)
    a = torch.tensor([1.0, -1.0])
    push = token_push(lp, None, None, a, completion_mask(ids, eos), Variant())
    expected = torch.tensor([[0.2, 0.2, 0.2, 0.0], [-0.2, -0.2, 0.0, 0.0]])
    torch.testing.assert_close(push, expected)


@pytest.mark.parametrize("aggregation", EXACT)
@given(seed=st.integers(0, 500), cuts=st.sets(st.integers(1, 8), max_size=4))
def test_gradient_accumulation_is_exact(aggregation: str, seed: int, cuts: set[int]) -> None:
    b = batch(seed)
    variant = Variant(aggregation=aggregation, beta=0.1)
    size = BatchSize.of(b["mask"], L)
    whole, stats = grpo_objective(**b, variant=variant, size=size)
    edges = [0, *sorted(cuts), 8]  # an edge at 8 twice makes an empty micro-batch
    parts = [rows(b, slice(i, j)) for i, j in itertools.pairwise(edges)]
    results = [grpo_objective(**part, variant=variant, size=size) for part in parts]
    torch.testing.assert_close(sum(loss for loss, _ in results), whole)
    for name, value in stats.items():
        torch.testing.assert_close(sum(s[name] for _, s in results), value)
    pushes = [token_push(**part, variant=variant, size=size) for part in parts]
    torch.testing.assert_close(torch.cat(pushes), loss_and_push(b, variant, size)[1])


@EVERY_AGGREGATION
def test_a_batch_that_is_masked_as_a_whole_gives_zero(aggregation: str) -> None:
    b = batch(0)
    b["mask"] = torch.zeros_like(b["mask"])
    variant = Variant(aggregation=aggregation, beta=0.1)
    loss, stats = grpo_objective(**b, variant=variant, size=BatchSize.of(b["mask"], L))
    assert loss == 0 and all(value == 0 for value in stats.values())
    assert loss_and_push(b, variant)[1].eq(0).all()


def test_one_advantage_a_token_is_as_good_as_one_a_completion() -> None:
    b = batch(2)
    spread = b | {"advantages": b["advantages"].unsqueeze(1).expand_as(b["logprobs"])}
    torch.testing.assert_close(loss_and_push(spread, Variant()), loss_and_push(b, Variant()))


def test_a_push_can_be_asked_for_while_gradients_are_off() -> None:
    b = batch(2)
    with torch.no_grad():
        push = token_push(**b, variant=Variant())
    torch.testing.assert_close(push, loss_and_push(b, Variant())[1])


# --- the toy bandit -------------------------------------------------------------------------------


class Bandit:
    """Two tokens from an alphabet of two or three, each completion with a reward of its own.

    Everything can be enumerated: the expected reward, and the GRPO loss over every possible group.
    """

    def __init__(self, v: int = 2, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.theta = torch.randn(v + 1, v, generator=generator, dtype=torch.float64)
        self.theta.requires_grad_()  # row 0: the first token; row 1 + a: the second after an a
        self.completions = list(itertools.product(range(v), repeat=2))
        self.rewards = torch.rand(len(self.completions), generator=generator).double()

    def logprobs(self) -> torch.Tensor:
        """(K, 2): log-probs of both tokens of each of the K completions."""
        policy = self.theta.log_softmax(-1)
        pairs = [torch.stack([policy[0, a], policy[1 + a, b]]) for a, b in self.completions]
        return torch.stack(pairs)

    def expected_gradient(self, g: int, variant: Variant) -> torch.Tensor:
        """E over all groups of g independent completions of d loss / d theta."""
        logprobs = self.logprobs()
        probability = logprobs.detach().sum(1).exp()
        expected = torch.zeros(())
        for group in itertools.product(range(len(self.completions)), repeat=g):
            index = torch.tensor(group)
            a = group_advantages(self.rewards[index], variant.scale_rewards, eps=0)
            mask = torch.ones(g, 2, dtype=torch.bool)
            size = BatchSize.of(mask, 2)
            loss, _ = grpo_objective(logprobs[index], None, None, a, mask, variant, size)
            expected = expected + probability[index].prod() * loss
        return torch.autograd.grad(expected, self.theta)[0]


@EVERY_AGGREGATION
@pytest.mark.parametrize(("v", "g"), [(2, 2), (2, 3), (3, 2)])
def test_without_scaling_the_expected_gradient_is_the_policy_gradient(
    aggregation: str, v: int, g: int
) -> None:
    bandit = Bandit(v)
    gradient = bandit.expected_gradient(g, Variant(scale_rewards="none", aggregation=aggregation))
    expected_reward = (bandit.logprobs().sum(1).exp() * bandit.rewards).sum()
    (policy_gradient,) = torch.autograd.grad(expected_reward, bandit.theta)
    # (g - 1) / g: a completion's own reward is in the mean it is compared with. 1/2: two tokens.
    share = 1 if aggregation == "length_weighted" else 1 / 2
    torch.testing.assert_close(gradient, -(g - 1) / g * share * policy_gradient)


@pytest.mark.parametrize("surrogate", ["none", "cispo", "vespo", "sapo"])
def test_leave_one_out_is_the_policy_gradient_itself(surrogate: str) -> None:
    bandit = Bandit(3)
    variant = Variant("loo", "token", surrogate, "length_weighted", epsilon_high=5.0)
    expected_reward = (bandit.logprobs().sum(1).exp() * bandit.rewards).sum()
    (policy_gradient,) = torch.autograd.grad(expected_reward, bandit.theta)
    torch.testing.assert_close(bandit.expected_gradient(2, variant), -policy_gradient)
    rloo = replace(
        variant,
        importance_sampling_level="sequence_sum",
        surrogate="clip",
        aggregation="sequence_mean",
    )
    torch.testing.assert_close(bandit.expected_gradient(2, rloo), -policy_gradient)


def test_with_scaling_it_is_the_enumerated_policy_gradient_of_the_advantages() -> None:
    g, bandit = 3, Bandit(2)
    policy = bandit.logprobs().sum(1)
    pi = policy.detach().exp()
    by_hand = torch.zeros(())
    for group in itertools.product(range(4), repeat=g):
        r = bandit.rewards[list(group)]
        for i, k in enumerate(group):
            if r.max() > r.min():
                a = (r[i] - r.mean()) / r.std()
                by_hand = by_hand + pi[list(group)].prod() * a * policy[k] / g / 2
    (expected,) = torch.autograd.grad(by_hand, bandit.theta)
    torch.testing.assert_close(bandit.expected_gradient(g, Variant()), -expected)


# --- settings -------------------------------------------------------------------------------------


def test_trls_names_choose_the_switches() -> None:
    config = GRPOConfig(
        loss_type="dr_grpo", scale_rewards="none", beta=0.04, epsilon=0.1, epsilon_high=0.28
    )
    assert Variant.from_config(config) == Variant(
        scale_rewards="none",
        importance_sampling_level="token",
        surrogate="clip",
        aggregation="constant",
        kl_estimator="k3",
        beta=0.04,
        epsilon=0.1,
        epsilon_high=0.28,
    )
    same_both_ways = Variant.from_config(GRPOConfig(epsilon=0.1, epsilon_high=None))
    assert same_both_ways == Variant(epsilon=0.1, epsilon_high=None, beta=0.001)
    for name in LOSS_TYPES:
        Variant.from_config(GRPOConfig(loss_type=name, epsilon_high=5.0))


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"loss_type": "drgrpo"}, "Unknown loss_type 'drgrpo'. Use one of: cispo, grpo, dapo"),
        ({"scale_rewards": "std"}, "Unknown scale_rewards 'std'"),
        ({"importance_sampling_level": "sentence"}, "Unknown importance_sampling_level"),
    ],
)
def test_settings_that_no_switch_knows(field: dict[str, str], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        Variant.from_config(GRPOConfig(**field))


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"loss_type": "vespo", "importance_sampling_level": "sequence"}, "'sequence' clashes"),
        ({"loss_type": "reinforce", "importance_sampling_level": "sequence_sum"}, "'none' has no"),
        ({"loss_type": "cispo"}, "caps the ratio at epsilon_high itself, and 0.2 is below 1"),
        ({"loss_type": "sapo", "delta": 3.0}, "clashes with the surrogate 'sapo'"),
        ({"delta": 1.1}, r"delta \(1.1\) must be above 1 \+ epsilon_high \(1.2\)"),
        ({"loss_type": "gmpo", "importance_sampling_level": "sequence"}, "makes its own ratio"),
        (
            {"scale_rewards": "gae", "importance_sampling_level": "sequence"},
            "'gae' gives every token its own advantage, and level 'sequence' one ratio",
        ),
        (
            {"scale_rewards": "gae", "loss_type": "gmpo"},
            "'gae' gives every token its own advantage, and loss_type 'gmpo' one ratio",
        ),
        (
            {"multi_objective_aggregation": "normalize_then_sum", "scale_rewards": "loo"},
            "clashes with scale_rewards 'loo'",
        ),
        ({"multi_objective_aggregation": "sum"}, "aggregation 'sum'. Use one of: s"),
        ({"use_kl_in_reward": True, "use_bias_correction_kl": True}, "set one of them"),
        (
            {
                "use_kl_in_reward": True,
                "scale_rewards": "process",
                "step_reward_func": "equations_true",
            },
            "clashes with scale_rewards 'process'",
        ),
        (
            {"use_kl_in_reward": True, "multi_objective_aggregation": "normalize_then_sum"},
            "clashes with multi_objective_aggregation 'normalize_then_sum'",
        ),
    ],
)
def test_switches_that_clash(field: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        Variant.from_config(GRPOConfig(**field))


def test_tensors_that_do_not_belong_together() -> None:
    b = batch(0)
    call = {"variant": Variant(beta=0.1)}
    with pytest.raises(LabError, match="log-probs of a reference"):
        grpo_objective(**(b | {"ref_logprobs": None}), **call)
    with pytest.raises(LabError, match=r"entropy_coef is 0\.1, so the entropy is needed"):
        grpo_objective(**b, variant=Variant(entropy_coef=0.1))
    for name in ("old_logprobs", "ref_logprobs", "mask"):
        with pytest.raises(LabError, match=f"{name} has shape"):
            grpo_objective(**(b | {name: b[name][:, :1]}), **call)
    for wrong in (b["advantages"][:4], b["advantages"].view(2, 4), torch.tensor(1.0)):
        with pytest.raises(LabError, match="advantages must have shape"):
            grpo_objective(**(b | {"advantages": wrong}), **call)


def test_a_variant_is_refused_before_anything_is_computed() -> None:
    for switch in (
        "scale_rewards",
        "importance_sampling_level",
        "surrogate",
        "aggregation",
        "kl_estimator",
    ):
        with pytest.raises(LabError, match=r"Unknown .* 'nonsense'"):
            replace(Variant(), **{switch: "nonsense"})
