"""Composed episodes as B parallel streams, each an endless sequence of episodes (spec 3.3, 14).

Where there is something to choose, an episode is put together anew each time it is shown: an object is drawn, then cue
frames of an episode that showed it, empty frames, and a stretch of some episode's choice phase, labelled with the
expert's actions towards the drawn object. Shown as recorded, the arm's own motion would give the answer away after one
step, and a policy learns to follow the arm instead of remembering (spec 14). Other tasks are shown as recorded, or in
stretches; where the task shows something new on the way (TakeItBack), after the first frame, which must be remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from muvla.files import Json
from muvla.train.composed.frames import Frames, Row
from muvla.train.composed.scale import CurriculumStage, MemoryAids, Share

BEGINNING = 0.3  # share of stretches of a choice that begin with its first frame, the one that needs memory
OPENING = 0.2  # share of other stretches that begin with the episode's first frame
LONGEST_STRIDE = 3  # frames from one shown to the next, on the way back
NO_AIDS = MemoryAids()


@dataclass(frozen=True)
class Step:
    """One frame of a stream: its number in the table, the row and object it is labelled with, the episode's first.

    rehearsed: it reads the object's words from its memory slots.
    """

    frame: int
    row: int
    target: int
    is_first: bool
    first_frame: int
    rehearsed: bool = False


class Streams:
    """`slots` streams with one random generator; `next_step()` gives every slot's next frame.

    shuffled=True is the frame-shuffled loader of the plain OpenVLA-OFT column (spec 3.6): the same episodes, of each
    only one random frame, so consecutive steps have nothing to do with one another.
    """

    def __init__(
        self,
        frames: Frames,
        curriculum: Sequence[CurriculumStage],
        shares: Sequence[Share] = (),
        aids: MemoryAids = NO_AIDS,
        *,
        slots: int,
        seed: int,
        shuffled: bool = False,
    ) -> None:
        self.frames, self.curriculum, self.aids, self.shuffled = frames, list(curriculum), aids, shuffled
        self.rng = np.random.default_rng(seed)
        self.queues: list[list[Step]] = [[] for _ in range(slots)]
        self.environments = frames.environments
        self.shares = relative(shares, self.environments)
        self.by_environment = frames.by_environment(held_out=False)
        self.cues: dict[tuple[str, str], list[int]] = {}  # episodes that showed an object
        for number in frames.numbers(held_out=False):
            row = frames.rows[number]
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

    def stage(self, progress: float) -> CurriculumStage:
        """Return the curriculum's stage at this share of the training."""
        return next(stage for stage in self.curriculum if progress <= stage.until)

    def state(self) -> Json:
        """Return everything needed to go on exactly here, as plain numbers, lists and dicts."""
        queues = [[astuple(step) for step in queue] for queue in self.queues]
        return {"rng": self.rng.bit_generator.state, "queues": queues}

    def restore(self, state: Json) -> None:
        self.rng.bit_generator.state = state["rng"]
        self.queues = [[Step(*fields) for fields in queue] for queue in state["queues"]]

    def _episode(self, progress: float) -> list[Step]:
        environment = self.environments[self.rng.choice(len(self.environments), p=self.shares)]
        numbers = self.by_environment[environment]
        number = numbers[self.rng.integers(len(numbers))]
        row = self.frames.rows[number]
        stage = self.stage(progress)
        shown = self._composed(number, row, stage) if row.chooses else self._stretch(number, row, stage)
        share = self.aids.rehearsal * self.aids.left(progress) if row.chooses else 0.0
        steps = []
        for i, (frame, of, target) in enumerate(shown):
            cue = frame - self.frames.rows[of].start < self.frames.rows[of].cue
            rehearsed = i > 0 and not cue and self.rng.random() < share
            steps.append(Step(frame, of, target, i == 0, shown[0][0], bool(rehearsed)))
        if self.shuffled:
            chosen = steps[self.rng.integers(len(steps))]
            return [replace(chosen, is_first=True)]
        return steps

    def _composed(self, number: int, row: Row, lengths: CurriculumStage) -> list[tuple[int, int, int]]:
        target = int(self.rng.integers(len(row.objects)))
        same = self.cues.get((row.environment, row.objects[target]))
        if not same:  # a small set may never have shown it
            target, same = row.target, [number]
        cue = same[self.rng.integers(len(same))]
        cue_row = self.frames.rows[cue]
        shown = [(cue_row.start + min(t, cue_row.cue - 1), cue, cue_row.target) for t in range(self._draw(lengths.cue))]
        if row.empty:
            empty = row.start + row.cue + self.rng.integers(row.empty, size=self._draw(lengths.empty))
            shown += [(int(frame), number, target) for frame in empty]
        end = row.length if target == row.target else row.touched
        first = row.choice
        if self.rng.random() > BEGINNING and end > row.choice:
            first = int(self.rng.integers(row.choice, end))
        last = min(max(end, first + 1), first + self._draw(lengths.choice))
        return shown + [(row.start + t, number, target) for t in range(first, last)]

    def _stretch(self, number: int, row: Row, lengths: CurriculumStage) -> list[tuple[int, int, int]]:
        if lengths.stretch is None:
            return [(row.start + t, number, 0) for t in range(row.length)]
        count = self._draw(lengths.stretch)
        if row.turn < row.length - 1:
            first = int(self.rng.integers(row.turn + 1))
            times = [0, *range(first, row.length, int(self.rng.integers(1, LONGEST_STRIDE + 1)))][: count + 1]
        else:
            first = 0 if self.rng.random() < OPENING else int(self.rng.integers(row.length))
            times = list(range(first, min(row.length, first + count)))
        return [(row.start + t, number, 0) for t in times]

    def _draw(self, bounds: tuple[int, int]) -> int:
        return int(self.rng.integers(bounds[0], bounds[1] + 1))


def relative(shares: Sequence[Share], environments: Sequence[str]) -> np.ndarray:
    """Return the share of each environment, their sum 1; those that `shares` does not name have as much as 1.

    Raises ValueError when all are 0.
    """
    named = {each.environment: each.share for each in shares}
    weights = np.array([named.get(name, 1.0) for name in environments])
    if not weights.sum():
        raise ValueError(f"the shares of {', '.join(environments)} are all 0: nothing would be shown")
    return weights / weights.sum()
