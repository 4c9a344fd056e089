"""The rule for a well-formed completion, and what counts as the answer of one that is not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.errors import LabError
from grpo_core.rewards.format import Parsed, completion_text, format_reward, parse

GOOD = "<think> 3 + 4 = 7 yes </think> <answer> 3 + 4 </answer>"

WELL_FORMED = {
    "the plain case": (GOOD, "3 + 4 = 7 yes", "3 + 4"),
    "blanks around it": (f" \n{GOOD}\n\n", "3 + 4 = 7 yes", "3 + 4"),
    "no blanks at all": ("<think>a</think><answer>7</answer>", "a", "7"),
    "several lines": ("<think>a\nb</think>\n\n<answer>\n3\n+ 4\n</answer>", "a\nb", "3\n+ 4"),
    "look-alike tags inside": (
        "<think> <Answer> < answer> <answer/> </think> <answer> 7 </answer>",
        "<Answer> < answer> <answer/>",
        "7",
    ),
}

NOT_WELL_FORMED = {
    "nothing": ("", None, None),
    "no tags": ("3 + 4", None, None),
    "a bare answer": ("<answer> 3 + 4 </answer>", None, "3 + 4"),
    "thoughts only": ("<think> a </think>", "a", None),
    "text before": (f"Sure! {GOOD}", "3 + 4 = 7 yes", "3 + 4"),
    "text after": (f"{GOOD} Done.", "3 + 4 = 7 yes", "3 + 4"),
    "text between": ("<think> a </think> so <answer> 7 </answer>", "a", "7"),
    "blank thoughts": ("<think> </think> <answer> 7 </answer>", "", "7"),
    "a blank answer": ("<think> a </think> <answer> </answer>", "a", ""),
    "the wrong order": ("<answer> 7 </answer> <think> a </think>", "a", "7"),
    "capital letters": ("<THINK> a </THINK> <ANSWER> 7 </ANSWER>", None, None),
    "an answer quoted in thoughts": (
        "<think> <answer> 7 </answer> </think>",
        "<answer> 7 </answer>",
        None,
    ),
    "an answer quoted in thoughts, then another": (
        "<think> not <answer> 6 </answer> </think> <answer> 7 </answer>",
        "not <answer> 6 </answer>",
        "7",
    ),
    "an answer in thoughts that never end": (
        "<think> a <answer> 7 </answer>",
        "a <answer> 7 </answer>",
        None,
    ),
    "thoughts that began in the prompt": ("a </think> <answer> 7 </answer>", "a", "7"),
    "an answer in thoughts that began in the prompt": (
        "<answer> 6 </answer> </think> done",
        "<answer> 6 </answer>",
        None,
    ),
    "two answers": ("<answer> 6 </answer> <answer> 7 </answer>", None, "7"),
    "a second answer that is cut off": ("<answer> 6 </answer> <answer> 7", None, "6"),
    "an answer that is cut off": ("<think> a </think> <answer> 7", "a", None),
    "an answer opened twice": ("<answer> 6 <answer> 7 </answer>", None, "7"),
    "an answer closed twice": ("<answer> 6 </answer> 7 </answer>", None, "6"),
    "an answer only closed": ("7 </answer>", None, None),
    "an answer around thoughts": ("<answer> 6 <think> a </think> 7 </answer>", "a", None),
    "an answer opened in thoughts": ("<think> <answer> 6 </think> 7 </answer>", "<answer> 6", None),
    "thoughts cut off": ("<think> a", "a", None),
    "thoughts twice": ("<think> a </think> <think> b </think> <answer> 7 </answer>", "a", "7"),
    "thoughts after the answer": (f"{GOOD} <think> b </think>", "3 + 4 = 7 yes", "3 + 4"),
    "thoughts opened twice": (
        "<think> a <think> b </think> <answer> 7 </answer>",
        "a <think> b",
        "7",
    ),
    "thoughts closed twice": ("<think> a </think> b </think> <answer> 7 </answer>", "a", "7"),
}


@pytest.mark.parametrize(("text", "think", "answer"), WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_well_formed(text: str, think: str, answer: str) -> None:
    assert parse(text) == Parsed(think, answer, well_formed=True)


@pytest.mark.parametrize(
    ("text", "think", "answer"), NOT_WELL_FORMED.values(), ids=NOT_WELL_FORMED.keys()
)
def test_not_well_formed(text: str, think: str | None, answer: str | None) -> None:
    assert parse(text) == Parsed(think, answer, well_formed=False)


@pytest.mark.parametrize(
    "unit", ["<think>", "</think>", "<answer>", "</answer>", "<", "<think", " ", "\n", "<answer><"]
)
def test_a_hostile_hundred_thousand_characters_take_no_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    assert not parse(text).well_formed
    assert time.process_time() - start < 2


pieces = st.lists(
    st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "a", "7", "<"]),
    max_size=14,
).map("".join)


@given(pieces)
def test_a_well_formed_completion_has_thoughts_and_an_answer(text: str) -> None:
    parsed = parse(text)
    if parsed.well_formed:
        assert parsed.think and parsed.answer
        rebuilt = f"<think>{parsed.think}</think><answer>{parsed.answer}</answer>"
        assert parse(rebuilt) == parsed
        # One more tag of any kind and the rule is broken.
        for tag in ("<think>", "</think>", "<answer>", "</answer>"):
            assert not parse(text + tag).well_formed
            assert not parse(tag + text).well_formed


@given(pieces)
def test_the_answer_is_a_whole_pair_of_tags(text: str) -> None:
    answer = parse(text).answer
    if answer is not None:
        assert "think>" not in answer and "answer>" not in answer
        assert text.rindex("</answer>") > text.index("<answer>")


def test_format_reward_takes_both_of_trls_shapes_and_ignores_the_rest() -> None:
    completions = [GOOD, "3 + 4", [{"role": "assistant", "content": GOOD}]]
    rewards = format_reward(["p"] * 3, completions, numbers=[[3, 4]] * 3, trainer_state=object())
    assert rewards == [1.0, 0.0, 1.0]
    assert format_reward(prompts=[], completions=[]) == []


def test_the_last_message_of_a_conversation_counts() -> None:
    messages = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "7"},
        {"role": "assistant", "content": GOOD},
    ]
    assert completion_text(messages) == GOOD


@pytest.mark.parametrize(
    "broken", [None, 7, [], [{"role": "assistant"}], ["text"], [{"content": 7}]]
)
def test_anything_else_is_refused_in_one_sentence(broken: object) -> None:
    with pytest.raises(LabError, match="string or a list of messages"):
        completion_text(broken)  # type: ignore[arg-type]
