"""The loop of lesson 07: the right one is the Trainer's, and the broken ones are broken."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grpo_core.core.config import GRPOConfig
from grpo_core.course.toys import loop_variants
from grpo_core.course.toys.loop_variants import LOOPS
from grpo_core.models.policy import Policy, load_policy
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.sampling import Samples, sample_groups
from grpo_core.training.trainer import Trainer

TASK = Countdown()
SMALL = {"prompts": 2, "size": 4, "most_tokens": 48}


@pytest.fixture
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy("tiny")


def first_steps(name: str, steps: int = 2) -> list[dict[str, float]]:
    torch.set_num_threads(1)
    return list(
        loop_variants.train(load_policy("tiny"), TASK, LOOPS[name], steps=steps, seed=3, **SMALL)
    )


def drawn(policy: Policy, temperature: float = 1.0) -> Samples:
    return sample_groups(
        policy,
        [problem.prompt for problem in TASK.problems("train")[:2]],
        4,
        max_completion_length=48,
        temperature=temperature,
        generator=torch.Generator().manual_seed(0),
    )


def test_the_right_loop_is_the_trainers() -> None:
    config = GRPOConfig(
        seed=3, num_generations=4, generation_batch_size=8, max_completion_length=48,
        max_steps=2, eval_steps=0, eval_size=1, threads=1,
    )  # fmt: skip
    theirs = [step.metrics for step in Trainer(config) if step.groups]
    for ours, metrics in zip(first_steps("right"), theirs, strict=True):
        assert ours["loss"] == pytest.approx(metrics["loss"], abs=1e-4)
        assert ours["grad_norm"] == pytest.approx(metrics["grad_norm"], rel=1e-2)
        assert ours["accuracy"] == metrics["rewards/accuracy_reward/mean"]
        assert ours["length"] == pytest.approx(metrics["completions/mean_length"])


def test_problems_come_in_the_trainers_order() -> None:
    trainer = Trainer(GRPOConfig(seed=5, eval_size=1, threads=1))
    ours = loop_variants.draw_problems(TASK, trainer.config.prompts_per_step, 200, seed=5)
    for step, problems in enumerate(ours, start=1):
        trainer.step_index = step
        assert [p.prompt for p in problems] == [p.prompt for p in trainer._next_problems()]


def test_only_a_loop_without_the_temperature_starts_off_the_ratio_of_one() -> None:
    for name in LOOPS:
        off = first_steps(name, steps=1)[0]["off"]
        assert off > 0.02 if name == "C" else off < 1e-4, name


def touched(policy: Policy, samples: Samples, mask_of: Callable[[Tensor, int], Tensor]) -> Tensor:
    """(B, T) bool: the tokens whose log-probs a loop with this mask has a gradient for."""
    seen: list[Tensor] = []

    def watched(*arguments: object) -> Tensor:
        logprobs = loop_variants.scored(*arguments)  # type: ignore[arg-type]
        if logprobs.requires_grad:
            logprobs.retain_grad()
            seen.append(logprobs)
        return logprobs

    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]] * 2)
    suspect = replace(LOOPS["right"], mask=mask_of, logprobs=watched, beta=0.0)
    loop_variants._backward(suspect, policy, policy.frozen_copy(), samples, rewards)
    found = torch.zeros_like(samples.mask)
    for number, logprobs in enumerate(seen):
        assert logprobs.grad is not None
        found[number * 4 : number * 4 + 4, : logprobs.shape[1]] = logprobs.grad != 0
    return found


def test_what_each_mask_leaves_out(policy: Policy) -> None:
    samples = drawn(policy)
    end = samples.completion_ids == policy.eos_ids[0]
    assert (~samples.truncated).sum() >= 4  # there are ends to be left out
    right = touched(policy, samples, LOOPS["right"].mask)
    assert torch.equal(right, samples.mask)
    shifted = touched(policy, samples, LOOPS["B"].mask)
    assert not shifted[:, 0].any() and (shifted & ~samples.mask).any()  # one token behind the end
    assert torch.equal((shifted & samples.mask)[:, 1:], samples.mask[:, 1:])
    endless = touched(policy, samples, LOOPS["D"].mask)
    assert torch.equal(endless, samples.mask & ~end)


def test_advantages_that_are_not_detached_add_a_gradient(policy: Policy) -> None:
    samples = drawn(policy)
    rows = torch.arange(8)
    logprobs = loop_variants.scored(policy, samples, rows, 1.0).detach()
    # a reference that is elsewhere
    ref = logprobs + 0.1 * torch.randn(logprobs.shape, generator=torch.Generator().manual_seed(1))
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]] * 2)
    values = []
    for name in ("right for A", "A"):
        leaf = logprobs.clone().requires_grad_()
        advantages = LOOPS[name].advantages(rewards, leaf, ref, samples.mask, 0.02)
        assert advantages.requires_grad is (name == "A")
        values.append(advantages.detach())
    assert torch.equal(*values)  # no value tells them apart


def test_a_record_holds_what_was_done(policy: Policy) -> None:
    samples, rows = drawn(policy), torch.arange(4, 8)
    logprobs = loop_variants.scored(policy, samples, rows, 1.0)
    push = torch.arange(logprobs.numel(), dtype=torch.float32).view_as(logprobs)
    problem = TASK.problems("train")[1]
    group = loop_variants.as_group(
        policy,
        problem,
        samples,
        rows,
        parts={"accuracy_reward": [0.0] * 6 + [1.0, 0.0]},
        rewards=[0.0] * 6 + [1.0, 0.0],
        advantages=torch.arange(8.0),
        logprobs=logprobs,
        push=push,
    )
    assert group.prompt == problem.prompt and len(group.completions) == 4
    assert group.rewards.tolist() == [0, 0, 1, 0] and group.advantages.tolist() == [4, 5, 6, 7]
    for place, c in enumerate(group.completions):
        assert len(c.tokens) == len(c) == int(samples.lengths[4 + place])
        assert c.ratio == pytest.approx(1.0, abs=1e-4)
        assert c.push is not None and c.push[0] == push[place, 0]
        assert c.truncated == bool(samples.truncated[4 + place])
