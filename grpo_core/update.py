"""The update: from a batch of completions and their advantages to a better policy.

A batch may be gone through several times (mu in the paper) and in several mini-batches; each
mini-batch is one optimizer step, and is fed through the model in micro-batches of like length whose
gradients add up to its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.aggregation import BatchSize, token_mean
from grpo_core.algorithm.critic import value_loss
from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.algorithm.objective import Variant, grpo_objective
from grpo_core.config import GRPOConfig
from grpo_core.credit import Credit, Scores
from grpo_core.errors import LabError
from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy
from grpo_core.sampling import Samples


@dataclass
class TokenValues:
    """What the update computed for every token, each (B, T) float32.

    Positions behind a completion's end hold anything: records are cut to each one's length.
    `token_advantages` is None where a completion's tokens share one, `values` without a critic.
    """

    logprobs: Tensor
    old_logprobs: Tensor
    ref_logprobs: Tensor
    entropy: Tensor
    push: Tensor
    token_advantages: Tensor | None = None
    values: Tensor | None = None


class Learner:
    """The policy, what it is compared with, and the optimizer that changes it.

    Attributes:
        policy: what is trained.
        reference: what the KL is measured to.
        critic: PPO's, or None.
        optimizer: AdamW over the policy, and the critic in a parameter group of its own.
    """

    def __init__(
        self,
        config: GRPOConfig,
        variant: Variant,
        policy: Policy,
        reference: Policy,
        critic: Critic | None,
    ) -> None:
        self.config, self.variant = config, variant
        self.policy, self.reference, self.critic = policy, reference, critic
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
        in_reward = self.variant.kl_in_reward and self.variant.beta > 0
        return updates > 1 or in_reward or self.critic is not None

    @torch.no_grad()
    def score(self, samples: Samples) -> Scores:
        """What policy, reference and critic think of the completions, before they learn."""
        shape = samples.completion_ids.shape
        logprobs, ref_logprobs = torch.zeros(shape), torch.zeros(shape)
        values = None if self.critic is None else torch.zeros(shape)
        for rows in micro_batches(samples, self.config.max_tokens_per_forward):
            seen = self._forward(samples, rows)
            here = (rows, slice(seen.logprobs.shape[1]))
            logprobs[here] = seen.logprobs
            ref_logprobs[here] = self._ref_logprobs(samples, rows)
            if values is not None and seen.values is not None:
                values[here] = seen.values
        return Scores(logprobs, ref_logprobs, values)

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
        values = self._token_values(mask, credit, scores)
        totals: dict[str, float] = {}
        for group, full in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = full * rate
        count = len(mask)
        order = torch.arange(count)
        if config.steps_per_generation > 1:
            order = torch.randperm(count, generator=generator)
        for _ in range(config.num_iterations):
            for rows in order.split(count // config.steps_per_generation):
                stats = self._optimizer_step(samples, rows, mask, credit, scores, values)
                for name, value in stats.items():
                    totals[name] = totals.get(name, 0.0) + value
        updates = config.num_iterations * config.steps_per_generation
        metrics = {name: total / updates for name, total in totals.items()}
        metrics["learning_rate"] = config.learning_rate * rate
        return values, metrics

    def _optimizer_step(
        self,
        samples: Samples,
        rows: Tensor,
        mask: Tensor,
        credit: Credit,
        scores: Scores | None,
        values: TokenValues,
    ) -> dict[str, float]:
        """One gradient step on the rows of a mini-batch."""
        size = BatchSize.of(mask[rows], self.config.max_completion_length)
        totals: dict[str, float] = {}
        self.optimizer.zero_grad(set_to_none=True)
        idle = self._idle(credit.advantages[rows])
        for some, learn in ((rows[~idle], True), (rows[idle], False)):
            for few in micro_batches(samples, self.config.max_tokens_per_forward, some):
                with torch.set_grad_enabled(learn):
                    stats = self._backward(samples, few, mask, credit, scores, values, size)
                for name, value in stats.items():
                    totals[name] = totals.get(name, 0.0) + value
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

    def _backward(
        self,
        samples: Samples,
        rows: Tensor,
        mask: Tensor,
        credit: Credit,
        scores: Scores | None,
        values: TokenValues,
        size: BatchSize,
    ) -> dict[str, float]:
        """Add the gradient of some rows' share of the loss, and note what each token got.

        With gradients switched off nothing is added, and every token got nothing.
        """
        seen = self._forward(samples, rows)
        here = (rows, slice(seen.logprobs.shape[1]))
        ref_logprobs = scores.ref_logprobs[here] if scores else self._ref_logprobs(samples, rows)
        row_mask = mask[here]
        advantages = credit.advantages[rows]
        if advantages.dim() == 2:
            advantages = advantages[:, : row_mask.shape[1]]
        if learn := seen.logprobs.requires_grad:
            seen.logprobs.retain_grad()
        loss, stats = grpo_objective(
            seen.logprobs,
            scores.logprobs[here] if scores else None,
            ref_logprobs,
            advantages,
            row_mask,
            self.variant,
            size,
            seen.entropy,
        )
        metrics = {"loss": float(loss.detach())}
        if seen.values is not None and scores and scores.values is not None:
            assert credit.returns is not None
            critic_loss, critic_stats = self._critic_loss(
                seen.values, scores.values[here], credit.returns[here], row_mask, size
            )
            loss, metrics = loss + critic_loss, metrics | critic_stats
        push = torch.zeros_like(seen.logprobs)
        if learn:
            loss.backward()
            assert seen.logprobs.grad is not None
            push = -seen.logprobs.grad
        tensors = {"logprobs": seen.logprobs, "entropy": seen.entropy, "push": push}
        tensors |= {"ref_logprobs": ref_logprobs}
        tensors |= {} if scores else {"old_logprobs": seen.logprobs}
        for name, tensor in tensors.items():
            getattr(values, name)[here] = tensor.detach()
        entropy = (seen.entropy.detach() * row_mask).sum()
        metrics["entropy"] = float(entropy) / max(size.tokens, 1)
        return metrics | {name: float(value) for name, value in stats.items()}

    def _idle(self, advantages: Tensor) -> Tensor:
        """(R,) bool: the rows of a mini-batch without gradient, which need no backward pass.

        With nothing in the loss but the surrogate, an advantage of 0 leaves nothing: all of a dead
        group. They are still looked at, for the records. Where the mean is that of a micro-batch,
        they stay in theirs. If no row has a gradient all go on as they are: AdamW then still moves
        by its momentum.
        """
        variant = self.variant
        kl = variant.beta > 0 and not variant.kl_in_reward
        local = variant.aggregation == "local_token_mean"
        all_tie = not advantages.any()
        if kl or local or all_tie or variant.entropy_coef > 0 or self.critic is not None:
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

    def _forward(self, samples: Samples, rows: Tensor) -> "Seen":
        """Policy and critic on some rows; T' is the longest completion of them."""
        inputs, keep = _model_inputs(samples, rows)
        reads_policy = self.critic is not None and self.critic.body is None
        with self._autocast():
            output = self.policy.model(
                **inputs, use_cache=False, logits_to_keep=keep, output_hidden_states=reads_policy
            )
        logprobs, entropy = token_logprobs(
            output.logits,
            samples.completion_ids[rows, :keep],
            self.config.temperature,
            entropy_gradient=self.variant.entropy_coef > 0,
        )
        values = None
        if self.critic is not None:
            hidden = output.hidden_states[-1] if reads_policy else None
            with self._autocast():
                values = self.critic(inputs, hidden, keep)
        return Seen(logprobs, entropy, values)

    @torch.no_grad()
    def _ref_logprobs(self, samples: Samples, rows: Tensor) -> Tensor:
        """(R, T') log-probs of some rows under the reference."""
        inputs, keep = _model_inputs(samples, rows)
        with self._autocast():
            logits = self.reference.model(**inputs, use_cache=False, logits_to_keep=keep).logits
        ids = samples.completion_ids[rows, :keep]
        return token_logprobs(logits, ids, self.config.temperature)[0]

    def _autocast(self) -> torch.autocast:
        """Matrix products in bfloat16 where that is asked for; elsewhere nothing changes."""
        device = next(self.policy.model.parameters()).device.type
        return torch.autocast(device, dtype=torch.bfloat16, enabled=self.config.bf16)

    def _token_values(self, mask: Tensor, credit: Credit, scores: Scores | None) -> TokenValues:
        """Room for what the updates will see, and what is known before them."""
        values = TokenValues(*(torch.zeros(mask.shape) for _ in range(5)))
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
        with torch.no_grad():
            pairs = zip(
                self.reference.model.parameters(), self.policy.model.parameters(), strict=True
            )
            for reference, policy in pairs:
                reference.lerp_(policy, alpha)


@dataclass
class Seen:
    """What a forward pass gives: logprobs and entropy (R, T'), and the critic's values or None."""

    logprobs: Tensor
    entropy: Tensor
    values: Tensor | None


def _model_inputs(samples: Samples, rows: Tensor) -> tuple[dict[str, Any], int]:
    """What a model is called with for some rows, and T', how many last positions to keep."""
    longest = int(samples.lengths[rows].max())
    completion = samples.completion_ids[rows, :longest]
    ids = torch.cat([samples.prompt_ids[rows], completion], dim=1)
    attention = torch.cat(
        [samples.prompt_mask[rows], torch.ones_like(completion, dtype=torch.bool)], dim=1
    )
    inputs = {
        "input_ids": ids[:, :-1],
        # padding on the right of a completion is behind everything that matters: no mask for it
        "attention_mask": None if attention.all() else attention[:, :-1],
        "position_ids": (attention[:, :-1].cumsum(dim=1) - 1).clamp_min(0),
    }
    return inputs, longest


def micro_batches(
    samples: Samples, most_tokens: int, among: Tensor | None = None
) -> Iterator[Tensor]:
    """Row numbers in batches of like length, so that little is computed for padding.

    Args:
        samples: B completions.
        most_tokens: of a batch, prompts and padding included, unless a single row has more. Small
            enough, and the activations stay in the processor's cache: at 1,024 the tiny model takes
            half the time it takes for the whole batch at once.
        among: the rows to take, or None for all of them.
    """
    prompt = samples.prompt_ids.shape[1]
    among = torch.arange(len(samples.lengths)) if among is None else among
    lengths = samples.lengths[among]
    rows: list[int] = []
    if not len(among):
        return
    for i in lengths.argsort(stable=True).tolist():  # so each is the longest so far
        width = prompt + int(lengths[i])
        if rows and (len(rows) + 1) * width > most_tokens:
            yield among[rows]
            rows = []
        rows.append(i)
    yield among[rows]
