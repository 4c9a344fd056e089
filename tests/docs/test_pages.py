"""The page on GRPO against PPO says what the files in data/results/ say."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from grpo_core.analysis.ledger import LABELS, Work

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "grpo-vs-ppo.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages() -> Iterator[ModuleType]:
    """data/pages.py, which finds the modules beside it as `python data/make.py` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "data")
        yield importlib.import_module("pages")


def test_its_tables_are_those_of_the_results(pages: ModuleType) -> None:
    names = re.findall(r"<!-- begin ([\w ]+) -->", PAGE)
    of_tiny = ["memory tiny", "work tiny", "seconds tiny", "predicted tiny"]
    of_smollm2 = ["memory smollm2", "work smollm2", "seconds smollm2", "predicted smollm2"]
    assert names == [*of_tiny, *of_smollm2, "compared"]
    assert pages.filled(PAGE) == PAGE, "run: python data/make.py page"
    # and they would be made again, were they wrong
    assert pages.filled(re.sub(r"\d+\.\d+ \|", "0 |", PAGE)).count("| 0 |") == PAGE.count("| 0 |")


def test_the_tables_of_other_pages_are_those_of_the_results(pages: ModuleType) -> None:
    for page in pages.PAGES:
        text = page.read_text(encoding="utf-8")
        assert "<!-- begin " in text
        assert pages.filled(text) == text, f"{page.name}: run python data/make.py page"


@pytest.mark.parametrize("model", ["tiny", "smollm2"])
def test_the_prediction_in_the_file_is_exact(model: str) -> None:
    result = json.loads((ROOT / "data" / "results" / f"memory-{model}.json").read_text())
    assert set(result["work"]) == set(Work().to_dict())
    assert result["work"]["repeats"] >= 3
    assert list(result["methods"]) == list(LABELS)
    for method in result["methods"].values():
        for part, size in method["predicted"].items():
            assert part == "cache" or method["bytes"][part] == size


@pytest.mark.parametrize("link", sorted(set(re.findall(r"src(?:set)?=\"([^\"]+)\"", PAGE))))
def test_every_figure_is_there(link: str) -> None:
    assert (ROOT / "docs" / link).exists(), "run: python data/make.py draw"
