"""Start of a mini-scale training: the mini base, all of it but the towers trained, on frames in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from omegaconf import DictConfig

from muvla import checkpoint
from muvla.checkpoint.config_files import preprocessor
from muvla.data.episode import dataset_name
from muvla.data.images import OPENVLA
from muvla.data.statistics import parse_statistics
from muvla.data.text import Tokenizer
from muvla.files import file_sha256
from muvla.model.architecture import MemorySettings
from muvla.model.cell import Cell
from muvla.model.vision import tower_features
from muvla.train.composed.batches import Batcher, ComposedSource
from muvla.train.composed.frames import load_frames
from muvla.train.composed.streams import Lengths, Streams
from muvla.train.parallel import Group
from muvla.train.start import Budget, Start, environments


def _composed(config: DictConfig, settings: MemorySettings, budget: Budget, group: Group) -> Start:
    if group.world > 1:
        raise ValueError("memory_training.data=composed is for one process; start it without torchrun")
    base = checkpoint.load(config.base)
    entry = checkpoint.read_json(config.base, "dataset_statistics.json")  # one normalisation for all variants
    names = environments(config)
    sizes = base.architecture
    frames = load_frames(config.data, names, image_size=sizes.image_size, chunk=sizes.chunk)
    cell = start_from(base, settings, cameras=config.variant.cameras)
    cell.vision_backbone.requires_grad_(False)
    features = tower_features(cell.vision_backbone, frames.images, OPENVLA)
    tokenizer = Tokenizer.load(config.base)
    batcher = Batcher(
        frames, features, parse_statistics(entry), tokenizer, first_observation=config.variant.cameras == 3
    )
    streams = Streams(
        frames,
        [Lengths(**stage) for stage in config.scale.memory_training.curriculum],
        slots=budget.slots,
        seed=config.seed,
        shuffled=config.variant.loader == "shuffled",
    )
    return Start(
        cell,
        ComposedSource(batcher, streams, budget.steps),
        {
            "dataset_statistics.json": entry,
            "preprocessor_config.json": preprocessor(cell.architecture),
            "tokenizer.json": tokenizer.as_json(),
        },
        None,
        [],
        {name: file_sha256(Path(config.data) / dataset_name(name) / "collection.json") for name in names},
    )


def start_from(base: Cell, settings: MemorySettings, *, cameras: int) -> Cell:
    """The base's weights under the variant's memory, mask and number of pictures; the memory is new (spec 4.2)."""
    cell = Cell(dataclasses.replace(base.architecture, cameras=cameras), settings)
    missing = cell.load_state_dict(
        {name: value for name, value in base.state_dict().items() if name != "memory.initial_memory"},
        strict=False,
    )
    if missing.unexpected_keys or missing.missing_keys != ["memory.initial_memory"]:
        raise ValueError(f"the base does not fit this variant: {missing}")
    return cell
