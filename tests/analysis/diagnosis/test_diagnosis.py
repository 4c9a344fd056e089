"""Each verdict of each question, on runs made to have the illness, and on one that is well."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_steps import completion

from grpo_core.analysis import diagnosis, figures
from grpo_core.analysis.diagnosis import QUESTIONS, Finding, answer_all, diagnose
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.paths import data_dir
from grpo_core.core.records import Group, Step
from grpo_core.runs import Run, RunWriter, create_run

STEPS = 60
ACCURACY, FORMAT = "rewards/accuracy_reward/mean", "rewards/format_reward/mean"
LENGTH, CUT = "completions/mean_length", "completions/clipped_ratio"


def made(steps: int = STEPS, **columns: Any) -> pd.DataFrame:
    """A healthy run; `columns` replace its metrics, None takes one out. Noise is 2% of each."""
    t = np.linspace(0, 1, steps)
    values: dict[str, Any] = {
        "loss": 0.1 - 0.3 * t,
        "grad_norm": 0.2 - 0.1 * t,
        "learning_rate": np.full(steps, 3e-4),
        "frac_reward_zero_std": 0.2 * t,
        "reward": 0.2 + 0.8 * t,
        ACCURACY: 0.1 + 0.7 * t,
        FORMAT: 0.4 + 0.4 * t,
        LENGTH: 30 + 50 * t,
        CUT: 0.01 + 0.03 * t,
        "clip_ratio/region_mean": np.zeros(steps),
        "entropy": 0.2 - 0.15 * t,
        "kl": 0.03 * np.sqrt(t),
    }
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal(steps)
    values |= {k: np.broadcast_to(v, steps) for k, v in columns.items() if v is not None}
    kept = {k: v * noise for k, v in values.items() if columns.get(k, 0) is not None}
    for share in {"frac_reward_zero_std", ACCURACY, FORMAT, CUT} & set(kept):
        kept[share] = np.minimum(kept[share], 1.0)
    frame = pd.DataFrame(kept, index=pd.RangeIndex(1, steps + 1))
    base = pd.DataFrame({"eval/accuracy": [0.1]}, index=[0])
    return pd.concat([base, frame]).rename_axis("step")


def ask(name: str, frame: pd.DataFrame, options: Any = None, groups: Any = ()) -> Finding:
    finding = diagnosis.ask(name, frame, options, groups)
    assert finding.headline and not finding.headline.endswith(".")
    assert not re.search("[1-9]", finding.headline)  # it stands still beside a live run
    assert set(finding.metrics) <= set(frame.columns)
    assert all(np.isfinite(v) for v in finding.evidence.values())
    assert "nan" not in finding.answer and finding.answer.endswith(".")
    return finding


T = np.linspace(0, 1, STEPS)
HOPELESS = {"reward": 0.01, ACCURACY: 0.0, FORMAT: 0.0}
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    # loss
    ("loss", {}, "fine", "not zero: −0"),
    ("loss", {"loss": 0.0}, "fine", r"expected.* norm is 0\.1"),
    (
        "loss",
        {"frac_reward_zero_std": 1.0, **HOPELESS},
        "trouble",
        "(99|100)% of groups.*all wrong",
    ),
    ("loss", {"frac_reward_zero_std": 0.6, ACCURACY: 0.01}, "look", "60% of groups.*all wrong"),
    ("loss", {"frac_reward_zero_std": 1.0, ACCURACY: 1.0}, "look", "all right.*harder"),
    ("loss", {"frac_reward_zero_std": 1.0, ACCURACY: 0.5}, "trouble", "distinguish completions"),
    ("loss", {"loss": 0.0, "grad_norm": 0.0}, "trouble", "nothing is learned"),
    ("loss", {"loss": 0.0, "grad_norm": None}, "unknown", "`grad_norm` instead"),
    ("loss", {"loss": None}, "unknown", "not record `loss`"),
    ("loss", {"loss": np.where(T > 0.8, np.nan, 0.1)}, "trouble", "From step 49 on"),
    ("loss", {"loss": np.inf}, "trouble", "From step 1 on"),
    ("loss", {"loss": np.nan}, "unknown", "did not record"),
    # reward
    ("reward", {}, "fine", r"rose from 0\.\d+ to 0\.\d+ over 60 steps"),
    ("reward", {"reward": 1.2, ACCURACY: 0.97}, "fine", "Accuracy is 9.%"),
    ("reward", {"reward": 1 - 0.5 * T}, "trouble", "it fell"),
    ("reward", {"reward": 1 - abs(T - 0.6)}, "look", "halfway and is falling"),
    ("reward", {"reward": 0.5, ACCURACY: 0.5}, "look", "Nothing recorded explains"),
    ("reward", {"reward": 0.5, "learning_rate": 0.0}, "trouble", "learning rate is 0"),
    ("reward", {"frac_reward_zero_std": 1.0, **HOPELESS}, "trouble", "all wrong"),
    ("reward", {"reward": 0.5, ACCURACY: 0.5, "grad_norm": 0.0}, "trouble", "nothing is learned"),
    ("reward", {"reward": 0.5, ACCURACY: 0.5, "clip_ratio/region_mean": 0.8}, "look", "Clipping"),
    ("reward", {"reward": 0.5, ACCURACY: 0.5, "entropy": 0.001}, "look", "nearly identical"),
    ("reward", {"reward": 0.01, ACCURACY: 0.01}, "look", r"Only 1\.\d% of completions are right"),
    (
        "reward",
        {"reward": np.minimum(T, 0.3), ACCURACY: 0.3},
        "look",
        "hardly at all in the",
    ),
    ("reward", {"reward": None}, "unknown", "not record `reward`"),
    ("reward", {"reward": 0.5 * T**0.7, ACCURACY: 0.4}, "fine", "rose"),
    ("reward", {"reward": np.maximum(0, 0.3 - T)}, "trouble", "it fell"),
    ("reward", {"steps": 3, "learning_rate": 0.0}, "trouble", "learning rate is 0"),
    ("reward", {"steps": 5}, "unknown", "Only 5 steps"),
    ("reward", {"steps": 12, "reward": 0.5, ACCURACY: 0.5}, "fine", "too early"),
    ("reward", {"steps": 12, "reward": 0.5, "learning_rate": 0.0}, "trouble", "learning rate is 0"),
    # length
    ("length", {}, "fine", "did neither"),
    ("length", {LENGTH: 30 + 90 * T}, "fine", "and it pays"),
    ("length", {LENGTH: 30 + 90 * T, ACCURACY: 0.3}, "look", "without a gain"),
    ("length", {LENGTH: 30 + 90 * T, ACCURACY: None}, "look", "was not recorded"),
    ("length", {LENGTH: 30 + 220 * T, CUT: 0.8 * T}, "trouble", "truncated at the limit of 256"),
    ("length", {CUT: 0.15}, "look", "truncated at the limit"),
    ("length", {LENGTH: 100 - 90 * T, ACCURACY: 0.5 - 0.4 * T}, "trouble", "collapsed"),
    ("length", {LENGTH: 100 - 90 * T}, "look", "shortcut"),
    ("length", {LENGTH: 100 - 90 * T, ACCURACY: None}, "look", "collapsed"),
    ("length", {CUT: None}, "fine", "truncation not recorded"),
    ("length", {LENGTH: None}, "unknown", "did not record"),
    ("length", {"steps": 4}, "unknown", "Only 4 steps"),
    ("length", {"steps": 4, CUT: 0.9}, "trouble", "too few steps to compare"),
    # format
    ("format", {}, "fine", "^No: format went"),
    ("format", {FORMAT: 0.4 + 0.6 * T, ACCURACY: 0.3 - 0.2 * T}, "trouble", "^Yes"),
    ("format", {FORMAT: 0.4 + 0.6 * T, ACCURACY: 0.1}, "trouble", "without solving the task"),
    ("format", {FORMAT: 0.3 + 0.2 * T, ACCURACY: 0.1}, "look", "Not clear yet"),
    ("format", {FORMAT: 0.9, ACCURACY: 0.3 - 0.2 * T}, "trouble", "^Yes"),
    ("format", {FORMAT: 0.9, ACCURACY: 0.5}, "fine", "did not rise"),
    ("format", {FORMAT: None}, "unknown", "no format reward"),
    ("format", {ACCURACY: None}, "unknown", "no accuracy reward"),
    ("format", {"steps": 3}, "unknown", "Only 3 steps"),
    ("format", {"steps": 12, FORMAT: np.linspace(0.3, 0.5, 12), ACCURACY: 0.1}, "fine", "early"),
    # kl
    ("kl", {}, "fine", "^No: "),
    (
        "kl",
        {"kl": np.where(T[40] == T, 3.0, 0.02)},
        "look",
        r"It fell again.*jumped to 2\.9.* at step 41",
    ),
    ("kl", {"kl": np.where(T[20] == T, 3.0, 0.02)}, "look", "It fell again.*at step 21"),
    ("kl", {"kl": np.where(T[20] == T, 0.5, 0.02)}, "fine", "fell again"),
    ("kl", {"kl": np.where(T[-2] == T, 0.5, 0.02)}, "fine", "Once it jumped.*at step 59"),
    ("kl", {"kl": np.where(T[-1] == T, 3.0, 0.02)}, "look", "at step 60"),
    ("kl", {"kl": np.where(T[-2] <= T, 0.5, 0.02)}, "look", "It rose to 0.* last 3 steps"),
    ("kl", {"kl": np.where(T[-2] <= T, 3.0, 0.02)}, "trouble", "it has jumped to [23]"),
    ("kl", {"kl": 0.15 * T}, "look", "keeps rising"),
    ("kl", {"kl": 0.5 * T}, "look", "far from the reference"),
    ("kl", {"kl": 0.5 * T, "reward": 1 - T}, "trouble", "reward fell with it"),
    ("kl", {"kl": 3 * T}, "trouble", "^Yes"),
    ("kl", {"kl": None}, "unknown", "not record `kl`"),
    ("kl", {"steps": 2}, "fine", "over the last step"),
    ("loss", {"steps": 2, "loss": 0.7}, "fine", "over the last step, and"),
]


@pytest.mark.parametrize(("name", "columns", "verdict", "words"), CASES)
def test_verdicts(name: str, columns: dict[str, Any], verdict: str, words: str) -> None:
    finding = ask(name, made(**columns), GRPOConfig().to_dict())
    assert finding.verdict == verdict, finding
    assert re.search(words, finding.answer), finding
    assert ask(name, made(**columns)).verdict == verdict  # options add words and no verdict


def test_a_mask_that_takes_everything_out_is_named() -> None:
    frame = made(loss=0.0, grad_norm=0.0, **{CUT: 0.98})
    options = {"mask_truncated_completions": True}
    assert "mask_truncated_completions" in ask("loss", frame, options).answer
    assert "mask_truncated_completions" not in ask("loss", frame).answer


def test_the_length_bias_of_grpo_is_named() -> None:
    frame = made(**{LENGTH: 30 + 220 * T, CUT: 0.8 * T})
    assert "dr_grpo" in ask("length", frame, {"loss_type": "grpo"}).answer
    assert "dr_grpo" not in ask("length", frame, {"loss_type": "dapo"}).answer


def group(accuracy: list[float], form: list[float]) -> Group:
    def one(a: float, f: float, advantage: float) -> Any:
        rewards = {"accuracy_reward": a, "format_reward": f}
        return completion(reward=a + f, rewards=rewards, advantage=advantage)

    sums = np.add(accuracy, form)
    advantages = sums - sums.mean()
    return Group("", {}, [one(*row) for row in zip(accuracy, form, advantages, strict=True)])


def test_groups_say_more_than_means() -> None:
    dead = made(frac_reward_zero_std=1.0, **{ACCURACY: 0.5})
    right, wrong = group([1, 1], [1, 1]), group([0, 0], [0, 0])
    assert "all right" in ask("loss", dead, groups=[right]).answer
    assert "all wrong" in ask("loss", dead, groups=[wrong, Group("", {}, [])]).answer
    hacked = made(**{FORMAT: 0.4 + 0.6 * T, ACCURACY: 0.1})
    finding = ask("format", hacked, groups=[group([0, 0, 0, 0], [1, 0, 0, 0])])
    assert finding.evidence["wrong_but_pushed_up"] == 0.25
    assert "25% of recent recorded completions" in finding.answer


def test_the_shipped_run_is_well() -> None:
    run = Run(data_dir() / "runs" / "countdown-seed0")
    findings = diagnose(run)
    assert [f.verdict for f in findings] == ["fine"] * 5
    by_name = dict(zip(QUESTIONS, findings, strict=True))
    accuracy = run.frame()["rewards/accuracy_reward/mean"].dropna()
    first, last = accuracy.iloc[:20].mean(), accuracy.iloc[-20:].mean()
    assert f"{first:.0%} to {last:.0%}" in by_name["length"].answer
    assert by_name["kl"].evidence["spike_step"] == run.frame()["kl"].idxmax()
    assert by_name["format"].evidence["wrong_but_pushed_up"] <= 0.05
    assert all(f.steps == range(1, 126) for f in findings)
    for finding in findings:
        figures.diagnosis(run.frame(), finding)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_other_shipped_seeds_are_in_no_trouble(seed: int) -> None:
    frame = pd.read_csv(data_dir() / "results" / f"countdown-seed{seed}.csv", index_col="step")
    verdicts = {f.verdict for f in answer_all(frame)}
    assert verdicts <= {"fine", "look"}


def test_a_run_that_is_new_damaged_or_short(tmp_path: Any) -> None:
    path = create_run(tmp_path, "new", GRPOConfig())
    assert {f.verdict for f in diagnose(Run(path))} == {"unknown"}
    assert diagnose(Run(path))[0].to_dict()["steps"] is None
    with RunWriter(path) as writer:
        writer.append(Step(0, {"eval/accuracy": 0.1}))
        assert {f.verdict for f in diagnose(Run(path))} == {"unknown"}
        writer.append(Step(1, {"loss": 0.0, "grad_norm": 0.1}, [group([0, 1], [1, 0])]))
    (path / "config.json").write_text("{")
    first = diagnose(Run(path))[0]
    assert (first.verdict, first.steps, first.to_dict()["steps"]) == ("fine", range(1, 2), [1, 1])


COLUMNS = [*made().columns, "eval/format"]
NUMBERS = st.floats(width=64) | st.sampled_from([0.0, 1.0, -1.0])


@given(
    st.dictionaries(st.sampled_from(COLUMNS), st.lists(NUMBERS, min_size=25, max_size=25)),
    st.integers(0, 25),
    st.integers(0, 2),
    st.fixed_dictionaries(
        {}, optional={"beta": st.none() | st.floats(), "max_completion_length": st.text()}
    ),
)
def test_never_raises(
    columns: dict[str, list[float]], steps: int, start: int, options: dict[str, Any]
) -> None:
    frame = pd.DataFrame(columns, index=range(start, start + 25)).iloc[:steps]
    findings = answer_all(frame, options)
    assert [f.verdict in ("fine", "look", "trouble", "unknown") for f in findings] == [True] * 5
    assert all(f.answer and f.question for f in findings)


def test_the_figure() -> None:
    frame = made(kl=3 * T)
    figure = figures.diagnosis(frame, ask("kl", frame))
    assert [axes.get_title() for axes in figure.axes] == ["kl", "reward", "grad_norm"]
    assert figure.axes[0].get_ylabel() == "nats per token"
    assert all(axes.get_xlabel() == "step" for axes in figure.axes)
    np.testing.assert_allclose(figure.axes[0].get_lines()[0].get_ydata(), frame.kl.dropna())
    assert "Is KL out of hand? Trouble" in figure.get_suptitle()
    with pytest.raises(LabError, match="nothing was recorded"):
        figures.diagnosis(frame, Finding("?", "unknown", "."))
