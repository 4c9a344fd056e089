"""Lesson 12, reward hacking: its checks, its mistakes, its quiz."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import (
    Case,
    Exercise,
    Mistake,
    Unfinished,
    WrongShape,
    number,
    returned,
    tensor,
)
from grpo_core.lessons.quiz import Option, Question, Quiz
from grpo_core.rewards.format import parse


def _or_error(function: Callable[..., Any], *inputs: Any) -> Any:
    """What a function gives, or what it raises, as a text: here that is an outcome too."""
    try:
        return function(*inputs)
    except (NotImplementedError, Unfinished):
        raise
    except Exception as error:  # whatever a learner's code may raise
        return f"raised {type(error).__name__}"


# --- exercise 1: a judge --------------------------------------------------------------------------


def my_judge(completion: str) -> float:
    """What the judge gives a reply, 0 to 1."""
    parsed = parse(completion)
    words = (parsed.think or "").split()
    if parsed.answer is None or words[-1:] != ["yes"]:
        return 0.0
    return max(0.0, 1 - len(completion.split()) / 100)


def _is_sure(text: str) -> bool:
    return (parse(text).think or "").split()[-1:] == ["yes"]


def _words_thought(text: str) -> int:
    return len((parse(text).think or "").split())


def _judged(
    sure: Callable[[str], bool] = _is_sure,
    answered: Callable[[str], bool] = lambda text: parse(text).answer is not None,
    worth: Callable[[str], float] = lambda text: max(0.0, 1 - len(text.split()) / 100),
) -> Callable[[str], float]:
    """The judge, right but for what is passed in."""
    return lambda text: worth(text) if sure(text) and answered(text) else 0.0


_WORK = "10 + 5 = 15 , 15 * 3 = 45"
_REPLIES = {
    "a short reply that is sure": f"<think> {_WORK} yes </think> <answer> ( 10 + 5 ) * 3 </answer>",
    "one that gives up": f"<think> {_WORK} no </think> <answer> 10 + 5 </answer>",
    "a yes in the middle of a thought": (
        "<think> 10 + 5 = 15 yes 15 - 3 = 12 no </think> <answer> 1 </answer>"
    ),
    "one without an answer": f"<think> {_WORK} yes </think> ( 10 + 5 ) * 3",
    "an answer that says yes": "<think> hm </think> <answer> yes </answer>",
    "an answer without a thought": "<answer> 45 </answer>",
    "one of 130 words": "<think> " + "1 + 1 = 2 no " * 20 + "yes </think> <answer> 2 </answer>",
    "a thought that ends with eyes": (
        "<think> the answer is before my eyes </think> <answer> 45 </answer>"
    ),
    "one of 35 words": "<think> " + "1 + 1 = 2 no " * 4 + "2 yes </think> <answer> 2 </answer>",
}

judge = Exercise(
    "12",
    "judge",
    solution_function=my_judge,
    cases=[
        Case(f"For {name}", lambda f, text=text: number(f(text)))  # type: ignore[misc]
        for name, text in _REPLIES.items()
    ],
    mistakes=[
        Mistake(
            "yes_anywhere",
            "A yes in the middle is enough for yours. This judge looks at the thought's *last* "
            "word: how it ends.",
            (
                _judged(sure=lambda text: "yes" in (parse(text).think or "").split()),
                _judged(sure=lambda text: "yes" in text),
                _judged(sure=lambda text: "yes" in text.split()),
            ),
        ),
        Mistake(
            "end_of_the_reply",
            "Yours pays nothing, not even for a short reply that is sure. Do you look at the end "
            "of the whole reply? There stands `</answer>`, always: it is the thought that must "
            "end with yes. Or is it more than a hundredth that a word costs?",
            (
                _judged(sure=lambda text: text.split()[-1:] == ["yes"]),
                _judged(sure=lambda text: text.endswith("yes")),
            ),
        ),
        Mistake(
            "letters",
            "Right, except for a last word that only *ends* with these letters. The last word is "
            "to be yes: compare words, not the ends of texts.",
            (_judged(sure=lambda text: (parse(text).think or "").strip().endswith("yes")),),
        ),
        Mistake(
            "no_is_not_yes",
            "You pay for a thought in which there is no *no*. This judge wants to hear a yes.",
            (
                _judged(sure=lambda text: "no" not in (parse(text).think or "").split()),
                _judged(sure=lambda text: (parse(text).think or "").split()[-1:] != ["no"]),
            ),
        ),
        Mistake(
            "another_price",
            "The right replies are paid, and at another rate. A word costs a hundredth, and a "
            "reply of no words would be worth 1.",
            (
                _judged(worth=lambda text: float(max(0, 100 - len(text.split())))),
                _judged(worth=lambda text: 1 / len(text.split())),
                _judged(worth=lambda text: abs(1 - len(text.split()) / 100)),
                _judged(worth=lambda text: 1 - len((parse(text).answer or "").split()) / 100),
            ),
        ),
        Mistake(
            "no_answer_needed",
            "A reply without an answer is paid, too. Careless as this judge is, it wants one.",
            (_judged(answered=lambda text: True),),
        ),
        Mistake(
            "not_sure_needed",
            "Replies that are not sure are paid, too: the yes is not asked for.",
            (_judged(sure=lambda text: True),),
        ),
        Mistake(
            "below_zero",
            "A long reply gets less than nothing in yours. 0 is the least.",
            (_judged(worth=lambda text: 1 - len(text.split()) / 100),),
        ),
        Mistake(
            "characters",
            "You count characters. Patience is measured in words here.",
            (_judged(worth=lambda text: max(0.0, 1 - len(text) / 100)),),
        ),
        Mistake(
            "thought_only",
            "You count some of the words. The whole reply has to be read, and not the thought "
            "alone; and the four tags are words, too.",
            (
                _judged(worth=lambda text: max(0.0, 1 - _words_thought(text) / 100)),
                _judged(worth=lambda text: max(0.0, 1 - (len(text.split()) - 4) / 100)),
            ),
        ),
        Mistake(
            "length_forgotten",
            "A long reply is worth as much as a short one in yours.",
            (_judged(worth=lambda text: 1.0),),
        ),
        Mistake(
            "longer_is_better",
            "Upside down: in yours a longer reply is worth more.",
            (_judged(worth=lambda text: min(1.0, len(text.split()) / 100)),),
        ),
    ],
    hints=[
        "`parse(completion)` has `.think` and `.answer`; each is None where there is none.",
        "`text.split()` is the list of its words, and `[-1:]` the last one, or nothing of nothing.",
        "Two conditions under which it is 0; otherwise 1 minus a share, and never below 0.",
    ],
    well_done="your judge is as careless as it should be.",
)  # fmt: skip


# --- exercise 2: the best of n --------------------------------------------------------------------


def my_best_of(proxy: Tensor, truth: Tensor, n: int) -> Tensor:
    """Proxy and truth (N, G) -> the mean truth of the best of n."""
    best = proxy[:, :n].argmax(dim=1)
    rows = torch.arange(len(proxy))
    return truth[rows, best].mean()


def _pick(proxy: Tensor, n: int) -> Tensor:
    return proxy[:, :n].argmax(dim=1)


def _chosen(
    pick: Callable[[Tensor, int], Tensor] = _pick,
    what: Callable[[Tensor, Tensor], Tensor] = lambda proxy, truth: truth,
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """The mean of those chosen, right but for what is passed in."""

    def mean(proxy: Tensor, truth: Tensor, n: int) -> Tensor:
        return what(proxy, truth)[torch.arange(len(proxy)), pick(proxy, n)].mean()

    return mean


def _mean_of_tied(proxy: Tensor, truth: Tensor, n: int) -> Tensor:
    tied = proxy[:, :n] == proxy[:, :n].amax(dim=1, keepdim=True)
    return ((truth[:, :n] * tied).sum(dim=1) / tied.sum(dim=1)).mean()


_PROXY = torch.tensor(
    [[0.2, 0.5, 0.1, 0.9], [0.7, 0.1, 0.8, 0.3], [0.4, 0.6, 0.0, 0.5], [0.1, 0.0, 0.2, 0.3]]
)
_TRUTH = torch.tensor([[1.0, 0.6, 1, 0], [0, 1, 0.5, 1], [0, 0.75, 0.25, 0.5], [0, 0.25, 1, 0]])


_TIED = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.2, 0.5, 0.5, 0.1]])
_TIED_TRUTH = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 1]])


def _best(
    n: int, proxy: Tensor = _PROXY, truth: Tensor = _TRUTH
) -> Callable[[Callable[..., Any]], Any]:
    def run(function: Callable[..., Any]) -> Any:
        got = tensor(returned(function(proxy.clone(), truth.clone(), n)))
        if got.numel() != 1:
            raise WrongShape(
                f"One number is wanted, a mean over groups; yours has the shape {tuple(got.shape)}."
            )
        return float(got)

    return run


best_of = Exercise(
    "12",
    "best_of",
    solution_function=my_best_of,
    cases=[
        Case("For four groups of four and n = 3", _best(3)),
        Case("For the same groups and n = 1", _best(1)),
        Case("For the same groups and n = 4", _best(4)),
        Case("For two groups whose highest tie", _best(3, _TIED, _TIED_TRUTH)),
    ],
    mistakes=[
        Mistake(
            "chosen_by_the_truth",
            "You chose by the truth. Whoever knew it would need no proxy; the point is to choose "
            "by the one and to look at the other.",
            (
                lambda p, t, n: t[:, :n].max(dim=1).values.mean(),
                lambda p, t, n: p[torch.arange(len(p)), t[:, :n].argmax(dim=1)].mean(),
            ),
        ),
        Mistake(
            "the_proxy_of_the_best",
            "That is how much the *proxy* likes what it chose, and that can only rise with n. How "
            "right are those?",
            (_chosen(what=lambda proxy, truth: proxy),),
        ),
        Mistake(
            "all_of_the_group",
            "You chose among all completions of the group, whatever n is.",
            (_chosen(lambda proxy, n: proxy.argmax(dim=1)),),
        ),
        Mistake(
            "the_last_n",
            "You chose among the last n. (That is as good a sample; the check wants the first n.)",
            (_chosen(lambda proxy, n: proxy[:, -n:].argmax(dim=1) + proxy.shape[1] - n),),
        ),
        Mistake(
            "worst",
            "You chose the completion of the *lowest* proxy.",
            (_chosen(lambda proxy, n: proxy[:, :n].argmin(dim=1)),),
        ),
        Mistake(
            "mean_of_n",
            "You averaged over the n. One of them is handed in: the best by the proxy.",
            (
                lambda p, t, n: t[:, :n].mean(),
                lambda p, t, n: (p[:, :n] * t[:, :n]).mean(),
                lambda p, t, n: t.gather(1, p.topk(n, dim=1).indices).mean(),
            ),
        ),
        Mistake(
            "another_of_the_tie",
            "Right, except where several are equally high: the first of them is handed in, not "
            "the last, and not a mean of all.",
            (
                _chosen(lambda proxy, n: n - 1 - proxy[:, :n].flip(1).argmax(dim=1)),
                lambda p, t, n: t[:, :n][p[:, :n] == p[:, :n].amax(dim=1, keepdim=True)].mean(),
                _mean_of_tied,
            ),
        ),
        Mistake(
            "every_row",
            "`truth[:, best]` takes *all* those columns from every row. One element a row is "
            "wanted, so the rows need an index too.",
            (lambda p, t, n: t[:, _pick(p, n)].mean(),),
        ),
        Mistake(
            "sum",
            "You added up over the groups. A mean is wanted.",
            (lambda p, t, n: t[torch.arange(len(p)), _pick(p, n)].sum(),),
        ),
        Mistake(
            "one_for_all_groups",
            "You chose one completion from *all* groups. Every group is a problem of its own, and "
            "hands in one.",
            (
                lambda p, t, n: t[:, :n].flatten()[p[:, :n].argmax()],
                lambda p, t, n: t.flatten()[p[:, :n].argmax()],
            ),
        ),
        Mistake(
            "wrong_axis",
            "You chose down the columns, across problems. A row is a group.",
            (lambda p, t, n: t[p[:, :n].argmax(dim=0), torch.arange(n)].mean(),),
        ),
        Mistake(
            "one_off",
            "You choose among one more than n, or one fewer. `[:, :n]` has the columns 0 to n - 1, "
            "n of them.",
            (
                _chosen(lambda proxy, n: proxy[:, : max(n - 1, 1)].argmax(dim=1)),
                _chosen(lambda proxy, n: proxy[:, : n + 1].argmax(dim=1)),
            ),
        ),
        Mistake(
            "nothing_chosen",
            "The proxy chooses nothing in yours: you take the first of each group, or the n-th.",
            (lambda p, t, n: t[:, 0].mean(), lambda p, t, n: t[:, n - 1].mean()),
        ),
        Mistake(
            "weighed",
            "You weighed all n by the proxy, or multiplied the two. One reply is handed in, the "
            "best by the proxy, and it counts with its truth.",
            (
                lambda p, t, n: (torch.softmax(p[:, :n], dim=1) * t[:, :n]).sum(dim=1).mean(),
                lambda p, t, n: (p[:, :n] * t[:, :n]).amax(dim=1).mean(),
                lambda p, t, n: (
                    (p[:, :n] * t[:, :n]).sum(dim=1) / p[:, :n].sum(dim=1).clamp(min=1e-6)
                ).mean(),
            ),
        ),
        Mistake(
            "median",
            "You took the median over the groups. Their mean is wanted: the share that is right.",
            (lambda p, t, n: t[torch.arange(len(p)), _pick(p, n)].median(),),
        ),
    ],
    hints=[
        "Cut both down to the first n columns. Which column has the row's highest proxy?",
        "`argmax(dim=1)` gives one column a row; two index tensors pick one element a row.",
    ],
    well_done="your best of n is right: chosen by the proxy, measured by the truth.",
)


# --- exercise 3: a patch --------------------------------------------------------------------------


def my_check(thought: str, target: int) -> bool:
    """Whether the last try is true, reaches the target and says so."""
    *work, verdict = thought.split() or [""]
    if "no" in work:
        work = work[len(work) - work[::-1].index("no") :]
    result = None
    for line in " ".join(work).split(" , "):
        match = re.fullmatch(r"(\d+) ([-+*]) (\d+) = (\d+)", line)
        if match is None:
            return False
        left, sign, right = int(match[1]), match[2], int(match[3])
        result = int(match[4])
        true = {"+": left + right, "-": left - right, "*": left * right}
        if result != true[sign]:
            return False
    return verdict == "yes" and result == target


_LINE = r"(\d+) ([-+*]) (\d+) = (\d+)"


def _worth(sign: str, a: int, b: int) -> int:
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


def _truths(text: str) -> list[tuple[bool, int]]:
    """Of every equation somewhere in the text: whether it is true, and its right side."""
    return [
        (_worth(sign, int(a), int(b)) == int(c), int(c))
        for a, sign, b, c in re.findall(_LINE, text)
    ]


def _last_try(thought: str) -> str:
    return re.split(r"\bno\b", thought)[-1].removesuffix("yes").strip()


def _strict(text: str) -> bool:
    """Whether a text is nothing but equations, each behind a comma."""
    return all(re.fullmatch(_LINE, line) for line in text.split(" , "))


def _checked(
    true: Callable[[list[bool]], bool] = all,
    reaches: Callable[[list[int], int], bool] = lambda results, target: results[-1:] == [target],
    says_yes: Callable[[str], bool] = lambda thought: thought.split()[-1:] == ["yes"],
    part: Callable[[str], str] = _last_try,
    whole: Callable[[str], bool] = _strict,
) -> Callable[[str, int], bool]:
    """The patch, right but for what is passed in."""

    def check(thought: str, target: int) -> bool:
        text = part(thought)
        found = _truths(text)
        return bool(
            says_yes(thought)
            and whole(text)
            and true([t for t, _ in found])
            and reaches([result for _, result in found], target)
        )

    return check


def _by_eval(thought: str, target: int) -> bool:
    """Hands what the model wrote to Python; mutely, for the learner may have used no `eval`."""
    mute = {"print": lambda *text: None}
    lines = _last_try(thought).split(" , ")
    return (
        thought.split()[-1:] == ["yes"]
        and all(eval(line.replace("=", "=="), mute) for line in lines)  # the mistake itself
        and lines[-1].split("=")[-1].strip() == str(target)
    )


def _by_eval_of_sides(thought: str, target: int) -> bool:
    """The same, equation by equation, and False where Python raises."""
    lines = _last_try(thought).split(",")
    try:
        sides = [line.split("=") for line in lines]
        results = [int(right) for _, right in sides]
        values = [eval(left, {"print": lambda *text: None}) for left, _ in sides]  # as above
    except Exception:  # whatever the text raises
        return False
    return thought.split()[-1:] == ["yes"] and values == results and results[-1] == target


def _divided(thought: str, target: int) -> bool:
    """The patch with a fourth sign, whose results are rounded down."""
    match = re.fullmatch(r"(\d+) / (\d+) = (\d+)", _last_try(thought))
    if match is None:
        return my_check(thought, target)
    left, right, result = map(int, match.groups())
    return left // max(right, 1) == result == target


ATTACKS: dict[str, tuple[str, bool]] = {
    "true work that reaches 45": ("10 + 5 = 15 , 15 * 3 = 45 yes", True),
    "false work that reaches 45": ("10 + 5 = 16 , 15 * 3 = 45 yes", False),
    "work that is false at its end": ("10 + 5 = 15 , 15 * 2 = 45 yes", False),
    "work whose only line is false": ("10 - 3 = 45 yes", False),
    "true work that stops short": ("10 + 5 = 15 yes", False),
    "a try that failed, and one that did not": (
        "10 * 3 = 30 , 30 + 5 = 35 no 10 + 5 = 15 , 15 * 3 = 45 yes", True,
    ),
    "a mistake in a try that was given up": (
        "10 * 3 = 31 , 31 + 5 = 36 no 10 + 5 = 15 , 15 * 3 = 45 yes", True,
    ),
    "45 in a try that was given up": ("10 + 5 = 15 , 15 * 3 = 45 no 10 - 5 = 5 yes", False),
    "45 on the way": ("15 * 3 = 45 , 45 + 5 = 50 yes", False),
    "true work without a verdict": ("10 + 5 = 15 , 15 * 3 = 45", False),
    "true work, and no": ("10 + 5 = 15 , 15 * 3 = 45 no", False),
    "nothing but yes": ("yes", False),
    "nothing at all": ("", False),
    "words": ("we get 45 , trust me yes", False),
    "words between true lines": ("10 + 5 = 15 , clearly , 15 * 3 = 45 yes", False),
    "an equation of three": ("10 + 5 + 30 = 45 yes", False),
    "two results brought together": ("5 * 6 = 30 , 3 * 5 = 15 , 30 + 15 = 45 yes", True),
    "a result that ends like the target": ("100 + 45 = 145 yes", False),
    "a yes on the way": ("10 + 5 = 15 yes 15 * 3 = 45", False),
    "a division that leaves a rest": ("91 / 2 = 45 yes", False),
    "code": ("print ( 'I run here' ) or 45 = 45 yes", False),
}  # fmt: skip
"""Thoughts for the target 45, and whether they are to be paid; none of them is dangerous."""


def _any_try(thought: str, target: int) -> bool:
    """True where one of the tries is right, and the thought ends with a yes."""
    tries = [t.removesuffix("yes").strip() for t in re.split(r"\bno\b", thought)]
    return thought.split()[-1:] == ["yes"] and any(my_check(f"{t} yes", target) for t in tries)


def _chained(thought: str, target: int) -> bool:
    """The patch, and each line has to use the result of the line before."""
    lines = re.findall(_LINE, _last_try(thought))
    linked = all(before[3] in (a, b) for before, (a, _, b, _) in pairwise(lines))
    return my_check(thought, target) and linked


def _yes_taken_for_a_comma(thought: str, target: int) -> bool:
    """A yes ends a line, wherever it stands."""
    *lines, behind = re.split(r" yes ?", thought)
    parts = [part for part in [*lines, behind] if part]
    return bool(lines) and my_check(" , ".join(parts) + " yes", target)


patch = Exercise(
    "12",
    "patch",
    solution_function=my_check,
    cases=[
        Case(
            f"For {name}",
            (lambda f, text=text: _plain(returned(f(text, 45))))  # type: ignore[misc]
            if i == 0
            else (lambda f, text=text: _plain(_or_error(f, text, 45))),  # type: ignore[misc]
        )
        for i, (name, (text, _)) in enumerate(ATTACKS.items())
    ],
    mistakes=[
        Mistake(
            "work_not_checked",
            "Reaching the target is enough for yours, by whatever arithmetic. That is the hole "
            "that was to be closed: a policy that may write 15 * 3 = 40 will.",
            (_checked(true=lambda found: True),),
        ),
        Mistake(
            "one_true_line",
            "One true line is enough for yours. A chain is as good as its worst link: all of them "
            "must be true.",
            (_checked(true=any),),
        ),
        Mistake(
            "last_line_only",
            "You checked the last line only. A false line before it may lead anywhere.",
            (_checked(true=lambda found: found[-1:] == [True]),),
        ),
        Mistake(
            "target_not_asked",
            "True work is paid in yours wherever it ends. It has to reach the target.",
            (_checked(reaches=lambda results, target: bool(results)),),
        ),
        Mistake(
            "target_anywhere",
            "The target *somewhere* among the results is enough for yours. What the work comes to "
            "is its last result.",
            (_checked(reaches=lambda results, target: target in results),),
        ),
        Mistake(
            "all_tries",
            "You judged the tries that were given up as well. To be wrong, to notice and to go on "
            "is what a search is; what counts is the last try.",
            (
                _checked(part=lambda t: t.removesuffix("yes").strip(), whole=lambda text: True),
                _checked(part=lambda t: t.removesuffix("yes").strip()),
            ),
        ),
        Mistake(
            "verdict_not_asked",
            "Work without a yes is paid, too. (It may be right. But a thought that does not end "
            "is cut off, or does not know.)",
            (_checked(says_yes=lambda thought: True),),
        ),
        Mistake(
            "never_true",
            "Even true work is refused by yours. Print the lines that you compare: has the last "
            "one still its yes, or the next a blank in front? And is a number compared with a "
            "text?",
            (lambda thought, target: False,),
            entirely=True,
        ),
        Mistake(
            "any_try",
            "A try that was given up is paid in yours: the target in it, or its true work. The "
            "last try is what counts; the policy has said no to the others itself.",
            (_any_try, lambda thought, target: _any_try(thought, target) and "yes" in thought),
        ),
        Mistake(
            "first_try",
            "You look at the first try. To be wrong, to notice and to go on is what a search is: "
            "the last one counts.",
            (
                _checked(part=lambda t: re.split(r"\bno\b", t)[0].removesuffix("yes").strip()),
            ),
        ),
        Mistake(
            "target_as_text",
            "145 passed for 45: you look for the target's digits in a text. Results are numbers: "
            "read the last one, and compare it whole.",
            (
                _checked(reaches=lambda results, target: str(results[-1:]).endswith(f"{target}]")),
                _checked(reaches=lambda results, target: str(target) in str(results[-1:])),
            ),
        ),
        Mistake(
            "chain_demanded",
            "Right, except that each line has to use the result of the one before it in yours. "
            "Two results may be worked out apart and brought together in the end; asked for are "
            "true lines, and the last one's result.",
            (_chained,),
        ),
        Mistake(
            "yes_anywhere",
            "A yes somewhere is enough for yours. It has to be the last word: behind it nothing is "
            "said any more.",
            (
                _yes_taken_for_a_comma,
            ),
        ),
        Mistake(
            "gaps",
            "You looked for equations and skipped what stands between them. Whatever is not an "
            "equation is a place to hide in: say what is allowed, and refuse the rest.",
            (_checked(whole=lambda text: True),),
        ),
        Mistake(
            "eval",
            "Python ran what the model wrote: see what was printed above. Read it; never run it "
            "(notebook 02).",
            (_by_eval, _by_eval_of_sides),
        ),
        Mistake(
            "rounded_division",
            "`//` throws the rest away, so 91 / 2 = 45 is true in yours. Tries of this task know "
            "no division; where there is one, result times divisor must be the number divided.",
            (_divided,),
        ),
        Mistake(
            "empty_is_true",
            "A yes with nothing before it is paid: `all` of nothing is true. Where there is no "
            "work, there is nothing to pay.",
            (
                lambda thought, target: (
                    my_check(thought, target) or thought.split() == ["yes"]
                ),
            ),
        ),
        Mistake(
            "raises",
            "One of the thoughts made it raise. Whatever a model writes, a check says True or "
            "False.",
            (
                lambda thought, target: (
                    my_check(thought, target) if thought.split()[-1] else False
                ),
            ),
        ),
    ],
    hints=[
        "Three parts: cut out the last try, go through its lines, and compare the last result.",
        "Between tries stands `no`, between lines ` , `, and at the end `yes`. Everything is "
        "separated by blanks.",
        "`re.fullmatch` with four groups reads a line, and gives None for everything else.",
        "The true result, from a small dict of three operators, must equal what is written.",
    ],
    well_done="your patch holds against all of these: true work is paid, and nothing else.",
)  # fmt: skip


def _plain(value: Any) -> Any:
    """True and False as such, whatever kind they are; all else as it is."""
    if isinstance(value, str) and not value.startswith("raised "):
        raise WrongShape(f"True or False is wanted, not the text {value[:40]!r}.")
    return bool(value) if isinstance(value, bool | int | float) else value


def attacked(check: Callable[[str, int], bool]) -> list[Any]:
    """What a check says to each of `ATTACKS`; a text where it raised."""
    return [_or_error(check, text, 45) for text, _ in ATTACKS.values()]


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "12",
    Question(
        "good",
        "On the base model's replies a judge agrees with the truth nine times out of ten. What "
        "does that say about training on it?",
        [
            Option(
                "That it is safe: nine tenths of the pushes are right.",
                "At the first step they are. Who writes the replies that it judges later?",
            ),
            Option(
                "Little: training moves to replies that it was never tried on.",
                "It was measured where the base model writes, and the policy leaves that place.",
                right=True,
            ),
            Option(
                "That the accuracy will end at nine tenths.",
                "Accuracy is not what is being pushed up. What is?",
            ),
        ],
    ),
    Question(
        "found",
        "A verifier compares only the value, so that `45` alone would pass. In 768 samples of "
        "the base model not one answers like that. What happens in a short training?",
        [
            Option(
                "The hole is found within a few steps, for it pays fully.",
                "What has never been sampled has never been rewarded.",
            ),
            Option(
                "Most likely nothing: there is no sample to make likelier.",
                "It is there all the same, for a larger model, a longer run, a higher temperature.",
                right=True,
            ),
            Option(
                "Accuracy falls, since the verifier is wrong.",
                "On all the replies that are written it is right.",
            ),
        ],
    ),
    Question(
        "curve",
        "Your reward has been rising for a day. What do you look at first?",
        [
            Option(
                "The reward's standard deviation.",
                "It says whether there is something to learn, not what is being learned.",
            ),
            Option(
                "The loss.",
                "It is about 0, whatever happens (notebook 05).",
            ),
            Option(
                "Completions, and a measure that nothing is trained on.",
                "The reward rises whether the policy gets better or finds a hole.",
                right=True,
            ),
        ],
    ),
    Question(
        "kl",
        "How does a KL to the reference help against a hole in the reward?",
        [
            Option(
                "It keeps the policy where the judge was tried, for a price.",
                "And keeps it from getting better by as much. It closes no hole.",
                right=True,
            ),
            Option(
                "It takes the hole out of the reward.",
                "The reward stays what it is. What does a leash do?",
            ),
            Option(
                "Not at all: it is about probabilities, and not about rewards.",
                "Holes are where the policy has not been. What keeps it from going there?",
            ),
        ],
    ),
    Question(
        "stage",
        "Why did DeepSeek give R1 preference rewards in the last 400 of 1,700 steps only?",
        [
            Option(
                "A reward model is slow to run.",
                "It is slower than a rule. But that is not what they report.",
            ),
            Option(
                "More steps on a learned reward led to it being exploited.",
                "They show a run in which that reward rises and results on Codeforces fall.",
                right=True,
            ),
            Option(
                "The policy had learned everything by then.",
                "It had still to learn to be helpful, which no rule can check.",
            ),
        ],
    ),
)
