"""How much a training sees: slots of each process, steps of a window, frames of an update, updates (spec 4.2, P27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from muvla.model.architecture import MemorySettings


@dataclass(frozen=True)
class Budget:
    """slots: of one process; steps: K; updates: of the optimiser; processes that train together."""

    slots: int
    steps: int
    updates: int
    processes: int

    @property
    def frames_per_update(self) -> int:
        return self.slots * self.steps * self.processes

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
        steps = memory.window
        if settings.get("frames_per_update"):
            slots, rest = divmod(settings.frames_per_update, steps * processes)
            if rest or not slots:
                raise ValueError(
                    f"frames_per_update {settings.frames_per_update} is not a multiple of K={steps} times "
                    f"{processes} processes"
                )
        else:
            slots = settings.slots
        per_update = slots * steps * processes
        frames = settings.get("frames")
        if by == "updates" or frames is None:
            return cls(slots, steps, settings.updates, processes)
        return cls(slots, steps, max(1, round(frames / per_update)), processes)
