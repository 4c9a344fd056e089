"""Every test starts with a learner who has done nothing yet."""

from pathlib import Path

import pytest

from grpo_core.lessons import progress


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "home" / "progress.json"
    monkeypatch.setenv("GRPO_LAB_PROGRESS", str(file))
    monkeypatch.setattr(progress, "_memory", {})
    return file
