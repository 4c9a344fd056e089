"""Completions through a model: micro-batches of like length, and what it thinks of every token."""

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
    """What a forward pass gives for R rows; T' is the longest completion of them.

    Attributes:
        logprobs: (R, T') float32, differentiable.
        entropy: (R, T') float32.
        values: (R, T') float32, the critic's, or None without one.
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
    """Policy, and critic where there is one, on some rows of a batch.

    What comes out is on the CPU, where everything but the models is; gradients find their way.

    Args:
        policy: whose log-probs.
        samples: B completions.
        rows: (R,) int64, which of them.
        temperature: of the sampling; see algorithm/logprobs.py for why it belongs here.
        critic: asked for values on the same rows.
        entropy_gradient: keep the entropy differentiable.
        bf16: do the matrix products in bfloat16 (autocast).
        pack: put all rows into one where the model can; saves nothing where no prompt is shared.
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
    """What a model is called with for R completions.

    Attributes:
        arguments: of its forward pass.
        keep: the positions whose hidden states predict the completions' tokens: the last so many
            of each row; or, packed, (S,) of the one row there is.
    """

    arguments: dict[str, Any]
    keep: int | Tensor

    def to(self, device: torch.device) -> "Inputs":
        """The same on another device."""
        arguments = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in self.arguments.items()
        }
        return Inputs(arguments, self.keep)

    @property
    def is_packed(self) -> bool:
        """Whether all tokens are in one row."""
        return isinstance(self.keep, Tensor)


def padded(samples: Samples, rows: Tensor) -> Inputs:
    """One row a completion, its prompt before it: what every model understands."""
    longest = int(samples.lengths[rows].max())
    completion = samples.completion_ids[rows, :longest]
    prompt, mask = samples.prompt_ids[rows], samples.prompt_mask[rows]
    padding = int((~mask).sum(dim=1).min())  # that even the longest of these prompts has
    prompt, mask = prompt[:, padding:], mask[:, padding:]
    ids = torch.cat([prompt, completion], dim=1)
    attention = torch.cat([mask, torch.ones_like(completion, dtype=torch.bool)], dim=1)
    arguments = {
        "input_ids": ids[:, :-1],
        # padding on the right of a completion is behind everything that matters: no mask for it
        "attention_mask": None if attention.all() else attention[:, :-1],
        "position_ids": (attention[:, :-1].cumsum(dim=1) - 1).clamp_min(0),
    }
    return Inputs(arguments, longest)


def can_pack(policy: Policy) -> bool:
    """Whether the model's attention understands `Blocks`: a quickened Llama's does."""
    attention = [type(m) for m in policy.model.modules() if isinstance(m, LlamaAttention)]
    return bool(attention) and set(attention) == {Attention}


def packed(samples: Samples, rows: Tensor) -> Inputs:
    """Lay all rows into one, every prompt once and nothing padded: see `fast.packing.pack`."""
    prompts, of_row = _unique_prompts(samples, rows)
    lengths, completion_ids = samples.lengths[rows], samples.completion_ids[rows]
    return Inputs(*pack(prompts, of_row, lengths, completion_ids))


def _unique_prompts(samples: Samples, rows: Tensor) -> tuple[list[Tensor], Tensor]:
    """The different prompts of some rows, without padding, and (R,) which of them each row has."""
    ids = samples.prompt_ids[rows].masked_fill(~samples.prompt_mask[rows], -1)
    unique, of_row = torch.unique(ids, dim=0, return_inverse=True)
    return [prompt[prompt >= 0] for prompt in unique], of_row


def _mask(samples: Samples, rows: Tensor, width: int | None = None) -> Tensor:
    """(R, T') bool: the tokens of some completions; T' is the longest of them unless told."""
    lengths = samples.lengths[rows]
    width = int(lengths.max()) if width is None else width
    return torch.arange(width) < lengths.unsqueeze(1)


def _spread(values: Tensor, mask: Tensor) -> Tensor:
    """One value a token, (S,), to where the tokens are: (R, T'), 0 elsewhere. Differentiable."""
    return values.new_zeros(mask.shape).masked_scatter(mask, values)


def micro_batches(
    samples: Samples, most_tokens: int, among: Tensor | None = None, *, pack: bool = False
) -> Iterator[Tensor]:
    """Row numbers in batches of like length, so that little is computed for padding.

    Args:
        samples: B completions.
        most_tokens: of a batch, prompts and padding included, unless a single row has more. Small
            enough, and the activations stay in the processor's cache: at 1,024 the tiny model takes
            half the time it takes for the whole batch at once.
        among: the rows to take, or None for all of them.
        pack: whether they will be packed: then each prompt counts once, and there is no padding.
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
    for i in lengths.argsort(stable=True).tolist():  # so each is the longest so far
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
