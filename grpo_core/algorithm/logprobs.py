"""From logits to the log-probabilities of the tokens that were sampled."""

import torch
from torch import Tensor

from grpo_core.core.errors import LabError


def token_logprobs(
    logits: Tensor, ids: Tensor, temperature: float = 1.0, *, entropy_gradient: bool = False
) -> tuple[Tensor, Tensor]:
    """Log-probability of each sampled token, and the entropy of what it was sampled from.

    log pi(o_t | q, o_<t) = log_softmax(logits_t / temperature)[o_t]

    The temperature belongs to the policy: tokens were drawn from the softmax of logits /
    temperature, so the old, the new and the reference log-probabilities must all be taken there.
    Leave it out of one and the importance ratio is not 1 even before the first update.

    Args:
        logits: (B, T, V); `logits[:, t]` are those that token t was drawn from, so with a causal
            model the logits one position earlier.
        ids: (B, T) int64, the sampled tokens.
        temperature: of the sampling, above 0.
        entropy_gradient: keep the entropy differentiable, as an entropy bonus needs it.

    Returns:
        logprobs: (B, T) in nats, float32 or wider, differentiable.
        entropy: (B, T) in nats, detached unless asked otherwise.

    Raises:
        LabError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise LabError(f"temperature must be above 0, not {temperature}.")
    # Half precision is too coarse for log-probabilities: the ratio is a difference of two of them.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_policy = torch.log_softmax(logits / temperature, dim=-1)
    logprobs = log_policy.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    if entropy_gradient:
        # a token of logit -inf has p = 0, and 0 * -inf is no number: value and gradient are 0
        finite = log_policy.clamp(min=torch.finfo(log_policy.dtype).min)
        return logprobs, -(log_policy.exp() * finite).sum(dim=-1)
    # entr(p) = -p log p, and 0 at p = 0
    entropy = torch.special.entr(log_policy.detach().exp()).sum(dim=-1)
    return logprobs, entropy


def completion_mask(ids: Tensor, eos_token_ids: int | list[int]) -> Tensor:
    """True for the tokens that the policy is responsible for: up to and including the first end.

    The end-of-sequence token is an action like any other, and the one that decides the length.
    Masking "whatever equals the padding token" would drop it wherever padding and end share an id.

    Args:
        ids: (B, T) int64, completions padded on the right with anything.
        eos_token_ids: the token or tokens that end a completion.

    Returns:
        (B, T) bool. A row without end (truncated) is True throughout.
    """
    ends = torch.isin(ids, torch.tensor(eos_token_ids, device=ids.device))
    ends_before = ends.cumsum(dim=1) - ends.long()
    return ends_before == 0
