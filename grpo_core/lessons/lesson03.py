"""Lesson 03, how many completions and how different: its checks, its mistakes, its quiz."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, number, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz

# --- exercise 1: probabilities at a temperature ---------------------------------------------------


def my_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Scores (V,) -> probabilities (V,) at a temperature of 0 or more."""
    if temperature == 0:
        greedy = torch.zeros_like(logits)
        greedy[logits.argmax()] = 1
        return greedy
    return torch.softmax(logits / temperature, dim=0)


_LOGITS = torch.tensor([1.0, 3.0, -1.0, 2.0])

Formula = Callable[[Tensor, float], Tensor]


def _greedy_or(formula: Formula) -> Formula:
    """A wrong formula that is right at temperature 0."""
    return lambda z, t: my_probabilities(z, 0) if t == 0 else formula(z, t)


def _at(temperature: float) -> Callable[[Formula], Tensor]:
    return lambda f: tensor(f(_LOGITS.clone(), temperature))


probabilities = Exercise(
    "03",
    "probabilities",
    solution_function=my_probabilities,
    cases=[
        Case("For the scores [1, 3, -1, 2] at temperature 0.5", _at(0.5)),
        Case("At temperature 2", _at(2.0)),
        Case("At temperature 1", _at(1.0)),
        Case("At temperature 0", _at(0)),
    ],
    mistakes=[
        Mistake(
            "multiplied",
            "You multiplied by the temperature: yours gets sharper as it gets hotter. A low "
            "temperature is to make the differences between scores larger.",
            tuple(wrap(lambda z, t: torch.softmax(z * t, 0)) for wrap in (_greedy_or, lambda f: f)),
        ),
        Mistake(
            "after_the_softmax",
            "You divided probabilities by the temperature, and they no longer sum to 1. The "
            "scores are divided, before the softmax.",
            tuple(wrap(lambda z, t: torch.softmax(z, 0) / t) for wrap in (_greedy_or, lambda f: f)),
        ),
        Mistake(
            "not_normalised",
            "Your numbers are in the right order and do not sum to 1. Exponentials, or powers of "
            "probabilities, become probabilities when they are divided by their sum.",
            tuple(
                wrap(formula)
                for formula in (
                    lambda z, t: torch.softmax(z, 0) ** (1 / t),
                    lambda z, t: torch.exp(z / t),
                    lambda z, t: torch.exp(z) / t,
                )
                for wrap in (_greedy_or, lambda f: f)
            ),
        ),
        Mistake(
            "softmax_twice",
            "You took the softmax of probabilities. They lie between 0 and 1, so it makes them "
            "all but equal. It is the scores that go into the softmax, once.",
            tuple(
                wrap(lambda z, t: torch.softmax(torch.softmax(z, 0) / t, 0))
                for wrap in (_greedy_or, lambda f: f)
            ),
        ),
        Mistake(
            "temperature_ignored",
            "Yours is the same at every temperature.",
            tuple(wrap(lambda z, t: torch.softmax(z, 0)) for wrap in (_greedy_or, lambda f: f)),
        ),
        Mistake(
            "scores_returned",
            "These are scores over temperature; they are no probabilities yet: some are above 1, "
            "some below 0.",
            tuple(wrap(lambda z, t: z / t) for wrap in (_greedy_or, lambda f: f)),
        ),
        Mistake(
            "logarithms",
            "These are the logarithms of the right probabilities. Handy for a loss; asked for "
            "here are the probabilities.",
            tuple(
                wrap(lambda z, t: torch.log_softmax(z / t, 0)) for wrap in (_greedy_or, lambda f: f)
            ),
        ),
        Mistake(
            "nan_at_zero",
            "Right, except at temperature 0, where you divide by 0 and get NaN. Nobody samples "
            "from NaN. Give the limit: the likeliest token has probability 1.",
            (
                lambda z, t: torch.softmax(z / t, 0),
                lambda z, t: torch.exp(z / t) / torch.exp(z / t).sum(),
            ),
        ),
        Mistake(
            "score_at_zero",
            "Right, except at temperature 0: all probability belongs to the likeliest token, and "
            "yours do not sum to 1. Where is the largest score, and not how large?",
            (
                lambda z, t: torch.softmax(z / t, 0) if t else z.argmax(),
                lambda z, t: torch.softmax(z / t, 0) if t else (z == z.max()) * z,
                lambda z, t: torch.softmax(z / t, 0) if t else torch.zeros_like(z),
            ),
        ),
        Mistake(
            "not_the_likeliest_at_zero",
            "Right, except at temperature 0: there is a limit, and yours is another one. The "
            "lower the temperature, the more of the probability goes to the token with the "
            "*largest* score; at 0 it has all of it.",
            (
                lambda z, t: torch.softmax(z / t, 0) if t else torch.softmax(z, 0),
                lambda z, t: torch.softmax(z / t, 0) if t else torch.ones_like(z) / len(z),
                lambda z, t: torch.softmax(z / t, 0) if t else my_probabilities(-z, 0),
            ),
        ),
        Mistake(
            "no_exponential",
            "Scores over their sum, or each through a function of its own, are no softmax: scores "
            "may be below 0, and what counts is the difference between them. Exponentials make "
            "proportions of differences.",
            tuple(
                wrap(formula)
                for formula in (
                    lambda z, t: z / z.sum(),
                    lambda z, t: z / t / z.sum(),
                    lambda z, t: torch.sigmoid(z / t),
                    lambda z, t: 2 ** (z / t) / (2 ** (z / t)).sum(),
                )
                for wrap in (_greedy_or, lambda f: f)
            ),
        ),
    ],
    hints=[
        "One line for T above 0: it is the formula above the exercise, and torch has a softmax.",
        "Temperature 0 is a case of its own, before anything is divided.",
        "For it, start from zeros of the same shape, and set one entry to 1: `logits.argmax()` "
        "says which.",
    ],
    well_done="your probabilities are right, at 0 as well.",
)


# --- exercise 2: pass@k ---------------------------------------------------------------------------


def my_pass_at_k(n: int, c: int, k: int) -> float:
    """N samples, c of them right -> chance that k of them have one."""
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def _drawn(n: int, c: int, k: int) -> Case:
    text = f"For {n} samples, {c} of them right, and k = {k}"
    return Case(text, lambda f: number(f(n, c, k)))


pass_at_k = Exercise(
    "03",
    "pass_at_k",
    solution_function=my_pass_at_k,
    cases=[_drawn(12, 3, 3), _drawn(16, 1, 16), _drawn(10, 3, 1), _drawn(5, 0, 3), _drawn(6, 5, 3)],
    mistakes=[
        Mistake(
            "with_replacement",
            "That is the short cut with replacement, 1 - (1 - c/n)^k. It is too small, since the "
            "same wrong sample may be picked twice. The k samples are different ones of the n.",
            (lambda n, c, k: 1 - (1 - c / n) ** k,),
        ),
        Mistake(
            "complement",
            "That is the chance that all k are wrong. pass@k is the chance that they are not.",
            (lambda n, c, k: math.comb(n - c, k) / math.comb(n, k),),
        ),
        Mistake(
            "all_right",
            "That is the chance that all k are right. Known as pass^k, and of use for a robot; "
            "pass@k asks for at least one.",
            (lambda n, c, k: math.comb(c, k) / math.comb(n, k),),
        ),
        Mistake(
            "exactly_one",
            "That is the chance of exactly one right sample. Two are as good: at least one is "
            "asked for. Counting the sets without any is easier.",
            (lambda n, c, k: c * math.comb(n - c, k - 1) / math.comb(n, k),),
        ),
        Mistake(
            "k_ignored",
            "That is the share of right samples, pass@1. It does not depend on k.",
            (lambda n, c, k: c / n,),
        ),
        Mistake(
            "k_times_share",
            "k times the share counts every set with two right samples twice. It passes for small "
            "shares, and then goes beyond 1.",
            (lambda n, c, k: k * c / n, lambda n, c, k: min(1.0, k * c / n)),
        ),
        Mistake(
            "right_from_wrong",
            "You counted the sets of right samples where those of wrong ones are wanted: a set "
            "without a right sample is picked from the n - c others.",
            (lambda n, c, k: 1 - math.comb(c, k) / math.comb(n, k),),
        ),
        Mistake(
            "upside_down",
            "Your quotient is upside down, or a product: a share is the ways without a right "
            "sample, over all ways.",
            (
                lambda n, c, k: 1 - math.comb(n, k) / max(math.comb(n - c, k), 1),
                lambda n, c, k: 1 - math.comb(n - c, k) * math.comb(n, k),
            ),
        ),
        Mistake(
            "one_less",
            "You leave one place for a right sample and count the ways to fill the others with "
            "wrong ones. A set without a right sample has *all* its k from the wrong ones.",
            (
                lambda n, c, k: 1 - math.comb(n - c, k - 1) / math.comb(n, k),
                lambda n, c, k: 1 - math.comb(n - c, k - 1) / math.comb(n, k - 1),
                lambda n, c, k: math.comb(n - c, k - 1) / math.comb(n, k),
            ),
        ),
        Mistake(
            "certain",
            "Yours is 1, or all but 1, as soon as one of the n is right. But k samples can miss "
            "it. (`//` rounds the share of ways that miss down to 0; and a quotient of factorials "
            "has no k in it.)",
            (
                lambda n, c, k: 1 - math.comb(n - c, k) // math.comb(n, k),
                lambda n, c, k: 1 - math.factorial(n - c) / math.factorial(n),
                lambda n, c, k: float(c > 0),
            ),
        ),
    ],
    hints=[
        "Ask the opposite: in how many of all ways to pick k out of n is there no right one?",
        "There are `math.comb(n, k)` ways in all. How many samples are wrong, and in how many "
        "ways can k be picked from those alone?",
    ],
    well_done="your pass@k is the unbiased one.",
)


# --- exercise 3: useful groups --------------------------------------------------------------------


def my_useful(p: Tensor, size: int) -> Tensor:
    """Chances of a right completion (N,) -> chance of a useful group."""
    return 1 - p**size - (1 - p) ** size


_CHANCES = torch.tensor([0.1, 0.5, 0.8, 0.0, 1.0])


def _groups_of(size: int) -> Case:
    text = f"For p = [0.1, 0.5, 0.8, 0, 1] and groups of {size}"
    return Case(text, lambda f: tensor(f(_CHANCES.clone(), size)))


useful = Exercise(
    "03",
    "useful",
    solution_function=my_useful,
    cases=[_groups_of(4), _groups_of(2), _groups_of(16)],
    mistakes=[
        Mistake(
            "all_right_forgotten",
            "A group that is all right counts as useful in yours. It ties, and teaches nothing: "
            "every advantage is 0.",
            (lambda p, size: 1 - (1 - p) ** size,),
        ),
        Mistake(
            "all_wrong_forgotten",
            "A group that is all wrong counts as useful in yours. It ties, and teaches nothing: "
            "nothing in it is better than the rest.",
            (lambda p, size: 1 - p**size,),
        ),
        Mistake(
            "complement",
            "That is the chance of a useless group: all right or all wrong. The other case is "
            "asked for.",
            (lambda p, size: p**size + (1 - p) ** size,),
        ),
        Mistake(
            "multiplied",
            "You multiplied 'not all right' by 'not all wrong' as if one said nothing about the "
            "other. They cannot fail together, so subtract both chances from 1.",
            (lambda p, size: (1 - p**size) * (1 - (1 - p) ** size),),
        ),
        Mistake(
            "both_at_once",
            "You multiplied the chance of all right by that of all wrong: a group that is both, "
            "and there is none. It is useless if it is the one *or* the other, so the two chances "
            "are added up.",
            (
                lambda p, size: 1 - p**size * (1 - p) ** size,
                lambda p, size: p**size * (1 - p) ** size,
            ),
        ),
        Mistake(
            "exactly_one_right",
            "That is the chance of exactly one right completion. Two right ones and two wrong "
            "ones are as useful.",
            (lambda p, size: size * p * (1 - p) ** (size - 1),),
        ),
        Mistake(
            "pair",
            "That is right for groups of 2 and does not depend on G.",
            (lambda p, size: 2 * p * (1 - p), lambda p, size: 1 - p**2 - (1 - p) ** 2),
        ),
        Mistake(
            "times_for_power",
            "G completions that are all right have the chance p times p times p ...: a power, and "
            "not G times p.",
            (
                lambda p, size: 1 - size * p - size * (1 - p),
                lambda p, size: size * p * (1 - p),
                lambda p, size: 1 - size * p,
            ),
        ),
        Mistake(
            "brackets",
            "Both chances are taken from 1. `1 - a + b` adds the second one again, and "
            "`1 - p**G - 1 - p**G` has no bracket around 1 - p: a power comes before a minus.",
            (
                lambda p, size: 1 - p**size + (1 - p) ** size,
                lambda p, size: 1 + p**size - (1 - p) ** size,
                lambda p, size: 1 - p**size - 1 - p**size,
            ),
        ),
        Mistake(
            "one_less",
            "Your power is G - 1. For G completions to be all right each of the G has to be, so p "
            "is there G times. (G - 1 would be right for the others of one that you know already.)",
            (lambda p, size: 1 - p ** (size - 1) - (1 - p) ** (size - 1),),
        ),
        Mistake(
            "added_before_the_power",
            "You added p and 1 - p before taking the power. That is 1, whatever p is: the power "
            "of each comes first.",
            (lambda p, size: 1 - (p + (1 - p)) ** size, lambda p, size: 0 * p),
        ),
        Mistake(
            "the_likelier_only",
            "You took off only the likelier of the two ways to tie. The other is seldom, but it "
            "ties as well.",
            (lambda p, size: 1 - torch.maximum(p, 1 - p) ** size,),
        ),
    ],
    hints=[
        "When is a group useless? There are two ways, and no group is useless in both.",
        "The chance that G independent completions are all right is a power of p. All wrong: the "
        "same with 1 - p.",
    ],
    well_done="your chance is right: 0 for what is always or never solved, largest at one half.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "03",
    Question(
        "zero",
        "You sample the group at temperature 0, because single completions are best there. What "
        "does GRPO learn?",
        [
            Option(
                "More than at 1, as more completions are right.",
                "More are right, but are there wrong ones beside them in the same group?",
            ),
            Option(
                "Nothing: all completions of a group are the same.",
                "They get the same reward, and every advantage is 0.",
                right=True,
            ),
            Option(
                "The same as at 1, only slower.",
                "Without a difference inside the group there is no gradient at all.",
            ),
        ],
    ),
    Question(
        "passk",
        "The base has pass@64 = 0.99 on your task. What does that tell you?",
        [
            Option(
                "RL will bring pass@1 to 0.99.",
                "It may; it depends on what the right samples have in common, and whether that "
                "can be learned.",
            ),
            Option(
                "The base can reason well.",
                "Well enough to be right once in 64; that may be luck.",
            ),
            Option(
                "Little, before you know what blind guessing gets.",
                "Where few answers are possible, 64 guesses find the right one.",
                right=True,
            ),
            Option(
                "That 64 samples a prompt are needed.",
                "It says nothing of how many are needed for a useful group.",
            ),
        ],
    ),
    Question(
        "hard",
        "A problem is solved in 2% of the tries. How likely is a group of 16 useful?",
        [
            Option("2%", "That is the chance for one completion."),
            Option("32%", "16 times 2% counts groups with two right ones twice."),
            Option("28%", "1 - 0.98^16; that all are right can be neglected.", right=True),
            Option("72%", "That is the chance that all sixteen are wrong."),
        ],
    ),
    Question(
        "mean",
        "Half of your problems are always solved, the other half never. The mean accuracy is 0.5. "
        "How many groups of 16 are useful?",
        [
            Option(
                "None.",
                "Each problem on its own ties. The mean of u is far below u of the mean.",
                right=True,
            ),
            Option(
                "Nearly all: u(0.5, 16) is 0.99997.",
                "The formula is for one problem and its own p.",
            ),
            Option(
                "Half.",
                "Which half? A group has one prompt only.",
            ),
        ],
    ),
    Question(
        "budget",
        "128 samples a step, plenty of problems, each solved about half the time. You go from "
        "G = 64 to G = 8. What do you gain?",
        [
            Option(
                "A better baseline for each group.",
                "A smaller group has the noisier baseline: 1.14 times a perfect critic's noise "
                "for 1.02 times.",
            ),
            Option(
                "Sixteen problems a step for two, nearly all of them useful.",
                "u(0.5, 8) is 0.99 already; more samples of the same problem buy little.",
                right=True,
            ),
            Option(
                "Time: fewer samples are drawn.",
                "The budget is the same 128.",
            ),
        ],
    ),
)
