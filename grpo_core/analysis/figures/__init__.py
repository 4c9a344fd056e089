"""Every matplotlib figure of the kit, one function each. No torch in here.

A figure is returned and not shown, so that a notebook shows it once, as the value of a cell, and
a script saves it. Backgrounds are transparent. Colours are Okabe and Ito's, which stay distinct
for colour-blind readers; blue always means "up, good, likelier", vermilion the opposite.
"""

from grpo_core.analysis.figures.advantages import (
    compared_advantages,
    groups_under_methods,
    paid_by_the_line,
    prompt_weights,
)
from grpo_core.analysis.figures.baselines import (
    bandit_step,
    expected_gradients,
    gradient_estimates,
    gradient_variance,
    learning_bands,
    policy_gradient,
)
from grpo_core.analysis.figures.behaviour import behaviours, kinds_compared, lengths_in_a_run
from grpo_core.analysis.figures.clipping import (
    clip_at,
    clip_map,
    clipped_surrogate,
    loss_along,
    many_updates,
    shares,
    surrogates,
)
from grpo_core.analysis.figures.costs import memory_ledger, scaling_curves, step_seconds
from grpo_core.analysis.figures.critic import credit, explained, faded, truth_and_noise, watched
from grpo_core.analysis.figures.family import family_curves, finals, likeness, push_grid
from grpo_core.analysis.figures.group import (
    advantages_bars,
    rewards_to_advantages,
    token_push,
    token_values,
)
from grpo_core.analysis.figures.hacking import best_of, goodhart, goodhart_share
from grpo_core.analysis.figures.kl import (
    kl_drift,
    kl_estimates,
    kl_estimators,
    kl_gradients,
    leashed,
    two_probabilities,
)
from grpo_core.analysis.figures.pipeline import (
    distillation,
    fine_tuning,
    language_reward_curves,
    pipeline_flow,
    pipeline_stages,
    what_became,
)
from grpo_core.analysis.figures.rewards import reward_grid, verdict_grid
from grpo_core.analysis.figures.runs import (
    CURVES,
    diagnosis,
    learning_curves,
    method_curves,
    symptoms,
)
from grpo_core.analysis.figures.sampling import (
    budget,
    pass_at_k,
    temperature_sweep,
    temperatures,
    useful_groups,
    useful_in_a_run,
)
from grpo_core.analysis.figures.style import OKABE_ITO, use_style

__all__ = [
    "CURVES",
    "OKABE_ITO",
    "advantages_bars",
    "bandit_step",
    "behaviours",
    "best_of",
    "budget",
    "clip_at",
    "clip_map",
    "clipped_surrogate",
    "compared_advantages",
    "credit",
    "diagnosis",
    "distillation",
    "expected_gradients",
    "explained",
    "faded",
    "family_curves",
    "finals",
    "fine_tuning",
    "goodhart",
    "goodhart_share",
    "gradient_estimates",
    "gradient_variance",
    "groups_under_methods",
    "kinds_compared",
    "kl_drift",
    "kl_estimates",
    "kl_estimators",
    "kl_gradients",
    "language_reward_curves",
    "learning_bands",
    "learning_curves",
    "leashed",
    "lengths_in_a_run",
    "likeness",
    "loss_along",
    "many_updates",
    "memory_ledger",
    "method_curves",
    "paid_by_the_line",
    "pass_at_k",
    "pipeline_flow",
    "pipeline_stages",
    "policy_gradient",
    "prompt_weights",
    "push_grid",
    "reward_grid",
    "rewards_to_advantages",
    "scaling_curves",
    "shares",
    "step_seconds",
    "surrogates",
    "symptoms",
    "temperature_sweep",
    "temperatures",
    "token_push",
    "token_values",
    "truth_and_noise",
    "two_probabilities",
    "use_style",
    "useful_groups",
    "useful_in_a_run",
    "verdict_grid",
    "watched",
    "what_became",
]
