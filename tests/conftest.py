"""What every test shares: a quiet, offline, single-threaded process."""

import atexit
import os
import shutil
import sys
import tempfile

# Before anything imports torch, transformers, gradio or matplotlib. What is set already stays.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads on busy cores are many times slower
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MPLBACKEND", "Agg")
if "GRPO_LAB_STATE" not in os.environ:  # which runs were made here is nothing to remember
    os.environ["GRPO_LAB_STATE"] = tempfile.mkdtemp(prefix="grpo-lab-tests-")
    atexit.register(shutil.rmtree, os.environ["GRPO_LAB_STATE"], ignore_errors=True)

import pytest
from hypothesis import settings

# A busy machine is no failure, and a test that passed once must not fail by luck later.
settings.register_profile("kit", deadline=None, derandomize=True)
settings.load_profile("kit")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` where there is none: CI has none either."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("missing here: an NVIDIA GPU")


def pytest_runtest_teardown() -> None:
    """A trainer that chose two threads leaves them to no other test."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
