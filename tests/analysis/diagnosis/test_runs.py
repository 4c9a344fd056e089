"""Asked after every step, as one who watches does: quiet on runs that are well, loud on others.

The healthy runs are the shipped ones and those of other methods; the broken ones were trained to
fail (make_runs.py), each in its own way.
"""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_runs import BROKEN, HEALTHY, config_of

from grpo_core.analysis.diagnosis import QUESTIONS, Finding, answer_all, diagnose
from grpo_core.core.config import GRPOConfig
from grpo_core.core.paths import data_dir
from grpo_core.core.records import Group
from grpo_core.runs import Run

HERE = Path(__file__).parent
SHIPPED = sorted((data_dir() / "results").glob("countdown-seed*.csv"))
MADE = {path.stem: path for path in sorted((HERE / "runs").glob("*.csv"))}


@cache
def asked(path: Path) -> list[dict[str, Finding]]:
    """Each step's findings, from the first on."""
    frame = pd.read_csv(path, index_col="step")
    options = GRPOConfig().to_dict() if path.stem not in MADE else config_of(path.stem).to_dict()
    return [
        dict(zip(QUESTIONS, answer_all(frame[frame.index <= step], options), strict=True))
        for step in frame.index
        if step > 0
    ]


def verdicts(path: Path, question: str) -> list[str]:
    return [findings[question].verdict for findings in asked(path)]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_shipped_run_is_never_called_anything_but_fine(path: Path, question: str) -> None:
    found = verdicts(path, question)
    assert len(found) == 125
    early = found.count("unknown")
    assert early <= 8 and found == ["unknown"] * early + ["fine"] * (125 - early)


def test_the_words_beside_a_shipped_run_change_rarely() -> None:
    for path in SHIPPED:
        for question in QUESTIONS:
            said = [findings[question].headline for findings in asked(path)]
            changes = sum(a != b for a, b in pairwise(said))
            assert changes <= 12, (path.stem, question, changes)


def test_the_recorded_groups_change_no_verdict() -> None:
    run = Run(data_dir() / "runs" / "countdown-seed0")
    assert [f.verdict for f in diagnose(run)] == ["fine"] * 5


@pytest.mark.parametrize("name", HEALTHY)
def test_another_method_that_learns_is_not_called_anything_else_either(name: str) -> None:
    for question in QUESTIONS:
        found = verdicts(MADE[name], question)
        assert set(found) <= {"fine", "unknown"}, (question, found)
    last = asked(MADE[name])[-1]
    assert last["reward"].verdict == "fine" and "rose" in last["reward"].answer


# name, question, the verdict at the end, words of it, the step by which it is said for good
FAILURES = [
    ("beta-too-large", "reward", "trouble", "A beta of 20 holds", 14),
    ("all-rewards-tie", "loss", "trouble", "all their rewards tie.*all wrong", 1),
    ("all-rewards-tie", "reward", "trouble", "all wrong", 9),
    ("all-rewards-tie", "length", "trouble", "cut off at the limit of 4 tokens", 1),
    ("format-weight-10", "format", "trouble", "Lower its weight of 10", 35),
    ("kl-blow-up", "kl", "trouble", "the reward fell with it", 4),
    ("kl-blow-up", "reward", "trouble", "it fell", 9),
    ("kl-blow-up", "length", "trouble", "cut off", 6),
    ("learning-rate-zero", "reward", "trouble", "learning rate is 1e−12", 1),
    ("length-collapse", "length", "trouble", "Length collapsed", 20),
    ("length-explosion", "length", "trouble", "cut off at the limit of 256", 8),
]


@pytest.mark.parametrize(("name", "question", "verdict", "words", "by"), FAILURES)
def test_a_broken_run_is_called_so(
    name: str, question: str, verdict: str, words: str, by: int
) -> None:
    found = asked(MADE[name])
    last = found[-1][question]
    assert last.verdict == verdict and re.search(words, last.answer), last
    assert {findings[question].verdict for findings in found[by - 1 :]} == {verdict}


def test_every_run_made_to_fail_is_tested() -> None:
    assert {name for name, *_ in FAILURES} == set(BROKEN)
    assert set(MADE) == {*BROKEN, *HEALTHY}


# --- what other methods record ---------------------------------------------------------------


def frame(steps: int = 40, **columns: object) -> pd.DataFrame:
    rising = [i / steps for i in range(steps)]
    made = {
        "reward": rising,
        "rewards/accuracy_reward/mean": rising,
        "rewards/format_reward/mean": rising,
        "loss": 0.0,
        "grad_norm": 0.2,
        "learning_rate": 3e-4,
        "frac_reward_zero_std": 0.1,
        "completions/mean_length": 40.0,
        "completions/clipped_ratio": 0.0,
        "kl": 0.01,
    }
    kept = {k: v for k, v in (made | columns).items() if v is not None}
    return pd.DataFrame(kept, index=pd.RangeIndex(1, steps + 1))


def answers(data: pd.DataFrame, groups: list[Group] | None = None, **options: object) -> dict:
    config = GRPOConfig().to_dict() | options
    return dict(zip(QUESTIONS, answer_all(data, config, groups or []), strict=True))


def test_ties_say_nothing_where_a_critic_compares() -> None:
    tied = frame(frac_reward_zero_std=1.0)
    assert answers(tied)["loss"].verdict == "trouble"
    for scale in ("gae", "process"):
        assert answers(tied, scale_rewards=scale)["loss"].verdict == "fine"
    lone = frame(frac_reward_zero_std=None)  # a critic needs no groups
    finding = answers(lone, scale_rewards="gae")["loss"]
    assert finding.verdict == "fine" and "critic's advantages are whitened" in finding.answer
    assert "a group's advantages" in answers(lone)["loss"].answer


def test_a_kl_taken_off_the_reward_is_not_a_reward_that_falls() -> None:
    earned = [0.2 + 0.01 * i for i in range(40)]
    remains = [value - 0.03 * i for i, value in enumerate(earned)]
    data = frame(
        **{
            "reward": remains,
            "rewards/accuracy_reward/mean": earned,
            "rewards/format_reward/mean": 0.0,
            "kl": [0.01 * i for i in range(40)],
        }
    )
    taken = answers(data, use_kl_in_reward=True, beta=0.05)
    assert (taken["reward"].verdict, taken["kl"].verdict) == ("look", "look")
    assert "the KL that is taken off it grew" in taken["reward"].answer
    plain = answers(data)
    assert (plain["reward"].verdict, plain["kl"].verdict) == ("trouble", "trouble")


def test_beta_0_has_no_reference() -> None:
    without = answers(frame(kl=None), beta=0.0)["kl"]
    assert without.verdict == "unknown" and "no reference is consulted" in without.answer
    assert "not recorded" in answers(frame(kl=None), beta=0.1)["kl"].answer
    moved = answers(frame(), sync_ref_model=True)["kl"]
    assert "as it was last moved" in moved.answer


def test_dynamic_sampling_that_throws_most_away() -> None:
    options = {"dynamic_sampling": "reward", "generation_batch_size": 128, "num_generations": 16}
    drawn = {"dynamic_sampling/groups": 40.0, "dynamic_sampling/rounds": 4.0}
    wasteful = answers(frame(frac_reward_zero_std=0.0, **drawn), **options)["loss"]
    assert wasteful.verdict == "look" and "80% of the groups" in wasteful.answer
    few = answers(frame(frac_reward_zero_std=0.0, **drawn | {"dynamic_sampling/groups": 12.0}))
    assert few["loss"].verdict == "fine"
    unfilled = answers(frame(frac_reward_zero_std=1.0, **drawn), **options)["loss"]
    assert unfilled.verdict == "trouble"
    assert "drew 40 groups a step and found no better ones" in unfilled.answer


def test_a_format_that_earns_nothing_cannot_be_hacked() -> None:
    hacked = frame(**{"rewards/accuracy_reward/mean": 0.1})
    assert answers(hacked)["format"].verdict == "trouble"
    assert answers(hacked, reward_weights=[1.0, 0.0])["format"].verdict == "fine"


@given(st.floats(0.5, 100), st.floats(0, 0.019))
def test_beta_is_blamed_only_where_it_is_large_and_the_policy_near(beta: float, kl: float) -> None:
    flat = {"reward": 0.3, "rewards/accuracy_reward/mean": 0.3}
    assert "holds the policy" in answers(frame(**flat, kl=kl), beta=beta)["reward"].answer
    assert "holds" not in answers(frame(**flat, kl=kl), beta=beta / 250)["reward"].answer
    assert "holds" not in answers(frame(**flat, kl=kl + 0.021), beta=beta)["reward"].answer


@pytest.mark.parametrize("data", [frame(3), frame()])
def test_it_reads_well_in_a_terminal_and_a_notebook(data: pd.DataFrame) -> None:
    found = answer_all(data)
    text = str(found)
    assert text == repr(found) and text.count("\n        see ") == 5
    for finding in found:
        assert finding.question in text and finding.answer in text
        assert str(finding) in text
    html = found._repr_html_()
    assert html.count("<tr>") == 6 and "Is KL out of hand?" in html
    evil = Finding("<script>1</script>", "look", "<img src=x onerror=1>", {}, ["</code><b>"])
    shown = evil._repr_html_()
    assert "<script" not in shown and "<img" not in shown and "</code><b>" not in shown
    assert "&lt;script&gt;" in shown
