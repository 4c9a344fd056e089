"""What a run's own records say about the five questions everybody asks. No torch in here.

Each question is one pure function of the metrics frame (`Run.frame()`), the run's options and some
of its groups; all but the frame may be missing. It compares the last steps with the first: means
over windows, never single steps, and a change counts only where it is larger than the noise
between the steps. What an answer claims is in its evidence, and in the metrics it names.

Left out on purpose: causes that the records cannot show (a wrong chat template, a verifier that
rejects right answers). Where nothing recorded explains it, the answer says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from grpo_core.errors import LabError
from grpo_core.records import Group

if TYPE_CHECKING:
    import pandas as pd

    from grpo_core.store import Run

Verdict = Literal["fine", "look", "trouble", "unknown"]
Options = Mapping[str, Any] | None

WINDOW = 20
"""Steps at either end that are averaged: one step of 128 completions has a standard error of about
0.04 in a share, twenty of them 0.01."""
MIN_STEPS = 9
"""Below this a window (a third of the run) has under three steps, too few to know its noise."""
SIGNIFICANT = 2.0
"""A change counts from two standard errors on: by luck alone it does so about one time in
twenty."""
LOSS_NEAR_ZERO = 1e-3
"""On policy a loss is a float sum that should cancel; with `sequence_mean` what is left of it is
beta * kl, 0.00003 in the shipped run. Other aggregations leave tenths."""
GRADIENT_ZERO = 1e-7
"""Below the resolution of float32 beside a norm of 1: no push at all. Shipped runs have 0.02 up."""
DEAD_LOOK, DEAD_TROUBLE = 0.5, 0.9
"""Dead groups: from half on, most of the sampling is paid for nothing; from nine in ten on, a step
of eight prompts has less than one that teaches. The shipped run, nearly all right, ends at 0.4."""
SOLVED, HOPELESS = 0.9, 0.05
"""Accuracy at which a tie is mostly "all right" (16 draws at 0.9 tie one time in five), and at
which it is mostly "all wrong" (at 0.05 nearly half of the groups have no success)."""
LENGTH_GREW, LENGTH_SHRANK = 2.0, 0.5
"""A factor of two either way: the batch mean wanders by some 20% from step to step."""
CUT_LOOK, CUT_TROUBLE = 0.1, 0.3
"""Share cut off at the limit. What is cut off has no answer, so it is scored as wrong: from a tenth
on this weighs on the reward, at three tenths the limit decides what is learned. Shipped: 0.05."""
FORMAT_ROSE = 0.05
"""Smaller gains in format than this are not worth asking what they cost."""
FORMAT_GAP = 0.5
"""Half of all completions well-formed and wrong: the format reward is what is being earned."""
KL_LOOK, KL_TROUBLE = 0.2, 1.0
"""Nats a token. At 0.2 a sampled token is some 1.2 times as likely as under the reference, at 1.0
e times: the reference's language is gone. The shipped seeds' medians stay below 0.07."""
KL_SPIKE, KL_BEFORE = 5.0, 9
"""A spike is five times the median of the nine steps before it, and at least KL_LOOK."""
STILL_RISING = 1.5
"""KL of the last window over that of the middle of the run, from which on it is not settling."""
LOW_ENTROPY = 0.005
"""Nats a token: in 100 tokens the policy has half a nat of choice left, so groups mostly repeat
themselves. The shipped run ends at 0.04."""

MOST_GROUPS = 32
"""Groups read from a run, the latest first: 512 completions, a fraction of a second."""


@dataclass(frozen=True)
class Finding:
    """An answer to one question.

    Attributes:
        question: as a learner asks it.
        verdict: "fine" needs nothing; "look" is worth a look; "trouble" needs a change;
            "unknown" was not recorded, or is too short to tell.
        answer: one or two sentences with the run's own figures in them.
        evidence: name -> the number the answer rests on.
        metrics: columns of the frame that show it; only those it has.
        steps: the steps compared.
    """

    question: str
    verdict: Verdict
    answer: str
    evidence: dict[str, float] = field(default_factory=dict)
    metrics: list[str] = field(default_factory=list)
    steps: range = range(0)

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable but for NaN; `steps` as first and last, or null."""
        ends = [self.steps[0], self.steps[-1]] if self.steps else None
        return {
            "question": self.question,
            "verdict": self.verdict,
            "answer": self.answer,
            "evidence": dict(self.evidence),
            "metrics": list(self.metrics),
            "steps": ends,
        }


# --- what the answers are made of ------------------------------------------------------------


@dataclass(frozen=True)
class _Trend:
    """A metric at both ends of a run: means over windows, and the noise of their difference."""

    first: float
    last: float
    noise: float

    @property
    def change(self) -> float:
        return self.last - self.first

    @property
    def _least(self) -> float:
        rounding = 1e-6 * max(abs(self.first), abs(self.last))
        return SIGNIFICANT * self.noise + rounding

    @property
    def rose(self) -> bool:
        return self.change > self._least

    @property
    def fell(self) -> bool:
        return self.change < -self._least


def _training(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The training steps in order: step 0 is the base, measured and not trained."""
    return frame[frame.index > 0].sort_index()


def _values(frame: "pd.DataFrame", column: str | None) -> NDArray[np.float64]:
    """(S,) the finite values of a metric over the training steps; empty when it is not there."""
    if column is None or column not in frame:
        return np.zeros(0)
    values = _numbers(_training(frame)[column])
    return values[np.isfinite(values)]


def _numbers(series: "pd.Series") -> NDArray[np.float64]:
    """As float64, NaN where a value is no number."""
    import pandas as pd

    return np.asarray(pd.to_numeric(series, errors="coerce").to_numpy(dtype="float64"))


def _window(n: int) -> int:
    """How many of n steps make an end: a third, at most WINDOW, at least one."""
    return max(1, min(WINDOW, n // 3))


def _now(values: NDArray[np.float64]) -> float:
    """The mean over the last window; NaN of nothing."""
    return float(values[-_window(len(values)) :].mean()) if len(values) else float("nan")


def _trend(values: NDArray[np.float64]) -> _Trend | None:
    """Both ends of a metric; None below MIN_STEPS steps."""
    if len(values) < MIN_STEPS:
        return None
    w = _window(len(values))
    first, last = values[:w], values[-w:]
    noise = float(np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / w))
    return _Trend(float(first.mean()), float(last.mean()), noise)


def _part(frame: "pd.DataFrame", word: str) -> str | None:
    """The column of the reward part with `word` in its name, such as "format"."""
    for column in map(str, frame.columns):
        if column.startswith("rewards/") and column.endswith("/mean") and word in column:
            return column
    return None


def _option(options: Options, name: str) -> float | None:
    """A number among the options; None where it is missing or something else."""
    value = (options or {}).get(name)
    return float(value) if isinstance(value, int | float) else None


def _n(value: float) -> str:
    """Three figures, and a minus that is one."""
    return f"{value:.3g}".replace("-", "−")


def _finding(
    question: str,
    frame: "pd.DataFrame",
    metrics: Sequence[str | None],
    evidence: dict[str, float],
    verdict: Verdict,
    answer: str,
) -> Finding:
    """A finding over all training steps, with the metrics that the frame has."""
    index = _training(frame).index
    steps = range(int(index[0]), int(index[-1]) + 1) if len(index) else range(0)
    shown = [m for m in metrics if m is not None and len(_values(frame, m))]
    return Finding(question, verdict, answer, evidence, shown, steps)


def _too_short(frame: "pd.DataFrame", column: str) -> str:
    """Why a trend cannot be told."""
    n = len(_values(frame, column))
    if not n:
        return f"The run has not recorded `{column}`, so there is nothing to tell it from."
    return f"Only {n} steps with `{column}` so far: a trend takes {MIN_STEPS}."


def _why_dead(frame: "pd.DataFrame", groups: Sequence[Group]) -> Literal["right", "wrong", "tied"]:
    """What the dead groups of a run are: all right, all wrong, or neither can be said."""
    name = (_part(frame, "accuracy") or "rewards//mean").split("/")[1]
    shares = []
    for group in groups:
        scores = [c.rewards.get(name, float("nan")) for c in group.completions]
        if scores and group.is_dead:
            shares.append(float(np.mean(scores)))
    level = float(np.mean(shares)) if shares else _now(_values(frame, _part(frame, "accuracy")))
    if level >= SOLVED:
        return "right"
    return "wrong" if level <= HOPELESS else "tied"


# --- the questions ---------------------------------------------------------------------------

LOSS = "Why is my loss zero?"
REWARD = "Why is the reward flat?"
LENGTH = "Why did length explode or collapse?"
FORMAT = "Is it hacking the format reward?"
KL = "Is KL out of hand?"


def why_is_my_loss_zero(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Whether there is a gradient, which a loss of 0 does not tell."""
    metrics = ["loss", "grad_norm", "frac_reward_zero_std"]
    loss, norm, dead = (_values(frame, name) for name in metrics)
    evidence = {"loss": _now(loss), "grad_norm": _now(norm), "frac_reward_zero_std": _now(dead)}
    evidence = {name: value for name, value in evidence.items() if np.isfinite(value)}

    def found(verdict: Verdict, answer: str) -> Finding:
        return _finding(LOSS, frame, metrics, evidence, verdict, answer)

    lost = _lost_since(frame, "loss")
    if lost is not None:
        return found(
            "trouble",
            f"From step {lost} on the loss is no finite number: the policy is lost. Go back to a "
            "checkpoint before it, with a smaller learning rate.",
        )
    if not len(loss):
        return found("unknown", _too_short(frame, "loss"))
    if len(dead) and _now(dead) >= DEAD_LOOK:
        return found(*_dead_groups(frame, groups, _now(dead)))
    about = "about 0" if abs(_now(loss)) < LOSS_NEAR_ZERO else _n(_now(loss))
    if not len(norm):
        return found(
            "unknown",
            f"The loss is {about}, which says nothing by itself: advantages of a group sum to 0. "
            "Whether anything is learned shows in `grad_norm`, which was not recorded.",
        )
    if _now(norm) < GRADIENT_ZERO:
        cut = _now(_values(frame, "completions/clipped_ratio"))
        masked = (options or {}).get("mask_truncated_completions") is True and cut >= SOLVED
        why = (
            f"{cut:.0%} of completions are cut off, and mask_truncated_completions drops those."
            if masked
            else "Look for a mask or a clip that takes every token out."
        )
        return found("trouble", f"The gradient norm is {_n(_now(norm))}: nothing is pushed. {why}")
    if about == "about 0":
        return found(
            "fine",
            f"It is no bug: a group's advantages sum to 0, so they cancel in the loss "
            f"({_n(_now(loss))}) and not in its gradient, whose norm is {_n(_now(norm))}.",
        )
    return found(
        "fine",
        f"It is not zero: {about} over the last {_window(len(loss))} steps, and either sign is "
        f"right, as the value says little. The gradient norm is {_n(_now(norm))}.",
    )


def _lost_since(frame: "pd.DataFrame", column: str) -> int | None:
    """The step from which on a metric is never finite again, if it ever was or is infinite."""
    if column not in frame:
        return None
    rows = _training(frame)
    values = _numbers(rows[column])
    good = np.flatnonzero(np.isfinite(values))
    start = int(good[-1]) + 1 if len(good) else 0
    if start == len(values) or not (len(good) or np.isinf(values).any()):
        return None
    return int(rows.index[start])


def _dead_groups(
    frame: "pd.DataFrame", groups: Sequence[Group], dead: float
) -> tuple[Verdict, str]:
    """What it means that so many groups tie."""
    start = f"{dead:.0%} of groups are dead: all their rewards tie, so every advantage is 0. "
    why = _why_dead(frame, groups)
    if why == "right":
        return "look", start + "They are all right: little is left to learn; give harder problems."
    verdict: Verdict = "trouble" if dead >= DEAD_TROUBLE else "look"
    if why == "wrong":
        return verdict, start + (
            "They are all wrong: give easier problems, more generations a prompt, or a base that "
            "solves some."
        )
    return verdict, start + "Look whether the rewards can tell completions of one prompt apart."


def why_is_the_reward_flat(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Whether the reward rises over the run and still over its second half; if not, why."""
    accuracy = _part(frame, "accuracy")
    metrics = ["reward", accuracy, "frac_reward_zero_std", "grad_norm", "entropy"]
    values = _values(frame, "reward")
    trend = _trend(values)
    if trend is None:
        return _finding(REWARD, frame, metrics, {}, "unknown", _too_short(frame, "reward"))
    evidence = {"reward_first": trend.first, "reward_last": trend.last, "noise": trend.noise}
    late = _trend(values[len(values) // 2 :]) if trend.rose else None
    if late is not None:
        evidence["reward_middle"] = late.first

    def found(verdict: Verdict, answer: str) -> Finding:
        return _finding(REWARD, frame, metrics, evidence, verdict, answer)

    whole = f"from {_n(trend.first)} to {_n(trend.last)} over {len(values)} steps"
    if trend.fell:
        return found(
            "trouble",
            f"It is not flat, it fell: {whole}. Look at KL and length, and try a smaller learning "
            "rate.",
        )
    if late is not None and late.fell:
        return found(
            "look",
            f"It rose {whole}, but had {_n(late.first)} halfway and is falling: look at KL and "
            "length.",
        )
    if trend.rose and (late is None or late.rose):
        return found("fine", f"It is not flat: it rose {whole}.")
    start = (
        f"It rose {whole}, but not in the second half. "
        if trend.rose
        else f"It did not move beyond its noise: {whole}. "
    )
    verdict, why, more = _why_flat(frame, groups)
    evidence.update(more)
    if trend.rose and verdict == "trouble" and "learning rate" not in why:
        verdict = "look"  # it has learned something
    return found(verdict, start + why)


def _why_flat(
    frame: "pd.DataFrame", groups: Sequence[Group]
) -> tuple[Verdict, str, dict[str, float]]:
    """The first cause, in the order of how much it explains, that the records show."""
    names = {
        "accuracy": _part(frame, "accuracy"),
        "frac_reward_zero_std": "frac_reward_zero_std",
        "grad_norm": "grad_norm",
        "learning_rate": "learning_rate",
        "clip_ratio": "clip_ratio/region_mean",
        "entropy": "entropy",
    }
    now = {key: _now(_values(frame, column)) for key, column in names.items()}
    seen = {key: value for key, value in now.items() if np.isfinite(value)}
    if now["accuracy"] >= SOLVED:
        return "fine", f"Accuracy is {now['accuracy']:.0%}: little is left to gain.", seen
    if now["learning_rate"] == 0:
        return "trouble", "The learning rate is 0, so no update changes anything.", seen
    if now["frac_reward_zero_std"] >= DEAD_LOOK:
        return *_dead_groups(frame, groups, now["frac_reward_zero_std"]), seen
    if now["grad_norm"] < GRADIENT_ZERO:
        return "trouble", f"The gradient norm is {_n(now['grad_norm'])}: nothing is pushed.", seen
    if now["clip_ratio"] >= 0.5:  # more tokens held back than let through
        return "look", f"Clipping holds back {now['clip_ratio']:.0%} of tokens.", seen
    if now["entropy"] < LOW_ENTROPY:
        text = f"Entropy is {_n(now['entropy'])} nats a token: groups repeat themselves."
        return "look", text, seen
    if now["accuracy"] <= HOPELESS:
        text = f"Only {now['accuracy']:.1%} are right, so success is rarely there to be amplified."
        return "look", text, seen
    text = "Nothing recorded explains it: give it more steps or a larger learning rate."
    return "look", text, seen


def why_did_length_explode_or_collapse(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Whether length doubled or halved, whether that paid, and how much is cut off."""
    column, cut_column = "completions/mean_length", "completions/clipped_ratio"
    accuracy_column = _part(frame, "accuracy")
    metrics = [column, cut_column, accuracy_column]
    values, cut = _values(frame, column), _now(_values(frame, cut_column))
    trend, accuracy = _trend(values), _trend(_values(frame, accuracy_column))
    evidence = {"clipped_ratio": cut} if np.isfinite(cut) else {}

    def found(verdict: Verdict, answer: str) -> Finding:
        return _finding(LENGTH, frame, metrics, evidence, verdict, answer)

    limit = _option(options, "max_completion_length")
    if limit is not None:
        evidence["max_completion_length"] = limit
    at = "the limit" if limit is None else f"the limit of {limit:g} tokens"
    if trend is None and not cut >= CUT_TROUBLE:
        return found("unknown", _too_short(frame, column))
    if trend is not None:
        evidence |= {"length_first": trend.first, "length_last": trend.last}
        spoken = f"from {_n(trend.first)} to {_n(trend.last)} tokens"
    else:
        spoken = "too few steps to say from where"
    if accuracy is not None:
        evidence |= {"accuracy_first": accuracy.first, "accuracy_last": accuracy.last}
        paid = f"accuracy went from {accuracy.first:.0%} to {accuracy.last:.0%}"
    else:
        paid = "what it did to accuracy was not recorded"
    if cut >= CUT_TROUBLE:
        bias = (
            " loss_type grpo divides by each completion's length, which spares long wrong ones: "
            "dr_grpo does not."
            if (options or {}).get("loss_type") == "grpo"
            else " Penalise length, or raise max_completion_length if the long ones are right."
        )
        return found("trouble", f"{cut:.0%} of completions are cut off at {at} ({spoken}).{bias}")
    assert trend is not None
    ratio = trend.last / trend.first if trend.first > 0 else 1.0
    better = accuracy is not None and accuracy.rose
    if cut >= CUT_LOOK:
        return found("look", f"{cut:.0%} of completions are cut off at {at} ({spoken}); {paid}.")
    if ratio >= LENGTH_GREW:
        if better:
            return found("fine", f"Length grew {spoken} because it pays: {paid}, {_share(cut)}.")
        return found("look", f"Length grew {spoken} without a gain: {paid}, {_share(cut)}.")
    if ratio <= LENGTH_SHRANK:
        if better:
            return found("look", f"Length fell {spoken} and {paid}: read some, for a shortcut.")
        verdict: Verdict = "look" if accuracy is None else "trouble"
        return found(
            verdict,
            f"Length collapsed {spoken}, and {paid}. Look for a reward that a short reply earns, "
            "or for a KL out of hand.",
        )
    return found("fine", f"Length did neither: it went {spoken}, {_share(cut)}.")


def _share(cut: float) -> str:
    """How many completions are cut off, in words."""
    return f"with {cut:.1%} cut off" if np.isfinite(cut) else "cut-off ones not counted"


def is_it_hacking_the_format_reward(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Whether format rises while accuracy does not: the form learned in place of the task."""
    format_column, accuracy_column = _part(frame, "format"), _part(frame, "accuracy")
    metrics = [format_column, accuracy_column, "eval/format", "eval/accuracy"]
    form, right = (_trend(_values(frame, c)) for c in (format_column, accuracy_column))
    evidence: dict[str, float] = {}

    def found(verdict: Verdict, answer: str) -> Finding:
        return _finding(FORMAT, frame, metrics, evidence, verdict, answer)

    if format_column is None or accuracy_column is None:
        missing = "format" if format_column is None else "accuracy"
        return found("unknown", f"The run has no {missing} reward to compare.")
    if form is None or right is None:
        short = format_column if form is None else accuracy_column
        return found("unknown", _too_short(frame, short))
    evidence |= {"format_first": form.first, "format_last": form.last}
    evidence |= {"accuracy_first": right.first, "accuracy_last": right.last}
    pushed = _wrong_but_pushed_up(format_column, accuracy_column, groups)
    if pushed is not None:
        evidence["wrong_but_pushed_up"] = pushed
    spoken = (
        f"format went from {form.first:.0%} to {form.last:.0%} and accuracy from "
        f"{right.first:.0%} to {right.last:.0%}"
    )
    paid = (
        ""
        if pushed is None
        else f" {pushed:.0%} of recent recorded completions were well-formed, wrong and pushed up."
    )
    cure = " Lower its weight, or pay it only with a right answer." + paid
    gained = form.rose and form.change >= FORMAT_ROSE
    if right.fell and (gained or form.last - right.last >= FORMAT_GAP):
        return found("trouble", f"Yes: {spoken}.{cure}")
    if gained and not right.rose and right.last < SOLVED:
        if form.last - right.last >= FORMAT_GAP:
            return found("trouble", f"It earns the form and not the task: {spoken}.{cure}")
        return found(
            "look",
            f"Not clear yet: {spoken}. Format is often learned first; look again later.{paid}",
        )
    if gained:
        return found("fine", f"No: {spoken}.")
    return found("fine", f"No, format did not rise: {spoken}.")


def _wrong_but_pushed_up(format_: str, accuracy: str, groups: Sequence[Group]) -> float | None:
    """Share of completions that are well-formed, wrong, and better than their group."""
    names = format_.split("/")[1], accuracy.split("/")[1]
    all_ = [c for group in groups for c in group.completions if set(names) <= set(c.rewards)]
    if not all_:
        return None
    well, right = names
    bad = [c for c in all_ if c.rewards[well] > 0 and not c.rewards[right] > 0 and c.advantage > 0]
    return len(bad) / len(all_)


def is_kl_out_of_hand(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """How far the policy is from the reference, whether it still moves away, and any spike."""
    metrics = ["kl", "reward", "grad_norm"]
    rows = _training(frame)
    values = _values(frame, "kl")
    evidence: dict[str, float] = {}

    def found(verdict: Verdict, answer: str) -> Finding:
        return _finding(KL, frame, metrics, evidence, verdict, answer)

    if not len(values):
        return found("unknown", _too_short(frame, "kl"))
    w = _window(len(values))
    now = float(np.median(values[-w:]))  # not the mean: k3 has a heavy tail, one token can move it
    middle = float(np.median(values[len(values) // 2 - w // 2 :][:w]))
    evidence |= {"kl": now, "kl_middle": middle, "kl_max": float(values.max())}
    rising = len(values) >= MIN_STEPS and now > STILL_RISING * max(middle, 0.0)
    spoken = f"a median of {_n(now)} nats a token over the last {w} steps"
    spoken += f", {_n(middle)} midway" if len(values) >= MIN_STEPS else ""
    beta = _option(options, "beta")
    if beta is not None:
        evidence["beta"] = beta
    cure = "a smaller learning rate or a larger beta" + ("" if beta is None else f" ({beta:g} now)")
    reward = _trend(_values(frame, "reward"))
    if now >= KL_TROUBLE or (now >= KL_LOOK and reward is not None and reward.fell):
        worse = " and the reward fell with it" if reward is not None and reward.fell else ""
        return found("trouble", f"Yes: {spoken}{worse}. Try {cure}.")
    if now >= KL_LOOK:
        settling = "still rising" if rising else "no longer rising fast"
        return found("look", f"It is far from the reference, {settling}: {spoken}. Try {cure}.")
    at = _spike(values)
    if at is not None:
        finite = rows.index[np.isfinite(_numbers(rows["kl"]))]
        step, height = int(finite[at]), float(values[at])
        evidence |= {"spike": height, "spike_step": step}
        jumped = f"it jumped to {_n(height)} at step {step}"
        if at >= len(values) - w:
            start = f"{jumped[0].upper()}{jumped[1:]}; otherwise {spoken}."
            return found("look", f"{start} If it does not come back, try {cure}.")
        if height >= KL_TROUBLE:
            return found("look", f"It came back: {spoken}. But {jumped}; read completions there.")
        return found(
            "fine",
            f"No: {spoken}. Once {jumped} and came back: a few tokens can do that to the mean.",
        )
    if rising and now >= KL_LOOK / 2:
        return found(
            "look", f"Not yet, but it is not settling: {spoken}. If it goes on, try {cure}."
        )
    return found("fine", f"No: {spoken}.")


def _spike(values: NDArray[np.float64]) -> int | None:
    """Where the highest spike of all is; None where there is none."""
    spikes = [
        i
        for i in range(3, len(values))  # a median of fewer is no median
        if values[i] >= KL_LOOK
        and values[i] >= KL_SPIKE * np.median(values[max(0, i - KL_BEFORE) : i])
    ]
    return max(spikes, key=lambda i: values[i]) if spikes else None


Question = Callable[["pd.DataFrame", Options, Sequence[Group]], Finding]

QUESTIONS: dict[str, Question] = {
    "loss": why_is_my_loss_zero,
    "reward": why_is_the_reward_flat,
    "length": why_did_length_explode_or_collapse,
    "format": is_it_hacking_the_format_reward,
    "kl": is_kl_out_of_hand,
}
"""A new question is a function here: command line and figures find it."""


def answer_all(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> list[Finding]:
    """Every question, in order.

    Args:
        frame: metrics by step, as `Run.frame()` gives them or a CSV of `data/results/`.
        options: the run's configuration; some answers name its limits.
        groups: some recent groups; a recorded run has one a step, a live one all.
    """
    with np.errstate(all="ignore"):  # a diverged run has numbers that overflow
        return [ask(frame, options, groups) for ask in QUESTIONS.values()]


def diagnose(run: "Run") -> list[Finding]:
    """Every question about a run, also while it trains.

    Raises:
        LabError: its database cannot be read. A damaged config.json is done without.
    """
    try:
        options = run.options
    except LabError:
        options = {}
    frame = run.frame()
    recent = [int(step) for step in _training(frame).index[-_window(len(frame)) :]]
    groups: list[Group] = []
    for step in reversed(recent):
        if len(groups) < MOST_GROUPS:
            groups += run.step(step).groups
    return answer_all(frame, options, groups)
