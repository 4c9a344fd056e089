"""What a contest came to: medians, spreads and ratios, and tables of them. No torch."""

import statistics
from collections.abc import Sequence
from typing import Any


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Medians over the rounds, and the ratio of each round's two turns.

    Args:
        result: as `contest.contest` gives it, with `floor` beside it where it was worked out.

    Returns:
        ours and trl: seconds, microseconds_a_token and tokens, each {median, least, most}; ratio
        (TRL's over ours): seconds and a_token, likewise; phases: phase -> median seconds of ours.
    """
    rounds = result["rounds"]
    found: dict[str, Any] = {}
    for who in rounds[0]:
        found[who] = {
            "seconds": spread([r[who]["seconds"] for r in rounds]),
            "microseconds_a_token": spread([_a_token(r[who]) for r in rounds]),
            "tokens": spread([r[who]["tokens"] for r in rounds]),
        }
    if "trl" in found:
        found["ratio"] = {
            "seconds": spread([r["trl"]["seconds"] / r["ours"]["seconds"] for r in rounds]),
            "a_token": spread([_a_token(r["trl"]) / _a_token(r["ours"]) for r in rounds]),
        }
    names = rounds[0]["ours"]["phases"]
    found["phases"] = {
        name: statistics.median(r["ours"]["phases"].get(name, 0.0) for r in rounds)
        for name in names
    }
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _a_token(turn: dict[str, Any]) -> float:
    return 1e6 * float(turn["seconds"]) / max(int(turn["tokens"]), 1)


def contest_table(result: dict[str, Any]) -> list[list[str]]:
    """Rows of cells, the first being the heads: the two side by side."""
    found = result["summary"]
    who = ["ours", "trl"] if "trl" in found else ["ours"]
    rows = [["", *(["this kit", "TRL", "TRL / this kit"] if len(who) > 1 else ["this kit"])]]
    for name, label, digits in (
        ("seconds", "seconds a step", 3),
        ("microseconds_a_token", "microseconds a sampled token", 1),
        ("tokens", "sampled tokens a step", 0),
    ):
        row = [label, *(_in_words(found[each][name], digits) for each in who)]
        if "trl" in found:
            key = {"seconds": "seconds", "microseconds_a_token": "a_token"}.get(name)
            row.append(_in_words(found["ratio"][key], 1) if key else "")
        rows.append(row)
    return rows


def _in_words(values: dict[str, float], digits: int) -> str:
    least, most = f"{values['least']:.{digits}f}", f"{values['most']:.{digits}f}"
    return f"{values['median']:.{digits}f} ({least} to {most})"


def phase_table(result: dict[str, Any]) -> list[list[str]]:
    """Rows of cells: where a step of ours spends its time."""
    phases = result["summary"]["phases"]
    total = sum(phases.values())
    rows = [["phase", "seconds", "share"]]
    return rows + [[n, f"{s:.3f}", f"{s / max(total, 1e-9):.0%}"] for n, s in phases.items()]


def floor_table(result: dict[str, Any]) -> list[list[str]]:
    """Rows of cells: the floor at each rate, and how far above it a step of ours is."""
    rows = [["arithmetic at the rate of", "GFLOP/s", "floor, s", "a step takes"]]
    names = {
        "float32_mkl": "torch.matmul, float32",
        "float32": "the fastest float32 product",
        "bfloat16": "the fastest bfloat16 product",
    }
    for key, label in names.items():
        floor = result["floor"][key]
        times = f"{floor['above']:.1f} times that"
        rows.append([label, f"{floor['gflops']:.0f}", f"{floor['seconds']:.3f}", times])
    return rows


def tried_table(result: dict[str, Any]) -> list[list[str]]:
    """Rows of cells: what each of TRL's settings took; two steps each, so a rough guide."""
    rows = [["TRL with", "microseconds a sampled token"]]
    for trial in sorted(result["trl_tried"], key=lambda t: t["microseconds_a_token"]):
        rows.append([trial["settings"], f"{trial['microseconds_a_token']:.0f}"])
    return rows


def in_words(result: dict[str, Any]) -> str:
    """The work of a step, and who did it how."""
    s = result["setting"]
    kind = "bfloat16" if s["bf16"] else "float32"
    return (
        f"{s['model']} on {s['task']}: {s['prompts']} prompts x {s['num_generations']} completions "
        f"of at most {s['max_completion_length']} tokens, {kind}; {s['rounds']} rounds. "
        f"This kit: {result['threads']}. TRL: {result.get('trl_settings', 'not asked')}."
    )
