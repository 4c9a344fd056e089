"""Lesson 10: every planted mistake meets its own hint and no other; right attempts pass."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor
from torch.nn import functional

from grpo_core.course import lesson10 as check
from grpo_core.course.exercise import Exercise
from grpo_core.pipeline import compute
from grpo_core.pipeline.select import KEPT, fates, unreadable
from grpo_core.rewards.language import language_reward


def by_labels(
    logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor, *, skip: int = 0, **how: Any
) -> Tensor:
    """As transformers does it: labels with -100, then cross_entropy on what is shifted."""
    labels = ids.clone()
    for row, (start, end) in enumerate(zip(prompts.tolist(), lengths.tolist(), strict=True)):
        labels[row, : start + skip] = -100
        labels[row, end:] = -100
    return functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], **how)


def loop(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> float:
    total, count = 0.0, 0
    for row in range(len(ids)):
        for t in range(int(prompts[row]), int(lengths[row])):
            total -= logits[row, t - 1].log_softmax(0)[ids[row, t]].item()
            count += 1
    return total / count


def own_position(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> float:
    scores = logits.log_softmax(-1)
    parts = [
        -scores[r, t, ids[r, t]]
        for r in range(len(ids))
        for t in range(int(prompts[r]), int(lengths[r]))
    ]
    return torch.stack(parts).mean().item()


def each_row(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    rows = [
        by_labels(logits[r : r + 1], ids[r : r + 1], prompts[r : r + 1], lengths[r : r + 1])
        for r in range(len(ids))
    ]
    return torch.stack(rows).mean()


def by_id(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    labels = ids.clone()
    labels[torch.arange(ids.shape[1]) < prompts[:, None]] = -100
    labels[ids == 2] = -100
    return functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:])


def behind(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> float:
    scores, parts = logits.log_softmax(-1), []
    for r in range(len(ids)):
        for t in range(int(prompts[r]), int(lengths[r])):
            if t + 1 < ids.shape[1]:
                parts.append(-scores[r, t + 1, ids[r, t]])
    return torch.stack(parts).mean().item()


def of_scores(scores: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    """Minus the mean of whatever `scores` says of the tokens that count."""
    parts = [
        scores[r, t - 1, ids[r, t]]
        for r in range(len(ids))
        for t in range(int(prompts[r]), int(lengths[r]))
    ]
    return -torch.stack(parts).mean()


def zero_labels(
    logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor, **how: Any
) -> Tensor:
    labels = ids.clone()
    for row, (start, end) in enumerate(zip(prompts.tolist(), lengths.tolist(), strict=True)):
        labels[row, :start] = 0
        labels[row, end:] = 0
    return functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], **how)


def zero_scores(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    place = torch.arange(1, ids.shape[1])
    kept = (place >= prompts[:, None]) & (place < lengths[:, None])
    scores = torch.where(kept[..., None], logits[:, :-1], torch.zeros(()))
    return functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())


SFT: list[Attempt] = [
    (None, by_labels),
    ("no_gradient", loop),
    ("no_gradient", lambda x, ids, p, n: by_labels(x, ids, p, n).item()),
    ("no_gradient", torch.no_grad()(by_labels)),
    (None, lambda x, ids, p, n: of_scores(x.log_softmax(-1), ids, p, n)),
    ("labels_of_zero", zero_labels),
    ("labels_of_zero", lambda x, ids, p, n: zero_labels(x, ids, p, n, reduction="sum") / 7),
    ("divided_by_lengths", lambda x, ids, p, n: by_labels(x, ids, p, n, reduction="sum") / n.sum()),
    ("divided_by_lengths", lambda x, ids, p, n: 7 * by_labels(x, ids, p, n) / p.sum()),
    ("scores_of_zero", zero_scores),
    (
        "likeliest",
        lambda x, ids, p, n: of_scores(
            x.log_softmax(-1).amax(-1, keepdim=True).expand_as(x), ids, p, n
        ),
    ),
    ("logarithm_of_the_mean", lambda x, ids, p, n: -(-of_scores(x.softmax(-1), ids, p, n)).log()),
    ("logarithm_of_the_mean", lambda x, ids, p, n: torch.exp(by_labels(x, ids, p, n))),
    (
        "no_shift",
        lambda x, ids, p, n: (
            of_scores(x, ids.roll(1, 1), p, n)
            - of_scores(x.logsumexp(-1, keepdim=True).expand_as(x), ids, p, n)
        ),
    ),
    ("prompt_learned", lambda x, ids, p, n: by_labels(x, ids, torch.zeros_like(p), n)),
    ("no_shift", own_position),
    ("shifted_the_other_way", behind),
    ("first_token_left_out", lambda x, ids, p, n: by_labels(x, ids, p, n, skip=1)),
    ("last_prompt_token_learned", lambda x, ids, p, n: by_labels(x, ids, p - 1, n)),
    ("padding_learned", lambda x, ids, p, n: by_labels(x, ids, p, torch.full_like(n, 9))),
    ("end_left_out", by_id),
    ("end_left_out", lambda x, ids, p, n: loop(x, ids, p, n - 1)),
    ("mean_of_means", each_row),
    ("summed", lambda x, ids, p, n: by_labels(x, ids, p, n, reduction="sum")),
    ("summed", lambda x, ids, p, n: by_labels(x, ids, p, n, reduction="sum") / len(ids)),
    ("sign", lambda x, ids, p, n: -by_labels(x, ids, p, n)),
    ("divided_by_all", lambda x, ids, p, n: by_labels(x, ids, p, n, reduction="none").mean()),
    ("nothing_masked", lambda x, ids, p, n: by_labels(x, ids, p - p, n - n + 9)),
    ("mask_not_shifted", lambda x, ids, p, n: by_labels(x, ids, p + 1, n + 1)),
    ("one_behind_the_end", lambda x, ids, p, n: by_labels(x, ids, p, n + 1)),
    ("lengths_of_completions", lambda x, ids, p, n: by_labels(x, ids, p, p + n)),
    ("no_logarithm", lambda x, ids, p, n: of_scores(x.softmax(-1), ids, p, n)),
    ("no_logarithm", of_scores),
    ("wrong_axis", lambda x, ids, p, n: of_scores(x[:, :-1].log_softmax(1), ids, p, n)),
    ("wrong_axis", lambda x, ids, p, n: of_scores(x.log_softmax(0), ids, p, n)),
    ("shape", lambda x, ids, p, n: by_labels(x, ids, p, n, reduction="none")),
    ("raised", lambda x, ids, p, n: x @ ids),
    ("unfinished", lambda x, ids, p, n: None),
    ("unknown", lambda x, ids, p, n: 7.0),
]


def thought(text: str) -> str:
    found = re.search(r"<think>(.*?)(</think>|$)", text, re.DOTALL)
    return found[1] if found else text


def counted(share: Callable[[int, int, int], float], empty: float = 1.0) -> Callable[[str], float]:
    def reward(text: str) -> float:
        words = thought(text).split()
        e, g = (sum(map(words.count, pair)) for pair in (("yes", "no"), ("ja", "nein")))
        return share(e, g, len(words)) if e + g else empty

    return reward


def letters(text: str) -> float:
    e, g = (sum(map(thought(text).count, pair)) for pair in (("yes", "no"), ("ja", "nein")))
    return e / (e + g) if e + g else 1.0


def distinct(text: str) -> float:
    words = set(thought(text).split())
    e, g = len(words & {"yes", "no"}), len(words & {"ja", "nein"})
    return e / (e + g) if e + g else 1.0


def everywhere(text: str) -> float:
    words = text.split()
    e, g = (sum(map(words.count, pair)) for pair in (("yes", "no"), ("ja", "nein")))
    return e / (e + g) if e + g else 1.0


def verdicts(text: str) -> list[str]:
    return [word for word in thought(text).split() if word in ("yes", "no", "ja", "nein")]


def share_of(word: str, said: list[str]) -> float:
    return said.count(word) / len(said) if said else 1.0


LANGUAGE: list[Attempt] = [
    (None, lambda text: language_reward([], [text])[0]),
    (None, counted(lambda e, g, n: 1 - g / (e + g))),
    ("all_words", counted(lambda e, g, n: e / n)),
    ("all_or_nothing", counted(lambda e, g, n: 1.0 if not g else 0.0)),
    ("all_or_nothing", counted(lambda e, g, n: float(e >= g))),
    ("german", counted(lambda e, g, n: g / (e + g))),
    ("kinds_of_words", distinct),
    ("answer_counted", everywhere),
    ("substrings", letters),
    ("nothing_pays_nothing", counted(lambda e, g, n: e / (e + g), empty=0.0)),
    ("last_verdict", lambda text: float((verdicts(text) or ["no"])[-1] in ("yes", "no"))),
    ("last_verdict", lambda text: float((verdicts(text) or ["no"])[0] in ("yes", "no"))),
    ("counted", counted(lambda e, g, n: e)),
    ("counted", counted(lambda e, g, n: (e - g) / (e + g))),
    ("counted", counted(lambda e, g, n: 100 * e / (e + g))),
    (
        "behind_the_thought",
        lambda text: counted(lambda e, g, n: e / (e + g))(
            f"<think>{text.rpartition('</think>')[2]}</think>"
        ),
    ),
    (
        "before_the_thought",
        lambda text: counted(lambda e, g, n: e / (e + g))(
            "<think>" + text.partition("</think>")[0].replace("<think>", "")
        ),
    ),
    (
        "substrings",
        lambda text: (
            len(re.findall(r"\b(?:yes|no)", thought(text)))
            / (len(re.findall(r"\b(?:yes|no|ja|nein)", thought(text))) or 1)
            if re.findall(r"\b(?:yes|no|ja|nein)", thought(text))
            else 1.0
        ),
    ),
    ("only_no", lambda text: share_of("no", [w for w in verdicts(text) if w in ("no", "nein")])),
    ("only_no", lambda text: share_of("yes", [w for w in verdicts(text) if w in ("yes", "ja")])),
    ("ratio", counted(lambda e, g, n: e / max(g, 1) if g else 1.0)),
    ("either_language", counted(lambda e, g, n: 0.5 + abs(e - g) / (e + g) / 2)),
    ("raised", lambda text: text.split("<answer>")[1].count("yes") / 0),
    ("unfinished", lambda text: None),
    ("unknown", lambda text: 0.123),
]


def chosen(texts: list[str], right: list[bool], most: int) -> list[int]:
    return [i for i, fate in enumerate(fates(texts, right, most)) if fate == KEPT]


def good(texts: list[str], right: list[bool]) -> list[int]:
    return chosen(texts, right, 99)


def seen_answers(texts: list[str], right: list[bool], most: int) -> list[int]:
    by_answer: dict[str, int] = {}
    for i, text in enumerate(texts):
        if right[i] and not unreadable(text):
            by_answer.setdefault(text.partition("<answer>")[2], i)
    return list(by_answer.values())[:most]


def copies(texts: list[str], right: list[bool], most: int) -> list[int]:
    return [i for i, t in enumerate(texts) if right[i] and not unreadable(t)][:most]


def by_length(texts: list[str], right: list[bool], most: int) -> list[int]:
    return sorted(good(texts, right), key=lambda i: len(texts[i].split()))[:most]


def readable_only(texts: list[str], right: list[bool], most: int) -> list[int]:
    return good(texts, [True] * len(texts))[:most]


def right_only(texts: list[str], right: list[bool], most: int) -> list[int]:
    firsts = {t: i for i, t in reversed(list(enumerate(texts))) if right[i]}
    return sorted(firsts.values())[:most]


def unlike_the_last(texts: list[str], right: list[bool], most: int) -> list[int]:
    kept: list[int] = []
    for i in copies(texts, right, 99):
        if not kept or texts[i] != texts[kept[-1]]:
            kept.append(i)
    return kept[:most]


SELECTIONS: list[Attempt] = [
    (None, chosen),
    (None, lambda texts, right, most: good(texts, right)[:most]),
    ("wrong_kept", readable_only),
    ("unreadable_kept", right_only),
    ("everything_kept", lambda t, r, most: right_only(t, [True] * len(t), most)),
    ("duplicates_kept", copies),
    ("one_per_answer", seen_answers),
    ("no_limit", lambda t, r, most: good(t, r)),
    ("one_too_many", lambda t, r, most: chosen(t, r, most + 1)),
    ("one_too_many", lambda t, r, most: chosen(t, r, most - 1)),
    ("shortest_first", by_length),
    ("last_first", lambda t, r, most: good(t, r)[::-1][:most]),
    ("last_first", lambda t, r, most: good(t, r)[-most:]),
    ("limit_before_filter", lambda t, r, most: good(t[:most], r[:most])),
    ("all_copies_dropped", lambda t, r, m: [i for i in good(t, r) if t.count(t[i]) < 2][:m]),
    ("last_copy", lambda t, r, m: list({t[i]: i for i in copies(t, r, 99)}.values())[:m]),
    ("limit_before_copies", lambda t, r, m: [i for i in copies(t, r, m) if t.index(t[i]) == i]),
    ("from_one", lambda t, r, m: [i + 1 for i in chosen(t, r, m)]),
    (
        "one_of_the_two",
        lambda t, r, m: [
            i for i, x in enumerate(t) if t.index(x) == i and (r[i] or not unreadable(x))
        ][:m],
    ),
    (
        "the_wrong_ones",
        lambda t, r, m: [i for i, x in enumerate(t) if t.index(x) == i and not r[i]][:m],
    ),
    ("neighbours_compared", unlike_the_last),
    ("stopped_early", lambda t, r, m: [0] if r[0] else []),
    ("shortest_first", lambda t, r, m: sorted(good(t, r), key=lambda i: -len(t[i]))[:m]),
    ("shape", lambda t, r, m: set(chosen(t, r, m))),
    ("shape", lambda t, r, m: [i in chosen(t, r, m) for i in range(len(t))]),
    ("shape", lambda t, r, m: [t[i] for i in chosen(t, r, m)]),
    ("raised", lambda t, r, most: [i for i in t if r[i]]),
    ("unfinished", lambda t, r, most: None),
    ("unknown", lambda t, r, most: [len(t) - 1]),
]


def ledger(
    teacher: float = 2, fine: float = 6, rl: float = 10, rl_size: str = "student"
) -> Callable[..., float]:
    def steps(s: int, t: int, drawn: int, learned: int, epochs: int, per: int) -> float:
        size = s if rl_size == "student" else t
        return (teacher * t * drawn + fine * s * learned * epochs) / (rl * size * per)

    return steps


def by_the_kit(s: int, t: int, drawn: int, learned: int, epochs: int, per: int) -> float:
    spent = compute.of_sampling(t, drawn) + compute.of_tuning(s, learned * epochs)
    step = compute.operations(s, 3 * per, per)
    return spent / step


LEDGERS: list[Attempt] = [
    (None, by_the_kit),
    (None, ledger()),
    ("teacher_forgotten", ledger(teacher=0)),
    ("teacher_as_small_as_student", lambda s, t, *rest: ledger()(s, s, *rest)),
    ("teacher_learns", ledger(teacher=6)),
    ("only_kept_tokens", lambda s, t, drawn, n, e, per: ledger()(s, t, n, n, e, per)),
    ("epochs_forgotten", lambda s, t, drawn, n, e, per: ledger()(s, t, drawn, n, 1, per)),
    ("no_backward", ledger(fine=2)),
    ("backward_like_forward", ledger(fine=4, rl=8)),
    ("rl_without_sampling", ledger(rl=8)),
    ("factor_two", ledger(teacher=1)),
    ("rl_on_the_teacher", ledger(rl_size="teacher")),
    ("rl_without_sampling", ledger(rl=6)),
    ("epochs_of_sampling", lambda s, t, a, n, e, per: e * ledger()(s, t, a, n, 1, per)),
    ("all_learned", lambda s, t, a, n, e, per: ledger()(s, t, a, a, e, per)),
    ("student_forgotten", ledger(fine=0)),
    (
        "reference_as_large_as_teacher",
        lambda s, t, a, n, e, per: (2 * t * a + 6 * s * n * e) / (per * (8 * s + 2 * t)),
    ),
    ("reference_learns", ledger(rl=14)),
    ("tokens_of_a_step_forgotten", lambda s, t, a, n, e, per: per * by_the_kit(s, t, a, n, e, per)),
    ("upside_down", lambda *costs: by_the_kit(*costs) ** -1),
    ("rounded", lambda *costs: int(by_the_kit(*costs))),
    ("rounded", lambda *costs: round(by_the_kit(*costs))),
    ("one_forward_too_many", ledger(rl=12)),
    ("one_forward_too_many", ledger(fine=8, rl=12)),
    (
        "student_samples_too",
        lambda s, t, a, n, e, per: (2 * t * a + 2 * s * a + 6 * s * n * e) / (10 * s * per),
    ),
    ("brackets", lambda s, t, a, n, e, per: (2 * t * a + 6 * s * n * e) / (10 * s) * per),
    ("brackets", lambda s, t, a, n, e, per: 2 * t * a + (6 * s * n * e) / (10 * s * per)),
    (
        "not_divided",
        lambda s, t, a, n, e, per: compute.of_sampling(t, a) + compute.of_tuning(s, n * e),
    ),
    ("epochs_of_rl", lambda s, t, a, n, e, per: by_the_kit(s, t, a, n, e, per) / e),
    ("raised", lambda s, t, drawn, n, e, per: s / (per - per)),
    ("unfinished", lambda *_: ...),
    ("unknown", lambda *_: 1.0),
]

ATTEMPTS = {
    check.sft_loss: SFT,
    check.language: LANGUAGE,
    check.selection: SELECTIONS,
    check.rl_steps: LEDGERS,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
