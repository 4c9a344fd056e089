"""The mistakes that the exercise `surrogate` of lesson 05 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson05.cases import HIGH, LOW
from grpo_core.course.lesson05.surrogate_exercise import my_surrogate, surrogate
from grpo_core.course.lesson05.weight_exercise import my_weight


def _surrogate(
    combine: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda r, c, a: torch.minimum(
        r * a, c * a
    ),
    clamp: Callable[[Tensor, float, float], Tensor] = lambda r, low, high: r.clamp(
        1 - low, 1 + high
    ),
    ratio: Callable[[Tensor, Tensor], Tensor] = lambda new, old: (new - old.detach()).exp(),
) -> Callable[..., Tensor]:
    """A surrogate that is right but for what is passed in."""

    def surrogate(new: Tensor, old: Tensor, a: Tensor, low: float, high: float) -> Tensor:
        r = ratio(new, old)
        return combine(r, clamp(r, low, high), a.unsqueeze(1))

    return surrogate


@surrogate.mistake(
    "You took the larger of the two. Then a good token that is far above its bound keeps rising "
    "without limit, and one that fell too far cannot recover. The smaller of the two is the "
    "cautious choice."
)
def max_() -> WrongAnswers:
    yield _surrogate(lambda r, c, a: torch.maximum(r * a, c * a))


@surrogate.mistake(
    "You took the smaller ratio first and then multiplied. For a negative advantage the smaller "
    "ratio gives the larger product. Multiply both by the advantage, then compare."
)
def min_of_ratios() -> WrongAnswers:
    yield _surrogate(lambda r, c, a: torch.minimum(r, c) * a)


@surrogate.mistake(
    "You clipped the product of ratio and advantage. The bounds apply only to the ratio, which "
    "says how far the token has moved; with an advantage of 2, yours is cut to 1.3 before the "
    "token has moved at all."
)
def product_clipped() -> WrongAnswers:
    yield lambda new, old, a, low, high: torch.minimum(
        (new - old.detach()).exp() * a.unsqueeze(1),
        ((new - old.detach()).exp() * a.unsqueeze(1)).clamp(1 - low, 1 + high),
    )
    yield lambda new, old, a, low, high: ((new - old.detach()).exp() * a.unsqueeze(1)).clamp(
        1 - low, 1 + high
    )


@surrogate.mistake(
    "The gradients are right: you multiplied log pi by exercise 1's weight, as a constant. The "
    "values differ: this exercise asks for the objective itself, whose slope is that weight."
)
def weight_times_log() -> WrongAnswers:
    yield (
        lambda new, old, a, low, high: (
            my_weight((new - old).detach().exp(), a.unsqueeze(1).expand_as(new), low, high) * new
        )
    )


@surrogate.mistake(
    "You set everything outside the bounds to 0. The clip keeps such a token at its bound, and "
    "only if it moved in the right direction; one that moved in the wrong direction counts in "
    "full."
)
def outside_is_zero() -> WrongAnswers:
    yield _surrogate(
        lambda r, c, a: torch.where(r == c, r * a, torch.zeros_like(r)),
    )
    yield lambda new, old, a, low, high: my_weight(
        (new - old.detach()).exp(), a.unsqueeze(1).expand_as(new), low, high
    )


@surrogate.mistake(
    "You used the clipped ratio alone, so the clip works on both sides: a good token whose ratio "
    "is below 1 - low has no gradient and cannot come back. The comparison with the unclipped "
    "product prevents that."
)
def clip_without_min() -> WrongAnswers:
    yield _surrogate(lambda r, c, a: c * a)


@surrogate.mistake("Nothing is clipped: this is ratio times advantage.")
def no_clip() -> WrongAnswers:
    yield _surrogate(lambda r, c, a: r * a)


@surrogate.mistake(
    "You clip only from above. A bad token whose ratio is below 1 - low keeps falling: for A < 0 "
    "the lower bound stops it."
)
def no_lower_bound() -> WrongAnswers:
    yield _surrogate(clamp=lambda r, low, high: r.clamp(max=1 + high))


@surrogate.mistake(
    "You clip only from below. A good token whose ratio is above 1 + high keeps rising."
)
def no_upper_bound() -> WrongAnswers:
    yield _surrogate(clamp=lambda r, low, high: r.clamp(min=1 - low))


@surrogate.mistake(
    'You used the lower epsilon for both bounds. DAPO\'s "clip-higher" makes them differ: tokens '
    "may rise further than they may fall."
)
def one_epsilon() -> WrongAnswers:
    yield _surrogate(clamp=lambda r, low, high: r.clamp(1 - low, 1 + low))


@surrogate.mistake("Your epsilons are swapped: `low` belongs to 1 - low, `high` to 1 + high.")
def bounds_swapped() -> WrongAnswers:
    yield _surrogate(clamp=lambda r, low, high: r.clamp(1 - high, 1 + low))


@surrogate.mistake(
    "You clamped the ratio between the epsilons themselves. They are distances from 1."
)
def bounds_as_they_are() -> WrongAnswers:
    yield _surrogate(clamp=lambda r, low, high: r.clamp(low, high))
    yield _surrogate(clamp=lambda r, low, high: r.clamp(-low, high))


@surrogate.mistake(
    "You clipped the difference of the log-probabilities, and exp(-0.2) is 0.82, not 0.8. PPO's "
    "bounds apply to the ratio. (GMPO's apply to the logarithm.)"
)
def logarithm_clipped() -> WrongAnswers:
    yield _surrogate(clamp=lambda r, low, high: r.log().clamp(-low, high).exp())


@surrogate.mistake(
    "Right, except on the first update, where old_logprobs is the same tensor as logprobs: then "
    "both move together, and the gradient is 0. The old policy is a constant."
)
def no_detach() -> WrongAnswers:
    yield _surrogate(ratio=lambda new, old: (new - old).exp())


@surrogate.mistake(
    "The values are right, but no gradient reaches logprobs: detach only the old log-probabilities."
)
def no_gradient() -> WrongAnswers:
    yield _surrogate(ratio=lambda new, old: (new - old).detach().exp())


@surrogate.mistake("Your ratio is upside down: it is the new probability over the old one.")
def upside_down() -> WrongAnswers:
    yield _surrogate(ratio=lambda new, old: (old.detach() - new).exp())


@surrogate.mistake("The sign is flipped. A surrogate is maximised; the minus comes with the loss.")
def sign() -> WrongAnswers:
    yield _surrogate(lambda r, c, a: -torch.minimum(r * a, c * a))


@surrogate.mistake(
    "Right for the bounds 0.8 and 1.3. When other values of `low` and `high` are passed, your "
    "bounds do not change."
)
def bounds_ignored() -> WrongAnswers:
    yield lambda new, old, a, low, high: my_surrogate(new, old, a, LOW, HIGH)


@surrogate.mistake(
    "Yours has no ratio: it is the new log-probability (or probability) times the advantage. The "
    "objective uses the new probability over the one the token was sampled with; the bounds apply "
    "to that ratio."
)
def no_ratio() -> WrongAnswers:
    yield lambda new, old, a, low, high: new * a.unsqueeze(1)
    yield lambda new, old, a, low, high: new.exp() * a.unsqueeze(1)
    yield _surrogate(ratio=lambda new, old: new.exp())
    yield _surrogate(ratio=lambda new, old: new)


@surrogate.mistake(
    "You used the difference of the log-probabilities as the ratio. It is the ratio's logarithm: "
    "where nothing has moved it is 0, and the ratio is 1."
)
def no_exponential() -> WrongAnswers:
    yield _surrogate(ratio=lambda new, old: new - old.detach())
    yield _surrogate(
        clamp=lambda r, low, high: r.clamp(-low, high),
        ratio=lambda new, old: new - old.detach(),
    )
    yield _surrogate(lambda r, c, a: r * a, ratio=lambda new, old: new - old.detach())
    yield _surrogate(ratio=lambda new, old: torch.expm1(new - old.detach()))


@surrogate.mistake(
    "You divided one log-probability by the other. The logarithm of a quotient is a *difference* "
    "of logarithms."
)
def logs_divided() -> WrongAnswers:
    yield _surrogate(ratio=lambda new, old: new / old.detach())
    yield _surrogate(ratio=lambda new, old: (new / old.detach()).exp())


@surrogate.mistake(
    "You do not use the advantages, or only their size: every token's probability increases, also "
    "that of bad ones."
)
def no_advantage() -> WrongAnswers:
    yield _surrogate(lambda r, c, a: torch.minimum(r, c))
    yield _surrogate(lambda r, c, a: torch.minimum(r * a.abs(), c * a.abs()))


@surrogate.mistake(
    "Your bounds are 1 + low and 1 - high: the lower one lies above the upper one. A token may "
    "fall *to* 1 - low and rise *to* 1 + high."
)
def bounds_in_the_wrong_direction() -> WrongAnswers:
    yield _surrogate(clamp=lambda r, low, high: r.clamp(1 + low, 1 - high))


@surrogate.mistake(
    "The values are right, but where both products are equal half of the gradient is missing: you "
    "detached the clipped one. Only the old log-probabilities are constants."
)
def clipped_detached() -> WrongAnswers:
    yield _surrogate(lambda r, c, a: torch.minimum(r * a, c.detach() * a))
