"""Sample G completions per prompt, with one prefill per group; drop finished rows on the way."""

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
    """A batch of completions; rows of one prompt are adjacent. B = prompts * G.

    All tensors are on the CPU, on whatever device the policy is.

    Attributes:
        prompt_ids: (B, P) int64, padded on the left.
        prompt_mask: (B, P) bool, False on padding.
        completion_ids: (B, T) int64, padded on the right; T is the longest completion.
        lengths: (B,) int64, tokens of each completion, its EOS token included.
        truncated: (B,) bool, True if there is no EOS token within the limit.
        logprobs: (B, T) float32, each token's log-probability when it was sampled; 0 on padding.
    """

    prompt_ids: Tensor
    prompt_mask: Tensor
    completion_ids: Tensor
    lengths: Tensor
    truncated: Tensor
    logprobs: Tensor

    @property
    def mask(self) -> Tensor:
        """Return (B, T) bool, True on completion tokens, the EOS token included."""
        return torch.arange(self.completion_ids.shape[1]) < self.lengths.unsqueeze(1)

    def completion(self, row: int) -> list[int]:
        """Return the token ids of one completion, without padding."""
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
    """Sample `num_generations` completions for every prompt.

    Tokens are sampled from softmax(logits / temperature) over the whole vocabulary, without top-k
    or top-p, because the loss uses the log-probabilities of the whole softmax. Temperature 0 is
    greedy.

    Args:
        policy: the model to sample from.
        prompts: N texts.
        num_generations: G, completions per prompt.
        max_completion_length: maximum tokens per completion, the EOS token included.
        temperature: sampling temperature, 0 or above.
        generator: the only source of randomness.
        dtype: the precision in which Llama models compute while sampling.
        workers: threads that share the prompts.
        watch: stopwatch that counts the seconds of `prefill` and `decode`.

    Raises:
        LabError: a prompt has a word that the tokenizer does not know.
    """
    watch = watch or Stopwatch()
    with watch.phase("prefill"):
        prompt_ids, prompt_mask = policy.encode(prompts)
        read = reader(policy, dtype)
    # One uniform number per row and position, drawn in advance: the result does not depend on
    # which rows are still running.
    noise = torch.rand(max_completion_length, len(prompts) * num_generations, generator=generator)

    def complete(some: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), watch.phase("prefill", share):  # a thread starts with gradients on
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
    """Sample tokens until every row has ended or `noise` is used up.

    Rows that have ended stay in the batch for a while, and their further tokens are discarded; once
    there are enough of them they are dropped together. On a GPU the check for ended rows does not
    run after every token, because it waits for the device.

    Args:
        decoder: a decoder of R rows.
        noise: (T, R) uniform in [0, 1).
        temperature: sampling temperature, 0 or above.
        policy: the model, which defines the EOS tokens.

    Returns:
        ids: (R, T) int64, and logprobs: (R, T) float32 of them at this temperature. The values
        after a row's first EOS token are arbitrary.
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
    """Sample one token per row by inverting the cumulative distribution at `noise`.

    Args:
        logits: (R, V) float32.
        temperature: sampling temperature, 0 or above.
        noise: (R,) uniform in [0, 1).

    Returns:
        (R,) int64 tokens and (R,) float32 log-probabilities.
    """
    if temperature == 0:
        tokens = logits.argmax(dim=-1)
        return tokens, torch.zeros_like(noise)
    policy = torch.softmax(logits / temperature, dim=-1)
    cumulative = policy.cumsum(dim=-1)
    # The sum is 1 only up to rounding, so scale the noise by the actual sum.
    threshold = noise.unsqueeze(1) * cumulative[:, -1:]
    tokens = (cumulative <= threshold).sum(dim=-1).clamp_max(logits.shape[-1] - 1)
    return tokens, policy.gather(1, tokens.unsqueeze(1)).squeeze(1).log()


def batched(prompts: list[str], size: int) -> Iterator[list[str]]:
    """Yield `prompts` in batches of at most `size`."""
    for start in range(0, len(prompts), size):
        yield prompts[start : start + size]
