"""Stage 2 of the mini base: single frames with an instruction, in which everything can be seen; no memory (spec 14).

Where there is something to choose, a frame of the choice phase is used once for every object, so that only the object's
name tells the labels apart. Elsewhere frames are labelled as demonstrated. B sequences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from muvla.data.text import naming
from muvla.files import Json
from muvla.model.prompt import padded
from muvla.model.window import WindowBatch
from muvla.train.composed.batches import Batcher
from muvla.train.composed.frames import Row
from muvla.train.composed.scale import GroundingStage, Share
from muvla.train.composed.streams import Step, relative

CUES = 0.4  # share of drawn frames of a choice that are of its cue phase, under the task's own prompt
BEGINNING = 0.2  # share of the others that are the first of the choice phase
ASKED = 0.4  # share of the others whose objects are named in the prompt itself
LOOKED_AT = 4  # objects of a scene from which no action is learned: nothing has to tell all of them apart at once
HINTS = 5  # at most so many words stand before the prompt in the rest, where memory tokens will stand


class GroundingSource:
    """Windows of one step of `batch` sequences, drawn anew each time; at first of the stage's opening alone."""

    def __init__(self, batcher: Batcher, stage: GroundingStage, *, batch: int, seed: int) -> None:
        self.batcher, self.size, self.opening_until = batcher, batch, stage.opening_until
        self.rng = np.random.default_rng(seed)
        self.environments = batcher.frames.environments
        self.shares = relative([*stage.shares, *stage.looked_at], self.environments)
        # A training on other environments, as LIBERO's is, has no opening.
        opening = [Share(name, float(name in stage.opening)) for name in self.environments]
        named = any(each.share for each in opening)
        self.opening = relative(opening, self.environments) if named else self.shares
        self.rows = batcher.frames.by_environment(held_out=False)

    def next_window(self, progress: float) -> WindowBatch:
        """Draw one step; the environment that lags furthest behind its share comes next."""
        steps: list[Step] = []
        encoded: list[list[int]] = []
        left = (self.opening if progress < self.opening_until else self.shares) * self.size
        while len(steps) < self.size:
            place = int(left.argmax())
            numbers = self.rows[self.environments[place]]
            drawn = self._drawn(numbers[self.rng.integers(len(numbers))])[: self.size - len(steps)]
            left[place] -= len(drawn)
            steps += [step for step, _ in drawn]
            encoded += [ids for _, ids in drawn]
        return window_of(self.batcher, steps, encoded)

    def state(self) -> list[Json]:
        return [{"rng": self.rng.bit_generator.state}]

    def restore(self, state: list[Json]) -> None:
        self.rng.bit_generator.state = state[0]["rng"]

    def close(self) -> None:
        """Nothing to stop."""

    def _drawn(self, number: int) -> list[tuple[Step, list[int]]]:
        """Draw a frame of a row, and what is asked of it: (step, prompt's ids) for every object."""
        row, rng, encode = self.batcher.frames.rows[number], self.rng, self.batcher.tokenizer.encode
        if not row.chooses:
            return [
                (Step(row.start + int(rng.integers(row.length)), number, 0, True, row.start), encode(row.instruction))
            ]
        if row.cue and rng.random() < CUES:
            step = Step(row.start + int(rng.integers(row.cue)), number, row.target, True, row.start)
            return [(step, encode(row.instruction))]
        t = row.choice if rng.random() < BEGINNING else int(rng.integers(row.choice, row.length))
        targets = rng.permutation(len(row.objects)).tolist() if t < row.touched else [row.target]
        if not row.acts:
            targets = targets[:LOOKED_AT]
        hints = 0 if rng.random() < ASKED else int(rng.integers(1, HINTS + 1))
        return [
            (Step(row.start + t, number, target, True, row.start), hinted(self.batcher, row, target, hints))
            for target in targets
        ]


def hinted(batcher: Batcher, row: Row, target: int, hints: int) -> list[int]:
    """Encode what is asked: the words of object `target` before the task's prompt, at least `hints` of them; with 0
    hints, a sentence that names it."""
    name = row.objects[target]
    if not hints:
        return batcher.tokenizer.encode(naming(row.instruction, name))
    bos, *task = batcher.tokenizer.encode(row.instruction)
    words = batcher.words[name]
    return [bos, *(words[place % len(words)] for place in range(max(hints, len(words)))), *task]


def window_of(batcher: Batcher, steps: Sequence[Step], encoded: Sequence[list[int]]) -> WindowBatch:
    """Make a window of one step from frames and their prompts' ids."""
    labels = np.stack([batcher.frames.label(step.frame, step.row, step.target) for step in steps])
    prompt = padded(batcher.tokenizer, encoded)
    return batcher.batch(steps, labels, [prompt], torch.ones(1, len(steps), dtype=torch.bool))
