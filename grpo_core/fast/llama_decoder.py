"""Llama's forward pass for one new token per row: a dozen large operations per layer.

A small model spends its time between operations rather than in them, so there is nothing else here.
`training/decoding.py` has the plain decoder beside it; the two give the same logits up to rounding
(tests/training/test_decoding.py).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.cache_utils import Cache
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from grpo_core.fast import is_enabled
from grpo_core.fast.layers import can_multiply, packed, product, scripted

_ROOM = 64  # positions a cache grows by


class LlamaDecoder:
    """Llama's forward pass for one token a row: `llama_step`, and the cache it works on.

    Letters: R rows, K key-value heads, Q query heads a key-value head, D head_dim, S positions.
    Keys are kept transposed, (D, S), which is how the product with the queries wants them.
    """

    def __init__(
        self,
        weights: "LlamaWeights",
        read: tuple[Tensor, Tensor, Cache],
        mask: Tensor,
        repeats: int,
        most: int,
    ) -> None:
        """Take the prompts' cache, repeated.

        Args:
            weights: of the model that read the prompts.
            read: (N, V) float32 next-token logits of N prompts, their (N, P) positions, and the
                cache that holds them.
            mask: (N, P) bool, False on padding, which is on the left.
            repeats: rows per prompt, next to each other.
            most: tokens that will be appended at most.
        """
        self.weights, dtype = weights, weights.dtype
        logits, positions, cache = read
        repeat = {"repeats": repeats, "dim": 0}
        self.logits = logits.repeat_interleave(**repeat)
        self.positions = positions[:, -1].repeat_interleave(**repeat)
        self.width = mask.shape[1]  # S, positions in the cache
        # added to the scores, so that padding is not seen: (R, 1, 1, P), or None without padding
        self.unseen: Tensor | None = None
        if not mask.all():
            unseen = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
            unseen = unseen.masked_fill(~mask, float("-inf"))[:, None, None]
            self.unseen = unseen.repeat_interleave(**repeat)
        self.keys = [held.keys.to(dtype).transpose(2, 3) for held in cache.layers]  # (R, K, D, S)
        self.values = [held.values.to(dtype) for held in cache.layers]  # (R, K, S, D)
        self._regrow(torch.arange(len(mask), device=mask.device).repeat_interleave(repeats))
        self.cos, self.sin = weights.angles(int(positions.max()) + most + 1)

    def keep(self, rows: Tensor) -> None:
        """As `decoding.Decoder.keep`."""
        self.positions = self.positions[rows]
        self.unseen = None if self.unseen is None else self.unseen[rows]
        self._regrow(rows)

    def _regrow(self, rows: Tensor) -> None:
        """Copy the cache of some rows into one with room for more positions."""
        room = self.width + _ROOM

        def grown(held: Tensor, shape: tuple[int, ...], dim: int) -> Tensor:
            larger = held.new_empty(len(rows), self.weights.kv_heads, *shape)
            larger.narrow(dim, 0, self.width).copy_(held.narrow(dim, 0, self.width)[rows])
            return larger

        # layer by layer, so that only one is there twice
        for layer in range(len(self.keys)):
            self.keys[layer] = grown(self.keys[layer], (self.weights.head_dim, room), 3)
            self.values[layer] = grown(self.values[layer], (room, self.weights.head_dim), 2)

    def advance(self, tokens: Tensor) -> None:
        """As `decoding.Decoder.advance`."""
        if self.width == self.values[0].shape[2]:
            self._regrow(torch.arange(len(tokens), device=tokens.device))
        self.positions = self.positions + 1
        self.width += 1
        weights = self.weights
        logits = weights.step(
            weights.embedding[tokens].to(weights.dtype),
            weights.products,
            self.keys,
            self.values,
            self.cos[self.positions].unsqueeze(1),
            self.sin[self.positions].unsqueeze(1),
            self.unseen,
            self.width,
            weights.eps,
            weights.onednn,
        )
        self.logits = logits.float()


def llama_step(
    hidden: Tensor,
    products: list[Tensor],
    keys: list[Tensor],
    values: list[Tensor],
    cos: Tensor,
    sin: Tensor,
    unseen: Tensor | None,
    width: int,
    eps: float,
    onednn: bool,
) -> Tensor:
    """One token a row through all layers: from its embedding to the next token's logits.

    A plain function of tensors, so that TorchScript can run it as a whole: then the only Python a
    token costs is one call, and two threads with rows of their own do not wait for Python's lock.

    Args:
        hidden: (R, H).
        products: four weights a layer and the head's, as `LlamaWeights.products`.
        keys: (R, K, D, room) a layer; the new token's are written at `width - 1`.
        values: (R, K, room, D) a layer, likewise.
        cos, sin: (R, 1, D) of the new token's angles; sin with rotate_half's sign.
        unseen: (R, 1, 1, P), -inf on a prompt's padding and 0 elsewhere; None without padding.
        width: S, positions in the cache, the new token's included.
        eps: of the norms.
        onednn: whether `products` are packed for oneDNN.

    Returns:
        (R, V) logits.
    """
    rows, kv_heads, head_dim = keys[0].shape[0], keys[0].shape[1], keys[0].shape[2]
    for layer in range(len(keys)):
        inputs = multiply(normed(hidden, eps), products[4 * layer], onednn)
        heads = inputs.view(rows, -1, head_dim)  # (R, K Q + 2 K, D): queries, keys, values
        turning = heads[:, :-kv_heads]
        turned = torch.addcmul(turning * cos, turning.roll(head_dim // 2, -1), sin)
        keys[layer][:, :, :, width - 1] = turned[:, -kv_heads:]
        values[layer][:, :, width - 1] = heads[:, -kv_heads:]
        # (R K, Q, D) x (R K, D, S) -> (R K, Q, S), and back with the values
        queries = turned[:, :-kv_heads].reshape(rows * kv_heads, -1, head_dim)
        scores = torch.bmm(queries, keys[layer].flatten(0, 1)[:, :, :width])
        if unseen is not None:
            scores.view(rows, kv_heads, -1, width)[..., : unseen.shape[-1]] += unseen
        seen = torch.bmm(torch.softmax(scores, dim=-1), values[layer].flatten(0, 1)[:, :width])
        hidden = hidden + multiply(seen.view(rows, -1), products[4 * layer + 1], onednn)
        gate_up = multiply(normed(hidden, eps), products[4 * layer + 2], onednn)
        gate, up = gate_up.chunk(2, dim=-1)
        hidden = hidden + multiply(F.silu(gate) * up, products[4 * layer + 3], onednn)
    return multiply(normed(hidden, eps), products[-1], onednn)


def normed(hidden: Tensor, eps: float) -> Tensor:
    """RMS norm without weights, which have gone into the product that follows. (R, H) -> (R, H).

    By the rows' lengths, computed in float32: for few rows F.rms_norm takes twice the time.
    """
    length = torch.linalg.vector_norm(hidden, 2, [-1], True, dtype=torch.float32)
    scale = (length * length).div_(hidden.shape[-1]).add_(eps).rsqrt_()
    return hidden * scale.to(hidden.dtype)


def multiply(x: Tensor, weight: Tensor, onednn: bool) -> Tensor:
    """X weight^T. (R, in) -> (R, out)."""
    if onednn:
        return product(x, weight)
    return F.linear(x, weight)


def can_read(model: nn.Module) -> bool:
    """Return whether this is a plain Llama: no biases, SiLU, and a rotation fixed beforehand."""
    config: Any = model.config
    return (
        is_enabled()
        and type(model) is LlamaForCausalLM
        and not (config.attention_bias or config.mlp_bias)
        and config.hidden_act == "silu"
        and config.rope_parameters["rope_type"] in ("default", "linear", "llama3")
    )


class LlamaWeights:
    """A Llama's weights as `llama_step` wants them; a copy, so good until the next update.

    Seven products a layer become four; the norms' weights go into the product behind them, and
    1 / sqrt(D) into the queries'.

    Attributes:
        dtype: of everything that is computed.
        embedding: (V, H).
        products: for each layer normed hidden state -> queries, keys and values; what was seen ->
            hidden state; normed hidden state -> gate and up; their product -> hidden state. Last,
            normed hidden state -> logits.
        onednn: whether they are packed for it.
        step: `llama_step`, as fast as there is.
        eps: of the norms.
        kv_heads, head_dim: K and D.
    """

    @torch.no_grad()
    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.embedding = model.get_input_embeddings().weight.detach()
        on_cpu = self.embedding.device.type == "cpu"
        self.onednn = on_cpu and can_multiply(dtype)
        self.step = scripted(llama_step) if on_cpu else llama_step
        products = [p for layer in model.model.layers for p in _products(layer)]
        products.append(model.lm_head.weight * model.model.norm.weight)
        self.products = [product.to(dtype).contiguous() for product in products]
        if self.onednn:
            self.products = [packed(product) for product in self.products]
        self.eps = model.config.rms_norm_eps
        self._rotary = model.model.rotary_emb
        self.kv_heads = model.config.num_key_value_heads
        self.head_dim = model.model.layers[0].self_attn.head_dim

    def angles(self, positions: int) -> tuple[Tensor, Tensor]:
        """Cosine and sine of every position's angles, (positions, D); the sine with the sign.

        The first half of a head turns with minus the sine (transformers' rotate_half).
        """
        every = torch.arange(positions, device=self.embedding.device).unsqueeze(0)
        cos, sin = (table[0] for table in self._rotary(self.embedding.float(), every))
        sin = sin.clone()
        sin[:, : self.head_dim // 2] *= -1
        return cos.to(self.dtype), sin.to(self.dtype)


def _products(layer: Any) -> list[Tensor]:
    """A layer's four products, as `LlamaWeights.products` has them."""
    attention, mlp = layer.self_attn, layer.mlp
    queries = attention.q_proj.weight * attention.scaling
    inputs = torch.cat([queries, attention.k_proj.weight, attention.v_proj.weight])
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
    return [
        inputs * layer.input_layernorm.weight,
        attention.o_proj.weight,
        gate_up * layer.post_attention_layernorm.weight,
        mlp.down_proj.weight,
    ]
