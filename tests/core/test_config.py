"""Options: what is refused, in which words, and that nothing is lost on the way to a file."""

from dataclasses import fields

import pytest

from grpo_core.algorithm.methods import NUMBERS
from grpo_core.core.config import OPTIONS, GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.options import (
    ANY,
    BELOW_ONE,
    KIT,
    NOT_NEGATIVE,
    POSITIVE,
    PPO,
    SHARE,
    TRL,
    Bound,
    positive,
)


def test_plain_values_make_the_same_config() -> None:
    config = GRPOConfig(seed=7, reward_funcs=("format_reward",), reward_weights=(2.0,))
    assert GRPOConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"betta": 0.1}, "Did you mean 'beta'?"),
        ({"num_generations": 1}, "num_generations must be 2 or more"),
        ({"generation_batch_size": 100}, "multiple of num_generations"),
        ({"reward_funcs": ["format_reward"]}, "1 reward_weights, not 2"),
        ({"reward_funcs": [], "reward_weights": []}, "name at least one reward"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"beta": -1.0}, "beta must be 0 or above"),
        ({"learning_rate": float("nan")}, "finite"),
        ({"learning_rate": "fast"}, "float or int is expected"),
        ({"seed": True}, "int is expected"),
        ({"max_steps": 1.5}, "int is expected"),
        ({"seed": 2**64}, "seed must be between 0 and 9,223"),
        ({"threads": 10**11}, "threads must be between 0 and 1,024"),
        (
            {"max_completion_length": 10**9},
            "must be above 0 and at most 100,000",
        ),
        ({"adam_beta1": 1.0}, "adam_beta1 must be 0 or above and below 1"),
        ({"epsilon_high": -0.5}, "epsilon_high must be 0 or above"),
        ({"epsilon": -0.5}, "epsilon must be 0 or above"),
        ({"sapo_temperature_pos": 0}, "sapo_temperature_pos must be above 0"),
        ({"delta": float("inf")}, "delta must be a finite number"),
        ({"epsilon": None}, "float or int is expected"),
        ({"mask_truncated_completions": 1}, "bool is expected"),
        ({"task_options": "count=3"}, "dict is expected"),
        ({"reward_weights": "heavy"}, "reward_weights"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(options: dict, words: str) -> None:
    with pytest.raises(LabError) as refused:
        GRPOConfig.from_dict(options)
    assert words in str(refused.value)


def test_whole_numbers_are_fine_where_decimals_are_meant() -> None:
    assert GRPOConfig.from_dict({"beta": 0, "epsilon_high": 1}).epsilon_high == 1


def test_a_toml_file_and_what_is_wrong_with_one(tmp_path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = 3\nreward_weights = [1, 0.5]\n[task_options]\nlargest = 9\n")
    config = GRPOConfig.from_toml(path, seed=4)
    assert (config.seed, config.reward_weights) == (4, (1, 0.5))
    assert config.task_options == {"largest": 9}
    path.write_text("seed = ")
    with pytest.raises(LabError, match="not valid TOML"):
        GRPOConfig.from_toml(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LabError, match="not valid TOML"):
        GRPOConfig.from_toml(path)
    with pytest.raises(LabError, match="Cannot read the config file"):
        GRPOConfig.from_toml(tmp_path / "missing.toml")


def test_the_numbers_of_the_methods_are_options() -> None:
    """Each with the default and the bound that its method declares."""
    options = GRPOConfig().to_dict()
    for name, number in NUMBERS.items():
        assert options[name] == number.default
        if number.bound:
            with pytest.raises(LabError, match=f"{name} must be {number.bound}"):
                GRPOConfig.from_dict({name: -1.0})


def test_every_option_is_declared_once_and_in_a_sentence() -> None:
    for name, declared in OPTIONS.items():
        assert declared.meaning[:1].strip() and declared.meaning.endswith("."), name
        assert declared.origin in (TRL, PPO, KIT), name
        declared.check(name, getattr(GRPOConfig(), name))


def test_names_that_are_said_to_be_trls_are() -> None:
    trl = pytest.importorskip("trl")
    theirs = {f.name for f in fields(trl.GRPOConfig)}
    assert {name for name, o in OPTIONS.items() if o.origin == TRL} == theirs & set(OPTIONS)


@pytest.mark.parametrize(
    ("bound", "inside", "outside", "words"),
    [
        (POSITIVE, (1e-9, 5), (0, -1), "above 0"),
        (NOT_NEGATIVE, (0, 5), (-1e-9,), "0 or above"),
        (SHARE, (0, 0.5, 1), (-0.1, 1.1), "between 0 and 1"),
        (BELOW_ONE, (0, 0.9), (1, 2, -1), "0 or above and below 1"),
        (positive(10), (1, 10), (0, 11), "above 0 and at most 10"),
        (ANY, (-5, 5), (), ""),
    ],
)
def test_a_bound_and_its_words(bound: Bound, inside: tuple, outside: tuple, words: str) -> None:
    assert all(map(bound.allows, inside)) and not any(map(bound.allows, outside))
    assert str(bound) == words and bool(bound) == bool(words)
