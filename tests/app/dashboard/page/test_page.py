"""The page's modules that touch no document, by node's own test runner."""

from pathlib import Path

import pytest
from nodejs import run_node

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.js")), ids=lambda path: path.name)
def test_page(path: Path) -> None:
    said = run_node("--test", "--test-reporter=tap", path)
    assert "\n# pass 0\n" not in said, "no test was found"
