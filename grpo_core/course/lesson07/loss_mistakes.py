"""The mistakes that the exercise `loss` of lesson 07 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.algorithm.kl import k3
from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson05 import my_surrogate
from grpo_core.course.lesson07.loss_exercise import loss, my_loss

Combined = Callable[[Tensor, Tensor, Tensor, float], Tensor]
"""Gain, KL, advantages (B, 1) and beta -> one number a token, to be made large."""


def _loss(
    combine: Combined = lambda gain, kl, a, beta: gain - beta * kl,
    total: Callable[[Tensor, Tensor, int], Tensor] = lambda x, mask, n: -x[mask].sum() / n,
    kl: Callable[[Tensor, Tensor], Tensor] = k3,
    gain: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda new, old, a: my_surrogate(
        new, old, a, 0.2, 0.2
    ),
) -> Callable[..., Tensor]:
    """A loss that is right but for what is passed in."""

    def loss(
        new: Tensor, old: Tensor, ref: Tensor, a: Tensor, mask: Tensor, beta: float, tokens: int
    ) -> Tensor:
        each = combine(gain(new, old, a), kl(new, ref), a.unsqueeze(1), beta)
        return total(each, mask, tokens)

    return loss


def _loss_with_ratio_to_reference(
    new: Tensor, old: Tensor, ref: Tensor, a: Tensor, mask: Tensor, beta: float, tokens: int
) -> Tensor:
    each = my_surrogate(new, ref, a, 0.2, 0.2) - beta * k3(new, ref)
    return -each[mask].sum() / tokens


@loss.mistake(
    "You reward the policy for leaving the reference. The surrogate should be large and the KL "
    "small: check its sign before the minus of the loss, and after it."
)
def kl_sign() -> WrongAnswers:
    yield _loss(lambda gain, kl, a, beta: gain + beta * kl)


@loss.mistake("The sign is flipped: an optimizer minimises a loss.")
def sign() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: x[mask].sum() / n)


@loss.mistake(
    "You masked the surrogate but not the KL: padding has a KL too, of tokens that were never "
    "sampled."
)
def kl_over_padding() -> WrongAnswers:
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -(my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() - beta * k3(new, ref).sum()) / n
        )
    )
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() / n + beta * k3(new, ref).mean()
        )
    )


@loss.mistake("You did not use the mask: yours counts the padding after the end of a completion.")
def no_mask() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -x.sum() / n)
    yield _loss(total=lambda x, mask, n: -x.mean())


@loss.mistake(
    "You divided by the tokens of this part. It is one of several, and their gradients are added: "
    "divide each by the tokens of the whole batch, or a part with few tokens counts as much as "
    "one with many."
)
def own_tokens() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -x[mask].mean())
    yield _loss(total=lambda x, mask, n: -(x * mask).sum() / mask.sum())
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() / n + beta * k3(new, ref)[mask].mean()
        )
    )


@loss.mistake(
    "You divided by the number of completions. Every *token* of the batch must have the same "
    "weight, 1 / tokens."
)
def divided_by_completions() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -(x * mask).sum() / len(mask))


@loss.mistake(
    "You summed what the mask leaves out: padding. The mask is True on the tokens that count."
)
def mask_upside_down() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -x[~mask].sum() / n)


@loss.mistake(
    "You divided by the number of positions, padding included. Then one long completion in a "
    "group reduces the effect of all the others."
)
def padding_in_the_mean() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -(x * mask).mean())


@loss.mistake(
    "You took the mean of each completion first. So did the first GRPO paper; this loop gives "
    "every token of the batch the same weight, 1 / tokens."
)
def sequence_mean() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -((x * mask).sum(1) / mask.sum(1)).mean())
    yield _loss(total=lambda x, mask, n: -((x * mask).sum(1) / mask.sum(1)).sum() / n)


@loss.mistake("There is no KL in it.")
def no_kl() -> WrongAnswers:
    yield _loss(lambda gain, kl, a, beta: gain)


@loss.mistake("Your KL has full weight; multiply it by beta.")
def beta_forgotten() -> WrongAnswers:
    yield _loss(lambda gain, kl, a, beta: gain - kl)


@loss.mistake(
    "You multiplied the KL by the advantage: bad completions would be moved *away* from the "
    "reference. The penalty is the same for all."
)
def kl_with_advantage() -> WrongAnswers:
    yield _loss(lambda gain, kl, a, beta: gain - beta * a * kl)


@loss.mistake("Policy and reference are swapped in your KL.")
def kl_reversed() -> WrongAnswers:
    yield _loss(kl=lambda new, ref: k3(ref, new))


@loss.mistake(
    "You used k1 for the KL. In a loss it has no effect on average: notebook 06, section 3."
)
def k1() -> WrongAnswers:
    yield _loss(kl=lambda new, ref: new - ref)


@loss.mistake(
    "You used k2 for the KL. It is a good penalty (notebook 06); this loop uses k3, so that it "
    "can be compared with another loop that does."
)
def k2() -> WrongAnswers:
    yield _loss(kl=lambda new, ref: (new - ref) ** 2 / 2)


@loss.mistake(
    "Your KL has the ratio in front. That is notebook 06's repair, and a good one; this exercise "
    "asks for k3 as it is, so that the loop can be compared with another one."
)
def kl_with_ratio() -> WrongAnswers:
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -(my_surrogate(new, old, a, 0.2, 0.2) - beta * (new - old).exp() * k3(new, ref))[
                mask
            ].sum()
            / n
        )
    )


@loss.mistake(
    "You subtracted the KL from the advantages. That is another place for it (in the reward: "
    "notebook 06, section 4); here it is a term of the loss, per token."
)
def kl_in_the_advantage() -> WrongAnswers:
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -my_surrogate(new, old, a - beta * ((new - ref) * mask).sum(dim=1), 0.2, 0.2)[
                mask
            ].sum()
            / n
        )
    )
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -my_surrogate(new, old, a - beta * (k3(new, ref) * mask).sum(dim=1), 0.2, 0.2)[
                mask
            ].sum()
            / n
        )
    )


@loss.mistake(
    "Your ratio is upside down: it is the new probability over the old one. (Were the first two "
    "arguments of `my_surrogate` swapped?)"
)
def upside_down() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: my_surrogate(2 * old - new, old, a, 0.2, 0.2))
    yield _loss(gain=lambda new, old, a: my_surrogate(old, new, a, 0.2, 0.2))
    yield _loss(gain=lambda new, old, a: (old - new).exp() * a[:, None])


@loss.mistake(
    "Your surrogate has no ratio: it is the log-probability (or the probability, or the change in "
    "log-probability) times the advantage. With one update that has the right direction; this "
    "exercise asks for the clipped surrogate of notebook 05."
)
def no_ratio() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: new * a[:, None])
    yield _loss(gain=lambda new, old, a: new.exp() * a[:, None])
    yield _loss(gain=lambda new, old, a: (new - old) * a[:, None])


@loss.mistake(
    "Your loss does not use the advantages: every token would become more likely, whatever its "
    "completion earned."
)
def no_advantage() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: (new - old).exp())
    yield _loss(gain=lambda new, old, a: my_surrogate(new, old, 0 * a + 1, 0.2, 0.2))


@loss.mistake(
    "Your ratio is the policy over the *reference*. The clipped ratio says how far the policy has "
    "moved since the tokens were sampled: divide by the old probability."
)
def ratio_to_reference() -> WrongAnswers:
    yield _loss_with_ratio_to_reference


@loss.mistake(
    "Clipped, but at other bounds than 0.8 and 1.2. `my_surrogate` takes the *distances* from 1, "
    "here the same on both sides."
)
def other_bounds() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: my_surrogate(new, old, a, 0.8, 1.2))
    yield _loss(gain=lambda new, old, a: my_surrogate(new, old, a, 0.2, 0.28))
    yield _loss(
        gain=lambda new, old, a: torch.minimum(
            (new - old).exp() * a[:, None],
            (new - old).exp().clamp(0.2, 0.2) * a[:, None],
        )
    )


@loss.mistake("You clipped the product of ratio and advantage. The bounds apply only to the ratio.")
def product_clipped() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: ((new - old).exp() * a[:, None]).clamp(0.8, 1.2))
    yield _loss(
        gain=lambda new, old, a: torch.minimum(
            (new - old).exp() * a[:, None],
            ((new - old).exp() * a[:, None]).clamp(0.8, 1.2),
        )
    )


@loss.mistake(
    "The value is right, but the surrogate has no gradient: only the KL would be learned. Only "
    "the old log-probabilities and the advantages are constants."
)
def gain_without_gradient() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: my_surrogate(new.detach(), old, a, 0.2, 0.2))


@loss.mistake("The value is right, but the KL has no gradient: it was detached.")
def no_gradient() -> WrongAnswers:
    yield _loss(kl=lambda new, ref: k3(new, ref).detach())


@loss.mistake(
    "The value is right, but it has no gradient. The optimizer needs the tensor, not the result "
    "of `.item()` or `.detach()`."
)
def only_a_number() -> WrongAnswers:
    yield lambda *x: my_loss(*x).detach()


@loss.mistake("You masked the KL but not the surrogate: padding was never sampled.")
def gain_over_padding() -> WrongAnswers:
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -(my_surrogate(new, old, a, 0.2, 0.2).sum() - beta * k3(new, ref)[mask].sum()) / n
        )
    )


@loss.mistake(
    "That is the sum over the tokens, not yet their mean (or you divided only a part of it)."
)
def not_divided() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -x[mask].sum())
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() + beta * k3(new, ref)[mask].sum() / n
        )
    )
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() / n + beta * k3(new, ref)[mask].sum()
        )
    )


@loss.mistake("You divided twice: by the tokens of this part, and by those of the batch.")
def divided_twice() -> WrongAnswers:
    yield _loss(total=lambda x, mask, n: -x[mask].mean() / n)


@loss.mistake("Your KL is to the policy that sampled. It must be to the reference.")
def kl_to_old() -> WrongAnswers:
    yield lambda new, old, ref, a, mask, beta, n: my_loss(new, old, old, a, mask, beta, n)


@loss.mistake(
    "`my_surrogate` makes a column (B, 1) of the advantages by itself. Given a column, it makes "
    "(B, 1, 1) of it, and every row is combined with the advantages of all rows: no error, but "
    "another loss. Pass (B,)."
)
def stretched_twice() -> WrongAnswers:
    yield (
        lambda new, old, ref, a, mask, beta, n: (
            -((my_surrogate(new, old, a[:, None], 0.2, 0.2) - beta * k3(new, ref)) * mask).sum() / n
        )
    )


@loss.mistake(
    "Your surrogate is ratio times advantage without a clip (or you took the larger of the two "
    "products): see notebook 05."
)
def not_clipped() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: (new - old).exp() * a[:, None])
    yield _loss(
        gain=lambda new, old, a: torch.maximum(
            (new - old).exp() * a[:, None],
            (new - old).exp().clamp(0.8, 1.2) * a[:, None],
        )
    )


@loss.mistake(
    "You use only the clipped product. A token that has moved too far in the *wrong* direction "
    "gets no gradient and cannot come back. The surrogate is the smaller of the two products."
)
def clip_without_min() -> WrongAnswers:
    yield _loss(gain=lambda new, old, a: (new - old).exp().clamp(0.8, 1.2) * a[:, None])
