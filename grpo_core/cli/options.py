"""Options that commands share, and the configuration that options make."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from grpo_core import plugins
from grpo_core.algorithm.presets import PRESETS
from grpo_core.core.config import OPTIONS, GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.recipes import RECIPES


def option_of(name: str, *flags: str) -> Any:
    """Return the command-line option for a field of GRPOConfig, with its declared meaning.

    Args:
        name: of the field.
        flags: where they are not those that follow from the argument's name.
    """
    default = getattr(GRPOConfig(), name)
    unset = default is None or default == "" or default == ()
    stated = "" if unset else f" Default: {default}."
    return typer.Option(*flags, help=OPTIONS[name].meaning + stated)


TaskOption = Annotated[str | None, option_of("task", "--task")]
SeedOption = Annotated[int | None, option_of("seed", "--seed")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE-OR-NAME",
        help="A TOML file of options, named as in GRPOConfig (and TRL); or a shipped recipe: "
        f"{', '.join(RECIPES)}.",
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"A paper's method: {', '.join(PRESETS)}. Wins over --config; other options win over "
        "it.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any option (docs/options.md), as TOML: --set epsilon=0.1 --set task_options.count=4. "
        "May be repeated; wins over everything else.",
    ),
]


def _load_plugins(files: list[Path] | None) -> list[Path] | None:
    """Load plugins while the command line is read, so that other options can name what they add."""
    plugins.load_installed()
    plugins.load_files(files or [])
    return files


def plugin_paths(files: list[Path] | None) -> list[str]:
    """Return what a run's configuration remembers of its plugins: absolute paths."""
    return [str(file.expanduser().absolute()) for file in files or []]


PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        callback=_load_plugins,
        is_eager=True,
        help="A Python file that adds tasks, rewards, models or presets (docs/adding.md). Its code "
        "is run. May be repeated.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")
]


def build_config(
    file: Path | None,
    settings: list[str] | None,
    *,
    preset: str | None = None,
    plugin: list[Path] | None = None,
    **options: Any,
) -> GRPOConfig:
    """The configuration that a file, a preset, the options given (not None) and the --set's make.

    The file may be a recipe, by its name. Each wins over those before it. Plugins come from the
    command line alone, and are loaded already.

    Raises:
        LabError: any of it is refused.
    """
    if file is not None and not file.exists():  # a file wins over a recipe of its name
        file = RECIPES[str(file)].file if str(file) in RECIPES else file
    values = (GRPOConfig.from_toml(file) if file else GRPOConfig()).to_dict()
    values |= find_preset(preset) if preset is not None else {}
    values |= {name: value for name, value in options.items() if value is not None}
    for setting in settings or []:
        merge(values, parse_setting(setting))
    if values["plugins"]:
        raise LabError(
            "plugins can be set by --plugin FILE only: a plugin's code is run, so no file of "
            "options may name one."
        )
    values["plugins"] = plugin_paths(plugin)
    return GRPOConfig.from_dict(values)


def find_preset(name: str) -> dict[str, Any]:
    """The settings that go by the name of a paper.

    Raises:
        LabError: there is no such preset; the message lists those there are.
    """
    if name not in PRESETS:
        raise LabError(f"There is no preset '{name}'. Known: {', '.join(PRESETS)}.")
    return PRESETS[name]


def parse_setting(setting: str) -> dict[str, Any]:
    """`key=value` or `table.key=value` as nested dicts; a bare word is a string.

    Raises:
        LabError: it is not of that form.
    """
    key, equals, value = setting.partition("=")
    if not equals or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", key.strip()):
        raise LabError(f"--set takes KEY=VALUE, such as --set epsilon=0.1, not '{setting}'.")
    for text in (value.strip(), json.dumps(value.strip())):
        try:
            parsed = tomllib.loads(f"{key} = {text}")
        except tomllib.TOMLDecodeError:
            if not re.fullmatch(r"[A-Za-z_][\w./-]*", value.strip()):
                break
        else:
            return parsed
    examples = '3, 0.5, true, "text" and ["a", "b"]'
    raise LabError(f"'{value}' in --set {key} is no TOML value: {examples} are.")


def merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    """Merge nested dicts."""
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
