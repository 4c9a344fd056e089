"""`from grpo_core import ...`: every documented name, from its one home, when it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import grpo_core


@pytest.mark.parametrize("name", grpo_core._HOMES)
def test_every_name_comes_from_its_home(name: str) -> None:
    value = getattr(grpo_core, name)
    assert value.__module__.startswith(f"grpo_core.{grpo_core._HOMES[name].split('.')[0]}")
    assert name in (grpo_core.__doc__ or ""), "undocumented"


def test_editors_are_told_the_same_names() -> None:
    tree = ast.parse(Path(grpo_core.__file__).read_text(encoding="utf-8"))
    told = {
        alias.asname: (node.module or "").removeprefix("grpo_core.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("grpo_core.")
        for alias in node.names
    }
    assert told == grpo_core._HOMES


def test_importing_the_package_loads_nothing_and_an_unknown_name_is_an_error() -> None:
    code = "import sys, grpo_core; print([m for m in sys.modules if m.startswith('grpo_core.')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'Trainr'"):
        _ = grpo_core.Trainr
