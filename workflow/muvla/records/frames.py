"""Keeps the pictures of one evaluated episode, for the figure and for looking at them."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Strip:
    """The frames to show, with their time steps and labels."""

    frames: np.ndarray  # (F, H, W, 3) uint8, F <= T
    labels: list[str]
    steps: list[int]


def chosen_steps(labels: list[str], limit: int) -> list[int]:
    """At most `limit` of the T steps: the first of every phase and the last step, then the middles of the
    widest gaps.

    ["cue", "cue", "empty", "act", "act", "act", "act"] with limit 5 -> [0, 2, 3, 4, 6]
    """
    last = len(labels) - 1
    changes = [step for step in range(len(labels)) if step == 0 or labels[step] != labels[step - 1]]
    chosen = sorted({*changes[: limit - 1], last})
    while len(chosen) < min(limit, len(labels)):
        widest = max(range(len(chosen) - 1), key=lambda place: chosen[place + 1] - chosen[place])
        chosen.insert(widest + 1, (chosen[widest] + chosen[widest + 1]) // 2)
    return chosen


def read_strip(path: Path | str, limit: int = 8) -> Strip:
    """Read the frames and choose at most `limit` of them.

    Raises FileNotFoundError, or ValueError naming the file and what is wrong in it.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            frames, labels = content["frames"], [str(label) for label in content["labels"]]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        wanted = "an .npz with the arrays frames (T, H, W, 3) uint8 and labels (T,) text"
        raise ValueError(f"{path} is not {wanted}: {error}") from error
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
        raise ValueError(f"{path}: frames are {frames.shape} {frames.dtype}, expected (T, H, W, 3) uint8, T at least 1")
    if len(labels) != len(frames):
        raise ValueError(f"{path}: {len(labels)} labels for {len(frames)} frames")
    steps = chosen_steps(labels, limit)
    return Strip(frames[steps], [labels[step] for step in steps], steps)
