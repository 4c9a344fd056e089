"""Presets: the methods of the family under their papers' names, each a row of GRPOConfig's fields.

Nothing here is a special case: a preset says what a configuration could say, and every row says all
of the five switches. Numbers are the papers' where they give them, else TRL's. See
docs/algorithms.md for the papers.
"""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    name: {"loss_type": loss, "importance_sampling_level": level, "scale_rewards": scale}
    | {"beta": 0.0, "epsilon": 0.2, "epsilon_high": None, "delta": None}
    | numbers
    for name, loss, level, scale, numbers in [
        ("grpo", "grpo", "token", "group", {"beta": 0.04}),
        ("dr_grpo", "dr_grpo", "token", "none", {}),
        # of DAPO the loss; its dynamic sampling and overlong shaping are not of these switches
        ("dapo", "dapo", "token", "group", {"epsilon_high": 0.28}),
        ("bnpo", "bnpo", "token", "group", {}),
        ("gspo", "grpo", "sequence", "group", {"epsilon": 3e-4, "epsilon_high": 4e-4}),
        ("gspo_token", "grpo", "sequence_token", "group", {"epsilon": 3e-4, "epsilon_high": 4e-4}),
        ("cispo", "cispo", "token", "group", {"epsilon_high": 5.0}),  # the cap itself, as in TRL
        ("sapo", "sapo", "token", "group", {}),
        ("luspo", "luspo", "sequence", "group", {}),
        ("vespo", "vespo", "token", "group", {}),
        ("rloo", "grpo", "sequence_sum", "loo", {}),
        ("reinforce", "reinforce", "token", "none", {}),
    ]
}
