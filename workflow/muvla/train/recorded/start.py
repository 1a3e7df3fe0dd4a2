"""Start a paper-scale training: openvla-7b, adapters, recorded episodes (spec 3.3-3.6, 4.2, 4.4)."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from muvla.checkpoint import StoredPolicy, load_to_train
from muvla.data.compute_statistics import cached_statistics, common_benchmark, joint_entry, separate_entries
from muvla.data.episode import dataset_name
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.rlds.tfrecord import CorruptRecord
from muvla.data.statistics import parse_statistics
from muvla.model.architecture import MemorySettings
from muvla.model.cell import Cell
from muvla.model.lora import LoraSettings, add_adapters
from muvla.model.window import Window
from muvla.train.parallel import Group
from muvla.train.recorded.reader import Pictures, Reader
from muvla.train.recorded.source import RecordedSource
from muvla.train.recorded.streams import EpisodeStreams, FrameStreams
from muvla.train.scale import RecordedTraining
from muvla.train.settings import TrainSettings
from muvla.train.start import Budget, Start

UNPADDED = 7  # the release's frame-shuffled loader leaves out frames whose chunk would be padded (spec 3.6)


def recorded_start(config: TrainSettings, settings: MemorySettings, budget: Budget, group: Group) -> Start:
    """Load the base with adapters, and open the data sets.

    Raises FileNotFoundError, CheckpointError or CorruptRecord saying what is missing or wrong, and where.
    """
    training = config.scale.memory_training
    assert isinstance(training, RecordedTraining)
    if not Path(config.base).is_dir():
        raise FileNotFoundError(
            f"{config.base} is missing: fetch the base first (docs/paper-scale.md), then pass base=FOLDER"
        )
    base = StoredPolicy(config.base)
    datasets = recorded_datasets(config, group)
    if config.match_release and config.variant.loader == "shuffled":
        statistics = separate_entries({each.name: cached_statistics([each], config.data) for each in datasets})
        normalised_by = [parse_statistics(statistics, each.name) for each in datasets]
    else:
        statistics = joint_entry(cached_statistics(datasets, config.data), datasets[0].benchmark)
        normalised_by = [parse_statistics(statistics)] * len(datasets)
    cell = adapted(base, config, settings, datasets[0].proprio_width).to(group.device)
    lengths = [dataset.lengths for dataset in datasets]
    place = {
        "slots": budget.slots,
        "first": group.rank * budget.slots,
        "total": group.world * budget.slots,
        "seed": config.seed,
    }
    streams: EpisodeStreams | FrameStreams
    if config.variant.loader == "shuffled":
        streams = FrameStreams(lengths, **place, drop_last=UNPADDED if config.match_release else 0)
    else:
        streams = EpisodeStreams(lengths, **place)
    pictures = Pictures(
        size=cell.architecture.image_size,
        augmented=training.augment,
        diagonal=config.match_release,
        first_observation=config.variant.cameras == 3,
        seed=config.seed,
    )
    reader = Reader(datasets, normalised_by, pictures, cell.architecture.chunk)
    source = RecordedSource(
        reader,
        streams,
        budget.steps,
        base.tokenizer,
        group.device,
        training.workers,
    )
    return Start(
        Window(cell),
        source,
        {
            "dataset_statistics.json": statistics,
            # evaluation crops the centre exactly when training cropped at random (spec P18)
            "preprocessor_config.json": base.preprocessor | {"center_crop": bool(training.augment)},
        },
        base.config,
        base.copied,
        {dataset.name: dataset.fingerprint for dataset in datasets},
    )


def adapted(base: StoredPolicy, config: TrainSettings, settings: MemorySettings, proprio_dim: int) -> Cell:
    """Load the base with adapters, each part in its precision. Raises CheckpointError as `load_to_train`."""
    training = config.scale.memory_training
    assert isinstance(training, RecordedTraining)
    cell = load_to_train(
        base,
        settings,
        cameras=config.variant.cameras,
        proprio_dim=proprio_dim,
        chunk=training.chunk,
        padded_context=config.match_release,
        dtype=getattr(torch, training.precision.backbone),
    )
    add_adapters(cell, LoraSettings(**vars(training.lora), unused=config.match_release))
    keep = getattr(torch, "bfloat16" if config.match_release else training.precision.trained)
    for name, parameter in cell.named_parameters():
        if parameter.requires_grad and not name.startswith("proprio_projector."):
            parameter.data = parameter.data.to(keep)
    cell.checkpoint_activations(training.gradient_checkpointing)
    return cell


def recorded_datasets(config: TrainSettings, group: Group) -> list[RldsDataset]:
    """Open every training environment's data set; the first process builds the indices that the others read."""
    found = []
    for turn in (True, False):  # the leader first
        if group.leads == turn:
            found = [_dataset(config, name) for name in config.training_environments]
        group.wait()
    common_benchmark(found)  # raises where they cannot be mixed
    return found


def _dataset(config: TrainSettings, name: str) -> RldsDataset:
    root = Path(config.data)
    directory = root / name if (root / name).is_dir() else root / dataset_name(name)
    if not directory.is_dir():
        raise FileNotFoundError(
            f"no demonstrations of {name} in {directory}: fetch them (docs/paper-scale.md) or make them with "
            f"`python -m muvla.collect environment={name} output={root}`"
        )

    def report(error: CorruptRecord) -> None:
        print(f"left out: {error}", file=sys.stderr)

    training = config.scale.memory_training
    skip = isinstance(training, RecordedTraining) and training.skip_damaged
    return RldsDataset(directory, index_folder=root, on_damage=report if skip else None)
