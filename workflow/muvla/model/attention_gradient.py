"""Attention with rotary positions and its gradient, written out for small models on a CPU (lean.py).

Torch's fused attention takes twice as long there: its blocks suit long sequences. The weights are kept, N*Q*S numbers.
B rows, S sequence, Q tokens that ask, D width, H heads, d their width, N = B*H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from muvla.model.mask import Block


@dataclass(frozen=True)
class Sight:
    """What each query sees. turns: complex, (B or 1, Q, 1, d/2) and (B or 1, S, 1, d/2); bias (B or 1, S) of keys."""

    query_turns: Tensor
    key_turns: Tensor
    blocks: tuple[Block, ...]
    bias: Tensor | None


class Attention(Function):
    """Attention with rotary positions, block by block, its weights kept for the gradient.

    queries (B, Q, D) and keys (B, S, 2D), keys and values side by side; or all three in queries (B, S, 3D), keys None.
    Queries are scaled already. -> (B, Q, D)
    """

    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        keys: Tensor | None,
        sight: Sight,
        heads: int,
    ) -> Tensor:
        q, k, v = _split(queries, keys, heads)
        q, k = _turned(q, sight.query_turns), _turned(k, sight.key_turns)  # (N, Q, d), (N, S, d)
        v = v.transpose(1, 2).reshape(k.shape)
        results, kept = [], []
        for block, asking in zip(sight.blocks, q.split([block.queries for block in sight.blocks], dim=1), strict=True):
            scores = torch.bmm(asking, k[:, : block.keys].mT)
            if sight.bias is not None:
                scores.unflatten(0, (-1, heads)).add_(sight.bias[:, None, None, : block.keys])
            weights = torch.softmax(scores, dim=-1)  # (N, queries, keys)
            results.append(torch.bmm(weights, v[:, : block.keys]))
            kept.append(weights)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.rest = queries.shape, None if keys is None else keys.shape, sight, heads
        return torch.cat([z.unflatten(0, (-1, heads)).transpose(1, 2) for z in results], dim=1).flatten(2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *kept = ctx.saved_tensors
        query_shape, key_shape, sight, heads = ctx.rest
        gradient = gradient.unflatten(2, (heads, -1)).transpose(1, 2).reshape(q.shape)  # (N, Q, d)
        into_q, into_k, into_v = [], torch.zeros_like(k), torch.zeros_like(v)
        sizes = [block.queries for block in sight.blocks]
        for block, weights, asking, given in zip(
            sight.blocks, kept, q.split(sizes, 1), gradient.split(sizes, 1), strict=True
        ):
            keys = slice(block.keys)
            inner = torch.bmm(given, v[:, keys].mT)
            scores = torch._softmax_backward_data(inner, weights, -1, weights.dtype)
            into_q.append(torch.bmm(scores, k[:, keys]))
            into_k[:, keys] += torch.bmm(scores.mT, asking)
            into_v[:, keys] += torch.bmm(weights.mT, given)
        of_queries = gradient.new_empty(query_shape)
        of_keys = None if key_shape is None else gradient.new_empty(key_shape)
        found = torch.cat(into_q, dim=1), into_k, into_v
        every_turns = sight.query_turns, sight.key_turns, None
        for part, into, turns in zip(_split(of_queries, of_keys, heads), found, every_turns, strict=True):
            back = into.unflatten(0, (-1, heads)).transpose(1, 2)  # (B, S, H, d)
            if turns is None:
                part.copy_(back)
            else:
                torch.mul(_complex(back), turns.conj(), out=_complex(part))
        return of_queries, of_keys, None, None


def _split(queries: Tensor, keys: Tensor | None, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Views of queries, keys and values, each (B, S, H, d)."""
    both = queries.chunk(3, dim=-1) if keys is None else (queries, *keys.chunk(2, dim=-1))
    q, k, v = (part.unflatten(-1, (heads, -1)) for part in both)
    return q, k, v


def _turned(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate x (B, S, H, d) by its positions: (B*H, S, d)."""
    rows, tokens, heads, width = x.shape
    result = x.new_empty(rows, heads, tokens, width)
    torch.mul(_complex(x).transpose(1, 2), turns.transpose(1, 2), out=_complex(result))
    return result.flatten(0, 1)


def _complex(x: Tensor) -> Tensor:
    return torch.view_as_complex(x.unflatten(-1, (-1, 2)))
