"""What `make.py` trained, read back from data/results/."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from settings import SEEDS

RESULTS = Path(__file__).resolve().parent / "results"


def frames(name: str = "countdown") -> list[tuple[str, pd.DataFrame]]:
    """The metrics of every seed, as (label, frame indexed by step)."""
    return [
        (f"seed {seed}", pd.read_csv(RESULTS / f"{name}-seed{seed}.csv", index_col=0))
        for seed in SEEDS
    ]


def pipelines() -> list[dict[str, Any]]:
    """What the pipeline came to with every seed; nothing while a seed is missing."""
    paths = [RESULTS / f"r1-seed{seed}.json" for seed in SEEDS]
    return [json.loads(path.read_text()) for path in paths] if all(map(Path.exists, paths)) else []
