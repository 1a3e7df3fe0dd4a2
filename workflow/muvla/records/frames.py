"""Frames of an evaluated episode: what the policy saw at every step, and the key frames that a figure shows."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from muvla.files import replacing


class Slot(Protocol):
    """The part of an evaluation's slot that is read here."""

    episode: int

    @property
    def info(self) -> Mapping[str, object]:
        """Return the info of the simulator; info["phase"] is "cue", "empty" or "act"."""


class FrameRecorder:
    """Record what the policy sees of one episode, cameras one above the other; written as .npz when the episode ends.

    The file holds frames (T + 1, N*H, W, 3) uint8 and labels (T + 1,), the phase of each frame.
    """

    episode = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames: list[np.ndarray] = []
        self.labels: list[str] = []

    def record(self, slots: Sequence[Slot], images: np.ndarray) -> None:
        """Keep the frame of the slot that runs the episode; images (B, N, H, W, 3), B slots of N cameras."""
        for number, slot in enumerate(slots):
            if slot.episode == self.episode:
                self._add(images[number], slot)

    def finish(self, image: np.ndarray, slot: Slot) -> None:
        """Add the last frame, image (N, H, W, 3), and write the file. Raises OSError as replacing() does."""
        self._add(image, slot)
        with replacing(self.path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, frames=np.stack(self.frames), labels=np.array(self.labels))

    def _add(self, image: np.ndarray, slot: Slot) -> None:
        self.frames.append(np.concatenate(list(image), axis=0))  # (N*H, W, 3)
        self.labels.append(str(slot.info["phase"]))


@dataclass(frozen=True)
class KeyFrames:
    """The frames of an episode that a figure shows, with their time steps and labels."""

    frames: np.ndarray  # (F, H, W, 3) uint8, F <= T
    labels: list[str]
    steps: list[int]


def key_steps(labels: list[str], limit: int) -> list[int]:
    """Choose at most `limit` of the T steps: the first of every phase and the last, then the middle of the widest gap.

    ["cue", "cue", "empty", "act", "act", "act", "act"] with limit 5 -> [0, 2, 3, 4, 6]
    """
    last = len(labels) - 1
    changes = [step for step in range(len(labels)) if step == 0 or labels[step] != labels[step - 1]]
    chosen = sorted({*changes[: limit - 1], last})
    while len(chosen) < min(limit, len(labels)):
        widest = max(range(len(chosen) - 1), key=lambda place: chosen[place + 1] - chosen[place])
        chosen.insert(widest + 1, (chosen[widest] + chosen[widest + 1]) // 2)
    return chosen


def read_key_frames(path: Path | str, limit: int = 8) -> KeyFrames:
    """Read the file of a FrameRecorder and choose at most `limit` frames.

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
    steps = key_steps(labels, limit)
    return KeyFrames(frames[steps], [labels[step] for step in steps], steps)
