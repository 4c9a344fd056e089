"""Lesson 01, why no critic: its checks, its mistakes, its quiz."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grpo_core.lessons.exercise import Case, Exercise, Mistake, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz

_LOGITS = torch.tensor([0.8, -0.3, 0.1, -1.2])
_VALUES = torch.tensor([0.3, 0.9, 0.5, 1.0])


# --- exercise 1: the exact gradient ---------------------------------------------------------------


def my_gradient(logits: Tensor, values: Tensor) -> Tensor:
    """Scores (K,) and expected rewards (K,) -> dJ/dlogits (K,)."""
    probabilities = torch.softmax(logits, dim=0)
    expected = (probabilities * values).sum()
    return probabilities * (values - expected)


def _gradient(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong gradient: a formula of the probabilities and the values."""
    return lambda logits, values: formula(torch.softmax(logits, dim=0), values)


exact_gradient = Exercise(
    "01",
    "exact_gradient",
    solution_function=my_gradient,
    cases=[
        Case(
            "For the scores [0.8, -0.3, 0.1, -1.2] and the values [0.3, 0.9, 0.5, 1]",
            lambda f: tensor(f(_LOGITS.clone(), _VALUES.clone())),
        ),
        Case(
            "For arms that all pay the same",
            lambda f: tensor(f(torch.tensor([2.0, 0.0, 1.0]), torch.full((3,), 0.6))),
        ),
    ],
    mistakes=[
        Mistake(
            "sign",
            "Your signs are flipped: arms that pay less than the mean would become likelier. "
            "What is to grow is better than J, so its difference to J is above 0.",
            (_gradient(lambda p, q: p * ((p * q).sum() - q)),),
        ),
        Mistake(
            "probability_forgotten",
            "You have how much better each arm is than J, and left out how often it is tried. "
            "An arm that is hardly ever chosen changes J by hardly anything.",
            (_gradient(lambda p, q: q - (p * q).sum()),),
        ),
        Mistake(
            "nothing_subtracted",
            "Nothing is below 0 in your gradient, so every score would go up, also when all arms "
            "pay the same. Scores share one softmax: what one gains in probability the others "
            "lose. That is where -J comes from.",
            (_gradient(lambda p, q: p * q), _gradient(lambda p, q: q)),
        ),
        Mistake(
            "plain_mean",
            "You compared with the plain mean of the values. The expected reward is the mean over "
            "what the policy does, so a value counts as often as its arm is chosen.",
            (_gradient(lambda p, q: p * (q - q.mean())), _gradient(lambda p, q: q - q.mean())),
        ),
        Mistake(
            "averaged_twice",
            "Your J is too small: it is the mean over arms of probability times value. The "
            "probabilities are the weights of a mean already and sum to 1, so here one adds up.",
            (_gradient(lambda p, q: p * (q - (p * q).mean())),),
        ),
        Mistake(
            "brackets",
            "You multiplied before you subtracted: J itself is subtracted from every number, also "
            "for an arm that is hardly ever tried. How much better an arm is than J comes first, "
            "and that is multiplied by how often it is tried.",
            (_gradient(lambda p, q: p * q - (p * q).sum()),),
        ),
        Mistake(
            "diagonal_only",
            "You differentiated each arm's own probability and forgot that its score moves the "
            "others' too: p(1 - p) q is the first term of a sum over all arms.",
            (_gradient(lambda p, q: p * (1 - p) * q),),
        ),
        Mistake(
            "scores_for_probabilities",
            "You used the scores as if they were probabilities. They may be below 0 and do not "
            "sum to 1; a softmax makes probabilities of them.",
            (
                lambda logits, q: logits * (q - (logits * q).sum()),
                lambda logits, q: torch.softmax(logits, 0) * (q - (logits * q).sum()),
                lambda logits, q: logits / logits.sum() * (q - (logits * q).sum() / logits.sum()),
            ),
        ),
        Mistake(
            "best_arm",
            "You compared with the best arm, or pushed towards it alone. Nobody knows which it is; "
            "what is subtracted is J, the mean over what the policy does.",
            (
                _gradient(lambda p, q: p * (q - q.max())),
                _gradient(lambda p, q: one_hot(q.argmax(), len(q)) - p),
            ),
        ),
        Mistake(
            "logarithms",
            "You multiplied by the *logarithm* of the probability. That is below 0 for every arm, "
            "so all signs are wrong; how often an arm is tried is its probability.",
            (_gradient(lambda p, q: p.log() * (q - (p * q).sum())),),
        ),
    ],
    hints=[
        "Three quantities, three lines: the probabilities, the expected reward J they give, and "
        "the formula above the exercise.",
        "J is one number: a sum over arms of probability times value. Everything else has one "
        "number an arm.",
        "Test yours: gradients of a softmax policy sum to 0, and where all arms pay the same "
        "there is nothing to learn and every number is 0.",
    ],
    well_done="your gradient is the exact one, and 0 where all arms pay the same.",
)


# --- exercise 2: the estimate ---------------------------------------------------------------------


def my_estimate(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    """Scores (K,), arms (G,) int64, weights (G,) -> estimate (K,)."""
    one_hot = torch.nn.functional.one_hot(actions, len(logits))
    score = one_hot - torch.softmax(logits, dim=0)
    return (advantages.unsqueeze(1) * score).mean(dim=0)


_FIVE = torch.tensor([0.8, -0.3, 0.1, -1.2, 0.5])
_ACTIONS = torch.tensor([0, 2, 0, 1, 2])
_WEIGHTS = torch.tensor([1.0, 0.0, -0.5, 2.0, 1.0])

Estimate = Callable[[Tensor, Tensor, Tensor], Tensor]


def _estimate(
    score: Callable[[Tensor, Tensor], Tensor] = lambda hot, p: hot - p,
    average: Callable[[Tensor], Tensor] = lambda x: x.mean(dim=0),
    weighted: bool = True,
) -> Estimate:
    """An estimate that is right but for the part that is passed in."""

    def estimate(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
        rows = score(one_hot(actions, len(logits)).float(), torch.softmax(logits, dim=0))
        return average(advantages.unsqueeze(1) * rows if weighted else rows)

    return estimate


def _of_four_arms(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    score = one_hot(actions, 4) - torch.softmax(logits[:4], dim=0)
    return (advantages.unsqueeze(1) * score).mean(dim=0)


estimate = Exercise(
    "01",
    "estimate",
    solution_function=my_estimate,
    cases=[
        Case(
            "For five samples of four arms",
            lambda f: tensor(f(_LOGITS.clone(), _ACTIONS.clone(), _WEIGHTS.clone())),
        ),
        Case(
            "For a single sample of five arms",
            lambda f: tensor(f(_FIVE.clone(), torch.tensor([3]), torch.tensor([1.0]))),
        ),
    ],
    mistakes=[
        Mistake(
            "sign",
            "Your signs are flipped: a sampled arm with a positive weight has to become likelier. "
            "(A loss would have this sign, since an optimizer makes it small; asked for is the "
            "gradient of J.)",
            (_estimate(score=lambda hot, p: p - hot),),
        ),
        Mistake(
            "score_without_probabilities",
            "You pushed the sampled arm and left the others alone. In a softmax they have to give: "
            "the gradient of log pi(a) is not just the indicator, it has a second term.",
            (_estimate(score=lambda hot, p: hot),),
        ),
        Mistake(
            "summed",
            "You added the samples up: five times too much for five. An estimate of the gradient "
            "is their mean, or a larger group would take a larger step.",
            (_estimate(average=lambda x: x.sum(dim=0)),),
        ),
        Mistake(
            "averaged_over_arms",
            "You averaged over the arms and not over the samples. One number an arm is wanted; "
            "the samples are rows (dim=0).",
            (
                _estimate(average=lambda x: x.mean(dim=1)),
                _estimate(average=lambda x: x.mean()),
            ),
        ),
        Mistake(
            "weights_ignored",
            "The rewards play no part in your estimate: every sampled arm is praised alike. Each "
            "sample's score is to be multiplied by its weight.",
            (_estimate(weighted=False),),
        ),
        Mistake(
            "sampled_arm_only",
            "The sampled arm's number is right, and all others are 0. Its score goes up by "
            "1 - pi, and every other arm's goes down by its own pi.",
            (_estimate(score=lambda hot, p: hot * (1 - p)),),
        ),
        Mistake(
            "divided_by_probability",
            "You took the gradient with respect to the probabilities, 1 / pi(a). The policy's "
            "parameters are the scores before the softmax.",
            (_estimate(score=lambda hot, p: hot / p),),
        ),
        Mistake(
            "scores_for_probabilities",
            "You subtracted the scores (or their log-softmax) from the indicator. What belongs "
            "there is the probabilities: they sum to 1, and so each row sums to 0.",
            (
                lambda lo, a, w: (w.unsqueeze(1) * (one_hot(a, len(lo)) - lo)).mean(dim=0),
                _estimate(score=lambda hot, p: hot - p.log()),
            ),
        ),
        Mistake(
            "always_four",
            "Right for four arms. How many there are is the length of `logits`.",
            (_of_four_arms,),
        ),
        Mistake(
            "centred",
            "You subtracted the mean from the weights first. They are what is handed in, with a "
            "baseline taken off or without: here they are used as they are.",
            (lambda lo, a, w: my_estimate(lo, a, w - w.mean()),),
        ),
        Mistake(
            "weighted_twice",
            "You multiplied by the probabilities once more. The samples were drawn with them: a "
            "likely arm is there more often already.",
            (
                _estimate(score=lambda hot, p: p * (hot - p)),
                lambda lo, a, w: my_estimate(lo, a, w * torch.softmax(lo, dim=0)[a]),
            ),
        ),
        Mistake(
            "divided_by_weights",
            "You divided by the sum of the weights. Then only their proportions would count: a "
            "group with small advantages would take as large a step as one with large ones. "
            "Divide by the number of samples.",
            (lambda lo, a, w: my_estimate(lo, a, w) * len(w) / w.sum(),),
        ),
    ],
    hints=[
        "Start with one sample: what does the formula give for an arm that was pulled, and for "
        "one that was not? Then stack the samples as rows.",
        "Shapes: the indicator of all samples is (G, K), the probabilities (K,), the weights "
        "(G,). A weight multiplies a whole row, so it needs a second dimension.",
        "One row a sample, (G, K), is indicator minus probabilities. Multiply, then take the mean "
        "over the dimension of the samples.",
    ],
    well_done="your estimate is right: weight times score, averaged over the samples.",
)


# --- exercise 3: leave one out --------------------------------------------------------------------


def my_leave_one_out(rewards: Tensor) -> Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    size = rewards.shape[1]
    others = rewards.sum(dim=1, keepdim=True) - rewards
    return rewards - others / (size - 1)


def _sum(r: Tensor) -> Tensor:
    return r.sum(dim=1, keepdim=True)


def _best_of_others(r: Tensor) -> Tensor:
    """Of each completion, the highest reward of the others in its group."""
    others = r.unsqueeze(1).expand(-1, r.shape[1], -1)
    return others.masked_fill(torch.eye(r.shape[1]).bool(), float("-inf")).amax(dim=2)


# Neither the number of groups nor one less is the number of others in a group.
_REWARDS = torch.tensor([[1.0, 0.0, 0.0, 1.3], [0.3, 0.0, 0.0, 0.0]])
_PAIRS = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.3]])

leave_one_out = Exercise(
    "01",
    "leave_one_out",
    solution_function=my_leave_one_out,
    cases=[
        Case("For the rewards [1, 0, 0, 1.3]", lambda f: tensor(f(_REWARDS.clone()))),
        Case("For three groups of two", lambda f: tensor(f(_PAIRS.clone()))),
    ],
    mistakes=[
        Mistake(
            "own_reward_included",
            "That is the reward minus the mean of all, its own included: Dr. GRPO's advantage. "
            "With its own reward in the baseline a completion is compared with itself in part.",
            (lambda r: r - r.mean(dim=1, keepdim=True),),
        ),
        Mistake(
            "divided_by_all",
            "You left its own reward out of the sum, and still divided by G. There are only "
            "G - 1 others.",
            (lambda r: r - (_sum(r) - r) / r.shape[1],),
        ),
        Mistake(
            "sum_of_all_over_others",
            "You divided by G - 1, and the sum above still has the completion's own reward in it.",
            (lambda r: r - _sum(r) / (r.shape[1] - 1),),
        ),
        Mistake(
            "groups_counted",
            "You divided by the number of *groups* less one: `len(rewards)` counts rows. The "
            "others are in the same row, so it is the length of a row that matters.",
            (
                lambda r: r - (_sum(r) - r) / (len(r) - 1),
                lambda r: r - (_sum(r) - r) / len(r),
            ),
        ),
        Mistake(
            "not_averaged",
            "You subtracted the sum of the others. Their mean is wanted: a larger group would "
            "otherwise have a larger baseline.",
            (lambda r: r - (_sum(r) - r),),
        ),
        Mistake(
            "baseline_returned",
            "This is the mean of the others: the baseline. The advantage is what is left of the "
            "reward when the baseline is subtracted from it.",
            (lambda r: (_sum(r) - r) / (r.shape[1] - 1),),
        ),
        Mistake(
            "sign",
            "Your signs are flipped: the best completion has the lowest advantage.",
            (lambda r: (_sum(r) - r) / (r.shape[1] - 1) - r,),
        ),
        Mistake(
            "factor_upside_down",
            "Right but for a factor: it has to be G / (G - 1), which is above 1, and yours is its "
            "inverse. Taking one's own reward out of the baseline makes differences larger.",
            (lambda r: (r - r.mean(dim=1, keepdim=True)) * (r.shape[1] - 1) / r.shape[1],),
        ),
        Mistake(
            "whole_batch",
            "You left one out of the whole batch. The others are those of the same prompt: each "
            "row is a group of its own.",
            (
                lambda r: r - (r.sum() - r) / (r.numel() - 1),
                lambda r: r - r.mean(),
                lambda r: (r - r.mean()) * r.shape[1] / (r.shape[1] - 1),
                lambda r: r - (r.sum() - r) / (r.shape[1] - 1),
            ),
        ),
        Mistake(
            "divided_by_spread",
            "The mean of the others is right, and you divided by the group's standard deviation "
            "afterwards. That is GRPO's; here the difference stays as it is.",
            (
                lambda r: my_leave_one_out(r) / (r.std(dim=1, keepdim=True) + 1e-4),
                lambda r: (r - r.mean(dim=1, keepdim=True)) / (r.std(dim=1, keepdim=True) + 1e-4),
            ),
        ),
        Mistake(
            "best_of_the_others",
            "You compared with the best of the others. Hardly anybody beats that, so nearly all "
            "would be pushed down; the baseline is their mean.",
            (lambda r: r - _best_of_others(r),),
        ),
        Mistake(
            "one_neighbour",
            "You compared with some of the others: the next one, those behind it, or those before "
            "it. All but itself count, on both sides.",
            (
                lambda r: r - r.roll(1, dims=1),
                lambda r: r - r.roll(-1, dims=1),
                lambda r: r - (_sum(r) - r.cumsum(dim=1)) / (r.shape[1] - 1),
                lambda r: r - (r.cumsum(dim=1) - r) / (r.shape[1] - 1),
            ),
        ),
        Mistake(
            "wrong_axis",
            "You went down the columns. A row is a group: dim=1.",
            (
                lambda r: r - (r.sum(dim=0) - r) / (len(r) - 1 or 1),
                lambda r: r - (r.sum(dim=0) - r) / (r.shape[1] - 1),
            ),
        ),
    ],
    hints=[
        "Do one group on paper: rewards 1, 0, 0, 1.3. What are the others of the first, and what "
        "is their mean?",
        "The sum of a whole row, with its dimension kept, is (N, 1). Subtract the rewards from "
        "it, and every entry has lost its own.",
        "How many others are there? One fewer than the group is large; `rewards.shape[1]` is G.",
    ],
    well_done="your advantages are right: each reward against the mean of the others.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "01",
    Question(
        "rises",
        "A policy follows the exact gradient for one small step. Which arm's score rises most?",
        [
            Option(
                "The one with the highest reward.",
                "Only if it is tried often enough: its push is multiplied by its probability.",
            ),
            Option(
                "The one that is chosen most often.",
                "If it pays less than J it even falls.",
            ),
            Option(
                "The one with the largest product of probability and advantage over J.",
                "pi (q - J) is the gradient: how often it is tried, times how much better it is.",
                right=True,
            ),
        ],
    ),
    Question(
        "bias",
        "What happens to the mean of the estimate when the same number, say 17, is subtracted "
        "from every reward?",
        [
            Option(
                "It gets smaller, by 17 times the gradient.",
                "What is subtracted multiplies the mean of the score, and that is 0.",
            ),
            Option(
                "Nothing; only the noise changes.",
                "The scores average to 0, so 17 times them does; the noise gets much larger here.",
                right=True,
            ),
            Option(
                "It changes sign, as all weights are negative now.",
                "Every sampled arm is pushed down now, but the bad ones further: the mean stays.",
            ),
        ],
    ),
    Question(
        "shift",
        "You add a bonus of 1 to the reward of every completion. What does GRPO do differently?",
        [
            Option(
                "Nothing.",
                "The mean of the group rises by 1 as well, and the difference stays as it was.",
                right=True,
            ),
            Option(
                "It learns faster: rewards are larger.",
                "Advantages are differences inside a group, and a bonus for all is in none of "
                "them.",
            ),
            Option(
                "It prefers longer completions.",
                "The bonus is the same whatever the length.",
            ),
            Option(
                "It needs a critic to take the bonus out again.",
                "What a critic would have to learn, a mean does at once.",
            ),
        ],
    ),
    Question(
        "price",
        "A group of 8, leave one out. How much noisier is its gradient than with a perfect critic?",
        [
            Option(
                "8 times.",
                "More samples make a group's estimate better, not worse.",
            ),
            Option(
                "Not at all: the baseline is unbiased.",
                "Unbiased means right on average. It is a mean of 7 rewards, and it scatters.",
            ),
            Option(
                "By about a seventh.",
                "1 / (G - 1): the variance of the mean of the 7 others.",
                right=True,
            ),
        ],
    ),
    Question(
        "critic",
        "What can a critic do that the mean of the group cannot?",
        [
            Option(
                "Make the estimate unbiased.",
                "Leave one out is unbiased too, and a critic that is wrong does no harm to the "
                "mean either.",
            ),
            Option(
                "Say something about a group whose rewards all tie.",
                "It compares with what it expected, and not with the others.",
                right=True,
            ),
            Option(
                "Work on several prompts.",
                "A group does: every prompt has its own.",
            ),
        ],
    ),
)
