"""Rollouts: what a group earned stays with it, and dynamic sampling draws as often as it may."""

from collections.abc import Iterator
from dataclasses import fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_policy import make_policy, make_rollout

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.core.errors import LabError
from grpo_core.rewards import RewardSum
from grpo_core.tasks import Problem
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.rollout import Rollout, draw, draw_until_full, joined, shuffled

TIE, VARIES = [0.7, 0.7], [1.0, 0.0]


class Source:
    """Draws groups that vary or tie as a script says, and remembers what was asked of it.

    Each problem's completions are its own number of tokens long, so that a row that went to the
    wrong problem would show.
    """

    def __init__(self, script: list[bool]) -> None:
        self.script, self.asked = script, []

    def __call__(self, problems: list[Problem]) -> Rollout:
        self.asked.append([int(p.prompt) for p in problems])
        rewards, lengths, texts = [], [], []
        for problem in problems:
            number = int(problem.prompt)
            rewards.append(VARIES if self.script[number] else TIE)
            lengths += [1 + number % 5] * 2
            texts += [f"{number}.{i}" for i in range(2)]
        rollout = make_rollout(rewards, lengths)
        rollout.problems, rollout.texts = problems, texts
        return rollout


def numbered(start: int, stop: int) -> list[Problem]:
    return [Problem(str(i), {}) for i in range(start, stop)]


def assert_whole(rollout: Rollout, script: list[bool]) -> None:
    """Every group still has its own completions, texts, rewards and prompt."""
    for group, problem in enumerate(rollout.problems):
        number = int(problem.prompt)
        for i in range(2):
            row = 2 * group + i
            assert rollout.texts[row] == f"{number}.{i}"
            assert len(rollout.samples.completion(row)) == 1 + number % 5
            assert rollout.parts["only"][row] == rollout.rewards[group, i]
        assert rollout.rewards[group].tolist() == (VARIES if script[number] else TIE)
    assert rollout.rows == [p for p in rollout.problems for _ in range(2)]


scripts = st.lists(st.booleans(), min_size=30, max_size=30)


@given(scripts, st.integers(1, 5), st.integers(1, 6), st.integers(0, 24))
def test_dynamic_sampling(script: list[bool], n: int, most_rounds: int, spare: int) -> None:
    source = Source(script)
    more = iter(numbered(n, n + spare))
    rollout, metrics = draw_until_full(source, numbered(0, n), more, "reward", most_rounds)

    # the bound, and nothing drawn that is not needed
    drawn = [number for numbers in source.asked for number in numbers]
    assert 1 <= len(source.asked) <= most_rounds
    assert metrics == {
        "dynamic_sampling/rounds": float(len(source.asked)),
        "dynamic_sampling/groups": float(len(drawn)),
    }
    useful = 0
    for numbers in source.asked:
        assert len(numbers) <= n - useful
        useful += sum(script[number] for number in numbers)
    assert len(drawn) == len(set(drawn))
    # full, unless that was not to be had
    assert useful == n or len(source.asked) == most_rounds or len(drawn) == n + spare

    # N groups: every useful one, then ties, in the order in which they were drawn
    kept = [int(p.prompt) for p in rollout.problems]
    assert len(kept) == n and sum(script[k] for k in kept) == useful
    assert kept == [number for number in drawn if number in kept]
    ties = [number for number in drawn if not script[number]]
    assert [k for k in kept if not script[k]] == ties[: n - useful]
    assert_whole(rollout, script)


def test_a_full_batch_is_drawn_once_and_passed_on_as_it_is() -> None:
    def none_left() -> Iterator[Problem]:
        raise AssertionError("nothing more was needed")
        yield

    source = Source([True] * 3)
    rollout, metrics = draw_until_full(source, numbered(0, 3), none_left(), "reward", 5)
    assert metrics["dynamic_sampling/rounds"] == 1
    assert_whole(rollout, [True] * 3)


def test_what_has_to_vary_may_be_one_reward_of_several() -> None:
    parts = {"right": [1.0, 1.0, 0.0, 1.0], "short": [0.0, 0.3, 0.0, 0.0]}
    rollout = make_rollout([[1.0, 1.3], [0.0, 1.0]], **parts)
    assert rollout.varying("right").tolist() == [False, True]
    assert rollout.varying("short").tolist() == [True, False]
    assert rollout.varying("reward").tolist() == [True, True]


def test_values_that_float32_cannot_tell_apart_are_no_tie() -> None:
    rollout = make_rollout([[1.0, 1.0]], only=[1.0, 1.0 + 1e-12])
    assert rollout.varying("only").tolist() == [True]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_selected_groups_come_in_the_order_they_are_asked_for(groups: list[int]) -> None:
    script = [True, False, True, False]
    rollout = Source(script)(numbered(0, 4)).select(groups)
    assert [int(p.prompt) for p in rollout.problems] == groups
    assert_whole(rollout, script)


def test_joined_rollouts_are_padded_prompts_on_the_left() -> None:
    narrow, wide = make_rollout([[1.0, 0.0]], [2, 1]), make_rollout([[0.0, 1.0]], [4, 3])
    wide.samples.prompt_ids = torch.full((2, 5), 9)
    wide.samples.prompt_mask = torch.ones(2, 5, dtype=torch.bool)
    samples = joined([narrow, wide]).samples
    assert samples.prompt_mask.tolist() == [[False, False, True, True, True]] * 2 + [[True] * 5] * 2
    for row, alone in enumerate([*range(2), *range(2)]):
        part = (narrow, wide)[row // 2].samples
        assert samples.completion(row) == part.completion(alone)
        prompt = samples.prompt_ids[row][samples.prompt_mask[row]]
        assert prompt.equal(part.prompt_ids[alone][part.prompt_mask[alone]])
    assert samples.mask.sum() == 2 + 1 + 4 + 3
    for field in fields(samples):
        assert len(getattr(samples, field.name)) == 4
    assert joined([narrow]) is narrow


def test_shuffled_problems_are_all_but_some_and_follow_the_seed() -> None:
    problems = numbered(0, 40)
    without = problems[3:7]
    first = list(shuffled(problems, "0:again:1", without))
    assert sorted(int(p.prompt) for p in first) == [*range(3), *range(7, 40)]
    assert first == list(shuffled(problems, "0:again:1", without))
    assert first != list(shuffled(problems, "0:again:2", without))


def test_a_drawn_rollout_belongs_together() -> None:
    policy, task = make_policy(), Countdown()
    problems = task.problems("train")[:3]

    def tokens_reward(prompts, completions, completion_ids, numbers, **columns) -> list[float]:
        assert numbers == [p.columns["numbers"] for p in problems for _ in range(4)]
        assert completions == [policy.decode(ids) for ids in completion_ids]
        return [float(len(ids)) for ids in completion_ids]

    rollout = draw(
        policy, task, problems, RewardSum([tokens_reward], [0.5]), 4,
        max_completion_length=9, temperature=1.0, generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    assert rollout.group_size == 4 and rollout.rewards.shape == (3, 4)
    assert rollout.rewards.flatten().tolist() == [n / 2 for n in rollout.samples.lengths.tolist()]
    assert rollout.parts == {"tokens_reward": [float(n) for n in rollout.samples.lengths]}
    assert rollout.varying("tokens_reward").equal(rollout.varying("reward"))


def test_a_prompt_that_comes_twice_is_two_groups() -> None:
    def counting_reward(prompts, completions, **columns) -> list[float]:
        return [float(row) for row in range(len(completions))]

    problem = Countdown().problems("train")[0]
    rollout = draw(
        make_policy(), Countdown(), [problem, problem], RewardSum([counting_reward]), 3,
        max_completion_length=4, temperature=1.0, generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert rollout.rewards.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert group_advantages(rollout.rewards)[0].equal(group_advantages(rollout.rewards)[1])
    assert rollout.select([1]).rewards.tolist() == [[3, 4, 5]]
    assert rollout.texts[:3] != rollout.texts[3:]


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ([1.0], "returned 1 values for 4 completions"),
        ([1.0, 2.0, float("nan"), 0.0], "returned nan for completion 2"),
        ([float("inf")] * 4, "returned inf for completion 0"),
    ],
)
def test_a_reward_that_misbehaves_stops_the_draw_by_its_name(
    returned: list[float], sentence: str
) -> None:
    def broken_reward(prompts, completions, **columns) -> list[float]:
        return returned

    with pytest.raises(LabError, match=f"broken_reward {sentence}"):
        draw(
            make_policy(), Countdown(), Countdown().problems("train")[:2],
            RewardSum([broken_reward]), 2, max_completion_length=2, temperature=1.0,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
