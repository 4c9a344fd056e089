"""Lesson 09, R1-Zero in a bottle: its checks, its mistakes, its quiz."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from grpo_core.lessons.exercise import Case, Exercise, Mistake, WrongShape, number, returned
from grpo_core.lessons.quiz import Option, Question, Quiz

# --- exercise 1: counting backtracks --------------------------------------------------------------


def my_backtracks(completion: str) -> int:
    """How many tries were given up for another one."""
    words = completion.split()
    return sum(word == "no" and "=" in words[i:] for i, word in enumerate(words))


def _counted(text: str) -> Case:
    short = text if len(text) < 60 else f"{text[:57]}..."
    return Case(f"For the completion '{short}'", lambda f: number(f(text)))


def _less_a_last_no(text: str) -> int:
    """Every 'no', less one where the last verdict of the text is a no."""
    verdicts = [word for word in text.split() if word in ("yes", "no")]
    return verdicts.count("no") - (verdicts[-1:] == ["no"])


backtracks = Exercise(
    "09",
    "backtracks",
    solution_function=my_backtracks,
    cases=[
        _counted(
            "<think> 5 - 3 = 2 , 10 * 2 = 20 no 5 * 3 = 15 , 15 - 10 = 5 no 10 + 5 = 15 , "
            "15 * 3 = 45 yes </think> <answer> ( 10 + 5 ) * 3 </answer>"
        ),
        _counted("<think> 5 - 3 = 2 , 10 * 2 = 20 no </think> <answer> 10 * ( 5 - 3 ) </answer>"),
        _counted("note : not yet . 5 + 3 = 8 no 10 + 3 = 13 , 13 - 5 = 8 yes , and now we know"),
        _counted("<answer> ( 10 + 5 ) * 3 </answer>"),
        _counted("<think> 5 + 3 = 8 no 5 * 3 = 15 no 10 + 3 = 13 no"),
        _counted("5 + 3 = 8 no\n10 + 3 = 13 no\n13 - 5 = 8 yes"),
        _counted("5 + 3 = 8 no , let me try 10 + 3 = 13 yes"),
        _counted("there is no way ."),
        _counted("5 + 3 = 8 yes 13 - 8 = 5 yes"),
        _counted("<think> 5 + 3 = 8 no 10 + 3 ="),
    ],
    mistakes=[
        Mistake(
            "every_no",
            "You count every 'no'. The last one of a thought that gives up gives up for nothing: "
            "no other try follows. A verdict is not yet a backtrack.",
            (lambda text: text.split().count("no"),),
        ),
        Mistake(
            "inside_words",
            "You count 'no' inside other words too: in note, not, now, know. Counted in that way "
            "every policy reflects.",
            (
                lambda text: text.count("no"),
                lambda text: sum("no" in word for word in text.split()),
            ),
        ),
        Mistake(
            "verdicts",
            "You count 'yes' as well: these are checks, and a check that says yes ends the search.",
            (
                lambda text: sum(word in ("yes", "no") for word in text.split()),
                lambda text: text.count(" yes") + text.count(" no "),
                lambda text: max(0, sum(w in ("yes", "no") for w in text.split()) - 1),
            ),
        ),
        Mistake(
            "lines",
            "You count lines of work. One try may take two of them, and trying is not giving up.",
            (lambda text: text.split().count("="), lambda text: text.count("=") // 2),
        ),
        Mistake(
            "any",
            "Yours says whether there is a backtrack, and not how many.",
            (lambda text: min(my_backtracks(text), 1), lambda text: "no" in text.split()),
        ),
        Mistake(
            "one_less",
            "You take one off for the last. That is right where the thought ends with a 'no', and "
            "wrong where it ends with a 'yes'.",
            (
                lambda text: max(0, text.split().count("no") - 1),
                lambda text: max(0, my_backtracks(text) - 1),
            ),
        ),
        Mistake(
            "cut_off",
            "Right, except for a thought that is cut off in the middle of a try. Its last verdict "
            "is a 'no', and another try follows it all the same: look for the '='.",
            (_less_a_last_no,),
        ),
        Mistake(
            "before_a_yes",
            "You count only what comes before a 'yes'. A search that never ends gave up tries too.",
            (
                lambda text: text.split("yes")[0].split().count("no") * ("yes" in text.split()),
            ),
        ),
        Mistake(
            "one_line",
            "Right, except where a text has several lines: an '=' counts wherever it stands behind "
            "the 'no', on a later line too. (The dot of a regular expression stops at the end of "
            "a line, and a 'no' may have a line's end beside it and no blank.)",
            (lambda text: sum(my_backtracks(line) for line in text.split("\n")),),
        ),
        Mistake(
            "right_behind",
            "Right, except where words stand between the 'no' and the next try: a larger model "
            "writes them. The '=' may be anywhere behind.",
            (
                lambda text: sum(
                    a == "no" and b.isdigit() for a, b in pairwise(text.split())
                ),
            ),
        ),
        Mistake(
            "no_work_at_all",
            "Right, except where a text has no '=' at all: nothing was tried, so nothing was given "
            "up. (`rfind` gives -1 there, and text[:-1] is nearly all of the text.)",
            (lambda text: text[: text.rfind("=")].split().count("no"),),
        ),
    ],
    hints=[
        "Split the text into words. Which words give something up, and what must follow them?",
        "Another try has an equals sign in it. Is there one behind this 'no'?",
        "`enumerate` gives each word its place, and words[i:] is what comes from there on.",
    ],
    well_done="your counter counts backtracks, and neither words nor verdicts.",
)  # fmt: skip


# --- exercise 2: amplified, or invented -----------------------------------------------------------


def my_amplified(before: list[str], right: list[bool], after: list[str]) -> float:
    """The accuracy of the skills before with the habits after."""
    total = 0.0
    for kind in after:
        same = [r for k, r in zip(before, right, strict=True) if k == kind]
        total += sum(same) / len(same) if same else 0.0
    return total / len(after)


_BEFORE = ["guess"] * 6 + ["search"] * 2 + ["try"] * 3
_RIGHT = [*[False] * 5, True, True, False, False, False, False]
_AFTER = ["search"] * 3 + ["guess"] * 2


def _kinds(after: list[str], text: str) -> Case:
    def run(f: Callable[..., Any]) -> float:
        return number(f(list(_BEFORE), list(_RIGHT), list(after)))

    return Case(text, run)


def _by_kind(kind: str, before: list[str], right: list[bool]) -> float:
    same = [r for k, r in zip(before, right, strict=True) if k == kind]
    return sum(same) / len(same) if same else 0.0


def _unseen_as(value: Callable[[list[str], list[bool]], float]) -> Callable[..., float]:
    """Right, but a kind that was never done before counts as something else than 0."""

    def amplified(before: list[str], right: list[bool], after: list[str]) -> float:
        each = [_by_kind(k, before, right) if k in before else value(before, right) for k in after]
        return sum(each) / len(each)

    return amplified


def _rights(kind: str, before: list[str], right: list[bool]) -> int:
    return sum(r for k, r in zip(before, right, strict=True) if k == kind)


amplified = Exercise(
    "09",
    "amplified",
    solution_function=my_amplified,
    cases=[
        _kinds(
            _AFTER,
            "For a base that guesses 6 times (1 right), searches twice (1 right), tries 3 times "
            "(0 right), and a policy that searches 3 times in 5 and guesses twice",
        ),
        _kinds(
            [*_AFTER, "proof", "proof"],
            "With two completions more of a kind that the base never did",
        ),
    ],
    mistakes=[
        Mistake(
            "old_shares",
            "This is the accuracy of the base as it is. The kinds are to be weighed as often as "
            "they are done *afterwards*.",
            (lambda before, right, after: sum(right) / len(right),),
        ),
        Mistake(
            "all_kinds_alike",
            "You took the mean over kinds. They are not equally frequent: each completion counts, "
            "so a kind that is done three times counts three times.",
            (
                lambda before, right, after: sum(
                    _by_kind(k, before, right) for k in set(after)
                ) / len(set(after)),
            ),
        ),
        Mistake(
            "shares_of_all",
            "You divided the right ones of a kind by *all* completions of the base. How often it "
            "is right *when* it does this kind is wanted: divide by those of the kind.",
            (
                lambda before, right, after: sum(
                    sum(r for k, r in zip(before, right, strict=True) if k == kind) / len(before)
                    for kind in after
                ) / len(after),
            ),
        ),
        Mistake(
            "counts",
            "You added up and did not divide: an accuracy lies between 0 and 1.",
            (
                lambda before, right, after: sum(_by_kind(k, before, right) for k in after),
            ),
        ),
        Mistake(
            "divided_by_the_base",
            "You divided by the number of the base's completions. The mean is over those of the "
            "trained policy.",
            (
                lambda before, right, after: sum(
                    _by_kind(k, before, right) for k in after
                ) / len(before),
            ),
        ),
        Mistake(
            "paired",
            "You put the verdicts of one list beside the kinds of the other. `right` belongs to "
            "`before`, completion by completion; of `after` nobody says what is right.",
            (lambda before, right, after: sum(right[: len(after)]) / len(after),),
        ),
        Mistake(
            "pooled",
            "You took the base's completions of these kinds together, as often as *it* does them. "
            "How often each is done afterwards is to count.",
            (
                lambda before, right, after: sum(
                    r for k, r in zip(before, right, strict=True) if k in after
                ) / sum(k in after for k in before),
            ),
        ),
        Mistake(
            "unseen_left_out",
            "Right, except where a kind is new: you left it out, so that the others count more. "
            "What the base never did it never got right: 0, and it stays in the mean.",
            (
                lambda before, right, after: sum(
                    _by_kind(k, before, right) for k in after if k in before
                ) / sum(k in before for k in after),
            ),
        ),
        Mistake(
            "unseen_as_average",
            "Right, except where a kind is new: you gave it the accuracy of the others, or 1. "
            "Asked for is what *amplifying* explains. What was not there cannot be amplified: 0.",
            (
                _unseen_as(lambda before, right: sum(right) / len(right)),
                _unseen_as(lambda before, right: 1.0),
            ),
        ),
        Mistake(
            "ratio_of_shares",
            "You multiplied the base's accuracy by how much more often a kind is done. That "
            "mistakes a kind's share for its success.",
            (
                lambda before, right, after: sum(right) / len(right) * sum(
                    (after.count(k) / len(after)) / (before.count(k) / len(before))
                    for k in set(after) if k in before
                ),
            ),
        ),
        Mistake(
            "last_of_a_kind",
            "Of each kind you know one completion only: a dict keeps the last value that it is "
            "given for a key, and `index` finds the first. All completions of a kind say how often "
            "it is right.",
            (
                lambda before, right, after: sum(
                    dict(zip(before, right, strict=True)).get(k, 0) for k in after
                ) / len(after),
                lambda before, right, after: sum(
                    right[before.index(k)] if k in before else 0 for k in after
                ) / len(after),
            ),
        ),
        Mistake(
            "kind_not_divided",
            "You added up how *many* of a kind were right. How often it is right is that over how "
            "often it was done; a kind done seldom is not therefore a bad one.",
            (
                lambda before, right, after: sum(
                    _rights(k, before, right) for k in after
                ) / len(after),
                lambda before, right, after: sum(
                    _rights(k, before, right) > 0 for k in after
                ) / len(after),
            ),
        ),
        Mistake(
            "share_of_the_right_ones",
            "You divided by all right completions of the base: what share of those is of this "
            "kind. Asked for is what share of this kind is right.",
            (
                lambda before, right, after: sum(
                    _rights(k, before, right) / sum(right) for k in after
                ) / len(after),
            ),
        ),
        Mistake(
            "compared_with_the_base",
            "You compared it with the base's accuracy, by a difference or a quotient. That comes "
            "next; asked for is the accuracy itself.",
            (
                lambda before, right, after: (
                    my_amplified(before, right, after) - sum(right) / len(right)
                ),
                lambda before, right, after: (
                    my_amplified(before, right, after) / (sum(right) / len(right))
                ),
            ),
        ),
        Mistake(
            "one_kind",
            "You took one kind for all, the one that is done most often afterwards. Each "
            "completion counts, with the kind that it is of.",
            (
                lambda before, right, after: _by_kind(
                    max(after, key=after.count), before, right
                ),
            ),
        ),
    ],
    hints=[
        "Every completion of the policy is of some kind. How often was the base right when it did "
        "that kind?",
        "Go through `after`, look that accuracy up for each, and take the mean.",
        "A kind that the base never did has no accuracy to look up: it counts 0.",
    ],
    well_done="your counterfactual is right: other habits, the same skills.",
)  # fmt: skip


# --- exercise 3: a matched comparison -------------------------------------------------------------


def my_accuracy_at(budget: int, tokens: list[int], accuracy: dict[int, float]) -> float:
    """The accuracy of a run when it had sampled `budget` tokens."""
    spent = [0, *accumulate(tokens)]  # after 0 steps, 1 step, ...
    within = [step for step in accuracy if spent[step] <= budget]
    return accuracy[max(within)]


_TOKENS = [100, 100, 200, 200, 400]
_ACCURACY = {0: 0.1, 2: 0.6, 4: 0.3, 5: 0.5}


def _at(budget: int, accuracy: dict[int, float] = _ACCURACY) -> Case:
    text = f"For a budget of {budget} tokens, steps of {_TOKENS} tokens and accuracies {accuracy}"
    return Case(text, lambda f: number(f(budget, list(_TOKENS), dict(accuracy))))


def _reached(budget: int) -> int:
    """How many whole steps a budget pays for."""
    return max(step for step, spent in enumerate(_spent()) if spent <= budget)


def _nearest_in_steps(order: Callable[[list[int]], list[int]]) -> Callable[..., float]:
    """The accuracy at the evaluated step that is nearest to the one reached; of two, the first."""

    def at(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
        steps = order(sorted(accuracy))
        return accuracy[min(steps, key=lambda step: abs(step - _reached(budget)))]

    return at


def _spent() -> list[int]:
    return [0, *accumulate(_TOKENS)]


def _between(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
    """A straight line between the evaluations on both sides."""
    spent = [0, *accumulate(tokens)]
    points = [(spent[step], value) for step, value in accuracy.items()]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= budget <= x1:
            return y0 + (y1 - y0) * (budget - x0) / (x1 - x0)
    return points[-1][1]


def _between_steps(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
    """The same, at the whole number of steps that the budget pays for."""
    spent = [0, *accumulate(tokens)]
    reached = max(step for step in range(len(spent)) if spent[step] <= budget)
    return _between(spent[reached], tokens, accuracy)


def _last(keep: Callable[[int, int], bool]) -> Callable[..., float]:
    """The accuracy at the last step that `keep(step, budget)` keeps, or at the first."""

    def at(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
        return accuracy[max([step for step in accuracy if keep(step, budget)] or [0])]

    return at


accuracy_at = Exercise(
    "09",
    "accuracy_at",
    solution_function=my_accuracy_at,
    cases=[
        _at(250),
        _at(450),
        _at(600),
        _at(5000),
        _at(150),
        _at(650),
        _at(950),
        _at(250, {0: 0.1, 3: 0.6, 4: 0.3, 5: 0.5}),  # step 2: nearer to a later evaluation
    ],
    mistakes=[
        Mistake(
            "best",
            "You took the best accuracy within the budget. Whoever stops at the best evaluation "
            "has looked at the answers: what counts is where the run stood when the budget was "
            "used up.",
            (
                lambda b, t, a: max(v for s, v in a.items() if [0, *accumulate(t)][s] <= b),
            ),
        ),
        Mistake(
            "not_added_up",
            "You compare the budget with the tokens of one step. The budget is for the whole run: "
            "add them up.",
            (
                _last(lambda s, b: s == 0 or _TOKENS[s - 1] <= b),
                _last(lambda s, b: _TOKENS[min(s, 4)] <= b),
            ),
        ),
        Mistake(
            "one_step_off",
            "You are off by one step: tokens[0] are those of step 1, and after 0 steps nothing has "
            "been spent.",
            (
                _last(lambda s, b: [*accumulate(_TOKENS), 10**9][s] <= b),
                _last(lambda s, b: sum(_TOKENS[: s + 1]) <= b),
                _last(lambda s, b: [0, 0, *accumulate(_TOKENS)][s] <= b),
                _last(lambda s, b: s == 0 or _spent()[s - 1] < b),
            ),
        ),
        Mistake(
            "too_late",
            "You took the first evaluation *after* the budget was used up: more than was paid for.",
            (
                lambda b, t, a: next(
                    (v for s, v in a.items() if _spent()[s] >= b), list(a.values())[-1]
                ),
            ),
        ),
        Mistake(
            "steps",
            "Yours gives the last evaluation, whatever the budget is. If you compare the budget "
            "with the number of a step: it is in tokens. A step of one run may be five times as "
            "long as one of another, and that is why tokens are compared.",
            (_last(lambda s, b: s <= b), lambda b, t, a: list(a.values())[-1]),
        ),
        Mistake(
            "strictly_below",
            "Right, except where the budget is used up exactly: that evaluation is within it.",
            (_last(lambda s, b: _spent()[s] < b),),
        ),
        Mistake(
            "interpolated",
            "You drew a line between two evaluations. That is done, and has to be said; asked for "
            "here is what was measured.",
            (_between, _between_steps),
        ),
        Mistake(
            "nearest",
            "You took the nearest evaluation, in tokens or in steps. Where that is a later one, "
            "more was spent on it than was paid for: of those within the budget, the last.",
            (
                lambda b, t, a: a[min(a, key=lambda s: abs(_spent()[s] - b))],
                _nearest_in_steps(lambda steps: steps),
                _nearest_in_steps(lambda steps: steps[::-1]),
            ),
        ),
        Mistake(
            "average_step",
            "You took all steps for equally long, and divided the budget by the length of one. "
            "They are not: a policy that learns to search writes more. Add them up.",
            (
                _last(lambda s, b: s * sum(_TOKENS) / len(_TOKENS) <= b),
                _last(lambda s, b: s * _TOKENS[0] <= b),
            ),
        ),
        Mistake(
            "step_or_tokens_returned",
            "You gave the step that was reached, or what it had cost. Asked for is the accuracy "
            "there: look it up.",
            (
                lambda b, t, a: float(max(s for s in a if _spent()[s] <= b)),
                lambda b, t, a: float(_reached(b)),
                lambda b, t, a: float(max(_spent()[s] for s in a if _spent()[s] <= b)),
            ),
        ),
        Mistake(
            "mean_so_far",
            "You averaged over the evaluations within the budget. What counts is where the run "
            "stood when the budget was used up.",
            (
                lambda b, t, a: sum(v for s, v in a.items() if _spent()[s] <= b)
                / sum(_spent()[s] <= b for s in a),
            ),
        ),
        Mistake(
            "not_evaluated_is_0",
            "Where the step that was reached was not evaluated, yours gives 0. What is known there "
            "is the evaluation before.",
            (lambda b, t, a: a.get(max(s for s in range(6) if _spent()[s] <= b), 0.0),),
        ),
        Mistake(
            "last_step_lost",
            "Right, except where the budget outlasts the run: then its last step is done too, and "
            "your loop ends before it has counted it.",
            (_last(lambda s, b: _spent()[s] <= b and s < len(_TOKENS)),),
        ),
        Mistake(
            "first",
            "You took the first evaluation within the budget. That is the untouched base, always.",
            (lambda b, t, a: next(iter(a.values())),),
        ),
    ],
    hints=[
        "What has the run spent after step s? The sum of the tokens of steps 1 to s.",
        "`itertools.accumulate` gives running sums. Put a 0 in front of them, and entry s is what "
        "was spent after s steps.",
        "Of the steps that were evaluated, keep those within the budget; the last of them counts.",
    ],
    well_done="your comparison is matched in tokens, and takes what was measured.",
)  # fmt: skip


# --- exercise 4: unfaithful thoughts --------------------------------------------------------------


def my_faithfulness(tries: list[tuple[int, str]], answer: int | None) -> str:
    """One of "faithful", "another", "against" and "nothing"."""
    if not tries or answer is None:
        return "nothing"
    result, verdict = tries[-1]
    if answer != result:
        return "another"
    return "against" if verdict == "no" else "faithful"


WORDS = ("faithful", "another", "against", "nothing")


def _word(value: Any) -> str:
    value = returned(value)
    if value not in WORDS:
        raise WrongShape(f"One of {', '.join(WORDS)} is wanted, not {str(value)[:40]!r}.")
    return str(value)


def _judged(tries: list[tuple[int, str]], answer: int | None) -> Case:
    return Case(
        f"For the tries {tries} and the answer {answer}", lambda f: _word(f(list(tries), answer))
    )


_Tries = list[tuple[int, str]]


def _faithfulness(
    empty: Callable[[_Tries, int | None], bool] = lambda tries, answer: not tries or answer is None,
    of_empty: str = "nothing",
    which: Callable[[_Tries, int | None], tuple[int, str]] = lambda tries, answer: tries[-1],
    is_against: Callable[[str], bool] = lambda verdict: verdict == "no",
    verdict_first: bool = False,
) -> Callable[..., str]:
    """A judge that is right but for what is passed in."""

    def judge(tries: _Tries, answer: int | None) -> str:
        if empty(tries, answer):
            return of_empty
        if not tries:
            return "faithful" if answer is not None else "nothing"
        result, verdict = which(tries, answer)
        if verdict_first and is_against(verdict):
            return "against"
        if answer != result:
            return "another"
        return "against" if is_against(verdict) else "faithful"

    return judge


def _matching(tries: _Tries, answer: int | None) -> tuple[int, str]:
    """The try that comes to the answer, if there is one."""
    return next((t for t in tries if t[0] == answer), tries[-1])


def _accepted(tries: _Tries, answer: int | None) -> tuple[int, str]:
    """The last try with a yes, if there is one."""
    return next((t for t in reversed(tries) if t[1] == "yes"), tries[-1])


def _no_try_is_another(tries: _Tries, answer: int | None) -> str:
    return my_faithfulness(tries, answer) if tries or answer is None else "another"


faithfulness = Exercise(
    "09",
    "faithfulness",
    solution_function=my_faithfulness,
    cases=[
        _judged([], 15),
        _judged([(12, "no"), (15, "yes")], 15),
        _judged([(12, "no"), (15, "yes")], 12),
        _judged([(12, "no"), (15, "no")], 15),
        _judged([(15, "")], 15),
        _judged([(15, "yes")], None),
        _judged([(12, "no"), (15, "no")], 7),
        _judged([(15, "yes"), (12, "no")], 15),
        _judged([(12, "no"), (0, "yes")], 0),
        _judged([(12, "no"), (15, "")], 15),
        _judged([(15, "no"), (15, "yes")], 15),
    ],
    mistakes=[
        Mistake(
            "first_try",
            "You look at the first try. What a thought comes to is its last one.",
            (_faithfulness(which=lambda tries, answer: tries[0]),),
        ),
        Mistake(
            "any_try",
            "You let an answer pass, or fall, by any try that comes to it. A thought that goes on "
            "has left that try behind: the last one counts.",
            (
                _faithfulness(which=_matching),
                _faithfulness(which=lambda tries, answer: _matching(tries[::-1], answer)),
                _faithfulness(
                    which=lambda tries, answer: (
                        (answer or 0, "") if answer in [t[0] for t in tries] else tries[-1]
                    )
                ),
            ),
        ),
        Mistake(
            "last_yes",
            "You look at the last try that was accepted, and not at the last one.",
            (_faithfulness(which=_accepted),),
        ),
        Mistake(
            "verdict_ignored",
            "You never say 'against': a thought that ends with a no, and an answer that gives "
            "just that, contradict each other.",
            (
                _faithfulness(is_against=lambda verdict: False),
                lambda tries, answer: (
                    "another"
                    if my_faithfulness(tries, answer) == "against"
                    else my_faithfulness(tries, answer)
                ),
                lambda tries, answer: (
                    "nothing"
                    if not tries or answer is None
                    else "faithful"
                    if tries[-1] == (answer, "yes")
                    else "another"
                ),
            ),
        ),
        Mistake(
            "unjudged_is_nothing",
            "A try without a verdict is a try: the thought has come to something, and the answer "
            "can be compared with it.",
            (
                lambda tries, answer: (
                    "nothing" if tries and tries[-1][1] == "" else my_faithfulness(tries, answer)
                ),
            ),
        ),
        Mistake(
            "every_try",
            "You want every try of the thought to come to the answer. Those before the last were "
            "given up: a search is not unfaithful for having searched.",
            (
                lambda tries, answer: (
                    "another"
                    if tries and answer is not None and any(r != answer for r, _ in tries)
                    else my_faithfulness(tries, answer)
                ),
            ),
        ),
        Mistake(
            "unchecked_is_against",
            "You take a try that was not judged for one that was turned down. No verdict is no "
            "contradiction.",
            (_faithfulness(is_against=lambda verdict: verdict != "yes"),),
        ),
        Mistake(
            "verdict_first",
            "Where the answer is another one *and* the last verdict is no, the answer counts: it "
            "has nothing to do with that try, so it cannot go against its verdict.",
            (_faithfulness(verdict_first=True),),
        ),
        Mistake(
            "no_thought_is_faithful",
            "An answer without a thought has nothing to be faithful to. Counted as faithful, a "
            "policy that never thinks would be the most faithful of all.",
            (
                _faithfulness(empty=lambda tries, answer: answer is None),
                _faithfulness(empty=lambda tries, answer: not tries, of_empty="faithful"),
            ),
        ),
        Mistake(
            "no_answer_is_another",
            "Without an answer there is nothing to compare: truncated completions would count as "
            "unfaithful.",
            (_faithfulness(empty=lambda tries, answer: not tries),),
        ),
        Mistake(
            "no_thought_is_another",
            "An answer without a thought has no try that it could differ from: there is nothing to "
            "compare.",
            (_no_try_is_another, lambda t, a: _no_try_is_another(t, -1 if a is None else a)),
        ),
        Mistake(
            "zero_is_nothing",
            "Right, except for an answer that comes to 0. It is an answer: `not answer` is true of "
            "0, too.",
            (_faithfulness(empty=lambda tries, answer: not tries or not answer),),
        ),
        Mistake(
            "any_no",
            "A 'no' on an earlier try is no contradiction: that is how a search goes. Only the "
            "verdict on the last try counts.",
            (
                lambda tries, answer: (
                    "against"
                    if my_faithfulness(tries, answer) == "faithful"
                    and "no" in [verdict for _, verdict in tries]
                    else my_faithfulness(tries, answer)
                ),
                lambda tries, answer: (
                    "against"
                    if my_faithfulness(tries, answer) == "faithful" and (answer, "no") in tries
                    else my_faithfulness(tries, answer)
                ),
            ),
        ),
        Mistake(
            "verdict_of_another",
            "Right, except where the last try has no verdict: you took that of an earlier one, "
            "which was about other work.",
            (
                _faithfulness(
                    which=lambda tries, answer: (
                        tries[-1][0],
                        next((verdict for _, verdict in reversed(tries) if verdict), ""),
                    )
                ),
            ),
        ),
        Mistake(
            "pair_and_number",
            "Yours finds another answer behind every thought. tries[-1] is a pair, and a pair "
            "never equals a number: compare its first part.",
            (
                lambda tries, answer: "another" if tries and answer is not None else "nothing",
                lambda tries, answer: "another" if tries else "nothing",
            ),
            entirely=True,
        ),
        Mistake(
            "upside_down",
            "Two of the four words are the wrong way round.",
            (
                lambda tries, answer: {"another": "against", "against": "another"}.get(
                    my_faithfulness(tries, answer), my_faithfulness(tries, answer)
                ),
                lambda tries, answer: {"faithful": "against", "against": "faithful"}.get(
                    my_faithfulness(tries, answer), my_faithfulness(tries, answer)
                ),
                lambda tries, answer: {"another": "faithful", "faithful": "another"}.get(
                    my_faithfulness(tries, answer), my_faithfulness(tries, answer)
                ),
            ),
        ),
    ],
    hints=[
        "Four answers, in this order: is there anything to compare? Does the answer come to what "
        "was last worked out? What was said about that?",
        "tries[-1] is the last try, a pair of its result and its verdict.",
        "Only a verdict of 'no' speaks against. An empty one says nothing.",
    ],
    well_done="your judge compares the answer with the thought, and asks nobody whether it is "
    "right.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "09",
    Question(
        "invent",
        "A policy goes back on its tries in 20% of its answers before RL and in 85% after. Has RL "
        "taught it to go back?",
        [
            Option(
                "Yes: that is four times as often.",
                "More often is not new. What was it able to do before?",
            ),
            Option(
                "No: it did so before. RL made it a habit.",
                "Whoever does something in one answer of five is able to. What RL changed is when.",
                right=True,
            ),
            Option(
                "One cannot say without looking at the weights.",
                "One can count, and one can begin its answers for it. Neither needs the weights.",
            ),
        ],
    ),
    Question(
        "share",
        "The base's skills with the trained policy's habits would be right in 37% of the cases; "
        "the trained policy is right in 94%. What follows?",
        [
            Option(
                "RL invented the other 57 points.",
                "That is so only if the kinds are the right ones: each has to be the same "
                "behaviour before and after. Was it?",
            ),
            Option(
                "The measurement is wrong: RL can only amplify.",
                "The number is right. That RL only amplifies is what it was to test, and no reason "
                "to throw it away.",
            ),
            Option(
                "Within a kind something changed too, and one has to look what.",
                "Here it was the form of the searches, and a check that is made and not written.",
                right=True,
            ),
        ],
    ),
    Question(
        "silent",
        "After RL, thoughts of a single line without a verdict are right 99 times in 100. Why?",
        [
            Option(
                "The policy stops there only when the line is right.",
                "A wrong line is followed by a no, and so lands in another kind. The check is "
                "made, and not written.",
                right=True,
            ),
            Option(
                "The policy finds solutions at once.",
                "Then it would not need to search in the other nine cases out of ten.",
            ),
            Option(
                "The verifier is lenient with short thoughts.",
                "The verifier reads the answer and never the thought.",
            ),
        ],
    ),
    Question(
        "length",
        "Why did the mean length triple in this run?",
        [
            Option(
                "The loss divides by the length, so long wrong answers are cheap.",
                "That is a bias of another loss: the default of this kit does not divide.",
            ),
            Option(
                "Longer answers earn more: there is a reward for length.",
                "There are two rewards, for the answer and for the form.",
            ),
            Option(
                "Searches were long from the start; what died out are the short guesses.",
                "The right completions of the first steps are about as long as those of the last.",
                right=True,
            ),
        ],
    ),
    Question(
        "matched",
        "Two bases are compared after RL. Which of these makes the comparison unfair?",
        [
            Option(
                "They were trained by the same seed.",
                "That can only help; with three seeds each one sees how much it matters.",
            ),
            Option(
                "One has read twice as much text.",
                "Then whatever differs may be due to that. Hence: the same number of tokens.",
                right=True,
            ),
            Option(
                "One of them cannot solve the task at first.",
                "Neither can. How they start is a part of what is compared.",
            ),
        ],
    ),
)
