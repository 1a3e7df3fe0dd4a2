"""The same blocks (llama.py) in fewer and larger operations, for training small models in float32 on a CPU.

There memory traffic and small products cost as much as the large products: weights are joined once a window, each
norm's scale and the queries' scaling go into them, and attention, norms and gates have their gradients written out. The
paper's scale does not come here: joining would copy 7 billion weights that LoRA adapters stand beside, and a GPU has
fused kernels for the rest.
B rows, S sequence, Q tokens that ask (S, or R that are read), D width, H heads, d their width, N = B*H, F MLP width.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from muvla.model.attention_gradient import Attention, Sight
from muvla.model.llama import Arrangement, Layer, Llama
from muvla.model.mask import Block


@dataclass(frozen=True)
class Joined:
    """One layer's weights: qkv (3D, D), out (D, D), gate_up (2F, D), down (D, F)."""

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor


def joined(llama: Llama) -> list[Joined] | None:
    """Join each layer's weights; None where this does not pay: off the CPU, below float32, or beside adapters."""
    layers = [layer for layer in llama.layers if isinstance(layer, Layer)]
    weight = llama.embed_tokens.weight
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return None
    adapted = any(type(layer.mlp.down_proj) is not nn.Linear for layer in layers)
    elsewhere = adapted or llama.checkpointing or llama.watcher is not None
    return None if elsewhere else [join(layer) for layer in layers]


def join(layer: Layer) -> Joined:
    attention, mlp = layer.self_attn, layer.mlp
    q, k = (_paired(part.weight, attention.heads) for part in (attention.q_proj, attention.k_proj))
    scale = (q.shape[0] // attention.heads) ** -0.5
    qkv = torch.cat([q * scale, k, attention.v_proj.weight]) * layer.input_layernorm.weight
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]) * layer.post_attention_layernorm.weight
    return Joined(qkv, attention.o_proj.weight, gate_up, mlp.down_proj.weight)


def _paired(weight: Tensor, heads: int) -> Tensor:
    """Put component i of each head beside i + d/2, with which it turns: together they are one complex number."""
    return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def run(
    llama: Llama, layers: list[Joined], x: Tensor, where: Arrangement, before: list[Tensor] | None = None
) -> Tensor:
    """Do what llama(x, where, before) does, (B, S, D) -> (B, R, D), with joined weights.

    Gradients are in layers' tensors.
    """
    eps, heads, width = llama.norm.eps, llama.heads, x.shape[-1]
    full = Sight(where.complex_turns, where.complex_turns, where.blocks, _hidden(where))
    first = _folded_sight(where) if where.aligned and len(layers) > 2 else None
    if first is not None:
        x = _fold(x, where)
    for number, weights in enumerate(layers):
        sight, keys = first if first is not None and number == 0 else full, None
        if before is not None and number + 1 == len(layers):
            before.append(x)
        y = Norm.apply(x, eps)
        if number + 1 == len(layers) and where.read_blocks is not None:
            y, keys = F.linear(where.take(y), weights.qkv[:width]), F.linear(y, weights.qkv[width:])
            x = where.take(x)
            sight = dataclasses.replace(full, query_turns=where.complex_read_turns, blocks=where.read_blocks)
        else:
            y = F.linear(y, weights.qkv)
        if first is not None and number == 1:  # only now do placeholders differ: by their positions
            x, y = _unfold(x, where), _unfold(y, where)
        z = Attention.apply(y, keys, sight, heads)
        x = x + F.linear(z, weights.out)
        x = x + F.linear(Gate.apply(F.linear(Norm.apply(x, eps), weights.gate_up)), weights.down)
    x = llama.norm(x)
    return x if where.read_blocks is not None else where.take(x)


def _hidden(where: Arrangement) -> Tensor | None:
    if where.pad is None:
        return None
    return torch.zeros(where.pad.shape).masked_fill_(where.pad, torch.finfo(torch.float32).min)


def _folded_sight(where: Arrangement) -> Sight:
    """All placeholders as one key that weighs as much as they do, and as one query.

    They enter as zeros: until positions tell them apart, in the second layer's attention, they are equal.
    """
    layout = where.layout
    bias = torch.zeros(1, layout.length) if (hidden := _hidden(where)) is None else hidden
    bias = _fold(bias, where).clone()
    bias[:, layout.context] = math.log(layout.actions)
    turns = _fold(where.complex_turns, where)
    fewer = layout.actions - 1
    blocks = tuple(
        Block(block.queries - fewer * (block.keys == layout.length), min(block.keys, layout.length - fewer))
        for block in where.blocks
    )
    return Sight(turns, turns, blocks, bias)


def _fold(x: Tensor, where: Arrangement) -> Tensor:
    """Drop all placeholders but the first: (B, S, ...) -> (B, S - A + 1, ...)."""
    return torch.cat([x[:, : where.layout.context + 1], x[:, -1:]], dim=1)


def _unfold(x: Tensor, where: Arrangement) -> Tensor:
    """Repeat the placeholder: the inverse of _fold."""
    context, actions = where.layout.context, where.layout.actions
    return torch.cat([x[:, :context], x[:, context : context + 1].expand(-1, actions, -1), x[:, -1:]], dim=1)


class Norm(Function):
    """x (..., D) over its root mean square."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        scale = x.pow(2).mean(-1, keepdim=True).add_(eps).rsqrt_()
        y = x * scale
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        y, scale = ctx.saved_tensors
        along = (gradient * y).mean(-1, keepdim=True)
        return torch.addcmul(gradient, y, along, value=-1).mul_(scale), None


class Gate(Function):
    """silu(gate) * up, of both side by side: (..., 2F) -> (..., F)."""

    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        gate, up = both.chunk(2, dim=-1)
        open_ = F.silu(gate)
        ctx.save_for_backward(both, open_)
        return open_ * up

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        both, open_ = ctx.saved_tensors
        gate, up = both.chunk(2, dim=-1)
        result = torch.empty_like(both)
        into_gate, into_up = result.chunk(2, dim=-1)
        torch.mul(gradient, open_, out=into_up)
        torch.ops.aten.silu_backward(gradient * up, gate, grad_input=into_gate)
        return result
