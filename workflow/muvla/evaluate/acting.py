"""What an evaluation needs of a policy, whether it computes in this process or behind a socket.

N slots, C chunk, A action dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from muvla.benchmark.benchmark import Benchmark
from muvla.files import Json

UNKNOWN = "unknown"  # hash of a checkpoint of which a server says nothing


@dataclass(frozen=True)
class Facts:
    """What records say of a policy, and what its evaluation depends on.

    name: the folder, or the address. sha256: of the checkpoint, UNKNOWN where a server does not say. num_mem_tokens,
    width: 0 where a server does not say. chunk: actions that it predicts at a time. per_forward: how many of them run
    between two forward passes where nobody asks for another number. server: what a server said of itself.
    averaged: of which other data sets the average un-normalises its actions, "" for its own statistics.
    """

    name: str
    benchmark: Benchmark
    sha256: str
    num_mem_tokens: int
    width: int
    chunk: int
    per_forward: int
    step: int | None = None
    provenance: Json | None = None
    server: Json | None = None
    averaged: str = ""


class Acting(Protocol):
    """A policy that acts in N environments at once. The counts are of each slot's present episode."""

    forwards: np.ndarray  # (N,)
    memory_updates: np.ndarray  # (N,)

    @property
    def facts(self) -> Facts:
        """What records say of it."""
        ...

    def act(
        self,
        images: np.ndarray,
        proprio: np.ndarray,
        instructions: Sequence[str],
        is_first: np.ndarray,
        active: np.ndarray,
    ) -> np.ndarray:
        """images (N, 2, H, W, 3) uint8, proprio (N, P), is_first and active (N,) bool -> commands (N, C, A)."""
        ...

    def begin_episode(self, slot: int, seed: int) -> None:
        """Hear that an episode of this seed begins in the slot."""
        ...

    def end_episode(self, slot: int, *, success: bool, steps: int) -> None:
        """Hear that the slot's episode is over."""
        ...
