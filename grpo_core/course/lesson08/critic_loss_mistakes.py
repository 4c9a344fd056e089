"""The mistakes that the exercise `critic_loss` of lesson 08 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson08.critic_loss_exercise import critic_loss, my_critic_loss


def _error(
    returns: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda v, old, a: a + old,
    clipped: Callable[[Tensor, Tensor, Tensor, float], Tensor] = lambda v, old, r, c: (
        old + (v - old).clamp(-c, c)
    ),
    choose: Callable[[Tensor, Tensor], Tensor] = torch.maximum,
    measure: Callable[[Tensor], Tensor] = torch.square,
    average: Callable[[Tensor, Tensor], Tensor] = lambda e, m: 0.5 * (e * m).sum() / m.sum(),
) -> Callable[..., Tensor]:
    """The critic's loss, right but for what is passed in."""

    def loss(v: Tensor, old: Tensor, a: Tensor, m: Tensor, c: float) -> Tensor:
        target = returns(v, old, a)
        near = clipped(v, old, target, c)
        return average(choose(measure(v - target), measure(near - target)), m)

    return loss


def _first(plain: Tensor, clipped: Tensor) -> Tensor:
    return plain


def _second(plain: Tensor, clipped: Tensor) -> Tensor:
    return clipped


def _larger_of_means(v: Tensor, old: Tensor, a: Tensor, m: Tensor, c: float) -> Tensor:
    means = [_error(choose=choose)(v, old, a, m, c) for choose in (_first, _second)]
    return torch.maximum(*means)


@critic_loss.mistake(
    "Your target moves along with the critic: returns are the advantages plus the values that "
    "they were *computed from*. With the current values the error is minus the advantage, "
    "whatever the critic predicts, and there is nothing left to learn."
)
def moving_target() -> WrongAnswers:
    yield _error(returns=lambda v, old, a: a + v)
    yield _error(returns=lambda v, old, a: a + v.detach())


@critic_loss.mistake(
    "Your critic learns the *advantages*, which are the returns minus its own prediction. It "
    "should learn the returns."
)
def advantages_as_target() -> WrongAnswers:
    yield _error(returns=lambda v, old, a: a)


@critic_loss.mistake(
    "You subtracted the old value from the advantage. It has already been subtracted: an "
    "advantage is the return minus the value. Add it back to get the return."
)
def value_taken_off_twice() -> WrongAnswers:
    yield _error(returns=lambda v, old, a: a - old)
    yield _error(returns=lambda v, old, a: old - a)


@critic_loss.mistake("Your critic learns its own earlier predictions. It should learn the returns.")
def old_values_as_target() -> WrongAnswers:
    yield _error(returns=lambda v, old, a: old)


@critic_loss.mistake(
    "You took the smaller of the two errors. Then a value that has moved far enough keeps its "
    "gradient, and one that has gone astray loses it. The larger one counts."
)
def min_() -> WrongAnswers:
    yield _error(choose=torch.minimum)


@critic_loss.mistake("Nothing limits the critic: this is the plain squared error.")
def not_clipped() -> WrongAnswers:
    yield _error(choose=_first)
    yield _error(choose=_first, average=lambda e, m: (e * m).sum() / m.sum())


@critic_loss.mistake(
    "You took the mean of each error first and then the larger of the two. Take the larger one "
    "per token: some values have moved too far, and others have not."
)
def larger_of_the_means() -> WrongAnswers:
    yield _larger_of_means


@critic_loss.mistake(
    "Your clipped value lies on the wrong side: it starts at the current value, or moves from the "
    "old one *away* from the current one. It is the old value plus a step of at most `clip` "
    "towards the current one."
)
def clipped_the_wrong_way() -> WrongAnswers:
    yield _error(clipped=lambda v, old, r, c: v + (old - v).clamp(-c, c))
    yield _error(clipped=lambda v, old, r, c: old - (v - old).clamp(-c, c))


@critic_loss.mistake(
    "The value is right, but where nothing is clipped half of the gradient is missing: you "
    "detached the clipped error. It depends on the current values too."
)
def clipped_detached() -> WrongAnswers:
    yield _error(clipped=lambda v, old, r, c: (old + (v - old).clamp(-c, c)).detach())


@critic_loss.mistake(
    "You use only the clipped error. A value that moved too far in the *wrong* direction gets no "
    "gradient, and cannot come back."
)
def clip_without_max() -> WrongAnswers:
    yield _error(choose=_second)


@critic_loss.mistake(
    "You clipped the value itself. Clip how far it has *moved*: its difference from the old value."
)
def clipped_around_zero() -> WrongAnswers:
    yield _error(clipped=lambda v, old, r, c: v.clamp(-c, c))
    yield _error(clipped=lambda v, old, r, c: v.clamp(1 - c, 1 + c))


@critic_loss.mistake(
    "You rightly clipped how far the value has moved; but a difference is not a value. Add it to "
    "the old value."
)
def only_the_move() -> WrongAnswers:
    yield _error(clipped=lambda v, old, r, c: (v - old).clamp(-c, c))


@critic_loss.mistake("You limit values that rise. One that falls too far must be limited as well.")
def clipped_above_only() -> WrongAnswers:
    yield _error(clipped=lambda v, old, r, c: torch.minimum(v, old + c))


@critic_loss.mistake("Right for a clip of 0.2. The limit is the argument `clip`.")
def always_two_tenths() -> WrongAnswers:
    yield lambda v, old, a, m, c: my_critic_loss(v, old, a, m, 0.2)


@critic_loss.mistake(
    "You clipped the quotient of new and old, as for the policy. Values are not probabilities: "
    "clip the difference."
)
def clipped_like_a_ratio() -> WrongAnswers:
    yield _error(clipped=lambda v, old, r, c: old * (v / old).clamp(1 - c, 1 + c))


@critic_loss.mistake("Twice as large as it should be: the factor of one half is missing.")
def half_forgotten() -> WrongAnswers:
    yield _error(average=lambda e, m: (e * m).sum() / m.sum())


@critic_loss.mistake(
    "That is the sum over the tokens, or over completions; return the mean over tokens."
)
def sum_() -> WrongAnswers:
    yield _error(average=lambda e, m: 0.5 * (e * m).sum() / len(m))
    yield _error(average=lambda e, m: 0.5 * (e * m).sum())
    yield _error(average=lambda e, m: (e * m).sum())


@critic_loss.mistake(
    "There is one minus too many. An error is minimised as it is; only an objective to be "
    "maximised needs a minus."
)
def sign() -> WrongAnswers:
    yield lambda *x: -my_critic_loss(*x)


@critic_loss.mistake(
    "You took the larger of the two differences and squared it: of -1 and 0.1 that is 0.1. Square "
    "first, then take the larger."
)
def larger_before_squared() -> WrongAnswers:
    yield _error(measure=lambda x: x, average=lambda e, m: 0.5 * (e**2 * m).sum() / m.sum())


@critic_loss.mistake("You added the two errors. Only the larger one counts, token by token.")
def both_errors() -> WrongAnswers:
    yield _error(choose=torch.add)


@critic_loss.mistake(
    "Your mean includes padding: there is nothing to compare the critic's value after the end of "
    "a completion with."
)
def padding_counted() -> WrongAnswers:
    yield _error(average=lambda e, m: 0.5 * e.mean())
    yield _error(average=lambda e, m: 0.5 * e.sum() / m.sum())


@critic_loss.mistake(
    "Padding adds no error, but it is still counted in the denominator: a batch with much padding "
    "would learn less."
)
def padding_in_the_count() -> WrongAnswers:
    yield _error(average=lambda e, m: 0.5 * (e * m).mean())


@critic_loss.mistake(
    "You averaged each completion and then the completions. Here every token has the same weight, "
    "so a long completion counts more."
)
def mean_of_means() -> WrongAnswers:
    yield _error(average=lambda e, m: 0.5 * ((e * m).sum(dim=1) / m.sum(dim=1)).mean())


@critic_loss.mistake(
    "You took absolute errors. The median minimises those, and for rewards of 0 or 1 it is 0 or "
    "1. The mean, which the critic should predict, minimises squares."
)
def absolute() -> WrongAnswers:
    yield _error(measure=torch.abs)


@critic_loss.mistake(
    "The number is right, but it has no gradient: the current values must stay differentiable."
)
def no_gradient() -> WrongAnswers:
    yield lambda v, old, a, m, c: my_critic_loss(v.detach(), old, a, m, c)
