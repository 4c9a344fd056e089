"""Every figure draws without a warning, names its axes, and shows the numbers it was given."""

import io
import itertools
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from speed_records import make_record

from grpo_core.analysis import figures
from grpo_core.analysis.figures import costs
from grpo_core.analysis.figures.style import DOWN, UP
from grpo_core.core.errors import LabError
from grpo_core.core.paths import data_dir
from grpo_core.core.records import Completion, Group
from grpo_core.pipeline.report import STAGES


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with plt.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.use_style()
        yield
        assert not plt.get_fignums(), "a figure was left open: a notebook would show it twice"


def completion(tokens: list[str], reward: float, advantage: float) -> Completion:
    n = len(tokens)
    zeros = np.zeros(n, np.float32)
    return Completion(
        text=" ".join(tokens),
        tokens=tokens,
        token_ids=np.arange(n, dtype=np.int32),
        rewards={"accuracy_reward": reward},
        reward=reward,
        advantage=advantage,
        truncated=False,
        old_logprobs=zeros,
        logprobs=zeros,
        push=np.full(n, advantage / 40, np.float32),
    )


HOSTILE = [
    "$x^2",
    "${alert(1)}",
    "\\frac",
    "\n",
    "你好",
    "\x00",
    "👍",
    "a" * 300,
    "",
    "<b>",
    "\u202e",
]


def group(*completions: Completion) -> Group:
    return Group("Use 3 , 5 , 10 to make 45 .", {}, list(completions))


def bars(axes: plt.Axes) -> list[float]:
    return [patch.get_width() for patch in axes.patches]


def assert_drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png")
    charts = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert charts
    for axes in charts:
        above = axes.get_shared_x_axes().get_siblings(axes)
        assert any(other.get_xlabel() for other in above)
        shared = axes.get_shared_y_axes().get_siblings(axes)
        assert any(other.get_ylabel() for other in shared)


def test_rewards_to_advantages() -> None:
    figure = figures.rewards_to_advantages([1.3, 0.3, 1.0, 0.0], [1.1, -0.6, 0.6, -1.1])
    assert_drawn(figure)
    assert bars(figure.axes[0]) == pytest.approx([1.3, 0.3, 1.0, 0.0])
    assert bars(figure.axes[1]) == pytest.approx([1.1, -0.6, 0.6, -1.1])
    assert figure.axes[0].get_title() == "Rewards: 0.65 ± 0.60"


@pytest.mark.parametrize("dark", [None, False, True])
def test_the_style_is_the_pages(dark: bool | None) -> None:
    figures.use_style(dark)
    figure = figures.rewards_to_advantages([1.0, 0.0], [0.7, -0.7])
    assert figure.get_facecolor()[3] == 0  # transparent
    ink = np.mean(to_rgb(figure.axes[0].xaxis.label.get_color()))
    assert {True: ink > 0.8, False: ink < 0.2, None: 0.4 < ink < 0.6}[dark]


def test_advantages_bars() -> None:
    figure = figures.advantages_bars(group(completion(["7"], 1, 0.7), completion(["8"], 0, -0.7)))
    assert_drawn(figure)
    (axes,) = figure.axes
    assert bars(axes) == pytest.approx([0.7, -0.7])
    assert [t.get_text() for t in axes.texts] == ["+0.70", "−0.70"]


def test_a_dead_group_says_so() -> None:
    figure = figures.advantages_bars(group(completion(["7"], 1, 0), completion(["8"], 1, 0)))
    assert_drawn(figure)
    assert "every advantage is 0" in figure.axes[0].get_title()


def test_token_push() -> None:
    figure = figures.token_push(
        group(completion(["3", "+", "4"] * 40, 1, 0.7), completion(["8"], 0, -0.7)), width=60
    )
    assert_drawn(figure)
    axes = figure.axes[0]
    assert len(axes.patches) == 121
    assert max(patch.get_x() + patch.get_width() for patch in axes.patches) <= 61
    red, _, blue, _ = axes.patches[0].get_facecolor()
    assert blue > red  # pushed up
    red, _, blue, _ = axes.patches[-1].get_facecolor()
    assert red > blue  # pushed down


def test_token_push_of_hostile_tokens_and_an_empty_completion() -> None:
    assert_drawn(figures.token_push(group(completion(HOSTILE, 1, 0.7), completion([], 0, -0.7))))


def test_token_push_of_a_dead_group() -> None:
    assert_drawn(figures.token_push(group(completion(["7"], 1, 0), completion(["8"], 1, 0))))


def test_token_push_needs_a_push() -> None:
    without = completion(["7"], 1, 0.7)
    without.push = None
    with pytest.raises(LabError, match="no recorded push"):
        figures.token_push(group(without))


def test_clipped_surrogate() -> None:
    figure = figures.clipped_surrogate(0.2, 0.28)
    assert_drawn(figure)
    for axes, flat in zip(figure.axes, [1.28, -0.8], strict=True):
        clipped = axes.get_lines()[1].get_ydata()
        assert max(clipped) == pytest.approx(flat)  # where the line stops rising


def frame(seed: int, steps: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    metrics = pd.DataFrame(rng.random((steps + 1, 6)), columns=list(figures.CURVES))
    held_out = [column for column in metrics if column.startswith("eval/")]
    metrics.loc[metrics.index % 25 != 0, held_out] = np.nan
    metrics.loc[0, "kl"] = np.nan
    return metrics


@pytest.mark.parametrize("seeds", [1, 3, 7])
def test_learning_curves(seeds: int) -> None:
    figure = figures.learning_curves([(f"seed {s}", frame(s)) for s in range(seeds)])
    assert_drawn(figure)
    assert len(figure.axes) == 6
    lines = figure.axes[0].get_lines()
    assert len(lines) == (1 if seeds == 1 else seeds + 1)
    assert list(lines[0].get_xdata()) == [0, 25, 50]
    if seeds > 1:
        expected = np.mean([line.get_ydata() for line in lines[:-1]], axis=0)
        np.testing.assert_allclose(lines[-1].get_ydata(), expected)


def test_learning_curves_of_runs_that_are_still_going() -> None:
    short, nothing = frame(0, steps=10), pd.DataFrame({"reward": [1.0]})
    assert_drawn(figures.learning_curves([("long", frame(1)), ("short", short), ("new", nothing)]))
    with pytest.raises(LabError, match="no run"):
        figures.learning_curves([])


LEDGER = json.loads((data_dir() / "results" / "memory-tiny.json").read_text())


def test_method_curves() -> None:
    methods = {name: [frame(10 * i + s) for s in range(3)] for i, name in enumerate("ABCDE")}
    figure = figures.method_curves(methods)
    assert_drawn(figure)
    accuracy = figure.axes[0]
    for line, frames in zip(accuracy.get_lines(), methods.values(), strict=True):
        seeds = [f["eval/accuracy"].dropna() for f in frames]
        np.testing.assert_allclose(line.get_ydata(), np.mean(seeds, axis=0))
    looks = {(n.get_linestyle(), n.get_marker()) for n in accuracy.get_lines()}
    assert len(looks) == 5  # told apart without colour
    figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in accuracy.texts]
    assert [text.get_text() for text in accuracy.texts] and len(boxes) == 5
    tops = sorted((box.y0, box.y1) for box in boxes)
    assert all(below[1] <= above[0] for below, above in itertools.pairwise(tops))
    with pytest.raises(LabError, match="no run"):
        figures.method_curves({"A": []})


def test_memory_ledger() -> None:
    figure = figures.memory_ledger(LEDGER)
    assert_drawn(figure)
    held, highest = figure.axes
    grpo = LEDGER["methods"]["grpo"]["bytes"]
    of_grpo = [p.get_width() for p in held.patches if p.get_y() < 0]
    expected = [grpo[part] / 2**20 for part in costs._HELD]
    assert of_grpo == pytest.approx(expected)
    assert f"{sum(expected):.1f}" in [text.get_text() for text in held.texts]
    # colour is not all that tells parts apart
    looks = {(p.get_facecolor(), p.get_hatch()) for p in held.patches if p.get_width()}
    assert len(looks) == sum(
        any(m["bytes"][part] for m in LEDGER["methods"].values()) for part in costs._HELD
    )
    assert max(p.get_x() + p.get_width() for p in highest.patches) == pytest.approx(
        LEDGER["methods"]["ppo"]["peaks"]["update"] / 2**20
    )


def test_step_seconds() -> None:
    figure = figures.step_seconds(LEDGER)
    assert_drawn(figure)
    (axes,) = figure.axes
    for row, method in enumerate(LEDGER["methods"].values()):
        widths = [p.get_width() for p in axes.patches if int(p.get_y() + 0.5) == row]
        medians = [method["seconds"][phase]["median"] for phase in costs._PHASES]
        assert widths == pytest.approx(medians)


def test_learning_curves_of_runs_without_a_reference() -> None:
    figure = figures.learning_curves([("seed 0", frame(0).drop(columns="kl"))])
    assert_drawn(figure)
    said = {axes.get_title(): [text.get_text() for text in axes.texts] for axes in figure.axes}
    assert [title for title, texts in said.items() if texts == ["not recorded"]] == [
        "KL to the reference"
    ]


def test_figures_need_neither_torch_nor_pandas() -> None:
    program = """
import sys
import grpo_core.analysis.figures
assert not {"torch", "transformers", "pandas"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# --- lessons 01 to 03 ---------------------------------------------------------------------


def test_policy_gradient() -> None:
    figure = figures.policy_gradient([0.7, 0.3], [0.2, 0.9], [-0.147, 0.147])
    assert_drawn(figure)
    assert [bars(axes) for axes in figure.axes] == [[0.7, 0.3], [0.2, 0.9], [-0.147, 0.147]]
    assert "J = 0.41" in figure.axes[1].get_xlabel()


def test_gradient_estimates() -> None:
    clouds = {"wide": np.array([[0.0, 1], [2, 3]]), "narrow": np.array([[1.0, 2], [1, 2]])}
    figure = figures.gradient_estimates(clouds, [1.0, 2.0], names=("arm 1", "arm 5"))
    assert_drawn(figure)
    for axes in figure.axes:
        truth, mean = axes.get_lines()[-2:]
        assert truth.get_xydata().tolist() == mean.get_xydata().tolist() == [[1, 2]]


def test_expected_gradients() -> None:
    figure = figures.expected_gradients([1.0, -1.0], {"half": [0.5, -0.5]})
    assert_drawn(figure)
    assert [patch.get_height() for patch in figure.axes[0].patches] == [1, -1, 0.5, -0.5]


def test_gradient_variance() -> None:
    noise = {"none": [4.0, 2.0], "perfect": [2.0, 1.0]}
    figure = figures.gradient_variance([2, 4], noise, relative_to="perfect")
    assert_drawn(figure)
    assert [list(line.get_ydata()) for line in figure.axes[1].get_lines()] == [[2, 2], [1, 1]]


def test_learning_bands() -> None:
    runs = np.array([[0.0, 1.0], [1.0, 1.0], [0.5, 0.1]])
    figure = figures.learning_bands({"left": {"a": runs}, "right": {"a": runs, "b": runs}}, "J")
    assert_drawn(figure)
    assert list(figure.axes[0].get_lines()[0].get_ydata()) == pytest.approx([0.5, 0.7])


def test_verdict_grid() -> None:
    verdicts = {"eval": ["right", "wrong"], "kit": ["right", "raised"]}
    figure = figures.verdict_grid(["a sum", "a power"], verdicts)
    assert_drawn(figure)
    assert [t.get_text() for t in figure.axes[0].texts] == ["✓", "✗ fooled", "✓", "! raises"]


def test_reward_grid() -> None:
    figure = figures.reward_grid(["a", "b"], {"accuracy": [1, 0]}, [1.0, 0.0], [0.71, -0.71])
    assert_drawn(figure)
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert texts == ["1", "0", "1", "0", "+0.71", "−0.71"]


def test_reward_grid_of_hostile_texts() -> None:
    n = len(HOSTILE)
    figure = figures.reward_grid(HOSTILE, {"accuracy": [0.0] * n}, [0.0] * n, [0.0] * n, "$x^2 \n")
    assert_drawn(figure)
    assert all(len(label.get_text()) <= 46 for label in figure.axes[0].get_yticklabels())


def test_temperatures() -> None:
    figure = figures.temperatures(["7", "<b>", "$x^2"], {"T = 1": [0.5, 0.3, 0.2]}, title="$x_1")
    assert_drawn(figure)
    assert bars(figure.axes[0]) == [0.5, 0.3, 0.2]
    assert_drawn(figures.temperatures(HOSTILE, {"T": [0.1] * len(HOSTILE)}, title=HOSTILE[-1]))


def test_temperature_sweep() -> None:
    figure = figures.temperature_sweep([0.0, 1.0], {"right": [0.2, 0.1], "useful": [0.0, 0.8]})
    assert_drawn(figure)
    assert [list(line.get_ydata()) for line in figure.axes[0].get_lines()] == [[0.2, 0.1], [0, 0.8]]


def test_pass_at_k() -> None:
    figure = figures.pass_at_k([1, 2], {"base": [0.1, 0.19]}, level=("after", 0.9))
    assert_drawn(figure)
    assert set(figure.axes[0].get_lines()[-1].get_ydata()) == {0.9}


def test_useful_groups() -> None:
    figure = figures.useful_groups((2, 4), at=0.25, measured=([2, 4], [0.4, 0.7]))
    assert_drawn(figure)
    left, right = figure.axes
    assert max(left.get_lines()[0].get_ydata()) == pytest.approx(0.5)  # u(1/2, 2)
    assert right.get_lines()[0].get_ydata()[0] == pytest.approx(2 * 0.25 * 0.75)
    assert list(right.get_lines()[1].get_ydata()) == [0.4, 0.7]


def test_useful_in_a_run() -> None:
    steps, flat = range(1, 31), [0.5] * 30
    figure = figures.useful_in_a_run(steps, accuracy=flat, measured=flat, predicted=flat)
    assert_drawn(figure)
    for line in figure.axes[0].get_lines():
        assert line.get_ydata() == pytest.approx(0.5)


def test_budget() -> None:
    figure = figures.budget(128, (2, 64), (0.5,))
    assert_drawn(figure)
    left, right = figure.axes
    assert list(left.get_lines()[0].get_ydata()) == pytest.approx([32, 2])
    assert list(right.get_lines()[0].get_ydata()) == pytest.approx([0.5, 1])


def test_bandit_step() -> None:
    figure = figures.bandit_step([0.5, 0.5], [0.7, 0.3], arms=[0, 1, 1], rewards=[1.0, 0.0, 1.0])
    assert_drawn(figure)
    (axes,) = figure.axes
    assert [patch.get_height() for patch in axes.patches[:4]] == [0.5, 0.5, 0.7, 0.3]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1\n✓", "2\n✗✓"]


def test_compared_advantages() -> None:
    figure = figures.compared_advantages([1.0, 0.0], {"GRPO": [0.7, -0.7], "RLOO": [1.0, -1.0]})
    assert_drawn(figure)
    assert [bars(axes) for axes in figure.axes] == [[1, 0], [0.7, -0.7], [1, -1]]


def test_groups_under_methods() -> None:
    advantages = [[0.0, 0, 0, 0], [1.5, -0.5, -0.5, -0.5]]
    figure = figures.groups_under_methods(["dead", "one right"], {"GRPO": advantages})
    assert_drawn(figure)
    dots = [collection.get_offsets().tolist() for collection in figure.axes[0].collections]
    assert [[0.0, 0.0]] in dots and [[-0.5, 1.0], [1.5, 1.0]] in dots


def test_prompt_weights() -> None:
    chances = np.linspace(0.01, 0.99, 99)
    figure = figures.prompt_weights(chances, {"plain": np.ones(99), "divided": 1 / chances})
    assert_drawn(figure)
    plain, _ = figure.axes[1].get_lines()
    assert plain.get_ydata() == pytest.approx(np.linspace(0, 1, 99))  # a weight of 1: p itself


def test_paid_by_the_line() -> None:
    figure = figures.outcome_and_process([2, 42], [True, False], [1.6, -0.8], [2.0, 6.6])
    assert_drawn(figure)
    right, wrong = (c.get_offsets().tolist() for c in figure.axes[1].collections)
    assert right == [[2, 2.0]] and wrong == [[42, 6.6]]


def test_token_values_signed_and_not() -> None:
    rows = [("a", ["no", *HOSTILE], [2.0] + [0.0] * len(HOSTILE)), ("b", ["yes"], [1.0])]
    figure = figures.token_values(rows, "k3 (nats)", largest=1.0)
    assert_drawn(figure)
    first, *_, last = (patch.get_facecolor() for patch in figure.axes[0].patches)
    assert first == last  # both at least the largest
    signed = figures.token_values([("a", ["x", "y"], [1.0, -1.0])], "advantage")
    up, down = (patch.get_facecolor() for patch in signed.axes[0].patches)
    assert up[2] > up[0] and down[0] > down[2]
    assert_drawn(figures.token_values([("a", ["x"], [0.0]), ("b", [], [])], "nothing"))


def test_loss_along() -> None:
    figure = figures.loss_along([-1.0, 0.0, 1.0], [0.5, 0.0, -0.5])
    assert_drawn(figure)
    here = figure.axes[0].get_lines()[2]
    assert (list(here.get_xdata()), list(here.get_ydata())) == ([0], [0.0])


@pytest.mark.parametrize(
    ("ratio", "advantage", "weight"),
    [(1.1, 1.0, "+1.10"), (1.3, 1.0, "0"), (0.7, 2.0, "+1.40"), (0.7, -1.0, "0"),
     (1.3, -1.0, "−1.30"), (1.3, 0.0, "0")],
)  # fmt: skip
def test_clip_at(ratio: float, advantage: float, weight: str) -> None:
    figure = figures.clip_at(ratio, advantage)
    assert_drawn(figure)
    assert figure.axes[1].get_title() == f"Weight of its gradient: {weight}"


def test_clip_map_counts_what_the_clip_leaves_without_gradient() -> None:
    ratio, advantages = [1.5, 0.5, 1.5, 0.001, 1.0, 900.0], [1.0, 1, -1, -1, 1, -2]
    figure = figures.clip_map(ratio, advantages, ["$x", "no", "\n", "a", "b", "c"])
    assert_drawn(figure)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["push above 0: 2", "push below 0: 2", "clipped: 2"]
    named = {text.get_text() for text in figure.axes[0].texts}
    assert {"$x", "no", "↵", "a", "c"} <= named and "b" not in named
    left, right = figure.axes[0].get_xlim()
    for dots in figure.axes[0].collections:
        assert all(left < x < right for x, _ in dots.get_offsets())


def test_surrogates() -> None:
    figure = figures.surrogates([0.5, 1.0, 1.5], {"a": np.ones((4, 3)), "b": np.zeros((4, 3))})
    assert_drawn(figure)
    assert [len(axes.get_lines()) for axes in figure.axes] == [4] * 4  # two and the axes


def test_many_updates() -> None:
    figure = figures.many_updates({"KL": ("nats", {"clip": [0, 1, 2], "none": [0, 2, 9]})})
    assert_drawn(figure)
    assert [list(line.get_ydata()) for line in figure.axes[0].get_lines()] == [[0, 1, 2], [0, 2, 9]]


def test_token_shares() -> None:
    figure = figures.token_shares(["no", "$x"], [0.07, 0.01], 0.02, "clipped, %")
    assert_drawn(figure)
    above, below = (patch.get_facecolor()[:3] for patch in figure.axes[0].patches)
    assert above == to_rgb(DOWN) and below != above


def test_kl_estimators() -> None:
    figure = figures.kl_estimators()
    assert_drawn(figure)
    k1, k2, k3 = (line.get_ydata() for line in figure.axes[0].get_lines()[:3])
    assert min(k1) < 0 <= min(min(k2), min(k3))


def test_kl_estimates() -> None:
    figure = figures.kl_estimates(0.1, {"k1": [-0.1, 0.3], "k3": [0.09, 0.11]}, 50)
    assert_drawn(figure)
    assert "50 tokens" in figure.axes[-1].get_xlabel()


def test_kl_gradients_and_trained_policies() -> None:
    uses = {str(i): [0.1, -0.1 * i] for i in range(6)}
    figure = figures.kl_gradients([0.1, -0.1], [0.2, -0.2], uses)
    assert_drawn(figure)
    heights = [[patch.get_height() for patch in axes.patches] for axes in figure.axes]
    assert heights == [pytest.approx(values) for values in uses.values()]
    ends = {str(i): [i / 6, 1 - i / 6] for i in range(6)}
    figure = figures.trained_policies([0.5, 0.5], [0.0, 1.0], [0.3, 0.7], ends)
    assert_drawn(figure)
    heights = [[patch.get_height() for patch in axes.patches] for axes in figure.axes]
    assert heights == [pytest.approx(values) for values in ends.values()]


def test_kl_drift() -> None:
    steps = range(1, 21)
    values = np.arange(20.0)
    figure = figures.kl_drift(steps, {"k1": values, "k2": values, "k3": values}, values / 20)
    assert_drawn(figure)
    thin, thick = figure.axes[0].get_lines()[:2]
    assert thick.get_ydata() == pytest.approx(thin.get_ydata()[4:-4])  # of a straight line


def test_two_probabilities() -> None:
    logprobs, reference = [-0.1, -9.0, -0.2, -0.1], [-9.0, -0.1, -0.2, -0.2]
    figure = figures.two_probabilities(logprobs, reference, ["</think>", "$(", "5", "6"], names=1)
    assert_drawn(figure)
    assert {text.get_text() for text in figure.axes[0].texts} == {"</think>", "$("}


RECORDS = [make_record(seed) for seed in range(3)]


def test_pipeline_stages() -> None:
    figure = figures.pipeline_stages(RECORDS)
    assert_drawn(figure)
    seeds_and_mean = figure.axes[0].get_lines()
    assert [len(line.get_ydata()) for line in seeds_and_mean] == [5] * 4
    mean = np.mean([line.get_ydata() for line in seeds_and_mean[:3]], axis=0)
    assert seeds_and_mean[3].get_ydata() == pytest.approx(mean)
    assert_drawn(figures.pipeline_stages(RECORDS[:1]))


def test_language_reward_curves() -> None:
    figure = figures.language_reward_curves(RECORDS)
    assert_drawn(figure)
    assert [len(axes.get_lines()) for axes in figure.axes] == [6] * 3
    assert figure.axes[1].get_lines()[0].get_ydata()[:2] == pytest.approx([0.1, 0.15])  # means


def test_distillation() -> None:
    figure = figures.distillation(RECORDS)
    assert_drawn(figure)
    for axes, student, name in zip(
        figure.axes, ("same_size", "compute"), ("3-sft", "5-distilled"), strict=True
    ):
        curve, *_ = axes.get_lines()
        spent, held_out = zip(*RECORDS[0][student]["rl"], strict=True)
        assert list(curve.get_xdata()) == pytest.approx([x / 1e12 for x in spent])
        assert list(curve.get_ydata()) == pytest.approx(held_out)
        points = [line.get_ydata()[0] for line in axes.get_lines() if len(line.get_xdata()) == 1]
        expected = [r["measured"][name]["accuracy"] for r in RECORDS for _ in "12"]
        assert points == pytest.approx(expected)


def test_pipeline_flow_fills_each_box_as_far_as_it_is_right() -> None:
    figure = figures.pipeline_flow(RECORDS)
    figure.savefig(io.BytesIO(), format="png")
    (axes,) = figure.axes
    said = " ".join(text.get_text() for text in axes.texts)
    assert "400\ntraces" in said and "901 kept\n+ 200 general" in said and "30\nsteps" in said
    fills = [p.get_width() for p in axes.patches if isinstance(p, plt.Rectangle)]
    names = [name for name in STAGES if name != "2-without-language"]
    shares = [np.mean([r["measured"][name]["accuracy"] for r in RECORDS]) for name in names]
    assert sorted(fills) == pytest.approx(sorted(1.75 * share for share in shares))


def test_fine_tuning_and_what_became() -> None:
    figure = figures.fine_tuning([0.5, 0.4, 0.2], 0.55, 0.18)
    assert_drawn(figure)
    assert {text.get_text() for text in figure.axes[0].texts} == {"0.550", "0.180"}
    figure = figures.selection_outcomes({"kept": 30, "wrong": 10})
    assert_drawn(figure)
    assert bars(figure.axes[0]) == [30, 10]


@pytest.mark.parametrize(
    "draw",
    [
        figures.pipeline_stages,
        figures.language_reward_curves,
        figures.distillation,
        figures.pipeline_flow,
    ],
)
def test_without_records_there_is_one_sentence(draw: Callable[[list], Figure]) -> None:
    with pytest.raises(LabError, match="no pipeline to draw"):
        draw([])


KINDS = ("no work", "one attempt, unchecked", "checked", "backtracks")


def test_behaviours_fill_the_whole_and_mark_what_came_first() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.dirichlet(np.ones(4), size=30)
    panels = {
        name: dict(zip(KINDS, drawn.T.tolist(), strict=True)) for name in ("base", "no checks")
    }
    figure = figures.behaviours(panels, window=5, marks={"first backtrack": 3})
    assert_drawn(figure)
    left, right = figure.axes
    assert left.get_title() == "base" and right.get_title() == "no checks"
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in left.collections]
    assert tops[-1] == pytest.approx(1.0) and tops == sorted(tops)
    assert [t.get_text().strip() for t in left.texts] == ["first backtrack"]
    (legend,) = figure.legends
    assert {t.get_text() for t in legend.get_texts()} == set(KINDS)


def test_kinds_compared_says_none_where_there_is_none() -> None:
    shares = {"base": [0.5, 0.3, 0.0, 0.2], "after RL": [0.0, 0.1, 0.05, 0.85]}
    right = {"base": [0.02, 0.1, float("nan"), 0.4], "after RL": [0.03, 0.99, 0.9, 0.96]}
    figure = figures.kinds_compared(KINDS, shares, right)
    assert_drawn(figure)
    left, middle = figure.axes
    assert sorted(bars(left)) == pytest.approx(sorted(shares["base"] + shares["after RL"]))
    assert [t.get_text() for t in middle.texts][:4] == ["0.02", "0.10", "none", "0.40"]


def test_lengths_in_a_run_leave_out_steps_without_such_completions() -> None:
    nan = float("nan")
    right, wrong = [nan] * 12 + [90.0] * 8, [20.0] * 20
    figure = figures.lengths_in_a_run(
        {"right": right, "wrong": wrong}, np.linspace(0, 0.05, 20), window=10
    )
    assert_drawn(figure)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert np.isnan(lines["right"].get_ydata()[0])
    assert lines["right"].get_ydata()[-1] == pytest.approx(90)
    assert set(lines["wrong"].get_ydata()) == {20.0}


def test_symptoms_show_each_suspect_beside_the_right_one() -> None:
    def runs(level: float) -> list[pd.DataFrame]:
        index = pd.RangeIndex(1, 6)
        return [
            pd.DataFrame({"accuracy": level + 0.01 * k, "length": 20 + k}, index) for k in range(3)
        ]

    curves = {"accuracy": ("Accuracy", "share"), "length": ("Length", "tokens")}
    figure = figures.symptoms({"A": (runs(0.2), runs(0.5)), "B": (runs(0.9), runs(0.5))}, curves)
    assert_drawn(figure)
    assert len(figure.axes) == 4
    right, suspect = figure.axes[0].lines
    assert right.get_ydata()[0] == pytest.approx(0.51)
    assert suspect.get_ydata()[0] == pytest.approx(0.21)
    assert figure.axes[2].get_ylabel().startswith("B")
    assert [axes.get_title() for axes in figure.axes] == ["Accuracy", "Length", "", ""]
    for axes in figure.axes:  # a later row that is higher is not cut off
        assert axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > axes.dataLim.y1


def test_method_curves_draw_the_panels_that_are_asked_for() -> None:
    frame = pd.DataFrame({"eval/truncated": [0.0, 0.1], "eval/backtracks": [1.0, 6.0]}, [0, 25])
    names = ("eval/backtracks", "eval/truncated")
    figure = figures.method_curves(
        {"a": [frame, frame], "b": [frame]}, {name: figures.CURVES[name] for name in names}
    )
    assert_drawn(figure)
    assert [axes.get_title() for axes in figure.axes] == ["Backtracks", "Truncated"]


def curve(seed: int, until: float = 7.68) -> tuple[np.ndarray, np.ndarray]:
    at = np.linspace(0, until, 7)
    return at, 0.1 + 0.09 * at + 0.01 * seed


def test_family_curves() -> None:
    methods = {f"method {i}": [curve(10 * i + seed) for seed in range(3)] for i in range(5)}
    methods["uneven"] = [curve(1), curve(2, 5.0), curve(3)]  # a seed that was stopped early
    figure = figures.family_curves(methods, "thousand completions", "accuracy", columns=4)
    assert_drawn_family(figure)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == list(methods)
    for axes, seeds in zip(shown[:5], methods.values(), strict=False):
        *others_and_seeds, mean = axes.get_lines()
        assert len(others_and_seeds) == 5 + 3  # nothing is left out
        np.testing.assert_allclose(mean.get_ydata(), np.mean([y for _, y in seeds], axis=0))
    assert max(shown[5].get_lines()[-1].get_xdata()) == pytest.approx(5.0)
    for nothing in ({}, {"A": []}):
        with pytest.raises(LabError, match="no run"):
            figures.family_curves(nothing, "x", "y")


def assert_drawn_family(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert all(axes.get_xlabel() for axes in shown[-4:])  # also above an empty place
    figure.canvas.draw()
    assert all(
        any(label.get_text() and label.get_visible() for label in axes.get_xticklabels())
        for axes in shown[-4:]
    )
    assert figure.axes[0].get_ylabel()


def test_finals() -> None:
    methods = {"worse": [0.5, 0.6, 0.55], "better": [0.8, 0.7, 0.75], "one seed": [0.65]}
    figure = figures.finals(methods, "accuracy", {"luck": 0.08, "worst luck": 0.12})
    assert_drawn(figure)
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["better", "one seed", "worse", "", ""]
    dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert [sorted(line.get_xdata()) for line in dots] == [
        sorted(methods[name]) for name in names[:3]
    ]
    assert {text.get_text() for text in axes.texts} == {"luck: 0.080", "worst luck: 0.120"}
    with pytest.raises(LabError, match="no run"):
        figures.finals({"A": []}, "accuracy", {})


def test_push_grid() -> None:
    methods = {"GRPO": [2.0, -1.0, 0.0], "nothing": [0.0, 0.0, 0.0]}
    figure = figures.push_grid(["1.3", "0.3", "0"], methods, "push on a token")
    assert_drawn(figure)
    (axes,) = figure.axes
    said = [text.get_text() for text in axes.texts]
    assert said == ["+1.00", "−0.50", "0", "0", "0", "0"]  # by its own largest
    first, second = (patch.get_facecolor() for patch in axes.patches[:2])
    assert first[2] > first[0] and second[0] > second[2]  # up is blue, down is vermilion


def test_cosine_grid() -> None:
    cosines = np.array([[1.0, 0.9993, 0.4], [0.9993, 1.0, 0.0], [0.4, 0.0, 1.0]])
    figure = figures.cosine_grid(["A", "B", "C"], {"before": cosines, "after": np.eye(3)})
    assert_drawn(figure)
    before, after = figure.axes
    said = [text.get_text() for text in before.texts]
    assert said == ["=", ".99", ".40", ".99", "=", ".00", ".40", ".00", "="]
    assert [text.get_text() for text in after.texts].count("=") == 3


def test_credit() -> None:
    rows = {"a": [0.5, -0.25, 0.0], "b": [0.1, 0.2, 0.3]}
    figure = figures.critic_advantages(["$x", "no", "\n"], [0.2, 0.7, 0.4], [0.0, 0.0, 1.0], rows)
    assert_drawn(figure)
    heights = [[patch.get_height() for patch in axes.patches] for axes in figure.axes[1:]]
    assert heights == [pytest.approx(values) for values in rows.values()]
    good, bad, _ = (patch.get_facecolor()[:3] for patch in figure.axes[1].patches)
    assert (good, bad) == (to_rgb(UP), to_rgb(DOWN))
    line = figure.axes[0].get_lines()[0]
    assert list(line.get_ydata()) == [0.2, 0.7, 0.4, 0.0]  # nothing is expected behind the end
    assert_drawn(figures.critic_advantages(["a"], [0.0], [0.0], {"all": [0.0]}))


def test_td_error_decay() -> None:
    figure = figures.td_error_decay([0.5, 1.0], 4)
    assert_drawn(figure)
    half, whole = (list(line.get_ydata()) for line in figure.axes[0].get_lines())
    assert half == [1, 0.5, 0.25, 0.125, 0.0625] and whole == [1] * 5


def test_truth_and_noise() -> None:
    figure = figures.mean_and_noise([0.0, 1.0], {"a": ([0.1, 0.2], [0.4, 0.8])}, 0.2)
    assert_drawn(figure)
    arrives, noise = (axes.get_lines()[0].get_ydata() for axes in figure.axes)
    assert list(arrives) == [0.5, 1.0] and list(noise) == [2.0, 4.0]


def test_explained_variance_and_values_along() -> None:
    figure = figures.explained_variance([10, 20], {"first": [-0.5, 0.1], "last": [0.2, 0.9]})
    assert_drawn(figure)
    assert list(figure.axes[0].get_lines()[1].get_ydata()) == [0.2, 0.9]
    values = [0.5, 0.5, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9]
    tokens = ["a", "$no", "b", "c", "yes", *"def"]
    figure = figures.values_along(
        [("one", tokens, values, 1.0), ("two", HOSTILE, HOSTILE_VALUES, 0.3)]
    )
    assert_drawn(figure)
    named = [text.get_text() for text in figure.axes[0].texts]
    assert named[:2] == ["yes", "$no"]  # the token between the two values, the steepest first


HOSTILE_VALUES = np.linspace(0, 1, len(HOSTILE)) ** 2


def test_goodhart() -> None:
    runs = {f"seed {i}": (range(8), np.linspace(0, 0.8, 8), np.full(8, i / 4)) for i in range(3)}
    figure = figures.goodhart(runs, "a judge", "right")
    assert_drawn(figure)
    left, right = figure.axes
    assert [list(line.get_ydata()) for line in left.get_lines()[1::2]] == [
        [i / 4] * 8 for i in range(3)
    ]
    assert len(left.get_legend().get_texts()) == 2
    path, start, end = right.get_lines()[:3]
    assert (start.get_xdata()[0], end.get_xdata()[0]) == (path.get_xdata()[0], path.get_xdata()[-1])
    assert list(path.get_xdata()) == pytest.approx(np.linspace(0, 0.8, 8)[2:-2])  # of a line
    assert_drawn(figures.goodhart({"short": ([1, 2], [0.1, 0.2], [0.3, 0.4])}, "x", "y"))


def test_best_of_and_what_a_proxy_is_worth() -> None:
    figure = figures.best_of([1, 2, 4], {"a": ([0.1, 0.2, 0.3], [0.2, 0.3, 0.1])}, "48 problems")
    assert_drawn(figure)
    own, truth = (list(line.get_ydata()) for line in figure.axes[0].get_lines())
    assert own == [0.1, 0.2, 0.3] and truth == [0.2, 0.3, 0.1]
    figure = figures.goodhart_share([4, 8], [0.9, 0.1], "right, of what it likes")
    assert_drawn(figure)
    assert list(figure.axes[0].get_lines()[0].get_ydata()) == [0.9, 0.1]
