"""The pretraining text: true mathematics, the right tags, and no held-out number set."""

import pytest

from grpo_core.models.corpus import CORPORA, KINDS, Corpus, CorpusConfig
from grpo_core.models.tokenizer import WORDS
from grpo_core.rewards.format import parse
from grpo_core.tasks.countdown import Countdown
from grpo_core.tasks.expression import evaluate

TASK = Countdown()
FAITHFUL = CorpusConfig(wrong_arithmetic=0.0, false_yes=0.0, missed_yes=0.0)
HELD_OUT = {tuple(sorted(p.columns["numbers"])) for p in TASK.problems("test")}


def _lines(text: str) -> list[str]:
    """The equations of a text, tags and verdicts taken as separators."""
    words = ["," if w in ("yes", "no", ".") or "<" in w else w for w in text.split()]
    return [line for line in " ".join(words).split(",") if "=" in line]


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_is_in_the_vocabulary(kind: str) -> None:
    corpus = Corpus(TASK, CorpusConfig(), seed=1)
    for _ in range(200):
        document = corpus.document(kind)
        assert set(f"{document.context} {document.target}".split()) <= set(WORDS)


@pytest.mark.parametrize("kind", KINDS)
def test_without_slips_every_line_is_true_and_no_equality_is_chained(kind: str) -> None:
    corpus = Corpus(TASK, FAITHFUL, seed=2)
    for _ in range(200):
        for line in _lines(corpus.document(kind).target):
            left, right = line.split("=")
            assert evaluate(left) == evaluate(right)


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("facts", "checks")])
def test_no_held_out_set_of_numbers_is_ever_read(kind: str) -> None:
    corpus = Corpus(TASK, CorpusConfig(), seed=3)
    for _ in range(300):
        context = corpus.document(kind).context
        numbers = [
            int(w) for w in context.replace(":", "to").split(" to ")[0].split() if w.isdigit()
        ]
        assert len(numbers) == 3
        assert tuple(sorted(numbers)) not in HELD_OUT


def test_checks_use_pretraining_sets_only() -> None:
    corpus = Corpus(TASK, FAITHFUL, seed=4)
    seen = {tuple(sorted(p.columns["numbers"])) for p in TASK.problems("pretrain")}
    assert not seen & HELD_OUT
    drawn = {tuple(sorted(corpus._problem()[0])) for _ in range(2000)}
    assert drawn <= seen


def test_searches_end_at_the_first_hit_and_say_so() -> None:
    corpus = Corpus(TASK, FAITHFUL, seed=5)
    for kind, fewest, most in [("short_search", 1, 3), ("long_search", 1, 20)]:
        for _ in range(200):
            document = corpus.document(kind)
            parsed = parse(document.target)
            assert parsed.well_formed and parsed.think is not None
            verdicts = [w for w in parsed.think.split() if w in ("yes", "no")]
            assert fewest <= len(verdicts) <= most
            assert verdicts[:-1] == ["no"] * (len(verdicts) - 1)
            if verdicts[-1] == "yes":  # a few long searches find nothing within their limit
                target = int(document.context.split()[-2])
                assert parsed.answer is not None and evaluate(parsed.answer) == target


def test_without_verification_nothing_is_judged_and_nothing_given_up() -> None:
    corpus = Corpus(TASK, CORPORA["no-verification"], seed=8)
    for _ in range(3000):
        document = corpus.document()
        assert not {"yes", "no", "Check", "Search"} & set(
            f"{document.context} {document.target}".split()
        )
        if document.context:  # a reply holds one try: two numbers to combine, then the rest
            assert document.target.count("=") in (0, TASK.count - 1)


def test_without_verification_what_is_left_keeps_its_proportions() -> None:
    default, left = CORPORA["default"], CORPORA["no-verification"]
    kept = [kind for kind in KINDS if getattr(left, kind)]
    assert kept == ["facts", "guess", "answer_only", "one_try", "broken_try"]
    assert all(getattr(left, k) == getattr(default, k) for k in kept if k != "broken_try")
    assert left.broken_try == default.broken


def test_broken_replies_are_never_well_formed() -> None:
    for kind in ("broken", "broken_try"):
        corpus = Corpus(TASK, FAITHFUL, seed=9)
        assert not any(parse(corpus.document(kind).target).well_formed for _ in range(200))


def test_slips_are_as_frequent_as_configured() -> None:
    corpus = Corpus(TASK, CorpusConfig(wrong_arithmetic=0.5), seed=6)
    lines = [line for _ in range(300) for line in _lines(corpus.document("short_search").target)]
    wrong = sum(evaluate(a) != evaluate(b) for a, b in (line.split("=") for line in lines))
    assert 0.15 < wrong / len(lines) < 0.35  # one of the two results of a try may slip


def test_the_same_seed_gives_the_same_text() -> None:
    first, second, other = (iter(Corpus(TASK, CorpusConfig(), seed=s)) for s in (0, 0, 1))
    texts = [next(first) for _ in range(50)]
    assert texts == [next(second) for _ in range(50)]
    assert texts != [next(other) for _ in range(50)]


def test_proportions_are_kept() -> None:
    corpus = Corpus(TASK, CorpusConfig(), seed=7)
    weights = [getattr(corpus.config, kind) for kind in KINDS]
    facts = sum(not corpus.document().context for _ in range(5000)) / 5000
    assert abs(facts - corpus.config.facts / sum(weights)) < 0.02
