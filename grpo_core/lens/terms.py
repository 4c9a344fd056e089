"""What the objective makes of every token of a recorded completion, and its gradient, in numpy.

    loss = sum over tokens of share * (-surrogate + beta * KL)
    push = -d loss / d log pi = share * (slope - beta * KL slope)

A slope is the derivative with respect to the token's log-probability of all the completion's
surrogates (where a completion has one ratio, each of its tokens moves all of them) and is what an
autograd of `algorithm.objective` gives: closed forms here, differentiated there, and compared in
tests/lens/test_terms.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grpo_core.algorithm.presets import LOSS_TYPES
from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.lens.batch import Batch, counts
from grpo_core.lens.credit import Array, kl_value
from grpo_core.records import Completion

CLIPPING = tuple(name for name, (how, _) in LOSS_TYPES.items() if how in ("clip", "gmpo"))


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
    logs = c.logprobs.astype(np.float64)
    log_ratio = logs - c.old_logprobs
    advantages = np.broadcast_to(np.asarray(advantage, dtype=np.float64), logs.shape)
    ratio = _ratio(log_ratio, config.importance_sampling_level)
    surrogate, slope = _surrogate(ratio, log_ratio, logs, advantages, config)
    kl, kl_slope = _kl(c, logs, ratio, config)
    share = _share(c, config, batch)
    push = share * (slope - config.beta * kl_slope)
    held = held_back(c, config.to_dict(), advantages)
    return Terms(advantages, ratio, surrogate, slope, held, kl, kl_slope, share, push)


def _ratio(log_ratio: Array, level: str) -> Array:
    """(T,) the importance ratio: see algorithm.surrogates.LEVELS."""
    if level == "token" or not len(log_ratio):
        return np.exp(log_ratio)
    whole = log_ratio.sum() if level == "sequence_sum" else log_ratio.mean()
    return np.full(len(log_ratio), np.exp(whole))


def _surrogate(
    ratio: Array, log_ratio: Array, logs: Array, advantages: Array, config: GRPOConfig
) -> tuple[Array, Array]:
    """(T,) surrogate and slope, by the loss type: see algorithm.surrogates."""
    kind, _ = LOSS_TYPES[config.loss_type]
    if kind == "clip":
        value, by_ratio = _clip(ratio, advantages, config)
    elif kind == "sapo":
        value, by_ratio = _sapo(ratio, advantages, config)
    elif kind == "gmpo":
        return _gmpo(log_ratio, advantages, config)
    else:  # a constant weight times A log pi
        weight = _weight(kind, ratio, log_ratio, advantages, config)
        return weight * advantages * logs, weight * advantages
    # d ratio / d log pi is the ratio, once a token. A completion's own moves with the mean or the
    # sum of its log-ratios, and with it the surrogates of all its tokens.
    tokens = len(ratio) if config.importance_sampling_level == "sequence_sum" else 1
    return value, by_ratio * ratio * tokens


def _bounds(config: GRPOConfig) -> tuple[float, float]:
    high = config.epsilon if config.epsilon_high is None else config.epsilon_high
    return config.epsilon, high


def _clip(ratio: Array, advantages: Array, config: GRPOConfig) -> tuple[Array, Array]:
    """min(rho A, clip(rho) A), and its derivative by rho."""
    low, high = _bounds(config)
    clipped = np.clip(ratio, 1 - low, 1 + high)
    bounded = ratio if config.delta is None else np.minimum(ratio, config.delta)
    value = np.minimum(bounded * advantages, clipped * advantages)
    free = bounded * advantages <= clipped * advantages
    if config.delta is not None:
        free = free & (ratio < config.delta)
    return value, np.where(free, advantages, 0.0)


def _sapo(ratio: Array, advantages: Array, config: GRPOConfig) -> tuple[Array, Array]:
    """The smooth gate sigma(tau (rho - 1)) 4 / tau A, and its derivative by rho."""
    tau = np.where(advantages > 0, config.sapo_temperature_pos, config.sapo_temperature_neg)
    gate = 1 / (1 + np.exp(-tau * (ratio - 1)))
    return gate * 4 / tau * advantages, 4 * gate * (1 - gate) * advantages


def _gmpo(log_ratio: Array, advantages: Array, config: GRPOConfig) -> tuple[Array, Array]:
    """exp(mean of clipped log-ratios) A for each token, and the slope of all of them together."""
    low, high = _bounds(config)
    good = advantages > 0
    clipped = np.where(good, np.minimum(log_ratio, high), np.maximum(log_ratio, -low))
    whole = np.exp(clipped.mean()) if len(clipped) else 1.0
    free = np.where(good, log_ratio <= high, log_ratio >= -low)
    return whole * advantages, np.where(free, whole * advantages, 0.0)


def _weight(
    kind: str, ratio: Array, log_ratio: Array, advantages: Array, config: GRPOConfig
) -> Array:
    """(T,) the constant that A log pi is multiplied by."""
    if kind == "cispo":
        return np.minimum(ratio, _bounds(config)[1])
    if kind == "none":
        return np.ones_like(ratio)
    log_w = np.clip(np.clip(log_ratio, -20, 20).sum(), np.log(1e-8), 20)
    good = advantages >= 0
    k = np.where(good, config.vespo_k_pos, config.vespo_k_neg)
    rate = np.where(good, config.vespo_lambda_pos, config.vespo_lambda_neg)
    return np.asarray(np.exp(rate + k * log_w - rate * np.exp(log_w)))


def _kl(c: Completion, logs: Array, ratio: Array, config: GRPOConfig) -> tuple[Array | None, Array]:
    """(T,) the KL to the reference, or None, and the slope of what of it is in the loss."""
    nothing = np.zeros_like(logs)
    if c.ref_logprobs is None:
        if config.beta > 0 and not config.use_kl_in_reward:
            raise LabError(
                f"This method has a KL to a reference in its loss (beta {config.beta:g}), and this "
                "run recorded no reference."
            )
        return None, nothing
    d = logs - c.ref_logprobs
    kl = kl_value(d, config.kl_estimator)
    if config.use_kl_in_reward or config.beta == 0:
        return kl, nothing
    slope = {"k1": np.ones_like(d), "k2": d, "k3": 1 - np.exp(-d)}[config.kl_estimator]
    if not config.use_bias_correction_kl:
        return kl, slope
    level = config.importance_sampling_level
    moved = {"sequence": kl.mean() if len(kl) else 0.0, "sequence_sum": kl.sum()}.get(level, kl)
    return ratio * kl, ratio * (slope + moved)


def _share(c: Completion, config: GRPOConfig, batch: Batch) -> float:
    """What a token counts: see algorithm.aggregation; 0 where the completion is masked."""
    if not counts(c, config):
        return 0.0
    _, aggregation = LOSS_TYPES[config.loss_type]
    sequences, tokens = max(batch.sequences, 1), max(batch.tokens, 1)
    return {
        "sequence_mean": 1 / (sequences * len(c)),
        "token_mean": 1 / tokens,
        "local_token_mean": 1 / tokens,  # as with a single micro-batch
        "constant": 1 / (sequences * config.max_completion_length),
        "length_weighted": 1 / sequences,
    }[aggregation]


def held_back(
    c: Completion, options: Mapping[str, Any], advantages: Array | None = None
) -> NDArray[np.bool_]:
    """(T,) the tokens that the clip leaves without gradient, as far as known.

    As `algorithm.surrogates.clipped_tokens`: a good token that is already likelier by more than
    epsilon_high, a bad one already less likely by more than epsilon.

    Args:
        c: the completion.
        options: of the run, as its config.json has them; they may be damaged.
        advantages: (T,) others than the recorded ones.
    """
    low = options.get("epsilon", 0.2)
    high = options.get("epsilon_high")
    high = low if high is None else high
    if options.get("loss_type") not in CLIPPING or not all(
        isinstance(value, int | float) for value in (low, high)
    ):
        return np.zeros(len(c), dtype=bool)
    log_ratio = (c.logprobs - c.old_logprobs).astype(np.float64)
    level = str(options.get("importance_sampling_level", "token"))
    if level.startswith("sequence"):
        whole = log_ratio.sum() if level == "sequence_sum" else log_ratio.mean()
        log_ratio = np.full(len(c), whole if len(c) else 0.0)
    ratio = 1 + log_ratio if options.get("loss_type") == "gmpo" else np.exp(log_ratio)
    own: Any = c.advantage if c.token_advantages is None else c.token_advantages
    credited = own if advantages is None else advantages
    return np.asarray(
        ((ratio < 1 - low) & (np.less(credited, 0)))
        | ((ratio > 1 + high) & (np.greater(credited, 0)))
    )
