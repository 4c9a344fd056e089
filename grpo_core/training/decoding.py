"""Decoders: the next token's logits for rows that grow token by token, and forgotten when they end.

A decoder holds what the model has computed of every row so far (the key-value cache), so that a
new token costs one token's work. There are two, and `reader` chooses:

- `LlamaDecoder` of `fast/llama_decoder.py`, for models of Llama's architecture;
- `TransformersDecoder`, for every other: transformers' own forward pass.

Both compute the prompt once a group, and give the same logits up to rounding.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

from grpo_core.fast.llama_decoder import LlamaDecoder, LlamaWeights, can_read
from grpo_core.models.policy import Policy

_ROOM = 64  # positions a cache grows by


class Decoder(Protocol):
    """What sampling asks of a decoder.

    Attributes:
        logits: (R, V) float32, of the next token of each of the R rows that it holds.
    """

    logits: Tensor

    def keep(self, rows: Tensor) -> None:
        """Forget all rows but these, (K,) int64 positions among those it holds.

        `logits` are still those of all of them until the next `advance`.
        """
        ...

    def advance(self, tokens: Tensor) -> None:
        """Append one token to each row, (R,) int64, and recompute `logits`."""
        ...


Read = Callable[[Tensor, Tensor, int, int], Decoder]


def reader(policy: Policy, dtype: torch.dtype = torch.float32) -> Read:
    """What reads prompts and gives a decoder; made once for as long as the weights stay the same.

    Args:
        policy: the policy to sample from.
        dtype: what `LlamaDecoder` computes in; other models compute in their own.

    Returns:
        A function of ids, (N, P) int64 prompts padded on the left; mask, (N, P) bool, False on
        padding; repeats, how many rows a prompt has, next to each other; and most, how many tokens
        will be appended at the most.
    """
    if can_read(policy.model):
        return partial(_llama_decoder, policy, LlamaWeights(policy.model, dtype))
    return partial(TransformersDecoder, policy)


def _llama_decoder(
    policy: Policy, weights: LlamaWeights, ids: Tensor, mask: Tensor, repeats: int, most: int
) -> LlamaDecoder:
    """Read the prompts with the policy itself, and decode with a copy of its weights."""
    cache = DynamicCache(config=policy.model.config)
    read = _read_prompts(policy, ids, mask, cache, weights.dtype == torch.bfloat16)
    return LlamaDecoder(weights, (*read, cache), mask, repeats, most)


class TransformersDecoder:
    """Any causal model of transformers, through its own forward pass."""

    def __init__(
        self, policy: Policy, ids: Tensor, mask: Tensor, repeats: int, most: int = 0
    ) -> None:
        self.model = policy.model
        self.cache = _new_cache(policy)
        output, positions = _read_prompts(policy, ids, mask, self.cache)
        self.cache.batch_repeat_interleave(repeats)
        # without padding no mask is needed, and the model takes its faster way
        self.mask = None if mask.all() else mask.repeat_interleave(repeats, dim=0)
        self.logits = output.repeat_interleave(repeats, dim=0)
        self.positions = positions[:, -1:].repeat_interleave(repeats, dim=0)

    def keep(self, rows: Tensor) -> None:
        """As `Decoder.keep`."""
        self.cache.batch_select_indices(rows)
        self.positions = self.positions[rows]
        self.mask = None if self.mask is None else self.mask[rows]

    def advance(self, tokens: Tensor) -> None:
        """As `Decoder.advance`."""
        self.positions = self.positions + 1
        if self.mask is not None:
            self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        output = self.model(
            input_ids=tokens.unsqueeze(1),
            attention_mask=self.mask,
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
        )
        self.logits = output.logits[:, -1].float()


def _read_prompts(
    policy: Policy, ids: Tensor, mask: Tensor, cache: Cache, bf16: bool = False
) -> tuple[Tensor, Tensor]:
    """Fill the cache with the prompts; (N, V) float32 next-token logits and (N, P) positions."""
    positions = (mask.cumsum(dim=1) - 1).clamp_min(0)
    with torch.autocast(policy.device.type, dtype=torch.bfloat16, enabled=bf16):
        output = policy.model(
            input_ids=ids,
            attention_mask=None if mask.all() else mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
    return output.logits[:, -1].float(), positions


class _RoomyLayer(DynamicLayer):
    """A layer's keys and values with room to grow: most new tokens are written in place.

    transformers' own layer copies everything it holds at every token. `keys` and `values` are
    views of buffers; whatever replaces them (repeating, selecting rows) drops the room, and the
    next update makes new room.
    """

    is_initialized: bool

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Append (R, heads, new, head_dim) keys and values; returns all of them so far."""
        if not self.is_initialized:
            self._buffers = [key_states, value_states]
            self.keys, self.values = key_states, value_states
            self.is_initialized = True
            return self.keys, self.values
        held = [self.keys, self.values]
        length, new = self.keys.shape[-2], key_states.shape[-2]
        for i, states in enumerate((key_states, value_states)):
            buffer = self._buffers[i]
            if held[i].data_ptr() != buffer.data_ptr() or length + new > buffer.shape[-2]:
                rows, heads, _, size = held[i].shape
                buffer = states.new_empty(rows, heads, length + new + _ROOM, size)
                buffer[:, :, :length] = held[i]
                self._buffers[i] = buffer
            buffer[:, :, length : length + new] = states
            held[i] = buffer[:, :, : length + new]
        self.keys, self.values = held
        return self.keys, self.values


def _new_cache(policy: Policy) -> Cache:
    """A cache for the policy's kind of attention; the roomy one where every layer sees all."""
    kinds = set(getattr(policy.model.config, "layer_types", None) or ["full_attention"])
    if kinds == {"full_attention"}:
        return Cache(layer_class_to_replicate=_RoomyLayer)
    return DynamicCache(config=policy.model.config)
