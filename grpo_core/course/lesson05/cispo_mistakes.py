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
    "The values are right, but the gradient has one term too many: your weight depends on the "
    "policy. Here it is a constant, the current ratio; only log pi is differentiated."
)
def weight_not_detached() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=cap))


@cispo.mistake(
    "There is no log pi in it: this is the capped ratio times A. At the cap that is a constant, "
    "so those tokens have no gradient again, which is what CISPO avoids."
)
def no_log() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=cap), lambda w, a, lp: w * a)
    yield _cispo(combine=lambda w, a, lp: w * a)


@cispo.mistake("You detached log pi and differentiated the weight. It must be the other way round.")
def log_detached() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=cap), lambda w, a, lp: w * a * lp.detach())


@cispo.mistake("The values are right, but there is no gradient left: detach only the weight.")
def all_detached() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: w * a * lp.detach())


@cispo.mistake(
    "You capped weight times advantage. Cap only the weight: advantages stay as they are."
)
def product_capped() -> WrongAnswers:
    yield (
        lambda new, old, a, cap: ((new - old).exp() * a.unsqueeze(1)).clamp(max=cap).detach() * new
    )


@cispo.mistake(
    "The gradients are right, since log pi_old is a constant. But the formula contains log pi "
    "itself, not the logarithm of the ratio."
)
def log_of_the_ratio() -> WrongAnswers:
    yield (
        lambda new, old, a, cap: (
            (new - old).exp().clamp(max=cap).detach() * a.unsqueeze(1) * (new - old.detach())
        )
    )


@cispo.mistake(
    "You multiplied by the probability. The policy gradient contains its logarithm: its "
    "derivative, one over the probability, compensates for how rarely an unlikely token is "
    "sampled."
)
def no_logarithm() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: w * a * lp.exp())


@cispo.mistake(
    "You added the cap to 1. Here, as in TRL, the cap is the largest weight itself. (The paper "
    "writes 1 + epsilon. Always check which one a library means.)"
)
def cap_above_one() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(max=1 + cap).detach())


@cispo.mistake(
    "Nothing is capped: a token whose probability has grown a hundredfold counts a hundred times."
)
def no_cap() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.detach())


@cispo.mistake(
    "There is no ratio in it: this is the plain policy gradient, A times log pi, as if the new "
    "policy had drawn the samples."
)
def no_weight() -> WrongAnswers:
    yield _cispo(lambda r, cap: torch.ones_like(r))


@cispo.mistake(
    "You also bounded the ratio from below. CISPO bounds it only from above: a token that has "
    "become unlikely has a small weight, and needs no bound."
)
def ratio_floored() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(2 - cap, cap).detach())
    yield _cispo(lambda r, cap: r.clamp(1 / cap, cap).detach())
    yield _cispo(lambda r, cap: r.clamp(1, cap).detach())


@cispo.mistake(
    "Your tokens above the cap have no gradient. A capped weight stops growing; it does not "
    "become 0."
)
def stopped_like_ppo() -> WrongAnswers:
    yield _cispo(lambda r, cap: (r * (r <= cap)).detach())
    yield _cispo(
        lambda r, cap: r,
        lambda r, a, lp: (r * ((r <= 1.2) | (a < 0))).detach() * a * lp,
    )


@cispo.mistake("The sign is flipped. A surrogate is maximised; the minus comes with the loss.")
def sign() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: -w * a * lp)


@cispo.mistake(
    "You do not use the advantages: the probability of good and bad tokens increases alike."
)
def no_advantage() -> WrongAnswers:
    yield _cispo(combine=lambda w, a, lp: w * lp)


@cispo.mistake("Right for a cap of 1.2. When another value is passed, your cap does not change.")
def cap_ignored() -> WrongAnswers:
    yield lambda new, old, a, cap: my_cispo(new, old, a, 1.2)


@cispo.mistake(
    "You took the *larger* of ratio and cap, so every weight is at least the cap. A cap is the "
    "largest value allowed."
)
def floor_for_cap() -> WrongAnswers:
    yield _cispo(lambda r, cap: r.clamp(min=cap).detach())


@cispo.mistake("Your ratio is upside down: it is the new probability over the old one.")
def upside_down() -> WrongAnswers:
    yield _cispo(lambda r, cap: (1 / r).clamp(max=cap).detach())


@cispo.mistake(
    "You multiplied by the *old* log-probability, which is only a record; the policy can change "
    "the new one."
)
def old_log_prob() -> WrongAnswers:
    yield lambda new, old, a, cap: (new - old).exp().clamp(max=cap).detach() * a.unsqueeze(1) * old


@cispo.mistake(
    "You multiplied by the ratio a second time instead of log pi: the weight is the capped ratio, "
    "and it multiplies the logarithm of the probability."
)
def ratio_for_log() -> WrongAnswers:
    yield (
        lambda new, old, a, cap: (
            (new - old).exp().clamp(max=cap).detach() * a.unsqueeze(1) * (new - old.detach()).exp()
        )
    )
