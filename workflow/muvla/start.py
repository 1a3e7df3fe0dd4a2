"""What a training starts from at each scale: a policy, its data and the files that go into its checkpoints.

mini: the mini base, all of it but the towers trained, on frames in memory (here). paper: openvla-7b with new head,
proprio projector and memory, adapters on the frozen backbone, on recorded episodes (start_recorded.py). Configuration
decides.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from muvla.base import preprocessor
from muvla.batches import Batcher, tower_features
from muvla.budget import Budget
from muvla.data.episode import dataset_name
from muvla.data.frames import load_frames
from muvla.data.images import OPENVLA
from muvla.data.statistics import parse_statistics
from muvla.data.streams import Lengths, Streams
from muvla.data.text import Tokenizer
from muvla.model import checkpoint
from muvla.model.architecture import MemorySettings
from muvla.model.cell import Cell
from muvla.parallel import Group
from muvla.provenance import file_sha256
from muvla.sources import ComposedSource, Source


@dataclass
class Start:
    """files, config, copies: what checkpoint.save is given beside the cell. inputs: hashes of the data."""

    cell: Cell
    source: Source
    files: dict[str, Any]
    config: dict[str, Any] | None
    copies: list[Path]
    inputs: dict[str, str]


def start(config: DictConfig, settings: MemorySettings, budget: Budget, group: Group) -> Start:
    """Raises FileNotFoundError, CheckpointError or CorruptRecord saying what is missing or wrong, and where."""
    from muvla.start_recorded import recorded_start  # the two modules need each other

    kind = config.scale.memory_training.data
    if kind == "composed":
        return _composed(config, settings, budget, group)
    if kind == "recorded":
        return recorded_start(config, settings, budget, group)
    raise ValueError(f"memory_training.data is {kind!r}: choose 'composed' or 'recorded'")


def environments(config: DictConfig) -> list[str]:
    """The variant's own training environments, else the scale's or the command line's."""
    return list(config.variant.environments or config.environments)


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


def memory_settings(config: DictConfig) -> MemorySettings:
    """The variant's memory."""
    return MemorySettings(**OmegaConf.to_container(config.variant.memory, resolve=True))  # type: ignore[arg-type]
