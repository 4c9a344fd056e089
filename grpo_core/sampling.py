"""G completions a prompt: the prompt computed once a group, finished rows dropped on the way."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

from grpo_core.models.policy import Policy

_COMPACT_BELOW = 0.8  # drop finished rows once fewer than this share of the rows still run
_ROOM = 64  # positions a cache grows by


@dataclass
class Samples:
    """A batch of completions; rows of one prompt lie next to each other. B = prompts * G.

    Attributes:
        prompt_ids: (B, P) int64, padded on the left.
        prompt_mask: (B, P) bool, False on padding.
        completion_ids: (B, T) int64, padded on the right; T is the longest completion.
        lengths: (B,) int64, tokens of each completion, its end token included.
        truncated: (B,) bool, no end token within the limit.
    """

    prompt_ids: Tensor
    prompt_mask: Tensor
    completion_ids: Tensor
    lengths: Tensor
    truncated: Tensor

    @property
    def mask(self) -> Tensor:
        """(B, T) bool: True on the tokens the policy is responsible for, the end included."""
        return torch.arange(self.completion_ids.shape[1]) < self.lengths.unsqueeze(1)

    def completion(self, row: int) -> list[int]:
        """The token ids of one completion, without padding."""
        return self.completion_ids[row, : int(self.lengths[row])].tolist()


@torch.no_grad()
def sample_groups(
    policy: Policy,
    prompts: list[str],
    num_generations: int,
    *,
    max_completion_length: int,
    temperature: float,
    generator: torch.Generator,
) -> Samples:
    """Draw `num_generations` completions for every prompt.

    Tokens are drawn from softmax(logits / temperature) over the whole vocabulary: no top-k and no
    top-p, since the loss scores with the whole softmax too. Temperature 0 takes the likeliest.

    Args:
        policy: what to sample from.
        prompts: N texts.
        num_generations: G, completions a prompt.
        max_completion_length: most tokens of a completion, the end token included.
        temperature: 0 or above.
        generator: the only source of randomness.

    Raises:
        LabError: a prompt has a word the tokenizer does not know.
    """
    prompt_ids, prompt_mask = policy.encode(prompts)
    rows = len(prompts) * num_generations
    # one uniform number a row and position, drawn ahead: which rows still run changes nothing
    noise = torch.rand(max_completion_length, rows, generator=generator)
    completion_ids = torch.full((rows, max_completion_length), policy.pad_id)
    lengths = torch.full((rows,), max_completion_length)
    truncated = torch.ones(rows, dtype=torch.bool)
    ends = torch.tensor(policy.eos_ids)

    decoder = _Decoder(policy, prompt_ids, prompt_mask, num_generations)
    for position in range(max_completion_length):
        tokens = _draw(decoder.logits, temperature, noise[position, decoder.rows])
        completion_ids[decoder.rows, position] = tokens
        ended = torch.isin(tokens, ends) & truncated[decoder.rows]
        lengths[decoder.rows[ended]] = position + 1
        truncated[decoder.rows[ended]] = False
        if position + 1 == max_completion_length or not truncated.any():
            break
        decoder.advance(tokens, running=truncated[decoder.rows])

    longest = int(lengths.max())
    repeat = {"repeats": num_generations, "dim": 0}
    return Samples(
        prompt_ids.repeat_interleave(**repeat),
        prompt_mask.repeat_interleave(**repeat),
        completion_ids[:, :longest].masked_fill(
            torch.arange(longest) >= lengths.unsqueeze(1), policy.pad_id
        ),
        lengths,
        truncated,
    )


def _draw(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """One token a row by inverting the cumulative distribution at `noise`.

    Args: logits (R, V) float32; noise (R,) uniform in [0, 1). Returns (R,) int64.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    cumulative = torch.softmax(logits / temperature, dim=-1).cumsum(dim=-1)
    # the sum is 1 only up to rounding: scale the noise to what it is
    threshold = noise.unsqueeze(1) * cumulative[:, -1:]
    return (cumulative <= threshold).sum(dim=-1).clamp_max(logits.shape[-1] - 1)


class _Decoder:
    """The key-value cache and next-token logits of the rows that still run.

    Attributes:
        rows: (R,) int64, which rows of the batch are in the cache, in order.
        logits: (R, V) float32, of each row's next token.
    """

    def __init__(self, policy: Policy, ids: Tensor, mask: Tensor, repeats: int) -> None:
        self.model = policy.model
        positions = (mask.cumsum(dim=1) - 1).clamp_min(0)
        self.cache = _new_cache(policy)
        # without padding no mask is needed, and the model takes its faster way
        self.mask = None if mask.all() else mask.repeat_interleave(repeats, dim=0)
        output = self.model(
            input_ids=ids,
            attention_mask=None if self.mask is None else mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache.batch_repeat_interleave(repeats)
        self.rows = torch.arange(len(ids) * repeats)
        self.logits = output.logits[:, -1].repeat_interleave(repeats, dim=0).float()
        self.positions = positions[:, -1:].repeat_interleave(repeats, dim=0)

    def advance(self, tokens: Tensor, running: Tensor) -> None:
        """Append one token a row; forget the rows that have ended, a good many at a time."""
        if running.float().mean() < _COMPACT_BELOW:
            keep = running.nonzero().squeeze(1)
            self.cache.batch_select_indices(keep)
            self.rows, self.positions, tokens = self.rows[keep], self.positions[keep], tokens[keep]
            self.mask = None if self.mask is None else self.mask[keep]
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


def batched(prompts: list[str], size: int) -> Iterator[list[str]]:
    """`prompts` in runs of at most `size`."""
    for start in range(0, len(prompts), size):
        yield prompts[start : start + size]
