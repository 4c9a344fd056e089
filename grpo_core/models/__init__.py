"""Where a policy comes from: an ordinary transformers causal LM with an ordinary tokenizer.

A model with a name of its own is one line in `MODELS`: its folder under `data/models/`, or a
function, as "package.module:function", that returns a model and its tokenizer. Any other name is a
folder, or a hub id where there is a network. Importing this package loads no torch.
"""

from grpo_core.paths import data_dir

MODELS: dict[str, str] = {
    "tiny": "tiny-base",
    "tiny-grpo": "tiny-grpo",
    "tiny-r1": "tiny-r1",
    "small": "small-base",
    "tiny-noverify": "tiny-noverify",
    "smollm2": "grpo_core.models.smollm2:load",
}

SHIPPED = tuple(name for name, where in MODELS.items() if ":" not in where)


def resolve(name: str) -> str:
    """The folder or hub id that `name` stands for; `name` itself where it is no shipped model."""
    return str(data_dir() / "models" / MODELS[name]) if name in SHIPPED else name
