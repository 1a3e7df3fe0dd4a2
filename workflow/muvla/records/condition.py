"""The condition that an evaluation tests: what a control changes against the table's own cell (spec 10)."""

from __future__ import annotations

from dataclasses import dataclass

from muvla.records.settings import Settings


@dataclass(frozen=True)
class Condition:
    """How the policy and the environment were run: interventions on the memory, chunk lengths, delays, colours."""

    mode: str  # "receding" or "open_loop"
    steps: int | None  # actions run of a chunk: 1 re-planned at every step; None: the whole chunk in open loop
    memory: str  # "active", "zero", "noise" or "freeze_first"
    phases: int | None  # steps of the cue phase and of the empty phase; None: as the environment draws them
    unseen_colours: int  # colours replaced by colours that no training showed
    named: bool = False  # the goal was named in the instruction

    @property
    def is_standard(self) -> bool:
        """Whether a table's own cell may be run like this; everything else is a control."""
        whole_chunks = self.mode == "receding" or not self.steps
        return self.memory == "active" and self.environment_unchanged and whole_chunks and not self.named

    @property
    def environment_unchanged(self) -> bool:
        """Whether delays and colours are the environment's own."""
        return self.phases is None and not self.unseen_colours


def condition_of(settings: Settings) -> Condition:
    """Read the condition from the settings of a record file; delays and colours stand in the simulator's part."""
    simulator = settings["simulator"]
    return Condition(
        mode=settings["mode"],
        steps=1 if settings["mode"] == "receding" else settings.get("open_loop_steps"),
        memory=settings["memory"],
        phases=simulator.get("phases"),
        unseen_colours=len(simulator.get("unseen_colours", ())),
        named=settings.get("named", False),
    )
