"""Plugins: tasks, rewards, models and presets in a file of one's own, known to every command.

    grpo-lab train --plugin sums.py --task sums
    python app.py --plugin sums.py

A plugin is a Python file with one or more dictionaries, named like the kit's own registries, from
the name that users type to what it stands for:

    TASKS          name -> a class that satisfies `tasks.Task`
    REWARDS        name -> a reward function; the name is the function's own
    STEP_REWARDS   name -> a step reward
    MODELS         name -> a function that returns a model and its tokenizer, or a folder
    PRESETS        name -> options of GRPOConfig

An installed package adds the same by an entry point of the group "grpo_lab.plugins" that names
such a module. **Loading a plugin runs its code**, so one is only ever loaded because somebody named
it on a command line or in Python: the dashboard takes no plugin from a page.
"""

import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from grpo_core import models, rewards, tasks
from grpo_core.algorithm import presets
from grpo_core.core.errors import LabError, format_error

ENTRY_POINTS = "grpo_lab.plugins"


class Kind(NamedTuple):
    """One dictionary that a plugin may have.

    Attributes:
        noun: the singular, as errors call it.
        registry: the kit's dictionary of the same name.
        is_one: whether an object can be registered in it.
        expected: what `is_one` accepts, in words.
    """

    noun: str
    registry: dict[str, Any]
    is_one: Callable[[Any], bool]
    expected: str


KINDS = {
    "TASKS": Kind("task", tasks.TASKS, callable, "a class"),
    "REWARDS": Kind("reward", rewards.REWARDS, callable, "a function"),
    "STEP_REWARDS": Kind("step reward", rewards.STEP_REWARDS, callable, "a function"),
    "MODELS": Kind(
        "model",
        models.MODELS,
        lambda value: callable(value) or isinstance(value, str | Path),
        "a function or a folder",
    ),
    "PRESETS": Kind(
        "preset",
        presets.PRESETS,
        lambda value: isinstance(value, dict),
        "a dictionary of options",
    ),
}

_loaded: dict[str, str] = {}  # what was loaded -> a digest of its code


def load_files(files: Iterable[Path | str]) -> None:
    """Load plugin files, in order; a file that was loaded before is left as it is.

    Args:
        files: paths; a run's configuration holds them absolute.

    Raises:
        LabError: a file cannot be read, raises, or adds something that cannot be registered.
    """
    for file in files:
        path = Path(file).expanduser().absolute()
        try:
            code = path.read_bytes()
        except OSError as error:
            raise LabError(f"The plugin {path} cannot be read: {error.strerror}.") from error
        digest = hashlib.sha256(code).hexdigest()
        if _loaded.get(str(path)) == digest:
            continue
        if str(path) in _loaded:
            raise LabError(
                f"The plugin {path} has changed since it was loaded: start this program again."
            )
        _register(_run(path), str(path), path.parent)
        _loaded[str(path)] = digest


def loaded_files() -> list[str]:
    """Return the plugin files that were loaded so far, as absolute paths."""
    return [source for source in _loaded if source.endswith(".py")]


def load_installed() -> None:
    """Load the plugins that installed packages offer by an entry point, each once.

    Raises:
        LabError: one cannot be loaded; the message names its package.
    """
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        source = f"{entry.name} ({entry.value})"
        if source in _loaded:
            continue
        try:
            module = entry.load()
        except Exception as error:
            raise LabError(
                f"The plugin {source} cannot be loaded: {format_error(error)}."
            ) from error
        folder = Path(getattr(module, "__file__", None) or ".").parent
        _register(module, source, folder)
        _loaded[source] = entry.value


def _run(path: Path) -> ModuleType:
    """Import the file under a name of its own, so that it shadows no module."""
    name = f"grpo_lab_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LabError(f"The plugin {path} must be a Python file, with a name that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise LabError(f"The plugin {path} cannot be loaded: {format_error(error)}.") from error
    return module


def _register(module: ModuleType, source: str, folder: Path) -> None:
    """Add what a plugin's dictionaries hold to the kit's; all of it or nothing."""
    found = {name: vars(module)[name] for name in KINDS if name in vars(module)}
    if not found:
        raise LabError(f"The plugin {source} adds nothing: it has none of {', '.join(KINDS)}.")
    for name, added in found.items():
        if not isinstance(added, dict):
            raise LabError(f"{name} in the plugin {source} must be a dictionary, not {added!r}.")
        for key, value in added.items():
            _check(KINDS[name], key, value, source)
    for name, added in found.items():
        for key, value in added.items():
            if name == "MODELS" and isinstance(value, str | Path):
                value = folder / value
            KINDS[name].registry[key] = value


def _check(kind: Kind, key: Any, value: Any, source: str) -> None:
    """Refuse one entry that cannot be registered."""
    if not isinstance(key, str) or not key.isidentifier():
        raise LabError(
            f"The plugin {source} calls a {kind.noun} {key!r}: use letters, digits and '_'."
        )
    if key in kind.registry:
        raise LabError(
            f"The plugin {source} adds the {kind.noun} '{key}', a name that is taken: "
            "choose another name."
        )
    if not kind.is_one(value):
        raise LabError(
            f"The {kind.noun} '{key}' in the plugin {source} must be {kind.expected}, "
            f"not {value!r}."
        )
    own_name = getattr(value, "__name__", key)
    if kind.noun in ("reward", "step reward") and own_name != key:
        raise LabError(
            f"The {kind.noun} '{key}' in the plugin {source} is a function called '{own_name}': "
            "give both the same name, under which its metrics are recorded."
        )
