"""Start the mini scale's own openvla-7b: a base without memory that every variant starts from (spec 14).

Two stages: the vision towers learn what is where (detector.py); then the whole policy learns to act on what an
instruction names, in fully visible scenes (grounding.py), while the detector goes on beside it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from muvla.checkpoint import preprocessor
from muvla.data.compute_statistics import cached_statistics, joint_entry
from muvla.data.episode import dataset_name
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.statistics import parse_statistics
from muvla.data.text import Tokenizer
from muvla.files import file_sha256
from muvla.model.architecture import Architecture, MemorySettings, Tower
from muvla.model.auxiliary import Detector, Weights
from muvla.model.cell import Cell
from muvla.model.window import Window
from muvla.train.composed.batches import Batcher
from muvla.train.composed.detector import train_towers
from muvla.train.composed.frames import load_frames
from muvla.train.composed.grounding import GroundingSource
from muvla.train.composed.held_out import asked_in_words
from muvla.train.composed.scale import ComposedScale
from muvla.train.composed.scenes import Contents
from muvla.train.composed.standardise import standardise_projector, standardise_towers
from muvla.train.metrics import Metrics
from muvla.train.parallel import Group
from muvla.train.settings import TrainSettings
from muvla.train.start import Budget, Start

SAMPLE = 300  # frames by which towers and projector are scaled


def base_start(config: TrainSettings, settings: MemorySettings, budget: Budget, group: Group) -> Start:
    """Draw weights, load the demonstrations, and train the towers unless a saved state holds them already.

    Raises FileNotFoundError or CorruptRecord saying which demonstrations are missing or damaged; ValueError for several
    processes, and for demonstrations without scenes.
    """
    scale = config.scale
    if not isinstance(scale, ComposedScale):
        raise ValueError(f"scale {scale.name} has no base of ours: it starts from base={config.base}")
    if group.world > 1:
        raise ValueError(f"scale {scale.name} trains in one process; start it without torchrun")
    tokenizer = Tokenizer.mini()
    architecture = mini_architecture(scale)
    names = config.training_environments
    looked_at = [each.environment for each in scale.grounding.looked_at]
    frames = load_frames(
        config.data,
        names,
        looked_at,
        image_size=architecture.image_size,
        chunk=architecture.chunk,
        held_out=scale.held_out,
    )
    datasets = [RldsDataset(Path(config.data) / dataset_name(name)) for name in sorted(names)]
    entry = joint_entry(cached_statistics(datasets, config.data), datasets[0].benchmark)
    tower = architecture.towers[0]
    contents = Contents.of(frames, tower.image_size // tower.patch_size, architecture.cameras)
    cell = new_cell(architecture, settings)
    detector = Detector(architecture.vision_width, len(contents.words))
    if not Path(f"{config.output}.state.pt").is_file():
        metrics = Metrics(Path(f"{config.output}.towers.jsonl"))
        train_towers(cell.vision_backbone, detector, contents, scale.towers, config.seed, metrics)
        metrics.close()
        sample = np.random.default_rng(config.seed).integers(len(frames.images), size=SAMPLE)
        pictures = torch.from_numpy(frames.images[sample])
        standardise_towers(cell.vision_backbone, detector, pictures)
        standardise_projector(cell.projector, cell.vision_backbone, pictures)
    batcher = Batcher(frames, contents, parse_statistics(entry), tokenizer)
    window = Window(cell, Weights(**vars(scale.auxiliary)), detector)
    return Start(
        window,
        GroundingSource(batcher, scale.grounding, batch=budget.slots, seed=config.seed),
        {
            "dataset_statistics.json": entry,
            "preprocessor_config.json": preprocessor(architecture),
            "tokenizer.json": tokenizer.as_json(),
        },
        None,
        [],
        {
            name: file_sha256(Path(config.data) / dataset_name(name) / "collection.json")
            for name in [*names, *looked_at]
        },
        lambda: asked_in_words(window, batcher),
    )


def mini_architecture(scale: ComposedScale) -> Architecture:
    """Read the sizes of the scale's configuration; the vocabulary is the mini tokenizer's."""
    tokenizer = Tokenizer.mini()
    towers = tuple(Tower(**vars(tower) | {"stem": tuple(tower.stem)}) for tower in scale.architecture.towers)
    sizes = vars(scale.architecture) | {"towers": towers}
    return Architecture(vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id, **sizes)


def new_cell(architecture: Architecture, settings: MemorySettings) -> Cell:
    """Draw weights: N(0, 1/fan_in), outputs into the residual stream scaled by 1/sqrt(2 * layers), words N(0, 1)."""
    cell = Cell(architecture, settings)
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            if name.startswith("vision_backbone.") or name == "memory.initial_memory":
                continue
            if name.endswith("embed_tokens.weight"):
                parameter.normal_(0, 1)
            elif parameter.ndim == 2:
                deep = "o_proj" in name or "down_proj" in name
                parameter.normal_(0, 1 / math.sqrt(parameter.shape[1] * (2 * architecture.layers if deep else 1)))
    return cell
