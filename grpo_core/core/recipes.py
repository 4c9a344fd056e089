"""Recipes: runs worth a try, each a TOML file of options under data/recipes/. No torch in here.

A new recipe is one file: options by the names of GRPOConfig, and a table [about] for people, with

    place   where it stands in the list
    title   a few words
    look    one sentence: what to look for
    needs   (optional) modules that the core does not bring

`grpo-lab train --config NAME` and a click in the dashboard take it from there.
"""

import importlib.util
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpo_core.core import registry
from grpo_core.core.paths import data_dir


@dataclass(frozen=True)
class Recipe:
    """One recipe as its file has it.

    Attributes:
        file: where it stands; `GRPOConfig.from_toml` reads it.
        title, look: a few words, and one sentence what to look for.
        options: by the names of GRPOConfig; those that are not there keep their usual value.
        needs: modules without which it cannot be run.
    """

    file: Path
    title: str
    look: str
    options: dict[str, Any]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Those of the modules it needs that are not installed, by their packages' names."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        return [name.replace("_", "-") for name in absent]


def _read(file: Path) -> tuple[int, Recipe]:
    """Its place in the list, and the recipe."""
    options = tomllib.loads(file.read_text(encoding="utf-8"))
    about = options.pop("about")
    needs = tuple(about.get("needs", ()))
    return about["place"], Recipe(file, about["title"], about["look"], options, needs)


def _all(folder: Path) -> dict[str, Recipe]:
    read = sorted((*_read(file), file.stem) for file in folder.glob("*.toml"))
    return {name: recipe for _, recipe, name in read}


RECIPES: dict[str, Recipe] = _all(data_dir() / "recipes")
"""Name -> recipe, in the order of their places."""


def get_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        LabError: there is none; the message lists those there are.
    """
    registry.check(RECIPES, name, "recipe")
    return RECIPES[name]
