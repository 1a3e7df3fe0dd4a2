"""Small made-up demonstrations, for tests of what stores and reads them."""

from __future__ import annotations

import numpy as np

from muvla.data.episode import Counterfactual, Episode
from muvla.data.scene import Scene

NAME = "remember_color_3_vla_v0"


def make_episode(seed: int, frames: int = 4, size: int = 8, proprio: int = 7) -> Episode:
    rng = np.random.default_rng(seed)
    return Episode(
        environment="RememberColor3",
        instruction="Observe the cube's color, wait.",
        images=rng.integers(0, 256, (frames, 2, size, size, 3), dtype=np.uint8),
        proprio=rng.normal(size=(frames, proprio)).astype(np.float32),
        actions=rng.uniform(-1, 1, (frames, 7)).astype(np.float32),
        file_path=f"seed/{seed}",
    )


def make_counterfactual(seed: int, frames: int = 4, objects: int = 3) -> Counterfactual:
    rng = np.random.default_rng(seed)
    return Counterfactual(
        seed=seed,
        success=bool(seed % 2),
        cue_steps=1 + seed % 5,
        empty_steps=2,
        target=seed % objects,
        names=tuple(f"colour{i} cube" for i in range(objects)),
        positions=rng.normal(size=(objects, 3)).astype(np.float32),
        plans_to=rng.normal(size=(frames, objects, 8, 7)).astype(np.float32),
    )


def make_scene(seed: int, frames: int = 4, objects: int = 3) -> Scene:
    rng = np.random.default_rng(seed)
    return Scene(
        names=tuple(f"colour{i} cube" for i in range(objects)),
        positions=rng.normal(size=(frames, objects, 3)).astype(np.float32),
        visible=rng.integers(0, 2, (frames, objects)).astype(bool),
        cameras=rng.normal(size=(frames, 2, 3, 4)).astype(np.float32),
    )
