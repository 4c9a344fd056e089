"""A critic for PPO: what reward to expect, token by token."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from grpo_core.models.policy import Policy


class Critic(nn.Module):
    """A value for every state: one number a position, read off hidden states.

    The head starts at 0, so before it has learned anything the critic expects nothing, and
    advantages are plain rewards.

    Attributes:
        body: a transformer of its own, begun as a copy of the policy's ("separate"), or None: the
            head then reads the policy's hidden states, and its errors train the policy's body too
            ("value_head").
        head: hidden state -> value.
    """

    def __init__(self, policy: Policy, kind: str) -> None:
        super().__init__()
        shared = kind == "value_head"
        self.body = None if shared else copy.deepcopy(policy.model.base_model)
        weight = next(policy.model.parameters())
        hidden_size = policy.model.config.get_text_config().hidden_size
        self.head = nn.Linear(hidden_size, 1, device=weight.device, dtype=weight.dtype)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.eval()

    def forward(self, inputs: dict[str, Any], hidden: Tensor | None, keep: int | Tensor) -> Tensor:
        """Values of some positions.

        Args:
            inputs: what the policy's model was called with: input_ids (R, S) and so on.
            hidden: (R, S, H) the policy's last hidden states, for a head without body.
            keep: T, the last so many positions; or (T,) int64, which.

        Returns:
            (R, T) float32: position t before token t is known, as the logits it was drawn from.
        """
        if self.body is not None:
            hidden = self.body(**inputs, use_cache=False).last_hidden_state
        assert hidden is not None
        kept = hidden[:, -keep:] if isinstance(keep, int) else hidden[:, keep]
        return self.head(kept).squeeze(-1).to(torch.float32)
