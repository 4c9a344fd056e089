"""Lesson 00, one GRPO step by hand: its checks, its mistakes, its quiz."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, WrongShape, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz

EPS = 1e-4


# --- exercise 1: advantages -----------------------------------------------------------------------


def _mean(r: Tensor) -> Tensor:
    return r.mean(dim=1, keepdim=True)


def _std(r: Tensor) -> Tensor:
    return r.std(dim=1, keepdim=True) + EPS


def _range(r: Tensor) -> Tensor:
    return r.amax(dim=1, keepdim=True) - r.amin(dim=1, keepdim=True)


def _without_eps(r: Tensor) -> Tensor:
    """Every tied group gives 0 / 0, as it would if the mean were exact."""
    tied = r.amax(dim=1, keepdim=True) == r.amin(dim=1, keepdim=True)
    return ((r - _mean(r)) / _std(r)).masked_fill(tied, float("nan"))


_ADVANTAGES_MISTAKES = (
    Mistake(
        "sign",
        "Your signs are flipped: the best completion has the lowest advantage, so training would "
        "make it rarer. An advantage is the reward minus what was to be expected.",
        (lambda r: (_mean(r) - r) / _std(r),),
    ),
    Mistake(
        "population_std",
        "Your numbers are a little too large: by 15% for a group of 4. That is sqrt(G / (G - 1)), "
        "so you divided by the standard deviation of a population (ddof 0). GRPO's papers do not "
        "say which one; TRL and this kit take the sample's, with G - 1 (ddof 1). It is torch's "
        "default and not numpy's.",
        (lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True, correction=0) + EPS),),
    ),
    Mistake(
        "whole_batch",
        "You compared every completion with the whole batch. A completion competes with the "
        "others of its own prompt only; otherwise an easy prompt makes all of its completions "
        "look good. Each row is a group: take the mean along the row (dim=1).",
        (
            lambda r: (r - r.mean()) / (r.std() + EPS),
            lambda r: (r - r.mean()) / _std(r),
            lambda r: r - r.mean(),
        ),
    ),
    Mistake(
        "wrong_axis",
        "You averaged down the columns. Each row is a group, so the mean and the standard "
        "deviation run along the row: dim=1.",
        (
            lambda r: (r - r.mean(dim=0)) / (r.std(dim=0) + EPS),
            lambda r: (r - r.mean(dim=0)) / r.std(dim=0),
            lambda r: r - r.mean(dim=0),
        ),
    ),
    Mistake(
        "batch_std",
        "Your means are right, but you divided by the standard deviation of the whole batch. "
        'That is a method of its own (scale_rewards="batch" in TRL). GRPO divides each group by '
        "the group's own.",
        (lambda r: (r - _mean(r)) / (r.std() + EPS),),
    ),
    Mistake(
        "not_divided",
        "You subtracted the mean and stopped there. That is Dr. GRPO's advantage "
        '(scale_rewards="none"), and a good one; GRPO goes on and divides by the standard '
        "deviation of the group.",
        (lambda r: r - _mean(r),),
    ),
    Mistake(
        "not_centered",
        "You divided by the standard deviation but did not subtract the mean. Then no completion "
        "is ever worse than its group, and all are pushed up.",
        (lambda r: r / _std(r),),
    ),
    Mistake(
        "variance",
        "You divided by the variance. The standard deviation is its square root: then advantages "
        "do not depend on the unit that rewards are counted in.",
        (lambda r: (r - _mean(r)) / (r.var(dim=1, keepdim=True) + EPS),),
    ),
    Mistake(
        "squares_not_averaged",
        "You divided by the length of the differences: the root of the *sum* of their squares. A "
        "standard deviation is the root of their mean (over G - 1); yours would make advantages "
        "smaller, the larger the group is.",
        (
            lambda r: (r - _mean(r)) / ((r - _mean(r)).norm(dim=1, keepdim=True) + EPS),
            lambda r: (r - _mean(r)) / (r - _mean(r)).norm(dim=1, keepdim=True),
        ),
    ),
    Mistake(
        "nan_on_ties",
        "Right, except for a group whose rewards are all the same: its standard deviation is 0, "
        "and 0 / 0 is NaN, which one update would spread to every weight. A tied group has "
        "nothing to teach; its advantage is 0. A small number beside the standard deviation, "
        "such as 1e-4, sees to that.",
        (_without_eps,),
    ),
    Mistake(
        "noise_on_ties",
        "Right, except for a group whose rewards are all 0.7. In float32 the mean of sixteen "
        "times 0.7 is 0.69999994; the difference is 6e-8, and dividing it by something as small "
        "makes an advantage out of nothing, with 1e-8 one as large as a right answer's. Take a "
        "larger number beside the standard deviation (TRL: 1e-4), or set tied groups to 0.",
        (
            lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-8),
            lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-7),
            lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-6),
            lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-5),
            lambda r: (r - _mean(r)) / r.std(dim=1, keepdim=True),
            lambda r: ((r - _mean(r)) / r.std(dim=1, keepdim=True)).nan_to_num(),
        ),
    ),
    Mistake(
        "brackets",
        "You divided the mean alone: division comes before subtraction. The difference belongs in "
        "brackets, or on a line of its own, and is then divided.",
        (lambda r: r - _mean(r) / _std(r),),
    ),
    Mistake(
        "median",
        "You compared with the median, the middle one of the rewards. What was to be expected is "
        "the mean: only differences to the mean add up to 0 in every group.",
        (lambda r: (r - r.median(dim=1, keepdim=True).values) / _std(r),),
    ),
    Mistake(
        "range",
        "You divided by the range, the best reward less the worst. One completion that is far off "
        "decides it alone; the standard deviation asks all of them.",
        (
            lambda r: (r - _mean(r)) / (_range(r) + EPS),
            lambda r: (r - r.amin(dim=1, keepdim=True)) / (_range(r) + EPS),
        ),
    ),
    Mistake(
        "eps_too_large",
        "All of yours are a little too small. What stands beside the standard deviation is to "
        "matter where that is 0, and nowhere else: a thousandth of a reward is too much already.",
        tuple(
            lambda r, eps=eps: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + eps)
            for eps in (1e-2, 1e-1, 1.0)
        ),
    ),
)


def my_advantages(rewards: Tensor) -> Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    mean = rewards.mean(dim=1, keepdim=True)
    std = rewards.std(dim=1, keepdim=True)
    return (rewards - mean) / (std + 1e-4)


_GROUPS = torch.tensor([[1.3, 0.3, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [5.0, 2.0, 2.0, 2.0]])
_TIED = torch.full((2, 16), 0.7)  # whose mean in float32 is not 0.7

advantages = Exercise(
    "00",
    "advantages",
    solution_function=my_advantages,
    cases=[
        Case("For the rewards [1.3, 0.3, 1, 0]", lambda f: tensor(f(_GROUPS.clone()))),
        Case("For sixteen rewards of 0.7", lambda f: tensor(f(_TIED.clone()))),
    ],
    mistakes=_ADVANTAGES_MISTAKES,
    hints=[
        "Three lines do it: what was to be expected, how much the rewards of a group differ, and "
        "the difference to the first measured in units of the second. Try it on one group with a "
        "calculator: section 3 has the numbers.",
        "Every row is on its own, so whatever you average, average along dim=1, and keep that "
        "dimension: (N, 1) lines up with (N, G), and (N,) does not.",
        "If only tied groups are wrong, look at the denominator: it is 0 there. The formula "
        "above the exercise says what stands beside the standard deviation.",
    ],
    well_done=(
        "your advantages are right: each group on its own, mean 0, spread 1, "
        "and 0 where all rewards tie."
    ),
)


# --- exercise 2: the clipped loss -----------------------------------------------------------------

Combine = Callable[[Tensor, Tensor, Tensor], Tensor]
Average = Callable[[Tensor, Tensor], Tensor]


def _pessimist(ratio: Tensor, clipped: Tensor, a: Tensor) -> Tensor:
    return torch.minimum(ratio * a, clipped * a)


def _token_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum()


def _sequence_mean(values: Tensor, mask: Tensor) -> Tensor:
    return ((values * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def _one_sided(
    low: float = float("-inf"), high: float = float("inf")
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A combination in which the ratio has one bound only."""
    return lambda r, c, a: torch.minimum(r * a, r.clamp(low, high) * a)


def _loss(
    combine: Combine = _pessimist,
    average: Average = _token_mean,
    ratio_of: Callable[[Tensor, Tensor], Tensor] = lambda new, old: (new - old.detach()).exp(),
    sign: float = -1.0,
) -> Callable[..., Tensor]:
    """A loss that is right but for the part that is passed in."""

    def loss(
        logprobs: Tensor,
        old_logprobs: Tensor,
        advantages: Tensor,
        mask: Tensor,
        epsilon: float = 0.2,
    ) -> Tensor:
        ratio = ratio_of(logprobs, old_logprobs)
        clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
        return sign * average(combine(ratio, clipped, advantages.unsqueeze(1)), mask)

    return loss


_CLIPPED_LOSS_MISTAKES = (
    Mistake(
        "sign",
        "The sign is flipped. The surrogate is to be made large, and an optimizer makes its loss "
        "small: as it stands, every good completion becomes rarer.",
        (_loss(sign=1.0),),
    ),
    Mistake(
        "no_mask",
        "Padding is counted: the positions after the end of a completion are no tokens, and they "
        "must neither add to the sum nor to the number you divide by. Use the mask.",
        (_loss(average=lambda v, m: v.mean()),),
    ),
    Mistake(
        "mask_in_numerator_only",
        "You masked the sum, but divided by all positions, padding included. The same completions "
        "in a wider tensor would give another loss. Divide by the number of tokens, mask.sum().",
        (_loss(average=lambda v, m: (v * m).mean()),),
    ),
    Mistake(
        "mask_in_denominator_only",
        "You divided by the number of tokens, but padding is still in the sum. Multiply by the "
        "mask before you add up.",
        (_loss(average=lambda v, m: v.sum() / m.sum()),),
    ),
    Mistake(
        "no_detach",
        "The value is right, but on the first update the gradient is 0: there old_logprobs is the "
        "same tensor as logprobs, both move together, and the ratio stays 1. The old policy is a "
        "constant. Detach it.",
        (_loss(ratio_of=lambda new, old: (new - old).exp()),),
    ),
    Mistake(
        "max",
        "You took the larger of the two where PPO takes the smaller. The minimum is the cautious "
        "one: it stops a token that has moved far enough the right way, and never one that moved "
        "the wrong way. With the maximum it is the other way round.",
        (_loss(combine=lambda r, c, a: torch.maximum(r * a, c * a)),),
    ),
    Mistake(
        "min_of_ratios",
        "You took the minimum of the two ratios, and multiplied by the advantage afterwards. For "
        "a negative advantage the smaller ratio gives the larger product. Multiply first, then "
        "take the minimum.",
        (_loss(combine=lambda r, c, a: torch.minimum(r, c) * a),),
    ),
    Mistake(
        "no_clip",
        "There is no clip: this is ratio times advantage. Without it nothing stops a token from "
        "moving further on every update of the same batch.",
        (_loss(combine=lambda r, c, a: r * a),),
    ),
    Mistake(
        "product_clipped",
        "You clipped the product of ratio and advantage. The bounds are for the ratio, how far the "
        "token has moved; what it is worth has nothing to do with them. Clip the ratio, then "
        "multiply.",
        (
            _loss(combine=lambda r, c, a: torch.minimum(r * a, (r * a).clamp(0.8, 1.2))),
            _loss(combine=lambda r, c, a: (r * a).clamp(0.8, 1.2)),
        ),
    ),
    Mistake(
        "bounds_as_they_are",
        "You clipped the ratio to epsilon itself. Epsilon is a distance from 1, where a ratio is "
        "when nothing has moved: the bounds are 1 - epsilon and 1 + epsilon.",
        (
            _loss(combine=lambda r, c, a: torch.minimum(r * a, r.clamp(-0.2, 0.2) * a)),
            _loss(combine=lambda r, c, a: torch.minimum(r * a, r.clamp(0.2, 0.2) * a)),
        ),
    ),
    Mistake(
        "clip_without_min",
        "You used the clipped ratio alone. Then a token that moved the wrong way by more than "
        "epsilon has no gradient, and can never come back. Take the minimum of the clipped and "
        "the unclipped product.",
        (_loss(combine=lambda r, c, a: c * a),),
    ),
    Mistake(
        "sequence_mean",
        "You averaged within each completion and then over completions. That is the first GRPO "
        'paper\'s way (loss_type="grpo"); asked for here is one mean over all tokens of the batch '
        '(loss_type="dapo"), in which every token counts the same, however long its completion.',
        (_loss(average=_sequence_mean),),
    ),
    Mistake(
        "sum",
        "You added up the tokens and did not divide by their number. Then long completions take a "
        "larger step.",
        (
            _loss(average=lambda v, m: (v * m).sum()),
            _loss(average=lambda v, m: (v * m).sum(dim=1).mean()),
        ),
    ),
    Mistake(
        "ratio_upside_down",
        "The ratio is upside down: it is the new probability over the old one, "
        "exp(logprobs - old_logprobs).",
        (_loss(ratio_of=lambda new, old: (old.detach() - new).exp()),),
    ),
    Mistake(
        "no_exp",
        "A difference of log-probabilities is the logarithm of the ratio. Take its exponential: "
        "before the first update the ratio is 1, not 0.",
        (_loss(ratio_of=lambda new, old: new - old.detach()),),
    ),
    Mistake(
        "no_gradient",
        "The value is right, but it does not depend on logprobs any more, so nothing would be "
        "learned. Only the old log-probabilities are detached, and a loss stays a tensor "
        "(no .item(), no float()).",
        (_loss(ratio_of=lambda new, old: (new - old).detach().exp()),),
    ),
    Mistake(
        "epsilon_ignored",
        "Right for an epsilon of 0.2. Another one is handed in, and your bounds stay where they "
        "are.",
        (lambda new, old, a, mask, epsilon=0.2: my_loss(new, old, a, mask, 0.2),),
    ),
    Mistake(
        "one_bound",
        "Your ratio is bounded on one side only. A good token is to be stopped when it has become "
        "much likelier, and a bad one when it has become much rarer.",
        (_loss(combine=_one_sided(low=0.8)), _loss(combine=_one_sided(high=1.2))),
    ),
    Mistake(
        "no_ratio",
        "There is no ratio in yours: it is the new log-probability (or probability) times the "
        "advantage. On the first update that has the right direction; after it nothing says how "
        "far a token has moved from where it was sampled, and there is nothing to clip.",
        (
            _loss(combine=lambda r, c, a: r * a, ratio_of=lambda new, old: new),
            _loss(combine=lambda r, c, a: r * a, ratio_of=lambda new, old: new.exp()),
            _loss(ratio_of=lambda new, old: new.exp()),
        ),
    ),
    Mistake(
        "logs_divided",
        "You divided one log-probability by the other. The logarithm of a quotient is a "
        "*difference* of logarithms.",
        (
            _loss(ratio_of=lambda new, old: new / old.detach()),
            _loss(ratio_of=lambda new, old: (new / old.detach()).exp()),
        ),
    ),
    Mistake(
        "no_advantage",
        "The advantages play no part in yours: every token is made likelier, whatever its "
        "completion was worth.",
        (
            _loss(combine=lambda r, c, a: torch.minimum(r, c)),
            _loss(combine=lambda r, c, a: r),
        ),
    ),
)


def my_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    epsilon: float = 0.2,
) -> Tensor:
    """One number, to be made small."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / mask.sum()


def _loss_and_gradient(value: Any, logprobs: Tensor) -> Tensor:
    """The loss and d loss / d logprobs in one row; the latter NaN where nothing can flow back."""
    loss = tensor(value)
    if loss.dim():
        raise WrongShape(f"A loss is one number; yours has the shape {tuple(loss.shape)}.")
    gradient = None
    if loss.requires_grad:
        (gradient,) = torch.autograd.grad(loss, logprobs, allow_unused=True)
    if gradient is None:
        gradient = torch.full_like(logprobs, float("nan"))
    return torch.cat([loss.detach().reshape(1), gradient.flatten()])


_OLD = torch.tensor(
    [[-1.0, -2.0, -0.5, -1.5, -1.0], [-0.7, -1.2, -2.0, -0.4, -0.9], [-0.9, -0.4, -2.0, -1.2, -0.7]]
)
# Ratios of 0.5 to 1.6 on both signs of the advantage: every branch of the clip is met.
_DRIFT = torch.tensor(
    [[0.4, -0.7, 0.1, -0.1, 0.3], [0.45, -0.5, 0.1, -0.1, 0.35], [-0.6, 0.3, 0.1, 0.5, -0.2]]
)
_A = torch.tensor([1.5, -0.5, -1.0])
_MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]).bool()


def _after_an_update(f: Callable[..., Any]) -> Tensor:
    later = (_OLD + _DRIFT).requires_grad_()
    return _loss_and_gradient(f(later, _OLD.clone(), _A.clone(), _MASK.clone()), later)


def _with_a_wide_clip(f: Callable[..., Any]) -> Tensor:
    later = (_OLD + _DRIFT).requires_grad_()
    loss = f(later, _OLD.clone(), _A.clone(), _MASK.clone(), 0.4)
    return _loss_and_gradient(loss, later)


def _before_the_first(f: Callable[..., Any]) -> Tensor:
    first = _OLD.clone().requires_grad_()  # still the policy that sampled
    return _loss_and_gradient(f(first, first, _A.clone(), _MASK.clone()), first)


clipped_loss = Exercise(
    "00",
    "clipped_loss",
    solution_function=my_loss,
    cases=[
        Case("For the loss, and then its gradient", _after_an_update),
        Case("On the first update, where old_logprobs is logprobs", _before_the_first),
        Case("With an epsilon of 0.4", _with_a_wide_clip),
    ],
    mistakes=_CLIPPED_LOSS_MISTAKES,
    hints=[
        "One step a line, with a name each: ratio, clipped ratio, both times the advantage, the "
        "smaller, the mean over tokens, the sign. Print the shape after each.",
        "Shapes: ratios and mask are (B, T), advantages (B,). Give the advantages a second "
        "dimension of size 1 before you multiply.",
        "The mean over tokens has the mask twice: what is no token adds nothing to the sum above, "
        "and is not counted below.",
    ],
    well_done="your loss is right, and so is its gradient, before and after the policy moves.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "00",
    Question(
        "tied",
        "All eight completions of a prompt are right, each with reward 1. What does GRPO learn "
        "from this group?",
        [
            Option(
                "That all eight are good: every token is pushed up.",
                "A reward of 1 is good only beside lower ones; here it is what was to be expected.",
            ),
            Option(
                "Nothing: every advantage is 0.",
                "No completion is better than its group, so there is nothing to prefer.",
                right=True,
            ),
            Option(
                "Nothing, because the division by a standard deviation of 0 gives NaN.",
                "It would, without the small number beside the standard deviation; 0 / 0.0001 "
                "is 0.",
            ),
        ],
    ),
    Question(
        "loss",
        'With loss_type="grpo" the loss prints as 0.0000 at every step. What is wrong?',
        [
            Option(
                "The learning rate is too small.",
                "The loss is computed before the step; no learning rate changes it.",
            ),
            Option(
                "All groups tie.",
                "That would give 0 as well, but it is not the usual reason; look at the rewards' "
                "spread to exclude it.",
            ),
            Option(
                "Nothing: before an update the ratios are 1, and a group's advantages sum to 0.",
                "The value says nothing; the gradient trains, and it is not 0.",
                right=True,
            ),
            Option(
                "The old log-probabilities were not detached.",
                "Then the gradient would be 0; the value would be the same.",
            ),
        ],
    ),
    Question(
        "clip",
        "A bad token (A < 0) has become 30% likelier since it was sampled; epsilon is 0.2. What "
        "does the clip do?",
        [
            Option(
                "It stops the gradient: the ratio 1.3 is outside 0.8 to 1.2.",
                "Being outside is not enough. Which of the two products is smaller?",
            ),
            Option(
                "Nothing: the token moved the wrong way, and is pushed back in full.",
                "With A < 0 the unclipped product -1.3 is the smaller one, so it counts.",
                right=True,
            ),
            Option(
                "It halves the gradient.",
                "The minimum chooses one of two products, whole; nothing is halved.",
            ),
        ],
    ),
    Question(
        "effort",
        "All answers of a group are wrong. One gets 0.01 points for effort. How large is its push?",
        [
            Option(
                "A hundredth of that for a right answer.",
                "It would be, if advantages kept the unit of the rewards.",
            ),
            Option(
                "Like that of the only right answer in its group.",
                "Dividing by the group's standard deviation makes 0.01 as large as 1.",
                right=True,
            ),
            Option(
                "None: all the answers are wrong.",
                "GRPO does not know right from wrong; it knows more and less reward.",
            ),
        ],
    ),
)
