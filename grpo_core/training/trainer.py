"""The GRPO loop: sample groups, compute rewards and advantages, update the policy.

`for step in Trainer(config)` trains one step per iteration.
"""

import hashlib
import random
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grpo_core import plugins
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group, Step
from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy, load_policy
from grpo_core.rewards import RewardFunction, RewardSum, get_step_reward
from grpo_core.rewards.overlong import soft_overlong_punishment
from grpo_core.tasks import Problem, Task, get_task
from grpo_core.training.credit import Credit, assign_credit, find_steps
from grpo_core.training.evaluation import evaluate
from grpo_core.training.rollout import Rollout, draw, draw_until_full, shuffled
from grpo_core.training.sampling import Samples
from grpo_core.training.threads import LARGE, choose_threads
from grpo_core.training.timing import Stopwatch
from grpo_core.training.update import Learner, TokenValues


class Trainer:
    """One GRPO run: an iterator of `Step` records that can be paused and resumed at any step.

    The first record, index 0, is the evaluation of the untrained policy; then comes one record per
    step up to `config.max_steps`. All randomness derives from `config.seed`.

    Attributes:
        config: the run's options.
        task: the source of problems and their verifier.
        policy: the model being trained.
        threads: how the work is divided among threads.
        reference: a copy of the initial policy, which the KL is measured to; with sync_ref_model it
            follows the policy. None if beta is 0.
        base_fingerprint: a hash of the exact initial weights.
        learner: the policy, the reference, the critic if there is one, and the optimizer.
        step_index: the index of the last step; -1 before the evaluation of the untrained policy.
    """

    def __init__(
        self, config: GRPOConfig, *, policy: Policy | None = None, task: Task | None = None
    ) -> None:
        """Load the task and the model that the config names, unless they are given.

        Raises:
            LabError: the task, the model, a reward or a method is unknown, the task has too few
                problems, or a plugin cannot be loaded.
        """
        plugins.load_files(config.plugins)
        self.config = config
        self.variant = Variant.from_config(config)
        if config.sync_ref_model and not config.needs_reference:
            raise LabError(
                "sync_ref_model updates the reference model, but with beta 0 there is none. Set "
                "beta, for example to 0.001, or leave sync_ref_model out."
            )
        learning_rate(config, 1)  # refuse an unknown schedule now rather than after sampling
        self.rewards = _rewards_of(config)
        self.step_reward = (
            get_step_reward(config.step_reward_func) if config.step_reward_func else None
        )
        self.task = task or get_task(config.task, **config.task_options)
        self.problems = list(self.task.problems("train"))
        if not self.problems:
            raise LabError(f"The task '{self.task.name}' has no problems in its split 'train'.")
        if len(self.problems) < config.prompts_per_step:
            raise LabError(
                f"The task '{self.task.name}' has {len(self.problems)} training problems, but a "
                f"step needs {config.prompts_per_step}. Choose a smaller generation_batch_size."
            )
        self.policy = policy or load_policy(config.model, config.device)
        self.threads = choose_threads(config.threads, self.policy.model.num_parameters())
        torch.set_num_threads(self.threads.within)
        self.sampling_dtype = torch.bfloat16 if config.bf16 else torch.float32
        self.base_fingerprint = _fingerprint(self.policy)
        self.reference = self.policy.frozen_copy() if config.needs_reference else None
        critic = Critic(self.policy, config.critic) if config.scale_rewards == "gae" else None
        self.learner = Learner(
            config, self.variant, self.policy, self.reference, critic, self.threads.workers
        )
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step_index = -1

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        """Train one step (first: evaluate the untrained policy) and return its record."""
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
        """Sample groups, compute rewards and advantages, update the policy."""
        started = time.perf_counter()
        watch = self.learner.watch = Stopwatch()
        with watch.phase("sampling"):
            rollout, metrics = self._draw(watch)
        samples, mask = rollout.samples, self._mask(rollout.samples)
        with watch.phase("update"):
            steps = None
            if self.step_reward is not None:
                weight = self.config.step_reward_weight
                steps = find_steps(rollout, self.policy, self.task, self.step_reward, weight)
                metrics["steps/mean_reward"] = sum(steps.truth) / len(steps.truth)
            scores = self.learner.score(samples) if self.learner.needs_scores else None
            credit = assign_credit(
                rollout, mask, self.variant, self.config, scores=scores, steps=steps
            )
            rate = learning_rate(self.config, self.step_index) / self.config.learning_rate
            values, stats = self.learner.update(
                samples, mask, credit, scores, rate=rate, generator=self.generator
            )
            self._move_reference()
        with watch.phase("record"):
            groups = self._groups(rollout, credit, values)
        metrics |= stats | _reward_metrics(credit.rewards, rollout.parts)
        metrics |= _completion_metrics(samples, [self.task.backtracks(t) for t in rollout.texts])
        metrics |= {f"seconds/{phase}": spent for phase, spent in watch.seconds.items()}
        metrics["seconds/step"] = time.perf_counter() - started
        return Step(self.step_index, metrics, groups)

    def _draw(self, watch: Stopwatch) -> tuple[Rollout, dict[str, float]]:
        """Sample this step's groups; with dynamic sampling, replace groups without signal."""
        config, problems = self.config, self._next_problems()
        drawn = partial(
            draw,
            self.policy,
            self.task,
            rewards=self.rewards,
            num_generations=config.num_generations,
            max_completion_length=config.max_completion_length,
            temperature=config.temperature,
            generator=self.generator,
            dtype=self.sampling_dtype,
            workers=self.threads.workers,
            watch=watch,
        )
        if not config.dynamic_sampling:
            return drawn(problems), {}
        more = shuffled(self.problems, f"{config.seed}:again:{self.step_index}", problems)
        return draw_until_full(
            drawn, problems, more, config.dynamic_sampling, config.max_sampling_rounds
        )

    def _mask(self, samples: Samples) -> Tensor:
        """Return (B, T) bool, True for the tokens that enter the loss."""
        if not self.config.mask_truncated_completions:
            return samples.mask
        return samples.mask & ~samples.truncated.unsqueeze(1)

    def _move_reference(self) -> None:
        """Move the reference towards the policy every `ref_model_sync_steps` steps, if enabled."""
        config = self.config
        if config.sync_ref_model and self.step_index % config.ref_model_sync_steps == 0:
            self.learner.move_reference(config.ref_model_mixup_alpha)

    def _next_problems(self) -> list[Problem]:
        """Return this step's problems: a seeded permutation of all problems per epoch.

        This is a function of the step index alone, so a checkpoint stores no position.
        """
        count = self.config.prompts_per_step
        per_epoch = len(self.problems) // count
        epoch, position = divmod(self.step_index - 1, per_epoch)
        order = random.Random(f"{self.config.seed}:{epoch}").sample(
            range(len(self.problems)), len(self.problems)
        )
        return [self.problems[i] for i in order[position * count : (position + 1) * count]]

    def _evaluate(self) -> dict[str, float]:
        """Evaluate the policy on held-out problems; return the metrics `eval/...`."""
        started = time.perf_counter()
        measured = evaluate(
            self.policy,
            self.task,
            n=self.config.eval_size,
            max_completion_length=self.config.max_completion_length,
            # a large model's key-value cache for 256 rows would take gigabytes
            batch_size=256 if self.policy.model.num_parameters() < LARGE else 64,
            dtype=self.sampling_dtype,
            workers=self.threads.workers,
        )
        seconds = {"seconds/eval": time.perf_counter() - started}
        return {f"eval/{name}": value for name, value in measured.items()} | seconds

    # --- records and resumption -------------------------------------------------------------

    def _groups(self, rollout: Rollout, credit: Credit, values: TokenValues) -> list[Group]:
        """Return the step's groups as records."""
        size, samples = rollout.group_size, rollout.samples
        rewards = credit.rewards.flatten()
        per_token = {name: t for name, t in vars(values).items() if t is not None}

        def completion(row: int) -> Completion:
            ids = samples.completion(row)
            advantages = credit.advantages[row]
            if advantages.dim():  # per token: the completion's advantage is their mean
                advantages = advantages[: len(ids)].mean()
            return Completion(
                text=rollout.texts[row],
                tokens=self.policy.pieces(ids),
                token_ids=samples.completion_ids[row, : len(ids)].int().numpy(),
                rewards={name: part[row] for name, part in rollout.parts.items()},
                reward=float(rewards[row]),
                advantage=float(advantages),
                truncated=bool(samples.truncated[row]),
                **{
                    name: t[row, : len(ids)].numpy().copy()
                    for name, t in per_token.items()
                    if row < len(t)  # after_logprobs cover the first groups only
                },
            )

        return [
            Group(
                problem.prompt,
                problem.columns,
                [completion(row) for row in range(i * size, (i + 1) * size)],
            )
            for i, problem in enumerate(rollout.problems)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return all state that the next step depends on besides the config, for torch.save."""
        state = {
            "step_index": self.step_index,
            "base_fingerprint": self.base_fingerprint,
            "model": self.policy.model.state_dict(),
            "optimizer": self.learner.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }
        if self.config.sync_ref_model and self.reference is not None:
            state["reference_model"] = self.reference.model.state_dict()
        if self.learner.critic is not None:
            state["critic"] = self.learner.critic.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned: the same steps follow, bit for bit.

        Raises:
            LabError: the state belongs to another model or version, or the base model, which the KL
                is measured to, has changed since the run began.
        """
        base = state.get("base_fingerprint", state.get("reference"))  # its name in version 0.1.0
        if base is not None and base != self.base_fingerprint:
            raise LabError(
                f"The model '{self.config.model}' has changed since this run began, so the run "
                "cannot continue. Start a new run."
            )
        try:
            self.policy.model.load_state_dict(state["model"])
            self.learner.optimizer.load_state_dict(state["optimizer"])
            self.generator.set_state(state["generator"])
            self.step_index = int(state["step_index"])
            if self.config.sync_ref_model and self.reference is not None:
                self.reference.model.load_state_dict(state["reference_model"])
            if self.learner.critic is not None:
                self.learner.critic.load_state_dict(state["critic"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise LabError(
                "The checkpoint does not fit this run's model or this version of the kit. "
                "Start a new run."
            ) from error


def _fingerprint(policy: Policy) -> str:
    """Return a short hash of a model's exact weights."""
    digest = hashlib.sha256()
    for weights in policy.model.state_dict().values():
        digest.update(weights.cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _rewards_of(config: GRPOConfig) -> RewardSum:
    """Return the weighted sum of a configuration's rewards, with overlong shaping if enabled."""
    functions: list[str | RewardFunction] = list(config.reward_funcs)
    weights = list(config.reward_weights)
    if config.soft_punish_cache:
        functions.append(
            soft_overlong_punishment(config.max_completion_length, config.soft_punish_cache)
        )
        weights.append(1.0)
    return RewardSum(functions, weights)


def learning_rate(config: GRPOConfig, step: int) -> float:
    """Return the learning rate of a step, counted from 1.

    The schedules are transformers' of the same names, except in the first step: there its rate is
    0, here it is 1 / warmup_steps of the full rate, so that the first step is not wasted.

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
        f"Unknown lr_scheduler_type '{config.lr_scheduler_type}'. "
        "Use one of: constant_with_warmup, linear."
    )


def _reward_metrics(rewards: Tensor, parts: dict[str, list[float]]) -> dict[str, float]:
    """Return TRL's reward metrics of (N, G) rewards, and the mean group standard deviation."""
    metrics = {"reward": float(rewards.mean()), "reward_std": float(rewards.std())}
    if rewards.shape[1] > 1:  # with a critic, groups may have one completion
        tie = rewards.amax(dim=1) == rewards.amin(dim=1)
        metrics["reward_std_in_group"] = float(rewards.std(dim=1).mean())
        metrics["frac_reward_zero_std"] = float(tie.float().mean())
    for name, values in parts.items():
        part = torch.tensor(values, dtype=torch.float64)
        metrics[f"rewards/{name}/mean"] = float(part.mean())
        metrics[f"rewards/{name}/std"] = float(part.std())
    return metrics


def _completion_metrics(samples: Samples, backtracks: list[int]) -> dict[str, float]:
    """Return the metrics of the completions: length, truncation and backtracks."""
    lengths = samples.lengths.float()
    return {
        "completions/mean_length": float(lengths.mean()),
        "completions/min_length": float(lengths.min()),
        "completions/max_length": float(lengths.max()),
        "completions/clipped_ratio": float(samples.truncated.float().mean()),
        "completions/num_tokens": float(samples.lengths.sum()),
        "backtracks": sum(backtracks) / len(backtracks),
    }
