"""What is in which patch of which picture, from the simulator's state (data/scene.py).

T frames of an episode, U of several, n objects, P = side * side patches, W words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from muvla.data.scene import Scene
from muvla.model.auxiliary import NOTHING, Visible
from muvla.train.composed.frames import Frames, Row

NEAREST = 0.02  # metres before a camera: what is closer is behind it or fills its picture


def patches_of(scene: Scene, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the patch of every object's centre, (T, cameras, n), NOTHING where no picture shows it, and where in the
    patch it is, (T, cameras, n, 2) from -1 to 1."""
    seen = scene.projected()
    places = seen[..., :2] * side  # (T, cameras, n, 2), in patches
    inside = ((places >= 0) & (places < side)).all(-1) & (seen[..., 2] > NEAREST) & scene.visible[:, None]
    cells = np.floor(np.where(inside[..., None], places, 0)).astype(np.int64)
    offsets = np.where(inside[..., None], 2 * (places - cells) - 1, 0)
    return np.where(inside, cells[..., 1] * side + cells[..., 0], NOTHING), offsets.astype(np.float32)


def words_of(name: str) -> list[str]:
    """Return what the detector learns of an object's name: not the number that tells two of a kind apart."""
    return [word for word in name.split() if not word.isdigit()]


@dataclass(frozen=True)
class Contents:
    """What the pictures of all frames hold, looked up by frame.

    words: of the objects' names, in their order in the detector's read-out. side: patches of a picture's side.
    """

    frames: Frames
    words: list[str]
    side: int
    cameras: int
    patches: list[np.ndarray | None]  # of each row, (T, cameras, n)
    offsets: list[np.ndarray | None]

    @classmethod
    def of(cls, frames: Frames, side: int, cameras: int) -> Contents:
        found = [None if row.scene is None else patches_of(row.scene, side) for row in frames.rows]
        words = {word for row in frames.rows if row.scene for name in row.scene.names for word in words_of(name)}
        return cls(
            frames,
            sorted(words),
            side,
            cameras,
            [None if each is None else each[0] for each in found],
            [None if each is None else each[1] for each in found],
        )

    def seen(self, drawn: Sequence[tuple[int, int]]) -> Visible:
        """Return what the pictures hold of (row, frame of the table), as the detector learns it."""
        shape = (len(drawn), self.cameras, self.side**2, len(self.words))
        present, offsets = np.zeros(shape, np.float32), np.zeros((*shape, 2), np.float32)
        known = np.zeros(len(drawn), bool)
        for number, (row, frame) in enumerate(drawn):
            scene, places, away = self.frames.rows[row].scene, self.patches[row], self.offsets[row]
            if scene is None or places is None or away is None:
                continue
            known[number] = True
            t = frame - self.frames.rows[row].start
            for camera, thing in np.argwhere(places[t] >= 0).tolist():
                ids = [self.words.index(word) for word in words_of(scene.names[thing])]
                present[number, camera, places[t, camera, thing], ids] = 1
                offsets[number, camera, places[t, camera, thing], ids] = away[t, camera, thing]
        return Visible(torch.from_numpy(present), torch.from_numpy(offsets), torch.from_numpy(known))

    def places(self, row: int, frame: int, target: int) -> np.ndarray:
        """Return the patch of a choice's object in each camera's picture, (cameras,), NOTHING before the choice."""
        chosen, found = self.frames.rows[row], self.patches[row]
        if found is None or not self._asked(chosen, frame):
            return np.full(self.cameras, NOTHING)
        assert chosen.scene is not None
        return found[frame - chosen.start, :, chosen.scene.names.index(chosen.objects[target])]

    @staticmethod
    def _asked(row: Row, frame: int) -> bool:
        return row.chooses and frame - row.start >= row.choice
