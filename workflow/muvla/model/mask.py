"""The attention mask (spec 1.6), as blocks: which queries see the sequence up to where.

A row with context `c c` and action side `a a`, in mode "custom" (x may look, . may not):

        c c a a              context never sees the action side, so what memory keeps cannot depend on
      c x x . .              how the placeholders are computed; the action side sees everything.
      c x x . .
      a x x x x              In mode "full" every cell is x. PAD is never looked at. Nothing is causal.
      a x x x x

Each block is one attention without a mask: neither (B, S, S) numbers nor the blocked quarter are computed. PAD, where
rows differ in length, takes one mark a key. B rows, S sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from muvla.model.layout import TokenLayout


@dataclass(frozen=True)
class Block:
    """So many queries, which see so many keys: the first ones of the sequence."""

    queries: int
    keys: int


def blocks(layout: TokenLayout, mode: str) -> tuple[Block, ...]:
    """Split the sequence's queries by what they see. The last block sees all of it.

    Raises ValueError for an unknown mode.
    """
    if mode == "full":
        return (Block(layout.length, layout.length),)
    if mode != "custom":
        raise ValueError(f"attention mask mode is {mode!r}: choose 'custom' or 'full'")
    return Block(layout.context, layout.context), Block(layout.length - layout.context, layout.length)


def allowed(layout: TokenLayout, mode: str) -> Tensor:
    """Say which query may look at which key: (B, S, S) bool. What the blocks say, for those who want it whole."""
    position = torch.arange(layout.length, device=layout.text_lengths.device)
    rows = [(position < block.keys).expand(block.queries, -1) for block in blocks(layout, mode)]
    return torch.cat(rows)[None] & layout.is_token[:, None, :]
