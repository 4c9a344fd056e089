"""Presets: the methods of the family under their papers' names, each a row of GRPOConfig's fields.

Nothing here is a special case: a preset says what a configuration could say, and every row says all
of the five switches. Numbers are the papers' where they give them, else TRL's. A preset that has a
surrogate of its own stands in that method's module; here are those that choose otherwise on the
other switches.
"""

from collections.abc import Iterable
from typing import Any

from grpo_core.algorithm.method import Method, Preset
from grpo_core.algorithm.methods import METHODS
from grpo_core.core.errors import LabError

# As TRL's RLOOConfig and PPOConfig; the RLOO paper's own beta is 0.03
_KL_IN_REWARD: dict[str, Any] = {"beta": 0.05, "kl_estimator": "k1", "use_kl_in_reward": True}

PLAIN: dict[str, Any] = {
    "importance_sampling_level": "token",
    "scale_rewards": "group",
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
"""What most of the papers do; a row says where it differs."""

_SHARED: dict[str, Preset] = {
    "grpo": Preset("GRPO", "DeepSeekMath, 2402.03300", {"loss_type": "grpo", "beta": 0.04}),
    "dr_grpo": Preset("Dr. GRPO", "2503.20783", {"loss_type": "dr_grpo", "scale_rewards": "none"}),
    "dapo": Preset(
        "DAPO",
        "2503.14476",
        # the paper punishes the last fifth of its length; of 256 tokens that is 51
        {
            "loss_type": "dapo",
            "epsilon_high": 0.28,
            "dynamic_sampling": "accuracy_reward",
            "soft_punish_cache": 51,
        },
        around="dynamic sampling, overlong shaping",
    ),
    "bnpo": Preset("BNPO", "the aggregation TRL calls so; 2506.02864", {"loss_type": "bnpo"}),
    "gspo": Preset(
        "GSPO",
        "2507.18071",
        {
            "loss_type": "grpo",
            "importance_sampling_level": "sequence",
            "epsilon": 3e-4,
            "epsilon_high": 4e-4,
        },
    ),
    "gspo_token": Preset(
        "GSPO-token",
        "2507.18071",
        {
            "loss_type": "grpo",
            "importance_sampling_level": "sequence_token",
            "epsilon": 3e-4,
            "epsilon_high": 4e-4,
        },
        against_trl="loss and gradient, against TRL's `sequence`",
        by_property="`test_objective.py::test_gspo_by_tokens_is_gspo`",
    ),
    "luspo": Preset(
        "LUSPO",
        "2602.05261",
        {
            "loss_type": "luspo",
            "importance_sampling_level": "sequence",
            "epsilon": 2e-3,
            "epsilon_high": 2.5e-3,
        },
    ),
    "rloo": Preset(
        "RLOO",
        "2402.14740",
        {"loss_type": "grpo", "importance_sampling_level": "sequence_sum", "scale_rewards": "loo"}
        | _KL_IN_REWARD,
        against_trl="loss and gradient, TRL's RLOOTrainer: `test_trl.py::test_our_rloo_is_trls`",
        by_property="`test_objective.py::test_leave_one_out_is_the_policy_gradient_itself`; "
        "its KL: `test_kl.py::test_in_the_reward_k1_follows_the_reverse_kl_and_k3_does_not`",
    ),
}
_PPO = Preset(
    "PPO",
    "1707.06347; for language 2203.02155",
    {"loss_type": "dapo", "scale_rewards": "gae"} | _KL_IN_REWARD,
    around="a critic: value clip 0.2, vf_coef 0.1",
    against_trl="TRL 1.16.0 has none",
    by_property="`test_critic.py::test_with_a_perfect_critic_every_lambda_is_the_policy_gradient`, "
    "`test_credit.py::test_a_critic_credits_every_token`, "
    "`test_update.py::test_policy_and_critic_each_get_their_gradient`",
)

# How tables and menus list them; what is not named follows, and PPO, beside the family, ends them.
_ORDER = (
    "grpo", "dr_grpo", "dapo", "bnpo", "gspo", "gspo_token", "cispo", "sapo", "luspo", "vespo",
    "gmpo", "rloo", "reinforce",
)  # fmt: skip


def described(methods: Iterable[Method]) -> dict[str, Preset]:
    """Every preset under its name, in the order of tables and menus.

    Raises:
        LabError: two presets have one name.
    """
    found = dict(_SHARED)
    for method in methods:
        for name, preset in method.presets.items():
            if name in found:
                raise LabError(
                    f"The preset '{name}' of the method '{method.name}' is there already: give it "
                    "another name."
                )
            found[name] = preset
    return {name: found.pop(name) for name in _ORDER if name in found} | found | {"ppo": _PPO}


DESCRIBED: dict[str, Preset] = described(METHODS.values())
PRESETS: dict[str, dict[str, Any]] = {
    name: PLAIN | dict(preset.settings) for name, preset in DESCRIBED.items()
}
