"""What `make.py` trains: every configuration behind a figure of the documents, and no other."""

from typing import Any

from grpo_core.algorithm.presets import PRESETS
from grpo_core.course.recordings import method_comparison

SEEDS = (0, 1, 2)
RECORDED_SEED = 0  # the first one, not the best one

# One coefficient for every KL, so that methods differ in where it goes and not in how much it is.
# What a preset leaves open is the default: one update a batch above all.
COMPARED: dict[str, dict[str, Any]] = {
    "grpo": PRESETS["grpo"] | {"beta": 0.001},
    "dr_grpo": PRESETS["dr_grpo"],
    "dapo": PRESETS["dapo"],
    "gspo": PRESETS["gspo"],
    "rloo": PRESETS["rloo"] | {"beta": 0.001},
    "reinforce": PRESETS["reinforce"],
    "ppo": PRESETS["ppo"] | {"beta": 0.001, "lam": 1.0},
    "ppo_lam95": PRESETS["ppo"] | {"beta": 0.001, "lam": 0.95},
}
COMPARED_STEPS = {"max_steps": method_comparison.STEPS, "eval_steps": 10}
# Is a method that falls behind hurt by what is common to all? Looked at on a seed of its own, since
# nothing is tuned on the others.
CHECKED = {
    "ppo_lam95": COMPARED["ppo_lam95"],
    "ppo_lam95_critic": COMPARED["ppo_lam95"] | {"critic_learning_rate": 1e-3},
}
CHECKED_SEED = 10
BESIDE_PPO = ("grpo", "dr_grpo", "rloo", "ppo", "ppo_lam95")  # on the page about PPO

# Notebook 05: each batch is learned from four times, at a rate that makes the clip work, and with
# no KL, so that a clipped token is pushed by nothing.
LESSONS = {
    "countdown-mu4-seed0": {
        "num_iterations": 4, "learning_rate": 1e-3, "beta": 0.0, "generation_batch_size": 64,
        "max_steps": 6, "eval_steps": 0, "eval_size": 64,
    },
    # Notebook 08: what a critic says before every token; the settings of the comparison
    "countdown-ppo-seed0": PRESETS["ppo"] | {"beta": 0.001, "lam": 1.0} | COMPARED_STEPS,
    # Notebook 12: a judge that checks nothing is all that is rewarded; the truth is watched. The
    # rate is twice the default and there is no KL, so that it happens within minutes.
    **{
        f"countdown-confident-seed{seed}": {
            "reward_funcs": ("confident_reward", "accuracy_reward", "format_reward"),
            "reward_weights": (1.0, 0.0, 0.0), "seed": seed, "generation_batch_size": 64,
            "learning_rate": 6e-4, "beta": 0.0, "max_steps": 60, "eval_steps": 20, "eval_size": 200,
        }
        for seed in SEEDS
    },
}  # fmt: skip
KEPT_EVERY = {  # groups of these steps only
    "countdown-ppo-seed0": 10,
    "countdown-confident-seed0": 4,
    "countdown-confident-seed1": 60,
    "countdown-confident-seed2": 60,
}

# Notebook 07: symptoms and no comparison, hence one seed; small groups and large steps, so that
# one sees soon what a broken loop does.
LOOPS_SHOWN = ("right", "B", "D")
LOOP_SETTINGS: dict[str, Any] = {
    "steps": 25, "seed": 0, "size": 8, "most_tokens": 128, "learning_rate": 1e-3,
}  # fmt: skip
