"""Two recorded runs, and a class that is served."""

from collections.abc import Iterator
from pathlib import Path

import fake_run
import pytest
from visitors import Served, serving

SMALL = {"num_generations": 4, "generation_batch_size": 8}


@pytest.fixture(scope="session")
def recorded_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs, which nobody writes to."""
    root = tmp_path_factory.mktemp("recorded")
    fake_run.record(root, "recorded", steps=3, **SMALL)
    fake_run.hacked(root, "hacked", steps=3, **SMALL)
    return root


@pytest.fixture
def served(tmp_path: Path, recorded_runs: Path) -> Iterator[Served]:
    (tmp_path / "shipped").symlink_to(recorded_runs)
    with serving(tmp_path) as served:
        yield served
