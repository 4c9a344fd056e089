"""The GRPO loop: sample groups, score, compare, push: `for step in Trainer(config)`."""

import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.aggregation import BatchSize
from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.algorithm.objective import Variant, grpo_objective
from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.evaluation import columns_of, evaluate
from grpo_core.models.policy import Policy, load_policy
from grpo_core.records import Completion, Group, Step
from grpo_core.rewards import RewardSum
from grpo_core.sampling import Samples, sample_groups
from grpo_core.tasks import Problem, Task, get_task

_TOKENS_PER_FORWARD = 1024  # padding included: small enough for the activations to stay in cache


@dataclass
class TokenValues:
    """What the update computed for every token, each (B, T) float32.

    Positions behind a completion's end hold anything: records are cut to each one's length.
    """

    logprobs: Tensor
    old_logprobs: Tensor
    ref_logprobs: Tensor
    entropy: Tensor
    push: Tensor


class Trainer:
    """One GRPO run: an iterator of `Step` records, which can be left and taken up at any step.

    The first record, index 0, is the evaluation of the untouched policy; then one a step up to
    `config.max_steps`. Everything random follows from `config.seed`.

    Attributes:
        config, task, policy: what is trained on what.
        reference: the policy as it was at the start, which the KL is measured to.
        step_index: of the last step taken; -1 before the evaluation of the untouched policy.
    """

    def __init__(
        self, config: GRPOConfig, *, policy: Policy | None = None, task: Task | None = None
    ) -> None:
        """Load what the config names, unless it is handed in.

        Raises:
            LabError: an unknown task, model, reward or switch, or a task without problems.
        """
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config = config
        self.variant = Variant.from_config(config)
        learning_rate(config, 1)  # refuses an unknown schedule now rather than after sampling
        self.rewards = RewardSum(config.reward_funcs, config.reward_weights)
        self.task = task or get_task(config.task, **config.task_options)
        self.problems = list(self.task.problems("train"))
        if not self.problems:
            raise LabError(f"The task '{self.task.name}' has no problems in its split 'train'.")
        if len(self.problems) < config.prompts_per_step:
            raise LabError(
                f"The task '{self.task.name}' has {len(self.problems)} training problems, and a "
                f"step takes {config.prompts_per_step}: choose a smaller generation_batch_size."
            )
        self.policy = policy or load_policy(config.model)
        self.reference = self.policy.frozen_copy()
        self.optimizer = torch.optim.AdamW(
            self.policy.model.parameters(),
            lr=config.learning_rate,
            betas=(config.adam_beta1, config.adam_beta2),
            weight_decay=config.weight_decay,
        )
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step_index = -1

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        """Take one step (or, first of all, evaluate the untouched policy) and record it."""
        if self.step_index >= self.config.max_steps:
            raise StopIteration
        self.step_index += 1
        step = Step(0, {}) if self.step_index == 0 else self._train_step()
        every, last = self.config.eval_steps, self.config.max_steps
        if self.step_index in (0, last) or (every and self.step_index % every == 0):
            step.metrics.update(self._evaluate())
        return step

    # --- one step ---------------------------------------------------------------------------

    def _train_step(self) -> Step:
        """Sample, score, compare, push."""
        started = time.perf_counter()
        problems = self._next_problems()
        samples = sample_groups(
            self.policy,
            [p.prompt for p in problems],
            self.config.num_generations,
            max_completion_length=self.config.max_completion_length,
            temperature=self.config.temperature,
            generator=self.generator,
        )
        sampled = time.perf_counter()
        rows = [p for p in problems for _ in range(self.config.num_generations)]
        texts = [self.policy.decode(samples.completion(row)) for row in range(len(rows))]
        parts, totals = self.rewards([p.prompt for p in rows], texts, **columns_of(self.task, rows))
        rewards = torch.tensor(totals, dtype=torch.float64)
        rewards = rewards.view(-1, self.config.num_generations)
        advantages = group_advantages(rewards, self.variant.advantage).float()
        values, metrics = self._update(samples, advantages.flatten())
        updated = time.perf_counter()

        groups = self._groups(problems, samples, texts, parts, rewards, advantages, values)
        metrics |= _reward_metrics(rewards, parts)
        metrics |= _completion_metrics(samples, [self.task.backtracks(text) for text in texts])
        metrics |= {
            "seconds/sampling": sampled - started,
            "seconds/update": updated - sampled,
            "seconds/step": time.perf_counter() - started,
        }
        return Step(self.step_index, metrics, groups)

    def _next_problems(self) -> list[Problem]:
        """The prompts of this step: every problem once before any comes again, in seeded order.

        A function of the step alone, so there is no position to save.
        """
        count = self.config.prompts_per_step
        per_epoch = len(self.problems) // count
        epoch, position = divmod(self.step_index - 1, per_epoch)
        order = random.Random(f"{self.config.seed}:{epoch}").sample(
            range(len(self.problems)), len(self.problems)
        )
        return [self.problems[i] for i in order[position * count : (position + 1) * count]]

    def _update(self, samples: Samples, advantages: Tensor) -> tuple[TokenValues, dict[str, float]]:
        """`num_iterations` gradient steps (mu in the paper) on one batch of samples.

        Args:
            samples: B completions.
            advantages: (B,) float32.

        Returns:
            values as the last of the updates saw them, and the metrics, means over the updates.

        Raises:
            LabError: the gradient is not finite.
        """
        mask = samples.mask
        if self.config.mask_truncated_completions:
            mask = mask & ~samples.truncated.unsqueeze(1)
        size = BatchSize.of(mask, self.config.max_completion_length)
        values = TokenValues(*(torch.zeros(mask.shape) for _ in range(5)))
        totals: dict[str, float] = {}
        rate = learning_rate(self.config, self.step_index)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for iteration in range(self.config.num_iterations):
            self.optimizer.zero_grad(set_to_none=True)
            for rows in _micro_batches(samples):
                stats = self._backward(
                    samples, rows, advantages, mask, size, values, first=iteration == 0
                )
                for name, value in stats.items():
                    totals[name] = totals.get(name, 0.0) + value
            norm = torch.nn.utils.clip_grad_norm_(
                self.policy.model.parameters(), self.config.max_grad_norm
            )
            if not norm.isfinite():
                raise LabError(
                    f"The gradient of step {self.step_index} is no finite number: the policy is "
                    "lost. Start again with a smaller learning_rate."
                )
            totals["grad_norm"] = totals.get("grad_norm", 0.0) + float(norm)
            self.optimizer.step()
        metrics = {name: total / self.config.num_iterations for name, total in totals.items()}
        metrics["learning_rate"] = rate
        return values, metrics

    def _backward(
        self,
        samples: Samples,
        rows: Tensor,
        advantages: Tensor,
        mask: Tensor,
        size: BatchSize,
        values: TokenValues,
        *,
        first: bool,
    ) -> dict[str, float]:
        """Add the gradient of some rows' share of the loss, and note what each token got.

        In the first update after sampling the policy is still the one that sampled, so its
        log-probs are the old ones: no second forward pass is needed for them.
        """
        logprobs, entropy = self._logprobs(self.policy, samples, rows)
        with torch.no_grad():
            ref_logprobs, _ = self._logprobs(self.reference, samples, rows)
        here = (rows, slice(logprobs.shape[1]))
        row_mask = mask[here]
        logprobs.retain_grad()
        old_logprobs = None if first else values.old_logprobs[here]
        loss, stats = grpo_objective(
            logprobs, old_logprobs, ref_logprobs, advantages[rows], row_mask, self.variant, size
        )
        loss.backward()
        assert logprobs.grad is not None
        seen = {"logprobs": logprobs, "ref_logprobs": ref_logprobs, "entropy": entropy}
        seen |= {"push": -logprobs.grad} | ({"old_logprobs": logprobs} if first else {})
        for name, tensor in seen.items():
            getattr(values, name)[here] = tensor.detach()
        metrics = {name: float(value) for name, value in stats.items()}
        metrics["loss"] = float(loss.detach())
        metrics["entropy"] = float((entropy * row_mask).sum()) / max(size.tokens, 1)
        return metrics

    def _logprobs(self, policy: Policy, samples: Samples, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probs and entropies (R, T') of some rows; T' is the longest completion of them."""
        longest = int(samples.lengths[rows].max())
        completion = samples.completion_ids[rows, :longest]
        ids = torch.cat([samples.prompt_ids[rows], completion], dim=1)
        attention = torch.cat(
            [samples.prompt_mask[rows], torch.ones_like(completion, dtype=torch.bool)], dim=1
        )
        # padding on the right of a completion is behind everything that matters: no mask for it
        logits = policy.model(
            input_ids=ids[:, :-1],
            attention_mask=None if attention.all() else attention[:, :-1],
            position_ids=(attention[:, :-1].cumsum(dim=1) - 1).clamp_min(0),
            use_cache=False,
            logits_to_keep=longest,
        ).logits
        return token_logprobs(logits, completion, self.config.temperature)

    def _evaluate(self) -> dict[str, float]:
        """The policy on held-out problems, as metrics `eval/...`."""
        started = time.perf_counter()
        measured = evaluate(
            self.policy,
            self.task,
            n=self.config.eval_size,
            max_completion_length=self.config.max_completion_length,
        )
        seconds = {"seconds/eval": time.perf_counter() - started}
        return {f"eval/{name}": value for name, value in measured.items()} | seconds

    # --- records and resumption -------------------------------------------------------------

    def _groups(
        self,
        problems: list[Problem],
        samples: Samples,
        texts: list[str],
        parts: dict[str, list[float]],
        rewards: Tensor,
        advantages: Tensor,
        values: TokenValues,
    ) -> list[Group]:
        """The step's groups as records. rewards and advantages are (N, G)."""
        size = self.config.num_generations

        def completion(row: int) -> Completion:
            ids = samples.completion(row)
            per_token = {
                name: tensor[row, : len(ids)].numpy().copy()
                for name, tensor in vars(values).items()
            }
            return Completion(
                text=texts[row],
                tokens=self.policy.pieces(ids),
                token_ids=samples.completion_ids[row, : len(ids)].int().numpy(),
                rewards={name: part[row] for name, part in parts.items()},
                reward=float(rewards[row // size, row % size]),
                advantage=float(advantages[row // size, row % size]),
                truncated=bool(samples.truncated[row]),
                **per_token,
            )

        return [
            Group(
                problem.prompt,
                problem.columns,
                [completion(row) for row in range(i * size, (i + 1) * size)],
            )
            for i, problem in enumerate(problems)
        ]

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, beside the config; for torch.save."""
        return {
            "step_index": self.step_index,
            "reference": self._reference_fingerprint,
            "model": self.policy.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    @cached_property
    def _reference_fingerprint(self) -> str:
        """A short name of the reference's exact weights, which never change."""
        digest = hashlib.sha256()
        for weights in self.reference.model.state_dict().values():
            digest.update(weights.contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()[:16]

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called: the same steps follow, bit for bit.

        Raises:
            LabError: the state is of another model or version, or the base model that the KL is
                measured to is no longer the one the run began with.
        """
        if "reference" in state and state["reference"] != self._reference_fingerprint:
            raise LabError(
                f"The model '{self.config.model}' has changed since this run began, so it cannot "
                "go on as it was; start a new run."
            )
        try:
            self.policy.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.generator.set_state(state["generator"])
            self.step_index = int(state["step_index"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise LabError(
                "The checkpoint does not fit this run's model or this version of the kit; "
                "start a new run."
            ) from error


def learning_rate(config: GRPOConfig, step: int) -> float:
    """The learning rate of a step, counted from 1.

    As transformers' schedules of the same names, but for the first step, which there is taken at
    a rate of 0: here it is 1 / warmup_steps of the full rate, so that it teaches something.

    Raises:
        LabError: an unknown lr_scheduler_type.
    """
    warm = min(1.0, step / max(config.warmup_steps, 1))
    if config.lr_scheduler_type == "constant_with_warmup":
        return config.learning_rate * warm
    if config.lr_scheduler_type == "linear":
        left = (config.max_steps - step + 1) / config.max_steps
        return config.learning_rate * warm * left
    raise LabError(
        f"There is no lr_scheduler_type '{config.lr_scheduler_type}'. "
        "Known: constant_with_warmup, linear."
    )


def _micro_batches(samples: Samples) -> Iterator[Tensor]:
    """Row numbers in batches of like length, so that little is computed for padding."""
    prompt = samples.prompt_ids.shape[1]
    rows: list[int] = []
    for row in samples.lengths.argsort(stable=True).tolist():  # so each is the longest so far
        width = prompt + int(samples.lengths[row])
        if rows and (len(rows) + 1) * width > _TOKENS_PER_FORWARD:
            yield torch.tensor(rows)
            rows = []
        rows.append(row)
    yield torch.tensor(rows)


def _reward_metrics(rewards: Tensor, parts: dict[str, list[float]]) -> dict[str, float]:
    """TRL's reward metrics of (N, G) rewards, and the spread that advantages are divided by."""
    tie = rewards.amax(dim=1) == rewards.amin(dim=1)
    metrics = {
        "reward": float(rewards.mean()),
        "reward_std": float(rewards.std()),
        "reward_std_in_group": float(rewards.std(dim=1).mean()),
        "frac_reward_zero_std": float(tie.float().mean()),
    }
    for name, values in parts.items():
        part = torch.tensor(values, dtype=torch.float64)
        metrics[f"rewards/{name}/mean"] = float(part.mean())
        metrics[f"rewards/{name}/std"] = float(part.std())
    return metrics


def _completion_metrics(samples: Samples, backtracks: list[int]) -> dict[str, float]:
    """How long the completions are, how many were cut off, and how often they turned back."""
    lengths = samples.lengths.float()
    return {
        "completions/mean_length": float(lengths.mean()),
        "completions/min_length": float(lengths.min()),
        "completions/max_length": float(lengths.max()),
        "completions/clipped_ratio": float(samples.truncated.float().mean()),
        "completions/num_tokens": float(samples.lengths.sum()),
        "backtracks": sum(backtracks) / len(backtracks),
    }
