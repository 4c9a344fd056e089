"""The pictures of the documents, drawn from data/results/: `python data/make.py draw`."""

import json
from pathlib import Path

from recorded import RESULTS, frames, pipelines
from settings import BESIDE_PPO, SEEDS

from grpo_core.analysis.figures import (
    distillation,
    family_curves,
    finals,
    language_reward_curves,
    learning_curves,
    memory_ledger,
    method_curves,
    pipeline_flow,
    pipeline_stages,
    scaling_curves,
    step_seconds,
    use_style,
)
from grpo_core.course.recordings import method_comparison

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
PIPELINE = {
    "stages": pipeline_stages,
    "language": language_reward_curves,
    "distillation": distillation,
    "flow": pipeline_flow,
}


def draw() -> None:
    """Both versions of the picture, for a light and for a dark page."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        use_style(dark=dark)
        suffix = "-dark" if dark else ""
        learning_curves(frames()).savefig(IMAGES / f"learning-curves{suffix}.png")
        if all((RESULTS / f"smollm2-seed{seed}.csv").exists() for seed in SEEDS):
            learning_curves(frames("smollm2")).savefig(IMAGES / f"smollm2{suffix}.png")
        beside_ppo = {method_comparison.METHODS[m]: method_comparison.frames(m) for m in BESIDE_PPO}
        method_curves(beside_ppo).savefig(IMAGES / f"compare{suffix}.png")
        _draw_family(suffix)
        for path in sorted(RESULTS.glob("memory-*.json")):
            model, result = path.stem.removeprefix("memory-"), json.loads(path.read_text())
            memory_ledger(result).savefig(IMAGES / f"memory-{model}{suffix}.png")
            step_seconds(result).savefig(IMAGES / f"seconds-{model}{suffix}.png")
        if records := pipelines():
            for name, figure in PIPELINE.items():
                figure(records).savefig(IMAGES / f"r1-{name}{suffix}.png")
        if (path := RESULTS / "scaling.json").exists():
            scaling_curves(json.loads(path.read_text())).savefig(IMAGES / f"scaling{suffix}.png")


def _draw_family(suffix: str) -> None:
    """All methods: their curves by completions drawn, and what every seed came to."""
    accuracy = method_comparison.curves("eval/accuracy")
    family_curves(accuracy, "thousand completions drawn", "held-out accuracy").savefig(
        IMAGES / f"family{suffix}.png"
    )
    ends = method_comparison.ends("eval/accuracy")
    pair, widest = method_comparison.luck(ends)
    finals(
        ends,
        f"held-out accuracy after {method_comparison.BUDGET:,} completions",
        {"luck, one pair": pair, "luck, the widest pair": widest},
    ).savefig(IMAGES / f"finals{suffix}.png")
