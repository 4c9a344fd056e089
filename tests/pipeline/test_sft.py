"""Fine-tuning: the loss falls, only on completions, and an interrupted one ends the same."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from mini_model import make_model
from small_policy import make_policy

from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy, load_policy
from grpo_core.pipeline.config import SFTConfig
from grpo_core.pipeline.progress import Progress
from grpo_core.pipeline.sft import MODEL, Tuner, loss_of, sft, tokens_of
from grpo_core.pipeline.traces import FILE, Trace, write_traces
from grpo_core.pipeline.writers import cold_start
from grpo_core.tasks import get_task
from grpo_core.tasks.languages import translated

TRACES = [
    Trace(t.prompt, translated(t.completion, "en"), t.task)  # a mini model knows no German
    for t in cold_start(get_task("countdown"), 12, seed=3)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_model(tmp_path_factory.mktemp("mini")))


@pytest.fixture
def traces(tmp_path: Path) -> str:
    write_traces(tmp_path / FILE, TRACES)
    return str(tmp_path / FILE)


def config(model: str, traces: str, **options: object) -> SFTConfig:
    base = SFTConfig(model, (traces,), 3, 4, learning_rate=1e-2, save_steps=2, threads=1)
    return dataclasses.replace(base, **options)  # type: ignore[arg-type]


def plain_loss(policy: Policy, traces: list[Trace]) -> float:
    """Nats a completion token, by the plain formula on unpadded rows."""
    total, count = 0.0, 0
    for trace in traces:
        prompt = policy.tokenizer(trace.prompt)["input_ids"]
        completion = policy.tokenizer(trace.completion, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[*prompt, *completion, policy.eos_ids[0]]])
        with torch.no_grad():
            logprobs = policy.model(input_ids=ids).logits.log_softmax(-1)
        for position in range(len(prompt), ids.shape[1]):
            total -= float(logprobs[0, position - 1, ids[0, position]])
            count += 1
    return total / count


def test_the_loss_is_the_plain_one_and_falls(model: str, traces: str, tmp_path: Path) -> None:
    before = load_policy(model)
    one_step = config(model, traces, per_device_train_batch_size=12)
    record = sft(tmp_path / "sft", one_step)
    assert record["losses"][0] == pytest.approx(plain_loss(before, TRACES), abs=1e-3)
    after = load_policy(str(tmp_path / "sft" / MODEL))
    assert plain_loss(after, TRACES) < plain_loss(before, TRACES) - 0.2
    assert loss_of(after, tokens_of(after, TRACES)) == pytest.approx(
        plain_loss(after, TRACES), abs=1e-4
    )
    assert record["steps"] == 3 == len(record["losses"]) and record["traces"] == {"countdown": 12}
    tokens = [len(t.completion.split()) + 1 for t in TRACES]
    assert record["completion_tokens"] == 3 * sum(tokens)
    prompts = sum(len(t.prompt.split()) + 1 for t in TRACES)
    assert record["forward_tokens"] == 3 * (sum(tokens) + prompts)


def test_prompts_are_read_and_not_learned() -> None:
    """The gradient is that of the plain loss with -100 on prompts, and not that without."""
    policy = make_policy()
    trace = TRACES[0]
    data = tokens_of(policy, [trace])
    Tuner(
        policy, data, SFTConfig("none", ("none",), learning_rate=1e-9, max_grad_norm=1e9)
    ).update()
    ours = [p.grad.clone() for p in policy.model.parameters()]
    prompt = data.prompt_ids[0]
    ids = torch.cat([prompt, data.completion_ids[0]])[None]
    gradients = {}
    for what, first in (("completion", len(prompt)), ("everything", 0)):
        labels = ids.clone()
        labels[:, :first] = -100
        policy.model.zero_grad()
        policy.model(input_ids=ids, labels=labels).loss.backward()
        gradients[what] = [p.grad.clone() for p in policy.model.parameters()]
    for one, plain in zip(ours, gradients["completion"], strict=True):
        torch.testing.assert_close(one, plain, atol=1e-5, rtol=1e-3)
    apart = [(a - b).norm() for a, b in zip(ours, gradients["everything"], strict=True)]
    assert max(apart) > 0.1 * max(g.norm() for g in ours)


def test_micro_batches_and_padding_change_nothing(model: str) -> None:
    gradients = []
    for most in (20_000, 60):
        policy = load_policy(model)
        tuner = Tuner(
            policy,
            tokens_of(policy, TRACES),
            SFTConfig(model, ("none",), 1, 12, max_tokens_per_forward=most, max_grad_norm=1e9),
        )
        tuner.update()
        gradients.append([p.grad.clone() for p in policy.model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [1, 4, 7])
def test_killed_at_any_step_it_ends_the_same_bit_for_bit(
    model: str, traces: str, tmp_path: Path, at: int
) -> None:
    whole = sft(tmp_path / "whole", config(model, traces))

    def kill(progress: Progress) -> None:
        if progress.done == at:
            raise Killed

    with pytest.raises(Killed):
        sft(tmp_path / "cut", config(model, traces), kill)
    assert not (tmp_path / "cut" / MODEL).exists()
    cut = sft(tmp_path / "cut", config(model, traces))
    assert cut["losses"] == whole["losses"]
    weights = [
        load_policy(str(tmp_path / name / MODEL)).model.state_dict() for name in ("whole", "cut")
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not (tmp_path / "cut" / "last.pt").exists()
    # done is done: nothing is loaded again
    (tmp_path / FILE).unlink()
    assert sft(tmp_path / "cut", config(model, traces)) == cut


def test_every_trace_comes_once_an_epoch() -> None:
    policy = make_policy()
    tuner = Tuner(policy, tokens_of(policy, TRACES), SFTConfig("none", ("none",), 2, 5))
    assert tuner.steps == 6
    for epoch in (0, 1):
        rows = [r for step in range(3) for r in tuner._rows(3 * epoch + step).tolist()]
        assert sorted(rows) == list(range(12))
    assert tuner._rows(0).tolist() != tuner._rows(3).tolist()


def test_what_cannot_work_is_one_sentence(model: str, traces: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="Cannot load the model"):
        sft(tmp_path / "a", config(str(tmp_path / "none"), traces))
    with pytest.raises(LabError, match="no traces"):
        sft(tmp_path / "b", config(model, str(tmp_path / "none.jsonl")))
    for completion, says in (("schnell", "does not know a word"), ("7 " * 600, "can read 512")):
        path = tmp_path / "bad.jsonl"
        write_traces(path, [Trace("Check 12 :", completion, "x")])
        with pytest.raises(LabError, match=says):
            sft(tmp_path / says[:4], config(model, str(path)))
    sft(tmp_path / "taken", config(model, traces))
    with pytest.raises(LabError, match=r"other settings \(learning_rate\)"):
        sft(tmp_path / "taken", config(model, traces, learning_rate=1e-3))
    with pytest.raises(LabError, match="above 0"):
        config(model, traces, num_train_epochs=0)


def test_a_damaged_checkpoint_and_changed_traces(model: str, traces: str, tmp_path: Path) -> None:
    def kill(progress: Progress) -> None:
        if progress.done == 4:
            raise Killed

    folder = tmp_path / "cut"
    with pytest.raises(Killed):
        sft(folder, config(model, traces), kill)
    write_traces(Path(traces), TRACES[::-1])
    with pytest.raises(LabError, match="traces have changed"):
        sft(folder, config(model, traces))
    (folder / "last.pt").write_bytes(b"rubbish")
    with pytest.raises(LabError, match=r"last\.pt is damaged"):
        sft(folder, config(model, traces))


def test_a_full_disk_is_said_and_the_same_command_goes_on(
    model: str, traces: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr(Policy, "save", full)
        with pytest.raises(LabError, match="No space left"):
            sft(tmp_path / "sft", config(model, traces))
    assert not json.loads((tmp_path / "sft" / "record.json").read_text())["finished"]
    assert sft(tmp_path / "sft", config(model, traces))["finished"]
