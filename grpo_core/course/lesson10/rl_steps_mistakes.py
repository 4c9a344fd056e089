"""The mistakes that the exercise `rl_steps` of lesson 10 recognises."""

import math
from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson10.rl_steps_exercise import my_rl_steps, rl_steps


def _steps(
    reading: Callable[[int, int], float] = lambda teacher, student: 2 * teacher,
    learning: float = 6,
    rl: float = 10,
    epochs: Callable[[int], int] = lambda n: n,
    sampled: Callable[[int, int], int] = lambda sampled, learned: sampled,
    rl_size: Callable[[int, int], int] = lambda student, teacher: student,
) -> Callable[..., float]:
    """How many steps, right but for what is passed in."""

    def steps(s: int, t: int, drawn: int, learned: int, n: int, per_step: int) -> float:
        cost = reading(t, s) * sampled(drawn, learned) + learning * s * learned * epochs(n)
        return cost / (rl * rl_size(s, t) * per_step)

    return steps


@rl_steps.mistake(
    "The traces had to be written: the teacher's sampling is missing. (It may be left out if the "
    "traces already exist. Here they were made for this student.)"
)
def teacher_forgotten() -> WrongAnswers:
    yield _steps(reading=lambda t, s: 0)


@rl_steps.mistake("The teacher's tokens go through the *teacher*, which has more weights.")
def teacher_as_small_as_student() -> WrongAnswers:
    yield _steps(reading=lambda t, s: 2 * s)


@rl_steps.mistake(
    "You let the teacher learn from what it writes. It only samples: one forward pass per token."
)
def teacher_learns() -> WrongAnswers:
    yield _steps(reading=lambda t, s: 6 * t)


@rl_steps.mistake(
    "You counted only the teacher's tokens that were kept. Those that were discarded were written "
    "too."
)
def only_kept_tokens() -> WrongAnswers:
    yield _steps(sampled=lambda drawn, learned: learned)


@rl_steps.mistake("The student reads its traces several times, once in each epoch.")
def epochs_forgotten() -> WrongAnswers:
    yield _steps(epochs=lambda n: 1)


@rl_steps.mistake(
    "In fine-tuning you counted only the forward pass. Training also has a backward pass, which "
    "costs about twice as much."
)
def no_backward() -> WrongAnswers:
    yield _steps(learning=2)


@rl_steps.mistake(
    "You counted the backward pass as expensive as the forward pass. It has two products per "
    "layer where the forward pass has one: a gradient for the weights, and one for the inputs."
)
def backward_like_forward() -> WrongAnswers:
    yield _steps(learning=4, rl=8)
    yield _steps(learning=4)


@rl_steps.mistake(
    "In a step of RL each token goes forward three times: when it is sampled, when the student "
    "reads it for the update, and when the reference reads it. You have fewer."
)
def rl_without_sampling() -> WrongAnswers:
    yield _steps(rl=8)
    yield _steps(rl=6)


@rl_steps.mistake(
    "In your step of RL a token goes forward four times, or the old log-probabilities are "
    "computed again. Sampling has already recorded those, and with one update per batch they are "
    "not needed. It goes forward three times: sampled, read for the update, read by the reference."
)
def one_forward_too_many() -> WrongAnswers:
    yield _steps(rl=12)
    yield _steps(learning=8, rl=12)


@rl_steps.mistake(
    "You let the student write traces as well as the teacher. In a distillation it reads those of "
    "the teacher, which is part of its training cost."
)
def student_samples_too() -> WrongAnswers:
    yield _steps(reading=lambda t, s: 2 * (t + s))


@rl_steps.mistake(
    "Parentheses are missing: `a / b * c` multiplies by c, and `a + b / c` divides only b. Divide "
    "the total cost of distillation by the total cost of a step."
)
def brackets() -> WrongAnswers:
    yield lambda s, t, drawn, n, e, per: (2 * t * drawn + 6 * s * n * e) / (10 * s) * per
    yield lambda s, t, drawn, n, e, per: 2 * t * drawn + 6 * s * n * e / (10 * s * per)
    yield lambda s, t, drawn, n, e, per: (2 * t * drawn + 6 * s * n * e) / 10 * s * per


@rl_steps.mistake(
    "That is the total cost of distillation, in operations. Return how many steps of RL cost as "
    "much."
)
def not_divided() -> WrongAnswers:
    yield lambda s, t, drawn, n, e, per: 2 * t * drawn + 6 * s * n * e


@rl_steps.mistake(
    "You divided by the epochs at the end. They are those of the fine-tuning; a step of RL reads "
    "its tokens once."
)
def epochs_of_rl() -> WrongAnswers:
    yield lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn, n, e, per) / e


@rl_steps.mistake("The epochs are those of the student. The teacher wrote its traces once.")
def epochs_of_sampling() -> WrongAnswers:
    yield lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn * e, n, e, per)


@rl_steps.mistake(
    "The student learns only from the tokens that were kept, not from all that the teacher wrote."
)
def all_learned() -> WrongAnswers:
    yield lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn, drawn, e, per)


@rl_steps.mistake("The student must also be trained on the traces: its own cost is missing.")
def student_forgotten() -> WrongAnswers:
    yield _steps(learning=0)


@rl_steps.mistake(
    "The reference is a copy of the *student*, and just as small: the teacher takes no part in "
    "its RL."
)
def reference_as_large_as_teacher() -> WrongAnswers:
    yield (
        lambda s, t, drawn, n, e, per: (
            my_rl_steps(s, t, drawn, n, e, per) * 10 * s / (8 * s + 2 * t)
        )
    )


@rl_steps.mistake("The reference only reads: one forward pass per token, and no backward pass.")
def reference_learns() -> WrongAnswers:
    yield _steps(rl=14)


@rl_steps.mistake(
    "You divided by the cost of *one token* of a step. A step has `per_step` of them."
)
def tokens_of_a_step_forgotten() -> WrongAnswers:
    yield lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn, n, e, 1)


@rl_steps.mistake("The quotient is inverted: return how many steps cost as much as a distillation.")
def upside_down() -> WrongAnswers:
    yield lambda *costs: 1 / my_rl_steps(*costs)


@rl_steps.mistake("Right, except for the rounding: leave the number as it is.")
def rounded() -> WrongAnswers:
    yield lambda *costs: math.floor(my_rl_steps(*costs))
    yield lambda *costs: math.ceil(my_rl_steps(*costs))


@rl_steps.mistake(
    "It takes two operations per weight and token, a multiplication and an addition: somewhere "
    "you counted one."
)
def factor_two() -> WrongAnswers:
    yield _steps(reading=lambda t, s: t, learning=6, rl=10)
    yield _steps(reading=lambda t, s: 2 * t, learning=3, rl=10)
    yield _steps(reading=lambda t, s: 2 * t, learning=6, rl=5)


@rl_steps.mistake(
    "The RL to compare with is RL on the *student*. You divided by the cost of a step of the "
    "teacher."
)
def rl_on_the_teacher() -> WrongAnswers:
    yield _steps(rl_size=lambda s, t: t)
