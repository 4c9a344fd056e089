"""Supervised fine-tuning: make the tokens of given completions likelier, and nothing else.

The loss is minus the mean log-probability of the completions' tokens, their end included; prompts
are read and not learned. It is the policy gradient of notebook 00 with somebody else's samples and
an advantage of 1 on every token, which is why the forward pass is the one of RL.
"""

import hashlib
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy, load_policy
from grpo_core.pipeline import folder as stage
from grpo_core.pipeline.config import SFTConfig
from grpo_core.pipeline.progress import Progress, Watch, silent
from grpo_core.pipeline.traces import Trace, read_traces
from grpo_core.runs.disk import remove, replace_file
from grpo_core.training.forward import forward, micro_batches
from grpo_core.training.sampling import Samples
from grpo_core.training.threads import choose_threads

MODEL = "model"
_CHECKPOINT = "last.pt"


def sft(folder: Path, config: SFTConfig, watch: Watch = silent) -> dict[str, Any]:
    """Fine-tune a model on traces; the result is `folder`/model.

    Args:
        folder: the stage's.
        config: what on what.
        watch: told after each step, with the loss.

    Returns:
        the record: traces, counted by task; steps; `losses`, one a step, in nats a token;
        completion_tokens and forward_tokens (prompts and padding-free completions) in all;
        parameters; seconds.

    Raises:
        LabError: no model, no traces, a trace the model cannot read, a folder that is taken, or a
            disk that is full.
    """
    record = stage.begin(folder, "sft", config)
    if record["finished"]:
        return record
    traces = [trace for path in config.traces for trace in read_traces(path)]
    policy = load_policy(config.model)
    torch.set_num_threads(choose_threads(config.threads, policy.model.num_parameters()).within)
    tuner = Tuner(policy, tokens_of(policy, traces), config)
    checkpoint = folder / _CHECKPOINT
    _load(tuner, checkpoint)
    started = time.perf_counter() - tuner.seconds
    while tuner.step < tuner.steps:
        loss = tuner.update()
        tuner.seconds = time.perf_counter() - started
        if tuner.step % config.save_steps == 0:
            _save(tuner, checkpoint)
        watch(Progress("fine-tuning", tuner.step, tuner.steps, {"loss": loss}))
    with stage.saving(folder):
        temporary = stage.fresh(folder / MODEL)
        policy.save(temporary)
        remove(folder / MODEL)  # of a process that was killed right here
        replace_file(temporary, folder / MODEL)
        record = stage.finish(folder, record, **_found(tuner, traces))
        checkpoint.unlink(missing_ok=True)
    return record


def _found(tuner: "Tuner", traces: list[Trace]) -> dict[str, Any]:
    """What the record says when all is done."""
    by_task: dict[str, int] = {}
    for trace in traces:
        by_task[trace.task] = by_task.get(trace.task, 0) + 1
    data, epochs = tuner.data, tuner.config.num_train_epochs
    completion_tokens = int(data.lengths.sum()) * epochs
    return {
        "traces": by_task,
        "steps": tuner.steps,
        "losses": [round(loss, 5) for loss in tuner.losses],
        "completion_tokens": completion_tokens,
        "forward_tokens": completion_tokens + int(data.prompt_mask.sum()) * epochs,
        "parameters": tuner.policy.model.num_parameters(),
        "seconds": round(tuner.seconds, 2),
    }


class Tuner:
    """The steps of a fine-tuning, which can be left and taken up at any of them.

    Attributes:
        policy: what is trained.
        data: the traces as tokens, one row each.
        steps: in all.
        step: done so far.
        losses: of the steps done, in nats a token.
        seconds: spent on them; kept by whoever drives it.
    """

    def __init__(self, policy: Policy, data: Samples, config: SFTConfig) -> None:
        self.policy, self.data, self.config = policy, data, config
        self.optimizer = torch.optim.AdamW(
            policy.model.parameters(),
            lr=config.learning_rate,
            betas=(0.9, 0.95),
            weight_decay=0.0,
        )
        rows = len(data.lengths)
        self._per_epoch = math.ceil(rows / config.per_device_train_batch_size)
        self.steps = self._per_epoch * config.num_train_epochs
        self.step, self.losses, self.seconds = 0, [], 0.0  # type: int, list[float], float

    def update(self) -> float:
        """Take one step; returns the loss before it, in nats a token."""
        rows = self._rows(self.step)
        self.step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss = sum(self._backward(rows))
        torch.nn.utils.clip_grad_norm_(self.policy.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.losses.append(loss)
        return loss

    def _backward(self, rows: torch.Tensor) -> Iterator[float]:
        """The gradient of a batch, a piece of it after another; yields each piece's loss."""
        tokens = int(self.data.lengths[rows].sum())
        for piece in micro_batches(self.data, self.config.max_tokens_per_forward, rows):
            # hardly two traces share a prompt, so packing would save nothing
            seen = forward(self.policy, self.data, piece, temperature=1.0, pack=False)
            mask = self.data.mask[piece, : seen.logprobs.shape[1]]
            loss = -(seen.logprobs * mask).sum() / tokens
            loss.backward()
            yield loss.item()

    def _rows(self, step: int) -> torch.Tensor:
        """The traces of a step: all of them once an epoch, in an order that the seed decides."""
        epoch, position = divmod(step, self._per_epoch)
        count, size = len(self.data.lengths), self.config.per_device_train_batch_size
        order = random.Random(f"{self.config.seed}:{epoch}").sample(range(count), count)
        return torch.tensor(order[position * size : (position + 1) * size])

    def _rate(self) -> float:
        """Linear warm-up, then linear to 0: TRL's default schedule, but for the first step."""
        warm = min(1.0, self.step / max(self.config.warmup_steps, 1))
        left = (self.steps - self.step + 1) / self.steps
        return self.config.learning_rate * warm * left

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, beside config and traces; for torch.save."""
        return {
            "data": _fingerprint(self.data),
            "model": self.policy.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "losses": self.losses,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called: the same steps follow, bit for bit.

        Raises:
            LabError: the traces have changed since.
        """
        if state["data"] != _fingerprint(self.data):
            raise LabError(
                "The traces have changed since this fine-tuning began, so it cannot go on: name a "
                "new folder."
            )
        self.policy.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.losses = int(state["step"]), list(state["losses"])
        self.seconds = float(state["seconds"])


@torch.no_grad()
def loss_of(policy: Policy, data: Samples, max_tokens_per_forward: int = 4096) -> float:
    """The loss of a policy on all traces, in nats a token, without learning from them."""
    total = 0.0
    for piece in micro_batches(data, max_tokens_per_forward):
        seen = forward(policy, data, piece, temperature=1.0, pack=False)
        total -= float((seen.logprobs * data.mask[piece, : seen.logprobs.shape[1]]).sum())
    return total / int(data.lengths.sum())


def tokens_of(policy: Policy, traces: list[Trace]) -> Samples:
    """Traces as tokens, in the shape in which completions come from sampling.

    Args:
        policy: whose tokenizer, and chat template where it has one.
        traces: N of them.

    Returns:
        N rows; each completion has an end token of its own. Their log-probs are 0: nobody sampled.

    Raises:
        LabError: a word the tokenizer does not know, or a trace longer than the model can read.
    """
    prompt_ids, prompt_mask = policy.encode([trace.prompt for trace in traces])
    chat = policy.tokenizer.chat_template is not None
    texts = [trace.completion if chat else f" {trace.completion}" for trace in traces]
    encoded = policy.tokenizer(texts, add_special_tokens=False)["input_ids"]
    rows = [[*ids, policy.eos_ids[0]] for ids in encoded]
    unknown = policy.tokenizer.unk_token_id
    most = getattr(policy.model.config, "max_position_embeddings", math.inf)
    for trace, row, prompt in zip(traces, rows, prompt_mask.sum(dim=1).tolist(), strict=True):
        if unknown is not None and unknown in row:
            raise LabError(f"The model does not know a word of a trace, {trace.completion[:60]!r}.")
        if prompt + len(row) > most:
            raise LabError(
                f"A trace has {prompt + len(row)} tokens, and the model can read {most}: leave out "
                f"those as long as {trace.completion[:60]!r}."
            )
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.full((len(rows), int(lengths.max())), policy.pad_id)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return Samples(
        prompt_ids,
        prompt_mask,
        ids,
        lengths,
        torch.zeros(len(rows), dtype=torch.bool),
        torch.zeros(ids.shape),
    )


def _fingerprint(data: Samples) -> str:
    """A short name of the exact tokens."""
    digest = hashlib.sha256()
    for tensor in (data.prompt_ids, data.prompt_mask, data.completion_ids, data.lengths):
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _save(tuner: Tuner, path: Path) -> None:
    """Replace the checkpoint. Raises LabError where it cannot be written."""
    temporary = path.with_name(path.name + ".tmp")
    with stage.saving(path):
        with temporary.open("wb") as file:  # a Python file, as its errors say what is wrong
            torch.save(tuner.state_dict(), file)
        replace_file(temporary, path)


def _load(tuner: Tuner, path: Path) -> None:
    """Put the tuner where the checkpoint was taken, if there is one.

    Raises:
        LabError: it is damaged, or of other traces.
    """
    if not path.is_file():
        return
    try:
        # weights_only: a checkpoint may come from someone else, and a pickle can run anything
        state = torch.load(path, map_location="cpu", weights_only=True)
        tuner.load_state_dict(state)
    except LabError:
        raise
    except Exception as error:  # on rubbish, torch.load raises all kinds
        raise LabError(
            f"{path} is damaged. Delete it and give the same command again: the steps are computed "
            "from the beginning, with the same result."
        ) from error
