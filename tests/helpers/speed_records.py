"""A record of R1's pipeline that nobody trained, for what draws and tabulates one."""

from typing import Any

from grpo_core.pipeline.report import STAGES


def make_record(seed: int = 0) -> dict[str, Any]:
    """Numbers that rise from stage to stage, and a little with the seed."""
    measured = {}
    for i, name in enumerate(STAGES):
        share = 0.1 * i + 0.01 * seed
        measured[name] = {
            "accuracy": share,
            "format": share + 0.05,
            "language": 1 - share,
            "mixed": share / 2,
            "verdicts": 1.0 + i,
            "mean_length": 30.0 + 10 * i + seed,
            "general/accuracy": share / 3,
            "general/mean_length": 50.0 - i,
        }
    curves = {
        name: [[step, step / 10 + 0.01 * seed] for step in range(1, 8)]
        for name in ("language", "accuracy", "length")
    }
    sampled = {"problems": 400, "sampled": 3200, "solved": 350, "kept": 900 + seed}
    sampled["fates"] = {"kept": 900 + seed, "wrong": 1300, "duplicate": 1000}  # type: ignore[assignment]
    return {
        "config": {"seed": seed},
        "measured": measured,
        "stages": {
            "1-cold-start": {"traces": {"countdown": 400}},
            "2-reasoning": {"steps": 30, "curves": curves},
            "2-without-language": {"steps": 30, "curves": curves},
            "3-traces": sampled,
            "3-sft": {"traces": {"countdown": 900 + seed, "scenarios/general": 200}},
            "4-all-scenarios": {"steps": 20},
            "5-student-rl": {"steps": 100},
            "5-distilled": {"rejection": {"kept": 950}},
        },
        "compute": {
            "distilled": {"student": 2.0e11, "teacher": 3.0e11},
            "rl": [[0.0, 0.05], [2e11, 0.2], [8e11, 0.5 + 0.01 * seed]],
        },
        "same_size": {
            "distilled": {"student": 1.0e12, "teacher": 0.5e12},
            "rl": [[0.0, 0.1], [2e12, 0.5], [9e12, 0.9]],
        },
    }
