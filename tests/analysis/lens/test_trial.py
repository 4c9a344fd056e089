"""A group reconsidered: the record stands where nothing is changed, and moves as it should."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mini_model import MINI, make_model

from grpo_core.algorithm import methods as registry
from grpo_core.algorithm.formula import Formula, text
from grpo_core.algorithm.presets import PRESETS
from grpo_core.analysis.lens import Trial, compare, labels, method, methods, reconsider, rescore
from grpo_core.analysis.lens.symbols import WRITTEN, lines, source_of, sources, symbols, written
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.paths import data_dir
from grpo_core.core.records import Step
from grpo_core.runs import Run

RECORDED = Run(data_dir() / "runs" / "countdown-seed0")


def shipped(step: int = 40) -> Step:
    return RECORDED.step(step)


def assert_the_record_stands(step: Step, options: dict) -> None:
    for which, group in enumerate(step.groups):
        found = reconsider(step.groups, which, options, step.metrics, Trial())
        for before, after in zip(group.completions, found.group.completions, strict=True):
            assert after.reward == pytest.approx(before.reward, abs=1e-6)
            assert after.advantage == pytest.approx(before.advantage, abs=2e-5)
            scale = np.abs(before.push).max() + 1e-9
            np.testing.assert_allclose(after.push / scale, before.push / scale, atol=2e-4)


@pytest.mark.parametrize("index", [1, 40, 125])
def test_the_shipped_run_stands_as_recorded(index: int) -> None:
    """One group of eight is on record: the batch's size is what the metrics say, and exactly."""
    assert_the_record_stands(shipped(index), RECORDED.options)


METHODS = [
    {},
    {"loss_type": "grpo", "num_iterations": 2, "learning_rate": 0.01, "beta": 0.04},
    {"loss_type": "dr_grpo", "scale_rewards": "none", "mask_truncated_completions": True},
    {"multi_objective_aggregation": "normalize_then_sum", "beta": 0.0},
    {"scale_rewards": "batch", "soft_punish_cache": 40},
    {"scale_rewards": "gae", "use_kl_in_reward": True, "kl_estimator": "k1", "beta": 0.05},
    {"scale_rewards": "process", "step_reward_func": "equations_true"},
    {"scale_rewards": "loo", "importance_sampling_level": "sequence_sum", "loss_type": "grpo"},
]


@pytest.mark.parametrize("options", METHODS)
def test_a_run_of_today_stands_as_recorded(tmp_path: Path, options: dict) -> None:
    from grpo_core.training.trainer import Trainer

    model = str(make_model(tmp_path / "model"))
    config = GRPOConfig(**MINI | {"max_steps": 1, "eval_steps": 0, "model": model} | options)
    assert_the_record_stands(list(Trainer(config))[1], config.to_dict())


def test_weights_move_advantages_and_a_tie_teaches_nothing() -> None:
    step = shipped()
    turned = {"accuracy_reward": -1.0, "format_reward": 0.0}
    found = reconsider(step.groups, 0, RECORDED.options, step.metrics, Trial(weights=turned))
    solved = np.array([c.rewards["accuracy_reward"] for c in found.group.completions])
    advantages = found.group.advantages
    assert 0 < solved.mean() < 1  # or this step shows nothing
    assert (advantages[solved == 1] < 0).all() and (advantages[solved == 0] > 0).all()
    assert advantages.sum() == pytest.approx(0, abs=1e-4)
    nothing = {"accuracy_reward": 0.0, "format_reward": 0.0}
    tied = reconsider(step.groups, 0, RECORDED.options, step.metrics, Trial(weights=nothing))
    assert tied.group.is_dead and tied.credit.std == 0


def test_an_edit_is_scored_by_the_verifier_and_moves_the_others() -> None:
    step = shipped()
    options = RECORDED.options
    before = step.groups[0]
    wrong = next(i for i, c in enumerate(before.completions) if not c.rewards["accuracy_reward"])
    right = next(c for c in before.completions if c.rewards["accuracy_reward"])
    found = reconsider(step.groups, 0, options, step.metrics, Trial(edits={wrong: right.text}))
    after = found.group
    assert after.completions[wrong].rewards == right.rewards
    assert after.completions[wrong].advantage > before.completions[wrong].advantage
    others = [i for i in range(len(after.completions)) if i != wrong]
    assert all(after.advantages[i] < before.advantages[i] for i in others)
    assert "".join(after.completions[wrong].tokens) == right.text
    assert after.completions[wrong].push is None and found.terms[wrong] is None
    with pytest.raises(LabError, match="not available without running the model"):
        symbols(found, wrong, 0)


HOSTILE = [
    "",
    "</think><answer></answer>",
    "<answer>__import__('os').system('true')</answer>",
    "<answer>9**9**9**9</answer>",
    "\ud800\0\u202e<script>alert(1)</script>",
    "<think>" * 500,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_edits_earn_nothing(text: str) -> None:
    step = shipped()
    earned = rescore(step.groups[0], 0, text, RECORDED.config)
    assert earned == {"accuracy_reward": 0.0, "format_reward": 0.0}
    found = reconsider(step.groups, 0, RECORDED.options, step.metrics, Trial(edits={0: text}))
    assert "".join(found.group.completions[0].tokens) == text


def test_what_cannot_be_tried_says_why() -> None:
    step = shipped()
    for trial, words in [
        (Trial("ppo"), "no critic"),
        (Trial("nonsense"), "no preset"),
        (Trial(edits={99: "x"}), "no completion 100"),
    ]:
        with pytest.raises(LabError, match=words):
            reconsider(step.groups, 0, RECORDED.options, step.metrics, trial)


def test_every_method_is_compared_as_it_is_when_chosen() -> None:
    step = shipped()
    weights = {"accuracy_reward": 1.0, "format_reward": 0.3}
    found = compare(step.groups, 0, (3, 5), RECORDED.options, step.metrics, weights)
    assert list(found) == methods() and isinstance(found["ppo"], str)
    for name, numbers in found.items():
        if isinstance(numbers, str):
            continue
        chosen = reconsider(step.groups, 0, RECORDED.options, step.metrics, Trial(name))
        assert numbers["push"] == pytest.approx(float(chosen.group.completions[3].push[5]), 1e-5)
        at = symbols(chosen, 3, 5)
        assert at["push"].value == pytest.approx(numbers["push"])
        assert at["A"].value == pytest.approx(chosen.group.completions[3].advantage)
    assert len({numbers["push"] for numbers in found.values() if not isinstance(numbers, str)}) > 6


def test_every_method_has_a_label_and_a_plugins_goes_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(PRESETS, "theirs", {"loss_type": "grpo"})
    assert list(labels()) == methods() and methods()[-1] == "theirs"
    assert labels()["own"] == "this run" and labels()["theirs"] == "theirs"
    assert labels()["gspo_token"] == "GSPO-token"


def test_a_presets_sampling_and_rewards_stay_the_runs() -> None:
    dapo = method(RECORDED.options, "dapo")
    assert dapo.epsilon_high == 0.28
    assert dapo.dynamic_sampling == "" and dapo.soft_punish_cache == 0


def test_symbols_name_the_functions_that_compute_them() -> None:
    found = reconsider(shipped().groups, 0, RECORDED.options, shipped().metrics, Trial())
    assert {symbol.source for symbol in symbols(found, 0, 0).values()} <= sources()
    for name in sources():
        path, line, text = source_of(name)
        assert text.startswith(("def ", "class ")) and line > 1 and path.startswith("grpo_core/")
    for name in ("algorithm.kl:nothing", "../../etc/passwd", "store:Run"):
        with pytest.raises(LabError):
            source_of(name)


def test_every_symbol_is_in_the_glossary() -> None:
    from grpo_core.core.glossary import explain

    found = reconsider(shipped().groups, 0, RECORDED.options, shipped().metrics, Trial())
    for name, symbol in symbols(found, 0, 0).items():
        assert explain(symbol.entry) is not None, name
    for one in registry.METHODS.values():
        for name, own in one.symbols.items():
            assert name not in WRITTEN and (own.meaning or explain(own.entry)), name


def used(formula: Formula) -> set[str]:
    """The symbols in a formula."""
    names: set[str] = set()
    for node in formula:
        assert isinstance(node[0], str)
        if node[0] == "sym":
            names.add(node[1])
        for part in node[1:]:
            if isinstance(part, tuple):
                names |= used(part if isinstance(part[0], tuple) else (part,))
    return names


@pytest.mark.parametrize("preset", methods())
def test_every_symbol_of_a_formula_is_written_and_has_a_value(preset: str) -> None:
    step = shipped()
    config = method(RECORDED.options, preset)
    forms = written(config)
    names = set().union(*(used(line.formula) | {line.symbol} for line in lines(config)))
    assert names <= set(forms)
    assert all(line.formula or line.words for line in lines(config))
    for line in lines(config):
        assert text(line.formula, forms) or line.words  # every kind of node is known
    if preset == "ppo":
        return  # no critic on record
    found = reconsider(step.groups, 0, RECORDED.options, step.metrics, Trial(preset))
    values = symbols(found, 0, 0)
    assert names <= set(values)
    assert all(np.isfinite(values[name].value) for name in names if name != "delta"), preset
    assert json.loads(json.dumps(lines(config)[0].formula)) is not None


def test_a_damaged_config_is_said() -> None:
    step = shipped()
    with pytest.raises(LabError):
        reconsider(step.groups, 0, {"loss_type": 3}, step.metrics, Trial())
    assert replace(Trial(), preset="own").changes_nothing
