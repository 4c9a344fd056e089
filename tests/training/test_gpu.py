"""The same code on a GPU: what is sampled and learned there is what a CPU would have."""

import pytest
import torch
from small_policy import make_policy, sample

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy, find_device, load_policy
from grpo_core.training.forward import forward
from grpo_core.training.trainer import Trainer


def test_auto_is_what_there_is() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert find_device("auto").type == expected
    assert load_policy("tiny", "cpu").device.type == "cpu"


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "xpu", ""])
def test_a_device_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(LabError, match=f"There is no device '{name}' here"):
        find_device(name)


@pytest.mark.gpu
def test_sampling_and_log_probs_on_a_gpu() -> None:
    here = make_policy()
    there = Policy(make_policy().model.to("cuda"), here.tokenizer)
    ours, theirs = sample(here), sample(there)
    assert torch.equal(ours.completion_ids, theirs.completion_ids)
    rows = torch.arange(len(ours.lengths))
    a, b = (forward(policy, ours, rows, temperature=1.0) for policy in (here, there))
    mask = ours.mask
    torch.testing.assert_close(a.logprobs[mask], b.logprobs[mask], rtol=1e-3, atol=1e-3)
    b.logprobs[mask].sum().backward()
    assert all(p.grad is not None for p in there.model.parameters())


@pytest.mark.gpu
@pytest.mark.parametrize("bf16", [False, True])
def test_a_run_on_a_gpu(bf16: bool) -> None:
    config = GRPOConfig(max_steps=2, device="cuda", bf16=bf16, eval_size=8)
    steps = list(Trainer(config))
    assert [step.index for step in steps] == [0, 1, 2]
    assert all(torch.isfinite(torch.tensor(list(step.metrics.values()))).all() for step in steps)
