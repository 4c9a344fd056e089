"""A run folder for each test."""

from pathlib import Path

import pytest

from grpo_core.core.config import GRPOConfig
from grpo_core.runs import create_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return create_run(tmp_path, "demo", GRPOConfig())
