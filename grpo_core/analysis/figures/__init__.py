"""Every matplotlib figure of the kit, one function each. No torch in here.

A figure is returned and not shown, so that a notebook shows it once, as the value of a cell, and
a script saves it. Backgrounds are transparent. Colours are Okabe and Ito's, which stay distinct
for colour-blind readers; blue always means "up, good, increased", orange (vermilion) the opposite.
"""

from grpo_core.analysis.figures.advantages import (
    compared_advantages,
    groups_under_methods,
    outcome_and_process,
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
    surrogates,
    token_shares,
)
from grpo_core.analysis.figures.costs import memory_ledger, scaling_curves, step_seconds
from grpo_core.analysis.figures.critic import (
    critic_advantages,
    explained_variance,
    mean_and_noise,
    td_error_decay,
    values_along,
)
from grpo_core.analysis.figures.family import cosine_grid, family_curves, finals, push_grid
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
    trained_policies,
    two_probabilities,
)
from grpo_core.analysis.figures.pipeline import (
    distillation,
    fine_tuning,
    language_reward_curves,
    pipeline_flow,
    pipeline_stages,
    selection_outcomes,
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
    "cosine_grid",
    "critic_advantages",
    "diagnosis",
    "distillation",
    "expected_gradients",
    "explained_variance",
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
    "lengths_in_a_run",
    "loss_along",
    "many_updates",
    "mean_and_noise",
    "memory_ledger",
    "method_curves",
    "outcome_and_process",
    "pass_at_k",
    "pipeline_flow",
    "pipeline_stages",
    "policy_gradient",
    "prompt_weights",
    "push_grid",
    "reward_grid",
    "rewards_to_advantages",
    "scaling_curves",
    "selection_outcomes",
    "step_seconds",
    "surrogates",
    "symptoms",
    "td_error_decay",
    "temperature_sweep",
    "temperatures",
    "token_push",
    "token_shares",
    "token_values",
    "trained_policies",
    "two_probabilities",
    "use_style",
    "useful_groups",
    "useful_in_a_run",
    "values_along",
    "verdict_grid",
]
