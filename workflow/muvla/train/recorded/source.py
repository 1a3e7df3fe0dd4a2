"""Where windows come from: episodes put together from frames in memory (mini), or read as recorded (paper).

Both hand out one WindowBatch after the other and can say, and be told, where they stand. K steps, B slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from muvla.data.images import Normalisation
from muvla.data.rlds.tfrecord import CorruptRecord
from muvla.data.text import Tokenizer
from muvla.model.prompt import Prompt, prompts
from muvla.model.window import WindowBatch
from muvla.train.recorded.reader import Reader, WindowArrays
from muvla.train.recorded.streams import EpisodeStreams, FrameStreams, Shot


@dataclass
class RecordedSource:
    """Paper: `workers` background processes read, decode and augment windows ahead; their order stays that of drawing.

    workers=0 reads in this process. A damaged record raises CorruptRecord here, wherever it was read.
    """

    reader: Reader
    streams: EpisodeStreams | FrameStreams
    steps: int
    tokenizer: Tokenizer
    normalisation: Normalisation
    device: torch.device
    workers: int = 0
    _position: list[Any] | None = None
    _windows: Iterator[WindowArrays | CorruptRecord] | None = None
    _prompts: dict[tuple[str, ...], Prompt] = field(default_factory=dict)

    def next_window(self, progress: float) -> WindowBatch:
        if self._windows is None:
            self._windows = iter(
                DataLoader(
                    Caught(self.reader),  # type: ignore[arg-type]
                    batch_size=None,
                    sampler=_Drawn(self.streams.next_step, self.streams.state, self.steps),
                    collate_fn=unchanged,
                    num_workers=self.workers,
                    multiprocessing_context="spawn" if self.workers else None,
                    prefetch_factor=2 if self.workers else None,
                    generator=torch.Generator(),  # else it would draw from the global one
                )
            )
        arrays = next(self._windows)
        if isinstance(arrays, CorruptRecord):
            raise arrays
        self._position = arrays.position
        return WindowBatch(
            proprio=torch.from_numpy(arrays.proprio).to(self.device),
            actions=torch.from_numpy(arrays.actions).to(self.device),
            is_first=torch.from_numpy(arrays.is_first).to(self.device),
            prompts=[self._prompt(tuple(row)) for row in arrays.instructions],
            pixels=normalised(torch.from_numpy(arrays.images).to(self.device), self.normalisation),
        )

    def state(self) -> list[Any]:
        return self.streams.state() if self._position is None else self._position

    def restore(self, state: list[Any]) -> None:
        """Before the first window: what workers read ahead cannot be taken back."""
        if self._windows is not None:
            raise RuntimeError("a source is restored before its first window")
        self.streams.restore(state)

    def close(self) -> None:
        """Stop the background processes."""
        self._windows = None

    def _prompt(self, instructions: tuple[str, ...]) -> Prompt:
        if instructions not in self._prompts:
            self._prompts = {instructions: prompts(self.tokenizer, instructions).to(self.device)}
        return self._prompts[instructions]


@dataclass(frozen=True)
class Caught:
    """A reader whose damaged records come back as values: exceptions of other processes lose their type on the way."""

    reader: Reader

    def __getitem__(self, drawn: tuple[Sequence[Sequence[Shot]], Any]) -> WindowArrays | CorruptRecord:
        try:
            return self.reader[drawn]
        except CorruptRecord as error:
            return error


@dataclass(frozen=True)
class _Drawn:
    """Endless windows of shots, each with the streams' position after it."""

    step: Callable[[], list[Shot]]
    state: Callable[[], list[Any]]
    steps: int

    def __iter__(self) -> Iterator[tuple[list[list[Shot]], list[Any]]]:
        while True:
            shots = [self.step() for _ in range(self.steps)]
            yield shots, self.state()


def unchanged(window: Any) -> Any:
    """No collation: a window is complete as it was read."""
    return window


def normalised(images: Tensor, normalisation: Normalisation) -> Tensor:
    """images (K, B, cameras, S, S, 3) uint8 -> (K, B, cameras * towers * 3, S, S) float32, as images.pack_pixels."""
    means, stds = (
        torch.from_numpy(np.array(rows, np.float32)).to(images.device)[:, :, None, None]
        for rows in (normalisation.means, normalisation.stds)
    )  # (towers, 3, 1, 1)
    levels = images.movedim(-1, -3).float() / 255  # (K, B, cameras, 3, S, S)
    return ((levels[..., None, :, :, :] - means) / stds).flatten(2, 4)
