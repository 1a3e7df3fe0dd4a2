"""Composed episodes as B parallel streams, each an endless sequence of episodes (spec 3.3, 14).

An episode of a Remember task is put together anew each time it is shown: an object is drawn, then cue frames of an
episode that showed it, empty frames, and a stretch of some episode's choice phase, labelled with the expert's actions
towards the drawn object. Shown as recorded, the arm's own motion would give the answer away after one step, and a
policy learns to follow the arm instead of remembering (spec 14). Other tasks are shown as recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from muvla.files import Json
from muvla.train.composed.frames import Frames, Row


@dataclass(frozen=True)
class Lengths:
    """Lengths of composed episodes, as inclusive ranges of frames, until this share of the training is done."""

    until: float
    cue: tuple[int, int]
    empty: tuple[int, int]
    choice: tuple[int, int]


@dataclass(frozen=True)
class Step:
    """One frame of a stream: its number in the table, the row and object it is labelled with, the episode's first."""

    frame: int
    row: int
    target: int
    is_first: bool
    first_frame: int


class Streams:
    """`slots` streams with one random generator; `next_step()` gives every slot's next frame.

    shuffled=True is the frame-shuffled loader of the plain OpenVLA-OFT column (spec 3.6): the same episodes, of each
    only one random frame, so consecutive steps have nothing to do with one another.
    """

    def __init__(
        self, frames: Frames, curriculum: Sequence[Lengths], *, slots: int, seed: int, shuffled: bool = False
    ) -> None:
        self.frames, self.curriculum, self.shuffled = frames, list(curriculum), shuffled
        self.rng = np.random.default_rng(seed)
        self.queues: list[list[Step]] = [[] for _ in range(slots)]
        self.environments = frames.environments
        self.by_environment: dict[str, list[int]] = {}
        self.cues: dict[tuple[str, str], list[int]] = {}  # episodes that showed an object
        for number, row in enumerate(frames.rows):
            self.by_environment.setdefault(row.environment, []).append(number)
            self.cues.setdefault((row.environment, row.objects[row.target]), []).append(number)

        # Start each slot at a different offset: equally long episodes would stay in phase, and batches would hold only
        # cues or only choices.
        for number in range(slots):
            episode = self._episode(0.0)
            self.queues[number] = episode[number % len(episode) :]

    def next_step(self, progress: float) -> list[Step]:
        """Draw one frame for every slot. progress in [0, 1]: the share of the training that is done."""
        step = []
        for queue in self.queues:
            if not queue:
                queue.extend(self._episode(progress))
            step.append(queue.pop(0))
        return step

    def state(self) -> Json:
        """Return everything needed to go on exactly here, as plain numbers, lists and dicts."""
        queues = [[(s.frame, s.row, s.target, s.is_first, s.first_frame) for s in queue] for queue in self.queues]
        return {"rng": self.rng.bit_generator.state, "queues": queues}

    def restore(self, state: Json) -> None:
        self.rng.bit_generator.state = state["rng"]
        self.queues = [[Step(*fields) for fields in queue] for queue in state["queues"]]

    def _episode(self, progress: float) -> list[Step]:
        environment = self.environments[self.rng.integers(len(self.environments))]
        numbers = self.by_environment[environment]
        number = numbers[self.rng.integers(len(numbers))]
        row = self.frames.rows[number]
        if len(row.objects) > 1:
            shown = self._composed(number, row, next(x for x in self.curriculum if progress <= x.until))
        else:
            shown = [(row.start + t, number, 0) for t in range(row.length)]
        steps = [Step(*frame, is_first=i == 0, first_frame=shown[0][0]) for i, frame in enumerate(shown)]
        return [steps[self.rng.integers(len(steps))]] if self.shuffled else steps

    def _composed(self, number: int, row: Row, lengths: Lengths) -> list[tuple[int, int, int]]:
        target = int(self.rng.integers(len(row.objects)))
        same = self.cues.get((row.environment, row.objects[target]))
        if not same:  # a small set may never have shown it
            target, same = row.target, [number]
        cue = same[self.rng.integers(len(same))]
        cue_row = self.frames.rows[cue]
        shown = [(cue_row.start + min(t, cue_row.cue - 1), cue, cue_row.target) for t in range(self._draw(lengths.cue))]
        empty = row.start + row.cue + self.rng.integers(row.empty, size=self._draw(lengths.empty))
        shown += [(int(frame), number, target) for frame in empty]
        first = row.choice
        if self.rng.random() > 0.3:  # else at the first frame, the only one that needs memory when the arm moves on
            first = int(self.rng.integers(row.choice, row.length))
        last = min(row.length, first + self._draw(lengths.choice))
        return shown + [(row.start + t, number, target) for t in range(first, last)]

    def _draw(self, bounds: tuple[int, int]) -> int:
        return int(self.rng.integers(bounds[0], bounds[1] + 1))
