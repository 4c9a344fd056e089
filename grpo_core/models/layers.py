"""The layers of a policy, computed faster on a CPU: the same mathematics in fewer, larger steps.

    quicken(model)      give a transformers model these layers; weights and names stay as they are

Nothing is approximated. What is gained, and why:

- Products: PyTorch hands those of float32 to MKL, which on processors not made by Intel leaves half
  of their width unused. oneDNN, which PyTorch carries too, does not.
- Fewer of them: queries, keys and values at once, and gate and up at once.
- Backward passes written out: autograd's would be a dozen small steps a layer, each through memory.
- TorchScript runs each pass as a whole, so that two threads with micro-batches of their own do not
  wait for Python's lock.

`benchmarks/layers.py` measures each against what it replaces. A layer is replaced by changing its
class: parameters, their names and what `save_pretrained` writes are untouched.

Letters in shapes: B rows, T positions, H hidden size, F feed-forward size, D size of a head, K
heads of keys and values, Q heads of queries for each.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.models.llama import modeling_llama as llama

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def quicken(model: PreTrainedModel) -> None:
    """Give every layer that has a faster class that class; other layers stay as they are.

    Every `nn.Linear` without bias, of any architecture, and Llama's norms, attention and
    feed-forward layers. To be called on a model on a CPU.
    """
    if not _ONEDNN:
        return
    for module in model.modules():
        if type(module) is nn.Linear and getattr(module, "bias", None) is None:
            module.__class__ = Linear
        elif type(module) in _QUICK:
            module.__class__ = _QUICK[type(module)]


@cache
def scripted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors by TorchScript; as it is where TorchScript is no more (Python 3.14)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is deprecated, and nothing replaces it here
            return torch.jit.script(function)
    except Exception:
        return function


def _plain(x: Tensor) -> bool:
    """Whether a layer is asked for what its quick class does: float32 on a CPU."""
    on_cpu = x.dtype == torch.float32 and x.device.type == "cpu"
    return on_cpu and not torch.is_autocast_enabled("cpu")


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply by oneDNN, x weight^T: (..., in), (out, in) -> (..., out). No gradient."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


def can_multiply(dtype: torch.dtype) -> bool:
    """Whether oneDNN is here, for products of this precision on a CPU."""
    return _ONEDNN and dtype in (torch.float32, torch.bfloat16)


def packed(weight: Tensor) -> Tensor:
    """A weight in the order in which oneDNN reads it: for many products, and nothing else."""
    return torch.ops.mkldnn._reorder_linear_weight(weight)


def product_backward(grad: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Of y = x W^T: dx = dy W and dW = dy^T x, two products of the same form."""
    rows = grad.reshape(-1, grad.shape[-1])
    return product(grad, weight.t()), product(rows.t(), x.reshape(-1, x.shape[-1]).t())


class Linear(nn.Linear):
    """nn.Linear without bias."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return _Product.apply(x, self.weight) if _plain(x) else super().forward(x)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        if not ctx.needs_input_grad[1]:
            return product(grad, weight.t()), None
        return product_backward(grad, x, weight)


class RMSNorm(llama.LlamaRMSNorm):
    """Llama's norm: w * x / sqrt(mean(x^2) + eps), over the last dimension."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., H) -> (..., H)."""
        if hidden_states.dtype != torch.float32:
            return super().forward(hidden_states)
        return _Norm.apply(hidden_states, self.weight, self.variance_epsilon)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        y, normed, scale = scripted(norm)(x, weight, eps)
        ctx.save_for_backward(normed, scale, weight)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        return *scripted(norm_backward)(grad, *ctx.saved_tensors), None


def norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Y = w n with n = x s and s = 1 / sqrt(mean(x^2) + eps); all three."""
    scale = x.square().mean(dim=-1, keepdim=True).add_(eps).rsqrt_()
    normed = x * scale
    return normed * weight, normed, scale


def norm_backward(
    grad: Tensor, normed: Tensor, scale: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Dx = s (w dy - n mean(n w dy)) and dw = sum over rows of n dy."""
    product = grad * normed
    grad_weight = product.reshape(-1, product.shape[-1]).sum(dim=0)
    mean = product.mul_(weight).mean(dim=-1, keepdim=True)
    return torch.addcmul(grad * weight, normed, mean, value=-1).mul_(scale), grad_weight


class FeedForward(llama.LlamaMLP):
    """Llama's feed-forward layer: down(silu(gate(x)) * up(x))."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., H) -> (..., H)."""
        linears = (self.gate_proj, self.up_proj, self.down_proj)
        quick = all(type(linear) is Linear for linear in linears)
        if not (quick and _plain(x) and self.config.hidden_act == "silu"):
            return super().forward(x)
        gate_up = torch.cat([self.gate_proj.weight, self.up_proj.weight])
        return _FeedForward.apply(x, gate_up, self.down_proj.weight)


class _FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
        y, hidden = scripted(feed_forward)(x, gate_up, down)
        ctx.save_for_backward(x, hidden, gate_up, down)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return scripted(feed_forward_backward)(grad, *ctx.saved_tensors)


def feed_forward(x: Tensor, gate_up: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    """Y = (silu(g) u) W_down^T with (g, u) = x W_gate_up^T; y (..., H), and (g, u) (..., 2 F)."""
    hidden = product(x, gate_up)
    gate, up = hidden.chunk(2, dim=-1)
    return product(F.silu(gate).mul_(up), down), hidden


def feed_forward_backward(
    grad: Tensor, x: Tensor, hidden: Tensor, gate_up: Tensor, down: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, W_gate_up and W_down."""
    gate, up = hidden.chunk(2, dim=-1)
    silu = F.silu(gate)
    grad_acted, grad_down = product_backward(grad, silu * up, down)
    grad_hidden = torch.empty_like(hidden)
    grad_gate, grad_up = grad_hidden.chunk(2, dim=-1)
    torch.mul(grad_acted, silu, out=grad_up)
    grad_gate.copy_(torch.ops.aten.silu_backward(grad_acted.mul_(up), gate))
    grad_x, grad_gate_up = product_backward(grad_hidden, x, gate_up)
    return grad_x, grad_gate_up, grad_down


class Attention(llama.LlamaAttention):
    """Llama's attention for training: whole sequences, no cache, a mask for padding or none."""

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T, H) -> (B, T, H) and None; with a cache, or in another precision, as ever."""
        linears = (self.q_proj, self.k_proj, self.v_proj, self.o_proj)
        quick = all(type(linear) is Linear for linear in linears)
        if not (quick and _plain(hidden_states) and past_key_values is None):
            return super().forward(
                hidden_states, position_embeddings, attention_mask, past_key_values, **kwargs
            )
        assert position_embeddings is not None
        cos, sin = position_embeddings  # (B or 1, T, D)
        inputs = torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])
        mask = _additive(attention_mask, hidden_states)
        return _Attention.apply(
            hidden_states, inputs, self.o_proj.weight, cos, sin, mask, self.head_dim
        ), None


def _additive(mask: Tensor | None, hidden: Tensor) -> Tensor:
    """(B or 1, 1, T, T), added to scores so that no token sees later ones or padding.

    transformers passes nothing, a mask of booleans or one of numbers, as its own kinds of attention
    want it.
    """
    if mask is not None and mask.dtype != torch.bool:
        return mask
    width = hidden.shape[1]
    if mask is None:
        mask = torch.ones(1, 1, width, width, dtype=torch.bool).tril()
    return hidden.new_zeros(mask.shape).masked_fill_(~mask, torch.finfo(hidden.dtype).min)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        inputs: Tensor,
        output: Tensor,
        cos: Tensor,
        sin: Tensor,
        mask: Tensor,
        head_dim: int,
    ) -> Tensor:
        y, *kept = scripted(attention)(x, inputs, output, cos, sin, mask, head_dim)
        ctx.save_for_backward(x, inputs, output, cos, sin, *kept)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return *scripted(attention_backward)(grad, *ctx.saved_tensors), None, None, None, None


def attention(
    x: Tensor,
    inputs: Tensor,
    output: Tensor,
    cos: Tensor,
    sin: Tensor,
    mask: Tensor,
    head_dim: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """softmax(q k^T / sqrt(D) + mask) v for every head, with rotated queries and keys.

    Args:
        x: (B, T, H).
        inputs: (K Q D + 2 K D, H) weights of queries, keys and values.
        output: (H, K Q D) weights.
        cos, sin: (B or 1, T, D) of each position's angles.
        mask: (B or 1, 1, T, T), added to the scores.
        head_dim: D.

    Returns:
        y (B, T, H); and for the way back queries (B K, Q T, D), scaled, keys and values
        (B K, T, D), the softmax (B K, Q T, T) and what was seen (B, T, K Q D).
    """
    rows, width = x.shape[0], x.shape[1]
    heads = product(x, inputs).view(rows, width, -1, head_dim).transpose(1, 2)
    query_heads = output.shape[1] // head_dim
    kv_heads = (heads.shape[1] - query_heads) // 2
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    scale = head_dim**-0.5
    queries = rotated(heads[:, :query_heads], cos * scale, sin * scale)
    keys = rotated(heads[:, query_heads : query_heads + kv_heads], cos, sin)
    queries = queries.view(rows * kv_heads, -1, head_dim)
    keys = keys.view(rows * kv_heads, width, head_dim)
    values = heads[:, query_heads + kv_heads :].reshape(rows * kv_heads, width, head_dim)
    scores = torch.bmm(queries, keys.transpose(1, 2))
    scores.view(rows, query_heads, width, width).add_(mask)
    weights = torch.softmax(scores, dim=-1)
    seen = torch.bmm(weights, values).view(rows, query_heads, width, head_dim)
    seen = seen.transpose(1, 2).reshape(rows, width, -1)
    return product(seen, output), queries, keys, values, weights, seen


def attention_backward(
    grad: Tensor,
    x: Tensor,
    inputs: Tensor,
    output: Tensor,
    cos: Tensor,
    sin: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    weights: Tensor,
    seen: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x and of both weights; arguments as `attention` has and returns them."""
    rows, width, head_dim = x.shape[0], x.shape[1], keys.shape[-1]
    kv_heads = keys.shape[0] // rows
    grad_seen, grad_output = product_backward(grad, seen, output)
    grad_seen = grad_seen.view(rows, width, -1, head_dim).transpose(1, 2)
    grad_seen = grad_seen.reshape(rows * kv_heads, -1, head_dim)
    grad_weights = torch.bmm(grad_seen, values.transpose(1, 2))
    grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
    grad_heads = torch.empty(rows, width, inputs.shape[0] // head_dim, head_dim, dtype=x.dtype)
    by_head = grad_heads.transpose(1, 2)
    query_heads = by_head.shape[1] - 2 * kv_heads
    # a rotation's transpose is the rotation back, by minus the angle
    cos, sin = cos.unsqueeze(1), -sin.unsqueeze(1)
    scale = head_dim**-0.5
    shape = (rows, -1, width, head_dim)
    grad_queries = torch.bmm(grad_scores, keys).view(shape)
    rotate_into(by_head[:, :query_heads], grad_queries, cos * scale, sin * scale)
    grad_keys = torch.bmm(grad_scores.transpose(1, 2), queries).view(shape)
    rotate_into(by_head[:, query_heads : query_heads + kv_heads], grad_keys, cos, sin)
    grad_values = torch.bmm(weights.transpose(1, 2), grad_seen).view(shape)
    by_head[:, query_heads + kv_heads :].copy_(grad_values)
    grad_x, grad_inputs = product_backward(grad_heads.view(rows, width, -1), x, inputs)
    return grad_x, grad_inputs, grad_output


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding (arXiv 2104.09864), in Llama's order: halves, not neighbours.

    Args:
        x: (B, heads, T, D) queries or keys, in any order in memory.
        cos, sin: (B or 1, 1, T, D), of each angle; both halves hold the same.

    Returns:
        (B, heads, T, D), contiguous.
    """
    turned = torch.empty(x.shape, dtype=x.dtype)
    rotate_into(turned, x, cos, sin)
    return turned


def rotate_into(turned: Tensor, x: Tensor, cos: Tensor, sin: Tensor) -> None:
    """`rotated`, written to where it is wanted."""
    half = x.shape[-1] // 2
    first, second = turned[..., :half], turned[..., half:]
    torch.mul(x[..., :half], cos[..., :half], out=first)
    first.addcmul_(x[..., half:], sin[..., :half], value=-1)
    torch.mul(x[..., half:], cos[..., half:], out=second)
    second.addcmul_(x[..., :half], sin[..., half:])


_QUICK: dict[type, type] = {
    llama.LlamaRMSNorm: RMSNorm,
    llama.LlamaMLP: FeedForward,
    llama.LlamaAttention: Attention,
}
