"""Every preset is a row of settings that its switches take."""

from pathlib import Path

import pytest

from grpo_core.algorithm.methods import LOSS_TYPES
from grpo_core.algorithm.presets import PRESETS
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_is_a_row_of_settings(name: str) -> None:
    config = GRPOConfig.from_dict(PRESETS[name])
    assert PRESETS[name].keys() == PRESETS["grpo"].keys()  # it leaves no switch to the defaults
    Variant.from_config(config)
    assert f"| `{name}` |" in (ROOT / "docs" / "algorithms.md").read_text(encoding="utf-8")


def test_presets_are_all_different_and_use_every_loss_type() -> None:
    variants = {Variant.from_config(GRPOConfig(**row)) for row in PRESETS.values()}
    assert len(variants) == len(PRESETS)
    assert {row["loss_type"] for row in PRESETS.values()} == set(LOSS_TYPES)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("grpo", Variant("group", "token", "clip", "sequence_mean", beta=0.04)),
        ("dr_grpo", Variant("none", "token", "clip", "constant")),
        ("dapo", Variant("group", "token", "clip", "token_mean", epsilon_high=0.28)),
        (
            "rloo",
            Variant(
                "loo",
                "sequence_sum",
                "clip",
                "sequence_mean",
                "k1",
                beta=0.05,
                use_kl_in_reward=True,
            ),
        ),
        ("reinforce", Variant("none", "token", "none", "length_weighted")),
    ],
)
def test_what_the_papers_say(name: str, variant: Variant) -> None:
    assert Variant.from_config(GRPOConfig(**PRESETS[name])) == variant
