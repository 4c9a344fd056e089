"""Lesson 05, the clipped objective: its checks, its mistakes, its quiz."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, WrongShape, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz

# Ratios on every side of both bounds, for a good and for a bad token, and none on a bound.
_RATIOS = torch.tensor([[0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 2.5]] * 2)
_A = torch.tensor([2.0, -1.0])
LOW, HIGH = 0.2, 0.3


# --- exercise 1: the weight of the gradient -------------------------------------------------------


def my_weight(ratio: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """What the clip passes on: the factor of the gradient of log pi."""
    too_likely = (advantages > 0) & (ratio > 1 + high)
    too_rare = (advantages < 0) & (ratio < 1 - low)
    return (ratio * advantages).masked_fill(too_likely | too_rare, 0.0)


Stopped = Callable[[Tensor, Tensor, float, float], Tensor]


def _stopped(r: Tensor, a: Tensor, low: float, high: float) -> Tensor:
    return ((a > 0) & (r > 1 + high)) | ((a < 0) & (r < 1 - low))


def _weight(
    stopped: Stopped = _stopped, weight: Callable[[Tensor, Tensor], Tensor] = lambda r, a: r * a
) -> Callable[..., Tensor]:
    """A weight that is right but for what is passed in."""
    return lambda r, a, low, high: weight(r, a).masked_fill(stopped(r, a, low, high), 0.0)


def _map(low: float, high: float) -> Callable[[Callable[..., Any]], Tensor]:
    a = _A.unsqueeze(1).expand_as(_RATIOS)
    return lambda f: tensor(f(_RATIOS.clone(), a.clone(), low, high))


weight = Exercise(
    "05",
    "weight",
    solution_function=my_weight,
    cases=[
        Case(
            "For ratios of 0.5 to 2.5 and advantages of 2 and -1, bounds 0.8 and 1.3",
            _map(LOW, HIGH),
        ),
        Case("For the same, with bounds of 0.7 and 1.05", _map(0.3, 0.05)),
    ],
    mistakes=[
        Mistake(
            "both_sides",
            "You stop every token whose ratio is outside the bounds. The clip stops those only "
            "that moved the way they were to move. A good token that has become *rarer* needs its "
            "gradient to come back.",
            (
                _weight(lambda r, a, low, high: (r > 1 + high) | (r < 1 - low)),
                _weight(lambda r, a, low, high: (r - 1).abs() > low),
            ),
        ),
        Mistake(
            "wrong_corners",
            "You stop the tokens that moved the wrong way, and let those run that moved far the "
            "right way. It is the other way round: that is what a maximum in the place of the "
            "minimum does.",
            (
                _weight(
                    lambda r, a, low, high: ((a < 0) & (r > 1 + high)) | ((a > 0) & (r < 1 - low))
                ),
            ),
        ),
        Mistake(
            "nothing_inside",
            "Inside the bounds your weight is 0. There both products of the minimum are *equal*, "
            "and it is the unclipped one that counts: nothing is stopped there.",
            (
                lambda r, a, low, high: torch.where(
                    r * a < r.clamp(1 - low, 1 + high) * a, r * a, torch.zeros_like(r)
                ),
            ),
        ),
        Mistake(
            "bounds_as_they_are",
            "You compared the ratio with the epsilons themselves. They are distances from 1: the "
            "bounds are 1 - low and 1 + high.",
            (
                _weight(lambda r, a, low, high: ((a > 0) & (r > high)) | ((a < 0) & (r < low))),
                _weight(lambda r, a, low, high: ((a > 0) & (r > high)) | ((a < 0) & (r < -low))),
            ),
        ),
        Mistake(
            "value",
            "This is what the token adds to the objective. Where that is flat it is not 0, but "
            "its slope is. Asked for is what is multiplied with the gradient of log pi.",
            (
                lambda r, a, low, high: torch.minimum(r * a, r.clamp(1 - low, 1 + high) * a),
                lambda r, a, low, high: r.clamp(1 - low, 1 + high) * a,
            ),
        ),
        Mistake(
            "slope_by_ratio",
            "This is the slope by the ratio, which is A. The ratio itself has a slope: that of "
            "exp(log pi - log pi_old) by log pi is the ratio again. (The chain rule.)",
            (_weight(weight=lambda r, a: a * torch.ones_like(r)),),
        ),
        Mistake(
            "only_above",
            "You stop good tokens that have become likelier, and bad ones never. A bad token that "
            "is rarer already, below 1 - low, has had its share too.",
            (_weight(lambda r, a, low, high: (a > 0) & (r > 1 + high)),),
        ),
        Mistake(
            "only_below",
            "You stop bad tokens that have become rarer, and good ones never. A good token that "
            "is likelier already, above 1 + high, has had its share too.",
            (_weight(lambda r, a, low, high: (a < 0) & (r < 1 - low)),),
        ),
        Mistake(
            "one_epsilon",
            "You used the lower epsilon on both sides. The upper bound has one of its own: here "
            "tokens may rise up to 1.3, and fall to 0.8.",
            (_weight(lambda r, a, low, high: _stopped(r, a, low, low)),),
        ),
        Mistake(
            "bounds_swapped",
            "Your epsilons are swapped: `low` belongs to 1 - low, `high` to 1 + high.",
            (_weight(lambda r, a, low, high: _stopped(r, a, high, low)),),
        ),
        Mistake(
            "never_stops",
            "You never stop anything: this is ratio times advantage everywhere.",
            (_weight(lambda r, a, low, high: torch.zeros_like(r, dtype=torch.bool)),),
        ),
        Mistake(
            "sign_forgotten",
            "The advantage is missing from your weights: bad tokens would be pushed up.",
            (_weight(weight=lambda r, a: r), _weight(weight=lambda r, a: torch.ones_like(r))),
        ),
        Mistake(
            "bounds_ignored",
            "Right for the bounds 0.8 and 1.3. Others are handed in, as `low` and `high`, and "
            "yours stay where they are.",
            (lambda r, a, low, high: my_weight(r, a, LOW, HIGH),),
        ),
        Mistake(
            "only_the_stopped",
            "Yours is 0 where the gradient flows, and something where it is stopped: `torch.where` "
            "takes its second argument where the condition holds, and `masked_fill` fills there.",
            (_weight(lambda r, a, low, high: ~_stopped(r, a, low, high)),),
        ),
        Mistake(
            "bad_tokens_silent",
            "Bad tokens have no weight at all in yours. They are to become rarer: their weight is "
            "below 0, until they are rare enough.",
            (
                _weight(lambda r, a, low, high: _stopped(r, a, low, high) | (a < 0)),
                lambda r, a, low, high: my_weight(r, a, low, high).clamp(min=0),
            ),
        ),
        Mistake(
            "always_positive",
            "All your weights are above 0. A bad token's has the sign of its advantage: it is to "
            "become rarer.",
            (lambda r, a, low, high: my_weight(r, a, low, high).abs(),),
        ),
    ],
    hints=[
        "Two questions: what is the weight where nothing is clipped? And in which two of the four "
        "corners of the picture is it 0?",
        "Unclipped, the token adds ratio times advantage. Its slope by log pi: the ratio is an "
        "exponential, and an exponential is its own slope.",
        "A condition for each of the two corners, one with `advantages > 0` in it and one with "
        "`advantages < 0`, joined by `|`; then 0 where either holds.",
    ],
    well_done="your map is right: two corners of four without a gradient, ratio × A elsewhere.",
)


# --- exercises 2 and 3: what is differentiated ----------------------------------------------------

_OLD = torch.tensor([[-1.0, -2.0, -0.5, -1.5, -1.0, -0.7, -2.5]] * 2)


def _value_and_gradient(value: Any, logprobs: Tensor) -> Tensor:
    """The surrogates and what they pass on, in two rows; NaN where nothing can flow back."""
    value = tensor(value)
    if value.shape != logprobs.shape:
        expected, got = tuple(logprobs.shape), tuple(value.shape)
        raise WrongShape(
            f"One number a token is wanted, so the shape {expected}; yours has {got}. The mean "
            "over tokens comes later."
        )
    gradient = None
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value.sum(), logprobs, allow_unused=True)
    if gradient is None:
        gradient = torch.full_like(logprobs, float("nan"))
    return torch.stack([value.detach(), gradient])


def _moved(*numbers: float) -> Callable[[Callable[..., Any]], Tensor]:
    """A case: the policy has moved by the ratios above."""

    def run(f: Callable[..., Any]) -> Tensor:
        logprobs = (_OLD + _RATIOS.log()).requires_grad_()
        return _value_and_gradient(f(logprobs, _OLD.clone(), _A.clone(), *numbers), logprobs)

    return run


def _not_moved(*numbers: float) -> Callable[[Callable[..., Any]], Tensor]:
    """A case: the first update, where the old log-probs are the new ones."""

    def run(f: Callable[..., Any]) -> Tensor:
        logprobs = _OLD.clone().requires_grad_()
        return _value_and_gradient(f(logprobs, logprobs, _A.clone(), *numbers), logprobs)

    return run


def my_surrogate(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    low: float,
    high: float,
) -> Tensor:
    """(B, T), (B, T) and (B,) -> (B, T), to be made large."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    return torch.minimum(ratio * a, clipped * a)


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


surrogate = Exercise(
    "05",
    "surrogate",
    solution_function=my_surrogate,
    cases=[
        Case(
            "For ratios of 0.5 to 2.5, bounds 0.8 and 1.3: values, then gradients",
            _moved(LOW, HIGH),
        ),
        Case("On the first update, where old_logprobs is logprobs", _not_moved(LOW, HIGH)),
        Case("With bounds of 0.7 and 1.05", _moved(0.3, 0.05)),
    ],
    mistakes=[
        Mistake(
            "max",
            "You took the larger of the two. Then a good token that is far above its bound goes "
            "on rising without a limit, and one that fell too far is left lying. The smaller of "
            "the two is the cautious one.",
            (_surrogate(lambda r, c, a: torch.maximum(r * a, c * a)),),
        ),
        Mistake(
            "min_of_ratios",
            "You took the smaller ratio first and multiplied then. For a bad token the smaller "
            "ratio makes the larger product. Multiply both with the advantage, then compare.",
            (_surrogate(lambda r, c, a: torch.minimum(r, c) * a),),
        ),
        Mistake(
            "product_clipped",
            "You clipped the product of ratio and advantage. The bounds are for the ratio alone, "
            "how far the token has moved; a good token worth 2 would be cut to 1.3 before it has "
            "moved at all.",
            (
                lambda new, old, a, low, high: torch.minimum(
                    (new - old.detach()).exp() * a.unsqueeze(1),
                    ((new - old.detach()).exp() * a.unsqueeze(1)).clamp(1 - low, 1 + high),
                ),
                lambda new, old, a, low, high: ((new - old.detach()).exp() * a.unsqueeze(1)).clamp(
                    1 - low, 1 + high
                ),
            ),
        ),
        Mistake(
            "weight_times_log",
            "The gradients are right: you multiplied exercise 1's weight, as a constant, with log "
            "pi. The values are other ones, and asked for is the objective itself, whose slope is "
            "that weight.",
            (
                lambda new, old, a, low, high: (
                    my_weight((new - old).detach().exp(), a.unsqueeze(1).expand_as(new), low, high)
                    * new
                ),
            ),
        ),
        Mistake(
            "outside_is_zero",
            "You set to 0 what is outside the bounds. The clip holds such a token at its bound, "
            "and only if it went the right way; one that went the wrong way counts in full.",
            (
                _surrogate(
                    lambda r, c, a: torch.where(r == c, r * a, torch.zeros_like(r)),
                ),
                lambda new, old, a, low, high: my_weight(
                    (new - old.detach()).exp(), a.unsqueeze(1).expand_as(new), low, high
                ),
            ),
        ),
        Mistake(
            "clip_without_min",
            "You used the clipped ratio alone, so the clip works on both sides: a good token that "
            "has become rarer than 1 - low has no gradient and cannot come back. That is what the "
            "comparison with the unclipped product is for.",
            (_surrogate(lambda r, c, a: c * a),),
        ),
        Mistake(
            "no_clip",
            "Nothing is clipped: this is ratio times advantage.",
            (_surrogate(lambda r, c, a: r * a),),
        ),
        Mistake(
            "no_lower_bound",
            "You clip from above only. A bad token whose ratio is below 1 - low keeps falling: "
            "for A below 0 it is the lower bound that stops.",
            (_surrogate(clamp=lambda r, low, high: r.clamp(max=1 + high)),),
        ),
        Mistake(
            "no_upper_bound",
            "You clip from below only. A good token whose ratio is above 1 + high keeps rising.",
            (_surrogate(clamp=lambda r, low, high: r.clamp(min=1 - low)),),
        ),
        Mistake(
            "one_epsilon",
            'You used the lower epsilon for both bounds. DAPO\'s "clip-higher" is just that they '
            "differ: tokens may rise further than they may fall.",
            (_surrogate(clamp=lambda r, low, high: r.clamp(1 - low, 1 + low)),),
        ),
        Mistake(
            "bounds_swapped",
            "Your epsilons are swapped: `low` belongs to 1 - low, `high` to 1 + high.",
            (_surrogate(clamp=lambda r, low, high: r.clamp(1 - high, 1 + low)),),
        ),
        Mistake(
            "bounds_as_they_are",
            "You clamped the ratio between the epsilons themselves. They are distances from 1.",
            (
                _surrogate(clamp=lambda r, low, high: r.clamp(low, high)),
                _surrogate(clamp=lambda r, low, high: r.clamp(-low, high)),
            ),
        ),
        Mistake(
            "logarithm_clipped",
            "You clipped the difference of the log-probs, and exp(-0.2) is 0.82 and not 0.8. "
            "PPO's bounds are on the ratio. (GMPO has bounds on the logarithm.)",
            (_surrogate(clamp=lambda r, low, high: r.log().clamp(-low, high).exp()),),
        ),
        Mistake(
            "no_detach",
            "Right, except on the first update, where old_logprobs is the same tensor as "
            "logprobs: then both move together, and the gradient is 0. The old policy is a "
            "constant.",
            (_surrogate(ratio=lambda new, old: (new - old).exp()),),
        ),
        Mistake(
            "no_gradient",
            "The values are right, and nothing flows back to logprobs: only the old log-probs "
            "are to be detached.",
            (_surrogate(ratio=lambda new, old: (new - old).detach().exp()),),
        ),
        Mistake(
            "upside_down",
            "Your ratio is upside down: it is the new probability over the old one.",
            (_surrogate(ratio=lambda new, old: (old.detach() - new).exp()),),
        ),
        Mistake(
            "sign",
            "The sign is flipped. A surrogate is to be made large; the minus comes with the loss.",
            (_surrogate(lambda r, c, a: -torch.minimum(r * a, c * a)),),
        ),
        Mistake(
            "bounds_ignored",
            "Right for the bounds 0.8 and 1.3. Others are handed in, as `low` and `high`, and "
            "yours stay where they are.",
            (lambda new, old, a, low, high: my_surrogate(new, old, a, LOW, HIGH),),
        ),
        Mistake(
            "no_ratio",
            "There is no ratio in yours: it is the new log-probability (or probability) times the "
            "advantage. The objective has the new probability over the one the token was sampled "
            "with: that is what the bounds are for.",
            (
                lambda new, old, a, low, high: new * a.unsqueeze(1),
                lambda new, old, a, low, high: new.exp() * a.unsqueeze(1),
                _surrogate(ratio=lambda new, old: new.exp()),
                _surrogate(ratio=lambda new, old: new),
            ),
        ),
        Mistake(
            "no_exponential",
            "You took the difference of the log-probs for the ratio. It is the ratio's logarithm: "
            "0 where nothing has moved, and the ratio is 1 there.",
            (
                _surrogate(ratio=lambda new, old: new - old.detach()),
                _surrogate(
                    clamp=lambda r, low, high: r.clamp(-low, high),
                    ratio=lambda new, old: new - old.detach(),
                ),
                _surrogate(lambda r, c, a: r * a, ratio=lambda new, old: new - old.detach()),
                _surrogate(ratio=lambda new, old: torch.expm1(new - old.detach())),
            ),
        ),
        Mistake(
            "logs_divided",
            "You divided one log-prob by the other. The logarithm of a quotient is a *difference* "
            "of logarithms.",
            (
                _surrogate(ratio=lambda new, old: new / old.detach()),
                _surrogate(ratio=lambda new, old: (new / old.detach()).exp()),
            ),
        ),
        Mistake(
            "no_advantage",
            "The advantages play no part in yours, or only their size: every token is made "
            "likelier, the bad ones too.",
            (
                _surrogate(lambda r, c, a: torch.minimum(r, c)),
                _surrogate(lambda r, c, a: torch.minimum(r * a.abs(), c * a.abs())),
            ),
        ),
        Mistake(
            "bounds_in_the_wrong_direction",
            "Your bounds are 1 + low and 1 - high: the lower one lies above the upper one. A token "
            "may fall *to* 1 - low and rise *to* 1 + high.",
            (_surrogate(clamp=lambda r, low, high: r.clamp(1 + low, 1 - high)),),
        ),
        Mistake(
            "clipped_detached",
            "The values are right, and where both products are equal half of the gradient is "
            "missing: you detached the clipped one. Only the old log-probs are constants.",
            (_surrogate(lambda r, c, a: torch.minimum(r * a, c.detach() * a)),),
        ),
    ],
    hints=[
        "One line each: ratio, clipped ratio, advantages with a second dimension, and a choice "
        "between two products.",
        "The clipped ratio has two different bounds. The ratio itself stays as it is beside it: "
        "both are multiplied with the advantage before anything is compared.",
        "Hold it against exercise 1: the gradients of yours should be those weights. "
        "`surrogate.sum().backward()` gives them.",
    ],
    well_done="your surrogate is right, with two bounds and on both sides of 1.",
)


def my_cispo(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    cap: float,
) -> Tensor:
    """(B, T), (B, T) and (B,) -> (B, T), to be made large."""
    ratio = torch.exp(logprobs - old_logprobs)
    weight = ratio.clamp(max=cap).detach()
    return weight * advantages.unsqueeze(1) * logprobs


def _cispo(
    weight: Callable[[Tensor, float], Tensor] = lambda r, cap: r.clamp(max=cap).detach(),
    combine: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda w, a, lp: w * a * lp,
) -> Callable[..., Tensor]:
    """CISPO, right but for what is passed in."""

    def surrogate(new: Tensor, old: Tensor, a: Tensor, cap: float) -> Tensor:
        return combine(weight((new - old).exp(), cap), a.unsqueeze(1), new)

    return surrogate


cispo = Exercise(
    "05",
    "cispo",
    solution_function=my_cispo,
    cases=[
        Case("For ratios of 0.5 to 2.5 and a cap of 1.2: values, then gradients", _moved(1.2)),
        Case("On the first update, where old_logprobs is logprobs", _not_moved(1.2)),
        Case("With a cap of 2", _moved(2.0)),
    ],
    mistakes=[
        Mistake(
            "weight_not_detached",
            "The values are right, and the gradient has a term too many: your weight moves along "
            "with the policy. Here it is a number, the ratio as it happens to be; only log pi is "
            "differentiated.",
            (_cispo(lambda r, cap: r.clamp(max=cap)),),
        ),
        Mistake(
            "no_log",
            "There is no log pi in it: this is the capped ratio times A. Where the cap holds, that "
            "is a constant, so those tokens are silent again, and that is what was to be avoided.",
            (
                _cispo(lambda r, cap: r.clamp(max=cap), lambda w, a, lp: w * a),
                _cispo(combine=lambda w, a, lp: w * a),
            ),
        ),
        Mistake(
            "log_detached",
            "You detached log pi and let the weight be differentiated. It is the other way round.",
            (_cispo(lambda r, cap: r.clamp(max=cap), lambda w, a, lp: w * a * lp.detach()),),
        ),
        Mistake(
            "all_detached",
            "The values are right, and no gradient is left: only the weight is a constant.",
            (_cispo(combine=lambda w, a, lp: w * a * lp.detach()),),
        ),
        Mistake(
            "product_capped",
            "You capped weight times advantage. What is capped is the weight alone: an advantage "
            "may be as large as it is.",
            (
                lambda new, old, a, cap: (
                    ((new - old).exp() * a.unsqueeze(1)).clamp(max=cap).detach() * new
                ),
            ),
        ),
        Mistake(
            "log_of_the_ratio",
            "The gradients are right, for log pi_old is a constant. The formula has log pi itself "
            "and not the logarithm of the ratio.",
            (
                lambda new, old, a, cap: (
                    (new - old).exp().clamp(max=cap).detach()
                    * a.unsqueeze(1)
                    * (new - old.detach())
                ),
            ),
        ),
        Mistake(
            "no_logarithm",
            "You multiplied with the probability. The policy gradient has its logarithm: that is "
            "where one over the probability comes from, which makes up for how seldom a rare "
            "token is sampled.",
            (_cispo(combine=lambda w, a, lp: w * a * lp.exp()),),
        ),
        Mistake(
            "cap_above_one",
            "You added the cap to 1. It is the largest weight itself here, as in TRL. (The paper "
            "writes 1 + epsilon. Always look which one a library means.)",
            (_cispo(lambda r, cap: r.clamp(max=1 + cap).detach()),),
        ),
        Mistake(
            "no_cap",
            "Nothing is capped: a token whose probability has grown a hundredfold counts a hundred "
            "times.",
            (_cispo(lambda r, cap: r.detach()),),
        ),
        Mistake(
            "no_weight",
            "There is no ratio in it: this is the plain policy gradient, A times log pi, as if the "
            "samples were the new policy's own.",
            (_cispo(lambda r, cap: torch.ones_like(r)),),
        ),
        Mistake(
            "ratio_floored",
            "You also bounded the ratio from below. CISPO bounds it from above only: a token that "
            "has become rare has a small weight, and needs no bound.",
            (
                _cispo(lambda r, cap: r.clamp(2 - cap, cap).detach()),
                _cispo(lambda r, cap: r.clamp(1 / cap, cap).detach()),
                _cispo(lambda r, cap: r.clamp(1, cap).detach()),
            ),
        ),
        Mistake(
            "stopped_like_ppo",
            "Tokens above the cap have no gradient in yours. Capping a weight means that it stops "
            "growing; it does not become 0.",
            (
                _cispo(lambda r, cap: (r * (r <= cap)).detach()),
                _cispo(
                    lambda r, cap: r,
                    lambda r, a, lp: (r * ((r <= 1.2) | (a < 0))).detach() * a * lp,
                ),
            ),
        ),
        Mistake(
            "sign",
            "The sign is flipped. A surrogate is to be made large; the minus comes with the loss.",
            (_cispo(combine=lambda w, a, lp: -w * a * lp),),
        ),
        Mistake(
            "no_advantage",
            "The advantages play no part in yours: good and bad tokens are pushed up alike.",
            (_cispo(combine=lambda w, a, lp: w * lp),),
        ),
        Mistake(
            "cap_ignored",
            "Right for a cap of 1.2. Another one is handed in, and yours stays where it is.",
            (lambda new, old, a, cap: my_cispo(new, old, a, 1.2),),
        ),
        Mistake(
            "floor_for_cap",
            "You took the *larger* of ratio and cap: every weight is at least the cap. A cap is "
            "the largest value allowed.",
            (_cispo(lambda r, cap: r.clamp(min=cap).detach()),),
        ),
        Mistake(
            "upside_down",
            "Your ratio is upside down: it is the new probability over the old one.",
            (_cispo(lambda r, cap: (1 / r).clamp(max=cap).detach()),),
        ),
        Mistake(
            "old_log_prob",
            "You multiplied with the *old* log-prob. That one is a record; it is the new one that "
            "the policy can change.",
            (
                lambda new, old, a, cap: (
                    (new - old).exp().clamp(max=cap).detach() * a.unsqueeze(1) * old
                ),
            ),
        ),
        Mistake(
            "ratio_for_log",
            "You multiplied with the ratio once more, where log pi belongs: the weight is the "
            "capped ratio, and what it weighs is the logarithm of the probability.",
            (
                lambda new, old, a, cap: (
                    (new - old).exp().clamp(max=cap).detach()
                    * a.unsqueeze(1)
                    * (new - old.detach()).exp()
                ),
            ),
        ),
    ],
    hints=[
        "Three factors a token: a weight that is a constant, the advantage, and log pi.",
        "The weight is the ratio, nowhere larger than the cap. `.clamp(max=...)` leaves the other "
        "side free.",
        "A constant, so `.detach()` it after everything else has been done to it.",
    ],
    well_done="your CISPO is right: weights stop growing at the cap, and no token falls silent.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "05",
    Question(
        "zero",
        'Step 1 of a run with loss_type="grpo" and beta 0 prints loss 0.0000 and grad_norm 0.23. '
        "What do you do?",
        [
            Option(
                "Look for a bug: without a loss there can be no gradient.",
                "A line through 0 is 0 there and still has a slope. It is the slope that trains.",
            ),
            Option(
                "Nothing. The value says nothing, and the gradient is there.",
                "All ratios are 1, so the loss is minus the mean of the advantages, which is 0.",
                right=True,
            ),
            Option(
                "Raise the learning rate.",
                "No learning rate changes a loss that is computed before the step.",
            ),
        ],
    ),
    Question(
        "back",
        "A good token (A = 1) fell to a ratio of 0.6 because its neighbours pulled it down. What "
        "does the clip do at epsilon 0.2?",
        [
            Option(
                "It stops its gradient: 0.6 is outside 0.8 to 1.2.",
                "It would if the clipped ratio stood alone. What else is in the formula?",
            ),
            Option(
                "It lifts it back to 0.8.",
                "A clip moves no probabilities. It only decides which gradients count.",
            ),
            Option(
                "Nothing: the token is pushed up, with a weight of 0.6.",
                "The smaller of 0.6 and 0.8 is 0.6, the unclipped one, and so its slope counts.",
                right=True,
            ),
        ],
    ),
    Question(
        "rare",
        "epsilon is 0.2. Token A has a probability of 0.9, token B of 0.01; both are good. How far "
        "may one batch raise them before the clip stops?",
        [
            Option(
                "A by 0.1, to 1; B by 0.002, to 0.012.",
                "The bound is on the ratio. A is not even stopped: 0.9 times 1.2 is above 1.",
                right=True,
            ),
            Option(
                "Both by 0.2.",
                "0.2 is a share of the old probability, not a difference.",
            ),
            Option(
                "B further than A, since there is more room above it.",
                "There is more room, and the bound does not know about it. DAPO raises it.",
            ),
        ],
    ),
    Question(
        "once",
        "You train with one update a batch (num_iterations=1) and on the whole batch at once. "
        "What does changing epsilon from 0.2 to 0.3 do?",
        [
            Option(
                "It lets the policy take larger steps.",
                "The ratio is 1 when the gradient is taken. Who is at 1 is inside any bounds.",
            ),
            Option(
                "Nothing at all.",
                "Every ratio is exactly 1 in the only update there is, so nothing is ever clipped.",
                right=True,
            ),
            Option(
                "It raises the entropy.",
                "It can, where something is clipped. Here nothing is.",
            ),
        ],
    ),
    Question(
        "cispo",
        "A good token has a ratio of 8. What do PPO's clip (0.2) and CISPO (cap 5) make of it?",
        [
            Option(
                "Both stop it.",
                "One of the two was invented so that no token is stopped.",
            ),
            Option(
                "PPO gives it a weight of 1.2, CISPO of 5.",
                "1.2 is what it adds to PPO's objective. Its slope is another matter.",
            ),
            Option(
                "PPO stops it; CISPO pushes it with a weight of 5.",
                "The clip is flat there. The cap holds the weight at 5, and log pi still has a "
                "slope.",
                right=True,
            ),
        ],
    ),
)
