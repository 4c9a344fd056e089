"""The mistakes that the exercise `in_reward` of lesson 06 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson06.in_reward_exercise import in_reward, my_rewards


def _less(
    estimate: Callable[[Tensor], Tensor] = lambda d: d,
    total: Callable[[Tensor, Tensor], Tensor] = lambda d, m: (d * m).sum(dim=1),
    detach: bool = True,
    sign: float = -1.0,
    scale: Callable[[float], float] = lambda beta: beta,
) -> Callable[..., Tensor]:
    """Rewards less the KL, right but for what is passed in."""

    def less(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
        d = (new - ref).detach() if detach else new - ref
        return r + sign * scale(beta) * total(estimate(d), mask)

    return less


@in_reward.mistake(
    "You reward being far from the reference. The KL is a cost: subtract it. (Or your difference "
    "is the wrong way round: policy minus reference.)"
)
def added() -> WrongAnswers:
    yield _less(sign=1.0)


@in_reward.mistake(
    "You took the mean over tokens. The whole completion is one action, and the log of its "
    "probability is the *sum* over its tokens, so a long completion may stray as far in total as "
    "a short one, not as far in each token."
)
def averaged() -> WrongAnswers:
    yield _less(total=lambda d, m: (d * m).sum(dim=1) / m.sum(dim=1))
    yield _less(total=lambda d, m: (d * m).mean(dim=1))


@in_reward.mistake(
    "Your sum includes padding: positions after the end of a completion are not its tokens."
)
def padding_counted() -> WrongAnswers:
    yield _less(total=lambda d, m: d.sum(dim=1))


@in_reward.mistake(
    "You used k3. Its value is fine, and less noisy. But in the reward its average gradient is "
    "not that of the KL: it is reverse minus forward, which is almost 0 near the reference. Take "
    "the plain difference."
)
def k3() -> WrongAnswers:
    yield _less(lambda d: (-d).exp() + d - 1)


@in_reward.mistake(
    "You used k2. In the reward, where only the value counts, its square penalises a token that "
    "has become less likely as much as one that has become more likely. Take the plain difference."
)
def k2() -> WrongAnswers:
    yield _less(lambda d: d**2 / 2)


@in_reward.mistake(
    "You multiplied each difference by the token's probability. The tokens were sampled, so a "
    "likely one already appears more often."
)
def weighted() -> WrongAnswers:
    yield (
        lambda r, new, ref, mask, beta: (
            r - beta * (new.exp() * (new - ref) * mask).sum(dim=1).detach()
        )
    )


@in_reward.mistake("The coefficient beta is missing.")
def beta_forgotten() -> WrongAnswers:
    yield _less(scale=lambda beta: 1.0)


@in_reward.mistake(
    "The numbers are right, but they still carry a gradient: a reward is a constant, and no "
    "gradient may flow through it."
)
def not_detached() -> WrongAnswers:
    yield _less(detach=False)


@in_reward.mistake(
    "You took the KL of the whole batch from every completion. The group's mean cancels anything "
    "that all completions share: each completion must pay for its own tokens."
)
def whole_batch() -> WrongAnswers:
    yield _less(total=lambda d, m: (d * m).sum())
    yield _less(total=lambda d, m: (d * m).sum() / m.sum())


@in_reward.mistake(
    "Right, except where the KL costs more than the reward: yours stops at 0. A reward may be "
    "negative; how far below 0 it is says how far the policy has strayed."
)
def never_below_zero() -> WrongAnswers:
    yield lambda *x: my_rewards(*x).clamp(min=0)


@in_reward.mistake(
    "Your beta multiplies the reward as well. Remove the parentheses around the difference: only "
    "the KL is multiplied by beta."
)
def beta_on_everything() -> WrongAnswers:
    yield lambda r, new, ref, m, beta: beta * my_rewards(r, new, ref, m, 1.0)
    yield lambda r, new, ref, m, beta: (1 - beta) * r + my_rewards(0 * r, new, ref, m, beta)


@in_reward.mistake(
    "You divided by beta. A larger beta must keep the policy closer to the reference."
)
def divided_by_beta() -> WrongAnswers:
    yield _less(scale=lambda beta: 1 / beta)


@in_reward.mistake(
    "You took the difference at the last token only. The policy has chosen every token of the "
    "completion, and all of them count."
)
def last_token_only() -> WrongAnswers:
    yield (
        lambda r, new, ref, m, beta: (
            r - beta * (new - ref).detach()[torch.arange(len(r)), m.sum(dim=1) - 1]
        )
    )
    yield lambda r, new, ref, m, beta: r - beta * (new - ref).detach()[:, -1]


@in_reward.mistake(
    "You added ratios, or the sizes of the differences. Sum the signed differences of the "
    "log-probabilities: their sum is the logarithm of how many times more likely the whole "
    "completion is."
)
def ratios_or_sizes() -> WrongAnswers:
    yield _less(lambda d: d.exp())
    yield _less(lambda d: d.abs())
    yield lambda r, new, ref, m, beta: r - beta * ((new.exp() - ref.exp()).detach() * m).sum(dim=1)


@in_reward.mistake(
    "You multiplied the reward by one minus the KL term. Then a wrong answer, whose reward is 0, "
    "may stray any distance. Subtract the KL."
)
def multiplied() -> WrongAnswers:
    yield lambda r, new, ref, m, beta: r * my_rewards(torch.ones_like(r), new, ref, m, beta)
