"""Every option of a training run, with TRL's names where the option is TRL's. No torch in here."""

import difflib
import math
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from grpo_core import regular
from grpo_core.algorithm.kl import KLPlacement
from grpo_core.algorithm.methods import NUMBERS, MethodNumbers
from grpo_core.errors import LabError


@dataclass(frozen=True)
class GRPOConfig(KLPlacement, MethodNumbers):
    """Options of one GRPO run. The defaults are the run the README shows.

    What, with what:
        task, task_options: a name from tasks.TASKS and keyword arguments for it.
        model: "tiny", a folder, or a hub id (see models.load_policy).
        reward_funcs, reward_weights: names from rewards.REWARDS, and one weight each.
        seed: decides sampling and data order; the same seed on the same machine and thread
            count gives the same run, bit for bit.
        plugins: files that add tasks, rewards, models or presets, as absolute paths; their code is
            run (see plugins.py).

    How much:
        max_steps: optimisation steps.
        generation_batch_size: completions a step, so generation_batch_size / num_generations
            prompts a step.
        num_generations: G, completions a prompt.
        max_completion_length: tokens; a completion without end by then is truncated.

    The algorithm (see algorithm/objective.py for what each does):
        temperature, learning_rate, lr_scheduler_type, warmup_steps, adam_beta1, adam_beta2,
        weight_decay, max_grad_norm, num_iterations, beta, loss_type, scale_rewards,
        importance_sampling_level, mask_truncated_completions, multi_objective_aggregation,
        use_bias_correction_kl, sync_ref_model, ref_model_mixup_alpha, ref_model_sync_steps: as in
        trl.GRPOConfig.
        The methods' own numbers are options as well, epsilon, epsilon_high and delta among them.
        Each is declared once, with its default and bound, in its method's module: see
        algorithm/methods and the table in docs/algorithms.md.
        Beside TRL's values there are loss_type "reinforce" and "gmpo", scale_rewards "loo",
        "process" and "gae", and importance_sampling_level "sequence_token" and "sequence_sum".
        use_bias_correction_kl is off unless set, for DeepSeekMath's KL; TRL's default is on.
        steps_per_generation: mini-batches that a batch is cut into, each an optimizer step.
        kl_estimator: "k1", "k2" or "k3".
        use_kl_in_reward: take beta times the KL from the reward instead of adding it to the loss.
        entropy_coef: what a nat of entropy is worth in the loss.

    Around it:
        dynamic_sampling: draw again for groups in which this reward ("reward" for the weighted
            sum) is the same throughout; "" for never.
        max_sampling_rounds: how often to draw in all; what is missing then is filled with groups
            that tie.
        soft_punish_cache: DAPO's overlong shaping over the last so many tokens, as TRL's
            get_soft_overlong_punishment; 0 for none.
        step_reward_func, step_reward_weight: for scale_rewards "process", a name from
            rewards.STEP_REWARDS; the sum of the other rewards is the last step's.

    A critic, for scale_rewards "gae" (which is PPO), with the names of TRL's PPOConfig:
        critic: "separate" for a model of its own, "value_head" for a head on the policy.
        gamma, lam, vf_coef, cliprange_value: see algorithm/critic.py.
        critic_learning_rate: the policy's unless set.

    How it is computed (the mathematics stays the same):
        bf16: sample, and do the update's matrix products, in bfloat16 (autocast), as in
            trl.GRPOConfig; weights, log-probs and the optimizer stay in float32. Faster where the
            machine has it and the model is large.
        max_tokens_per_forward: how many tokens, padding included, go through the model at once in
            the update; what bounds its memory. A single completion may be longer.
        device: "cpu", "cuda", "mps" or "auto", which is an NVIDIA GPU where there is one. Apple's
            "mps" has to be asked for: it is untested.
        threads: how many to use (0: choose by the machine and the model, see threads.py).

    Looking at it:
        eval_steps: evaluate on held-out problems every so many steps (0: only at both ends).
        eval_size: how many held-out problems, or all if there are fewer (Countdown has 553); one
            completion each at temperature 1.
        save_steps: write the checkpoint that `resume` starts from every so many steps.
        groups_after_update: the first so many groups of a step are looked at again after the
            update, for the record of what it did to every token; 0 for none.
    """

    task: str = "countdown"
    task_options: dict[str, Any] = field(default_factory=dict)
    model: str = "tiny"
    reward_funcs: tuple[str, ...] = ("accuracy_reward", "format_reward")
    reward_weights: tuple[float, ...] = (1.0, 0.3)
    seed: int = 0
    plugins: tuple[str, ...] = ()

    max_steps: int = 125
    generation_batch_size: int = 128
    num_generations: int = 16
    max_completion_length: int = 256

    temperature: float = 1.0
    learning_rate: float = 3e-4
    lr_scheduler_type: str = "constant_with_warmup"
    warmup_steps: int = 5
    adam_beta1: float = 0.9
    adam_beta2: float = 0.95
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    num_iterations: int = 1
    beta: float = 0.001
    loss_type: str = "dapo"
    scale_rewards: str = "group"
    importance_sampling_level: str = "token"
    mask_truncated_completions: bool = False
    multi_objective_aggregation: str = "sum_then_normalize"
    steps_per_generation: int = 1
    kl_estimator: str = "k3"
    use_bias_correction_kl: bool = False
    use_kl_in_reward: bool = False
    sync_ref_model: bool = False
    ref_model_mixup_alpha: float = 0.6
    ref_model_sync_steps: int = 512
    entropy_coef: float = 0.0

    dynamic_sampling: str = ""
    max_sampling_rounds: int = 4
    soft_punish_cache: int = 0
    step_reward_func: str = ""
    step_reward_weight: float = 1.0

    critic: str = "separate"
    critic_learning_rate: float | None = None
    gamma: float = 1.0
    lam: float = 0.95
    vf_coef: float = 0.1
    cliprange_value: float = 0.2

    bf16: bool = False
    max_tokens_per_forward: int = 1024

    eval_steps: int = 25
    eval_size: int = 600
    save_steps: int = 1
    groups_after_update: int = 1
    device: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work, in one sentence each."""
        for name in ("reward_funcs", "reward_weights", "plugins"):
            if not isinstance(getattr(self, name), tuple | list):
                raise LabError(f"{name} must be a list, not {getattr(self, name)!r}.")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_types(self)
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise LabError(f"{name} must be above 0, not {getattr(self, name)}.")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise LabError(f"{name} must be 0 or above, not {getattr(self, name)}.")
        for name, most in _AT_MOST.items():
            if getattr(self, name) > most:
                raise LabError(f"{name} must be at most {most:,}, not {getattr(self, name):,}.")
        for name in ("adam_beta1", "adam_beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise LabError(f"{name} must be 0 or above and below 1, not {getattr(self, name)}.")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise LabError(f"{name} must lie between 0 and 1, not {getattr(self, name)}.")
        for name, number in NUMBERS.items():
            number.check(getattr(self, name))
        if self.critic_learning_rate is not None and self.critic_learning_rate <= 0:
            raise LabError(
                f"critic_learning_rate must be above 0, not {self.critic_learning_rate}."
            )
        self._check_batch()
        self._check_rewards()

    def _check_batch(self) -> None:
        """Refuse groups and batches that do not fit into each other."""
        if self.num_generations < 2 and (self.scale_rewards != "gae" or self.dynamic_sampling):
            raise LabError(
                "num_generations must be 2 or more: GRPO compares the completions of a group."
            )
        if self.generation_batch_size % self.num_generations:
            raise LabError(
                f"generation_batch_size ({self.generation_batch_size}) must be a multiple of "
                f"num_generations ({self.num_generations}), so that every group is whole."
            )
        if self.generation_batch_size % self.steps_per_generation:
            raise LabError(
                f"generation_batch_size ({self.generation_batch_size}) must be a multiple of "
                f"steps_per_generation ({self.steps_per_generation}), so that mini-batches are "
                "alike."
            )
        if self.soft_punish_cache > self.max_completion_length:
            raise LabError(
                f"soft_punish_cache ({self.soft_punish_cache}) must be at most "
                f"max_completion_length ({self.max_completion_length}), whose last tokens it is."
            )
        if self.critic not in CRITICS:
            raise LabError(f"There is no critic '{self.critic}'. Known: {', '.join(CRITICS)}.")

    def _check_rewards(self) -> None:
        """Refuse rewards that do not fit their weights, or that something else needs."""
        if not self.reward_funcs:
            raise LabError("reward_funcs is empty: name at least one reward.")
        if len(self.reward_funcs) != len(self.reward_weights):
            raise LabError(
                f"{len(self.reward_funcs)} reward_funcs need {len(self.reward_funcs)} "
                f"reward_weights, not {len(self.reward_weights)}."
            )
        if self.dynamic_sampling not in ("", "reward", *self.reward_funcs):
            raise LabError(
                f"dynamic_sampling '{self.dynamic_sampling}' is none of the run's rewards: "
                f"choose from reward, {', '.join(self.reward_funcs)}."
            )
        if bool(self.step_reward_func) != (self.scale_rewards == "process"):
            raise LabError(
                "scale_rewards 'process' and step_reward_func go together: set both, to 'process' "
                "and 'equations_true' for instance, or neither."
            )

    @property
    def prompts_per_step(self) -> int:
        """How many prompts, and so groups, one step has."""
        return self.generation_batch_size // self.num_generations

    def to_dict(self) -> dict[str, Any]:
        """JSON- and TOML-serialisable; `from_dict` reads it back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "GRPOConfig":
        """Build from plain values, such as a parsed TOML or JSON file.

        Raises:
            LabError: an unknown option (the message names the closest one) or a refused value.
        """
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                raise LabError(f"There is no option called '{name}'.{hint}")
        return cls(**values)

    @classmethod
    def from_toml(cls, path: str | Path, **overrides: Any) -> "GRPOConfig":
        """Read a TOML file whose keys are the field names; `overrides` win over the file.

        A table [about], as recipes have it, is for people and left out.

        Raises:
            LabError: the file is missing, is not TOML, or holds a refused option.
        """
        try:
            content = regular.read_bytes(path, MAX_FILE_BYTES, follow_links=True)
            values = tomllib.loads(content.decode("utf-8-sig"))
        except OSError as error:
            raise LabError(f"Cannot read the config file {path}: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:  # TOML's and Unicode's are ValueErrors
            raise LabError(f"The config file {path} is not valid TOML: {error}.") from error
        values.pop("about", None)
        return cls.from_dict({**values, **overrides})


MAX_FILE_BYTES = 1_000_000  # of a file of options
CRITICS = ("separate", "value_head")

_POSITIVE = (
    "max_steps",
    "generation_batch_size",
    "max_completion_length",
    "temperature",
    "learning_rate",
    "max_grad_norm",
    "num_iterations",
    "steps_per_generation",
    "ref_model_sync_steps",
    "max_sampling_rounds",
    "cliprange_value",
    "max_tokens_per_forward",
    "eval_size",
    "save_steps",
)
_NOT_NEGATIVE = (
    "seed",
    "warmup_steps",
    "weight_decay",
    "beta",
    "entropy_coef",
    "soft_punish_cache",
    "vf_coef",
    "eval_steps",
    "groups_after_update",
    "threads",
)
_SHARES = ("ref_model_mixup_alpha", "gamma", "lam")
# What no machine here can do, said before the machine says it.
_AT_MOST = {
    "seed": 2**63 - 1,
    "threads": 1024,
    "max_completion_length": 100_000,
    "max_sampling_rounds": 1_000,
    "generation_batch_size": 1_000_000,
}


def _check_types(config: GRPOConfig) -> None:
    """Raise LabError where a value has another type than its field's default.

    Whole numbers are accepted for decimal fields, as TOML and argument parsers give them.
    """
    for f in fields(config):
        value = getattr(config, f.name)
        expected: tuple[type, ...] = (type(f.default),)
        if f.default is None:
            expected = (float, int, type(None))
        elif f.name == "task_options":
            expected = (dict,)
        elif isinstance(f.default, float):
            expected = (float, int)
        # True is an int to Python, and never meant as one
        stray_bool = isinstance(value, bool) and bool not in expected
        if not isinstance(value, expected) or stray_bool:
            names = " or ".join(kind.__name__ for kind in expected)
            raise LabError(f"{f.name} cannot be {value!r}: {names} is expected.")
        if isinstance(value, float) and not math.isfinite(value):
            raise LabError(f"{f.name} must be a finite number, not {value}.")
