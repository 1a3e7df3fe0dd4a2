"""What an evaluation asked of its policy beside the table's own question, read from the question of its records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """The part of a question in which controls differ from the table (spec 10: interventions, chunks, probes)."""

    mode: str  # "receding" or "open_loop"
    steps: int | None  # actions run of a chunk: 1 re-planned at every step; None: the whole chunk in open loop
    memory: str  # "active", "zero", "noise" or "freeze_first"
    phases: int | None  # steps of the cue phase and of the empty phase; None: as the environment draws them
    unseen_colours: int  # colours replaced by others that no training showed

    @property
    def usual(self) -> bool:
        """Whether a table's own cell may ask this."""
        return self.memory == "active" and self.as_the_environment_is and (self.mode == "receding" or not self.steps)

    @property
    def as_the_environment_is(self) -> bool:
        """Whether delays and colours are the environment's own."""
        return self.phases is None and not self.unseen_colours


def asked(question: Mapping[str, Any]) -> Asked:
    """Read the question of a record file (provenance.py); the simulator's part holds the probes (sim/novelty.py)."""
    simulator = question["simulator"]
    return Asked(
        mode=question["mode"],
        steps=1 if question["mode"] == "receding" else question.get("open_loop_steps"),
        memory=question["memory"],
        phases=simulator.get("phases"),
        unseen_colours=len(simulator.get("unseen_colours", ())),
    )
