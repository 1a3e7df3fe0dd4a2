"""Where each token of the sequence stands (spec 1.3).

    BOS | vision camera 0 | vision camera 1 | ... | PROPRIO | MEM | TEXT | PAD | ACTION | STOP
     1  |     patches     |     patches     |     |    1    |  m  |  n   | >=0 |  C*A   |  1

n differs between the rows of a batch. Padding stands between TEXT and ACTION, so that ACTION begins at the same place
in every row; positions are counted without it. The release pads on the right. B rows, S sequence.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from muvla.model.architecture import Architecture


@dataclass(frozen=True)
class TokenLayout:
    """Positions for a batch whose row i has `text_lengths[i]` prompt tokens after BOS (the last is the empty token).

    padding_last: pad on the right as the release does, which makes shorter rows leak their first action placeholders
    into the context (spec 9.1 B3).
    """

    vision: int
    memory: int
    actions: int
    text_lengths: Tensor  # (B,) int64
    longest_text: int
    ragged: bool  # rows differ in length: there is padding
    padding_last: bool = False

    @classmethod
    def of(
        cls, architecture: Architecture, memory: int, text_lengths: Tensor, *, padding_last: bool = False
    ) -> TokenLayout:
        vision = architecture.patches * architecture.cameras
        return cls.padded(vision, memory, architecture.action_tokens, text_lengths, padding_last=padding_last)

    @classmethod
    def padded(
        cls, vision: int, memory: int, actions: int, text_lengths: Tensor, *, padding_last: bool = False
    ) -> TokenLayout:
        """Pad to the longest text."""
        lengths = text_lengths.tolist()
        ragged = min(lengths) != max(lengths)
        return cls(vision, memory, actions, text_lengths, max(lengths), ragged, padding_last)

    def rows(self, rows: slice) -> TokenLayout:
        """Take some rows, padded as they are."""
        return dataclasses.replace(self, text_lengths=self.text_lengths[rows])

    @property
    def prefix(self) -> int:
        """Length of the block spliced in after BOS: vision, proprio, memory."""
        return self.vision + 1 + self.memory

    @property
    def memory_slice(self) -> slice:
        return slice(1 + self.prefix - self.memory, 1 + self.prefix)

    @property
    def context(self) -> int:
        """Where the action side begins: the longest row's BOS up to the end of TEXT."""
        return 1 + self.prefix + self.longest_text

    @property
    def length(self) -> int:
        """S: the longest row; shorter ones are padded."""
        return self.context + self.actions + 1

    @property
    def context_lengths(self) -> Tensor:
        """(B,) BOS up to the end of TEXT, from each row's true prompt length (not the release's B3, spec 1.6)."""
        return 1 + self.prefix + self.text_lengths

    @property
    def places(self) -> Tensor:
        """(B, S) where the token of each position stands in the row; positions from the row's length on: its PAD."""
        position = torch.arange(self.length, device=self.text_lengths.device)[None]
        if self.padding_last:
            return position.expand(len(self.text_lengths), -1)
        context, padding = self.context_lengths[:, None], (self.longest_text - self.text_lengths)[:, None]
        after = torch.where(position < self.length - padding, position + padding, position - self.actions - 1)
        return torch.where(position < context, position, after)

    @property
    def positions(self) -> Tensor:
        """(B, S) the position of the token that stands at each place: `places` inverted."""
        return self.places.argsort(dim=1)

    @property
    def is_token(self) -> Tensor:
        """(B, S) bool: not PAD."""
        return self.positions < (self.context_lengths + self.actions + 1)[:, None]

    def read_out(self) -> Tensor:
        """(B, C*A) places fed to the action head: one LEFT of the placeholders, first the last TEXT token."""
        offsets = torch.arange(self.actions, device=self.text_lengths.device)
        return self.places.gather(1, self.context_lengths[:, None] - 1 + offsets[None])
