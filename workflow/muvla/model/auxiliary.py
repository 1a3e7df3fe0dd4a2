"""Losses beside the paper's, for policies that learn in minutes what the paper's base knew (spec 14).

All are read against the word embeddings that the policy has anyway, so a checkpoint holds nothing more; only the
detector, which trains the vision of the mini base, has weights of its own, and it is thrown away.
N rows, W words of a name, V vision tokens, P patches of a camera, m memory tokens, D width, n words of the detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NOTHING = -100  # in the place of a word or a patch: there is none


@dataclass(frozen=True)
class Weights:
    """Weight of each auxiliary loss; with 0 it is not computed."""

    naming: float = 0.0
    pointing: float = 0.0
    memory_naming: float = 0.0
    detection: float = 0.0


@dataclass(frozen=True)
class Visible:
    """What stands in the patches of U observations, from the simulator's state.

    present (U, cameras, P, n) float: 1 where a patch holds the centre of an object of that word; offsets
    (U, cameras, P, n, 2): where in the patch, from -1 to 1; known (U,) bool: whether the state says what is there.
    """

    present: Tensor
    offsets: Tensor
    known: Tensor


@dataclass(frozen=True)
class Aids:
    """What the auxiliary losses of a window are about; K steps, B slots.

    words (K, B, W): ids of the words that name each step's object; places (K, B, cameras): the patch it is seen in;
    NOTHING where there is none. rehearsed (K, B) bool: steps that read the words from their memory slots, in place of
    the carried memory. fade: from 1 to 0, what rehearsal and naming on memory tokens are reduced by.
    """

    words: Tensor
    places: Tensor
    rehearsed: Tensor
    fade: float = 1.0
    seen: Visible | None = None


class Detector(nn.Module):
    """Linear read-out of what is in each patch, and where in it: features (..., W0+W1) -> (..., n, 3)."""

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.heads = nn.Linear(width, 3 * words)

    def forward(self, features: Tensor) -> Tensor:
        return self.heads(features).unflatten(-1, (-1, 3))

    def recall(self, features: Tensor, seen: Visible) -> float:
        """Measure the share of the words that are there that are found; arguments as for the loss."""
        found = (self(features)[..., 0] > 0) & (seen.present > 0)
        return (found.sum() / seen.present.sum().clamp(min=1)).item()

    def loss(self, features: Tensor, seen: Visible) -> Tensor:
        """Compute the loss on features (U, cameras, P, W0+W1): which words are there, and how far off the centre."""
        read = self(features)
        pictures = features.shape[0] * features.shape[1]
        missed = F.binary_cross_entropy_with_logits(read[..., 0], seen.present, reduction="none")
        missed = missed * (1 + 4 * seen.present) * seen.known[:, None, None, None]  # objects are rare
        away = (read[..., 1:] - seen.offsets).abs().sum(-1) * seen.present
        return missed.sum() / pictures / 4 + 0.5 * away.sum() / seen.present.sum().clamp(min=1)


def naming_loss(hidden: Tensor, words: Tensor, table: Tensor) -> Tensor:
    """Compute how far hidden states are from naming their objects: mean cross-entropy in nats.

    hidden (N, D); words (N, W), all words of a name counting alike; table: the word embeddings. 0 without any name.
    """
    given = words >= 0
    rows = given.any(1)
    if not rows.any():
        return hidden.new_zeros(())
    logs = word_scores(hidden[rows], table).log_softmax(-1)
    chosen = logs.gather(1, words[rows].clamp(min=0)) * given[rows]
    return -(chosen.sum(1) / given[rows].sum(1)).mean()


def memory_naming_loss(memory: Tensor, words: Tensor, table: Tensor) -> Tensor:
    """Compute the same for memory tokens (N, m, D), token i naming the i-th of the name's words, over and over."""
    tokens = memory.shape[1]
    return naming_loss(memory.flatten(0, 1), slot_words(words, tokens).view(-1, 1), table)


def word_scores(hidden: Tensor, table: Tensor) -> Tensor:
    """Score every word: hidden (..., D) -> (..., vocabulary)."""
    return hidden @ table.T / table.shape[1] ** 0.5


def slot_words(words: Tensor, tokens: int) -> Tensor:
    """Deal the words of each name (N, W) out to m slots in turn: (N, m); NOTHING for rows without a name."""
    counts = (words >= 0).sum(1, keepdim=True).clamp(min=1)
    return words.gather(1, torch.arange(tokens, device=words.device)[None] % counts)


def rehearsed_memory(memory: Tensor, words: Tensor, rehearsed: Tensor, table: Tensor) -> Tensor:
    """Put a name's words (B, W) into the slots of memory (B, m, D) where `rehearsed` (B,) says so."""
    chosen = table[slot_words(words, memory.shape[1]).clamp(min=0)].to(memory.dtype)
    return torch.where((rehearsed & (words >= 0).any(1))[:, None, None], chosen, memory)


def pointing(patches: Tensor, places: Tensor, pointer: Tensor) -> tuple[Tensor, Tensor]:
    """Say how well the patch of the named object is found: mean cross-entropy in nats, and the share that is right.

    patches (N, V, D) before the last layer; places (N, cameras); pointer (D,): the embedding that the right patch
    should score highest. Both 0 where nothing is seen.
    """
    scores = word_scores(F.rms_norm(patches, patches.shape[-1:]), pointer[None])[..., 0]
    scores = scores.unflatten(1, (places.shape[1], -1))  # (N, cameras, P)
    found = places >= 0
    if not found.any():
        return patches.new_zeros(()), patches.new_zeros(())
    right = (scores[found].argmax(-1) == places[found]).float().mean()
    return F.cross_entropy(scores[found], places[found]), right
