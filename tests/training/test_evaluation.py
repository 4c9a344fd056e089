"""Measuring a policy: the numbers are those of its completions, and repeat."""

import pytest

from grpo_core.models.policy import Policy
from grpo_core.models.pretrain import PretrainConfig, build_model
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.tasks import columns_of
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.evaluation import evaluate
from grpo_core.training.sampling import Samples

TASK = Countdown()


@pytest.fixture(scope="module")
def policy() -> Policy:
    model = build_model(PretrainConfig(hidden_size=32, layers=1, heads=2, feed_forward=32))
    return Policy(model, build_tokenizer())


def _scripted(monkeypatch, policy: Policy, replies: list[str]) -> None:
    """Let the policy answer with `replies`, in turn; the last one is cut off."""
    import torch

    def sample(policy, prompts, num_generations, **options) -> Samples:
        rows = [policy.tokenizer(r)["input_ids"][1:] for r in replies[: len(prompts)]]
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        cut = torch.arange(len(rows)) == len(rows) - 1
        return Samples(*(ids[:, :0], ids[:, :0].bool(), ids, lengths, cut, torch.zeros(ids.shape)))

    monkeypatch.setattr("grpo_core.training.evaluation.sample_groups", sample)


def test_the_figures_are_those_of_the_completions(policy: Policy, monkeypatch) -> None:
    problem = TASK.problems("test")[0]
    right = next(
        c.expression
        for c in TASK.candidates(tuple(problem.columns["numbers"]))
        if c.value == problem.columns["target"]
    )
    replies = [
        f"<think> no no yes </think> <answer> {right} </answer>",
        f"<answer> {right} </answer>",
        "1 + 1 no",
        "no",
    ]
    monkeypatch.setattr(Countdown, "problems", lambda self, split: [problem] * 4)
    _scripted(monkeypatch, policy, replies)
    assert evaluate(policy, Countdown(largest=12), n=99) == {
        "accuracy": 0.5,
        "format": 0.25,
        "mean_length": sum(len(r.split()) for r in replies) / 4,
        "backtracks": 1.0,
        "truncated": 0.25,
        "n": 4,
    }


def test_the_same_seed_measures_the_same_and_batches_change_nothing(policy: Policy) -> None:
    first = evaluate(policy, TASK, n=6, max_completion_length=12)
    assert first == evaluate(policy, TASK, n=6, max_completion_length=12)
    assert first["n"] == 6
    seen: list[tuple[int, int]] = []
    evaluate(
        policy, TASK, n=6, max_completion_length=4, batch_size=4,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(4, 6), (6, 6)]


def test_columns_name_the_task_and_have_an_entry_a_problem() -> None:
    problems = TASK.problems("test")[:3]
    columns = columns_of(TASK, problems)
    assert columns["task"] == ["countdown"] * 3
    assert columns["target"] == [p.columns["target"] for p in problems]
