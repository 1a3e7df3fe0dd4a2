"""What a training starts from at each scale: a policy, its data and the files that go into its checkpoints.

mini: the mini base, all of it but the towers trained, on frames in memory (here). paper: openvla-7b with new head,
proprio projector and memory, adapters on the frozen backbone, on recorded episodes (start_recorded.py). Configuration
decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from muvla.model.architecture import MemorySettings
from muvla.model.cell import Cell
from muvla.model.window import WindowBatch


@dataclass
class Start:
    """files, config, copies: what checkpoint.save is given beside the cell. inputs: hashes of the data."""

    cell: Cell
    source: Source
    files: dict[str, Any]
    config: dict[str, Any] | None
    copies: list[Path]
    inputs: dict[str, str]


def environments(config: DictConfig) -> list[str]:
    """The variant's own training environments, else the scale's or the command line's."""
    return list(config.variant.environments or config.environments)


def memory_settings(config: DictConfig) -> MemorySettings:
    """The variant's memory."""
    return MemorySettings(**OmegaConf.to_container(config.variant.memory, resolve=True))  # type: ignore[arg-type]


class Source(Protocol):
    """state: a list, one entry a stream or one for all of a process's; it belongs to the windows handed out so far."""

    def next_window(self, progress: float) -> WindowBatch: ...
    def state(self) -> list[Any]: ...
    def restore(self, state: list[Any]) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Budget:
    """slots: of one process; steps: K; updates: of the optimiser; processes that train together; windows whose
    gradients are added up for one update."""

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
    def of(cls, by: str, settings: Any, memory: MemorySettings, processes: int) -> Budget:
        """settings: memory_training of a scale.

        by "updates": as many updates for every K, so K multiplies the frames. by "frames": as many frames for every
        K, so K divides the updates. A scale that states frames_per_update gives every K the same of both.

        Raises ValueError for another word, or a frames_per_update that K and the processes do not divide.
        """
        if by not in ("updates", "frames"):
            raise ValueError(f"budget is {by!r}: choose 'updates' or 'frames'")
        steps, accumulate = memory.window, settings.get("accumulate", 1)
        if accumulate < 1:
            raise ValueError(f"accumulate is {accumulate}: an update needs at least one window")
        if settings.get("frames_per_update"):
            slots, rest = divmod(settings.frames_per_update, steps * processes * accumulate)
            if rest or not slots:
                raise ValueError(
                    f"frames_per_update {settings.frames_per_update} is not a multiple of K={steps} times "
                    f"{processes} processes and {accumulate} windows"
                )
        else:
            slots = settings.slots
        per_update = slots * steps * processes * accumulate
        frames = settings.get("frames")
        if by == "updates" or frames is None:
            return cls(slots, steps, settings.updates, processes, accumulate)
        return cls(slots, steps, max(1, round(frames / per_update)), processes, accumulate)
