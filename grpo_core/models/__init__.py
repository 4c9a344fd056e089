"""Where a policy comes from: an ordinary transformers causal LM with an ordinary tokenizer.

A model with a name of its own is one line in `MODELS`: its folder under `data/models/`. Any other
name is a folder, or a hub id where there is a network. Importing this package loads no torch.
"""

from grpo_core.paths import data_dir

MODELS: dict[str, str] = {
    "tiny": "tiny-base",
}


def resolve(name: str) -> str:
    """The folder or hub id that `name` stands for."""
    return str(data_dir() / "models" / MODELS[name]) if name in MODELS else name
