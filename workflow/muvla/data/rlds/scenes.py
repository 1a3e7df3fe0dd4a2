"""The sidecar scenes.npz of a data set: one Scene per episode, arrays flattened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from muvla.data.rlds.sidecar import load_sidecar
from muvla.data.scene import Scene

SCENES = "scenes.npz"


def save_scenes(file: Path, scenes: Sequence[Scene]) -> None:
    """Write the scenes of all episodes of a data set, in their order."""
    np.savez_compressed(
        file,
        frames=np.array([len(scene) for scene in scenes], np.int32),
        objects=np.array([len(scene.names) for scene in scenes], np.int32),
        names=np.array([name for scene in scenes for name in scene.names], np.str_),
        positions=np.concatenate([scene.positions.reshape(-1, 3) for scene in scenes]),
        visible=np.concatenate([scene.visible.ravel() for scene in scenes]),
        cameras=np.concatenate([scene.cameras for scene in scenes]),
    )


def load_scenes(file: Path, episodes: int) -> list[Scene]:
    """Read the scenes of a data set.

    Raises:
        ValueError: the file is damaged or belongs to another number of episodes.
    """
    return load_sidecar(file, episodes, _scenes)


def _scenes(arrays: dict[str, np.ndarray]) -> list[Scene]:
    frames, objects = arrays["frames"].astype(np.int64), arrays["objects"].astype(np.int64)
    # Where each episode ends in the arrays per object, per object in a frame, and per frame.
    of_objects, of_both, of_frames = (np.cumsum(each)[:-1] for each in (objects, frames * objects, frames))
    return [
        Scene(
            names=tuple(names.tolist()),
            positions=positions.reshape(frames[e], objects[e], 3),
            visible=visible.reshape(frames[e], objects[e]),
            cameras=cameras,
        )
        for e, (names, positions, visible, cameras) in enumerate(
            zip(
                np.split(arrays["names"], of_objects),
                np.split(arrays["positions"], of_both),
                np.split(arrays["visible"], of_both),
                np.split(arrays["cameras"], of_frames),
                strict=True,
            )
        )
    ]
