"""One demonstration in memory, and the names of data sets.

Letters: T frames, H and W pixels, P proprio width, A action width (7), n objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muvla.benchmark.benchmark import benchmark_of

CAMERAS = ("image", "wrist_image")  # third-person first, wrist second, everywhere (spec 1.1, 3.1)


def dataset_name(name: str) -> str:
    """Return the directory of an environment's demonstrations; a data set's own name stays as it is.

    RememberColor3 -> remember_color_3_vla_v0; libero_object/3 -> libero_object_task_3_scripted (spec 3.1).

    Raises:
        ValueError: neither an environment nor a data set of any benchmark.
    """
    environment = benchmark_of(name).environments.get(name)
    return name if environment is None else environment.dataset


def environment_name(dataset: str) -> str:
    """Return the environment whose demonstrations these are; `dataset` itself where it holds a suite's.

    Raises:
        ValueError: a data set of no benchmark.
    """
    environments = benchmark_of(dataset).environments.values()
    return next((each.name for each in environments if each.dataset == dataset), dataset)


@dataclass(frozen=True)
class Episode:
    """One demonstration (spec 3.1, 3.2).

    Attributes:
        environment: MIKASA environment without its id's suffix ("RememberColor3"), or LIBERO's data set name.
        instruction: as stored, not lower-cased.
        images: (T, 2, H, W, 3) uint8, third-person camera first, then wrist.
        proprio: (T, P) float32; MIKASA: tcp xyz in metres, roll-pitch-yaw, sum of the finger joints.
        actions: (T, A) float32, as stored; LIBERO's gripper still has its raw sign.
        file_path: where the episode came from, free text.

    Raises:
        ValueError: shapes or types that do not fit together.
    """

    environment: str
    instruction: str
    images: np.ndarray
    proprio: np.ndarray
    actions: np.ndarray
    file_path: str

    def __post_init__(self) -> None:
        where = f"episode {self.file_path or self.environment!r}"
        images, frames = self.images, len(self.actions)
        if images.ndim != 5 or images.shape[1] != len(CAMERAS) or images.shape[4] != 3 or images.dtype != np.uint8:
            raise ValueError(f"{where}: images must be (T, 2, H, W, 3) uint8, not {images.shape} {images.dtype}")
        for name, array in (("proprio", self.proprio), ("actions", self.actions)):
            if array.ndim != 2 or array.dtype != np.float32:
                raise ValueError(f"{where}: {name} must be (T, width) float32, not {array.shape} {array.dtype}")
        if not frames or len(images) != frames or len(self.proprio) != frames:
            counts = f"{len(images)} images, {len(self.proprio)} proprio, {frames} actions"
            raise ValueError(f"{where}: needs the same number of frames, at least one, but has {counts}")

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class Counterfactual:
    """What the expert would have done towards every object of one episode of a choice (spec 14).

    Attributes:
        seed: reset seed of the episode.
        success: whether the episode as executed succeeded.
        cue_steps, empty_steps: pictures of the two phases before the choice; in ShellGame those that show the ball,
            up to one more than the simulator counts.
        target: index of the true object.
        names: of the objects, as in data.scene.Scene.
        positions: (n, 3) float32, metres, in the first picture of the choice.
        plans_to: (T, n, C, 7) float32, the expert's next C actions towards object j from where the arm is at frame t.

    Raises:
        ValueError: shapes that do not fit together, or a target that is no object.
    """

    seed: int
    success: bool
    cue_steps: int
    empty_steps: int
    target: int
    names: tuple[str, ...]
    positions: np.ndarray
    plans_to: np.ndarray

    def __post_init__(self) -> None:
        objects = len(self.positions)
        fits = (
            self.positions.shape == (objects, 3)
            and self.plans_to.ndim == 4
            and self.plans_to.shape[1::2] == (objects, 7)
            and len(self.names) == objects
            and 0 <= self.target < objects
        )
        if not fits:
            raise ValueError(
                f"counterfactual of seed {self.seed}: {len(self.names)} names, target {self.target}, positions"
                f" {self.positions.shape}, plans {self.plans_to.shape} do not fit (n, below n, (n, 3), (T, n, C, 7))"
            )
