"""Where everything is in the frames of one episode: what the simulator knows and the pictures show.

Letters: T frames, n objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scene:
    """The objects of one episode in every frame, and the cameras that look at them.

    Attributes:
        names: of the objects, (n), unique: colour and kind in lower case ("red cube", "lime t_shape", "violet target"),
            kind alone where colours do not vary ("torus"), place and kind for cups ("left cup").
        positions: (T, n, 3) float32, metres, as in the simulator; what the task hides is often parked 1000 m up.
        visible: (T, n) bool, shown by the task; the robot may still be in front of it, or it outside of the picture.
        cameras: (T, cameras, 3, 4) float32, from homogeneous world coordinates to the picture: after division by the
            third coordinate (metres in front of the camera) u to the right and v down lie in [0, 1] in the picture.

    Raises:
        ValueError: shapes or types that do not fit together.
    """

    names: tuple[str, ...]
    positions: np.ndarray
    visible: np.ndarray
    cameras: np.ndarray

    def __post_init__(self) -> None:
        frames, objects = len(self.positions), len(self.names)
        fits = (
            self.positions.shape == (frames, objects, 3)
            and self.visible.shape == (frames, objects)
            and self.cameras.ndim == 4
            and (len(self.cameras), *self.cameras.shape[2:]) == (frames, 3, 4)
            and self.positions.dtype == self.cameras.dtype == np.float32
            and self.visible.dtype == np.bool_
            and len(set(self.names)) == objects
        )
        if not fits:
            raise ValueError(
                f"scene of {self.names}: positions {self.positions.shape} {self.positions.dtype}, visible"
                f" {self.visible.shape} {self.visible.dtype}, cameras {self.cameras.shape} {self.cameras.dtype} do not"
                " fit (T, n, 3) float32, (T, n) bool, (T, cameras, 3, 4) float32"
            )

    def __len__(self) -> int:
        return len(self.positions)

    def projected(self) -> np.ndarray:
        """Project every object into every picture: (T, cameras, n, 3) float32 of u, v and metres before the camera.

        u and v mean nothing where the third is not positive: behind the camera.
        """
        homogeneous = np.concatenate([self.positions, np.ones_like(self.positions[..., :1])], axis=2)  # (T, n, 4)
        seen = np.einsum("tcij,tnj->tcni", self.cameras, homogeneous)
        depth = seen[..., 2:]
        return np.concatenate([seen[..., :2] / np.where(depth == 0, 1, depth), depth], axis=3).astype(np.float32)
