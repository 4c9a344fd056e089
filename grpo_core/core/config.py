"""Every option of a training run, with TRL's names where the option is TRL's. No torch in here."""

import difflib
import math
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from grpo_core.algorithm.kl import KLPlacement
from grpo_core.algorithm.methods import MethodNumbers
from grpo_core.core import regular
from grpo_core.core.errors import LabError
from grpo_core.core.options import (
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    PPO,
    SHARE,
    TRL,
    Bound,
    Option,
    option,
    positive,
)

CRITICS = ("separate", "value_head")
MAX_FILE_BYTES = 1_000_000  # of a file of options


@dataclass(frozen=True)
class GRPOConfig(KLPlacement, MethodNumbers):
    """Options of one GRPO run. The defaults are those of the run in the README.

    Each option is declared once, here: its default, what it means, what it must be, and whose name
    it is. docs/options.md is the same as a table. The numbers of the methods (epsilon among them)
    are options, too, declared in algorithm/methods.
    """

    # What, with what
    task: str = option("countdown", "The task: a name from `tasks.TASKS`.")
    task_options: dict[str, Any] = option(dict, "Keyword arguments for the task.")
    model: str = option(
        "tiny", "The model: a name from `models.MODELS`, a folder, or an id of the hub."
    )
    reward_funcs: tuple[str, ...] = option(
        ("accuracy_reward", "format_reward"), "The rewards: names from `rewards.REWARDS`."
    )
    reward_weights: tuple[float, ...] = option(
        (1.0, 0.3),
        "One weight for each reward; a reward with weight 0 is recorded only.",
        origin=TRL,
    )
    seed: int = option(
        0,
        "Random seed for data order and sampling. The same seed on the same machine, with the same "
        "number of threads, gives the same run, bit for bit.",
        origin=TRL,
        bound=Bound(0, 2**63 - 1),
    )
    plugins: tuple[str, ...] = option(
        (),
        "Files that add tasks, rewards, models or presets, as absolute paths. Their code is run; "
        "set them with `--plugin`.",
    )

    # How much
    max_steps: int = option(125, "Training steps.", origin=TRL, bound=POSITIVE)
    generation_batch_size: int = option(
        128,
        "Completions per step, a multiple of num_generations.",
        origin=TRL,
        bound=positive(1_000_000),
    )
    num_generations: int = option(
        16, "Group size G: completions per prompt that are compared.", origin=TRL, bound=POSITIVE
    )
    max_completion_length: int = option(
        256,
        "Tokens after which a completion is truncated.",
        origin=TRL,
        bound=positive(100_000),
    )

    # The algorithm
    temperature: float = option(1.0, "Sampling temperature.", origin=TRL, bound=POSITIVE)
    learning_rate: float = option(3e-4, "AdamW's learning rate.", origin=TRL, bound=POSITIVE)
    lr_scheduler_type: str = option(
        "constant_with_warmup",
        "Schedule of the learning rate: constant_with_warmup or linear.",
        origin=TRL,
    )
    warmup_steps: int = option(
        5, "Steps over which the learning rate rises.", origin=TRL, bound=NOT_NEGATIVE
    )
    adam_beta1: float = option(
        0.9, "AdamW's decay rate of the first moment.", origin=TRL, bound=BELOW_ONE
    )
    adam_beta2: float = option(
        0.95, "AdamW's decay rate of the second moment.", origin=TRL, bound=BELOW_ONE
    )
    weight_decay: float = option(0.0, "AdamW's weight decay.", origin=TRL, bound=NOT_NEGATIVE)
    max_grad_norm: float = option(
        1.0, "Norm to which a larger gradient is scaled down.", origin=TRL, bound=POSITIVE
    )
    num_iterations: int = option(
        1, "Updates per batch of completions (mu in the paper).", origin=TRL, bound=POSITIVE
    )
    beta: float = option(
        0.001,
        "Coefficient of the KL to the reference model; 0 drops the KL.",
        origin=TRL,
        bound=NOT_NEGATIVE,
    )
    loss_type: str = option(
        "dapo",
        "Surrogate and aggregation, such as dapo or grpo. reinforce and gmpo are the kit's own.",
        origin=TRL,
    )
    scale_rewards: str = option(
        "group",
        "How advantages are scaled: group, batch or none. loo, process and gae are the kit's own.",
        origin=TRL,
    )
    importance_sampling_level: str = option(
        "token",
        "Level of the importance ratio: token or sequence. sequence_token and sequence_sum are the "
        "kit's own.",
        origin=TRL,
    )
    mask_truncated_completions: bool = option(
        False, "Leave truncated completions out of the loss.", origin=TRL
    )
    multi_objective_aggregation: str = option(
        "sum_then_normalize",
        "How several rewards become one advantage: sum_then_normalize or normalize_then_sum.",
        origin=TRL,
    )
    steps_per_generation: int = option(
        1,
        "Mini-batches that a batch is divided into, each an optimizer step.",
        origin=TRL,
        bound=POSITIVE,
    )
    kl_estimator: str = option("k3", "Estimator of the KL: k1, k2 or k3.")
    use_bias_correction_kl: bool = option(
        False,
        "Multiply the KL by the importance ratio. Off by default, for DeepSeekMath's KL; on by "
        "default in TRL.",
        origin=TRL,
    )
    use_kl_in_reward: bool = option(
        False, "Subtract beta times the KL from the reward instead of adding it to the loss."
    )
    sync_ref_model: bool = option(False, "Let the reference model follow the policy.", origin=TRL)
    ref_model_mixup_alpha: float = option(
        0.6, "Share of the policy in the reference model when it follows.", origin=TRL, bound=SHARE
    )
    ref_model_sync_steps: int = option(
        512, "Steps after which the reference model follows.", origin=TRL, bound=POSITIVE
    )
    entropy_coef: float = option(
        0.0,
        "Coefficient of the entropy bonus: what a nat of mean entropy per token is worth in the "
        "loss.",
        origin=TRL,
        bound=NOT_NEGATIVE,
    )

    # Around the algorithm
    dynamic_sampling: str = option(
        "",
        "Sample again for groups in which this reward has no variance; `reward` for the weighted "
        "sum, empty for never.",
    )
    max_sampling_rounds: int = option(
        4,
        "Rounds of sampling at most; what is still missing is filled with groups without variance.",
        bound=positive(1_000),
    )
    soft_punish_cache: int = option(
        0,
        "DAPO's overlong shaping over the last so many tokens, as TRL's "
        "`get_soft_overlong_punishment`; 0 for none.",
        bound=NOT_NEGATIVE,
    )
    step_reward_func: str = option(
        "", "For scale_rewards process: a name from `rewards.STEP_REWARDS`."
    )
    step_reward_weight: float = option(
        1.0,
        "Weight of the step reward; the sum of the other rewards is the last step's.",
    )

    # A critic, for scale_rewards gae, which is PPO
    critic: str = option(
        "separate",
        "Critic: separate for a model of its own, value_head for a head on the policy.",
        choices=CRITICS,
    )
    critic_learning_rate: float | None = option(
        None, "Learning rate of the critic; the policy's if not set.", bound=POSITIVE
    )
    gamma: float = option(1.0, "Discount factor.", origin=PPO, bound=SHARE)
    lam: float = option(
        0.95, "Lambda of generalised advantage estimation.", origin=PPO, bound=SHARE
    )
    vf_coef: float = option(0.1, "Coefficient of the value loss.", origin=PPO, bound=NOT_NEGATIVE)
    cliprange_value: float = option(
        0.2, "Clip range of the value loss.", origin=PPO, bound=POSITIVE
    )

    # How it is computed; the mathematics stays the same
    bf16: bool = option(
        False,
        "Sample, and compute the update's matrix products, in bfloat16. Weights, log-probabilities "
        "and the optimizer stay in float32. Faster for a large model, on a machine that has it.",
        origin=TRL,
    )
    max_tokens_per_forward: int = option(
        1024,
        "Tokens per forward pass of the update, padding included, which bounds its memory. A "
        "single completion may be longer.",
        bound=POSITIVE,
    )

    # Looking at it
    eval_steps: int = option(
        25,
        "Steps between two evaluations on held-out problems; 0 for the beginning and the end only.",
        origin=TRL,
        bound=NOT_NEGATIVE,
    )
    eval_size: int = option(
        600,
        "Held-out problems per evaluation, or all where there are fewer (Countdown has 553); one "
        "completion each at temperature 1.",
        bound=POSITIVE,
    )
    save_steps: int = option(
        1, "Steps between two checkpoints to resume from.", origin=TRL, bound=POSITIVE
    )
    groups_after_update: int = option(
        1,
        "Groups per step that are evaluated again after the update, to record what it did to each "
        "token; 0 for none.",
        bound=NOT_NEGATIVE,
    )
    device: str = option(
        "auto",
        "cpu, cuda, mps or auto, which is an NVIDIA GPU where there is one. mps is untested.",
    )
    threads: int = option(
        0,
        "Threads to use; 0 to choose by the machine and the model (training/threads.py).",
        bound=Bound(0, 1024),
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work, in one sentence each."""
        for name in ("reward_funcs", "reward_weights", "plugins"):
            if not isinstance(getattr(self, name), tuple | list):
                raise LabError(f"{name} must be a list, not {getattr(self, name)!r}.")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_types(self)
        for name, declared in OPTIONS.items():
            declared.check(name, getattr(self, name))
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


OPTIONS: dict[str, Option] = {f.name: f.metadata["option"] for f in fields(GRPOConfig)}
"""Name -> what is declared of it, of every option of a run."""


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
