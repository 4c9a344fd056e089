"""The language reward: the share of a thought's verdicts in English, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.rewards import RewardSum
from grpo_core.rewards.language import language_reward
from grpo_core.tasks.languages import VERDICTS, said, translated

WORDS = st.lists(st.sampled_from(["yes", "no", "ja", "nein", "7", "+", "=", "noone", "jan"]))


def score(text: str) -> float:
    return language_reward([], [text])[0]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("<think> 3 + 4 = 7 yes </think> <answer> 3 + 4 </answer>", 1.0),
        ("<think> 3 - 4 no 3 + 4 = 7 ja </think> <answer> 3 + 4 </answer>", 0.5),
        ("<think> 1 nein 2 nein 3 no 4 ja </think>", 0.25),
        ("<think> 3 + 4 = 7 </think> <answer> 3 + 4 </answer>", 1.0),  # nothing in a wrong language
        ("<think> 3 yes </think> <answer> nein nein </answer>", 1.0),  # the answer is no thought
        ("3 no 4 ja", 0.5),  # without tags all of it is
        ("<think> Yes NO janein </think>", 1.0),  # no words of any language it knows
        ("", 1.0),
    ],
)
def test_the_share_of_english_verdicts(text: str, share: float) -> None:
    assert score(text) == share


@given(WORDS)
def test_it_counts_words_and_nothing_else(words: list[str]) -> None:
    english, german = (sum(w in VERDICTS[x] for w in words) for x in ("en", "de"))
    expected = english / (english + german) if english + german else 1.0
    assert score(f"<think> {' '.join(words)} </think>") == pytest.approx(expected)


@given(WORDS)
def test_translating_gives_all_to_one_language_and_changes_no_other_word(words: list[str]) -> None:
    text = " ".join(words)
    for language in VERDICTS:
        there = translated(text, language)
        counts = said(there)
        assert counts[language] == sum(said(text).values()) == sum(counts.values())
        assert translated(there, "en") == translated(text, "en")
        plain = [w for w in words if not any(w in pair for pair in VERDICTS.values())]
        assert [w for w in there.split() if w in plain] == plain


def test_it_reads_conversations_and_is_registered() -> None:
    parts, totals = RewardSum(["language_reward"], [0.5])(
        ["p"], [[{"role": "assistant", "content": "<think> ja </think>"}]]
    )
    assert parts == {"language_reward": [0.0]} and totals == [0.0]
