"""Every point is the work that it says it is."""

import pytest

from grpo_core.analysis import figures
from grpo_core.analysis.speed import scaling


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(scaling, "GROUPS", (2, 4))
    monkeypatch.setattr(scaling, "LENGTHS", (3, 6))
    monkeypatch.setattr(scaling, "SIZES", ((32, 1), (64, 1)))
    monkeypatch.setattr(scaling, "GROUP", 2)
    monkeypatch.setattr(scaling, "LENGTH", 3)
    return scaling.measure(lambda what, done, total: None, steps=1, prompts=2)


def test_one_thing_is_varied_at_a_time(small: dict) -> None:
    curves = small["curves"]
    assert [p["group"] for p in curves["group"]] == [2, 4]
    assert [p["length"] for p in curves["length"]] == [3, 6]
    sizes = [p["parameters"] for p in curves["parameters"]]
    assert sizes == sorted(set(sizes)) and len(sizes) == 2
    for name, points in curves.items():
        others = {"group", "length", "parameters"} - {name}
        for other in others:
            assert len({p[other] for p in points}) == 1
        assert all(p["sampling"] + p["update"] <= p["step"] for p in points)
    figure = figures.scaling_curves(small)
    assert [axes.get_xscale() for axes in figure.axes] == ["log"] * 3


def test_every_completion_has_the_length_it_may_have() -> None:
    policy = scaling.policy_of(32, 1)
    assert scaling.point(policy, 2, 5, prompts=2, steps=1)["length"] == 5
    import torch

    from grpo_core.training.sampling import sample_groups

    samples = sample_groups(
        policy, ["Check 12 :"], 50, max_completion_length=9, temperature=1.0,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert set(samples.lengths.tolist()) == {9} and samples.truncated.all()
