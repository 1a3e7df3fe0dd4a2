"""Keeps the pictures of one evaluated episode, for the figure and for looking at them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Film:
    """What the policy sees of episode 0, its cameras one above the other; written as .npz when the episode ends."""

    episode = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames: list[np.ndarray] = []
        self.labels: list[str] = []

    def look(self, slots: Sequence[Any], images: np.ndarray) -> None:
        """images (N, 2, H, W, 3): remember what the policy sees of the episode."""
        for number, slot in enumerate(slots):
            if slot.episode == self.episode:
                self._add(images[number], str(slot.info["phase"]))

    def end(self, image: np.ndarray, slot: Any) -> None:
        """image (2, H, W, 3): how the episode ended. Writes the file."""
        self._add(image, str(slot.info["phase"]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.path, frames=np.stack(self.frames), labels=np.array(self.labels))

    def _add(self, image: np.ndarray, label: str) -> None:
        self.frames.append(np.concatenate(list(image), axis=0))  # (2H, W, 3)
        self.labels.append(label)
