"""The mistakes that the exercise `best_of` of lesson 12 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson12.best_of_exercise import best_of


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


@best_of.mistake(
    "You chose by the truth. If it were known, no proxy would be needed; the point is to choose "
    "by the proxy and to measure by the truth."
)
def chosen_by_the_truth() -> WrongAnswers:
    yield lambda p, t, n: t[:, :n].max(dim=1).values.mean()
    yield lambda p, t, n: p[torch.arange(len(p)), t[:, :n].argmax(dim=1)].mean()


@best_of.mistake(
    "That is the *proxy* reward of its choice, which can only rise with n. How often is the "
    "choice right?"
)
def the_proxy_of_the_best() -> WrongAnswers:
    yield _chosen(what=lambda proxy, truth: proxy)


@best_of.mistake("You chose among all completions of the group, whatever n is.")
def all_of_the_group() -> WrongAnswers:
    yield _chosen(lambda proxy, n: proxy.argmax(dim=1))


@best_of.mistake(
    "You chose among the last n. (That is an equally good sample; this exercise asks for the "
    "first n.)"
)
def the_last_n() -> WrongAnswers:
    yield _chosen(lambda proxy, n: proxy[:, -n:].argmax(dim=1) + proxy.shape[1] - n)


@best_of.mistake("You chose the completion of the *lowest* proxy.")
def worst() -> WrongAnswers:
    yield _chosen(lambda proxy, n: proxy[:, :n].argmin(dim=1))


@best_of.mistake("You averaged over the n. Choose one of them: the best by the proxy.")
def mean_of_n() -> WrongAnswers:
    yield lambda p, t, n: t[:, :n].mean()
    yield lambda p, t, n: (p[:, :n] * t[:, :n]).mean()
    yield lambda p, t, n: t.gather(1, p.topk(n, dim=1).indices).mean()


@best_of.mistake(
    "Right, except for ties: choose the first of the highest, not the last, and not a mean of all."
)
def another_of_the_tie() -> WrongAnswers:
    yield _chosen(lambda proxy, n: n - 1 - proxy[:, :n].flip(1).argmax(dim=1))
    yield lambda p, t, n: t[:, :n][p[:, :n] == p[:, :n].amax(dim=1, keepdim=True)].mean()
    yield _mean_of_tied


@best_of.mistake(
    "`truth[:, best]` takes *all* those columns from every row. You need one element per row, so "
    "index the rows too."
)
def every_row() -> WrongAnswers:
    yield lambda p, t, n: t[:, _pick(p, n)].mean()


@best_of.mistake("You summed over the groups. Return a mean.")
def sum_() -> WrongAnswers:
    yield lambda p, t, n: t[torch.arange(len(p)), _pick(p, n)].sum()


@best_of.mistake(
    "You chose one completion from *all* groups. Every group is a problem of its own: choose one "
    "completion in each."
)
def one_for_all_groups() -> WrongAnswers:
    yield lambda p, t, n: t[:, :n].flatten()[p[:, :n].argmax()]
    yield lambda p, t, n: t.flatten()[p[:, :n].argmax()]


@best_of.mistake("You chose down the columns, across problems. A row is a group.")
def wrong_axis() -> WrongAnswers:
    yield lambda p, t, n: t[p[:, :n].argmax(dim=0), torch.arange(n)].mean()


@best_of.mistake(
    "You choose among one more than n, or one fewer. `[:, :n]` has the columns 0 to n - 1, n of "
    "them."
)
def one_off() -> WrongAnswers:
    yield _chosen(lambda proxy, n: proxy[:, : max(n - 1, 1)].argmax(dim=1))
    yield _chosen(lambda proxy, n: proxy[:, : n + 1].argmax(dim=1))


@best_of.mistake("You do not use the proxy: you take the first of each group, or the n-th.")
def nothing_chosen() -> WrongAnswers:
    yield lambda p, t, n: t[:, 0].mean()
    yield lambda p, t, n: t[:, n - 1].mean()


@best_of.mistake(
    "You weighted all n by the proxy, or multiplied the two. Choose one reply, the best by the "
    "proxy, and return its truth."
)
def weighed() -> WrongAnswers:
    yield lambda p, t, n: (torch.softmax(p[:, :n], dim=1) * t[:, :n]).sum(dim=1).mean()
    yield lambda p, t, n: (p[:, :n] * t[:, :n]).amax(dim=1).mean()
    yield lambda p, t, n: (
        (p[:, :n] * t[:, :n]).sum(dim=1) / p[:, :n].sum(dim=1).clamp(min=1e-6)
    ).mean()


@best_of.mistake(
    "You took the median over the groups. Return the mean: the fraction that is right."
)
def median() -> WrongAnswers:
    yield lambda p, t, n: t[torch.arange(len(p)), _pick(p, n)].median()
