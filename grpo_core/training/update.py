"""The update: from a batch of completions and their advantages to a better policy.

A batch may be gone through several times (mu in the paper) and in several mini-batches; each
mini-batch is one optimizer step, and is fed through the model in micro-batches of like length whose
gradients add up to its own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.aggregation import AGGREGATIONS, BatchSize, token_mean
from grpo_core.algorithm.critic import value_loss
from grpo_core.algorithm.objective import grpo_objective
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy
from grpo_core.training.credit import Credit, Scores
from grpo_core.training.forward import Seen, can_pack, forward, micro_batches
from grpo_core.training.sampling import Samples
from grpo_core.training.timing import Stopwatch


@dataclass
class TokenValues:
    """What the update computed for every token, each (B, T) float32.

    Positions behind a completion's end hold anything: records are cut to each one's length.
    `token_advantages` is None where a completion's tokens share one, `ref_logprobs` without a
    reference, `values` without a critic. `after_logprobs` are of the first rows only, or None.
    """

    logprobs: Tensor
    old_logprobs: Tensor
    ref_logprobs: Tensor | None
    entropy: Tensor
    push: Tensor
    token_advantages: Tensor | None = None
    values: Tensor | None = None
    after_logprobs: Tensor | None = None


class Learner:
    """The policy, what it is compared with, and the optimizer that changes it.

    Attributes:
        policy: what is trained.
        reference: what the KL is measured to, or None where nothing asks for it.
        critic: PPO's, or None.
        optimizer: AdamW over the policy, and the critic in a parameter group of its own.
        workers: threads among which the micro-batches of an update are shared out.
        watch: counts the seconds.
    """

    def __init__(
        self,
        config: GRPOConfig,
        variant: Variant,
        policy: Policy,
        reference: Policy | None,
        critic: Critic | None,
        workers: int = 1,
    ) -> None:
        self.config, self.variant = config, variant
        self.policy, self.reference, self.critic = policy, reference, critic
        self.workers, self.watch = workers, Stopwatch()
        self.pool = ThreadPoolExecutor(workers)
        groups: list[dict[str, Any]] = [{"params": list(policy.model.parameters())}]
        self.rates = [config.learning_rate]
        if critic is not None:
            groups.append({"params": list(critic.parameters())})
            self.rates.append(config.critic_learning_rate or config.learning_rate)
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=config.learning_rate,
            betas=(config.adam_beta1, config.adam_beta2),
            weight_decay=config.weight_decay,
        )

    @property
    def needs_scores(self) -> bool:
        """Whether the completions must be scored before the update.

        With one optimizer step a batch, the policy of the update is still the one that sampled: its
        log-probs are the old ones, and no forward pass is needed for them. A KL in the reward and a
        critic are needed for the advantages, and so before anything.
        """
        updates = self.config.num_iterations * self.config.steps_per_generation
        return updates > 1 or self.variant.kl_in_reward or self.critic is not None

    def score(self, samples: Samples) -> Scores:
        """What policy, reference and critic think of the completions, before they learn."""
        zeros = partial(torch.zeros, samples.completion_ids.shape)
        scores = Scores(
            zeros(),
            None if self.reference is None else zeros(),
            None if self.critic is None else zeros(),
        )

        def fill(parts: list[Tensor]) -> None:
            with torch.no_grad():  # a thread begins with gradients on
                for rows in parts:
                    seen = self._forward(samples, rows)
                    here = (rows, slice(seen.logprobs.shape[1]))
                    found = (seen.logprobs, self._ref_logprobs(samples, rows), seen.values)
                    places = (scores.logprobs, scores.ref_logprobs, scores.values)
                    for place, tensor in zip(places, found, strict=True):
                        if place is not None and tensor is not None:
                            place[here] = tensor

        parts = list(self._micro_batches(samples))
        with self.watch.phase("score"):
            list(self._map(fill, [parts[n :: self.workers] for n in range(self.workers)]))
        return scores

    def update(
        self,
        samples: Samples,
        mask: Tensor,
        credit: Credit,
        scores: Scores | None,
        *,
        rate: float,
        generator: torch.Generator,
    ) -> tuple[TokenValues, dict[str, float]]:
        """`num_iterations` times `steps_per_generation` optimizer steps on one batch of samples.

        Args:
            samples: B completions.
            mask: (B, T) bool, the tokens to be trained.
            credit: their advantages.
            scores: from `score`, where that is needed.
            rate: what the learning rates are multiplied by in this step, 1 after warm-up.
            generator: decides which rows share a mini-batch.

        Returns:
            values as the last of the updates saw them, and the metrics, means over the updates.

        Raises:
            LabError: the gradient is not finite.
        """
        config = self.config
        batch = _Batch(samples, mask, credit, scores, self._token_values(mask, credit, scores))
        for group, full in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = full * rate
        count = len(mask)
        order = torch.arange(count)
        if config.steps_per_generation > 1:
            order = torch.randperm(count, generator=generator)
        stats = [
            self._optimizer_step(batch, rows)
            for _ in range(config.num_iterations)
            for rows in order.split(count // config.steps_per_generation)
        ]
        metrics = {name: total / len(stats) for name, total in _sum_up(stats).items()}
        metrics["learning_rate"] = config.learning_rate * rate
        batch.values.after_logprobs = self._look_again(samples)
        return batch.values, metrics

    def _look_again(self, samples: Samples) -> Tensor | None:
        """(R, T) log-probs of the first groups' rows after the update; None where none is asked."""
        config = self.config
        count = min(config.groups_after_update * config.num_generations, len(samples.lengths))
        if count == 0:
            return None
        after = torch.zeros(count, samples.completion_ids.shape[1])

        def fill(rows: Tensor) -> None:
            with torch.no_grad():  # a thread begins with gradients on
                seen = forward(
                    *(self.policy, samples, rows), temperature=config.temperature, bf16=config.bf16
                )
            after[rows, : seen.logprobs.shape[1]] = seen.logprobs

        with self.watch.phase("after"):
            list(self._map(fill, list(self._micro_batches(samples, torch.arange(count)))))
        return after

    def _optimizer_step(self, batch: "_Batch", rows: Tensor) -> dict[str, float]:
        """One gradient step on the rows of a mini-batch."""
        batch = replace(
            batch, size=BatchSize.of(batch.mask[rows], self.config.max_completion_length)
        )
        idle = self._idle(batch.credit.advantages[rows])
        parts = [(few, True) for few in self._micro_batches(batch.samples, rows[~idle])]
        parts += [(few, False) for few in self._micro_batches(batch.samples, rows[idle])]
        # Every thread takes every so-manieth part and sums its own gradients, and those sums are
        # added in order: the same sum whoever is done first.
        shares = [parts[number :: self.workers] for number in range(self.workers)]
        results = list(self._map(partial(self._accumulate, batch), shares))
        totals = _sum_up([stats for _, stats in results])
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for i, parameter in enumerate(parameters):
            of_threads = [g[i] for g, _ in results if g[i] is not None]
            parameter.grad = sum(of_threads[1:], of_threads[0]) if of_threads else None
        with self.watch.phase("optimizer"):
            # each for itself: the critic's errors must not scale down what the policy learns
            for name, group in zip(
                ("grad_norm", "critic/grad_norm"), self.optimizer.param_groups, strict=False
            ):
                norm = torch.nn.utils.clip_grad_norm_(group["params"], self.config.max_grad_norm)
                if not norm.isfinite():
                    raise LabError(
                        "The gradient is no finite number: the policy is lost. Start again with a "
                        "smaller learning_rate."
                    )
                totals[name] = float(norm)
            self.optimizer.step()
        return totals

    def _map(self, function: Callable[[Any], Any], items: list[Any]) -> Iterable[Any]:
        """`function` of each item, in threads where there are several workers; in order."""
        if self.workers == 1:
            return map(function, items)
        return self.pool.map(function, items)

    def _accumulate(
        self, batch: "_Batch", parts: list[tuple[Tensor, bool]]
    ) -> tuple[list[Tensor | None], dict[str, float]]:
        """The gradients of some micro-batches, added up, and their metrics.

        Args:
            batch: what they are of.
            parts: rows of each, and whether they have a gradient at all.
        """
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        total: list[Tensor | None] = [None] * len(parameters)
        stats: list[dict[str, float]] = []
        # entered once, so that weights are cast to bfloat16 once
        with torch.autocast(
            self.policy.device.type, dtype=torch.bfloat16, enabled=self.config.bf16
        ):
            for rows, learn in parts:
                with torch.set_grad_enabled(learn):
                    loss, logprobs, metrics = self._loss(batch, rows)
                stats.append(metrics)
                if not learn:
                    continue
                with self.watch.phase("backward", 1 / self.workers):
                    push, *gradients = torch.autograd.grad(
                        loss, [logprobs, *parameters], allow_unused=True
                    )
                batch.values.push[rows, : push.shape[1]] = -push
                for i, gradient in enumerate(gradients):
                    if gradient is not None:
                        held = total[i]
                        total[i] = gradient if held is None else held.add_(gradient)
        return total, _sum_up(stats)

    def _loss(self, batch: "_Batch", rows: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Some rows' share of the loss, their (R, T') log-probs, and their share of the metrics."""
        scores, size = batch.scores, batch.size
        assert size is not None
        with self.watch.phase("forward", 1 / self.workers):
            seen = self._forward(batch.samples, rows)
        here = (rows, slice(seen.logprobs.shape[1]))
        if scores is None:
            ref_logprobs = self._ref_logprobs(batch.samples, rows)
        else:
            ref_logprobs = None if scores.ref_logprobs is None else scores.ref_logprobs[here]
        mask = batch.mask[here]
        advantages = batch.credit.advantages[rows]
        if advantages.dim() == 2:
            advantages = advantages[:, : mask.shape[1]]
        loss, stats = grpo_objective(
            seen.logprobs,
            scores.logprobs[here] if scores else None,
            ref_logprobs,
            advantages,
            mask,
            self.variant,
            size,
            seen.entropy,
        )
        metrics = {"loss": float(loss.detach())}
        if seen.values is not None and scores and scores.values is not None:
            assert batch.credit.returns is not None
            critic_loss, critic_stats = self._critic_loss(
                seen.values, scores.values[here], batch.credit.returns[here], mask, size
            )
            loss, metrics = loss + critic_loss, metrics | critic_stats
        noted = {"logprobs": seen.logprobs, "entropy": seen.entropy, "ref_logprobs": ref_logprobs}
        noted |= {} if scores else {"old_logprobs": seen.logprobs}
        for name, tensor in noted.items():
            if tensor is not None:
                getattr(batch.values, name)[here] = tensor.detach()
        entropy = (seen.entropy.detach() * mask).sum()
        metrics["entropy"] = float(entropy) / max(size.tokens, 1)
        return loss, seen.logprobs, metrics | {n: float(value) for n, value in stats.items()}

    def _idle(self, advantages: Tensor) -> Tensor:
        """(R,) bool: the rows of a mini-batch without gradient, which need no backward pass.

        With nothing in the loss but the surrogate, an advantage of 0 leaves nothing: all of a dead
        group. They are still looked at, for the records. Where the mean is that of a micro-batch,
        they stay in theirs. If no row has a gradient all go on as they are: AdamW then still moves
        by its momentum.
        """
        variant = self.variant
        local = AGGREGATIONS[variant.aggregation].local
        all_tie = not advantages.any()
        if (
            variant.kl_in_loss
            or local
            or all_tie
            or variant.entropy_coef > 0
            or self.critic is not None
        ):
            return torch.zeros(len(advantages), dtype=torch.bool)
        return ~advantages.view(len(advantages), -1).any(dim=1)

    def _critic_loss(
        self, values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, size: BatchSize
    ) -> tuple[Tensor, dict[str, float]]:
        """vf_coef times the critic's loss on some rows, and what to tell about it."""
        per_token = value_loss(values, old_values, returns, self.config.cliprange_value)
        loss = token_mean(per_token, mask, size)
        metrics = {
            "critic/value_loss": float(loss.detach()),
            "critic/value_mean": float(token_mean(old_values, mask, size)),
            "critic/return_mean": float(token_mean(returns, mask, size)),
        }
        return self.config.vf_coef * loss, metrics

    def _micro_batches(self, samples: Samples, among: Tensor | None = None) -> Iterator[Tensor]:
        """Rows that go through the models at once, batch by batch."""
        most = self.config.max_tokens_per_forward
        return micro_batches(samples, most, among, pack=can_pack(self.policy))

    def _forward(self, samples: Samples, rows: Tensor) -> Seen:
        """Policy and critic on some rows."""
        return forward(
            self.policy,
            samples,
            rows,
            temperature=self.config.temperature,
            critic=self.critic,
            entropy_gradient=self.variant.entropy_coef > 0,
            bf16=self.config.bf16,
        )

    @torch.no_grad()
    def _ref_logprobs(self, samples: Samples, rows: Tensor) -> Tensor | None:
        """(R, T') log-probs of some rows under the reference; None without one."""
        if self.reference is None:
            return None
        config = self.config
        with self.watch.phase("reference", 1 / self.workers):
            seen = forward(
                *(self.reference, samples, rows), temperature=config.temperature, bf16=config.bf16
            )
        return seen.logprobs

    def _token_values(self, mask: Tensor, credit: Credit, scores: Scores | None) -> TokenValues:
        """Room for what the updates will see, and what is known before them."""
        zeros = partial(torch.zeros, mask.shape)
        ref_logprobs = None if self.reference is None else zeros()
        values = TokenValues(zeros(), zeros(), ref_logprobs, zeros(), zeros())
        if scores is not None:
            values.old_logprobs, values.values = scores.logprobs, scores.values
        if credit.advantages.dim() == 2:
            values.token_advantages = credit.advantages
        return values

    def move_reference(self, alpha: float) -> None:
        """Reference <- alpha * policy + (1 - alpha) * reference; at alpha 1 it is replaced.

        Replaced every so many steps it is iterative GRPO (DeepSeekMath, arXiv 2402.03300, algorithm
        1); moved a little at a time it is TR-DPO's soft update (arXiv 2404.09656), as in TRL.
        """
        assert self.reference is not None
        with torch.no_grad():
            pairs = zip(
                self.reference.model.parameters(), self.policy.model.parameters(), strict=True
            )
            for reference, policy in pairs:
                reference.lerp_(policy, alpha)


@dataclass(frozen=True)
class _Batch:
    """What an update learns from: see the arguments of `Learner.update`.

    `values` is filled in on the way; `size` is that of the mini-batch at hand.
    """

    samples: Samples
    mask: Tensor
    credit: Credit
    scores: Scores | None
    values: TokenValues
    size: BatchSize | None = None


def _sum_up(stats: Sequence[dict[str, float]]) -> dict[str, float]:
    """The sum of each metric."""
    totals: dict[str, float] = {}
    for part in stats:
        for name, value in part.items():
            totals[name] = totals.get(name, 0.0) + value
    return totals
