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

Letters in shapes: B rows, T positions, N tokens in all, H hidden size, F feed-forward size, D size
of a head, K heads of keys and values, Q heads of queries for each.
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.models.llama import modeling_llama as llama

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")

# oneDNN keeps what it compiled for the last 1,024 shapes of a product, half a MB each, and torch
# keeps the same again for each thread. Of a batch that shrinks row by row hardly a shape comes
# twice, but for the layers of one forward pass: those few are worth keeping, and it compiles the
# others in no measurable time. Both read this at their first product.
for _name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_name, "32")


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
            compiled = torch.jit.script(function)
    except Exception:
        return function

    def call(*arguments: Any) -> Any:
        # its own idea of autocast would change precisions that are settled already
        with torch.autocast("cpu", enabled=False):
            return compiled(*arguments)

    return call


def _precision(x: Tensor) -> torch.dtype | None:
    """What a quick class computes in here: float32, or bfloat16 under autocast; None for neither.

    None also where x is not on a CPU: the layer then does what it always did.
    """
    if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.bfloat16):
        return None
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        return dtype if dtype == torch.bfloat16 else None
    return torch.float32 if x.dtype == torch.float32 else None


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
    rows, inputs = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
    if x.dtype != torch.float32:  # torch's own are oneDNN's already
        return torch.matmul(grad, weight), torch.mm(rows.t(), inputs)
    return product(grad, weight.t()), product(rows.t(), inputs.t())


class Linear(nn.Linear):
    """nn.Linear without bias."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        dtype = _precision(x)
        return super().forward(x) if dtype is None else _Product.apply(x, self.weight, dtype)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.dtypes = x.dtype, weight.dtype
        x, weight = x.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x, weight)
        return product(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        grad = grad.to(x.dtype)
        of_x, of_weight = ctx.dtypes
        grad_x, grad_weight = product_backward(grad, x, weight)
        return grad_x.to(of_x), grad_weight.to(of_weight), None


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
        dtype = _precision(x)
        if dtype is None or not quick or self.config.hidden_act != "silu":
            return super().forward(x)
        gate_up = torch.cat([self.gate_proj.weight, self.up_proj.weight])
        return _FeedForward.apply(x, gate_up, self.down_proj.weight, dtype)


class _FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate_up: Tensor, down: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.dtypes = x.dtype, gate_up.dtype, down.dtype
        x, gate_up, down = x.to(dtype), gate_up.to(dtype), down.to(dtype)
        y, hidden = scripted(feed_forward)(x, gate_up, down)
        ctx.save_for_backward(x, hidden, gate_up, down)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *kept = ctx.saved_tensors
        gradients = scripted(feed_forward_backward)(grad.to(x.dtype), x, *kept)
        return *(g.to(d) for g, d in zip(gradients, ctx.dtypes, strict=True)), None


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


@dataclass(frozen=True)
class Blocks:
    """Which token sees which, where many completions follow a few prompts in one long row.

    Each prompt stands in the row once, however many completions share it, and nothing is padded.
    Attention alone needs rectangles. There are R of them, one for each completion and, for the
    prompts' own tokens, a few for each prompt: Q_T queries wide, that see P keys of a prompt and
    the Q_T of the rectangle itself.

    Attributes:
        queries: (R, Q_T) int64, where in the row each rectangle's tokens are.
        prompts: (M, P) int64, where each prompt's tokens are.
        of_prompt: (R,) int64, which prompt a rectangle belongs to.
        mask: (R, 1, Q_T, P + Q_T), added to the scores: 0 where a token sees another.
        home: (N,) int64, each token's place among the R Q_T queries.
        key_home: (N,) int64, each token's place among the M P keys of prompts and, behind them, the
            R Q_T of the rectangles.
    """

    queries: Tensor
    prompts: Tensor
    of_prompt: Tensor
    mask: Tensor
    home: Tensor
    key_home: Tensor

    @classmethod
    def of_rows(cls, mask: Tensor, rows: int, width: int) -> "Blocks":
        """Rows of one width, in one long row: each is its own rectangle, and there is no prompt."""
        every = torch.arange(rows * width)
        none = torch.zeros(rows, dtype=torch.int64)
        return cls(every.view(rows, width), every.new_zeros(1, 0), none, mask, every, every)


class Attention(llama.LlamaAttention):
    """Llama's attention for training: whole sequences and no cache.

    Rows of one width with a mask for padding or none, as ever; or, given `blocks`, one long row.
    """

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        blocks: Blocks | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T, H) -> (B, T, H) and None; with a cache, or in another precision, as ever."""
        linears = (self.q_proj, self.k_proj, self.v_proj, self.o_proj)
        quick = all(type(linear) is Linear for linear in linears)
        dtype = _precision(hidden_states)
        if dtype is None or not quick or past_key_values is not None:
            assert blocks is None
            return super().forward(
                hidden_states, position_embeddings, attention_mask, past_key_values, **kwargs
            )
        assert position_embeddings is not None
        rows, width, size = hidden_states.shape
        if blocks is None:
            blocks = Blocks.of_rows(_additive(attention_mask, hidden_states), rows, width)
        angles = (a.expand(rows, width, -1).reshape(-1, self.head_dim) for a in position_embeddings)
        inputs = torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])
        seen = _Attention.apply(
            hidden_states.reshape(-1, size), inputs, self.o_proj.weight, dtype, *angles, blocks
        )
        return seen.view(rows, width, -1), None


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
    return torch.zeros(mask.shape).masked_fill_(~mask, torch.finfo(torch.float32).min)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        inputs: Tensor,
        output: Tensor,
        dtype: torch.dtype,
        cos: Tensor,
        sin: Tensor,
        blocks: Blocks,
    ) -> Tensor:
        ctx.dtypes = x.dtype, inputs.dtype, output.dtype
        x, inputs, output = x.to(dtype), inputs.to(dtype), output.to(dtype)
        cos, sin = cos.to(dtype).unsqueeze(1), sin.to(dtype).unsqueeze(1)
        where = (blocks.queries, blocks.prompts, blocks.of_prompt)
        y, *kept = scripted(attention)(
            x, inputs, output, cos, sin, *where, blocks.home, blocks.mask
        )
        ctx.save_for_backward(x, inputs, output, cos, sin, *kept)
        ctx.blocks = blocks
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *kept = ctx.saved_tensors
        blocks = ctx.blocks
        gradients = scripted(attention_backward)(
            *(grad.to(x.dtype), x, *kept),
            *(blocks.prompts, blocks.of_prompt, blocks.home, blocks.key_home),
        )
        gradients = (g.to(d) for g, d in zip(gradients, ctx.dtypes, strict=True))
        return *gradients, None, None, None, None


def attention(
    x: Tensor,
    inputs: Tensor,
    output: Tensor,
    cos: Tensor,
    sin: Tensor,
    queries_at: Tensor,
    prompts_at: Tensor,
    of_prompt: Tensor,
    home: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """softmax(q k^T / sqrt(D) + mask) v for every head, with rotated queries and keys.

    Args:
        x: (N, H).
        inputs: (K Q D + 2 K D, H) weights of queries, keys and values.
        output: (H, K Q D) weights.
        cos, sin: (N, 1, D) of each token's angles.
        queries_at, prompts_at, of_prompt, home, mask: see `Blocks`.

    Returns:
        y (N, H); and for the way back queries (R K, Q Q_T, D), scaled, keys and values
        (R K, P + Q_T, D), the softmax (R K, Q Q_T, P + Q_T) and what was seen (N, K Q D).
    """
    rows, width, head_dim = queries_at.shape[0], queries_at.shape[1], cos.shape[-1]
    query_heads = output.shape[1] // head_dim
    heads = product(x, inputs).view(x.shape[0], -1, head_dim)
    kv_heads = (heads.shape[1] - query_heads) // 2
    turned = rotated(heads[:, :-kv_heads], cos, sin)
    keys_at = torch.cat([prompts_at.index_select(0, of_prompt), queries_at], dim=1)
    queries = by_heads(turned, queries_at, 0, query_heads) * head_dim**-0.5
    queries = queries.view(rows * kv_heads, -1, head_dim)
    keys = by_heads(turned, keys_at, query_heads, kv_heads).view(rows * kv_heads, -1, head_dim)
    values = by_heads(heads, keys_at, query_heads + kv_heads, kv_heads)
    values = values.view(rows * kv_heads, -1, head_dim)
    scores = torch.bmm(queries, keys.transpose(1, 2)).to(mask.dtype)
    scores.view(rows, query_heads, width, -1).add_(mask)
    weights = torch.softmax(scores, dim=-1).to(x.dtype)
    seen = torch.bmm(weights, values).view(rows, query_heads, width, head_dim)
    seen = seen.transpose(1, 2).reshape(rows * width, -1).index_select(0, home)
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
    prompts_at: Tensor,
    of_prompt: Tensor,
    home: Tensor,
    key_home: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x and of both weights; arguments as `attention` has and returns them."""
    rows, head_dim = of_prompt.shape[0], keys.shape[-1]
    kv_heads = keys.shape[0] // rows
    width = keys.shape[1] - prompts_at.shape[1]
    grad_seen, grad_output = product_backward(grad, seen, output)
    query_heads = grad_seen.shape[1] // head_dim
    grad_rows = torch.zeros(rows * width, grad_seen.shape[1], dtype=x.dtype)
    grad_rows.index_copy_(0, home, grad_seen)
    grad_rows = grad_rows.view(rows, width, query_heads, head_dim).transpose(1, 2)
    grad_rows = grad_rows.reshape(rows * kv_heads, -1, head_dim)
    grad_weights = torch.bmm(grad_rows, values.transpose(1, 2))
    grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)

    grad_heads = torch.empty(x.shape[0], inputs.shape[0] // head_dim, head_dim, dtype=x.dtype)
    grad_queries = torch.bmm(grad_scores, keys).view(rows, query_heads, width, head_dim)
    grad_queries = grad_queries.transpose(1, 2).reshape(rows * width, query_heads, head_dim)
    # a rotation's transpose is the rotation back, by minus the angle
    scale = head_dim**-0.5
    grad_queries = grad_queries.index_select(0, home)
    rotate_into(grad_heads[:, :query_heads], grad_queries, cos * scale, -sin * scale)
    grad_keys = torch.bmm(grad_scores.transpose(1, 2), queries)
    grad_keys = by_tokens(grad_keys, prompts_at, of_prompt, key_home)
    rotate_into(grad_heads[:, query_heads : query_heads + kv_heads], grad_keys, cos, -sin)
    grad_values = torch.bmm(weights.transpose(1, 2), grad_rows)
    grad_values = by_tokens(grad_values, prompts_at, of_prompt, key_home)
    grad_heads[:, query_heads + kv_heads :].copy_(grad_values)
    grad_x, grad_inputs = product_backward(grad_heads.view(x.shape[0], -1), x, inputs)
    return grad_x, grad_inputs, grad_output


def by_heads(heads: Tensor, at: Tensor, first: int, count: int) -> Tensor:
    """Some heads of the tokens of each rectangle: (N, heads, D), (R, L) -> (R, count, L, D)."""
    which = torch.arange(first, first + count).view(1, -1, 1)
    index = at.unsqueeze(1) * heads.shape[1] + which
    gathered = heads.reshape(-1, heads.shape[2]).index_select(0, index.flatten())
    return gathered.view(at.shape[0], count, at.shape[1], heads.shape[2])


def by_tokens(grad: Tensor, prompts_at: Tensor, of_prompt: Tensor, key_home: Tensor) -> Tensor:
    """Gradients of the rectangles' keys, added up to those of the tokens: (N, K, D).

    A prompt's token is a key of every rectangle of that prompt. The sum over them is a product with
    a matrix of zeros and ones, which is many times faster than adding one by one.

    Args:
        grad: (R K, P + Q_T, D).
        prompts_at, of_prompt, key_home: see `Blocks`.
    """
    rows, prompts, longest = of_prompt.shape[0], prompts_at.shape[0], prompts_at.shape[1]
    grad = grad.view(rows, -1, grad.shape[1], grad.shape[2]).transpose(1, 2)  # (R, P + Q_T, K, D)
    own = grad[:, longest:].reshape(-1, grad.shape[2], grad.shape[3])
    if longest == 0:
        return own.index_select(0, key_home)
    belongs = (torch.arange(prompts).unsqueeze(1) == of_prompt).to(grad.dtype)  # (M, R)
    shared = torch.mm(belongs, grad[:, :longest].reshape(rows, -1))
    shared = shared.view(-1, grad.shape[2], grad.shape[3])
    return torch.cat([shared, own]).index_select(0, key_home)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding (arXiv 2104.09864), in Llama's order: halves, not neighbours.

    Args:
        x: (N, heads, D) queries or keys, in any order in memory.
        cos, sin: (N, 1, D), of each angle; both halves hold the same.

    Returns:
        (N, heads, D), contiguous.
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
