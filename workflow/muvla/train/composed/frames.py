"""All demonstrations in memory, as one table of frames (spec 3.3, 14).

N frames of all episodes one after the other, T of one, n objects to choose from, C chunk, A action, P proprio,
S picture side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from muvla.data.episode import CAMERAS, Counterfactual, Episode, dataset_name
from muvla.data.images import resize_lanczos3
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.scene import Scene

MOVED = 0.01  # metres from which on an object counts as moved
SETTLING = 3  # frames of the choice in which cups still fall and slide, before any tool can be there


@dataclass(frozen=True)
class Row:
    """One episode in the table of frames.

    start, length: its frames. cue, empty: lengths of the phases before the choice (0 where there are none).
    objects: what can be touched, "red cube" and the like; one entry, the instruction itself, where nothing is chosen.
    target: index of the true object. labels (length, n, C, A): the expert's next C actions towards each object.
    scene: where everything is, None where nobody recorded it. held_out: measured on, not trained on. acts: actions are
    learned from it, not only what its pictures show.
    """

    environment: str
    instruction: str
    start: int
    length: int
    cue: int
    empty: int
    objects: tuple[str, ...]
    target: int
    labels: np.ndarray
    scene: Scene | None = None
    held_out: bool = False
    acts: bool = True

    @property
    def chooses(self) -> bool:
        """Whether there is something to choose."""
        return len(self.objects) > 1

    @property
    def choice(self) -> int:
        """First frame in which actions have an effect."""
        return self.cue + self.empty

    @cached_property
    def touched(self) -> int:
        """First frame after the true object was moved: from then on the episode is about that object only."""
        if self.scene is None or not self.chooses:
            return self.length
        place = self.scene.positions[:, self.scene.names.index(self.objects[self.target])]  # (T, 3)
        settled = min(self.choice + SETTLING, self.length - 1)
        moved = np.linalg.norm(place - place[settled], axis=1) > MOVED
        return _first(moved & (np.arange(self.length) > settled))

    @cached_property
    def turn(self) -> int:
        """First frame in which the task shows other things than in the first one; the last where none does.

        In TakeItBack the goal changes its colour when it is reached, and the way back has to be remembered.
        """
        if self.scene is None:
            return self.length - 1
        changed = (self.scene.visible != self.scene.visible[0]).any(1)
        return min(_first(changed), self.length - 1)


@dataclass(frozen=True)
class Frames:
    """images (N, 2, S, S, 3) uint8, proprio (N, P) float32 as recorded."""

    rows: list[Row]
    images: np.ndarray
    proprio: np.ndarray

    def label(self, frame: int, row: int, target: int) -> np.ndarray:
        """Return the expert's next actions (C, A) at `frame` of the table, in `row`, towards object `target`."""
        return self.rows[row].labels[frame - self.rows[row].start, target]

    @property
    def environments(self) -> list[str]:
        return sorted({row.environment for row in self.rows})

    def numbers(self, *, held_out: bool) -> list[int]:
        """Return the numbers of the rows to measure on, or of those to train on."""
        return [number for number, row in enumerate(self.rows) if row.held_out == held_out]

    def by_environment(self, *, held_out: bool) -> dict[str, list[int]]:
        """Return the same numbers by environment, in the order of the environments' names."""
        found: dict[str, list[int]] = {}
        for number in self.numbers(held_out=held_out):
            found.setdefault(self.rows[number].environment, []).append(number)
        return dict(sorted(found.items()))


def load_frames(
    root: str | Path,
    environments: Sequence[str],
    looked_at: Sequence[str] = (),
    *,
    image_size: int,
    chunk: int,
    held_out: int,
) -> Frames:
    """Read `root`/<dataset name>/1.0.0 of every environment, in the order given.

    looked_at: further ones, from which no action is learned. held_out: the last episodes of each, at most a fifth, are
    marked so.

    Raises:
        FileNotFoundError: a data set is missing; says which command makes it.
        CorruptRecord: a damaged record, naming shard and offset.
    """
    datasets = [_dataset(Path(root), environment) for environment in (*environments, *looked_at)]
    frames = sum(sum(dataset.lengths) for dataset in datasets)
    cameras = len(CAMERAS)
    images = np.empty((frames, cameras, image_size, image_size, 3), np.uint8)  # in place: they are gigabytes
    rows: list[Row] = []
    proprio: list[np.ndarray] = []
    start = 0
    for place, dataset in enumerate(datasets):
        others: Sequence[Counterfactual | None] = dataset.counterfactuals or [None] * len(dataset)
        scenes: Sequence[Scene | None] = dataset.scenes or [None] * len(dataset)
        first = len(dataset) - min(held_out, len(dataset) // 5)
        for index, (other, scene) in enumerate(zip(others, scenes, strict=True)):
            episode = dataset[index]
            episode = replace(episode, actions=dataset.benchmark.standardise(episode.actions))
            row = _row(episode, other, start, chunk)
            rows.append(replace(row, scene=scene, held_out=index >= first, acts=place < len(environments)))
            images[start : start + len(episode)] = resize_lanczos3(episode.images, image_size)
            proprio.append(episode.proprio)
            start += len(episode)
    return Frames(rows, images, np.concatenate(proprio))


def _dataset(root: Path, environment: str) -> RldsDataset:
    directory = root / dataset_name(environment)
    if not directory.is_dir():
        raise FileNotFoundError(
            f"no demonstrations of {environment} in {directory}: "
            f"make them with `python -m muvla.collect environment={environment} output={root}`"
        )
    return RldsDataset(directory)


def _first(flags: np.ndarray) -> int:
    """Return the number of the first true flag, or how many flags there are."""
    return int(flags.argmax()) if flags.any() else len(flags)


def _row(episode: Episode, other: Counterfactual | None, start: int, chunk: int) -> Row:
    if other is None:
        labels = chunks(episode.actions, chunk)[:, None]  # (T, 1, C, A)
        return Row(
            episode.environment,
            episode.instruction,
            start,
            len(episode),
            0,
            0,
            (episode.instruction,),
            0,
            labels,
        )
    if other.plans_to.shape[2] < chunk:
        raise ValueError(
            f"{episode.file_path} holds plans of {other.plans_to.shape[2]} actions, this policy predicts {chunk}"
        )
    return Row(
        episode.environment,
        episode.instruction,
        start,
        len(episode),
        other.cue_steps,
        other.empty_steps,
        other.names,
        other.target,
        other.plans_to[:, :, :chunk],
    )


def chunks(actions: np.ndarray, chunk: int) -> np.ndarray:
    """Take each frame's next C actions: (T, A) -> (T, C, A), the last one repeated past the end (spec 3.3)."""
    index = np.arange(len(actions))[:, None] + np.arange(chunk)[None]
    return actions[np.minimum(index, len(actions) - 1)]
