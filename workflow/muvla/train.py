"""`python -m muvla.train variant=m64_k2`: the base, or one variant from it, in windows of K steps (spec 2, 4).

Options: config/muvla/train.yaml, scale/*.yaml and variant/*.yaml. A run that was interrupted goes on from its last
saved state when the same command is given again.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from muvla.base import base_policy
from muvla.batches import Batcher, tower_features
from muvla.data.episode import dataset_name
from muvla.data.frames import Frames, load_frames
from muvla.data.images import OPENVLA
from muvla.data.rlds import RldsDataset
from muvla.data.statistics import cached_statistics, parse_statistics, statistics_entry
from muvla.data.streams import Lengths, Streams
from muvla.data.text import Tokenizer
from muvla.metrics import Metrics
from muvla.model import checkpoint
from muvla.model.architecture import Architecture, MemorySettings, Tower
from muvla.model.cell import Cell
from muvla.model.window import Window
from muvla.optimiser import Optimiser
from muvla.provenance import describe_run, file_sha256
from muvla.training_state import TrainingState

CONFIG = str(Path(__file__).resolve().parents[2] / "config" / "muvla")


@hydra.main(version_base=None, config_path=CONFIG, config_name="train")
def main(config: DictConfig) -> None:
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    try:
        train(config)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


def train(config: DictConfig) -> None:
    """Train what `config` names and write it to config.output: a checkpoint folder, provenance.json last."""
    output = Path(config.output)
    if (output / "provenance.json").is_file():
        print(f"{output} is already trained; remove it to train it again")
        return
    environments = list(config.variant.environments or config.environments)
    architecture = mini_architecture(config.scale)
    frames = load_frames(config.data, environments, image_size=architecture.image_size, chunk=architecture.chunk)
    began = time.monotonic()
    if config.variant.name == "base":
        cell, entry = _base(config, architecture, frames)
    else:
        cell, entry = _variant(config, frames)
    checkpoint.save(
        cell,
        output,
        step=config.scale.grounding.updates if config.variant.name == "base" else config.scale.memory_training.updates,
        files={
            "dataset_statistics.json": entry,
            "preprocessor_config.json": preprocessor(cell.architecture),
            "tokenizer.json": Tokenizer.mini().as_json(),
        },
        provenance=lambda folder: describe_run(
            command="muvla.train",
            config=OmegaConf.to_container(config, resolve=True),
            checkpoint=checkpoint.sha256(folder),
            data={
                name: file_sha256(Path(config.data) / dataset_name(name) / "collection.json") for name in environments
            },
            base=None if config.variant.name == "base" else checkpoint.sha256(config.base),
            seconds=round(time.monotonic() - began, 1),
        ),
    )
    print(f"{config.variant.name}: {output}")


def _base(config: DictConfig, architecture: Architecture, frames: Frames) -> tuple[Cell, dict[str, Any]]:
    datasets = [RldsDataset(Path(config.data) / dataset_name(name)) for name in frames.environments]
    entry = statistics_entry(cached_statistics(datasets, config.data))
    metrics = Metrics(Path(f"{config.output}.metrics.jsonl"))
    cell = base_policy(
        architecture,
        frames,
        parse_statistics(entry),
        Tokenizer.mini(),
        OPENVLA,
        config.scale,
        config.seed,
        metrics,
    )
    metrics.close()
    return cell, entry


def _variant(config: DictConfig, frames: Frames) -> tuple[Cell, dict[str, Any]]:
    """All tensors but the frozen towers are trained, in windows of K steps of B slots."""
    settings = MemorySettings(**OmegaConf.to_container(config.variant.memory, resolve=True))  # type: ignore[arg-type]
    budget = config.scale.memory_training
    base = checkpoint.load(config.base)
    entry = checkpoint.read_json(config.base, "dataset_statistics.json")  # one normalisation for all variants
    cell = start_from(base, settings, cameras=config.variant.cameras)
    cell.vision_backbone.requires_grad_(False)
    features = tower_features(cell.vision_backbone, frames.images, OPENVLA)
    batcher = Batcher(
        frames,
        features,
        parse_statistics(entry),
        Tokenizer.load(config.base),
        first_observation=config.variant.cameras == 3,
    )
    # frames per update are the same for every K, so all variants see as many frames in as many updates
    slots, steps = budget.frames_per_update // settings.window, settings.window
    streams = Streams(
        frames,
        [Lengths(**stage) for stage in budget.curriculum],
        slots=slots,
        seed=config.seed,
        shuffled=config.variant.loader == "shuffled",
    )
    window = Window(cell, budget.naming)
    optimiser = Optimiser(window, budget.optimiser, budget.updates)
    memory = cell.memory.start(slots).detach()
    state = TrainingState(Path(f"{config.output}.state.pt"), window, optimiser, streams)
    done, memory = state.restore(memory)
    metrics = Metrics(Path(f"{config.output}.metrics.jsonl"), keep_before=done)
    progress = tqdm(
        range(done, budget.updates),
        initial=done,
        total=budget.updates,
        desc=config.variant.name,
        unit="update",
    )
    for update in progress:
        output = window(batcher.window(streams, steps, update / budget.updates), memory)
        optimiser.step(output.loss)
        memory = output.memory
        metrics.write(
            update=update + 1,
            loss=output.action_loss.item(),
            naming_loss=output.naming_loss.item(),
            curr_action_l1=output.errors[..., 0, :].mean().item(),
            next_actions_l1=output.errors[..., 1:, :].mean().item(),
            lr=optimiser.lr,
            mem_tokens_mean_norm=memory.norm(dim=-1).mean().item() if memory.numel() else 0.0,
            initial_memory_param_norm=cell.memory.initial_memory.norm().item(),
        )
        progress.set_postfix(loss=f"{output.action_loss.item():.3f}", naming=f"{output.naming_loss.item():.3f}")
        if (update + 1) % budget.save_every == 0 and update + 1 < budget.updates:
            state.save(update + 1, memory)
    metrics.close()
    state.path.unlink(missing_ok=True)
    return cell, entry


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


def mini_architecture(scale: DictConfig) -> Architecture:
    """Sizes of the scale's configuration; the vocabulary is the mini tokenizer's."""
    tokenizer = Tokenizer.mini()
    sizes: Any = OmegaConf.to_container(scale.architecture, resolve=True)
    towers = tuple(Tower(**tower) for tower in sizes.pop("towers"))
    return Architecture(towers=towers, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id, **sizes)


def preprocessor(architecture: Architecture) -> dict[str, Any]:
    """preprocessor_config.json; `center_crop` is ours: mini trains without augmentation, so nothing is cropped."""
    sizes = [[3, tower.image_size, tower.image_size] for tower in architecture.towers]
    return {
        "image_processor_type": "PrismaticImageProcessor",
        "image_resize_strategy": "resize-naive",
        "use_fused_vision_backbone": True,
        "input_sizes": sizes,
        "means": [list(row) for row in OPENVLA.means],
        "stds": [list(row) for row in OPENVLA.stds],
        "tvf_normalize_params": [
            {"inplace": False, "mean": list(mean), "std": list(std)}
            for mean, std in zip(OPENVLA.means, OPENVLA.stds, strict=True)
        ],
        "center_crop": False,
    }


if __name__ == "__main__":
    main()
