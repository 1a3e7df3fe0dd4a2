"""What the base and its variants do on episodes that they are not trained on.

Errors are of the first action's x and y as recorded (an action of 1 is 0.1 m in MIKASA-Robo), beside that of the median
of all right answers. "nearest": the share of first actions that are nearest to the right object's among those towards
every object. B sequences, C chunk, A action dimensions, m memory tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from muvla.model.auxiliary import pointing, word_scores
from muvla.model.cell import STOP_ID, StepOutput
from muvla.model.flow.window import FlowWindow
from muvla.model.window import Window
from muvla.train.composed.batches import Batcher
from muvla.train.composed.frames import Row
from muvla.train.composed.grounding import hinted, window_of
from muvla.train.composed.streams import Step

GAPS = ((1, 0), (3, 3), (5, 5))  # cue frames and empty frames before the choice
FRAMES = 5  # of an episode without a choice, for the base
STRIDE = 3  # frames from one to the next of those that a variant goes through
HINTS = 2  # words before the prompt in every second episode; in the others a sentence names the object


@torch.no_grad()
def asked_in_words(window: Window, batcher: Batcher) -> dict[str, float]:
    """Measure the base, asked for every object of held-out scenes in words, by environment."""
    rng = np.random.default_rng(0)
    found: dict[str, float] = {}
    right, shown = 0.0, 0
    for environment, numbers in batcher.frames.by_environment(held_out=True).items():
        rows = [(number, batcher.frames.rows[number]) for number in numbers]
        choosing = rows[0][1].chooses
        steps: list[Step] = []
        encoded: list[list[int]] = []
        for place, (number, row) in enumerate(rows):
            if choosing:
                asked = [(row.choice, target) for target in range(len(row.objects))]
                encoded += [hinted(batcher, row, target, HINTS * (place % 2)) for _, target in asked]
            else:
                asked = [(int(t), 0) for t in rng.integers(row.length, size=FRAMES)]
                encoded += [batcher.tokenizer.encode(row.instruction)] * FRAMES
            steps += [Step(row.start + t, number, target, True, row.start) for t, target in asked]
        batch = window_of(batcher, steps, encoded)
        output = window.step(batch, window.cell.memory.start(len(steps)), patches=choosing)
        found |= _errors(environment, batcher, steps, output)
        if choosing and batch.aids is not None and output.patches is not None:
            pointer = window.cell.language_model.embed_tokens.weight[STOP_ID]
            share = pointing(output.patches, batch.aids.places[0], pointer)[1].item()
            right, shown = right + share * len(steps), shown + len(steps)
            found |= _named(environment, window, batcher, numbers)
    return found | ({"held_out_pointing_right": right / shown} if shown else {})


@torch.no_grad()
def carried_over(window: Window | FlowWindow, batcher: Batcher) -> dict[str, float]:
    """Measure a variant: choices after a cue of another episode and a gap; elsewhere whole episodes, by environment."""
    found: dict[str, float] = {}
    cues: dict[tuple[str, str], int] = {}
    for number in batcher.frames.numbers(held_out=False):
        row = batcher.frames.rows[number]
        cues.setdefault((row.environment, row.objects[row.target]), number)
    for environment, numbers in batcher.frames.by_environment(held_out=True).items():
        rows = [(number, batcher.frames.rows[number]) for number in numbers]
        if not rows[0][1].chooses:
            shortest = min(row.length for _, row in rows)
            memory = window.cell.memory.start(len(rows))
            steps: list[Step] = []
            outputs: list[StepOutput] = []
            for t in range(0, shortest, STRIDE):
                now = [Step(row.start + t, number, 0, t == 0, row.start) for number, row in rows]
                output, memory = _carry(window, batcher, now, memory)
                steps, outputs = steps + now, [*outputs, output]
            actions = torch.cat([output.actions for output in outputs])
            found |= _errors(environment, batcher, steps, StepOutput(actions, memory, actions))
            continue
        asked = [
            (number, row, target, cues[environment, name])
            for number, row in rows
            for target, name in enumerate(row.objects)
            if (environment, name) in cues
        ]
        for cue, empty in GAPS if asked else ():
            output, steps = _after_a_gap(window, batcher, asked, cue, empty)
            errors = _errors(environment, batcher, steps, output)
            found |= {f"{name}_after_{cue}_{empty}": value for name, value in errors.items() if "nearest" in name}
            if not window.cell.settings.num_mem_tokens:
                break  # nothing is carried: all gaps are the same
    return found


def _after_a_gap(
    window: Window | FlowWindow, batcher: Batcher, asked: Sequence[tuple[int, Row, int, int]], cue: int, empty: int
) -> tuple[StepOutput, list[Step]]:
    """Show cue frames of one episode, empty frames and the first of the choice of another: the last step's output."""
    rows = batcher.frames.rows
    memory = window.cell.memory.start(len(asked))
    output: StepOutput | None = None
    steps: list[Step] = []
    for k in range(cue + empty + 1):
        steps = []
        for number, row, target, shown in asked:
            first = rows[shown].start
            if k < cue:
                steps.append(Step(first + min(k, rows[shown].cue - 1), shown, rows[shown].target, k == 0, first))
            elif k < cue + empty and row.empty:
                frame = row.start + row.cue + min(k - cue, row.empty - 1)
                steps.append(Step(frame, number, target, False, first))
            else:  # tasks without an empty phase go on to the choice at once, and stay at its first frame
                steps.append(Step(row.start + row.choice, number, target, False, first))
        output, memory = _carry(window, batcher, steps, memory)
    assert output is not None
    return output, steps


def _carry(
    window: Window | FlowWindow, batcher: Batcher, steps: list[Step], memory: Tensor
) -> tuple[StepOutput, Tensor]:
    batch = batcher.steps([steps])
    memory_in = window.cell.memory.reset(memory, batch.is_first[0])
    output = window.step(batch, memory_in)
    return output, window.cell.memory.update(memory_in, output.memory)


def _errors(environment: str, batcher: Batcher, steps: Sequence[Step], output: StepOutput) -> dict[str, float]:
    """Compare first actions (B, C, A) of the output with the labels of `steps`."""
    predicted = batcher.statistics.action.unnormalise(output.actions.double().numpy())[:, 0]  # (B, A)
    right = np.stack([batcher.frames.label(step.frame, step.row, step.target)[0] for step in steps])
    found = {
        f"held_out_{environment}_xy": float(np.abs(predicted - right)[:, :2].mean()),
        f"held_out_{environment}_median": float(np.abs(right - np.median(right, axis=0))[:, :2].mean()),
    }
    rows = batcher.frames.rows
    if rows[steps[0].row].chooses:
        nearest = []
        for step, action in zip(steps, predicted, strict=True):
            row = rows[step.row]
            towards = row.labels[step.frame - row.start, :, 0, :3]  # (n, 3)
            nearest.append(int(np.abs(towards - action[:3]).sum(1).argmin()) == step.target)
        found[f"held_out_{environment}_nearest"] = float(np.mean(nearest))
    return found


def _named(environment: str, window: Window, batcher: Batcher, numbers: Sequence[int]) -> dict[str, float]:
    """Measure the share of cues that are named rightly, all words of the name being the most likely ones."""
    rows = [batcher.frames.rows[number] for number in numbers]
    steps = [Step(row.start, number, row.target, True, row.start) for number, row in zip(numbers, rows, strict=True)]
    batch = batcher.steps([steps])
    text = window.step(batch, window.cell.memory.start(len(steps))).text
    scores = word_scores(text, window.cell.language_model.embed_tokens.weight)
    right = []
    for row, score in zip(rows, scores, strict=True):
        words = batcher.words[row.objects[row.target]]
        right.append(set(score.topk(len(words)).indices.tolist()) == set(words))
    return {f"held_out_{environment}_named": float(np.mean(right))}
