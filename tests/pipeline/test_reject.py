"""Rejection sampling: only what is right, all of it accounted for, and the same after a kill."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from mini_model import make_model
from small_policy import make_samples

from grpo_core.core.errors import LabError
from grpo_core.pipeline import reject as module
from grpo_core.pipeline.config import RejectConfig
from grpo_core.pipeline.progress import Progress
from grpo_core.pipeline.reject import SAMPLES, chosen, reject
from grpo_core.pipeline.select import FATES, KEPT, unreadable
from grpo_core.pipeline.traces import FILE, read_traces
from grpo_core.rewards import RewardSum
from grpo_core.rewards.format import parse
from grpo_core.tasks import Problem, Task, columns_of, get_task
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.rollout import Rollout


def sampled_by_rule(
    policy: Any,
    task: Task,
    problems: list[Problem],
    rewards: RewardSum,
    size: int,
    *,
    generator: torch.Generator,
    **_: Any,
) -> Rollout:
    """Completions that are right, wrong, malformed or German, as the generator has it."""
    luck = random.Random(int(torch.randint(2**31, (1,), generator=generator)))
    rows = [p for p in problems for _ in range(size)]
    texts = []
    for problem in rows:
        tries = Countdown().candidates(tuple(problem.columns["numbers"]))
        hits = [c for c in tries if c.value == problem.columns["target"]]
        c = luck.choice(hits if luck.random() < 0.5 else tries)
        say = luck.choice(["yes", "yes", "ja"])
        end = luck.choice([" </answer>", " </answer>", ""])
        texts.append(f"<think> {c} {say} </think> <answer> {c.expression}{end}")
    parts, totals = rewards([p.prompt for p in rows], texts, **columns_of(task, rows))
    return Rollout(
        problems,
        make_samples([len(t.split()) + 1 for t in texts]),
        texts,
        parts,
        rewards.weights,
        torch.tensor(totals, dtype=torch.float64).view(-1, size),
    )


@pytest.fixture
def by_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", sampled_by_rule)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_model(tmp_path_factory.mktemp("mini")))


def config(model: str, **options: object) -> RejectConfig:
    base = RejectConfig(model, problems=40, num_generations=6, most_per_problem=2, threads=1)
    return dataclasses.replace(base, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("by_rule")
def test_only_right_and_readable_traces_are_kept_and_nothing_is_lost(
    model: str, tmp_path: Path
) -> None:
    record = reject(tmp_path / "out", config(model))
    task = get_task("countdown")
    columns = {p.prompt: p.columns for p in task.problems("train")}
    traces = read_traces(tmp_path / "out")
    assert len(traces) == record["kept"] > 20
    for trace in traces:
        answer = parse(trace.completion).answer
        assert answer and task.verify(answer, **columns[trace.prompt])
        assert not unreadable(trace.completion)
    by_prompt = [t.prompt for t in traces]
    assert max(map(by_prompt.count, by_prompt)) <= 2
    assert record["solved"] == len(set(by_prompt)) and record["problems"] == 40
    assert len({(t.prompt, t.completion) for t in traces}) == len(traces)
    lines = [json.loads(line) for line in (tmp_path / "out" / SAMPLES).read_text().splitlines()]
    fates = [fate for line in lines for fate in line["fates"]]
    assert len(fates) == record["sampled"] == 240 == sum(record["fates"].values())
    assert set(fates) <= set(FATES) and fates.count(KEPT) == record["kept"]
    assert record["tokens"] == sum(sum(line["tokens"]) for line in lines)


class Killed(Exception):
    pass


@pytest.mark.usefixtures("by_rule")
@pytest.mark.parametrize("torn", [b"", b'{"prompt": "half a l', b'{"prompt": "x"}\n'])
def test_killed_between_batches_it_ends_the_same(model: str, tmp_path: Path, torn: bytes) -> None:
    whole = reject(tmp_path / "whole", config(model))

    def kill(progress: Progress) -> None:
        if progress.done == 32:
            raise Killed

    with pytest.raises(Killed):
        reject(tmp_path / "cut", config(model), kill)
    with (tmp_path / "cut" / SAMPLES).open("ab") as file:
        file.write(torn)  # killed in the middle of writing
    seen: list[int] = []
    cut = reject(tmp_path / "cut", config(model), lambda p: seen.append(p.done))
    assert seen == [40], "what was sampled is not sampled again"
    for name in (FILE, SAMPLES):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert {**cut, "seconds": 0} == {**whole, "seconds": 0}


@pytest.mark.usefixtures("by_rule")
def test_the_seed_decides_problems_and_samples(model: str, tmp_path: Path) -> None:
    texts = [
        (reject(tmp_path / name, config(model, seed=seed)), (tmp_path / name / FILE).read_text())[1]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert texts[0] == texts[1] != texts[2]
    task = get_task("countdown")
    assert len(chosen(task, config(model, problems=0))) == len(task.problems("train"))


def test_a_model_that_is_never_right_gives_no_traces_and_one_sentence(
    model: str, tmp_path: Path
) -> None:
    with pytest.raises(LabError, match="None of 32 completions was right"):
        reject(tmp_path / "out", config(model, problems=8, num_generations=4))


def test_what_cannot_work_is_one_sentence(model: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="Cannot load the model"):
        reject(tmp_path / "a", config(str(tmp_path / "nowhere")))
    with pytest.raises(LabError, match="Unknown task"):
        reject(tmp_path / "b", config(model, task="chess"))
    with pytest.raises(LabError, match="Unknown split 'exam'"):
        config(model, split="exam")
    with pytest.raises(LabError, match="above 0"):
        config(model, most_per_problem=0)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.tex").touch()
    with pytest.raises(LabError, match="holds something else"):
        reject(tmp_path / "c", config(model))
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["thesis.tex"]


@pytest.mark.usefixtures("by_rule")
def test_a_full_disk_is_said_and_the_same_command_goes_on(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == SAMPLES:
            raise OSError(28, "No space left on device")
        return real(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(LabError, match="No space left"):
            reject(tmp_path / "out", config(model))
    assert reject(tmp_path / "out", config(model))["finished"]


@pytest.mark.usefixtures("by_rule")
def test_damaged_samples_are_said(model: str, tmp_path: Path) -> None:
    def kill(progress: Progress) -> None:
        raise Killed

    with pytest.raises(Killed):
        reject(tmp_path / "cut", config(model), kill)
    path = tmp_path / "cut" / SAMPLES
    path.write_bytes(b"rubbish\n" + path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(LabError, match=r"is damaged\. Delete it"):
        reject(tmp_path / "cut", config(model))
