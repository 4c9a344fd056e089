"""Hand-written layers, decoder and packing: the plain ones' mathematics in fewer, larger steps.

Nothing here is needed to read or to run the kit. A plain path stands beside each part, and tests
hold the two equal up to rounding:

| here | plain |
|---|---|
| `layers.quicken` | the layers of transformers |
| `llama_decoder.LlamaDecoder` | `training.decoding.TransformersDecoder` |
| `packing.pack` | `training.forward.padded` |

`GRPO_LAB_FAST=0` in the environment turns all of it off. Importing this package loads no torch.
"""

import os


def is_enabled() -> bool:
    """Return whether the fast paths are taken: unless GRPO_LAB_FAST is 0."""
    return os.environ.get("GRPO_LAB_FAST", "1") != "0"
