"""One method measured in this process: bytes counted and measured, seconds measured.

    python -m grpo_core.analysis.ledger.measure METHOD '{"model": "tiny", ...}' [--count]

prints one JSON object as its last line: what `measured` returns, or {"error": sentence}. It is a
process of its own because a process has one peak of resident memory, and never forgets it.

Bytes are found in three ways, so that each can be held against the others:

1. Counted: the tensors that exist, by numel() * element_size(); a storage counts once.
2. Measured by torch: every allocation between the beginning and the end of a phase, from
   torch.profiler on a CPU and from torch.cuda's own counters on a GPU. Its highest sum is the peak.
3. Measured by the system: resident memory, which has Python, torch and free lists in it too.

Where numbers are counted nothing is timed: both slow each other down.
"""

import contextlib
import hashlib
import json
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psutil  # type: ignore[import-untyped]
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile, record_function

from grpo_core.algorithm.variant import Variant
from grpo_core.analysis.ledger import Work
from grpo_core.analysis.ledger.predict import Weights, cache_bytes, predict
from grpo_core.core.errors import LabError
from grpo_core.core.machine import peak_rss
from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy, load_policy
from grpo_core.tasks import get_task
from grpo_core.training.credit import assign_credit
from grpo_core.training.rollout import Rollout
from grpo_core.training.sampling import Samples, sample_groups
from grpo_core.training.update import Learner

PHASES = ("sampling", "scoring", "forward_backward", "optimizer")
Phase = Callable[[str], contextlib.AbstractContextManager[Any]]
"""What surrounds a phase of a step, given its name."""

_T = TypeVar("_T")


def measured(
    method: str, work: Work, *, count: bool, policy: Policy | None = None
) -> dict[str, Any]:
    """Set a method up, let it take a step to warm up, time the next one, and count bytes.

    Args:
        method: a key of `LABELS`.
        work: what to do in a step.
        count: whether to find out where the bytes are, too, in a third step. It is slow, and the
            same every time.
        policy: instead of loading `work.model`.

    Returns:
        seconds by phase; rss: resident bytes before the model is loaded ("libraries"), before the
        first step ("loaded") and at the highest ("peak"); cuda_peak, or None;
        completions: a fingerprint of the tokens; and with `count` what `_counted` returns.

    Raises:
        LabError: there is no such model.
    """
    config = work.config(method)
    torch.set_num_threads(config.threads)
    before = psutil.Process().memory_info().rss
    bench = Bench(method, work, policy or load_policy(work.model, "auto"))
    loaded = psutil.Process().memory_info().rss
    bench.step(lambda _: contextlib.nullcontext())
    clock = Clock(bench.learner)
    samples = bench.step(clock.phase)
    clock.close()
    result = {
        "seconds": clock.seconds,
        "rss": {"libraries": before, "loaded": loaded, "peak": peak_rss()},
        "cuda_peak": torch.cuda.max_memory_allocated() if bench.device.type == "cuda" else None,
        "completions": hashlib.sha256(samples.completion_ids.cpu().numpy().tobytes()).hexdigest(),
    }
    return result | (_counted(bench) if count else {})


class Bench:
    """A method, ready to take the same step again and again.

    Attributes:
        learner: the policy, its reference, a critic where there is one, and the optimizer.
        device: of the policy.
        kept: the tensors of the last step, from the sampling to the end of the update.
    """

    def __init__(self, method: str, work: Work, policy: Policy) -> None:
        self.method, self.work, self.policy = method, work, policy
        self.config = work.config(method)
        self.variant = Variant.from_config(self.config)
        self.device = next(policy.model.parameters()).device
        # an id that no token has: so no completion ever ends
        policy.model.generation_config.eos_token_id = (
            policy.model.config.get_text_config().vocab_size
        )
        problems = get_task(self.config.task).problems("train")
        if len(problems) < work.prompts:
            raise LabError(f"prompts must be at most {len(problems)}, not {work.prompts}.")
        self.problems = list(problems[: work.prompts])
        reference = policy.frozen_copy() if self.config.needs_reference else None
        gae = self.config.scale_rewards == "gae"
        critic = Critic(policy, self.config.critic) if gae else None
        self.learner = Learner(self.config, self.variant, policy, reference, critic)
        self.kept: list[Tensor] = []

    def step(self, phase: Phase) -> Samples:
        """Sample, score and update; the policy does not move. `phase` surrounds each of the three.

        The generator begins anew each time, so that the completions are the same.
        """
        size = self.work.num_generations
        self.kept = []
        with phase("sampling"):
            samples = sample_groups(
                self.policy,
                [problem.prompt for problem in self.problems],
                size,
                max_completion_length=self.work.completion_length,
                temperature=self.config.temperature,
                generator=torch.Generator().manual_seed(self.config.seed),
            )
        rows = len(self.problems) * size
        assert (samples.lengths == self.work.completion_length).all()
        rewards = torch.arange(rows, dtype=torch.float64).remainder(2).view(-1, size)
        rollout = Rollout(self.problems, samples, [""] * rows, {}, {}, rewards)
        with phase("scoring"):
            scores = self.learner.score(samples) if self.learner.needs_scores else None
            credit = assign_credit(rollout, samples.mask, self.variant, self.config, scores=scores)
        with phase("update"):
            values, _ = self.learner.update(
                samples,
                samples.mask,
                credit,
                scores,
                rate=0.0,
                generator=torch.Generator().manual_seed(self.config.seed),
            )
        self.kept = [
            tensor
            for record in (samples, scores, credit, values)
            if record is not None
            for tensor in vars(record).values()
            if isinstance(tensor, Tensor)
        ]
        return samples


class Clock:
    """Seconds of a step by phase.

    The update is told apart by hooks: what the optimizer takes, and the reference's forward passes,
    which are scoring wherever they happen: GRPO asks its reference in the update.

    Attributes:
        seconds: by `PHASES`.
    """

    def __init__(self, learner: Learner) -> None:
        self.device = next(learner.policy.model.parameters()).device
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._in_update = False
        self._since: dict[str, float] = {}
        begin, end = self._begin, self._end
        optimizer = learner.optimizer
        self._hooks: list[Any] = [
            optimizer.register_step_pre_hook(lambda *_: begin("optimizer")),
            optimizer.register_step_post_hook(lambda *_: end("optimizer")),
        ]
        if learner.reference is not None:
            reference = learner.reference.model
            self._hooks += [
                reference.register_forward_pre_hook(lambda *_: self._asked(begin)),
                reference.register_forward_hook(lambda *_: self._asked(end)),
            ]

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase of `Bench.step`."""
        self._in_update = name == "update"
        name = "forward_backward" if name == "update" else name
        started = self._now()
        inside = sum(self.seconds.values())
        yield
        # less what the hooks have put down to others meanwhile
        inside = sum(self.seconds.values()) - inside
        self.seconds[name] += self._now() - started - inside
        self._in_update = False

    def close(self) -> None:
        """Let go of the model."""
        for hook in self._hooks:
            hook.remove()

    def _asked(self, what: Callable[[str], None]) -> None:
        if self._in_update:  # elsewhere the whole phase is scoring
            what("scoring")

    def _begin(self, name: str) -> None:
        self._since[name] = self._now()

    def _end(self, name: str) -> None:
        self.seconds[name] += self._now() - self._since[name]

    def _now(self) -> float:
        if self.device.type == "cuda":  # which is asked to do things and does them later
            torch.cuda.synchronize()
        return time.perf_counter()


def _counted(bench: Bench) -> dict[str, Any]:
    """Where the bytes are: one more step, watched.

    Returns:
        weights: how many the policy has, in how many tensors, of how many bytes each; shape: of the
        step; bytes: counted, by what they are for, and activations and cache as measured;
        predicted: the same from the number of weights; peaks: the most bytes that were live at once
        in each phase, measured; saved: bytes kept for the backward pass, at the highest.
    """
    learner = bench.learner
    held = held_bytes(learner)
    total = sum(held.values())
    saved = Saved(_all_weights(learner))
    with saved.hooks():
        samples, grown = measure_peaks(bench.device, bench.step, list(_trained(learner)))
    peaks = {phase: total + most for phase, most in grown.items()}
    rollouts = storage_bytes(bench.kept)
    of_sampling = storage_bytes(v for v in vars(samples).values() if isinstance(v, Tensor))
    shape = {
        "rows": len(samples.lengths),
        "prompt_tokens": samples.prompt_ids.shape[1],
        "completion_tokens": samples.completion_ids.shape[1],
    }
    return {
        "weights": vars(weights_of(learner.policy.model.parameters())),
        "shape": shape,
        "bytes": held
        | {
            "rollouts": rollouts,
            "cache": peaks["sampling"] - total - of_sampling,
            # a step of a single micro-batch has its peak before it has gradients
            "activations": max(peaks["update"] - total - rollouts, saved.peak),
        },
        "predicted": _predicted(bench, samples),
        "peaks": peaks,
        "saved": saved.peak,
    }


def held_bytes(learner: Learner) -> dict[str, int]:
    """Counted: what a learner holds between two steps, by the names of `predict`."""
    policy = list(learner.policy.model.parameters())
    critic = list(learner.critic.parameters()) if learner.critic is not None else []
    reference = list(learner.reference.model.parameters()) if learner.reference is not None else []

    def gradients(parameters: list[torch.nn.Parameter]) -> list[Tensor]:
        return [p.grad for p in parameters if p.grad is not None]

    def state(parameters: list[torch.nn.Parameter]) -> list[Tensor]:
        states = (learner.optimizer.state[p] for p in parameters if p in learner.optimizer.state)
        return [t for s in states for t in s.values() if isinstance(t, Tensor)]

    return {
        "parameters": storage_bytes(policy),
        "gradients": storage_bytes(gradients(policy)),
        "optimizer": storage_bytes(state(policy)),
        "reference": storage_bytes(reference),
        "critic_parameters": storage_bytes(critic),
        "critic_gradients": storage_bytes(gradients(critic)),
        "critic_optimizer": storage_bytes(state(critic)),
    }


def _trained(learner: Learner) -> Iterator[torch.nn.Parameter]:
    """All that the optimizer moves."""
    for group in learner.optimizer.param_groups:
        yield from group["params"]


def _all_weights(learner: Learner) -> Iterator[Tensor]:
    """All weights there are, trained or not."""
    yield from _trained(learner)
    if learner.reference is not None:
        yield from learner.reference.model.parameters()


def _predicted(bench: Bench, samples: Samples) -> dict[str, int]:
    """What arithmetic says: `predict`, and the key-value cache."""
    model = bench.policy.model
    config = model.config.get_text_config()
    weights = weights_of(model.parameters())
    head = model.get_output_embeddings()
    tied = head is None or head.weight is model.get_input_embeddings().weight
    lm_head = None if tied else weights_of(head.parameters())
    heads = config.num_attention_heads
    cache = cache_bytes(
        layers=config.num_hidden_layers,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
        rows=len(samples.lengths),
        positions=samples.prompt_ids.shape[1] + samples.completion_ids.shape[1] - 1,
        itemsize=weights.itemsize,
    )
    return predict(bench.method, weights, config.hidden_size, lm_head) | {"cache": cache}


def weights_of(parameters: Iterable[Tensor]) -> Weights:
    """How many weights there are; a model has all of one precision."""
    tensors = list(parameters)
    return Weights(sum(t.numel() for t in tensors), len(tensors), tensors[0].element_size())


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages behind tensors, each counted once."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


class Saved:
    """The bytes that autograd keeps for the backward pass, and the most there were at once.

    Args: what is there anyway, such as weights, which does not count.
    """

    def __init__(self, without: Iterable[Tensor]) -> None:
        self.peak = 0
        self._without = {tensor.untyped_storage().data_ptr() for tensor in without}
        self._uses: dict[int, int] = {}
        self._bytes = 0

    def hooks(self) -> saved_tensors_hooks:
        """A context in which what is saved is seen."""
        return saved_tensors_hooks(self._pack, lambda kept: kept.tensor)

    def _pack(self, tensor: Tensor) -> "_Kept":
        kept = _Kept(tensor)
        storage = tensor.untyped_storage()
        where, size = storage.data_ptr(), storage.nbytes()
        if where not in self._without:
            self._uses[where] = self._uses.get(where, 0) + 1
            self._bytes += size if self._uses[where] == 1 else 0
            self.peak = max(self.peak, self._bytes)
            weakref.finalize(kept, self._drop, where, size)
        return kept

    def _drop(self, where: int, size: int) -> None:
        self._uses[where] -= 1
        self._bytes -= 0 if self._uses[where] else size


class _Kept:
    """A saved tensor; it goes when the graph lets go of it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def measure_peaks(
    device: torch.device, step: Callable[[Phase], _T], replaced: Iterable[torch.nn.Parameter]
) -> tuple[_T, dict[str, int]]:
    """How far torch's live bytes on a device rise, in each phase of a step, above where they began.

    Args:
        device: whose bytes.
        step: takes what surrounds its phases.
        replaced: parameters whose gradients are let go in the step. The profiler does not notice
            that a block goes if it did not see it come: so they are copied before its eyes.

    Returns:
        what the step returns, and phase -> bytes.
    """
    if device.type == "cuda":
        return _measure_cuda_peaks(step)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        copied = 0
        for parameter in replaced:
            if parameter.grad is not None:
                parameter.grad = parameter.grad.clone()
                copied += parameter.grad.untyped_storage().nbytes()
        result = step(lambda name: record_function(f"phase: {name}"))
    events = profiler.profiler.kineto_results.events()
    changes = sorted(
        ((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"), key=lambda c: c[0]
    )
    phases = {
        e.name().removeprefix("phase: "): (e.start_ns(), e.start_ns() + e.duration_ns())
        for e in events
        if e.name().startswith("phase: ")
    }
    peaks = dict.fromkeys(phases, 0)
    live = -copied
    for when, change in changes:
        live += change
        for name, (start, end) in phases.items():
            if start <= when <= end:
                peaks[name] = max(peaks[name], live)
    return result, peaks


def _measure_cuda_peaks(step: Callable[[Phase], _T]) -> tuple[_T, dict[str, int]]:
    """`measure_peaks` by what CUDA's allocator counts anyway."""
    before = torch.cuda.memory_allocated()
    peaks: dict[str, int] = {}

    @contextmanager
    def phase(name: str) -> Iterator[None]:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        yield
        torch.cuda.synchronize()
        peaks[name] = torch.cuda.max_memory_allocated() - before

    return step(phase), peaks


if __name__ == "__main__":
    try:
        answer = measured(sys.argv[1], Work(**json.loads(sys.argv[2])), count="--count" in sys.argv)
    except LabError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
