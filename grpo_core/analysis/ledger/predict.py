"""The bytes a method must take, from the number of its weights: arithmetic, no torch.

With AdamW every trained weight costs four times its own size: itself, its gradient, and the two
moving averages of the optimizer. A frozen one, the reference's, costs its size once. A critic of
its own is trained, so PPO with one trains about eight times the policy's size where GRPO trains
four.
"""

from dataclasses import dataclass

_STEP_BYTES = 4  # AdamW counts its steps for every tensor, in a float32


@dataclass(frozen=True)
class Weights:
    """The weights of a model.

    Attributes:
        count: how many numbers; tied ones once.
        tensors: in how many tensors.
        itemsize: bytes of a number: 4 for float32, 2 for bfloat16.
    """

    count: int
    tensors: int
    itemsize: int = 4

    @property
    def bytes(self) -> int:
        """Of the weights themselves."""
        return self.count * self.itemsize

    @property
    def adamw_bytes(self) -> int:
        """Of AdamW's state: two averages a weight, in its precision, and a counter a tensor."""
        return 2 * self.bytes + _STEP_BYTES * self.tensors


def critic_weights(
    method: str, policy: Weights, hidden_size: int, lm_head: Weights | None = None
) -> Weights:
    """The weights of a method's critic; none at all for GRPO.

    Args:
        method: a key of `LABELS`.
        policy: its weights.
        hidden_size: H; the value head is H weights and a bias.
        lm_head: the policy's output layer, if it is not tied to its embedding: a critic of its own
            is a copy of the policy without it.
    """
    if not method.startswith("ppo"):
        return Weights(0, 0, policy.itemsize)
    count, tensors = hidden_size + 1, 2
    if method == "ppo":
        without = lm_head or Weights(0, 0)
        count += policy.count - without.count
        tensors += policy.tensors - without.tensors
    return Weights(count, tensors, policy.itemsize)


def predict(
    method: str, policy: Weights, hidden_size: int, lm_head: Weights | None = None
) -> dict[str, int]:
    """Bytes that a method holds all through training, by what they are for.

    Args: as `critic_weights`.

    Returns:
        parameters, gradients, optimizer: of the policy; reference; critic_parameters,
        critic_gradients, critic_optimizer.
    """
    critic = critic_weights(method, policy, hidden_size, lm_head)
    return {
        "parameters": policy.bytes,
        "gradients": policy.bytes,
        "optimizer": policy.adamw_bytes,
        "reference": 0 if method == "grpo" else policy.bytes,
        "critic_parameters": critic.bytes,
        "critic_gradients": critic.bytes,
        "critic_optimizer": critic.adamw_bytes,
    }


def cache_bytes(
    *, layers: int, kv_heads: int, head_dim: int, rows: int, positions: int, itemsize: int = 4
) -> int:
    """Bytes of the key-value cache once it is full: two vectors a layer, row and position.

    Args:
        layers, kv_heads, head_dim: of the policy.
        rows: completions sampled at once.
        positions: of each: tokens of its prompt and completion, less the last, which is not fed in.
        itemsize: bytes of a number.
    """
    return 2 * layers * kv_heads * head_dim * rows * positions * itemsize
