"""Lesson 10, R1's pipeline: its checks, its mistakes, its quiz."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import (
    Case,
    Exercise,
    Mistake,
    WrongShape,
    number,
    returned,
    tensor,
)
from grpo_core.lessons.quiz import Option, Question, Quiz
from grpo_core.pipeline.select import unreadable

# --- exercise 1: the loss of fine-tuning ----------------------------------------------------------

_PAD = 2  # the end token pads, too, as with many models


def my_sft_loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    """Logits (N, T, V), ids (N, T), where prompts and rows end -> loss."""
    logprobs = torch.log_softmax(logits[:, :-1], dim=2)
    targets = ids[:, 1:]
    chosen = logprobs.gather(2, targets.unsqueeze(2)).squeeze(2)
    position = torch.arange(1, ids.shape[1])
    learned = (position >= prompts.unsqueeze(1)) & (position < lengths.unsqueeze(1))
    return -chosen[learned].mean()


def _batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three rows: prompts of 4, 3 and 2 tokens, completions of 4, 2 and 1 with their end."""
    logits = 2 * torch.randn(3, 9, 6, generator=torch.Generator().manual_seed(6))
    rows = ([1, 4, 3, 5, 3, 5, 4], [1, 3, 5, 4], [1, 4])
    ids = torch.full((3, 9), _PAD)  # what is left of a row is its end token, and padding
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return logits, ids, torch.tensor([4, 3, 2]), torch.tensor([8, 5, 3])


def _nll(logits: Tensor, ids: Tensor, shift: int = 1) -> Tensor:
    """(N, T) minus log-probs of each token; position 0 is not predicted and holds 0."""
    result = torch.zeros(ids.shape)
    size = ids.shape[1]
    for t in range(size):
        if 0 <= t - shift < size:
            scores = torch.log_softmax(logits[:, t - shift], dim=1)
            result[:, t] = -scores.gather(1, ids[:, t : t + 1])[:, 0]
    return result


def _sft(
    mask: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] | None = None,
    total: Callable[[Tensor, Tensor], Tensor] = lambda x, m: (x * m).sum() / m.sum(),
    shift: int = 1,
) -> Callable[..., Tensor]:
    """The loss, right but for what is passed in. `mask` gets position, ids, prompts, lengths."""
    choose = mask or (lambda t, ids, p, n: (t >= p) & (t < n))

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        position = torch.arange(ids.shape[1]).expand(ids.shape)
        chosen = choose(position, ids, prompts.unsqueeze(1), lengths.unsqueeze(1)) & (position > 0)
        return total(_nll(logits, ids, shift), chosen.float())

    return loss


def _scored(scores: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """The loss with something else than log-probabilities: `scores` gets the logits (N, T, V)."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        chosen = scores(logits[:, :-1]).gather(2, ids[:, 1:].unsqueeze(2)).squeeze(2)
        position = torch.arange(1, ids.shape[1])
        learned = (position >= prompts.unsqueeze(1)) & (position < lengths.unsqueeze(1))
        return -chosen[learned].mean()

    return loss


def _row_means(x: Tensor, mask: Tensor) -> Tensor:
    return ((x * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def _labelled(ids: Tensor, prompts: Tensor, lengths: Tensor, nothing: int) -> tuple[Tensor, Tensor]:
    """Labels (N, T - 1) with something else where nothing is learned, and where that is."""
    position = torch.arange(1, ids.shape[1])
    learned = (position >= prompts.unsqueeze(1)) & (position < lengths.unsqueeze(1))
    return torch.where(learned, ids[:, 1:], nothing), learned


def _labels_of_zero(
    average: Callable[[Tensor, Tensor], Tensor],
) -> Callable[..., Tensor]:
    """The cross entropy with a label of 0 for what is not learned; `average` gets the mask."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        labels, learned = _labelled(ids, prompts, lengths, 0)
        each = torch.nn.functional.cross_entropy(logits[:, :-1].mT, labels, reduction="none")
        return average(each, learned)

    return loss


def _scores_of_zero(
    average: Callable[[Tensor, Tensor], Tensor],
) -> Callable[..., Tensor]:
    """The loss with scores of 0 where nothing is learned; `average` gets the mask."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        _, learned = _labelled(ids, prompts, lengths, 0)
        scores = logits[:, :-1] * learned.unsqueeze(2)
        each = torch.nn.functional.cross_entropy(scores.mT, ids[:, 1:], reduction="none")
        return average(each, learned)

    return loss


def _over(count: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The sum over what is learned, over something counted from prompts and lengths."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        summed = _sft(total=lambda x, m: (x * m).sum())(logits, ids, prompts, lengths)
        return summed / count(prompts, lengths)

    return loss


def _own_token(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    """Logits and ids both cut at their end: each position is asked for what it has just read."""
    _, learned = _labelled(ids, prompts, lengths, 0)
    chosen = torch.log_softmax(logits[:, :-1], dim=2).gather(2, ids[:, :-1, None])[..., 0]
    return -chosen[learned].mean()


def _gradient(f: Callable[..., Any]) -> Tensor:
    """The gradient of the loss by the logits; NaN where none comes of it."""
    logits, *rest = _batch()
    loss = tensor(f(logits.requires_grad_(), *rest))
    gradient = None
    if loss.requires_grad:
        (gradient,) = torch.autograd.grad(loss.sum(), logits, allow_unused=True)
    return torch.full_like(logits, float("nan")) if gradient is None else gradient


sft_loss = Exercise(
    "10",
    "sft_loss",
    solution_function=my_sft_loss,
    cases=[
        Case("For three completions of 4, 2 and 1 tokens", lambda f: number(f(*_batch()))),
        Case("For the gradient of the same by the logits", _gradient),
    ],
    mistakes=[
        Mistake(
            "prompt_learned",
            "Your model learns to write the prompts too. They are given to it, whatever it does: "
            "only what comes behind them counts.",
            (_sft(lambda t, ids, p, n: t < n),),
        ),
        Mistake(
            "no_shift",
            "You scored each token by the logits of its own position. Those have seen the token "
            "already: they say what comes *next*.",
            (_sft(shift=0), _own_token),
        ),
        Mistake(
            "shifted_the_other_way",
            "You scored each token by the logits of the position behind it. A token is predicted "
            "from the one before.",
            (_sft(shift=-1),),
        ),
        Mistake(
            "first_token_left_out",
            "The first token of each completion is missing. It is predicted too, by the prompt's "
            "last position; for the shortest completion here it is all there is.",
            (_sft(lambda t, ids, p, n: (t > p) & (t < n)),),
        ),
        Mistake(
            "last_prompt_token_learned",
            "The last token of each prompt is among those learned. Your mask begins one too early: "
            "what counts is the position of the token, not of the logits that predict it.",
            (_sft(lambda t, ids, p, n: (t >= p - 1) & (t < n)),),
        ),
        Mistake(
            "padding_learned",
            "Padding counts in your loss: what stands behind the end of a row is no token.",
            (_sft(lambda t, ids, p, n: t >= p),),
        ),
        Mistake(
            "divided_by_all",
            "What does not count is 0 in your sum, and counts when you divide: the mean goes over "
            "the tokens that are learned, and there are fewer of them than positions.",
            (
                _sft(total=lambda x, m: (x * m).mean()),
                _sft(total=lambda x, m: (x * m)[:, 1:].mean()),
            ),
        ),
        Mistake(
            "divided_by_lengths",
            "You divided by the lengths of whole rows, or of the prompts. The mean goes over what "
            "is learned, the tokens of the completions.",
            (
                _over(lambda prompts, lengths: lengths.sum()),
                _over(lambda prompts, lengths: (lengths - 1).sum()),
                _over(lambda prompts, lengths: prompts.sum()),
            ),
        ),
        Mistake(
            "labels_of_zero",
            "What is not to be learned has the label 0 in yours. That is a word of the vocabulary, "
            "and the model learns to write it. `cross_entropy` leaves out the label -100, or "
            "whatever it is told by `ignore_index`; or pick out what counts afterwards.",
            (
                _labels_of_zero(lambda x, m: x.mean()),
                _labels_of_zero(lambda x, m: x.sum() / m.sum()),
            ),
        ),
        Mistake(
            "scores_of_zero",
            "You set the *scores* to 0 where nothing is to be learned. Scores of 0 are a policy "
            "too, one that finds every word equally likely, and its loss is not 0. Mask what "
            "comes out, and not what goes in.",
            (
                _scores_of_zero(lambda x, m: x.mean()),
                _scores_of_zero(lambda x, m: x.sum() / m.sum()),
            ),
        ),
        Mistake(
            "likeliest",
            "You took the likeliest word at every position, whatever stands there. What is learned "
            "is the word of the trace.",
            (
                lambda logits, ids, p, n: (
                    -torch.log_softmax(logits[:, :-1], dim=2)
                    .amax(dim=2)[_labelled(ids, p, n, 0)[1]]
                    .mean()
                ),
            ),
        ),
        Mistake(
            "logarithm_of_the_mean",
            "You averaged probabilities and took the logarithm of the mean, or an exponential of "
            "the loss. The logarithm of each token comes first; their mean is the loss.",
            (
                lambda *x: -(-_scored(lambda z: torch.softmax(z, dim=2))(*x)).log(),
                lambda *x: my_sft_loss(*x).exp(),
            ),
        ),
        Mistake(
            "no_gradient",
            "The value is right, and no gradient comes of it: an optimizer needs the tensor, "
            "not what `.item()`, `.detach()` or `torch.no_grad()` makes of it.",
            (lambda *x: my_sft_loss(*x).detach(),),
        ),
        Mistake(
            "nothing_masked",
            "Everything counts in your loss, prompts and padding included.",
            (_sft(lambda t, ids, p, n: t >= 0),),
        ),
        Mistake(
            "mask_not_shifted",
            "Your mask comes one too late at both ends: it says which *tokens* count, so where you "
            "drop the first of the ids, drop the first of the mask, and not its last.",
            (_sft(lambda t, ids, p, n: (t > p) & (t <= n)),),
        ),
        Mistake(
            "one_behind_the_end",
            "One token too many is learned in each row, the first of the padding. Positions are "
            "counted from 0, so a row of 8 tokens ends at position 7.",
            (_sft(lambda t, ids, p, n: (t >= p) & (t <= n)),),
        ),
        Mistake(
            "lengths_of_completions",
            "You took `lengths` for those of the completions. They are those of whole rows, "
            "prompts included.",
            (_sft(lambda t, ids, p, n: (t >= p) & (t < p + n)),),
        ),
        Mistake(
            "no_logarithm",
            "You took probabilities, or the logits themselves. The formula has the logarithm of "
            "the probability.",
            (_scored(lambda x: torch.softmax(x, dim=2)), _scored(lambda x: x)),
        ),
        Mistake(
            "wrong_axis",
            "Your probabilities add up to 1 over the positions, or over the rows. They are to do "
            "so over the words of the vocabulary, the last axis.",
            (
                _scored(lambda x: torch.log_softmax(x, dim=1)),
                _scored(lambda x: torch.log_softmax(x, dim=0)),
            ),
        ),
        Mistake(
            "end_left_out",
            "The end token is not learned, so the model will not know how to stop. Here the "
            "padding has the same id as the end: masking by id takes both. Go by the lengths.",
            (
                _sft(lambda t, ids, p, n: (t >= p) & (ids != _PAD)),
                _sft(lambda t, ids, p, n: (t >= p) & (t < n - 1)),
            ),
        ),
        Mistake(
            "mean_of_means",
            "You took each trace's mean, and then the mean of those. Then a token of a short trace "
            "counts more than one of a long trace: here, four times. Sum all, divide once.",
            (_sft(total=_row_means),),
        ),
        Mistake(
            "summed",
            "You added up and did not divide: the loss of a large batch would be large.",
            (
                _sft(total=lambda x, m: (x * m).sum()),
                _sft(total=lambda x, m: (x * m).sum() / len(x)),
            ),
        ),
        Mistake(
            "sign",
            "Your loss is below 0: you return the log-probability. A loss is made small, and this "
            "one would be made small by forgetting the traces.",
            (_sft(total=lambda x, m: -(x * m).sum() / m.sum()),),
        ),
    ],
    hints=[
        "Four steps: log-probs, those of the tokens that stand there, which of them count, a mean.",
        "The logits at position t predict the token at t + 1. So drop the last logits and the "
        "first ids, and the two fit each other.",
        "A row's completion is at the positions from its prompt's length up to, not including, its "
        "length. Compare `torch.arange` with both, after `unsqueeze(1)`.",
    ],
    well_done="your loss learns the completions, their ends included, and nothing else.",
)


# --- exercise 2: one language ---------------------------------------------------------------------


def my_language(completion: str) -> float:
    """The share of the thought's verdicts that are English; 1 where there are none."""
    thought = completion.split("<think>")[-1].split("</think>")[0]
    words = thought.split()
    english = sum(word in ("yes", "no") for word in words)
    german = sum(word in ("ja", "nein") for word in words)
    return english / (english + german) if english + german else 1.0


def _thought(text: str) -> str:
    return text.split("<think>")[-1].split("</think>")[0]


def _speaks(
    read: Callable[[str], str] = _thought,
    words: Callable[[str], list[str]] = str.split,
    share: Callable[[int, int, int], float] = lambda e, g, n: e / (e + g),
    nothing: float = 1.0,
) -> Callable[[str], float]:
    """The reward, right but for what is passed in; `share` gets English, German and all words."""

    def reward(completion: str) -> float:
        said = words(read(completion))
        english = sum(word in ("yes", "no") for word in said)
        german = sum(word in ("ja", "nein") for word in said)
        return share(english, german, len(said)) if english + german else nothing

    return reward


def _by_substring(text: str) -> float:
    thought = _thought(text)
    english = thought.count("yes") + thought.count("no")
    german = thought.count("ja") + thought.count("nein")
    return english / (english + german) if english + german else 1.0


def _by_the_last(text: str) -> float:
    said = [word for word in _thought(text).split() if word in ("yes", "no", "ja", "nein")]
    return float(not said or said[-1] in ("yes", "no"))


def _by_the_first(text: str) -> float:
    said = [word for word in _thought(text).split() if word in ("yes", "no", "ja", "nein")]
    return float(not said or said[0] in ("yes", "no"))


def _by_beginning(text: str) -> float:
    words = _thought(text).split()
    english = sum(word.startswith(("yes", "no")) for word in words)
    german = sum(word.startswith(("ja", "nein")) for word in words)
    return english / (english + german) if english + german else 1.0


def _of_one_kind(english: str, german: str) -> Callable[[str], float]:
    return _speaks(words=lambda text: [word for word in text.split() if word in (english, german)])


_THOUGHTS = {
    "a thought with three English verdicts and two German": (
        "<think> 3 - 1 = 2 no 3 - 3 = 0 nein 1 - 1 = 0 nein 3 * 1 = 3 no 1 + 3 = 4 yes </think> "
        "<answer> 1 + 3 </answer>"
    ),
    "a thought that is German throughout": "<think> 3 - 1 = 2 nein 3 + 1 = 4 ja </think>",
    "an English thought with German behind it": (
        "<think> 3 + 1 = 4 yes </think> <answer> ja ja ja </answer>"
    ),
    "a thought with words that begin like verdicts": "<think> nobody knows January nein </think>",
    "a thought that is German until its last verdict": (
        "<think> 3 - 1 = 2 nein 3 * 1 = 3 nein 3 + 1 = 4 yes </think>"
    ),
    "a thought that is English at first": (
        "<think> 2 - 1 = 1 no 3 * 1 = 3 nein 3 + 1 = 4 ja </think>"
    ),
    "a thought without any verdict": "<think> 3 + 1 = 4 </think> <answer> 3 + 1 </answer>",
    "a German thought with English before it": "yes , yes : <think> 3 + 1 = 4 ja </think>",
}

language = Exercise(
    "10",
    "language",
    solution_function=my_language,
    cases=[
        Case(f"For {name}", lambda f, text=text: number(f(text)))  # type: ignore[misc]
        for name, text in _THOUGHTS.items()
    ],
    mistakes=[
        Mistake(
            "all_words",
            "You divided by all words of the thought. Numbers and signs are the same in every "
            "language: then a thought that calculates more would look less English.",
            (
                _speaks(share=lambda e, g, n: e / n),
                _speaks(share=lambda e, g, n: e / n, nothing=0.0),
                _speaks(share=lambda e, g, n: 1 - g / n),
            ),
        ),
        Mistake(
            "all_or_nothing",
            "You pay for a thought that is English, all or most of it, and nothing for others. One "
            "word of twenty in German then costs as much as twenty do; a share says how far it is.",
            (
                _speaks(share=lambda e, g, n: float(g == 0)),
                _speaks(share=lambda e, g, n: float(e > g)),
            ),
        ),
        Mistake(
            "last_verdict",
            "You look at one verdict, the last or the first. The others are read, too.",
            (_by_the_last, _by_the_first),
        ),
        Mistake(
            "counted",
            "That is how *many* verdicts are English, or how many more than German. Asked for is "
            "a share, between 0 and 1: a long thought is not worth more than a short one.",
            (
                _speaks(share=lambda e, g, n: e),
                _speaks(share=lambda e, g, n: e - g),
                _speaks(share=lambda e, g, n: (e - g) / (e + g)),
                _speaks(share=lambda e, g, n: 100 * e / (e + g)),
            ),
        ),
        Mistake(
            "behind_the_thought",
            "You read what stands behind the thought. The reward is for the thought itself: what "
            "is between its two tags.",
            (
                _speaks(read=lambda text: text.split("</think>")[-1]),
                _speaks(read=lambda text: text.split("<answer>")[-1]),
            ),
        ),
        Mistake(
            "before_the_thought",
            "Right, except that what stands *before* the thought counts as well: of the text up to "
            "`</think>` the thought is what follows `<think>`.",
            (_speaks(read=lambda text: text.split("</think>")[0]),),
        ),
        Mistake(
            "only_no",
            "You counted one word of each language. *Yes* and *ja* are verdicts, and so are *no* "
            "and *nein*.",
            (_of_one_kind("no", "nein"), _of_one_kind("yes", "ja")),
        ),
        Mistake(
            "ratio",
            "You divided English by German. A share is a part of the whole: of both together.",
            (_speaks(share=lambda e, g, n: e / g if g else 1.0),),
        ),
        Mistake(
            "either_language",
            "You pay for *one* language, whichever it is. Asked for is English: a thought that is "
            "German throughout earns 0.",
            (_speaks(share=lambda e, g, n: max(e, g) / (e + g)),),
        ),
        Mistake(
            "german",
            "That is the share of the *other* language: you would teach the model German.",
            (_speaks(share=lambda e, g, n: g / (e + g)),),
        ),
        Mistake(
            "kinds_of_words",
            "You counted which words occur, not how often. A thought with twenty times no and one "
            "nein is not half German.",
            (_speaks(words=lambda text: list(set(text.split()))),),
        ),
        Mistake(
            "answer_counted",
            "You looked at the whole completion. The reward is for the thought: what stands "
            "between the tags of the answer is the verifier's business.",
            (_speaks(read=lambda text: text),),
        ),
        Mistake(
            "substrings",
            "You counted letters, not words: `count` finds a no in nobody, and a ja in January "
            "would be next. Split the text first.",
            (_by_substring, _by_beginning),
        ),
        Mistake(
            "nothing_pays_nothing",
            "A thought without verdicts earned 0. Nothing in it is in a wrong language; paid 0, it "
            "would be paid for checking more, which is not what this reward is for.",
            (_speaks(nothing=0.0), _speaks(nothing=0.5)),
        ),
    ],
    hints=[
        "First the thought: what stands between its two tags. Then its words. Then two counts.",
        "`text.split(tag)` gives what is before and behind a tag.",
        "The denominator is the number of verdicts, in both languages together. What if it is 0?",
    ],
    well_done="your reward pays for the language of a thought, and for nothing besides.",
)


# --- exercise 3: what is worth imitating ----------------------------------------------------------


def my_selection(completions: list[str], right: list[bool], most: int) -> list[int]:
    """Completions of one problem -> the numbers of those to keep, in their order."""
    kept: list[int] = []
    for i, text in enumerate(completions):
        is_new = all(text != completions[j] for j in kept)
        if right[i] and readable(text) and is_new and len(kept) < most:
            kept.append(i)
    return kept


def readable(completion: str) -> bool:
    """Well-formed, in English, and no line twice: the kit's own rule, given to the learner."""
    return not unreadable(completion)


def _trace(think: str, answer: str = "3 + 4") -> str:
    return f"<think> {think} </think> <answer> {answer} </answer>"


_SAMPLED: list[tuple[str, bool]] = [
    (_trace("4 - 3 = 1 no 3 * 4 = 12 no 3 + 4 = 7 yes"), True),
    (_trace("4 - 3 = 1 yes", "4 - 3"), False),
    (_trace("4 - 3 = 1 nein 3 + 4 = 7 yes"), True),
    (_trace("4 - 3 = 1 no 3 + 4 = 7 yes"), True),
    (_trace("4 - 3 = 1 no 3 * 4 = 12 no 3 + 4 = 7 yes"), True),
    ("3 + 4 </answer>", True),
    (_trace("3 + 4 = 7 yes"), True),
    (_trace("4 + 3 = 7 yes", "4 + 3"), True),
    (_trace("4 + 3 = 7 yes", "4 + 3"), True),
    (_trace("3 * 4 = 12 no 3 + 4 = 7 yes"), True),
    ("4 - 3 </answer>", False),
]


def _selects(
    wanted: Callable[[str, bool], bool] = lambda text, right: right and readable(text),
    key: Callable[[str], str] | None = lambda text: text,
    limit: Callable[[int], int | None] = lambda most: most,
    order: Callable[[list[int], list[str]], list[int]] = lambda kept, texts: kept,
) -> Callable[..., list[int]]:
    """The selection, right but for what is passed in; `order` is applied before the limit."""

    def select(completions: list[str], right: list[bool], most: int) -> list[int]:
        good, seen = [], set()
        for i, (text, is_right) in enumerate(zip(completions, right, strict=True)):
            if not wanted(text, is_right):
                continue
            if key is not None and key(text) in seen:
                continue
            seen.add(key(text) if key is not None else text)
            good.append(i)
        return order(good, completions)[: limit(most)]

    return select


def _unlike_the_last(texts: list[str], right: list[bool], most: int) -> list[int]:
    good = [i for i, text in enumerate(texts) if right[i] and readable(text)]
    new = [i for j, i in enumerate(good) if j == 0 or texts[i] != texts[good[j - 1]]]
    return new[:most]


def _all_good(texts: list[str], right: list[bool], end: int) -> bool:
    """Whether everything before `end` is right and readable."""
    return all(right[i] and readable(texts[i]) for i in range(end))


def _last_of(texts: list[str], i: int) -> int:
    """The number of the last text that equals text i."""
    return max(j for j, text in enumerate(texts) if text == texts[i])


def _answer_of(text: str) -> str:
    return text.split("<answer>")[-1]


def _numbers(f: Callable[..., Any], sampled: list[tuple[str, bool]], most: int) -> list[int]:
    texts, right = [text for text, _ in sampled], [is_right for _, is_right in sampled]
    got = returned(f(list(texts), list(right), most))
    if isinstance(got, set | frozenset | dict):
        raise WrongShape("A list is wanted: the numbers of those to keep, in their order.")
    kept = list(got)
    if any(isinstance(i, bool) for i in kept):
        raise WrongShape("The numbers of those to keep are wanted, not a yes or no for each.")
    if any(isinstance(i, str) for i in kept):
        raise WrongShape("The numbers of the completions are wanted (0, 1, ...), not their texts.")
    return [int(i) for i in kept]


selection = Exercise(
    "10",
    "selection",
    solution_function=my_selection,
    cases=[
        Case("For eleven completions, of which three may stay", lambda f: _numbers(f, _SAMPLED, 3)),
        Case("For the same, when nine may stay", lambda f: _numbers(f, _SAMPLED, 9)),
        Case("For the same, when one may stay", lambda f: _numbers(f, _SAMPLED, 1)),
        Case("For two completions, both wrong", lambda f: _numbers(f, [_SAMPLED[1]] * 2, 3)),
    ],
    mistakes=[
        Mistake(
            "wrong_kept",
            "You keep wrong answers. They look like the right ones, and fine-tuning would teach "
            "them with the same force: nothing here says no afterwards.",
            (_selects(lambda text, right: readable(text)),),
        ),
        Mistake(
            "unreadable_kept",
            "You keep what is right and not readable: a thought in two languages, one without "
            "tags. A verifier does not mind, and a reader does.",
            (_selects(lambda text, right: right),),
        ),
        Mistake(
            "everything_kept",
            "You keep right and wrong, readable or not, so long as it is new. That is imitation of "
            "yourself: it changes nothing, on average.",
            (_selects(lambda text, right: True),),
        ),
        Mistake(
            "one_of_the_two",
            "You keep what is right *or* readable. Both are asked for.",
            (_selects(lambda text, right: right or readable(text)),),
        ),
        Mistake(
            "the_wrong_ones",
            "You keep what is to be thrown away: the wrong ones, or those that nobody can read.",
            (
                _selects(lambda text, right: not right),
                _selects(lambda text, right: not right and readable(text)),
                _selects(lambda text, right: right and not readable(text)),
            ),
        ),
        Mistake(
            "neighbours_compared",
            "You compare each text with the one before it only. Copies need not stand side by "
            "side: compare with all that were kept.",
            (_unlike_the_last,),
        ),
        Mistake(
            "stopped_early",
            "Your loop ends at the first one that is not kept. Go on to the next: whether one is "
            "bad says nothing about those behind it.",
            (
                lambda texts, right, most: [
                    i
                    for i in my_selection(texts, right, most)
                    if i == 0 or _all_good(texts, right, i)
                ],
            ),
        ),
        Mistake(
            "duplicates_kept",
            "The same text is kept twice. A model that is sure of itself writes the same again and "
            "again; easy problems would fill the data with copies.",
            (_selects(key=None),),
        ),
        Mistake(
            "one_per_answer",
            "Of two thoughts that end in the same answer you keep one. They are different traces: "
            "the way to the answer is what is to be learned.",
            (_selects(key=_answer_of),),
        ),
        Mistake(
            "no_limit",
            "You keep all that is good. Then a problem that is always solved has as many traces as "
            "it was sampled, and one that is solved once has one: the data gets easier than the "
            "problems are.",
            (_selects(limit=lambda most: None),),
        ),
        Mistake(
            "one_too_many",
            "You keep one more, or one fewer, than there may be.",
            (
                _selects(limit=lambda most: most + 1),
                _selects(limit=lambda most: most - 1),
            ),
        ),
        Mistake(
            "shortest_first",
            "You keep the shortest, or the longest, or some by lot. That is a choice of its own: "
            "the shortest are lucky first tries, and teach the model not to search. Take them as "
            "they come.",
            (
                _selects(order=lambda kept, texts: sorted(kept, key=lambda i: -len(texts[i]))),
                _selects(order=lambda kept, texts: sorted(kept, key=lambda i: len(texts[i]))),
                _selects(
                    order=lambda kept, texts: sorted(sorted(kept, key=lambda i: len(texts[i]))[:3])
                ),
            ),
        ),
        Mistake(
            "last_first",
            "You take them from the end. It is no worse as data; but asked for are the first ones, "
            "in their order.",
            (
                _selects(order=lambda kept, texts: kept[::-1]),
                _selects(order=lambda kept, texts: sorted(kept[::-1][:3])),
            ),
        ),
        Mistake(
            "all_copies_dropped",
            "A text that occurs twice is gone altogether from yours. The first of its copies is to "
            "stay.",
            (
                lambda texts, right, most: [
                    i for i in _selects()(texts, right, 99) if texts.count(texts[i]) == 1
                ][:most],
            ),
        ),
        Mistake(
            "last_copy",
            "Of equal texts you keep the last. Asked for is the first.",
            (
                lambda texts, right, most: [
                    _last_of(texts, i) for i in _selects()(texts, right, most)
                ],
                lambda texts, right, most: sorted(
                    _last_of(texts, i) for i in _selects()(texts, right, 99)
                )[:most],
            ),
        ),
        Mistake(
            "limit_before_copies",
            "You cut the list to its length first and dropped the copies afterwards, so that fewer "
            "are left than may stay.",
            (
                lambda texts, right, most: [
                    i for i in _selects(key=None)(texts, right, most) if texts.index(texts[i]) == i
                ],
            ),
        ),
        Mistake(
            "from_one",
            "You count the completions from 1. The first has the number 0, as everywhere in "
            "Python.",
            (lambda texts, right, most: [i + 1 for i in _selects()(texts, right, most)],),
        ),
        Mistake(
            "limit_before_filter",
            "You cut the list first and judged afterwards, so that good ones further down were "
            "never looked at.",
            (lambda texts, right, most: _selects()(texts[:most], right[:most], most),),
        ),
    ],
    hints=[
        "One loop over the completions, a list of the numbers kept so far, and one condition.",
        "The condition has four parts: right, readable, new, and still room.",
        "New means that none of those kept has this text: compare with them, or keep a set.",
    ],
    well_done="your selection keeps what is right, readable and new, and no more than it may.",
)


# --- exercise 4: equal compute --------------------------------------------------------------------


def my_rl_steps(
    student: int,
    teacher: int,
    sampled: int,
    learned: int,
    epochs: int,
    per_step: int,
) -> float:
    """Parameters of both; tokens sampled, learned and of an RL step -> steps."""
    distillation = 2 * teacher * sampled + 6 * student * learned * epochs
    step = (2 + 2 + 4 + 2) * student * per_step
    return distillation / step


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


_COSTS = (
    ("For a student of 100,000 weights and a teacher of 800,000",
     (100_000, 800_000, 250_000, 80_000, 6, 8_000)),
    ("For a teacher as large as its student", (100_000, 100_000, 1_000_000, 80_000, 1, 5_000)),
)  # fmt: skip

rl_steps = Exercise(
    "10",
    "rl_steps",
    solution_function=my_rl_steps,
    cases=[
        Case(text, lambda f, values=values: number(f(*values)))  # type: ignore[misc]
        for text, values in _COSTS
    ],
    mistakes=[
        Mistake(
            "teacher_forgotten",
            "Somebody had to write the traces: the teacher's sampling is missing. (It may be left "
            "out where the traces are there already. Here they were made for this student.)",
            (_steps(reading=lambda t, s: 0),),
        ),
        Mistake(
            "teacher_as_small_as_student",
            "The teacher's tokens go through the *teacher*, which has more weights.",
            (_steps(reading=lambda t, s: 2 * s),),
        ),
        Mistake(
            "teacher_learns",
            "You let the teacher learn from what it writes. It only samples: each token once "
            "forward.",
            (_steps(reading=lambda t, s: 6 * t),),
        ),
        Mistake(
            "only_kept_tokens",
            "You counted the teacher's tokens that were kept. Those that were thrown away were "
            "written too.",
            (_steps(sampled=lambda drawn, learned: learned),),
        ),
        Mistake(
            "epochs_forgotten",
            "The student reads its traces several times, once in each epoch.",
            (_steps(epochs=lambda n: 1),),
        ),
        Mistake(
            "no_backward",
            "In fine-tuning you counted the way forward only. Learning has a way back, and it "
            "costs about twice as much.",
            (_steps(learning=2),),
        ),
        Mistake(
            "backward_like_forward",
            "You counted the way back as expensive as the way forward. It has two products a layer "
            "where forward has one: a gradient for the weights, and one for what came in.",
            (_steps(learning=4, rl=8), _steps(learning=4)),
        ),
        Mistake(
            "rl_without_sampling",
            "In a step of RL each token goes forward three times: when it is sampled, when the "
            "student reads it for the update, and when the reference reads it. You have fewer.",
            (_steps(rl=8), _steps(rl=6)),
        ),
        Mistake(
            "one_forward_too_many",
            "In your step of RL a token goes forward four times, or the old log-probs are read "
            "again. Sampling has left those behind: with one update a batch nobody asks for them. "
            "Sampled, read for the update, read by the reference: three.",
            (_steps(rl=12), _steps(learning=8, rl=12)),
        ),
        Mistake(
            "student_samples_too",
            "You let the student write traces as well as the teacher. In a distillation it reads "
            "those of the teacher, and that is in its cost of learning.",
            (_steps(reading=lambda t, s: 2 * (t + s)),),
        ),
        Mistake(
            "brackets",
            "Brackets are missing: `a / b * c` multiplies by c, and `a + b / c` divides b alone. "
            "All that distillation costs is divided by all that a step costs.",
            (
                lambda s, t, drawn, n, e, per: (2 * t * drawn + 6 * s * n * e) / (10 * s) * per,
                lambda s, t, drawn, n, e, per: 2 * t * drawn + 6 * s * n * e / (10 * s * per),
                lambda s, t, drawn, n, e, per: (2 * t * drawn + 6 * s * n * e) / 10 * s * per,
            ),
        ),
        Mistake(
            "not_divided",
            "That is what distillation costs in all, in operations. Asked for is how many steps of "
            "RL cost as much.",
            (lambda s, t, drawn, n, e, per: 2 * t * drawn + 6 * s * n * e,),
        ),
        Mistake(
            "epochs_of_rl",
            "You divided by the epochs at the end. They are those of the fine-tuning; a step of RL "
            "reads its tokens once.",
            (lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn, n, e, per) / e,),
        ),
        Mistake(
            "epochs_of_sampling",
            "The epochs are those of the student. The teacher wrote its traces once.",
            (lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn * e, n, e, per),),
        ),
        Mistake(
            "all_learned",
            "The student learns from the tokens that were kept, and not from all that the teacher "
            "wrote.",
            (lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn, drawn, e, per),),
        ),
        Mistake(
            "student_forgotten",
            "The traces have to be learned, too: the student's own cost is missing.",
            (_steps(learning=0),),
        ),
        Mistake(
            "reference_as_large_as_teacher",
            "The reference is a copy of the *student*, and as small: the teacher has no part in "
            "its RL.",
            (
                lambda s, t, drawn, n, e, per: (
                    my_rl_steps(s, t, drawn, n, e, per) * 10 * s / (8 * s + 2 * t)
                ),
            ),
        ),
        Mistake(
            "reference_learns",
            "The reference only reads: each token once forward, and never back.",
            (_steps(rl=14),),
        ),
        Mistake(
            "tokens_of_a_step_forgotten",
            "You divided by what *one token* of a step costs. A step has `per_step` of them.",
            (lambda s, t, drawn, n, e, per: my_rl_steps(s, t, drawn, n, e, 1),),
        ),
        Mistake(
            "upside_down",
            "The quotient is upside down: asked for is how many steps go into a distillation.",
            (lambda *costs: 1 / my_rl_steps(*costs),),
        ),
        Mistake(
            "rounded",
            "Right, but for the rounding: leave the number as it is.",
            (
                lambda *costs: math.floor(my_rl_steps(*costs)),
                lambda *costs: math.ceil(my_rl_steps(*costs)),
            ),
        ),
        Mistake(
            "factor_two",
            "Two operations a weight and token, a multiplication and an addition: somewhere you "
            "counted one.",
            (
                _steps(reading=lambda t, s: t, learning=6, rl=10),
                _steps(reading=lambda t, s: 2 * t, learning=3, rl=10),
                _steps(reading=lambda t, s: 2 * t, learning=6, rl=5),
            ),
        ),
        Mistake(
            "rl_on_the_teacher",
            "The RL to compare with is RL on the *student*. You divided by what a step of the "
            "teacher would cost.",
            (_steps(rl_size=lambda s, t: t),),
        ),
    ],
    hints=[
        "Two costs and a quotient: what distillation costs in all, over what one step of RL costs.",
        "Forward is 2 operations a weight and token, and back is 4. Sampling is forward only.",
        "A step of RL here: sampled (2), read by the student (2), learned from (4), and read by "
        "the reference (2), each for every token of the step.",
    ],
    well_done="your ledger is right: both ways of making a small model better cost the same now.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "10",
    Question(
        "restart",
        "Stage 3 fine-tunes the *base*, and not the model of stage 2 that wrote the traces. Why "
        "can that work at all?",
        [
            Option(
                "It cannot: what RL has learned is lost.",
                "It is in the traces: they show what the RL model does when it is right.",
            ),
            Option(
                "What RL found is in the traces, and the base can imitate it.",
                "Only right and readable ones were kept. What was in the weights besides, habits "
                "that nobody wanted, stays behind.",
                right=True,
            ),
            Option(
                "Because fine-tuning for two epochs is stronger than RL.",
                "It would be as strong on traces that are wrong.",
            ),
        ],
    ),
    Question(
        "mask",
        "Somebody masks the loss of fine-tuning by `ids != pad_id`, and the model's pad id is its "
        "end id. What will the fine-tuned model do?",
        [
            Option(
                "Write on until the limit.",
                "The end token was masked with the padding, so it was never learned.",
                right=True,
            ),
            Option(
                "Stop at once.",
                "For that it would have to learn the padding as text.",
            ),
            Option(
                "Nothing unusual: padding is masked as it should be.",
                "The padding is. What else has that id?",
            ),
        ],
    ),
    Question(
        "language",
        "With the language reward, accuracy falls by one point. Is the reward a mistake?",
        [
            Option(
                "Yes: accuracy is what counts, so every reward but that is a mistake.",
                "It counts for a benchmark. Somebody may want to read the thought.",
            ),
            Option(
                "It depends on what readable thoughts are worth to you.",
                "Two goals, one number: a weight says what is exchanged for what. R1's authors "
                "paid the price.",
                right=True,
            ),
            Option(
                "No: such a difference is always noise.",
                "It may be: one looks at several seeds and their spread, and does not guess.",
            ),
        ],
    ),
    Question(
        "rejection",
        "A problem is solved in 1 of 16 samples, another in 16 of 16. At most 3 traces of each are "
        "kept. What would the data look like without that limit?",
        [
            Option(
                "Mostly of problems that the model can do already.",
                "16 to 1. The limit makes it 3 to 1.",
                right=True,
            ),
            Option(
                "Just the same: wrong ones are thrown away anyhow.",
                "Count the right ones of each problem.",
            ),
            Option(
                "Mostly of hard problems.",
                "Hard problems have few right samples.",
            ),
        ],
    ),
    Question(
        "distil",
        "At the operations of its fine-tuning the base is at 0.87 distilled, and at 0.36 by RL. "
        "What follows?",
        [
            Option(
                "RL is not needed any more.",
                "Where did the teacher's traces come from?",
            ),
            Option(
                "This base cannot be trained by RL.",
                "Look at the right end of its curve: RL gets there, and further, later.",
            ),
            Option(
                "To imitate what was found is cheaper than to find it.",
                "Finding needs right answers by luck, again and again. Somebody must have found "
                "it first.",
                right=True,
            ),
            Option(
                "Every smaller model should be distilled, whatever its base.",
                "Look at the right-hand figure.",
            ),
        ],
    ),
)
