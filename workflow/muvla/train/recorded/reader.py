"""From shots of streams to the arrays of one window: read, decode, resize, augment, normalise numbers (spec 3.3-3.5).

K steps, B slots, C chunk, A action, P proprio, S picture side.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from muvla.data.augment import augment, draw_change
from muvla.data.episode import CAMERAS
from muvla.data.images import resize_lanczos3
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.rlds.record import EncodedEpisode
from muvla.data.statistics import Statistics
from muvla.files import Json
from muvla.train.recorded.streams import Shot

OPEN_EPISODES = 64  # encoded, a few MB each: the episodes that a reader is in the middle of


@dataclass(frozen=True)
class WindowArrays:
    """One window as arrays, which pass between processes.

    images (K, B, cameras, S, S, 3) uint8; proprio (K, B, P), actions (K, B, C, A) normalised float32;
    is_first (K, B) bool; instructions: K lists of B; position: the streams' state after this window.
    """

    images: np.ndarray
    proprio: np.ndarray
    actions: np.ndarray
    is_first: np.ndarray
    instructions: list[list[str]]
    position: list[Json]


@dataclass(frozen=True)
class Pictures:
    """What is done to recorded pictures.

    size: S. augmented: crop and colours at random; diagonal: the release's crop. first_observation: the episode's
    first third-person picture as one more camera (spec 5).
    """

    size: int
    augmented: bool = True
    diagonal: bool = False
    first_observation: bool = False
    seed: int = 0


class Reader:
    """reader[(shots, position)] -> WindowArrays. Picklable, so that it can work in other processes.

    statistics: one for each data set (the same one where statistics are joint).
    """

    def __init__(
        self, datasets: Sequence[RldsDataset], statistics: Sequence[Statistics], pictures: Pictures, chunk: int
    ) -> None:
        self.datasets, self.statistics, self.pictures, self.chunk = list(datasets), list(statistics), pictures, chunk
        self._open: OrderedDict[tuple[int, int], EncodedEpisode] = OrderedDict()

    def __getitem__(self, drawn: tuple[Sequence[Sequence[Shot]], list[Json]]) -> WindowArrays:
        """Read a window of K steps of B shots; its position is handed through. Raises CorruptRecord."""
        shots, position = drawn
        steps = [[self._read(shot) for shot in row] for row in shots]
        return WindowArrays(
            images=np.stack([[one[0] for one in row] for row in steps]),
            proprio=np.stack([[one[1] for one in row] for row in steps]),
            actions=np.stack([[one[2] for one in row] for row in steps]),
            is_first=np.array([[shot.is_first for shot in row] for row in shots]),
            instructions=[[one[3] for one in row] for row in steps],
            position=position,
        )

    def _read(self, shot: Shot) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
        episode = self._episode(shot.dataset, shot.episode)
        raw = list(episode.frame(shot.frame))
        if self.pictures.first_observation:
            raw.append(episode.frame(0)[0])
        images = np.stack([self._picture(picture, shot, camera) for camera, picture in enumerate(raw)])
        actions = self.datasets[shot.dataset].benchmark.standardise(episode.actions)
        index = np.minimum(np.arange(shot.frame, shot.frame + self.chunk), len(actions) - 1)
        statistics = self.statistics[shot.dataset]
        return (
            images,
            statistics.proprio.normalise(episode.proprio[shot.frame]).astype(np.float32),
            statistics.action.normalise(actions[index]).astype(np.float32),
            episode.instruction,
        )

    def _picture(self, picture: np.ndarray, shot: Shot, camera: int) -> np.ndarray:
        resized = resize_lanczos3(picture, self.pictures.size)
        if not self.pictures.augmented:
            return resized
        words = (self.pictures.seed, len(CAMERAS) + 1, shot.stream, shot.number, camera)
        rng = np.random.default_rng(np.random.SeedSequence(words))
        return augment(resized, draw_change(rng, diagonal=self.pictures.diagonal))

    def _episode(self, dataset: int, episode: int) -> EncodedEpisode:
        key = (dataset, episode)
        if key not in self._open:
            self._open[key] = self.datasets[dataset].encoded(episode)
            if len(self._open) > OPEN_EPISODES:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return self._open[key]
