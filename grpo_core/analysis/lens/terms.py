"""What the objective makes of every token of a recorded completion, and its gradient, in numpy.

    loss = sum over tokens of share * (-surrogate + beta * KL)
    push = -d loss / d log pi = share * (slope - beta * KL slope)

A slope is the derivative with respect to the token's log-probability of all the completion's
surrogates (where a completion has one ratio, each of its tokens moves all of them) and is what an
autograd of `algorithm.objective` gives. The closed forms stand beside the functions that autograd
differentiates, in `algorithm/`, and both are compared in tests/analysis/lens/test_terms.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grpo_core.algorithm.aggregation import AGGREGATIONS
from grpo_core.algorithm.choices import choose
from grpo_core.algorithm.kl import KL_ESTIMATORS
from grpo_core.algorithm.levels import LEVELS, Level
from grpo_core.algorithm.method import Method, Numbers, Tokens
from grpo_core.algorithm.methods import LOSS_TYPES, NUMBERS, numbers_in, switches_of
from grpo_core.analysis.lens.batch import Batch, counts
from grpo_core.analysis.lens.credit import Array
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion


@dataclass(frozen=True)
class Terms:
    """The objective of one completion, token by token; each (T,) float64 unless said otherwise.

    Attributes:
        advantage: what each token is credited with.
        ratio: rho, the completion's own where it has one.
        surrogate: what is maximised.
        slope: d surrogates / d log pi.
        held: bool, where the clip leaves a token without gradient.
        kl: the estimate of the config, or None without a reference.
        kl_slope: d KL / d log pi, times the ratio where the KL is weighed with it; 0 where the KL
            is not in the loss.
        share: what a token of this completion counts in the loss; one number.
        push: share * (slope - beta * kl_slope).
    """

    advantage: Array
    ratio: Array
    surrogate: Array
    slope: Array
    held: NDArray[np.bool_]
    kl: Array | None
    kl_slope: Array
    share: float
    push: Array

    def objective(self, beta: float) -> Array:
        """(T,) share * (surrogate - beta * KL): the tokens' parts of what is maximised."""
        kl = np.zeros_like(self.ratio) if self.kl is None else self.kl
        return np.asarray(self.share * (self.surrogate - beta * kl))


def token_terms(c: Completion, advantage: Any, config: GRPOConfig, batch: Batch) -> Terms:
    """The terms of one completion.

    Args:
        c: with its log-probs on record.
        advantage: one number, or (T,).
        config: the method.
        batch: what the loss is averaged over.

    Raises:
        LabError: the method has a KL in the loss, and no reference was recorded.
    """
    method, _ = switches_of(config.loss_type)
    level = choose(LEVELS, config.importance_sampling_level, "importance_sampling_level")
    logs = c.logprobs.astype(np.float64)
    advantages = np.broadcast_to(np.asarray(advantage, dtype=np.float64), logs.shape)
    tokens = _tokens(logs, logs - c.old_logprobs, advantages, level)
    numbers = method.taken(numbers_in(config))
    surrogate, slope = method.closed_form(tokens, numbers)
    kl, kl_slope = _kl(c, logs, tokens.ratio, level, config)
    share = _share(c, config, batch)
    push = share * (slope - config.beta * kl_slope)
    held = _held(method, numbers, tokens)
    return Terms(advantages, tokens.ratio, surrogate, slope, held, kl, kl_slope, share, push)


def _tokens(logs: Array, log_ratio: Array, advantages: Array, level: Level) -> Tokens:
    """What a closed form takes of one completion."""
    ratio = level.closed_form(log_ratio)
    return Tokens(logs, log_ratio, ratio, advantages, level.moved(len(log_ratio)))


def _kl(
    c: Completion, logs: Array, ratio: Array, level: Level, config: GRPOConfig
) -> tuple[Array | None, Array]:
    """(T,) the KL to the reference, or None, and the slope of what of it is in the loss."""
    nothing = np.zeros_like(logs)
    if c.ref_logprobs is None:
        if config.kl_in_loss:
            raise LabError(
                f"This method has a KL to a reference in its loss (beta {config.beta:g}), and this "
                "run recorded no reference."
            )
        return None, nothing
    estimator = choose(KL_ESTIMATORS, config.kl_estimator, "kl_estimator")
    kl, slope = estimator.closed_form(logs - c.ref_logprobs)
    if not config.kl_in_loss:
        return kl, nothing
    if not config.use_bias_correction_kl:
        return kl, slope
    return ratio * kl, ratio * (slope + level.gathered(kl))


def _share(c: Completion, config: GRPOConfig, batch: Batch) -> float:
    """What a token counts: see algorithm.aggregation; 0 where the completion is masked."""
    if not counts(c, config):
        return 0.0
    _, name = switches_of(config.loss_type)
    aggregation = choose(AGGREGATIONS, name, "The aggregation")
    sequences, tokens = max(batch.sequences, 1), max(batch.tokens, 1)
    return aggregation.share(sequences, tokens, len(c), config.max_completion_length)


def _held(method: Method, numbers: Numbers, tokens: Tokens) -> NDArray[np.bool_]:
    """(T,) the tokens that the method leaves without gradient."""
    if method.counted is None or not method.held:
        return np.zeros(len(tokens.ratio), dtype=bool)
    found = method.counted(tokens.ratio, tokens.log_ratio, tokens.advantages, numbers)
    return np.asarray(found[method.held])


def held_back(c: Completion, options: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(T,) the tokens that the clip leaves without gradient, as far as the record tells.

    Args:
        c: the completion.
        options: of the run, as its config.json has them. They may be damaged, or another kit's:
            what names no method that is known here, or no numbers, marks no token.
    """
    loss_type = options.get("loss_type")
    level = options.get("importance_sampling_level", "token")
    if not isinstance(loss_type, str) or loss_type not in LOSS_TYPES:
        return np.zeros(len(c), dtype=bool)
    if not isinstance(level, str) or level not in LEVELS:
        return np.zeros(len(c), dtype=bool)
    method, _ = switches_of(loss_type)
    numbers = {name: options.get(name, number.default) for name, number in NUMBERS.items()}
    taken = method.taken(numbers)
    if not all(
        isinstance(value, int | float) or value is NUMBERS[name].default
        for name, value in taken.items()
    ):
        return np.zeros(len(c), dtype=bool)
    own: Any = c.advantage if c.token_advantages is None else c.token_advantages
    log_ratio = (c.logprobs - c.old_logprobs).astype(np.float64)
    advantages = np.broadcast_to(np.asarray(own), log_ratio.shape)
    return _held(
        method, taken, _tokens(c.logprobs.astype(np.float64), log_ratio, advantages, LEVELS[level])
    )
