"""The mistakes that the exercise `bytes_held` of lesson 08 recognises."""

from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson08.bytes_held_exercise import bytes_held, my_bytes


def _held(
    policy: float = 4, critic: float = 4, reference: float = 1, per_weight: float | None = None
) -> Callable[[int, int, bool, int], float]:
    """Bytes, right but for the numbers passed in: how often each weight is there."""

    def held(weights: int, critics: int, has_reference: bool, itemsize: int) -> float:
        size = itemsize if per_weight is None else per_weight
        return size * (policy * weights + critic * critics + reference * weights * has_reference)

    return held


@bytes_held.mistake(
    "You count a trained weight three times. It needs itself, its gradient, and AdamW's *two* "
    "averages, one of the gradient and one of its square: which of the four is missing?"
)
def three_of_four() -> WrongAnswers:
    yield _held(3, 3)


@bytes_held.mistake(
    "You count a trained weight five times or more. It needs itself, its gradient, and two "
    "averages: what else did you count? (Activations are temporary, and a clipped gradient is the "
    "same gradient, scaled.)"
)
def one_copy_too_many() -> WrongAnswers:
    yield _held(5, 5)
    yield _held(6, 6)
    yield _held(8, 8)


@bytes_held.mistake(
    "Your reference is as large as the critic, or exists only with one. It is a copy of the "
    "*policy*, and `reference` says whether there is one."
)
def reference_of_the_critics_size() -> WrongAnswers:
    yield lambda w, c, r, b: b * (4 * (w + c) + c * r)
    yield lambda w, c, r, b: b * (4 * (w + c) + (w if c else 0))
    yield lambda w, c, r, b: b * (4 * (w + c) + c)


@bytes_held.mistake(
    "You let the optimizer keep its averages in 32 bits, whatever the weights use. Many large "
    "trainings do; here every number takes `itemsize` bytes."
)
def float32_averages() -> WrongAnswers:
    yield lambda w, c, r, b: b * (2 * (w + c) + w * r) + 8 * (w + c)
    yield lambda w, c, r, b: b * (2 * (w + c) + w * r) + 12 * (w + c)


@bytes_held.mistake(
    "`reference` says whether there is one: True counts as 1 in a sum, so your reference has one "
    "weight. It has as many as the policy."
)
def reference_is_one() -> WrongAnswers:
    yield lambda w, c, r, b: b * (4 * (w + c) + r)


@bytes_held.mistake(
    "Weights and gradients are there. What does the optimizer remember from step to step?"
)
def no_optimizer() -> WrongAnswers:
    yield _held(2, 2)


@bytes_held.mistake(
    "Your critic costs only its weights, like the reference. But it is trained: it has its own "
    "gradients and optimizer state."
)
def critic_is_not_trained() -> WrongAnswers:
    yield _held(4, 1)


@bytes_held.mistake(
    "Your critic has no gradients of its own (or the optimizer keeps only one average of them). "
    "It is trained like the policy, so its weights cost the same."
)
def critic_without_gradients() -> WrongAnswers:
    yield _held(4, 3)


@bytes_held.mistake("The optimizer state of the critic is missing.")
def critic_without_optimizer() -> WrongAnswers:
    yield _held(4, 2)


@bytes_held.mistake("There is no critic in your sum.")
def no_critic() -> WrongAnswers:
    yield _held(4, 0)


@bytes_held.mistake(
    "You have the weights of every network. Two of them are trained, and for each of their "
    "weights there is more."
)
def weights_only() -> WrongAnswers:
    yield _held(1, 1)


@bytes_held.mistake(
    "Your reference has a critic as well. It is a copy of the policy alone: it predicts no values."
)
def reference_of_the_critic() -> WrongAnswers:
    yield lambda w, c, r, b: b * ((w + c) * (5 if r else 4))


@bytes_held.mistake(
    "Your reference costs as much as if it were trained. It is frozen: no gradient, no optimizer, "
    "only the weights."
)
def reference_is_trained() -> WrongAnswers:
    yield _held(reference=4)
    yield _held(reference=2)


@bytes_held.mistake("The reference is missing: a frozen copy of the policy, if there is one.")
def no_reference() -> WrongAnswers:
    yield _held(reference=0)


@bytes_held.mistake("You counted a reference where there is none: with beta 0 it is not needed.")
def always_a_reference() -> WrongAnswers:
    yield lambda w, c, r, b: b * (4 * (w + c) + w)


@bytes_held.mistake(
    "Right for float32. Other number formats have other sizes: multiply by itemsize."
)
def always_four_bytes() -> WrongAnswers:
    yield _held(per_weight=4)


@bytes_held.mistake("You counted numbers. Each takes itemsize bytes.")
def numbers_not_bytes() -> WrongAnswers:
    yield _held(per_weight=1)


@bytes_held.mistake("Your unit is different. Return plain bytes.")
def mebibytes() -> WrongAnswers:
    yield lambda w, c, r, b: my_bytes(w, c, r, b) / 2**20
    yield lambda w, c, r, b: my_bytes(w, c, r, b) / 1e6
