"""The record of a training step: `Step` > `Group` > `Completion`. numpy only, no torch.

These three classes are the contract between training, which creates them, and everything that reads
a run (the store, figures, notebooks, the dashboard). Per-token arrays have shape (T,), where T is
the completion's length in tokens, its EOS token included if it was sampled.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass
class Completion:
    """One sampled completion and everything GRPO computed from it.

    Attributes:
        text: the decoded completion, special tokens left out. Untrusted: escape before showing.
        tokens: T strings, one per token, for display. Untrusted too.
        token_ids: (T,) int32.
        rewards: reward function name -> unweighted value.
        reward: the weighted sum that the advantage was computed from.
        advantage: the group-relative advantage, the same for every token; if advantages are per
            token, their mean.
        truncated: no end-of-sequence token within max_completion_length.
        old_logprobs: (T,) log pi_old, under the policy that sampled, at the sampling temperature.
        logprobs: (T,) log pi_theta, under the policy that last entered the loss. Equal to
            old_logprobs while there is one update per batch (mu = 1).
        ref_logprobs: (T,) log pi_ref, or None if no reference was used.
        entropy: (T,) entropy in nats of the distribution each token was sampled from, or None.
        push: (T,) minus the gradient of the loss with respect to `logprobs`: positive where the
            update increases the token's probability. None if it was not recorded.
        token_advantages: (T,) per-token advantages (process supervision, a critic), or None.
        values: (T,) the critic's value before each token; None without a critic.
        after_logprobs: (T,) log-probabilities after the step's last update, or None if they were
            not recorded (see `GRPOConfig.groups_after_update`).
    """

    text: str
    tokens: list[str]
    token_ids: NDArray[np.int32]
    rewards: dict[str, float]
    reward: float
    advantage: float
    truncated: bool
    old_logprobs: FloatArray
    logprobs: FloatArray
    ref_logprobs: FloatArray | None = None
    entropy: FloatArray | None = None
    push: FloatArray | None = None
    token_advantages: FloatArray | None = None
    values: FloatArray | None = None
    after_logprobs: FloatArray | None = None

    @property
    def ratio(self) -> FloatArray:
        """Return (T,) rho = pi_theta / pi_old (PPO's importance ratio)."""
        return np.exp(self.logprobs - self.old_logprobs)

    @property
    def kl(self) -> FloatArray | None:
        """Return (T,) Schulman's k3 estimate of KL(pi_theta, pi_ref) in nats, or None."""
        if self.ref_logprobs is None:
            return None
        d = self.logprobs - self.ref_logprobs
        return np.exp(-d) + d - 1

    @property
    def change(self) -> FloatArray | None:
        """(T,) what the update did to each log-prob, in nats: did it obey the push?

        All tokens share the weights, so a token may go where its neighbours were pushed.
        """
        return None if self.after_logprobs is None else self.after_logprobs - self.logprobs

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass
class Group:
    """G completions of one prompt.

    Attributes:
        prompt: the text the policy was given.
        columns: the problem's columns (see tasks.Problem), JSON-serialisable.
        completions: the G completions, in sampling order.
    """

    prompt: str
    columns: dict[str, Any]
    completions: list[Completion]

    @property
    def rewards(self) -> FloatArray:
        """Return (G,) weighted rewards."""
        return np.array([c.reward for c in self.completions], dtype=np.float32)

    @property
    def advantages(self) -> FloatArray:
        """Return (G,) advantages."""
        return np.array([c.advantage for c in self.completions], dtype=np.float32)

    @property
    def is_dead(self) -> bool:
        """Return whether every advantage is 0, so that the group gives no signal.

        This looks at the advantages rather than the rewards: if each reward is normalised
            separately,
        completions with the same sum may have different advantages, and with per-token advantages a
        group with equal rewards may still give a signal. `group_advantages` gives exactly 0 if all
        rewards are equal.
        """
        if any(c.token_advantages is not None for c in self.completions):
            return all(not np.any(c.token_advantages) for c in self.completions)
        return not np.any(self.advantages)


@dataclass
class Step:
    """One training step.

    Attributes:
        index: 0 for the evaluation of the untrained base, which has metrics but no groups; then
            1, 2, ... for training steps.
        metrics: name -> value, under TRL's name where TRL has the metric (see docs/glossary.md);
            `eval/...` are present only at steps with an evaluation.
        groups: the groups that the step was trained on.
    """

    index: int
    metrics: dict[str, float]
    groups: list[Group] = field(default_factory=list)
