"""The configuration that options make."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from cli_runs import Lab

from grpo_core.cli.options import build_config, parse_setting
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.recipes import RECIPES
from grpo_core.tasks import get_task


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("epsilon=0.1", {"epsilon": 0.1}),
        ("seed = 3", {"seed": 3}),
        ("loss_type=grpo", {"loss_type": "grpo"}),
        ('loss_type="grpo"', {"loss_type": "grpo"}),
        ("mask_truncated_completions=true", {"mask_truncated_completions": True}),
        ("reward_weights=[1, 0.5]", {"reward_weights": [1, 0.5]}),
        ("task_options.count=4", {"task_options": {"count": 4}}),
        ("model=./some/folder-1.0", None),
        ("model=owner/name-1.0", {"model": "owner/name-1.0"}),
    ],
)
def test_settings_are_toml(setting: str, values: dict[str, Any] | None) -> None:
    if values is None:
        with pytest.raises(LabError, match="is no TOML value"):
            parse_setting(setting)
    else:
        assert parse_setting(setting) == values


def test_who_wins(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("seed = 1\nbeta = 0.5\nepsilon = 0.3\n[task_options]\ncount = 4\nlargest = 9\n")
    config = build_config(file, ["epsilon=0.4", "task_options.count=2"], seed=2, beta=None)
    assert (config.seed, config.beta, config.epsilon) == (2, 0.5, 0.4)
    assert config.task_options == {"count": 2, "largest": 9}
    with file.open("rb") as text:
        assert tomllib.load(text)["task_options"]["count"] == 4


def test_a_preset_wins_over_the_file_and_options_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("seed = 1\nbeta = 0.5\nepsilon_high = 0.4\n")
    config = build_config(file, ["epsilon_high=0.3"], preset="dapo", epsilon=0.1)
    assert (config.seed, config.beta, config.loss_type) == (1, 0.0, "dapo")
    assert (config.epsilon, config.epsilon_high) == (0.1, 0.3)
    assert build_config(None, None, preset="dr_grpo").scale_rewards == "none"
    with pytest.raises(LabError, match=r"There is no preset 'pppo'\. Known: grpo, dr_grpo"):
        build_config(None, None, preset="pppo")


def test_a_recipe_goes_by_its_name_and_options_win_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = build_config(Path("smollm2"), ["max_steps=2"], seed=4)
    assert (config.model, config.task) == ("smollm2", "arithmetic")
    assert (config.seed, config.max_steps) == (4, 2)
    (tmp_path / "smollm2").write_text("seed = 9\n")
    assert build_config(Path("smollm2"), None) == GRPOConfig(seed=9)
    with pytest.raises(LabError, match="Cannot read the config file smollm3"):
        build_config(Path("smollm3"), None)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_read_and_is_in_the_help(name: str, lab: Lab) -> None:
    config = build_config(Path(name), None)
    get_task(config.task, **config.task_options)
    assert name in lab("train", "--help")[1]


@pytest.mark.parametrize("text", ["seed = ", "seed = 1\nseed = 2", "\x00", "max_steps = '3'"])
def test_bad_toml_files(lab: Lab, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    code, _, err = lab("train", "--config", file)
    assert code == 1 and ("is not valid TOML" in err or "max_steps cannot be '3'" in err)
