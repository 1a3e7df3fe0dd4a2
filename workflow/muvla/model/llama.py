"""Llama's transformer blocks with the parameter names of transformers, for sequences that are read in a few places.

Written out rather than taken from transformers, whose forward takes a (B, 1, S, S) mask, runs its last layer on tokens
nobody reads, and costs every process five seconds of imports; a test holds both to the same numbers.
B rows, S sequence, D width, H heads, d their width, R tokens that are read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from muvla.model.architecture import Architecture
from muvla.model.layout import TokenLayout
from muvla.model.mask import Block, blocks

Watcher = Callable[[list[Tensor], Tensor], None]


def rotary_angles(positions: Tensor, head_width: int, theta: float) -> Tensor:
    """Return by what each pair of a head's components turns at these positions (B or 1, S): (B or 1, S, d/2)."""
    places = torch.arange(0, head_width, 2, dtype=torch.float, device=positions.device)
    return positions[..., None].float() * (1.0 / (theta ** (places / head_width)))


def complex_turns(angles: Tensor) -> Tensor:
    """Return rotations by angles (B or 1, S, d/2) as complex numbers (B or 1, S, 1, d/2)."""
    return torch.polar(torch.ones_like(angles), angles)[:, :, None]


class Arrangement:
    """What all layers, and all steps with such rows, share: positions, blocks of the mask, and what is read.

    Read are the memory tokens and what the action head takes, in this order (R = m + C*A).
    """

    def __init__(self, layout: TokenLayout, mode: str, head_width: int, theta: float) -> None:
        self.layout = layout
        self.blocks = blocks(layout, mode)
        self.aligned = not (layout.padding_last and layout.ragged)  # the action side begins at one place in all rows
        self.pad = ~layout.is_token if layout.ragged else None  # (B, S)
        device = layout.text_lengths.device
        positions = layout.positions if layout.ragged else torch.arange(layout.length, device=device)[None]
        self.angles = rotary_angles(positions, head_width, theta)
        # Padded on the right, some of a short row's placeholders are among the context's queries: no common block.
        early = layout.memory + 1
        self.read_blocks: tuple[Block, ...] | None = None
        if mode == "full":
            self.read_blocks = (Block(layout.memory + layout.actions, layout.length),)
        elif self.aligned:
            self.read_blocks = Block(early, layout.context), Block(layout.actions - 1, layout.length)

    def take(self, x: Tensor) -> Tensor:
        """Take what is read: (B, S, ...) -> (B, R, ...)."""
        layout, memory = self.layout, x[:, self.layout.memory_slice]
        last = layout.context - 1
        if not layout.ragged:
            return torch.cat([memory, x[:, last : last + layout.actions]], dim=1)
        rows = torch.arange(len(x), device=x.device)[:, None]
        if layout.padding_last:
            return torch.cat([memory, x[rows, self.read_out]], dim=1)
        return torch.cat([memory, x[rows, self.read_out[:, :1]], x[:, last + 1 : last + layout.actions]], dim=1)

    @cached_property
    def complex_turns(self) -> Tensor:
        """The rotations as complex numbers (B or 1, S, 1, d/2)."""
        return complex_turns(self.angles)

    @cached_property
    def complex_read_turns(self) -> Tensor:
        """The same for what is read, (B or 1, R, 1, d/2)."""
        return self.take(self.complex_turns)

    def ordered(self, x: Tensor) -> Tensor:
        """Move padding (B, S, D) from before the action side to the end, where the layout wants it there."""
        layout = self.layout
        if self.aligned:
            return x
        places = dataclasses.replace(layout, padding_last=False).places
        return x[torch.arange(len(x), device=x.device)[:, None], places]

    @cached_property
    def read_out(self) -> Tensor:
        return self.layout.read_out()

    @cached_property
    def turns(self) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the rotary positions, both (B or 1, S, d)."""
        angles = torch.cat([self.angles, self.angles], dim=-1)
        return angles.cos(), angles.sin()

    @cached_property
    def read_turns(self) -> tuple[Tensor, Tensor]:
        """The same for what is read, (B, R, d)."""
        cos, sin = (self.take(part) for part in self.turns)
        return cos, sin


class RmsNorm(nn.Module):
    """Root-mean-square norm, computed in float32 whatever x is."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * F.rms_norm(x.float(), self.weight.shape, None, self.eps).to(x.dtype)


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: Tensor, where: Arrangement, last: bool) -> Tensor:
        """x (B, S, D) -> (B, S, D), or where `last` (B, R, D)."""
        queries, turns, parts = (where.take(x), where.read_turns, where.read_blocks) if last else (x, where.turns, None)
        q, k = rotated(self.split(self.q_proj(queries)), *turns), rotated(self.split(self.k_proj(x)), *where.turns)
        z = attention(q, k, self.split(self.v_proj(x)), parts or where.blocks, where.pad)
        return self.o_proj(z.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, where: Arrangement) -> Tensor:
        """Return the softmax weights, which fused attention does not show: x (B, S, D) -> (B, H, S, S)."""
        q, k = (rotated(self.split(module(x)), *where.turns) for module in (self.q_proj, self.k_proj))
        return weights(q, k, where.blocks, where.pad)

    def split(self, x: Tensor) -> Tensor:
        """Divide into heads: (B, S, D) -> (B, H, S, d)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.self_attn = SelfAttention(architecture.width, architecture.heads)
        self.mlp = Mlp(architecture.width, architecture.mlp_hidden)
        self.input_layernorm = RmsNorm(architecture.width, architecture.rms_norm_eps)
        self.post_attention_layernorm = RmsNorm(architecture.width, architecture.rms_norm_eps)

    def forward(self, x: Tensor, where: Arrangement, last: bool) -> Tensor:
        z = self.self_attn(self.input_layernorm(x), where, last)
        x = (where.take(x) if last else x) + z
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Embeddings and blocks. watcher: called after each forward with its attention weights, computed beside it."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(architecture.vocab_size, architecture.width, architecture.pad_id)
        self.layers = nn.ModuleList(Layer(architecture) for _ in range(architecture.layers))
        self.norm = RmsNorm(architecture.width, architecture.rms_norm_eps)
        self.heads = architecture.heads
        self.checkpointing = False
        self.watcher: Watcher | None = None
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Linear | nn.Embedding):
                    module.weight.normal_(0.0, 0.02)
            self.embed_tokens.weight[architecture.pad_id] = 0.0

    def forward(self, x: Tensor, where: Arrangement, before: list[Tensor] | None = None) -> Tensor:
        """Run the blocks on a sequence (B, S, D): hidden states after the final norm of what is read, (B, R, D).

        Appends to `before` the last layer's input, (B, S, D).
        """
        seen: list[Tensor] = []
        recompute = self.checkpointing and self.training and torch.is_grad_enabled()
        shorten = where.read_blocks is not None
        for number, layer in enumerate(self.layers):
            if before is not None and number + 1 == len(self.layers):
                before.append(x)
            last = shorten and number + 1 == len(self.layers)
            if self.watcher is not None:
                seen.append(layer.self_attn.weights(layer.input_layernorm(x), where))  # type: ignore[operator, union-attr]
            x = checkpoint(layer, x, where, last, use_reentrant=False) if recompute else layer(x, where, last)
        x = self.norm(x)
        read: Tensor = x if shorten else where.take(x)
        if self.watcher is not None:
            self.watcher(seen, read)
        return read


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x (B, H, S, d) by its positions; cos and sin (B or 1, S, d). Component i turns with i + d/2."""
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos[:, None].to(x.dtype) + turned * sin[:, None].to(x.dtype)


def attention(q: Tensor, k: Tensor, v: Tensor, parts: tuple[Block, ...], pad: Tensor | None) -> Tensor:
    """Attend block by block: q (B, H, Q, d), k and v (B, H, S, d) -> (B, H, Q, d)."""
    results = []
    for block, queries in zip(parts, q.split([block.queries for block in parts], dim=2), strict=True):
        keys, values = k[:, :, : block.keys], v[:, :, : block.keys]
        shown = None if pad is None else ~pad[:, None, None, : block.keys]
        results.append(F.scaled_dot_product_attention(queries, keys, values, attn_mask=shown))
    return torch.cat(results, dim=2)


def weights(q: Tensor, k: Tensor, parts: tuple[Block, ...], pad: Tensor | None) -> Tensor:
    """Return the weights with which attention() attends, (B, H, Q, S)."""
    results = []
    for block, queries in zip(parts, q.split([block.queries for block in parts], dim=2), strict=True):
        scores = queries @ k[:, :, : block.keys].mT * q.shape[-1] ** -0.5
        if pad is not None:
            scores = scores.masked_fill(pad[:, None, None, : block.keys], -torch.inf)
        shares = torch.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
        results.append(F.pad(shares, (0, k.shape[2] - block.keys)))
    return torch.cat(results, dim=2)
