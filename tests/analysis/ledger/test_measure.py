"""What is counted is what is there, and what arithmetic says; what is measured agrees."""

import contextlib
from pathlib import Path

import pytest
import torch
from mini_model import make_model

from grpo_core.analysis.ledger import LABELS, Work
from grpo_core.analysis.ledger.measure import (
    PHASES,
    Bench,
    Phase,
    Saved,
    held_bytes,
    measure_peaks,
    measured,
    storage_bytes,
)
from grpo_core.analysis.ledger.predict import cache_bytes
from grpo_core.core.errors import LabError
from grpo_core.models.policy import load_policy

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    model = make_model(tmp_path_factory.mktemp("model"))
    return Work(str(model), prompts=2, num_generations=3, completion_length=20, repeats=1)


@pytest.fixture(scope="module")
def ledger(work: Work) -> dict[str, dict]:
    return {method: measured(method, work, count=True) for method in LABELS}


@pytest.mark.parametrize("method", LABELS)
def test_the_prediction_is_what_is_there(ledger: dict[str, dict], method: str) -> None:
    measured, predicted = ledger[method]["bytes"], dict(ledger[method]["predicted"])
    cache = predicted.pop("cache")
    assert predicted == {part: measured[part] for part in predicted}
    assert measured["cache"] >= cache > 0  # a cache has some room, and there are logits beside it


def test_an_untied_model_is_predicted_too(work: Work) -> None:
    policy = load_policy(work.model)
    policy.model.lm_head.weight = torch.nn.Parameter(policy.model.lm_head.weight.clone())
    found = measured("ppo", work, count=True, policy=policy)
    predicted = found["predicted"]
    assert {part: found["bytes"][part] for part in predicted if part != "cache"} == {
        part: size for part, size in predicted.items() if part != "cache"
    }
    assert predicted["critic_parameters"] < predicted["parameters"]


def test_the_work_is_matched(ledger: dict[str, dict]) -> None:
    assert len({found["completions"] for found in ledger.values()}) == 1
    for found in ledger.values():
        assert found["shape"] == {"rows": 6, "prompt_tokens": 11, "completion_tokens": 20}


def test_ppo_trains_twice_as_much_and_a_head(ledger: dict[str, dict]) -> None:
    grpo, ppo = ledger["grpo"]["bytes"], ledger["ppo"]["bytes"]
    head = 33 * 4  # 32 weights and a bias
    for part, extra in (("parameters", head), ("gradients", head), ("optimizer", 2 * head + 8)):
        assert ppo[part] == grpo[part]
        assert ppo[f"critic_{part}"] == grpo[part] + extra


def test_a_step_holds_more_with_a_critic_of_its_own(ledger: dict[str, dict]) -> None:
    assert ledger["ppo"]["saved"] > 1.5 * ledger["ppo_value_head"]["saved"]
    for found in ledger.values():
        assert found["bytes"]["activations"] >= found["saved"] > 0
        assert set(found["peaks"]) == {"sampling", "scoring", "update"}
        assert set(found["seconds"]) == set(PHASES)
        assert min(found["seconds"].values()) >= 0
        # Linux adds up resident pages in batches, a process's peak a little behind
        assert found["rss"]["peak"] > found["rss"]["loaded"] - 2**21 > 0


def test_every_step_does_the_same_work_and_moves_nothing(work: Work) -> None:
    bench = Bench("ppo", work, load_policy(work.model))
    before = [p.clone() for p in bench.policy.model.parameters()]
    first, second = (bench.step(lambda _: contextlib.nullcontext()) for _ in range(2))
    assert torch.equal(first.completion_ids, second.completion_ids)
    pairs = zip(before, bench.policy.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    # though there was something to learn: no row is skipped
    assert all(p.grad is not None and p.grad.any() for p in bench.policy.model.parameters())
    assert held_bytes(bench.learner)["critic_optimizer"] > 0


def test_phases_add_up_to_the_step(work: Work) -> None:
    import time

    from grpo_core.analysis.ledger.measure import Clock

    bench = Bench("grpo_reference", work, load_policy(work.model))
    clock = Clock(bench.learner)
    started = time.perf_counter()
    bench.step(clock.phase)
    took = time.perf_counter() - started
    assert 0.8 * took < sum(clock.seconds.values()) <= took
    assert min(clock.seconds.values()) > 0
    clock.close()
    seconds = dict(clock.seconds)
    bench.step(lambda _: contextlib.nullcontext())
    assert clock.seconds == seconds


def test_the_peak_is_that_of_the_allocator() -> None:
    weight = torch.nn.Parameter(torch.zeros(1_000_000))
    weight.grad = torch.zeros(1_000_000)

    def step(phase: Phase) -> str:
        with phase("first"):
            a = torch.zeros(1_000_000)
            b = a + 1  # two more than there were
            del a
            c = b + 1  # two more again
        with phase("second"):
            weight.grad = None  # one more is left
            del b  # and now none
            d = torch.zeros(500_000)
        del c, d
        return "done"

    result, peaks = measure_peaks(CPU, step, [weight])
    assert result == "done"
    assert 8_000_000 <= peaks["first"] < 8_100_000
    assert 4_000_000 <= peaks["second"] < 4_100_000


def test_what_is_kept_for_the_backward_pass() -> None:
    x = torch.ones(1_000, requires_grad=True)
    saved = Saved([x])
    with saved.hooks():
        y = x.exp()  # keeps its result
        z = (y * y).sum()  # the same storage, twice
        z.backward()
        first = saved.peak
        x.exp().sum().backward()  # after the first graph is gone
    assert first == saved.peak == 4_000
    assert x.grad is not None and x.grad[0] == pytest.approx(2 * torch.e**2 + torch.e)


def test_a_storage_counts_once() -> None:
    x = torch.zeros(10)
    assert storage_bytes([x, x[:5], x.view(2, 5), torch.zeros(1)]) == 44


def test_an_unknown_model(work: Work) -> None:
    with pytest.raises(LabError, match="Cannot load the model 'nothing-here'"):
        measured("grpo", Work("nothing-here"), count=False)


def test_cache_of_the_mini_model(ledger: dict[str, dict]) -> None:
    expected = cache_bytes(layers=1, kv_heads=2, head_dim=16, rows=6, positions=30)
    assert ledger["grpo"]["predicted"]["cache"] == expected


def test_more_prompts_than_there_are(work: Work) -> None:
    many = Work(work.model, prompts=1_000)
    with pytest.raises(LabError, match="prompts must be at most"):
        Bench("grpo", many, load_policy(str(Path(work.model))))
