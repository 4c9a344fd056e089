"""The update: the gradient is the objective's, however the batch is cut up."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from small_policy import make_policy, sample

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.aggregation import BatchSize, token_mean
from grpo_core.algorithm.critic import value_loss
from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.algorithm.objective import grpo_objective
from grpo_core.algorithm.presets import PRESETS
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.models.critic import Critic
from grpo_core.training.credit import Credit, Scores
from grpo_core.training.sampling import Samples
from grpo_core.training.update import Learner, TokenValues

TEMPERATURE = 0.8
REWARDS = torch.tensor([[1.0, 0.0, 0.3, 0.0], [0.7] * 4, [0.0, 1.3, 0.3, 1.0]])  # one group ties
ADVANTAGES = group_advantages(REWARDS).flatten()

# One optimizer step whose gradient can be looked at: it is not clipped, and nothing moves.
STILL: dict[str, Any] = {
    "generation_batch_size": 12,
    "num_generations": 4,
    "max_completion_length": 16,
    "temperature": TEMPERATURE,
    "max_grad_norm": 1e9,
    "beta": 0.0,
}


class Bench:
    """A learner with a batch to learn from; its reference is another model than its policy."""

    def __init__(self, critic: str = "", **options: Any) -> None:
        self.config = GRPOConfig(**(STILL | options))
        self.variant = Variant.from_config(self.config)
        self.policy, reference = make_policy(), make_policy(seed=1)
        self.samples = sample(self.policy, temperature=TEMPERATURE)
        self.critic = Critic(self.policy, critic) if critic else None
        if self.critic is not None:
            torch.manual_seed(2)
            torch.nn.init.normal_(self.critic.head.weight, std=0.1)
        self.learner = Learner(self.config, self.variant, self.policy, reference, self.critic)
        self.reference = reference

    def update(
        self,
        *,
        samples: Samples | None = None,
        mask: torch.Tensor | None = None,
        credit: Credit | None = None,
        scores: Scores | None = None,
        rate: float = 0.0,
    ) -> tuple[TokenValues, dict[str, float]]:
        samples = samples or self.samples
        credit = credit or Credit(REWARDS.double(), ADVANTAGES)
        if scores is None and self.learner.needs_scores:
            scores = self.learner.score(samples)
        return self.learner.update(
            samples,
            samples.mask if mask is None else mask,
            credit,
            scores,
            rate=rate,
            generator=torch.Generator().manual_seed(0),
        )

    def gradients(self) -> list[torch.Tensor]:
        """Of the last optimizer step, the policy's parameters first."""
        parameters = [p for group in self.learner.optimizer.param_groups for p in group["params"]]
        return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]

    def forward(self, model: Any, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(T,) log-probs and entropy of one completion alone: no padding, no batch, no cache."""
        prompt = self.samples.prompt_ids[row][self.samples.prompt_mask[row]]
        completion = torch.tensor(self.samples.completion(row))
        logits = model(input_ids=torch.cat([prompt, completion])[None]).logits
        kept = logits[:, len(prompt) - 1 : -1]
        logprobs, entropy = token_logprobs(
            kept, completion[None], TEMPERATURE, entropy_gradient=True
        )
        return logprobs[0], entropy[0]

    def plain(self, model: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, T) of every completion, each computed alone."""
        both = [self.forward(model, row) for row in range(12)]
        width = self.samples.completion_ids.shape[1]
        pad = [[torch.nn.functional.pad(t, (0, width - len(t))) for t in pair] for pair in both]
        return torch.stack([p[0] for p in pad]), torch.stack([p[1] for p in pad])


def plain_gradients(bench: Bench, advantages: torch.Tensor = ADVANTAGES) -> list[torch.Tensor]:
    """The objective's gradient on the whole batch at once, every row with a backward pass."""
    mask = bench.samples.mask
    logprobs, entropy = bench.plain(bench.policy.model)
    ref = bench.plain(bench.reference.model)[0]
    size = BatchSize.of(mask, bench.config.max_completion_length)
    loss, _ = grpo_objective(logprobs, None, ref, advantages, mask, bench.variant, size, entropy)
    return list(torch.autograd.grad(loss, list(bench.policy.model.parameters())))


def assert_close(
    ours: list[torch.Tensor], theirs: list[torch.Tensor], within: float = 1e-4
) -> None:
    """Every parameter's gradient, in float32, relative to its largest entry."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() <= within * b.abs().max().clamp(min=1e-5)
    assert any(b.any() for b in theirs)


FAMILY = [name for name in PRESETS if name not in ("ppo", "rloo")]  # those need scores first


@pytest.mark.parametrize("preset", FAMILY)
def test_the_gradient_is_the_objectives(preset: str) -> None:
    bench = Bench(**(PRESETS[preset] | {"soft_punish_cache": 0, "max_tokens_per_forward": 10_000}))
    bench.update()
    assert_close(bench.gradients(), plain_gradients(bench))


@pytest.mark.parametrize(
    "options",
    [
        {"loss_type": "grpo", "beta": 0.04},
        {"loss_type": "dapo"},
        {"loss_type": "dr_grpo"},
        {"loss_type": "luspo", "importance_sampling_level": "sequence"},
        {"loss_type": "dapo", "entropy_coef": 0.1},
    ],
    ids=str,
)
@pytest.mark.parametrize("most", [1, 60, 150])
def test_micro_batches_of_any_size_give_the_same(most: int, options: dict[str, Any]) -> None:
    whole = Bench(max_tokens_per_forward=10_000, **options)
    parts = Bench(max_tokens_per_forward=most, **options)
    values, metrics = whole.update()
    cut_values, cut_metrics = parts.update()
    assert_close(parts.gradients(), whole.gradients())
    assert cut_metrics == pytest.approx(metrics, rel=1e-4, abs=1e-6)
    mask = whole.samples.mask
    for name in ("logprobs", "old_logprobs", "ref_logprobs", "entropy", "push"):
        torch.testing.assert_close(
            getattr(cut_values, name)[mask], getattr(values, name)[mask], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("loss_type", ["grpo", "dapo", "bnpo"])
def test_rows_without_gradient_are_looked_at_and_change_nothing(loss_type: str) -> None:
    """A tied group may go without a backward pass; gradient and records do not show it."""
    bench = Bench(loss_type=loss_type, max_tokens_per_forward=10_000)
    values, metrics = bench.update()
    assert_close(bench.gradients(), plain_gradients(bench))
    mask = bench.samples.mask
    logprobs, entropy = bench.plain(bench.policy.model)
    ref = bench.plain(bench.reference.model)[0]
    for name, expected in [("logprobs", logprobs), ("ref_logprobs", ref), ("entropy", entropy)]:
        seen = getattr(values, name)
        torch.testing.assert_close(seen[mask], expected.detach()[mask], rtol=1e-4, atol=1e-5)
    assert values.push[4:8].eq(0).all() and values.push[:4][mask[:4]].any()
    assert metrics["entropy"] == pytest.approx(entropy[mask].mean().item(), rel=1e-4)
    kl = ((ref - logprobs).exp() + logprobs - ref - 1)[mask].mean().item()
    assert metrics["kl"] == pytest.approx(kl, rel=1e-4)


@pytest.mark.parametrize("advantages", [ADVANTAGES, torch.zeros(12)], ids=["one", "every"])
@pytest.mark.parametrize("options", [{"beta": 0.1}, {"entropy_coef": 0.1}], ids=str)
def test_a_tied_group_still_has_a_gradient_of_what_else_is_in_the_loss(
    options: dict[str, float], advantages: torch.Tensor
) -> None:
    bench = Bench(**options)
    values, _ = bench.update(credit=Credit(REWARDS.double(), advantages))
    assert_close(bench.gradients(), plain_gradients(bench, advantages))
    if "beta" in options:
        assert values.push[bench.samples.mask].ne(0).float().mean() > 0.9


def test_the_push_is_the_gradient_of_the_log_probs() -> None:
    bench = Bench(loss_type="grpo", beta=0.04)
    values, _ = bench.update()
    mask = bench.samples.mask
    leaf = values.logprobs.clone().requires_grad_()
    loss, _ = grpo_objective(
        leaf, None, values.ref_logprobs, ADVANTAGES, mask, bench.variant, BatchSize.of(mask, 16)
    )
    (gradient,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(values.push[mask], -gradient[mask], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("groups", [0, 1, 3])
def test_the_first_groups_are_looked_at_again_after_the_update(groups: int) -> None:
    bench = Bench(groups_after_update=groups, learning_rate=0.01, num_iterations=2)
    values, _ = bench.update(rate=1.0)
    if groups == 0:
        assert values.after_logprobs is None
        return
    assert values.after_logprobs is not None and len(values.after_logprobs) == 4 * groups
    moved = 0.0
    for row in range(4 * groups):
        alone, _ = bench.forward(bench.policy.model, row)
        after = values.after_logprobs[row, : len(alone)]
        assert torch.allclose(after, alone.detach(), atol=1e-5)
        moved = max(moved, float((after - values.logprobs[row, : len(alone)]).abs().max()))
    assert moved > 1e-3


def test_looking_again_changes_nothing() -> None:
    updated = []
    for groups in (0, 3):
        bench = Bench(groups_after_update=groups, learning_rate=0.01)
        values, stats = bench.update(rate=1.0)
        updated.append(
            (values, stats, [p.detach().clone() for p in bench.policy.model.parameters()])
        )
    (one, a, weights), (other, b, same) = updated
    assert a == b and torch.equal(one.push, other.push)
    assert all(torch.equal(x, y) for x, y in zip(weights, same, strict=True))


def test_what_padding_holds_changes_nothing() -> None:
    bench, padded = Bench(beta=0.04), Bench(beta=0.04)
    bench.update()
    s = padded.samples
    mask = s.mask
    assert not mask.all() and not s.prompt_mask.all()
    ends = torch.full_like(s.completion_ids, padded.policy.eos_ids[0])  # a tokenizer of pad = eos
    padded.samples = replace(
        s,
        prompt_ids=s.prompt_ids.masked_fill(~s.prompt_mask, 60),
        completion_ids=s.completion_ids.where(mask, ends),
    )
    padded.update()
    assert_close(padded.gradients(), bench.gradients(), within=1e-5)


def test_bfloat16_is_close() -> None:
    exact, coarse = Bench(beta=0.04), Bench(beta=0.04, bf16=True)
    values, _ = exact.update()
    coarse_values, _ = coarse.update()
    a, b = (torch.cat([g.flatten() for g in bench.gradients()]) for bench in (exact, coarse))
    assert torch.cosine_similarity(a, b, dim=0) > 0.99 and not a.equal(b)
    mask = exact.samples.mask
    assert (values.logprobs - coarse_values.logprobs)[mask].abs().mean() < 0.02
    for tensor in vars(coarse_values).values():
        assert tensor is None or tensor.dtype == torch.float32


# --- several optimizer steps a batch --------------------------------------------------------------


def counted(bench: Bench) -> list[float]:
    """Count the optimizer's steps, by their learning rates."""
    rates: list[float] = []
    step = bench.learner.optimizer.step

    def counting(*arguments: Any) -> Any:
        rates.append(bench.learner.optimizer.param_groups[0]["lr"])
        return step(*arguments)

    bench.learner.optimizer.step = counting  # type: ignore[method-assign]
    return rates


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("iterations", [1, 3])
def test_mini_batches_cover_every_row_once_an_iteration(steps: int, iterations: int) -> None:
    bench = Bench(loss_type="grpo", steps_per_generation=steps, num_iterations=iterations)
    rates = counted(bench)
    advantages = torch.linspace(1, 3, 12)  # a mark on each row
    values, metrics = bench.update(credit=Credit(REWARDS.double(), advantages))
    assert len(rates) == steps * iterations
    # nothing moved, so every row was pushed by its share of a mini-batch of 12 / steps rows
    lengths = bench.samples.lengths
    expected = (advantages / lengths / (12 / steps)).unsqueeze(1) * bench.samples.mask
    torch.testing.assert_close(values.push[bench.samples.mask], expected[bench.samples.mask])
    # and the mean over mini-batches is that over the rows: none was left out for another
    assert metrics["loss"] == pytest.approx(-advantages.mean().item())


def test_mini_batches_follow_the_generator() -> None:
    def gradient(seed: int) -> torch.Tensor:
        bench = Bench(steps_per_generation=3)
        bench.learner.update(
            bench.samples,
            bench.samples.mask,
            Credit(REWARDS.double(), torch.linspace(1, 3, 12)),
            bench.learner.score(bench.samples),
            rate=0.0,
            generator=torch.Generator().manual_seed(seed),
        )
        return bench.gradients()[0]

    assert gradient(0).equal(gradient(0)) and not gradient(0).equal(gradient(1))


def test_with_mu_above_1_the_clip_really_happens() -> None:
    bench = Bench(num_iterations=6, learning_rate=0.02, epsilon=0.2, epsilon_high=0.3)
    values, metrics = bench.update(rate=1.0)
    mask = bench.samples.mask
    rho = (values.logprobs - values.old_logprobs).exp()
    a = ADVANTAGES.unsqueeze(1).expand_as(rho)
    stopped = ((a > 0) & (rho > 1.3)) | ((a < 0) & (rho < 0.8))
    alive = mask & (a != 0)
    assert (stopped & alive).sum() > 10 and (~stopped & alive).sum() > 10
    assert values.push[stopped & mask].eq(0).all()
    assert values.push[~stopped & alive].ne(0).all()
    assert 0 < metrics["clip_ratio/region_mean"] < 1
    assert metrics["clip_ratio/low_mean"] > 0 and metrics["clip_ratio/high_mean"] > 0
    # on the first of them nothing can have been clipped, so the mean is below the last one's share
    assert metrics["clip_ratio/region_mean"] < (stopped & mask).sum() / mask.sum()


def test_the_second_iteration_compares_with_the_policy_that_sampled() -> None:
    bench = Bench(num_iterations=2, learning_rate=0.01)
    before = bench.learner.score(bench.samples)
    values, _ = bench.update(rate=1.0)
    mask = bench.samples.mask
    torch.testing.assert_close(values.old_logprobs[mask], before.logprobs[mask])
    assert (values.logprobs - values.old_logprobs)[mask].abs().max() > 1e-3


def test_the_rate_is_of_the_full_learning_rate_and_the_critics_its_own() -> None:
    bench = Bench("separate", **(PRESETS["ppo"] | {"critic_learning_rate": 0.01}))
    scores = bench.learner.score(bench.samples)
    credit = Credit(REWARDS.double(), ADVANTAGES.unsqueeze(1) * bench.samples.mask, scores.values)
    _, metrics = bench.update(credit=credit, scores=scores, rate=0.25)
    rates = [group["lr"] for group in bench.learner.optimizer.param_groups]
    assert rates == [3e-4 * 0.25, 0.01 * 0.25] and metrics["learning_rate"] == 3e-4 * 0.25


# --- scores, critic, reference --------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 100, 10_000])
def test_scores_are_those_of_each_completion_alone(most: int) -> None:
    bench = Bench("separate", **(PRESETS["ppo"] | {"max_tokens_per_forward": most}))
    scores = bench.learner.score(bench.samples)
    mask = bench.samples.mask
    for got, model in [
        (scores.logprobs, bench.policy.model),
        (scores.ref_logprobs, bench.reference.model),
    ]:
        expected = bench.plain(model)[0].detach()
        torch.testing.assert_close(got[mask], expected[mask], rtol=1e-4, atol=1e-5)
    assert scores.values is not None and scores.values[mask].ne(0).all()
    assert not scores.logprobs.requires_grad and not scores.values.requires_grad


def test_when_scores_are_needed() -> None:
    assert not Bench().learner.needs_scores
    assert not Bench(beta=0.1).learner.needs_scores
    assert Bench(num_iterations=2).learner.needs_scores
    assert Bench(steps_per_generation=2).learner.needs_scores
    assert Bench(beta=0.1, use_kl_in_reward=True, kl_estimator="k1").learner.needs_scores
    assert not Bench(beta=0.0, use_kl_in_reward=True, kl_estimator="k1").learner.needs_scores
    assert Bench("separate", scale_rewards="gae").learner.needs_scores


@pytest.mark.parametrize("kind", ["separate", "value_head"])
@pytest.mark.parametrize("most", [60, 10_000])
def test_policy_and_critic_each_get_their_gradient(kind: str, most: int) -> None:
    options = PRESETS["ppo"] | {"max_tokens_per_forward": most, "vf_coef": 0.3, "beta": 0.1}
    bench = Bench(kind, **options)
    critic, mask = bench.critic, bench.samples.mask
    scores = bench.learner.score(bench.samples)
    generator = torch.Generator().manual_seed(3)
    advantages, returns = torch.randn(2, *mask.shape, generator=generator) * mask
    old = scores.values + 0.3 * torch.randn(mask.shape, generator=generator)  # some are clipped
    scores = replace(scores, values=old)
    _, metrics = bench.update(credit=Credit(REWARDS.double(), advantages, returns), scores=scores)

    policy, parameters = bench.policy.model, list(bench.policy.model.parameters())
    logprobs = bench.plain(policy)[0]
    values = torch.zeros(mask.shape)
    for row in range(12):  # each completion alone
        prompt = bench.samples.prompt_ids[row][bench.samples.prompt_mask[row]]
        ids = torch.cat([prompt, torch.tensor(bench.samples.completion(row))])[None, :-1]
        length = int(bench.samples.lengths[row])
        body = policy.model if kind == "value_head" else critic.body
        values[row, :length] = critic.head(body(input_ids=ids).last_hidden_state)[0, -length:, 0]
    size = BatchSize.of(mask, 16)
    policy_loss, _ = grpo_objective(
        logprobs, scores.logprobs, scores.ref_logprobs, advantages, mask, bench.variant, size
    )
    critic_loss = token_mean(value_loss(values, old, returns, 0.2), mask, size)
    assert metrics["loss"] == pytest.approx(policy_loss.item(), abs=1e-5)
    assert metrics["critic/value_loss"] == pytest.approx(critic_loss.item(), rel=1e-4)
    assert metrics["critic/value_mean"] == pytest.approx(old[mask].mean().item(), abs=1e-5)
    assert metrics["critic/return_mean"] == pytest.approx(returns[mask].mean().item(), abs=1e-5)
    expected = torch.autograd.grad(
        policy_loss + 0.3 * critic_loss, [*parameters, *critic.parameters()]
    )
    assert_close(bench.gradients(), list(expected))


def test_the_critics_gradient_is_clipped_for_itself() -> None:
    options = PRESETS["ppo"] | {"max_grad_norm": 0.5, "vf_coef": 100.0}
    bench = Bench("separate", **options)
    scores, mask = bench.learner.score(bench.samples), bench.samples.mask
    credit = Credit(REWARDS.double(), 0.01 * ADVANTAGES.unsqueeze(1) * mask, 50.0 * mask)
    _, metrics = bench.update(credit=credit, scores=scores)
    assert metrics["critic/grad_norm"] > 0.5 > metrics["grad_norm"] > 0
    norms = [
        torch.stack([p.grad.norm() for p in group["params"]]).norm().item()
        for group in bench.learner.optimizer.param_groups
    ]
    assert norms[0] == pytest.approx(metrics["grad_norm"], rel=1e-4)
    assert norms[1] == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_the_reference_moves_towards_the_policy(alpha: float) -> None:
    bench = Bench()
    before = [p.clone() for p in bench.reference.model.parameters()]
    policy = [p.detach().clone() for p in bench.policy.model.parameters()]
    bench.learner.move_reference(alpha)
    moved = list(bench.reference.model.parameters())
    for old, new, target in zip(before, moved, policy, strict=True):
        torch.testing.assert_close(new, alpha * target + (1 - alpha) * old)
    assert all(p.equal(q) for p, q in zip(bench.policy.model.parameters(), policy, strict=True))


# --- rows that are not trained --------------------------------------------------------------------


@pytest.mark.parametrize("loss_type", ["grpo", "dapo", "dr_grpo", "bnpo", "luspo"])
def test_a_masked_completion_is_as_good_as_none(loss_type: str) -> None:
    masked = Bench(loss_type=loss_type, max_tokens_per_forward=10_000)
    mask = masked.samples.mask.clone()
    mask[[0, 9]] = False
    values, _ = masked.update(mask=mask)
    assert values.push[[0, 9]].eq(0).all()
    without = Bench(loss_type=loss_type, max_tokens_per_forward=10_000)
    rows = [row for row in range(12) if row not in (0, 9)]
    s = without.samples
    fewer = Samples(*(getattr(s, name)[rows] for name in vars(s)))
    without.update(samples=fewer, credit=Credit(REWARDS.double(), ADVANTAGES[rows]))
    assert_close(masked.gradients(), without.gradients())


@pytest.mark.parametrize("preset", ["grpo", "dapo", "dr_grpo", "bnpo", "gspo", "gmpo", "ppo"])
def test_a_batch_that_is_masked_as_a_whole_moves_nothing(preset: str) -> None:
    critic = "separate" if preset == "ppo" else ""
    bench = Bench(critic, **(PRESETS[preset] | {"soft_punish_cache": 0}))
    before = [p.detach().clone() for p in bench.policy.model.parameters()]
    mask = torch.zeros_like(bench.samples.mask)
    credit = Credit(REWARDS.double(), ADVANTAGES)
    if critic:
        nothing = torch.zeros(mask.shape)
        credit = Credit(REWARDS.double(), nothing, nothing)
    values, metrics = bench.update(mask=mask, credit=credit, rate=1.0)
    assert metrics["loss"] == 0 and metrics["grad_norm"] == 0 and metrics["entropy"] == 0
    assert values.push.eq(0).all()
    assert all(p.equal(q) for p, q in zip(bench.policy.model.parameters(), before, strict=True))
