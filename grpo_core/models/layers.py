"""The layers of a policy, computed faster on a CPU: the same mathematics in fewer, larger steps.

    quicken(model)      give a transformers model these layers; weights and names stay as they are

Nothing is approximated. What is gained, and why:

- `Linear`: PyTorch hands float32 products to MKL, which on processors not made by Intel leaves
  half of their width unused. oneDNN, which PyTorch carries too, does not.
- `RMSNorm`: one function with a backward pass written out, where transformers' dozen of small steps
  each go through memory.
- `rotate`: the rotary embedding, written out likewise.

`benchmarks/layers.py` measures each against what it replaces. A layer is replaced by changing its
class: parameters, their names and what `save_pretrained` writes are untouched.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.llama import modeling_llama as llama

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def quicken(model: PreTrainedModel) -> None:
    """Give every layer that has a faster class that class; other layers stay as they are.

    Every `nn.Linear` without bias, of any architecture, and Llama's norms and attention. To be
    called on a model on a CPU.
    """
    replace = {llama.LlamaRMSNorm: RMSNorm, llama.LlamaAttention: Attention}
    for module in model.modules():
        if _ONEDNN and type(module) is nn.Linear and getattr(module, "bias", None) is None:
            module.__class__ = Linear
        elif type(module) in replace:
            module.__class__ = replace[type(module)]


class Linear(nn.Linear):
    """nn.Linear without bias whose float32 products are oneDNN's, forward and backward."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        plain = x.dtype == self.weight.dtype == torch.float32 and x.device.type == "cpu"
        if not plain or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        return _Product.apply(x, self.weight)


def can_multiply(dtype: torch.dtype) -> bool:
    """Whether oneDNN is here, for products of this precision on a CPU."""
    return _ONEDNN and dtype in (torch.float32, torch.bfloat16)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply by oneDNN, x weight^T: (..., in), (out, in) -> (..., out). No gradient."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


def packed(weight: Tensor) -> Tensor:
    """A weight in the order in which oneDNN reads it: for many products, and nothing else."""
    return torch.ops.mkldnn._reorder_linear_weight(weight)


class _Product(torch.autograd.Function):
    """y = x W^T, so dx = dy W and dW = dy^T x: all three are products of the same form."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight = ctx.needs_input_grad
        grad_x = product(grad, weight.t()) if needs_x else None
        grad_weight = None
        if needs_weight:
            rows = grad.reshape(-1, grad.shape[-1])
            grad_weight = product(rows.t(), x.reshape(-1, x.shape[-1]).t())
        return grad_x, grad_weight


class RMSNorm(llama.LlamaRMSNorm):
    """Llama's norm: w * x / sqrt(mean(x^2) + eps), over the last dimension."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., H) -> (..., H)."""
        if hidden_states.dtype != torch.float32:
            return super().forward(hidden_states)
        return _Norm.apply(hidden_states, self.weight, self.variance_epsilon)


class _Norm(torch.autograd.Function):
    """y = w n, n = x s, s = 1 / sqrt(mean(x^2) + eps), with n and s kept for the way back.

    dx = s (w dy - n mean(n w dy)), dw = sum over rows of n dy.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        scale = x.square().mean(dim=-1, keepdim=True).add_(eps).rsqrt_()
        normed = x * scale
        ctx.save_for_backward(normed, scale, weight)
        return normed * weight

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        normed, scale, weight = ctx.saved_tensors
        grad_weight = None
        product = grad * normed
        if ctx.needs_input_grad[1]:
            grad_weight = product.reshape(-1, product.shape[-1]).sum(dim=0)
        mean = product.mul_(weight).mean(dim=-1, keepdim=True)
        grad_x = torch.addcmul(grad * weight, normed, mean, value=-1).mul_(scale)
        return grad_x, grad_weight, None


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding (arXiv 2104.09864), in Llama's order: halves, not neighbours.

    Args:
        x: (..., D) queries or keys.
        cos, sin: broadcastable to x, cosine and sine of each angle; both halves hold the same.
    """
    half = x.shape[-1] // 2
    turned = torch.empty_like(x)
    torch.mul(x[..., :half], cos[..., :half], out=turned[..., :half])
    turned[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
    torch.mul(x[..., half:], cos[..., half:], out=turned[..., half:])
    turned[..., half:].addcmul_(x[..., :half], sin[..., half:])
    return turned


class _Rotation(torch.autograd.Function):
    """A rotation's transpose is the rotation back, by minus the angle."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return rotate(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return rotate(grad, cos, -sin), None, None


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
        if past_key_values is not None or hidden_states.dtype != torch.float32:
            return super().forward(
                hidden_states, position_embeddings, attention_mask, past_key_values, **kwargs
            )
        assert position_embeddings is not None
        cos, sin = (angles.unsqueeze(2) for angles in position_embeddings)  # (B, T, 1, D)
        rows, width = hidden_states.shape[:2]
        heads = (rows, width, -1, self.head_dim)
        queries = _Rotation.apply(self.q_proj(hidden_states).view(heads), cos, sin)
        keys = _Rotation.apply(self.k_proj(hidden_states).view(heads), cos, sin)
        values = self.v_proj(hidden_states).view(heads)
        queries, keys, values = (t.transpose(1, 2) for t in (queries, keys, values))
        if self.num_key_value_groups > 1:
            keys = keys.repeat_interleave(self.num_key_value_groups, dim=1)
            values = values.repeat_interleave(self.num_key_value_groups, dim=1)
        scores = torch.matmul(queries * self.scaling, keys.transpose(2, 3))
        scores = scores + _additive(attention_mask, scores)
        seen = torch.matmul(torch.softmax(scores, dim=-1), values)
        return self.o_proj(seen.transpose(1, 2).reshape(rows, width, -1)), None


def _additive(mask: Tensor | None, scores: Tensor) -> Tensor:
    """What is added to (B, heads, T, T) scores, so that no token sees later ones or padding.

    transformers passes nothing, a mask of booleans or one of numbers, as its own kinds of attention
    want it.
    """
    if mask is not None and mask.dtype != torch.bool:
        return mask
    seen = scores.new_zeros(())
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    return torch.where(mask, seen, torch.finfo(scores.dtype).min)
