"""The documentation names tests, settings and presets that are really there."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from grpo_core.algorithm.methods import METHODS
from grpo_core.algorithm.presets import PRESETS
from grpo_core.core.config import GRPOConfig

ROOT = Path(__file__).parents[2]
ALGORITHMS = (ROOT / "docs" / "algorithms.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", ALGORITHMS)))


def functions_of(file: str) -> set[str]:
    """The tests of all files of this name."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob(file)]
    return {n.name for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda value: value or "-")
def test_a_test_that_is_named_exists(file: str, test: str) -> None:
    assert any((ROOT / "tests").rglob(file))
    assert not test or test in functions_of(file)


def test_every_invariant_has_its_tests() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", ALGORITHMS, re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 17))
    assert all("`test_" in tests for _, tests in rows)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_has_its_row_its_numbers_and_its_tests(preset: str) -> None:
    what_it_is, what_holds_it = ALGORITHMS.split("## How each method is verified")
    (row,) = re.findall(rf"^\| `{preset}` \|.*$", what_it_is, re.M)
    values = PRESETS[preset]
    if values["beta"]:
        assert f"{values['kl_estimator']} in the" in row and str(values["beta"]) in row
    else:
        assert "| none |" in row
    for name in ("epsilon", "epsilon_high"):
        if values[name] and preset not in ("sapo", "vespo", "reinforce", "cispo"):
            # 0.0003 and 3e-4 are one number
            said = [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-\d)?", row)]
            assert values[name] in said
    assert bool(values["dynamic_sampling"]) == ("dynamic sampling" in row)
    assert bool(values["soft_punish_cache"]) == ("overlong shaping" in row)
    assert re.search(rf"^\| [^|]*`{preset}`[^|]* \|.*$", what_holds_it, re.M)


def test_settings_that_are_named_exist() -> None:
    known = {field.name for field in fields(GRPOConfig)}
    for name in re.findall(r"`((?:num|use|ref|scale|mask|multi|importance|sync)_\w+)`", ALGORITHMS):
        assert name in known


def test_the_tables_are_those_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python data/make.py page` would change nothing."""
    monkeypatch.syspath_prepend(str(ROOT / "data"))
    import family_tables

    for name in ("presets", "methods", "verified"):
        (found,) = re.findall(rf"<!-- begin {name} -->\n(.*?)<!-- end -->", ALGORITHMS, re.S)
        assert found == getattr(family_tables, name)()


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_has_its_row(method: str) -> None:
    (row,) = re.findall(rf"^\| `{method}`: .*$", ALGORITHMS, re.M)
    assert METHODS[method].paper.source in row
    assert all(f"`{number.name}`" in row for number in METHODS[method].numbers)
    assert all(f"`{loss_type}` (" in row for loss_type in METHODS[method].loss_types)
