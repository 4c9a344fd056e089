"""Where a policy comes from: an ordinary transformers causal LM with an ordinary tokenizer.

A model with a name of its own is one line in `MODELS`: its folder under `data/models/`, or a
function, as "package.module:function", that returns a model and its tokenizer. Any other name is a
folder, or a hub id where there is a network. Importing this package loads no torch.
"""

from pathlib import Path
from typing import Any

from grpo_core.core.paths import data_dir

MODELS: dict[str, Any] = {
    "tiny": "tiny-base",
    "tiny-grpo": "tiny-grpo",
    "tiny-r1": "tiny-r1",
    "small": "small-base",
    "tiny-noverify": "tiny-noverify",
    "smollm2": "grpo_core.models.smollm2:load",
}

SHIPPED = tuple(name for name, where in MODELS.items() if ":" not in where)


def resolve(name: str) -> str:
    """Return the folder or hub id that `name` stands for; `name` itself where that is one."""
    if name in SHIPPED:
        return str(data_dir() / "models" / MODELS[name])
    registered = MODELS.get(name)
    return str(registered) if isinstance(registered, Path) else name
