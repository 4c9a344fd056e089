"""Run completions through a model in micro-batches of similar length; return log-probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.models.llama.modeling_llama import LlamaAttention

from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.fast.layers import Attention
from grpo_core.fast.packing import pack
from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy
from grpo_core.training.sampling import Samples


@dataclass
class Seen:
    """The output of a forward pass on R rows; T' is the length of their longest completion.

    Attributes:
        logprobs: (R, T') float32, differentiable.
        entropy: (R, T') float32, in nats.
        values: (R, T') float32, the critic's values, or None without a critic.
    """

    logprobs: Tensor
    entropy: Tensor
    values: Tensor | None = None


def forward(
    policy: Policy,
    samples: Samples,
    rows: Tensor,
    *,
    temperature: float,
    critic: Critic | None = None,
    entropy_gradient: bool = False,
    bf16: bool = False,
    pack: bool = True,
) -> Seen:
    """Run the policy, and the critic if there is one, on some rows of a batch.

    The results are on the CPU, like everything except the models; gradients flow back to the
    device.

    Args:
        policy: the model that computes the log-probabilities.
        samples: B completions.
        rows: (R,) int64, indices of the completions to run.
        temperature: the sampling temperature; algorithm/logprobs.py explains why it is needed.
        critic: a critic to run on the same rows, or None.
        entropy_gradient: keep the entropy differentiable.
        bf16: compute the matrix products in bfloat16 (autocast).
        pack: pack all rows into one if the model supports it; it helps only if rows share a prompt.
    """
    mask = _mask(samples, rows)
    inputs = (packed if pack and can_pack(policy) else padded)(samples, rows)
    inputs = inputs.to(policy.device)
    reads_policy = critic is not None and critic.body is None
    with torch.autocast(policy.device.type, dtype=torch.bfloat16, enabled=bf16):
        output = policy.model(
            **inputs.arguments,
            use_cache=False,
            logits_to_keep=inputs.keep,
            output_hidden_states=reads_policy,
        )
        values = None
        if critic is not None:
            hidden = output.hidden_states[-1] if reads_policy else None
            values = critic(inputs.arguments, hidden, inputs.keep)
    ids = samples.completion_ids[rows, : mask.shape[1]].to(policy.device)
    if not inputs.is_packed:
        logprobs, entropy = token_logprobs(
            output.logits, ids, temperature, entropy_gradient=entropy_gradient
        )
        return Seen(logprobs.cpu(), entropy.cpu(), None if values is None else values.cpu())
    logprobs, entropy = token_logprobs(
        output.logits[0], ids[mask], temperature, entropy_gradient=entropy_gradient
    )
    return Seen(
        _spread(logprobs, mask),
        _spread(entropy, mask),
        None if values is None else _spread(values[0], mask),
    )


@dataclass
class Inputs:
    """A model's inputs for R completions.

    Attributes:
        arguments: the arguments of its forward pass.
        keep: the positions whose hidden states predict completion tokens: a number of last
            positions of each row; or, if packed, (S,) positions of the single row.
    """

    arguments: dict[str, Any]
    keep: int | Tensor

    def to(self, device: torch.device) -> "Inputs":
        """Return the inputs on another device."""
        arguments = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in self.arguments.items()
        }
        return Inputs(arguments, self.keep)

    @property
    def is_packed(self) -> bool:
        """Return whether all completions are packed into one row."""
        return isinstance(self.keep, Tensor)


def padded(samples: Samples, rows: Tensor) -> Inputs:
    """Return inputs with one row per completion, after its prompt. Every model accepts these."""
    longest = int(samples.lengths[rows].max())
    completion = samples.completion_ids[rows, :longest]
    prompt, mask = samples.prompt_ids[rows], samples.prompt_mask[rows]
    padding = int((~mask).sum(dim=1).min())  # the padding of the longest of these prompts
    prompt, mask = prompt[:, padding:], mask[:, padding:]
    ids = torch.cat([prompt, completion], dim=1)
    attention = torch.cat([mask, torch.ones_like(completion, dtype=torch.bool)], dim=1)
    arguments = {
        "input_ids": ids[:, :-1],
        # padding after a completion cannot influence earlier tokens, so it needs no mask
        "attention_mask": None if attention.all() else attention[:, :-1],
        "position_ids": (attention[:, :-1].cumsum(dim=1) - 1).clamp_min(0),
    }
    return Inputs(arguments, longest)


def can_pack(policy: Policy) -> bool:
    """Return whether the model's attention accepts `Blocks`, as this kit's fast Llama does."""
    attention = [type(m) for m in policy.model.modules() if isinstance(m, LlamaAttention)]
    return bool(attention) and set(attention) == {Attention}


def packed(samples: Samples, rows: Tensor) -> Inputs:
    """Lay all rows into one, every prompt once and nothing padded: see `fast.packing.pack`."""
    prompts, of_row = _unique_prompts(samples, rows)
    lengths, completion_ids = samples.lengths[rows], samples.completion_ids[rows]
    return Inputs(*pack(prompts, of_row, lengths, completion_ids))


def _unique_prompts(samples: Samples, rows: Tensor) -> tuple[list[Tensor], Tensor]:
    """Return the distinct prompts of some rows, unpadded, and (R,) each row's prompt index."""
    ids = samples.prompt_ids[rows].masked_fill(~samples.prompt_mask[rows], -1)
    unique, of_row = torch.unique(ids, dim=0, return_inverse=True)
    return [prompt[prompt >= 0] for prompt in unique], of_row


def _mask(samples: Samples, rows: Tensor, width: int | None = None) -> Tensor:
    """Return (R, T') bool, True on completion tokens; T' is the longest completion by default."""
    lengths = samples.lengths[rows]
    width = int(lengths.max()) if width is None else width
    return torch.arange(width) < lengths.unsqueeze(1)


def _spread(values: Tensor, mask: Tensor) -> Tensor:
    """Scatter (S,) values, one per token, to (R, T'); 0 elsewhere. Differentiable."""
    return values.new_zeros(mask.shape).masked_scatter(mask, values)


def micro_batches(
    samples: Samples, most_tokens: int, among: Tensor | None = None, *, pack: bool = False
) -> Iterator[Tensor]:
    """Yield row indices in batches of similar length, so that little is computed for padding.

    Args:
        samples: B completions.
        most_tokens: maximum tokens of a batch, prompts and padding included, unless a single row
            has more. If it is small enough, the activations stay in the processor's cache: at 1,024
            the tiny model takes half the time that it takes for the whole batch at once.
        among: the rows to use, or None for all of them.
        pack: whether the rows will be packed; then each prompt counts once and nothing is padded.
    """
    among = torch.arange(len(samples.lengths)) if among is None else among
    if not len(among):
        return
    lengths = samples.lengths[among]
    prompts, of_row = _unique_prompts(samples, among)
    longest_prompt = max(map(len, prompts))
    rows: list[int] = []
    held: set[int] = set()
    tokens = 0
    for i in lengths.argsort(stable=True).tolist():  # ascending: each is the longest so far
        length, prompt = int(lengths[i]), int(of_row[i])
        if pack:
            more = tokens + length + (0 if prompt in held else len(prompts[prompt]))
        else:
            more = (len(rows) + 1) * (longest_prompt + length)
        if rows and more > most_tokens:
            yield among[rows]
            rows, held = [], set()
            more = length + len(prompts[prompt])
        rows.append(i)
        held.add(prompt)
        tokens = more
    yield among[rows]
