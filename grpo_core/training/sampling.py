"""G completions a prompt: the prompt computed once a group, finished rows dropped on the way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.models.policy import Policy
from grpo_core.training.decoding import Decoder, reader
from grpo_core.training.timing import Stopwatch

_COMPACT_BELOW = 0.8  # drop finished rows once fewer than this share of the rows still run


@dataclass
class Samples:
    """A batch of completions; rows of one prompt lie next to each other. B = prompts * G.

    On the CPU, wherever the policy is.

    Attributes:
        prompt_ids: (B, P) int64, padded on the left.
        prompt_mask: (B, P) bool, False on padding.
        completion_ids: (B, T) int64, padded on the right; T is the longest completion.
        lengths: (B,) int64, tokens of each completion, its end token included.
        truncated: (B,) bool, no end token within the limit.
        logprobs: (B, T) float32, each token's log-probability as it was drawn; 0 on padding.
    """

    prompt_ids: Tensor
    prompt_mask: Tensor
    completion_ids: Tensor
    lengths: Tensor
    truncated: Tensor
    logprobs: Tensor

    @property
    def mask(self) -> Tensor:
        """(B, T) bool: True on the tokens the policy is responsible for, the end included."""
        return torch.arange(self.completion_ids.shape[1]) < self.lengths.unsqueeze(1)

    def completion(self, row: int) -> list[int]:
        """The token ids of one completion, without padding."""
        return self.completion_ids[row, : int(self.lengths[row])].tolist()


def sample_groups(
    policy: Policy,
    prompts: list[str],
    num_generations: int,
    *,
    max_completion_length: int,
    temperature: float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    workers: int = 1,
    watch: Stopwatch | None = None,
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
        dtype: what models of Llama's architecture compute in while sampling.
        workers: threads among which the prompts are shared out.
        watch: told the seconds of `prefill` and `decode`.

    Raises:
        LabError: a prompt has a word the tokenizer does not know.
    """
    watch = watch or Stopwatch()
    with watch.phase("prefill"):
        prompt_ids, prompt_mask = policy.encode(prompts)
        read = reader(policy, dtype)
    # one uniform number a row and position, drawn ahead: which rows still run changes nothing
    noise = torch.rand(max_completion_length, len(prompts) * num_generations, generator=generator)

    def complete(some: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), watch.phase("prefill", share):  # a thread begins with gradients on
            read_ids, read_mask = (t[some].to(policy.device) for t in (prompt_ids, prompt_mask))
            decoder = read(read_ids, read_mask, num_generations, max_completion_length)
        rows = (some.unsqueeze(1) * num_generations + torch.arange(num_generations)).flatten()
        with torch.no_grad(), watch.phase("decode", share):
            ids, logprobs = _complete(decoder, noise[:, rows], temperature, policy)
            return ids.cpu(), logprobs.cpu()

    shares = torch.arange(len(prompts)).tensor_split(min(workers, len(prompts)))
    share = 1 / len(shares)
    if len(shares) == 1:
        ids, logprobs = complete(shares[0])
    else:
        with ThreadPoolExecutor(len(shares)) as pool:
            ids, logprobs = map(torch.cat, zip(*pool.map(complete, shares), strict=True))

    mask = completion_mask(ids, policy.eos_ids)
    lengths = mask.sum(dim=1)
    longest = int(lengths.max())
    ends = torch.isin(ids, torch.tensor(policy.eos_ids))
    repeat = {"repeats": num_generations, "dim": 0}
    return Samples(
        prompt_ids.repeat_interleave(**repeat),
        prompt_mask.repeat_interleave(**repeat),
        ids.masked_fill(~mask, policy.pad_id)[:, :longest],
        lengths,
        ~ends.any(dim=1),
        logprobs.masked_fill(~mask, 0.0)[:, :longest],
    )


def _complete(
    decoder: Decoder, noise: Tensor, temperature: float, policy: Policy
) -> tuple[Tensor, Tensor]:
    """Draw tokens until every row has ended, or `noise` is used up.

    Rows that have ended stay for a while, and what is drawn for them means nothing; once there are
    enough of them they are dropped together. On a GPU it is not asked after every token whether
    any have ended: to ask is to wait for it.

    Args:
        decoder: of R rows.
        noise: (T, R) uniform in [0, 1).
        temperature: 0 or above.
        policy: says what ends a row.

    Returns:
        ids: (R, T) int64, and logprobs: (R, T) float32 of them at this temperature; both hold
        anything behind a row's first end.
    """
    most, rows = noise.shape
    device = decoder.logits.device
    noise, ends = noise.to(device), torch.tensor(policy.eos_ids, device=device)
    ids = torch.full((rows, most), policy.pad_id, device=device)
    logprobs = torch.zeros(rows, most, device=device)
    held = torch.arange(rows, device=device)
    running = torch.ones(rows, dtype=torch.bool, device=device)
    ask_every = 1 if device.type == "cpu" else 16
    for position in range(most):
        tokens, token_logprobs = _draw(decoder.logits, temperature, noise[position, held])
        ids[held, position], logprobs[held, position] = tokens, token_logprobs
        running &= ~torch.isin(tokens, ends)
        if position + 1 == most:
            break
        if position % ask_every == 0:
            left = int(running.sum())
            if left == 0:
                break
            if left < _COMPACT_BELOW * len(held):
                kept = running.nonzero().squeeze(1)
                decoder.keep(kept)
                held, running, tokens = held[kept], running[kept], tokens[kept]
        decoder.advance(tokens)
    return ids, logprobs


def _draw(logits: Tensor, temperature: float, noise: Tensor) -> tuple[Tensor, Tensor]:
    """One token a row by inverting the cumulative distribution at `noise`, and its log-probability.

    Args: logits (R, V) float32; noise (R,) uniform in [0, 1). Returns (R,) int64 and (R,) float32.
    """
    if temperature == 0:
        tokens = logits.argmax(dim=-1)
        return tokens, torch.zeros_like(noise)
    policy = torch.softmax(logits / temperature, dim=-1)
    cumulative = policy.cumsum(dim=-1)
    # the sum is 1 only up to rounding: scale the noise to what it is
    threshold = noise.unsqueeze(1) * cumulative[:, -1:]
    tokens = (cumulative <= threshold).sum(dim=-1).clamp_max(logits.shape[-1] - 1)
    return tokens, policy.gather(1, tokens.unsqueeze(1)).squeeze(1).log()


def batched(prompts: list[str], size: int) -> Iterator[list[str]]:
    """`prompts` in runs of at most `size`."""
    for start in range(0, len(prompts), size):
        yield prompts[start : start + size]
