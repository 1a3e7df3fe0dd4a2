"""Memory metrics of slot 0's last whole episode: two of the release's curves and its key frames (spec 4.8).

K steps, B slots, m memory tokens, D width, S picture side, T steps of an episode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from muvla.model.memory import token_distances, token_norms
from muvla.model.window import WindowBatch

LONGEST_SHOWN = 100  # steps; of longer episodes no pictures are kept
PICTURES = 20


@dataclass(frozen=True)
class Episode:
    """norms (T, m): length of each token of M_t; distances (T-1, m): 1 - cos(M_t, M_{t-1}) of each token.

    shown: the steps of `pictures` (n, S, S, 3) uint8, evenly spaced; both empty where the episode was too long.
    """

    norms: Tensor
    distances: Tensor
    shown: list[int]
    pictures: np.ndarray

    def line(self) -> dict[str, Any]:
        """Return one line of JSON: all numbers, and which steps the key frames show."""
        return {
            "episode_mem_norms": _rounded(self.norms),
            "episode_cosine_distance": _rounded(self.distances),
            "episode_rollout": self.shown or "skipped",
        }


class EpisodeWatch:
    """Follow slot 0 from window to window. M_t is what step t read out, before any moving average.

    An episode counts once the next one has begun. A slot that joins in the middle of an episode is followed from the
    next one on.
    """

    def __init__(self) -> None:
        self._memory: list[Tensor] | None = None  # the last step's alone; None before the first beginning
        self._norms: list[Tensor] = []
        self._distances: list[Tensor] = []
        self._pictures: list[Tensor] = []
        self._ended: Episode | None = None

    def see(self, batch: WindowBatch, read_out: Tensor) -> None:
        """Append the next K steps; read_out (K, m, D): memory of slot 0 after each."""
        for k, begins in enumerate(batch.is_first[:, 0].tolist()):
            if begins:
                self._end()
            if self._memory is None:
                continue
            now = read_out[k].float()
            self._norms.append(token_norms(now).cpu())
            self._distances += [token_distances(now, before).cpu() for before in self._memory]
            self._memory = [now]
            if batch.images is not None and len(self._norms) <= LONGEST_SHOWN:
                self._pictures.append(batch.images[k, 0, 0].cpu())  # (S, S, 3) of the third-person camera

    def take(self) -> Episode | None:
        """Return the last whole episode, once; None when none has ended since."""
        taken, self._ended = self._ended, None
        return taken

    def state(self) -> dict[str, Any]:
        """Return tensors and lists for a run that resumes later."""
        ended = None
        if self._ended is not None:
            ended = vars(self._ended) | {"pictures": torch.from_numpy(self._ended.pictures)}
        return {
            "memory": None if self._memory is None else [memory.cpu() for memory in self._memory],
            "norms": self._norms,
            "distances": self._distances,
            "pictures": self._pictures,
            "ended": ended,
        }

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        memory, ended = state["memory"], state["ended"]
        self._memory = None if memory is None else [each.to(device) for each in memory]
        self._norms, self._distances, self._pictures = state["norms"], state["distances"], state["pictures"]
        self._ended = None if ended is None else Episode(**(ended | {"pictures": ended["pictures"].numpy()}))

    def _end(self) -> None:
        steps = len(self._norms)
        if steps:
            shown = []
            if self._pictures and steps <= LONGEST_SHOWN:
                shown = np.linspace(0, steps - 1, min(steps, PICTURES)).round().astype(int).tolist()
            width = self._norms[0].shape[0]
            self._ended = Episode(
                torch.stack(self._norms),
                torch.stack(self._distances) if self._distances else torch.empty(0, width),
                shown,
                np.stack([self._pictures[step].numpy() for step in shown])
                if shown
                else np.empty((0, 0, 0, 3), np.uint8),
            )
        self._memory, self._norms, self._distances, self._pictures = [], [], [], []


def _rounded(values: Tensor) -> list[list[float]]:
    """Round to five digits, enough for a curve: a line of 64 tokens has thousands of numbers."""
    return [[float(f"{value:.5g}") for value in row] for row in values.tolist()]
