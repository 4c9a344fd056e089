"""Update the policy from a batch of completions and their advantages.

A batch may be used several times (mu in the paper) and be split into several mini-batches. Each
mini-batch is one optimizer step; it runs through the model in micro-batches of similar length,
whose gradients are summed.
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
    """Per-token results of the update, each (B, T) float32.

    Values after a completion's end are arbitrary; records are cut to each completion's length.
    `token_advantages` is None if a completion's tokens share one advantage, `ref_logprobs` without
    a reference, `values` without a critic. `after_logprobs` cover the first rows only, or are None.
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
    """The policy, the reference, the critic and the optimizer.

    Attributes:
        policy: the model being trained.
        reference: the model that the KL is measured to, or None if no KL is used.
        critic: PPO's critic, or None.
        optimizer: AdamW over the policy, with the critic in a parameter group of its own.
        workers: threads that share the micro-batches of an update.
        watch: stopwatch that counts the seconds of each phase.
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
        """Return whether log-probabilities and values must be computed before the update.

        With one optimizer step per batch, the policy of the update is still the sampling policy:
        its log-probabilities are the old ones, and they need no forward pass of their own. A KL in
        the reward and a critic enter the advantages, so they are computed first.
        """
        updates = self.config.num_iterations * self.config.steps_per_generation
        return updates > 1 or self.variant.kl_in_reward or self.critic is not None

    def score(self, samples: Samples) -> Scores:
        """Compute log-probabilities under policy and reference, and values, before the update."""
        zeros = partial(torch.zeros, samples.completion_ids.shape)
        scores = Scores(
            zeros(),
            None if self.reference is None else zeros(),
            None if self.critic is None else zeros(),
        )

        def fill(parts: list[Tensor]) -> None:
            with torch.no_grad():  # a thread starts with gradients on
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
        """Take `num_iterations` times `steps_per_generation` optimizer steps on one batch.

        Args:
            samples: B completions.
            mask: (B, T) bool, the tokens that enter the loss.
            credit: their advantages.
            scores: the result of `score`, if `needs_scores`.
            rate: factor for the learning rates in this step, 1 after warm-up.
            generator: source of randomness for the split into mini-batches.

        Returns:
            per-token values as seen by the last optimizer step, and metrics, means over the
            optimizer steps.

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
        """Return (R, T) log-probabilities of the first groups after the update, or None."""
        config = self.config
        count = min(config.groups_after_update * config.num_generations, len(samples.lengths))
        if count == 0:
            return None
        after = torch.zeros(count, samples.completion_ids.shape[1])

        def fill(rows: Tensor) -> None:
            with torch.no_grad():  # a thread starts with gradients on
                seen = forward(
                    *(self.policy, samples, rows), temperature=config.temperature, bf16=config.bf16
                )
            after[rows, : seen.logprobs.shape[1]] = seen.logprobs

        with self.watch.phase("after"):
            list(self._map(fill, list(self._micro_batches(samples, torch.arange(count)))))
        return after

    def _optimizer_step(self, batch: "_Batch", rows: Tensor) -> dict[str, float]:
        """Take one gradient step on the rows of a mini-batch; return its metrics."""
        batch = replace(
            batch, size=BatchSize.of(batch.mask[rows], self.config.max_completion_length)
        )
        idle = self._idle(batch.credit.advantages[rows])
        parts = [(few, True) for few in self._micro_batches(batch.samples, rows[~idle])]
        parts += [(few, False) for few in self._micro_batches(batch.samples, rows[idle])]
        # Of n threads, each takes every n-th part and sums its own gradients. Those sums are added
        # in a fixed order, so the result does not depend on which thread finishes first.
        shares = [parts[number :: self.workers] for number in range(self.workers)]
        results = list(self._map(partial(self._accumulate, batch), shares))
        totals = _sum_up([stats for _, stats in results])
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for i, parameter in enumerate(parameters):
            of_threads = [g[i] for g, _ in results if g[i] is not None]
            parameter.grad = sum(of_threads[1:], of_threads[0]) if of_threads else None
        with self.watch.phase("optimizer"):
            # Clip separately: a large critic gradient must not scale down the policy's gradient.
            for name, group in zip(
                ("grad_norm", "critic/grad_norm"), self.optimizer.param_groups, strict=False
            ):
                norm = torch.nn.utils.clip_grad_norm_(group["params"], self.config.max_grad_norm)
                if not norm.isfinite():
                    raise LabError(
                        "The gradient is NaN or infinite: training has diverged. Start again with "
                        "a smaller learning_rate."
                    )
                totals[name] = float(norm)
            self.optimizer.step()
        return totals

    def _map(self, function: Callable[[Any], Any], items: list[Any]) -> Iterable[Any]:
        """Apply `function` to each item, in threads if there are several workers, in order."""
        if self.workers == 1:
            return map(function, items)
        return self.pool.map(function, items)

    def _accumulate(
        self, batch: "_Batch", parts: list[tuple[Tensor, bool]]
    ) -> tuple[list[Tensor | None], dict[str, float]]:
        """Return the summed gradients of some micro-batches, and their summed metrics.

        Args:
            batch: the batch that the micro-batches belong to.
            parts: the rows of each, and whether they have a gradient at all.
        """
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        total: list[Tensor | None] = [None] * len(parameters)
        stats: list[dict[str, float]] = []
        # Enter autocast once, so that the weights are cast to bfloat16 once.
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
        """Return some rows' part of the loss, their (R, T') log-probabilities and metrics."""
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
        """Return (R,) bool, True for rows without a gradient, which need no backward pass.

        If the loss has no term but the surrogate, an advantage of 0 gives no gradient: all rows of
        a group without signal. They still get a forward pass, for the records. If the loss is a
        mean per micro-batch, these rows stay in their micro-batches. If no row has a gradient, all
        rows are kept, because AdamW still moves by its momentum.
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
        """Return vf_coef times the critic's loss on some rows, and its metrics."""
        per_token = value_loss(values, old_values, returns, self.config.cliprange_value)
        loss = token_mean(per_token, mask, size)
        metrics = {
            "critic/value_loss": float(loss.detach()),
            "critic/value_mean": float(token_mean(old_values, mask, size)),
            "critic/return_mean": float(token_mean(returns, mask, size)),
        }
        return self.config.vf_coef * loss, metrics

    def _micro_batches(self, samples: Samples, among: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the rows of each micro-batch."""
        most = self.config.max_tokens_per_forward
        return micro_batches(samples, most, among, pack=can_pack(self.policy))

    def _forward(self, samples: Samples, rows: Tensor) -> Seen:
        """Run the policy and the critic on some rows."""
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
        """Return (R, T') log-probabilities of some rows under the reference; None without one."""
        if self.reference is None:
            return None
        config = self.config
        with self.watch.phase("reference", 1 / self.workers):
            seen = forward(
                *(self.reference, samples, rows), temperature=config.temperature, bf16=config.bf16
            )
        return seen.logprobs

    def _token_values(self, mask: Tensor, credit: Credit, scores: Scores | None) -> TokenValues:
        """Allocate the per-token values, and fill in those known before the update."""
        zeros = partial(torch.zeros, mask.shape)
        ref_logprobs = None if self.reference is None else zeros()
        values = TokenValues(zeros(), zeros(), ref_logprobs, zeros(), zeros())
        if scores is not None:
            values.old_logprobs, values.values = scores.logprobs, scores.values
        if credit.advantages.dim() == 2:
            values.token_advantages = credit.advantages
        return values

    def move_reference(self, alpha: float) -> None:
        """Set the reference to alpha * policy + (1 - alpha) * reference.

        With alpha 1, a replacement every few steps, this is iterative GRPO (DeepSeekMath, arXiv
        2402.03300, algorithm 1); with a small alpha it is TR-DPO's soft update (arXiv 2404.09656),
        as in TRL.
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
    """The data of an update; see the arguments of `Learner.update`.

    `values` is filled in during the update; `size` is that of the current mini-batch.
    """

    samples: Samples
    mask: Tensor
    credit: Credit
    scores: Scores | None
    values: TokenValues
    size: BatchSize | None = None


def _sum_up(stats: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the sum of each metric."""
    totals: dict[str, float] = {}
    for part in stats:
        for name, value in part.items():
            totals[name] = totals.get(name, 0.0) + value
    return totals
