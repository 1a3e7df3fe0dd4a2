"""What a training starts from: a policy, its data, and the files of its checkpoints; and how much it trains.

mini: random weights for the base (composed/base.py), and the base for variants, which train all of it but the towers
(composed/start.py), on frames in memory; pi05 puts an action expert beside its language model (flow/start.py). paper:
openvla-7b with new head, proprio projector and memory, adapters on the frozen backbone, on recorded episodes
(recorded/start.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from muvla.model.architecture import MemorySettings
from muvla.model.flow.cell import AnyCell
from muvla.model.flow.window import FlowWindow
from muvla.model.window import Window, WindowBatch
from muvla.train.scale import MemoryTraining


@dataclass
class Start:
    """files, config, copies: what checkpoint.save gets beside the cell. inputs: hashes of the data.

    held_out: measures the window on episodes that are not trained on; None where there are none.
    """

    window: Window | FlowWindow
    source: Source
    files: dict[str, Any]
    config: dict[str, Any] | None
    copies: list[Path]
    inputs: dict[str, str]
    held_out: Callable[[], dict[str, float]] | None = None

    @property
    def cell(self) -> AnyCell:
        """The policy that is trained."""
        return self.window.cell


class Source(Protocol):
    """Hands out windows. Its state belongs to the windows handed out so far: one entry a stream, or one for all."""

    def next_window(self, progress: float) -> WindowBatch: ...
    def state(self) -> list[Any]: ...
    def restore(self, state: list[Any]) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Budget:
    """How much is trained: `slots` streams of each process, windows of `steps` K, `updates` of the optimiser,
    `processes` that train together, and `accumulate` windows whose gradients are added up for one update."""

    slots: int
    steps: int
    updates: int
    processes: int
    accumulate: int = 1

    @property
    def frames_per_update(self) -> int:
        return self.slots * self.steps * self.processes * self.accumulate

    @property
    def frames(self) -> int:
        return self.frames_per_update * self.updates

    @classmethod
    def of(cls, by: str, training: MemoryTraining, memory: MemorySettings, processes: int) -> Budget:
        """Return the budget of a variant with this memory.

        by "updates": as many updates for every K, so K multiplies the frames. by "frames": as many frames for every
        K, so K divides the updates. A scale that states frames_per_update gives every K the same of both.

        Raises ValueError for a frames_per_update that K and the processes do not divide.
        """
        steps, accumulate = memory.window, training.accumulate
        slots = training.slots
        if slots is None:
            assert training.frames_per_update is not None  # one of the two is given, see MemoryTraining
            slots, rest = divmod(training.frames_per_update, steps * processes * accumulate)
            if rest or not slots:
                raise ValueError(
                    f"frames_per_update {training.frames_per_update} is not a multiple of K={steps} times "
                    f"{processes} processes and {accumulate} windows"
                )
        if by == "updates" or training.frames is None:
            return cls(slots, steps, training.updates, processes, accumulate)
        per_update = slots * steps * processes * accumulate
        return cls(slots, steps, max(1, round(training.frames / per_update)), processes, accumulate)
