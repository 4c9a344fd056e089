"""What a training step leaves behind: `Step` > `Group` > `Completion`. numpy only, no torch.

These three are the contract between training (which makes them) and everything that looks at a
run (the store, figures, notebooks, the dashboard). Per-token arrays have shape (T,), T being the
completion's length in tokens, its end-of-sequence token included when it was sampled.
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
        tokens: T strings, one a token, as they are to be shown. Untrusted too.
        token_ids: (T,) int32.
        rewards: reward function name -> unweighted value.
        reward: the weighted sum that the advantage was computed from.
        advantage: the group-relative advantage, the same for every token; where tokens have
            advantages of their own, the mean of them.
        truncated: no end-of-sequence token within max_completion_length.
        old_logprobs: (T,) log pi_old, under the policy that sampled, at the sampling temperature.
        logprobs: (T,) log pi_theta, under the policy the loss last saw. Equal to old_logprobs
            while there is one update a batch (mu = 1).
        ref_logprobs: (T,) log pi_ref, or None when no reference was consulted.
        entropy: (T,) entropy in nats of the distribution each token was drawn from, or None.
        push: (T,) minus the derivative of the loss with respect to `logprobs`: how hard, and
            which way, the update pushed each token. Summed over the batch it is what a
            gradient step acts on; None when it was not recorded.
        token_advantages: (T,) where tokens have advantages of their own (process supervision, a
            critic), else None.
        values: (T,) what the critic expected before each token; None without a critic.
        after_logprobs: (T,) log-probs after the step's last update, or None where nobody looked
            again (see `GRPOConfig.groups_after_update`).
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
        """(T,) rho = pi_theta / pi_old (PPO's importance ratio)."""
        return np.exp(self.logprobs - self.old_logprobs)

    @property
    def kl(self) -> FloatArray | None:
        """(T,) Schulman's k3 estimate of KL(pi_theta, pi_ref) in nats; None without reference."""
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
        """(G,) weighted rewards."""
        return np.array([c.reward for c in self.completions], dtype=np.float32)

    @property
    def advantages(self) -> FloatArray:
        """(G,) advantages."""
        return np.array([c.advantage for c in self.completions], dtype=np.float32)

    @property
    def is_dead(self) -> bool:
        """Every advantage is 0, as where all rewards tie: the group teaches nothing.

        The advantages are asked, not the rewards: where each reward is normalised for itself,
        completions with the same sum may differ, and where tokens have advantages of their own, a
        group that ties may teach all the same. `group_advantages` makes a tie exactly 0.
        """
        if any(c.token_advantages is not None for c in self.completions):
            return all(not np.any(c.token_advantages) for c in self.completions)
        return not np.any(self.advantages)


@dataclass
class Step:
    """One optimisation step.

    Attributes:
        index: 0 for the evaluation of the untouched base (it has metrics, and no groups), then
            1, 2, ... for training steps.
        metrics: name -> value. Names are TRL's where the metric is TRL's (see docs/glossary.md);
            `eval/...` are present only at steps that evaluated.
        groups: the groups the step was trained on.
    """

    index: int
    metrics: dict[str, float]
    groups: list[Group] = field(default_factory=list)
