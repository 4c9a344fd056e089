"""A recorded group reconsidered: other weights, another method, other words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grpo_core.analysis.lens.batch import Batch
from grpo_core.analysis.lens.credit import Credit, credit, weights_of
from grpo_core.analysis.lens.presets import OWN, method
from grpo_core.analysis.lens.rescore import rescore
from grpo_core.analysis.lens.terms import Terms, token_terms
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group

_WORDS = re.compile(r"\s*\S+|\s+\Z")  # every character of a text, cut before blanks


@dataclass(frozen=True)
class Trial:
    """What is tried on a recorded group; nothing by default.

    Attributes:
        preset: a name of `methods()`.
        weights: reward function name -> weight, where it is not the run's.
        edits: completion -> the text in its place.
    """

    preset: str = OWN
    weights: Mapping[str, float] = field(default_factory=dict)
    edits: Mapping[int, str] = field(default_factory=dict)

    @property
    def changes_nothing(self) -> bool:
        """Whether the record stands as it is."""
        return self.preset == OWN and not self.weights and not self.edits


@dataclass(frozen=True)
class Reconsidered:
    """A group after a trial.

    Attributes:
        group: as a record again: rewards, advantages and pushes are the trial's.
        config: the method.
        weights: what each reward counted.
        credit: where the advantages come from.
        terms: of each completion; None for an edited one, whose log-probs only a model could tell.
        batch: what the loss is averaged over.
    """

    group: Group
    config: GRPOConfig
    weights: dict[str, float]
    credit: Credit
    terms: list[Terms | None]
    batch: Batch


def reconsider(
    groups: Sequence[Group],
    which: int,
    options: Mapping[str, Any],
    metrics: Mapping[str, float],
    trial: Trial,
) -> Reconsidered:
    """One recorded group under a trial.

    Args:
        groups: the recorded groups of the step.
        which: the group.
        options: of the run.
        metrics: of the step.
        trial: what is different.

    Raises:
        LabError: what is tried is not possible with what is on record.
    """
    config = method(options, trial.preset)
    if unknown := set(trial.edits) - set(range(len(groups[which].completions))):
        raise LabError(f"The group has no completion {min(unknown) + 1}.")
    if trial.edits and config.scale_rewards in ("process", "gae"):
        raise LabError(
            "Where every token has an advantage of its own, those of an edited text take the model."
        )
    weights = weights_of(config) | dict(trial.weights)
    groups = list(groups)
    groups[which] = _edited(groups[which], config, trial.edits)
    credited = credit(groups, which, config, weights)
    batch = Batch.of(groups, metrics, config)
    terms: list[Terms | None] = []
    completions = []
    for i, c in enumerate(groups[which].completions):
        advantage = credited.advantages[i]
        found = None if i in trial.edits else token_terms(c, advantage, config, batch)
        terms.append(found)
        completions.append(_credited(c, float(credited.rewards[i]), advantage, found, trial))
    group = replace(groups[which], completions=completions)
    return Reconsidered(group, config, weights, credited, terms, batch)


def _edited(group: Group, config: GRPOConfig, edits: Mapping[int, str]) -> Group:
    """The group with other texts, scored. A KL taken from the reward stays the sampled text's."""
    completions = list(group.completions)
    for i, text in edits.items():
        completions[i] = replace(
            completions[i],
            text=text,
            tokens=_WORDS.findall(text),
            rewards=rescore(group, i, text, config),
            truncated=False,
        )
    return replace(group, completions=completions)


def _credited(
    c: Completion, reward: float, advantage: Any, terms: Terms | None, trial: Trial
) -> Completion:
    """A completion with what the trial makes of it."""
    value = float(np.mean(advantage)) if np.size(advantage) else 0.0
    if terms is None:
        none = np.zeros(0, dtype=np.float32)
        return replace(
            c,
            reward=reward,
            advantage=value,
            old_logprobs=none,
            logprobs=none,
            ref_logprobs=None,
            entropy=None,
            push=None,
            values=None,
            token_advantages=None,
            after_logprobs=None,
        )
    return replace(
        c,
        reward=reward,
        advantage=value,
        token_advantages=np.asarray(advantage, np.float32) if np.ndim(advantage) else None,
        push=terms.push.astype(np.float32),
        after_logprobs=c.after_logprobs if trial.changes_nothing else None,
    )
