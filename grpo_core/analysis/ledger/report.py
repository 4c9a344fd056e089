"""The ledger as tables: rows of text, for a terminal or for a page. No torch in here."""

from typing import Any

from grpo_core.analysis.ledger import MIB

Table = list[list[str]]
"""Rows of equally many cells, the first row the heads."""

HELD = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer": "optimizer state",
    "reference": "reference",
    "critic_parameters": "critic: parameters",
    "critic_gradients": "critic: gradients",
    "critic_optimizer": "critic: optimizer",
}
PASSING = {
    "rollouts": "rollouts",
    "cache": "sampling: cache",
    "activations": "update: activations",
}
PHASES = {
    "sampling": "sampling",
    "scoring": "scoring",
    "forward_backward": "forward and backward",
    "optimizer": "optimizer",
}


def held(method: dict[str, Any]) -> int:
    """Bytes a method holds all through training."""
    return sum(method["bytes"][name] for name in HELD)


def peak(method: dict[str, Any]) -> int:
    """Bytes of live tensors at the highest."""
    return max(method["peaks"].values())


def memory_table(result: dict[str, Any]) -> Table:
    """MiB by part, a column a method: what is counted, what is measured, resident memory."""
    methods = list(result["methods"].values())

    def row(name: str, numbers: list[float]) -> list[str]:
        return [name, *(f"{number / MIB:.2f}" if number else "0" for number in numbers)]

    table = [["MiB", *(method["label"] for method in methods)]]
    table += [row(name, [m["bytes"][part] for m in methods]) for part, name in HELD.items()]
    table.append(row("held throughout", [held(m) for m in methods]))
    table.append(_ratios("held", [held(m) for m in methods], methods))
    table += [row(name, [m["bytes"][part] for m in methods]) for part, name in PASSING.items()]
    table.append(row("… kept for backward", [m["saved"] for m in methods]))
    table.append(row("peak of live tensors", [peak(m) for m in methods]))
    table.append(_ratios("peak", [peak(m) for m in methods], methods))
    table.append(["peak RSS", *(_spread(m["rss"]["peak"], MIB, 0) for m in methods)])
    libraries = [_spread(m["rss"]["loaded"], MIB, 0) for m in methods]
    table.append(["RSS before step 1", *libraries])
    if all(m["cuda_peak"] for m in methods):
        table.append(["CUDA peak", *(_spread(m["cuda_peak"], MIB, 1) for m in methods)])
    return table


def seconds_table(result: dict[str, Any]) -> Table:
    """Seconds by phase, a column a method: the median, and from the lowest to the highest."""
    methods = list(result["methods"].values())
    table = [["seconds", *(method["label"] for method in methods)]]
    for phase, name in (PHASES | {"step": "step"}).items():
        table.append([name, *(_spread(m["seconds"][phase], 1, 2) for m in methods)])
    steps = [m["seconds"]["step"]["median"] for m in methods]
    return [*table, _ratios("step", steps, methods)]


def prediction_table(result: dict[str, Any]) -> Table:
    """What arithmetic says PPO with a critic of its own takes, and what is there; in bytes.

    The last row is no count: what is there is the most that sampling took, working room included.
    """
    method = result["methods"]["ppo"]
    table = [[f"bytes of {method['label']}", "predicted", "measured"]]
    for part, name in (HELD | {"cache": PASSING["cache"]}).items():
        table.append([name, f"{method['predicted'][part]:,}", f"{method['bytes'][part]:,}"])
    return table


def in_words(result: dict[str, Any]) -> str:
    """The work, as a line."""
    work, shape, weights = result["work"], result["shape"], result["weights"]
    kind = {4: "float32", 2: "16 bits", 8: "float64"}[weights["itemsize"]]
    return (
        f"{work['model']} ({weights['count']:,} weights, {kind}); a step has {shape['rows']} "
        f"completions ({work['prompts']} prompts × {work['num_generations']}) of "
        f"{shape['completion_tokens']} tokens, prompts of {shape['prompt_tokens']}; "
        f"{work['repeats']} repeats, torch threads: {work['threads']}"
    )


def markdown(table: Table) -> str:
    """A table for a page."""
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([lines[0], "|---" + "|---:" * (len(table[0]) - 1) + "|", *lines[1:], ""])


def _ratios(name: str, numbers: list[float], methods: list[dict[str, Any]]) -> list[str]:
    """Each number over the first method's, as a row."""
    return [
        f"{name}, {methods[0]['label']} = 1",
        *(f"{number / numbers[0]:.2f}" for number in numbers),
    ]


def _spread(numbers: dict[str, Any], unit: float, digits: int) -> str:
    """'median (low–high)'; another digit where the median would hardly have one."""
    digits += 0 < numbers["median"] / unit < 0.1
    median, low, high = (f"{numbers[k] / unit:.{digits}f}" for k in ("median", "low", "high"))
    return median if low == high else f"{median} ({low}–{high})"
