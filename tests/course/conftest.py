"""Every test starts with a learner who has done nothing yet."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grpo_core.course import progress


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "home" / "progress.json"
    monkeypatch.setenv("GRPO_LAB_PROGRESS", str(file))
    monkeypatch.setattr(progress, "_memory", {})
    return file


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Calling it with a package's name makes that package impossible to import."""

    def hide(package: str) -> None:
        real = builtins.__import__

        def importing(name: str, *args: Any, **kwargs: Any) -> Any:
            if name.split(".")[0] == package:
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", importing)

    return hide
