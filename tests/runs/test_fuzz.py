"""Folders damaged at random: sentences and nothing else, in bounded time and memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "helpers" / "fuzz_folders.py"
FOUND = (8, 61)  # seeds that once found something

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes in folders are POSIX's")


def fuzz(room: Path, first: int, last: int) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (SCRIPT.parent, Path.cwd()))),
    }
    command = [sys.executable, str(SCRIPT), str(room), str(first), str(last)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["said"] > found["cases"] and found["slowest"][0] < 15
    assert found["memory"] < 400  # 84 MB here, most of it the program


def test_damaged_folders(tmp_path: Path) -> None:
    fuzz(tmp_path / "some", 0, 25)
    for seed in FOUND:
        fuzz(tmp_path / str(seed), seed, seed + 1)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 1100, 250))
def test_many_damaged_folders(tmp_path: Path, first: int) -> None:
    fuzz(tmp_path, first, first + 250)
