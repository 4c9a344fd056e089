"""Presets: the methods of the family under their papers' names, each a row of GRPOConfig's fields.

Nothing here is a special case: a preset says what a configuration could say, and every row says all
of the five switches. Numbers are the papers' where they give them, else TRL's. See
docs/algorithms.md for the papers.
"""

from typing import Any

# TRL's loss_type sets two switches at once: (surrogate, aggregation). "reinforce" is this kit's,
# "gmpo" the name of a trainer of its own in TRL.
LOSS_TYPES: dict[str, tuple[str, str]] = {
    "grpo": ("clip", "sequence_mean"),
    "dapo": ("clip", "token_mean"),
    "bnpo": ("clip", "local_token_mean"),
    "dr_grpo": ("clip", "constant"),
    "cispo": ("cispo", "token_mean"),
    "sapo": ("sapo", "sequence_mean"),
    "luspo": ("clip", "length_weighted"),
    "vespo": ("vespo", "token_mean"),
    "gmpo": ("gmpo", "sequence_mean"),
    "reinforce": ("none", "length_weighted"),
}

# As TRL's RLOOConfig and PPOConfig; the RLOO paper's own beta is 0.03
_KL_IN_REWARD: dict[str, Any] = {"beta": 0.05, "kl_estimator": "k1", "use_kl_in_reward": True}

# What most of the papers do; a row says where it differs.
_PLAIN: dict[str, Any] = {
    "beta": 0.0,
    "kl_estimator": "k3",
    "use_kl_in_reward": False,
    "use_bias_correction_kl": False,
    "multi_objective_aggregation": "sum_then_normalize",
    "epsilon": 0.2,
    "epsilon_high": None,
    "delta": None,
    "dynamic_sampling": "",
    "soft_punish_cache": 0,
}

_ROWS: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("grpo", "grpo", "token", "group", {"beta": 0.04}),
    ("dr_grpo", "dr_grpo", "token", "none", {}),
    # the paper punishes the last fifth of its length; of 256 tokens that is 51
    (
        "dapo",
        "dapo",
        "token",
        "group",
        {"epsilon_high": 0.28, "soft_punish_cache": 51} | {"dynamic_sampling": "accuracy_reward"},
    ),
    ("bnpo", "bnpo", "token", "group", {}),
    ("gspo", "grpo", "sequence", "group", {"epsilon": 3e-4, "epsilon_high": 4e-4}),
    ("gspo_token", "grpo", "sequence_token", "group", {"epsilon": 3e-4, "epsilon_high": 4e-4}),
    ("cispo", "cispo", "token", "group", {"epsilon_high": 5.0}),  # the cap itself, as in TRL
    ("sapo", "sapo", "token", "group", {}),
    ("luspo", "luspo", "sequence", "group", {"epsilon": 2e-3, "epsilon_high": 2.5e-3}),
    ("vespo", "vespo", "token", "group", {}),
    ("gmpo", "gmpo", "token", "group", {"epsilon": 0.4}),
    ("rloo", "grpo", "sequence_sum", "loo", _KL_IN_REWARD),
    ("reinforce", "reinforce", "token", "none", {}),
    ("ppo", "dapo", "token", "gae", _KL_IN_REWARD),  # beside the family: with a critic
]

PRESETS: dict[str, dict[str, Any]] = {
    name: {"loss_type": loss, "importance_sampling_level": level, "scale_rewards": scale}
    | _PLAIN
    | numbers
    for name, loss, level, scale, numbers in _ROWS
}
