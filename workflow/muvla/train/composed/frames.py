"""All demonstrations in memory, as one table of frames (spec 3.3, 14).

N frames of all episodes one after the other, n objects on the table, C chunk, A action, P proprio, S picture side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from muvla.data.episode import Counterfactual, Episode, dataset_name
from muvla.data.images import resize_lanczos3
from muvla.data.rlds.dataset import RldsDataset
from muvla.model.vision import VisionBackbone

BLOCK = 256  # frames that go through the towers together


@dataclass(frozen=True)
class Row:
    """One episode in the table of frames.

    start, length: its frames. cue, empty: lengths of the phases before the choice (0 where there are none).
    objects: what can be touched, "red cube" and the like; one entry, the instruction itself, where nothing is chosen.
    target: index of the true object. labels (length, n, C, A): the expert's next C actions towards each object.
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

    def word(self, target: int) -> str:
        """Name object `target` among the others in one word: its colour, or its shape where colours do not vary."""
        return self.objects[target].split()[0]

    @property
    def choice(self) -> int:
        """First frame in which actions have an effect."""
        return self.cue + self.empty


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


def load_frames(root: str | Path, environments: Sequence[str], *, image_size: int, chunk: int) -> Frames:
    """Read `root`/<dataset name>/1.0.0 of every environment, in the order given.

    Raises:
        FileNotFoundError: a data set is missing; says which command makes it.
        CorruptRecord: a damaged record, naming shard and offset.
    """
    rows: list[Row] = []
    images: list[np.ndarray] = []
    proprio: list[np.ndarray] = []
    start = 0
    for environment in environments:
        directory = Path(root) / dataset_name(environment)
        if not directory.is_dir():
            raise FileNotFoundError(
                f"no demonstrations of {environment} in {directory}: "
                f"make them with `python -m muvla.collect environment={environment} output={root}`"
            )
        dataset = RldsDataset(directory)
        others: Sequence[Counterfactual | None] = dataset.counterfactuals or [None] * len(dataset)
        for index, other in enumerate(others):
            episode = dataset[index]
            episode = replace(episode, actions=dataset.benchmark.standardise(episode.actions))
            rows.append(_row(episode, other, start, chunk))
            images.append(resize_lanczos3(episode.images, image_size))
            proprio.append(episode.proprio)
            start += len(episode)
    return Frames(rows, np.concatenate(images), np.concatenate(proprio))


@torch.no_grad()
def frozen_features(vision: VisionBackbone, images: np.ndarray) -> Tensor:
    """Run frozen towers once per frame: images (N, cameras, S, S, 3) uint8 -> features (N, cameras, P, W0+W1)."""
    blocks = (images[start : start + BLOCK] for start in range(0, len(images), BLOCK))
    return torch.cat([vision.features(torch.from_numpy(block)) for block in blocks])


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
