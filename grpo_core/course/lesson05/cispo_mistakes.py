"""The mistakes that the exercise `cispo` of lesson 05 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson05.cispo_exercise import cispo, my_cispo


def _cispo(
    weight: Callable[[Tensor, float], Tensor] = lambda r, cap: r.clamp(max=cap).detach(),
    combine: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda w, a, lp: w * a * lp,
) -> Callable[..., Tensor]:
    """CISPO, right but for what is passed in."""

    def surrogate(new: Tensor, old: Tensor, a: Tensor, cap: float) -> Tensor:
        return combine(weight((new - old).exp(), cap), a.unsqueeze(1), new)

    return surrogate


@cispo.mistake(
    "The values are right, and the gradient has a term too many: your weight moves along with the "
    "policy. Here it is a number, the ratio as it happens to be; only log pi is differentiated."
)
def weight_not_detached() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=cap))


@cispo.mistake(
    "There is no log pi in it: this is the capped ratio times A. Where the cap holds, that is a "
    "constant, so those tokens are silent again, and that is what was to be avoided."
)
def no_log() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=cap), lambda w, a, lp: w * a)
    yield _cispo(combine=lambda w, a, lp: w * a)


@cispo.mistake(
    "You detached log pi and let the weight be differentiated. It is the other way round."
)
def log_detached() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=cap), lambda w, a, lp: w * a * lp.detach())


@cispo.mistake("The values are right, and no gradient is left: only the weight is a constant.")
def all_detached() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: w * a * lp.detach())


@cispo.mistake(
    "You capped weight times advantage. What is capped is the weight alone: an advantage may be "
    "as large as it is."
)
def product_capped() -> WrongAnswers:
    yield (
        lambda new, old, a, cap: ((new - old).exp() * a.unsqueeze(1)).clamp(max=cap).detach() * new
    )


@cispo.mistake(
    "The gradients are right, for log pi_old is a constant. The formula has log pi itself and not "
    "the logarithm of the ratio."
)
def log_of_the_ratio() -> WrongAnswers:
    yield (
        lambda new, old, a, cap: (
            (new - old).exp().clamp(max=cap).detach() * a.unsqueeze(1) * (new - old.detach())
        )
    )


@cispo.mistake(
    "You multiplied with the probability. The policy gradient has its logarithm: that is where "
    "one over the probability comes from, which makes up for how seldom a rare token is sampled."
)
def no_logarithm() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: w * a * lp.exp())


@cispo.mistake(
    "You added the cap to 1. It is the largest weight itself here, as in TRL. (The paper writes 1 "
    "+ epsilon. Always look which one a library means.)"
)
def cap_above_one() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=1 + cap).detach())


@cispo.mistake(
    "Nothing is capped: a token whose probability has grown a hundredfold counts a hundred times."
)
def no_cap() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.detach())


@cispo.mistake(
    "There is no ratio in it: this is the plain policy gradient, A times log pi, as if the "
    "samples were the new policy's own."
)
def no_weight() -> WrongAnswers:
    yield _cispo(lambda r, cap: torch.ones_like(r))


@cispo.mistake(
    "You also bounded the ratio from below. CISPO bounds it from above only: a token that has "
    "become rare has a small weight, and needs no bound."
)
def ratio_floored() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(2 - cap, cap).detach())
    yield _cispo(lambda r, cap: r.clamp(1 / cap, cap).detach())
    yield _cispo(lambda r, cap: r.clamp(1, cap).detach())


@cispo.mistake(
    "Tokens above the cap have no gradient in yours. Capping a weight means that it stops "
    "growing; it does not become 0."
)
def stopped_like_ppo() -> WrongAnswers:
    yield _cispo(lambda r, cap: (r * (r <= cap)).detach())
    yield _cispo(
        lambda r, cap: r,
        lambda r, a, lp: (r * ((r <= 1.2) | (a < 0))).detach() * a * lp,
    )


@cispo.mistake(
    "The sign is flipped. A surrogate is to be made large; the minus comes with the loss."
)
def sign() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: -w * a * lp)


@cispo.mistake("The advantages play no part in yours: good and bad tokens are pushed up alike.")
def no_advantage() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: w * lp)


@cispo.mistake("Right for a cap of 1.2. Another one is handed in, and yours stays where it is.")
def cap_ignored() -> WrongAnswers:
    yield lambda new, old, a, cap: my_cispo(new, old, a, 1.2)


@cispo.mistake(
    "You took the *larger* of ratio and cap: every weight is at least the cap. A cap is the "
    "largest value allowed."
)
def floor_for_cap() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(min=cap).detach())


@cispo.mistake("Your ratio is upside down: it is the new probability over the old one.")
def upside_down() -> WrongAnswers:
    yield _cispo(lambda r, cap: (1 / r).clamp(max=cap).detach())


@cispo.mistake(
    "You multiplied with the *old* log-prob. That one is a record; it is the new one that the "
    "policy can change."
)
def old_log_prob() -> WrongAnswers:
    yield lambda new, old, a, cap: (new - old).exp().clamp(max=cap).detach() * a.unsqueeze(1) * old


@cispo.mistake(
    "You multiplied with the ratio once more, where log pi belongs: the weight is the capped "
    "ratio, and what it weighs is the logarithm of the probability."
)
def ratio_for_log() -> WrongAnswers:
    yield (
        lambda new, old, a, cap: (
            (new - old).exp().clamp(max=cap).detach() * a.unsqueeze(1) * (new - old.detach()).exp()
        )
    )
