"""Where each token of the sequence stands (spec 1.3).

    BOS | vision camera 0 | vision camera 1 | ... | PROPRIO | MEM | TEXT | ACTION | STOP | PAD
     1  |     patches     |     patches     |     |    1    |  m  |  n   |  C*A   |  1   | >= 0

n differs between the rows of a batch, so everything from TEXT on has a per-row start. B rows, S sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from muvla.model.architecture import Architecture


@dataclass(frozen=True)
class TokenLayout:
    """Positions for a batch whose row i has `text_lengths[i]` prompt tokens after BOS (the last is the empty token)."""

    vision: int
    memory: int
    actions: int
    text_lengths: Tensor  # (B,) int64

    @classmethod
    def of(cls, architecture: Architecture, memory: int, text_lengths: Tensor) -> TokenLayout:
        return cls(architecture.patches * architecture.cameras, memory, architecture.action_tokens, text_lengths)

    @property
    def prefix(self) -> int:
        """Length of the block spliced in after BOS: vision, proprio, memory."""
        return self.vision + 1 + self.memory

    @property
    def memory_slice(self) -> slice:
        return slice(1 + self.prefix - self.memory, 1 + self.prefix)

    @property
    def longest_text(self) -> int:
        return int(self.text_lengths.max())

    @property
    def length(self) -> int:
        """S: the longest row; shorter rows are padded on the right."""
        return 1 + self.prefix + self.longest_text + self.actions + 1

    @property
    def context_lengths(self) -> Tensor:
        """(B,) BOS up to the end of TEXT, from each row's true prompt length (not the release's B3, spec 1.6)."""
        return 1 + self.prefix + self.text_lengths

    @property
    def row_lengths(self) -> Tensor:
        """(B,) tokens that are not PAD."""
        return self.context_lengths + self.actions + 1

    def read_out(self) -> Tensor:
        """(B, C*A) positions fed to the action head: one LEFT of the placeholders, first the last TEXT token."""
        offsets = torch.arange(self.actions, device=self.text_lengths.device)
        return self.context_lengths[:, None] - 1 + offsets[None]
