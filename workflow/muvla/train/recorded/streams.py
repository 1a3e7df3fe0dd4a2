"""Recorded episodes as parallel streams (spec 3.3), and all their frames in random order (spec 3.6).

Every draw is a function of the seed, the stream's number among ALL streams of the run, and a counter. So it does not
matter how many processes share the streams, and a position is a few small numbers. Within one pass over a data set no
episode (no frame) is given to two streams.

The release seeds by process and lets each stream walk all episodes through a shuffle buffer of 200; which episode
comes when differs, the distribution (environments uniform per episode, then every episode once a pass) does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from muvla.files import Json

_ENVIRONMENTS, _EPISODES, _FRAMES = 0, 1, 2  # first word of the seeds of three kinds of draws


@dataclass(frozen=True)
class Shot:
    """One frame of one stream: data set, episode and frame; `stream` and `number` (its n-th shot) seed augmentation."""

    dataset: int
    episode: int
    frame: int
    is_first: bool
    stream: int
    number: int


@dataclass
class _Position:
    """Where a stream stands: episodes begun, of each data set how many, the current episode and its next frame."""

    begun: int
    taken: list[int]
    dataset: int
    episode: int
    frame: int
    number: int


class EpisodeStreams:
    """Streams `first` to `first + slots - 1` of `total`; `next_step()` gives each one's next frame."""

    def __init__(self, lengths: Sequence[Sequence[int]], *, slots: int, first: int, total: int, seed: int) -> None:
        """lengths: frames of every episode of every data set.

        Raises ValueError for a data set without episodes.
        """
        if not lengths or not all(len(episodes) for episodes in lengths):
            raise ValueError("streams need data sets with at least one episode each")
        self.lengths, self.first, self.total, self.seed = lengths, first, total, seed
        self.positions = [_Position(0, [0] * len(lengths), 0, 0, 0, 0) for _ in range(slots)]
        for slot in range(slots):
            self._begin(slot)

    def next_step(self) -> list[Shot]:
        """Draw one shot of every stream, in their order."""
        return [self._next(slot) for slot in range(len(self.positions))]

    def state(self) -> list[Json]:
        """Return everything needed to go on exactly here, one entry per stream."""
        return [vars(position) | {"taken": list(position.taken)} for position in self.positions]

    def restore(self, state: Sequence[Json]) -> None:
        """Go on from a saved state. Raises ValueError for that of another number of streams."""
        if len(state) != len(self.positions):
            raise ValueError(f"the saved position is that of {len(state)} streams, here are {len(self.positions)}")
        self.positions = [_Position(**(entry | {"taken": list(entry["taken"])})) for entry in state]

    def _next(self, slot: int) -> Shot:
        at = self.positions[slot]
        length = self.lengths[at.dataset][at.episode]
        shot = Shot(at.dataset, at.episode, at.frame, at.frame == 0, self.first + slot, at.number)
        at.frame += 1
        at.number += 1
        if at.frame == length:
            self._begin(slot)
        return shot

    def _begin(self, slot: int) -> None:
        at, stream = self.positions[slot], self.first + slot
        at.dataset = int(_rng(self.seed, _ENVIRONMENTS, stream, at.begun).integers(len(self.lengths)))
        at.episode = self._episode(at.dataset, stream, at.taken[at.dataset])
        at.taken[at.dataset] += 1
        at.begun += 1
        at.frame = 0

    def _episode(self, dataset: int, stream: int, taken: int) -> int:
        """Find the stream's `taken`-th episode of a data set, in its share of a shuffle that all streams know."""
        count = len(self.lengths[dataset])
        if count < self.total:  # too few to go round: every stream walks all of them, in its own order
            order = _shuffled(count, self.seed, _EPISODES, dataset, taken // count, stream + 1)
            return int(order[taken % count])
        share = (count - stream - 1) // self.total + 1
        order = _shuffled(count, self.seed, _EPISODES, dataset, taken // share, 0)
        return int(order[stream + self.total * (taken % share)])


class FrameStreams:
    """The frame-shuffled loader: every frame once a pass, in one order that all streams share among them.

    drop_last: leave out that many frames at the end of every episode (the release drops the 7 whose chunk of actions
    would have to be padded, and with them every episode that is not longer).
    """

    def __init__(
        self, lengths: Sequence[Sequence[int]], *, slots: int, first: int, total: int, seed: int, drop_last: int = 0
    ) -> None:
        """Raises ValueError when no frame is left."""
        self.slots, self.first, self.total, self.seed = slots, first, total, seed
        kept = [
            (dataset, episode, max(length - drop_last, 0))
            for dataset, episodes in enumerate(lengths)
            for episode, length in enumerate(episodes)
        ]
        self.ends = np.cumsum([length for _, _, length in kept])
        self.kept = kept
        self.number = 0
        if not kept or self.ends[-1] == 0:
            raise ValueError(f"no frame is left after dropping the last {drop_last} of every episode")

    def next_step(self) -> list[Shot]:
        """Draw one shot of every stream, in their order; all are first frames, for nothing comes before them."""
        frames = int(self.ends[-1])
        shots = []
        for stream in range(self.first, self.first + self.slots):
            place = self.number * self.total + stream
            chosen = int(_shuffled(frames, self.seed, _FRAMES, place // frames)[place % frames])
            row = int(np.searchsorted(self.ends, chosen, side="right"))
            dataset, episode, length = self.kept[row]
            frame = chosen - (int(self.ends[row]) - length)
            shots.append(Shot(dataset, episode, frame, True, stream, self.number))
        self.number += 1
        return shots

    def state(self) -> list[Json]:
        """Return the position, one entry per stream."""
        return [{"number": self.number} for _ in range(self.slots)]

    def restore(self, state: Sequence[Json]) -> None:
        if len(state) != self.slots:
            raise ValueError(f"the saved position is that of {len(state)} streams, here are {self.slots}")
        self.number = int(state[0]["number"])


def _rng(*words: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(words))


@lru_cache(maxsize=64)
def _shuffled(count: int, *words: int) -> np.ndarray:
    return _rng(*words).permutation(count)
