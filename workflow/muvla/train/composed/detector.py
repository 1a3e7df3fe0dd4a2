"""Stage 1 of the mini base: its towers learn what is where, from the simulator's state (spec 14).

The paper's towers come pretrained (DINOv2, SigLIP); these start from random weights, and a policy trained end to end on
them did not begin to tell colours apart within minutes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from muvla.model.auxiliary import Detector
from muvla.model.vision import VisionBackbone
from muvla.train.composed.scale import TowerStage
from muvla.train.composed.scenes import Contents
from muvla.train.metrics import Metrics
from muvla.train.optimiser import Optimiser

HELD_OUT = 100  # frames of each environment on which recall is measured


def train_towers(
    vision: VisionBackbone, detector: Detector, contents: Contents, settings: TowerStage, seed: int, metrics: Metrics
) -> None:
    """Fit both towers and the detector to frames whose scene is known, every environment with equal chances.

    Without any (LIBERO) they stay as they are, and learn beside the policy in stage 2 only.
    """
    rng = np.random.default_rng(seed)
    optimiser = Optimiser(nn.ModuleDict({"vision": vision, "detector": detector}), settings.optimiser, settings.updates)
    known = _known(contents, held_out=False)
    if not known:
        return
    for update in tqdm(range(settings.updates), desc="vision towers", unit="update"):
        drawn = _drawn(contents, known, settings.batch, rng)
        loss = detector.loss(vision.features(_pictures(contents, drawn)), contents.seen(drawn))
        optimiser.step(loss)
        metrics.write(update=update + 1, loss=loss.item(), lr=optimiser.lr)
    with torch.no_grad():
        for environment, rows in _known(contents, held_out=True).items():
            drawn = _drawn(contents, {environment: rows}, HELD_OUT, np.random.default_rng(0))
            recall = detector.recall(vision.features(_pictures(contents, drawn)), contents.seen(drawn))
            metrics.write(update=settings.updates, **{f"held_out_{environment}_recall": recall})


def _known(contents: Contents, *, held_out: bool) -> dict[str, list[int]]:
    """Return the numbers of the rows whose scene is known, by environment."""
    rows = contents.frames.rows
    found = {
        environment: [number for number in numbers if rows[number].scene is not None]
        for environment, numbers in contents.frames.by_environment(held_out=held_out).items()
    }
    return {environment: numbers for environment, numbers in found.items() if numbers}


def _drawn(
    contents: Contents, known: dict[str, list[int]], count: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Draw (row, frame of the table), first the environment, then one of its episodes."""
    environments, drawn = list(known), []
    for place in rng.integers(len(environments), size=count).tolist():
        numbers = known[environments[place]]
        number = numbers[rng.integers(len(numbers))]
        row = contents.frames.rows[number]
        drawn.append((number, row.start + int(rng.integers(row.length))))
    return drawn


def _pictures(contents: Contents, drawn: list[tuple[int, int]]) -> Tensor:
    return torch.from_numpy(contents.frames.images[[frame for _, frame in drawn]])
