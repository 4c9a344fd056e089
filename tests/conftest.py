"""What every test shares: a quiet, offline, single-threaded process, and `require`."""

import os

# Before anything imports torch, transformers, gradio or matplotlib. What is set already stays.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads on busy cores are many times slower
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import settings

# A busy machine is no failure, and a test that passed once must not fail by luck later.
settings.register_profile("kit", deadline=None, derandomize=True)
settings.load_profile("kit")


def require(condition: object, what: str) -> None:
    """Skip the test where `what` is missing; in CI, which installs everything, fail instead.

    Use it in a test or a fixture: `require(shutil.which("chromium"), "Debian's chromium")`.
    """
    if condition:
        return
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"missing in CI: {what}", pytrace=False)
    pytest.skip(f"missing here: {what}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` where there is none: CI has none either."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("missing here: an NVIDIA GPU")
