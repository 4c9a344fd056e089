"""Steps with every field filled, and what it takes for two to be the same."""

import json

import numpy as np

from grpo_core.core.records import Completion, Group, Step
from grpo_core.runs import clean

ARRAYS = (
    "token_ids", "old_logprobs", "logprobs", "ref_logprobs", "entropy", "push",
    "token_advantages", "values", "after_logprobs",
)  # fmt: skip


def completion(length: int = 5, seed: int = 0, **changes: object) -> Completion:
    """A completion of `length` tokens with every array filled."""
    rng = np.random.default_rng(seed)
    noise = [rng.standard_normal(length).astype(np.float32) for _ in range(5)]
    values: dict[str, object] = dict(
        text="10 - 3 = 7",
        tokens=["x"] * length,
        token_ids=rng.integers(0, 200, length).astype(np.int32),
        rewards={"accuracy_reward": 1.0, "format_reward": 0.0},
        reward=1.0,
        advantage=-0.25,
        truncated=False,
        old_logprobs=noise[0],
        logprobs=noise[1],
        ref_logprobs=noise[2],
        entropy=noise[3],
        push=noise[4],
    )
    return Completion(**{**values, **changes})  # type: ignore[arg-type]


def step(index: int = 1, groups: int = 2, size: int = 3, length: int = 5) -> Step:
    """A training step whose content depends on `index` alone."""
    made = [
        Group("Use 3 , 5 to make 8 .", {"numbers": [3, 5], "target": 8}, []) for _ in range(groups)
    ]
    for g, group in enumerate(made):
        group.completions = [completion(length, 1000 * index + 10 * g + i) for i in range(size)]
    return Step(index, {"reward": index / 7, "kl": float("nan")}, made)


def same_array(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Equal to the last bit, NaNs included."""
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_number(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def assert_same(a: Step, b: Step) -> None:
    """Every field of every record, with lone surrogates replaced."""
    assert a.index == b.index and len(a.groups) == len(b.groups)
    assert {clean(k) for k in a.metrics} == set(b.metrics)
    assert all(same_number(v, b.metrics[clean(k)]) for k, v in a.metrics.items())
    for left, right in zip(a.groups, b.groups, strict=True):
        assert clean(left.prompt) == right.prompt
        assert json.loads(clean(json.dumps(left.columns, ensure_ascii=False))) == right.columns
        for c, d in zip(left.completions, right.completions, strict=True):
            assert clean(c.text) == d.text and [clean(t) for t in c.tokens] == d.tokens
            assert c.truncated is d.truncated and len(c) == len(d)
            assert same_number(c.reward, d.reward) and same_number(c.advantage, d.advantage)
            assert all(same_number(v, d.rewards[clean(k)]) for k, v in c.rewards.items())
            for name in ARRAYS:
                assert same_array(getattr(c, name), getattr(d, name)), name
