"""Many completions in one row: each prompt once, and nothing padded."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from grpo_core.fast.layers import Blocks


def pack(
    prompts: list[Tensor], of_row: Tensor, lengths: Tensor, completion_ids: Tensor
) -> tuple[dict[str, Any], Tensor]:
    """Lay prompts and completions into one row.

    The completions of a group share their prompt, so its hidden states are the same for all of
    them: a causal model need not work them out G times. Only attention tells completions apart; see
    `layers.Blocks`, which this makes. A completion's last token predicts nothing and is left out.

    Args:
        prompts: M different prompts, each (length,) int64, without padding.
        of_row: (R,) int64, which prompt each of R completions has.
        lengths: (R,) int64, tokens of each completion.
        completion_ids: (R, T) int64, padded on the right.

    Returns:
        The arguments of the model's forward pass, and (S,) int64: for each of the S tokens of the
        completions, row by row, the position whose hidden state predicts it.
    """
    prompt_lengths = torch.tensor([len(prompt) for prompt in prompts])
    own = (lengths - 1).clamp_min(0)  # tokens of each completion that are read
    width = max(int(own.max()), 1)
    longest = int(prompt_lengths.max())
    prompt_tokens = int(prompt_lengths.sum())

    prompt_starts = prompt_lengths.cumsum(0) - prompt_lengths
    starts = prompt_tokens + own.cumsum(0) - own
    own_places, own_valid = _places(starts, own, width)  # (R, Q_T)
    prompts_at, prompt_valid = _places(prompt_starts, prompt_lengths, longest)  # (M, P)
    # a prompt's own tokens are queries too: as many rectangles as it takes
    chunks = -(-longest // width)
    fill = (0, chunks * width - longest)
    chunk_places = F.pad(prompts_at, fill).view(-1, width)
    chunk_valid = F.pad(prompt_valid, fill).view(-1, width)

    queries = torch.cat([chunk_places, own_places])
    valid = torch.cat([chunk_valid, own_valid])
    of_prompt = torch.cat([torch.arange(len(prompts)).repeat_interleave(chunks), of_row])
    chunk_positions = torch.arange(chunks * width).view(chunks, width).repeat(len(prompts), 1)
    own_positions = prompt_lengths[of_row].unsqueeze(1) + torch.arange(width)
    positions = torch.cat([chunk_positions, own_positions])  # (R', Q_T)
    sees_prompt = prompt_valid[of_prompt].unsqueeze(1) & (
        torch.arange(longest) <= positions.unsqueeze(2)
    )
    is_own = torch.arange(len(queries)) >= len(chunk_places)
    sees_own = (is_own.unsqueeze(1) & valid).unsqueeze(1) & torch.ones(width, width).tril().bool()
    sees = torch.cat([sees_prompt, sees_own], dim=2).unsqueeze(1)

    total = prompt_tokens + int(own.sum())
    home = torch.empty(total, dtype=torch.int64)
    home[queries[valid]] = valid.flatten().nonzero().squeeze(1)
    key_home = home + prompts_at.numel()
    key_home[prompts_at[prompt_valid]] = prompt_valid.flatten().nonzero().squeeze(1)
    flat = torch.empty(total, dtype=torch.int64)
    flat[queries[valid]] = positions[valid]
    ids = torch.cat([*prompts, completion_ids[:, :width][own_valid]])
    blocks = Blocks(
        queries,
        prompts_at,
        of_prompt,
        torch.zeros(sees.shape).masked_fill_(~sees, torch.finfo(torch.float32).min),
        home,
        key_home,
    )
    arguments = {
        "input_ids": ids.unsqueeze(0),
        "position_ids": flat.unsqueeze(0),
        "attention_mask": torch.zeros(1, 1, 1, 1),  # keeps transformers from making one
        "blocks": blocks,
    }
    # a token is predicted from the one before it, a first one from its prompt's last
    last = (prompt_starts + prompt_lengths - 1)[of_row].unsqueeze(1)
    before = torch.cat([last, own_places], dim=1)
    return arguments, before[torch.arange(width + 1) < lengths.unsqueeze(1)]


def _places(starts: Tensor, lengths: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Where runs of tokens are in a row, (R, width) int64, 0 behind their ends, and which are."""
    steps = torch.arange(width)
    valid = steps < lengths.unsqueeze(1)
    return (starts.unsqueeze(1) + steps).masked_fill(~valid, 0), valid
