"""The tables in the documents: `python data/make.py page`."""

import json
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import family_tables
import numpy as np
import pandas as pd
from recorded import RESULTS, frames, pipelines
from settings import BESIDE_PPO, CHECKED, CHECKED_SEED

from grpo_core.analysis.ledger import report
from grpo_core.analysis.speed import report as speed_report
from grpo_core.core import machine
from grpo_core.core.config import OPTIONS, GRPOConfig
from grpo_core.course import catalogue
from grpo_core.course.recordings import method_comparison
from grpo_core.pipeline import report as pipeline_report

PAGES = [
    Path(__file__).resolve().parents[1] / name
    for name in (
        "docs/algorithms.md",
        "docs/grpo-vs-ppo.md",
        "docs/family.md",
        "docs/options.md",
        "docs/smollm2.md",
        "docs/pipeline.md",
        "docs/teaching.md",
        "docs/lessons.md",
        "benchmarks/README.md",
    )
]


def compared() -> str:
    """What the methods beside PPO came to at the last step, as a Markdown table."""
    heads = ["", "held-out accuracy, seeds 0, 1, 2", "mean"]
    rows = [[*heads, "steps to .5", "format", "length", "KL"]]
    for method in BESIDE_PPO:
        seeds = method_comparison.frames(method)
        accuracy = pd.concat([f["eval/accuracy"].dropna() for f in seeds], axis=1)
        last = accuracy.iloc[-1]
        reached = [
            str(half.index[0]) if len(half := column[column >= 0.5]) else "-"
            for _, column in accuracy.items()
        ]
        cells = [method_comparison.METHODS[method], " ".join(f"{a:.3f}" for a in last)]
        cells += [f"{last.mean():.3f}", " ".join(reached)]
        rows.append([*cells, *_form_and_kl(seeds)])
    return report.markdown(rows)


def family() -> str:
    """What every method came to after the same number of completions, as a Markdown table."""
    heads = ["", "held-out accuracy, seeds 0, 1, 2", "mean", "less GRPO"]
    rows = [[*heads, "drawn to .5", "format", "length", "KL"]]
    ends = method_comparison.ends("eval/accuracy")
    grpo = np.mean(ends[method_comparison.METHODS["grpo"]])
    for method, label in method_comparison.recorded().items():
        seeds = method_comparison.frames(method)
        reached = [method_comparison.completions_to(frame, 0.5) for frame in seeds]
        cells = [label, " ".join(f"{a:.3f}" for a in ends[label]), f"{np.mean(ends[label]):.3f}"]
        cells.append("" if method == "grpo" else f"{np.mean(ends[label]) - grpo:+.3f}")
        cells.append(" ".join(f"{r:,.0f}" if np.isfinite(r) else "-" for r in reached))
        rows.append([*cells, *_form_and_kl(seeds)])
    return report.markdown(rows)


def _form_and_kl(seeds: Sequence[pd.DataFrame]) -> list[str]:
    """Format and length, means of the seeds after the budget, and the KL of the last ten steps."""
    means = {
        name: np.mean([method_comparison.after(f, f"eval/{name}") for f in seeds])
        for name in ("format", "mean_length")
    }
    # a step's KL jumps about: the mean of ten
    kls = [
        f.loc[f["drawn"] <= method_comparison.BUDGET, "kl"].iloc[-10:].mean()
        for f in seeds
        if "kl" in f
    ]
    kl = f"{np.mean(kls):.3f}" if kls else "-"  # no reference was kept
    return [f"{means['format']:.3f}", f"{means['mean_length']:.0f}", kl]


def luck() -> str:
    """How far apart methods that are all the same would come to lie, in words."""
    ends = method_comparison.ends("eval/accuracy")
    pair, widest = method_comparison.luck(ends)
    spread = np.sqrt(np.array(list(ends.values())).var(axis=1, ddof=1).mean())
    return (
        f"The seeds of a method scatter with a standard deviation of {spread:.3f} (over all "
        f"{len(ends)} methods). Were the methods all the same, two of them that were named "
        f"beforehand would differ by more than {pair:.3f} in one comparison of twenty, and the "
        f"two furthest apart by more than {widest:.3f}. For the completions drawn to 0.5 the two "
        "numbers are {0:,.0f} and {1:,.0f}.\n".format(*method_comparison.luck(_drawn_to_half()))
    )


def _drawn_to_half() -> dict[str, list[float]]:
    """Completions to an accuracy of 0.5, of the methods whose every seed got there."""
    reached = {
        label: [
            method_comparison.completions_to(frame, 0.5)
            for frame in method_comparison.frames(method)
        ]
        for method, label in method_comparison.recorded().items()
    }
    return {label: drawn for label, drawn in reached.items() if np.isfinite(drawn).all()}


def checked() -> str:
    """What a faster critic does for PPO with lambda 0.95, in words."""
    slow, fast = (
        method_comparison.after(
            method_comparison.frames(method, [CHECKED_SEED])[0], "eval/accuracy"
        )
        for method in CHECKED
    )
    return (
        f"On seed {CHECKED_SEED}, which is none of the three, it comes to {slow:.3f}, and with a "
        f"critic that learns at {CHECKED['ppo_lam95_critic']['critic_learning_rate']:g} instead of "
        f"{GRPOConfig().learning_rate:g} to {fast:.3f}.\n"
    )


def drawn_again() -> str:
    """What DAPO's dynamic sampling drew, in words."""
    seeds = method_comparison.frames("dapo")
    groups = GRPOConfig().prompts_per_step
    early, late = (
        np.mean([f["dynamic_sampling/groups"].dropna().loc[a:b].mean() for f in seeds]) / groups
        for a, b in ((1, 10), (method_comparison.STEPS - 9, method_comparison.STEPS))
    )
    within = [int((f["drawn"] <= method_comparison.BUDGET).sum()) - 1 for f in seeds]
    return (
        f"DAPO drew {early:.2f} times its batch in the first ten steps and {late:.2f} times in the "
        f"last ten, and had used up {method_comparison.BUDGET:,} completions after "
        f"{', '.join(map(str, within))} steps.\n"
    )


def footprint(result: dict[str, Any]) -> str:
    """What holds how much memory at most, in MiB, and on which machine."""
    rows = [["what runs", "MiB at most"], ["---", "---:"]]
    if run := result.get("run"):
        rows.append([f"the default run, its first {run['steps']} steps", str(run["memory_mib"])])
    rows.append(["the dashboard's server, nobody looking", str(result["dashboard"]["memory_mib"])])
    rows.append(["JupyterLab's server", str(result["jupyterlab"]["memory_mib"])])
    notebooks = result["notebooks"]
    rows += [[f"notebook {name[:2]}", str(of["memory_mib"])] for name, of in notebooks.items()]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", f"{machine.in_words(result['machine'])}.", ""])


def viewers(result: dict[str, Any]) -> str:
    """What it costs that many look on, as a Markdown table."""
    late, memory = result["staleness_ms"], result["memory_mib"]
    pairs = ", ".join(f"{100 * ratio:+.1f}%" for ratio in result["slowdown_of_each_pair"])
    rows = [
        ["", f"{result['viewers']} viewers"],
        ["seconds a step, alone", f"{result['seconds_alone']:.3f}"],
        ["seconds a step, watched", f"{result['seconds_watched']:.3f}"],
        ["training slowed by", f"{100 * result['slowdown']:.1f}% (median of {pairs})"],
        ["staleness, half of all boards", f"{late['p50']:.0f} ms"],
        ["staleness, 95 of 100", f"{late['p95']:.0f} ms"],
        ["staleness, 99 of 100; the most", f"{late['p99']:.0f}; {late['max']:.0f} ms"],
        ["the server, of a core", f"{100 * result['server_cpu']:.0f}%"],
        ["the viewers' own process, of a core", f"{100 * result['viewers_cpu']:.0f}%"],
        ["sent", f"{result['kb_per_second']:,.0f} KB/s"],
        ["the server's memory, most", f"{memory['most']:.0f} MiB"],
    ]
    if memory["minutes"] > 10:  # before, it is caches that fill
        told = f"{memory['begin']:.0f} to {memory['end']:.0f} MiB; in their second half "
        rate = f"{memory['mib_a_minute']:+.2f} MiB a minute"
        rows.append([f"over the last {memory['minutes']:.0f} minutes", told + rate])
    work = f"{result['common_steps']} steps that all runs made are compared."
    return report.markdown(rows) + f"\n{work} {machine.in_words(result['machine'])}.\n"


def open_page(result: dict[str, Any]) -> str:
    """What an open page grows by, as a Markdown table."""
    looks = result["looks"]
    names = {
        "nodes": "DOM nodes, without the tokens'",
        "listeners": "event listeners",
        "heap": "JavaScript's memory, MiB",
        "shift": "layout shift so far",
        "remounted": "charts, cards and panels made anew",
    }
    rows = [["", "first", "most", "last"]]
    for name, label in names.items():
        values = [look[name] for look in looks]
        digits = {"heap": 1, "shift": 4}.get(name, 0)
        cells = (values[0], max(values), values[-1])
        rows.append([label, *(f"{value:,.{digits}f}" for value in cells)])
    steps = looks[-1]["step"] - looks[0]["step"]
    work = f"{looks[-1]['seconds'] / 60:.1f} minutes, {steps:,.0f} steps"
    return report.markdown(rows) + f"\n{work}. {machine.in_words(result['machine'])}.\n"


def decoded(result: dict[str, Any]) -> str:
    """Tokens a second of the kit's sampler and of `generate`, as a Markdown table."""
    found = result["tokens_a_second"]
    rows = [["tokens a second", "generate", "this kit", "ratio of the medians"]]
    for kind, label in (("decode", "decode alone"), ("whole", "prompts included")):
        for dtype in ("float32", "bfloat16"):
            both = [found[f"{who}, {dtype}"][kind] for who in ("generate", "this kit")]
            theirs, ours = (statistics.median(rates) for rates in both)
            cells = [f"{statistics.median(r):.0f} ({min(r):.0f} to {max(r):.0f})" for r in both]
            rows.append([f"{label}, {dtype}", *cells, f"{ours / theirs:.1f}"])
    work = (
        f"{result['model']}, {result['prompts']} prompts × {result['num_generations']} completions "
        f"of {result['tokens']} tokens, {result['threads']} threads"
    )
    return report.markdown(rows) + f"\n{work}. {machine.in_words(result['machine'])}.\n"


def reached(result: dict[str, Any]) -> str:
    """When each seed was first measured at the accuracy aimed at, as a Markdown table."""
    clocks = {"wall": "wall, s", "training": "steps and evaluations, s"}
    rows = [
        ["", "seed", f"accuracy, first at {result['target']} or more", "step", *clocks.values()]
    ]
    for name, runs in result["runs"].items():
        for run in runs:
            cells = [name, str(run["seed"]), f"{run['accuracy']:.3f}", str(run["step"])]
            rows.append([*cells, *(f"{run[clock]:.1f}" for clock in clocks)])
        medians = [f"{statistics.median(run[clock] for run in runs):.1f}" for clock in clocks]
        rows.append([f"{name}, median", "", "", "", *medians])
    return report.markdown(rows) + f"\n{machine.in_words(result['machine'])}.\n"


def table(name: str = "countdown") -> str:
    """What each seed went from and to, as a Markdown table; wall time includes the evaluations."""
    digits = {"accuracy": 3, "format": 3, "mean_length": 1, "backtracks": 2, "truncated": 3}
    heads = [name.replace("_", " ") for name in digits]
    lines = [f"| | {' | '.join(heads)} | minutes |", "|---" * (len(digits) + 2) + "|"]
    for label, frame in frames(name):
        measured = frame.dropna(subset=["eval/accuracy"])
        first, last = measured.iloc[0], measured.iloc[-1]
        cells = [
            f"{first[f'eval/{name}']:.{n}f} → {last[f'eval/{name}']:.{n}f}"
            for name, n in digits.items()
        ]
        seconds = frame["seconds/step"].sum() + frame["seconds/eval"].sum()
        lines.append(f"| {label} | {' | '.join(cells)} | {seconds / 60:.1f} |")
    return "\n".join(lines) + "\n"


def options() -> str:
    """Return every option of a run as a Markdown table."""
    lines = ["| option | default | what it is | must be | name from |", "|---|---|---|---|---|"]
    default = GRPOConfig()
    for name, declared in OPTIONS.items():
        value = getattr(default, name)
        shown = "not set" if value is None else f"`{json.dumps(value)}`"
        cells = [f"`{name}`", shown, declared.meaning, str(declared.bound), declared.origin]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def lessons() -> str:
    """Return every lesson with its minutes, exercises and known mistakes, as a Markdown table."""
    lines = ["| | lesson | minutes | exercises | known mistakes |", "|---|---|---:|---|---:|"]
    for number, lesson in catalogue.lessons().items():
        link = f"[{number}](../notebooks/{lesson.source.stem}.ipynb)"
        names = ", ".join(f"`{exercise.name}`" for exercise in lesson.exercises)
        lines.append(
            f"| {link} | {lesson.title} | {lesson.minutes} | {names} | {lesson.mistakes} |"
        )
    total = sum(lesson.mistakes for lesson in catalogue.lessons().values())
    return "\n".join([*lines, f"| | | | in all | {total} |", ""])


def fill() -> None:
    """Make the tables of every page again."""
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


def filled(page: str) -> str:
    """The page with each of its tables made again.

    A table stands between the comments `begin NAME` and `end`, NAME being one of `TABLES`, and
    where there is more than one of a kind which of them: "memory tiny", "pipeline stages".
    """

    def made(found: re.Match[str]) -> str:
        what, *which = found[2].split()
        return found[1] + TABLES[what](*which) + found[3]

    marked = r"(<!-- begin ([\w ]+) -->\n).*?(<!-- end -->)"
    return re.sub(marked, made, page, flags=re.DOTALL)


def _result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _of_pipeline(part: str) -> str:
    """A table of R1's pipeline; nothing while a seed is missing."""
    tables: dict[str, Callable[[list[dict[str, Any]]], list[list[str]]]] = {
        "stages": pipeline_report.seeds_table,
        "language": pipeline_report.language_table,
        "distillation": pipeline_report.distillation_table,
        "data": pipeline_report.data_table,
    }
    records = pipelines()
    return report.markdown(tables[part](records)) if records else ""


def _of_file(prefix: str, write: Callable[[dict[str, Any]], str]) -> Callable[[str], str]:
    """What `write` makes of `data/results/PREFIX-WHICH.json`."""
    return lambda which: write(_result(f"{prefix}-{which}"))


def _rows_of(table: Callable[[dict[str, Any]], list[list[str]]]) -> Callable[[dict[str, Any]], str]:
    return lambda result: report.markdown(table(result))


def _with_machine(
    words: Callable[[dict[str, Any]], str], end: str = ""
) -> Callable[[dict[str, Any]], str]:
    return lambda result: f"{words(result)}{end} {machine.in_words(result['machine'])}.\n"


# what a marker asks for -> what makes it; those that take an argument are told which one
TABLES: dict[str, Callable[..., str]] = {
    "presets": family_tables.presets,
    "methods": family_tables.methods,
    "verified": family_tables.verified,
    "compared": compared,
    "family": family,
    "luck": luck,
    "checked": checked,
    "drawn": drawn_again,
    "tuned": lambda: table("smollm2"),
    "decoded": lambda: decoded(_result("decode")),
    "footprint": lambda: footprint(_result("footprint")),
    "viewers": _of_file("viewers", viewers),
    "flat": lambda: open_page(_result("page")),
    "lessons": lessons,
    "options": options,
    "reached": lambda: reached(_result("time-to-accuracy")),
    "pipeline": _of_pipeline,
    "memory": _of_file("memory", _rows_of(report.memory_table)),
    "seconds": _of_file("memory", _rows_of(report.seconds_table)),
    "predicted": _of_file("memory", _rows_of(report.prediction_table)),
    "work": _of_file("memory", _with_machine(report.in_words, ".")),
    "speed": _of_file("speed", _rows_of(speed_report.contest_table)),
    "phases": _of_file("speed", _rows_of(speed_report.phase_table)),
    "floor": _of_file("speed", _rows_of(speed_report.floor_table)),
    "tried": _of_file("speed", _rows_of(speed_report.tried_table)),
    "setting": _of_file("speed", _with_machine(speed_report.in_words)),
}
