"""Windows of recorded episodes, read ahead by background processes. K steps, B slots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch.utils.data import DataLoader

from muvla.data.rlds.tfrecord import CorruptRecord
from muvla.data.text import Tokenizer
from muvla.files import Json
from muvla.model.prompt import Prompt, prompts
from muvla.model.window import WindowBatch
from muvla.train.recorded.reader import Reader, WindowArrays
from muvla.train.recorded.streams import EpisodeStreams, FrameStreams, Shot


@dataclass
class RecordedSource:
    """Windows of the paper scale: `workers` processes read, decode and augment ahead; the order stays that of drawing.

    workers=0 reads in this process. A damaged record raises CorruptRecord here, wherever it was read.
    """

    reader: Reader
    streams: EpisodeStreams | FrameStreams
    steps: int
    tokenizer: Tokenizer
    device: torch.device
    workers: int = 0
    _position: list[Json] | None = None
    _windows: Iterator[WindowArrays | CorruptRecord] | None = None
    _prompts: dict[tuple[str, ...], Prompt] = field(default_factory=dict)

    def next_window(self, progress: float) -> WindowBatch:
        if self._windows is None:
            self._windows = iter(
                DataLoader(
                    Caught(self.reader),  # type: ignore[arg-type]
                    batch_size=None,
                    sampler=_Drawn(self.streams.next_step, self.streams.state, self.steps),
                    collate_fn=unchanged,  # type: ignore[arg-type]
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
            images=torch.from_numpy(arrays.images).to(self.device),
        )

    def state(self) -> list[Json]:
        return self.streams.state() if self._position is None else self._position

    def restore(self, state: list[Json]) -> None:
        """Go on from a saved position. Raises RuntimeError after the first window: what is read ahead stays read."""
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
    """A reader that returns CorruptRecord as a value: exceptions of other processes lose their type on the way."""

    reader: Reader

    def __getitem__(self, drawn: tuple[Sequence[Sequence[Shot]], list[Json]]) -> WindowArrays | CorruptRecord:
        try:
            return self.reader[drawn]
        except CorruptRecord as error:
            return error


@dataclass(frozen=True)
class _Drawn:
    """Endless windows of shots, each with the streams' position after it."""

    step: Callable[[], list[Shot]]
    state: Callable[[], list[Json]]
    steps: int

    def __iter__(self) -> Iterator[tuple[list[list[Shot]], list[Json]]]:
        while True:
            shots = [self.step() for _ in range(self.steps)]
            yield shots, self.state()


def unchanged(window: WindowArrays | CorruptRecord) -> WindowArrays | CorruptRecord:
    """Collate nothing: a window is complete as it was read."""
    return window
