"""Start a mini-scale training: the mini base, all of it but the towers trained, on frames in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from muvla.checkpoint import StoredPolicy, load
from muvla.data.episode import dataset_name
from muvla.files import file_sha256
from muvla.model.architecture import MemorySettings
from muvla.model.auxiliary import Weights
from muvla.model.cell import Cell
from muvla.model.flow.window import FlowWindow
from muvla.model.window import Window
from muvla.train.composed.batches import Batcher, ComposedSource
from muvla.train.composed.features import kept_features
from muvla.train.composed.frames import load_frames
from muvla.train.composed.held_out import carried_over
from muvla.train.composed.scale import ComposedScale
from muvla.train.composed.scenes import Contents
from muvla.train.composed.streams import Streams
from muvla.train.parallel import Group
from muvla.train.settings import TrainSettings
from muvla.train.start import Budget, Start


def composed_start(config: TrainSettings, settings: MemorySettings, budget: Budget, group: Group) -> Start:
    """Load base and frames, and run the frozen towers once over every frame.

    Raises FileNotFoundError, CheckpointError or CorruptRecord saying what is missing or wrong, and where; ValueError
    for several processes.
    """
    assert isinstance(config.scale, ComposedScale)
    base = StoredPolicy(config.base)
    cell = start_from(load(base), settings, cameras=config.variant.cameras)
    return start_on(config, base, Window(cell, weights_of(config.scale)), budget, group)


def weights_of(scale: ComposedScale) -> Weights:
    """Return the weights of the losses beside the paper's, the same for every variant."""
    auxiliary = scale.auxiliary
    return Weights(auxiliary.naming, auxiliary.pointing, memory_naming=scale.memory_training.aids.naming)


def start_on(
    config: TrainSettings, base: StoredPolicy, window: Window | FlowWindow, budget: Budget, group: Group
) -> Start:
    """Freeze the window's towers, load the frames, and run the towers once over every one of them.

    Raises as composed_start.
    """
    assert isinstance(config.scale, ComposedScale)
    if group.world > 1:
        raise ValueError(f"scale {config.scale.name} trains in one process; start it without torchrun")
    training, cell = config.scale.memory_training, window.cell
    names = config.training_environments
    sizes = cell.architecture
    frames = load_frames(
        config.data, names, image_size=sizes.image_size, chunk=sizes.chunk, held_out=config.scale.held_out
    )
    cell.vision_backbone.requires_grad_(False)
    features = kept_features(cell.vision_backbone, frames.images, Path(config.data))
    frames = dataclasses.replace(frames, images=frames.images[:0])  # they are gigabytes, and seen
    tower = sizes.towers[0]
    batcher = Batcher(
        frames,
        Contents.of(frames, tower.image_size // tower.patch_size, base.architecture.cameras),
        base.normalisation(),  # one for all variants
        base.tokenizer,
        features,
        first_observation=config.variant.cameras == 3,
    )
    streams = Streams(
        frames,
        training.curriculum,
        training.shares,
        training.aids,
        slots=budget.slots,
        seed=config.seed,
        shuffled=config.variant.loader == "shuffled",
    )
    return Start(
        window,
        ComposedSource(batcher, streams, budget.steps),
        {
            "dataset_statistics.json": base.statistics,
            "preprocessor_config.json": base.preprocessor,
            "tokenizer.json": base.tokenizer.as_json(),
        },
        None,
        [],
        {name: file_sha256(Path(config.data) / dataset_name(name) / "collection.json") for name in names},
        lambda: carried_over(window, batcher),
    )


def start_from(base: Cell, settings: MemorySettings, *, cameras: int) -> Cell:
    """Put the base's weights under the variant's mask and number of pictures, with a new memory (spec 5).

    Raises ValueError when they do not fit.
    """
    cell = Cell(
        dataclasses.replace(base.architecture, cameras=cameras),
        settings,
        preprocessing=base.vision_backbone.preprocessing,
    )
    missing = cell.load_state_dict(
        {name: value for name, value in base.state_dict().items() if name != "memory.initial_memory"},
        strict=False,
    )
    if missing.unexpected_keys or missing.missing_keys != ["memory.initial_memory"]:
        raise ValueError(f"the base does not fit this variant: {missing}")
    return cell
