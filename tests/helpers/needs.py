"""What a test needs and a machine may lack."""

import os

import pytest


def require(condition: object, what: str) -> None:
    """Skip the test where `what` is missing; in CI, which installs everything, fail instead.

    Use it in a test or a fixture: `require(shutil.which("chromium"), "Debian's chromium")`.
    """
    if condition:
        return
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"missing in CI: {what}", pytrace=False)
    pytest.skip(f"missing here: {what}")
