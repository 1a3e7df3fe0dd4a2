"""`python -m muvla.cue_swap checkpoint=DIR`: is a failure one of memory or of grounding?

Takes a minute and needs no simulator. At the first frame after the objects appear the arm has not moved yet, so only
the memory says where to go. Two numbers answer the question (spec 14): the error of the sideways action (y) there, and
how that action changes when the cue's object is swapped for another one. A policy that remembers and finds the object
has a small error and follows the swap. One that remembers but cannot find the object follows it with a large error; the
action of one without memory does not change at all.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from muvla import checkpoint
from muvla.data.episode import CAMERAS, dataset_name
from muvla.files import file_sha256, write_json
from muvla.model.cell import Cell
from muvla.options import command, option
from muvla.provenance import describe_run
from muvla.train.composed.batches import Batcher
from muvla.train.composed.features import frozen_features
from muvla.train.composed.frames import Frames, load_frames
from muvla.train.composed.scenes import Contents
from muvla.train.composed.streams import Step

Y = 1  # the action dimension that tells objects in a row apart


@dataclass
class CueSwapSettings:
    """Options of `python -m muvla.cue_swap`."""

    checkpoint: str = option("checkpoints/mini/m64_k2", "The checkpoint folder.")
    environment: str = option("RememberColor3", "The environment whose demonstrations are used.")
    data: str = option("results/data", "Folder of the demonstrations, as `python -m muvla.collect` writes them.")
    episodes: int = option(
        50, "Demonstrations to use; every object in each of them serves as the cue once.", at_least=1
    )
    cue: int = option(3, "Frames of cue.", at_least=1)
    empty: int = option(3, "Empty frames between cue and choice.", at_least=0)
    output: str | None = option(
        None, "File to write (JSON); null: results/probes/<name of the checkpoint folder>/<environment>.json."
    )
    threads: int = option(2, "CPU threads for linear algebra.", at_least=1)


def main() -> None:
    command(CueSwapSettings, write, __doc__)


def write(settings: CueSwapSettings) -> None:
    """Print the result and write it with its provenance."""
    torch.set_num_threads(settings.threads)
    result = cue_swap(settings)
    demonstrations = Path(settings.data) / dataset_name(settings.environment) / "collection.json"
    made = describe_run(
        command="muvla.cue_swap",
        config=dataclasses.asdict(settings),
        data={settings.environment: file_sha256(demonstrations)},
    )
    output = settings.output or f"results/probes/{Path(settings.checkpoint).name}/{settings.environment}.json"
    write_json(Path(output), {**result, **made})
    for name, value in result.items():
        print(f"{name:32} {value:.3f}" if isinstance(value, float) else f"{name:32} {value}")


def cue_swap(settings: CueSwapSettings) -> dict[str, Any]:
    """Return the numbers described above.

    They are taken over every (episode, object) pair of the demonstrations whose object some demonstration showed as its
    cue. y_error: mean |predicted - expert's| sideways action, in action units (1 is 0.1 m); y_error_of_median: that of
    always answering the median; swap_change: mean change of the prediction when the cue is swapped;
    follows_swap: share of pairs in which the prediction then lies nearer to the swapped object's action.
    """
    policy = checkpoint.StoredPolicy(settings.checkpoint)
    cell = checkpoint.load(policy)
    size, chunk = cell.architecture.image_size, cell.architecture.chunk
    frames = load_frames(settings.data, [settings.environment], image_size=size, chunk=chunk, held_out=0)
    features = frozen_features(cell.vision_backbone, frames.images)
    third = cell.architecture.cameras == 3
    contents = Contents.of(frames, size // cell.architecture.towers[0].patch_size, len(CAMERAS))
    batcher = Batcher(frames, contents, policy.normalisation(), policy.tokenizer, features, first_observation=third)
    shown = shown_as_cue(frames)
    pairs, swapped = [], []
    for number, row in enumerate(frames.rows[: settings.episodes]):
        known = [target for target, name in enumerate(row.objects) if name in shown]
        if len(known) > 1:
            pairs += [(number, target) for target in known]
            swapped += known[1:] + known[:1]
    if not pairs:
        raise ValueError(
            f"the demonstrations of {settings.environment} show fewer than two different cues: collect more of them, "
            "or use a Remember* environment"
        )
    predicted = first_choice(cell, batcher, pairs, [target for _, target in pairs], settings.cue, settings.empty)
    other = first_choice(cell, batcher, pairs, swapped, settings.cue, settings.empty)
    labels = np.array([_label(frames, number, target) for number, target in pairs])
    targets = np.array([_label(frames, n, target) for (n, _), target in zip(pairs, swapped, strict=True)])
    return {
        "checkpoint": Path(settings.checkpoint).name,
        "checkpoint_sha256": checkpoint.sha256(settings.checkpoint),
        "environment": settings.environment,
        "pairs": len(pairs),
        "y_error": float(np.abs(predicted - labels).mean()),
        "y_error_of_median": float(np.abs(np.median(labels) - labels).mean()),
        "swap_change": float(np.abs(other - predicted).mean()),
        "follows_swap": float((np.abs(other - targets) < np.abs(other - labels)).mean()),
    }


@torch.no_grad()
def first_choice(
    cell: Cell, batcher: Batcher, pairs: list[tuple[int, int]], cues: list[int], cue: int, empty: int
) -> np.ndarray:
    """Return the sideways action (len(pairs),) at each first choice frame, after `cue` frames of object `cues[i]`."""
    frames, rng, shown = batcher.frames, np.random.default_rng(0), shown_as_cue(batcher.frames)
    sequences: list[list[Step]] = []
    for (number, _), target in zip(pairs, cues, strict=True):
        row = frames.rows[number]
        source = shown[row.objects[target]]
        other = source[rng.integers(len(source))]
        start = frames.rows[other].start
        steps = [Step(start, other, frames.rows[other].target, t == 0, start) for t in range(cue)]
        steps += [Step(row.start + row.cue, number, target, False, start) for _ in range(empty)]
        sequences.append([*steps, Step(row.start + row.choice, number, target, False, start)])
    memory: Tensor = cell.memory.start(len(pairs))
    for column in zip(*sequences, strict=True):
        batch = batcher.steps([column])
        assert batch.features is not None
        vision = cell.projector(batch.features[0])
        output = cell.step(vision, batch.proprio[0], batch.prompts[0], memory)
        memory = cell.memory.update(memory, output.memory)
    actions = batcher.statistics.action.unnormalise(output.actions.double().numpy())
    return actions[:, 0, Y]


def shown_as_cue(frames: Frames) -> dict[str, list[int]]:
    """Return the episodes that showed each object as their cue, by its name."""
    shown: dict[str, list[int]] = {}
    for number, row in enumerate(frames.rows):
        if len(row.objects) > 1:
            shown.setdefault(row.objects[row.target], []).append(number)
    return shown


def _label(frames: Frames, number: int, target: int) -> float:
    row = frames.rows[number]
    return float(row.labels[row.choice, target, 0, Y])


if __name__ == "__main__":
    main()
