"""Arithmetic: the problems, the splits, and what the verifier accepts."""

import random
import re
import time
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy, load_policy
from grpo_core.rewards import RewardSum
from grpo_core.tasks import Problem, columns_of, get_task
from grpo_core.tasks.arithmetic import EXAMPLES, PLAIN, Arithmetic, number
from grpo_core.tasks.conversation import as_messages
from grpo_core.tasks.expression import MAX_LENGTH, MAX_SIZE, ExpressionError, evaluate, literals
from grpo_core.training import evaluation
from grpo_core.training.sampling import Samples, sample_groups

TASK = Arithmetic()


def question(problem: Problem) -> str:
    """What the last turn asks."""
    last = as_messages(problem.prompt)[-1]
    assert last["role"] == "user"
    return last["content"]


def pairs(problems: list[Problem]) -> set[tuple[int, ...]]:
    return {tuple(sorted(literals(p.columns["expression"]))) for p in problems}


# --- problems -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"largest": 50, "operators": "+-*/", "words": 0.9}])
def test_no_held_out_pair_of_numbers_occurs_in_training_or_in_an_example(options: dict) -> None:
    task = Arithmetic(**options)
    train, test = task.problems("train"), task.problems("test")
    shown = {tuple(sorted(pair)) for pair, _, _ in EXAMPLES}
    assert not pairs(train) & pairs(test)
    assert not shown & (pairs(train) | pairs(test))
    assert 0.15 < len(pairs(test)) / len(pairs(train) | pairs(test)) < 0.35
    prompts = [p.prompt for p in train + test]
    assert len(prompts) == len(set(prompts))
    assert not task.problems("pretrain")


def test_the_examples_are_right_well_formed_and_about_the_pairs_they_name() -> None:
    for pair, asked, answered in EXAMPLES:
        expression = re.search(r"<think> (.*) = ", answered).group(1)
        assert sorted(literals(expression)) == sorted(map(int, re.findall(r"\d+", asked)))
        assert sorted(pair) == sorted(literals(expression))
        rewards = RewardSum(["accuracy_reward", "format_reward"])
        columns = {"expression": [expression], "task": ["arithmetic"]}
        assert rewards([asked], [answered], **columns)[1] == [2.0]


def test_a_question_holds_its_numbers_and_no_answer() -> None:
    for problem in TASK.problems("test") + random.Random(0).sample(TASK.problems("train"), 200):
        expression = problem.columns["expression"]
        assert list(map(int, re.findall(r"\d+", question(problem)))) == literals(expression)
        assert evaluate(expression) >= 0


@given(share=st.floats(0, 1))
def test_the_share_of_stories_is_an_option(share: float) -> None:
    starts = tuple(template[:8] for template in PLAIN)
    problems = Arithmetic(largest=9, words=share).problems("train")
    told = sum(not question(p).startswith(starts) for p in problems) / len(problems)
    # the same question is asked once, and there are fewer plain ones: stories are a little more
    assert share - 0.12 < told < share + 0.22


def test_problems_are_the_same_on_every_machine() -> None:
    # pinned: a change here moves held-out problems into training
    assert [len(TASK.problems(split)) for split in ("train", "test")] == [1510, 406]
    assert question(TASK.problems("test")[7]) == (
        "Eva has 3 shells and gives away 2. How many shells are left?"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"largest": 6},
        {"smallest": 0},
        {"largest": 4000},
        {"largest": "ten"},
        {"operators": ""},
        {"operators": "+^"},
        {"words": 1.5},
        {"test_share": 0.0},
        {"size": 3},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict) -> None:
    with pytest.raises(LabError):
        get_task("arithmetic", **options)


# --- the verifier -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("3.5", True),
        ("3.50", True),
        ("7/2", True),
        ("7 / 2", True),
        ("14/4", True),
        ("\n 3.5\t", True),
        ("3", False),
        ("4", False),
        ("-3.5", False),
        ("35", False),
        ("3.05", False),
        ("3.4999999999999999999", False),
        ("3 + 0.5", False),
        ("7/2/1", False),
        ("3,5", False),
        ("3.5.0", False),
        ("3.5 3.5", False),
        ("3.5\n4", False),
        ("3 .5", False),
        (".5", False),
        ("3.", False),
        ("03.5", False),
        ("+3.5", False),
        ("--3.5", False),
        ("35e-1", False),
        ("0x3", False),
        ("3.5 liters", False),
        ("about 3.5", False),
        ("= 3.5", False),
        ("$3.5", False),
        ("3_5", False),
        ("\u0663.\u0665", False),
        ("\uff13.\uff15", False),
        ("7\u20442", False),
        ("7/0", False),
        ("7//2", False),
        ("nan", False),
        ("inf", False),
        ("", False),
        (" ", False),
        ("__import__('os').system('true')", False),
        ("True", False),
        ("3.5\x00", False),
        ("3.5" + "0" * MAX_LENGTH, False),
    ],
)
def test_one_number_and_exactly_the_right_one(answer: str, right: bool) -> None:
    assert TASK.verify(answer, expression="7 / 2") is right


def test_the_question_is_no_answer() -> None:
    for problem in random.Random(1).sample(TASK.problems("train"), 100):
        expression = problem.columns["expression"]
        assert not TASK.verify(expression, **problem.columns)
        assert not TASK.verify(f"{expression} = {evaluate(expression)}", **problem.columns)
        assert TASK.verify(str(evaluate(expression)), **problem.columns)
        assert not TASK.verify(str(evaluate(expression) + 1), **problem.columns)


@given(
    numerator=st.integers(-(10**9), 10**9), places=st.integers(0, 4), other=st.integers(-999, 999)
)
def test_decimals_and_fractions_are_exact(numerator: int, places: int, other: int) -> None:
    value = Fraction(numerator, 10**places)
    digits = f"{abs(numerator):0{places + 1}d}"
    whole, decimals = digits[: len(digits) - places], digits[len(digits) - places :]
    text = ("-" if numerator < 0 else "") + (f"{whole}.{decimals}" if places else whole)
    assert number(text) == number(f"{text}{'0' if places else '.0'}") == value
    assert number(f"{numerator}/{10**places}") == value
    assert TASK.verify(text, expression=f"{other} - 0") is (value == other)


@given(st.text(max_size=300))
@example("9" * 200)
@example("1/" + "9" * 100)
@example("9" * 5000)
@example("0" * 100_000 + "x")
@example("- " * 100_000)
def test_the_verifier_never_raises(answer: str) -> None:
    assert TASK.verify(answer, expression="3 + 4") in (True, False)


@given(st.text("0123456789.-/ \n", max_size=20))
def test_what_is_accepted_as_a_number_is_one(text: str) -> None:
    try:
        value = number(text)
    except ExpressionError:
        return
    plain = text.replace(" ", "").strip()
    assert Fraction(plain) == value and abs(value.numerator) <= MAX_SIZE**2


def test_the_verifier_is_quick_on_long_texts() -> None:
    started = time.process_time()  # others' work is not counted
    for text in ("1" * 10**6, " " * 10**6, "1/" * 10**6, "-" * 10**6 + "1", "1." * 10**6):
        assert not TASK.verify(text, expression="3 + 4")
    assert time.process_time() - started < 1


def test_second_thoughts_are_counted() -> None:
    text = "12 + 3 = 16. Wait, no: actually 15. Nothing now. Let me check: 15"
    assert TASK.backtracks(text) == 4
    assert TASK.backtracks("<think> 12 + 3 = 15 </think> <answer> 15 </answer>") == 0


# --- with a policy ------------------------------------------------------------------------------


def test_rewards_of_scripted_replies() -> None:
    problems = TASK.problems("train")[:3]
    values = [evaluate(p.columns["expression"]) for p in problems]
    replies = [
        f"<think> it is {values[0]} </think> <answer> {values[0]} </answer>",
        f"<answer>{values[1]}</answer>",
        f"<think> easy </think> <answer> {values[2] + 1} </answer>",
    ]
    parts, totals = RewardSum(["accuracy_reward", "format_reward"], [1.0, 0.3])(
        [p.prompt for p in problems], replies, **columns_of(TASK, problems)
    )
    assert parts == {"accuracy_reward": [1.0, 1.0, 0.0], "format_reward": [1.0, 0.0, 1.0]}
    assert totals == [1.3, 1.0, 0.3]


class Scripted:
    """A policy that knows what to say, and says it a token a character."""

    def __init__(self, replies: dict[str, str]) -> None:
        self.replies = replies

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))

    def sample(self, policy: Policy, prompts: list[str], count: int, **_: object) -> Samples:
        """In the place of `sample_groups`."""
        rows = [[ord(c) for c in self.replies[p]] for p in prompts for _ in range(count)]
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
        for row, codes in zip(ids, rows, strict=True):
            row[: len(codes)] = torch.tensor(codes)
        none = torch.zeros(len(rows), 1, dtype=torch.long)
        return Samples(none, none.bool(), ids, lengths, none[:, 0].bool(), torch.zeros(ids.shape))


def test_a_policy_that_solves_every_other_problem_measures_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replies = {}
    for i, problem in enumerate(TASK.problems("test")):
        value = evaluate(problem.columns["expression"])
        thought = "<think> Wait, no. </think>" if i % 4 < 2 else ""
        replies[problem.prompt] = f"{thought}<answer> {value + i % 2} </answer>"
    policy = Scripted(replies)
    monkeypatch.setattr(evaluation, "sample_groups", policy.sample)
    measured = evaluation.evaluate(policy, TASK, n=10_000)
    assert measured["n"] == len(TASK.problems("test"))
    assert measured["accuracy"] == pytest.approx(0.5, abs=0.01)
    assert measured["format"] == pytest.approx(0.5, abs=0.01)
    assert measured["backtracks"] == pytest.approx(1.0, abs=0.01)


def test_a_model_without_these_words_says_so() -> None:
    policy = load_policy("tiny")
    prompts = [TASK.problems("train")[0].prompt]
    with pytest.raises(LabError, match="does not know 'Think,'"):
        sample_groups(
            policy, prompts, 2, max_completion_length=4, temperature=1.0,
            generator=torch.Generator(),
        )  # fmt: skip
