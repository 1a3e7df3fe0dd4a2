"""Tokenised instructions, padded for a batch. B rows, L tokens of the longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from muvla.data.text import Tokenizer


def prompts(tokenizer: Tokenizer, instructions: Sequence[str]) -> Prompt:
    """Tokenise and pad on the right: ids (B, L), lengths (B,) without BOS."""
    return padded(tokenizer, [tokenizer.encode(text) for text in instructions])


def padded(tokenizer: Tokenizer, encoded: Sequence[list[int]]) -> Prompt:
    """Pad rows of ids, BOS first: ids (B, L), lengths (B,) without BOS."""
    ids = torch.full((len(encoded), max(map(len, encoded))), tokenizer.pad_id)
    for row, tokens in zip(ids, encoded, strict=True):
        row[: len(tokens)] = torch.tensor(tokens)
    return Prompt(ids, torch.tensor([len(tokens) - 1 for tokens in encoded]))


@dataclass(frozen=True)
class Prompt:
    """Tokenised instructions, padded on the right: ids (B, L) with BOS first; lengths (B,) without BOS."""

    ids: Tensor
    lengths: Tensor

    def to(self, device: torch.device) -> Prompt:
        return Prompt(self.ids.to(device), self.lengths.to(device))
