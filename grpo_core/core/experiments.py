"""Experiments: shipped sets of options, each a TOML file under data/experiments/. No torch here.

A new experiment is one file: options by the names of GRPOConfig, and a table [about] with

    place   its position in the list
    title   a few words
    look    one sentence: what to look for
    needs   (optional) modules that the core does not install

`grpo-lab train --config NAME` and the dashboard's *Experiments to try* find it.
"""

import importlib.util
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpo_core.core import registry
from grpo_core.core.paths import data_dir


@dataclass(frozen=True)
class Experiment:
    """One experiment, as its file describes it.

    Attributes:
        file: its path, for `GRPOConfig.from_toml`.
        title: a few words.
        look: one sentence on what to look for.
        options: option name -> value, under the names of GRPOConfig; others keep their default.
        needs: modules that it requires.
    """

    file: Path
    title: str
    look: str
    options: dict[str, Any]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Return the packages that it requires and that are not installed."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        return [name.replace("_", "-") for name in absent]


def _read(file: Path) -> tuple[int, Experiment]:
    """Return an experiment's position in the list, and the experiment."""
    options = tomllib.loads(file.read_text(encoding="utf-8"))
    about = options.pop("about")
    needs = tuple(about.get("needs", ()))
    return about["place"], Experiment(file, about["title"], about["look"], options, needs)


def _all(folder: Path) -> dict[str, Experiment]:
    read = sorted((*_read(file), file.stem) for file in folder.glob("*.toml"))
    return {name: experiment for _, experiment, name in read}


EXPERIMENTS: dict[str, Experiment] = _all(data_dir() / "experiments")
"""Name -> experiment, in the order of their positions."""


def get_experiment(name: str) -> Experiment:
    """Return the experiment with a name.

    Raises:
        LabError: the name is unknown; the message lists the known ones.
    """
    registry.check(EXPERIMENTS, name, "experiment")
    return EXPERIMENTS[name]
