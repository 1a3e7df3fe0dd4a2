"""Train the mini scale's own openvla-7b: a base without memory that every variant starts from (spec 14).

Two stages: the vision towers learn what is in each patch (pretext.py) and are frozen; then the whole policy learns
language-conditioned touching in fully visible scenes: single frames of the choice phase, an object named in the text,
labelled with the expert's actions towards that object.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from muvla.checkpoint import preprocessor
from muvla.data.compute_statistics import cached_statistics, joint_entry
from muvla.data.episode import dataset_name
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.statistics import parse_statistics
from muvla.data.text import Tokenizer
from muvla.files import Json
from muvla.model.architecture import Architecture, MemorySettings, Tower
from muvla.model.cell import Cell
from muvla.model.prompt import padded
from muvla.model.vision import VisionBackbone
from muvla.model.window import Window, WindowBatch
from muvla.train.composed.batches import Batcher
from muvla.train.composed.frames import Frames, frozen_features, load_frames
from muvla.train.composed.pretext import targets
from muvla.train.composed.streams import Step
from muvla.train.metrics import Metrics
from muvla.train.optimiser import Optimiser
from muvla.train.scale import ComposedScale, GroundingStage, TowerStage
from muvla.train.settings import TrainSettings


def train_base(config: TrainSettings, scale: ComposedScale) -> tuple[Cell, Json]:
    """Train the base of `scale` on the demonstrations that `config` names; return it and the files of its checkpoint.

    Raises:
        FileNotFoundError: demonstrations are missing; says which command makes them.
        CorruptRecord: a damaged record.
    """
    tokenizer = Tokenizer.mini()
    architecture = mini_architecture(scale)
    names = config.training_environments
    frames = load_frames(config.data, names, image_size=architecture.image_size, chunk=architecture.chunk)
    datasets = [RldsDataset(Path(config.data) / dataset_name(name)) for name in frames.environments]
    entry = joint_entry(cached_statistics(datasets, config.data), datasets[0].benchmark)
    metrics = Metrics(Path(f"{config.output}.metrics.jsonl"))
    cell = new_cell(architecture, MemorySettings())
    train_towers(cell.vision_backbone, frames, scale.towers, config.seed, metrics)
    cell.vision_backbone.requires_grad_(False)
    features = frozen_features(cell.vision_backbone, frames.images)
    batcher = Batcher(frames, features, parse_statistics(entry), tokenizer)
    train_grounding(cell, batcher, scale.grounding, config.seed, metrics)
    metrics.close()
    return cell, {
        "dataset_statistics.json": entry,
        "preprocessor_config.json": preprocessor(architecture),
        "tokenizer.json": tokenizer.as_json(),
    }


def mini_architecture(scale: ComposedScale) -> Architecture:
    """Read the sizes of the scale's configuration; the vocabulary is the mini tokenizer's."""
    tokenizer = Tokenizer.mini()
    sizes = vars(scale.architecture) | {"towers": tuple(Tower(**vars(tower)) for tower in scale.architecture.towers)}
    return Architecture(vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id, **sizes)


def train_towers(vision: VisionBackbone, frames: Frames, settings: TowerStage, seed: int, metrics: Metrics) -> None:
    """Fit both towers to the pretext targets of single pictures, through a linear read-out that is thrown away."""
    rng = np.random.default_rng(seed)
    tower = vision.featurizer.tower
    pictures = frames.images.reshape(-1, *frames.images.shape[2:])  # (N * cameras, S, S, 3)
    sample = _unit(pictures[rng.integers(len(pictures), size=1000)])
    spread = targets(sample, tower.patch_size).std((0, 1)) + 0.01  # rare colours must weigh as much as wood
    width = vision.featurizer.tower.width + vision.fused_featurizer.tower.width
    heads = nn.Linear(width, len(spread))
    module = nn.ModuleDict({"vision": vision, "heads": heads})
    optimiser = Optimiser(module, settings.optimiser, settings.updates)
    for update in tqdm(range(settings.updates), desc="vision towers", unit="update"):
        batch = pictures[rng.integers(len(pictures), size=settings.batch)]
        features = vision.features(torch.from_numpy(batch)[:, None])[:, 0]  # (N, P, W0+W1)
        loss = F.mse_loss(heads(features), targets(_unit(batch), tower.patch_size) / spread)
        optimiser.step(loss)
        metrics.write(stage="towers", update=update + 1, loss=loss.item(), lr=optimiser.lr)


def train_grounding(cell: Cell, batcher: Batcher, settings: GroundingStage, seed: int, metrics: Metrics) -> None:
    """Train everything but the towers on frames drawn independently.

    Where there is something to choose, frames are of the choice phase, and each is used once for every object, so that
    only the object's name tells the labels apart. Elsewhere frames are labelled as demonstrated.
    """
    rng = np.random.default_rng(seed)
    rows = [number for number, row in enumerate(batcher.frames.rows) if len(row.objects) > 1]
    window = Window(cell, settings.naming)
    standardise_projector(cell, batcher.features, rng)
    optimiser = Optimiser(window, settings.optimiser, settings.updates)
    nothing = torch.empty(0, cell.architecture.width)
    progress = tqdm(range(settings.updates), desc="base", unit="update")
    for update in progress:
        if rows:
            batch = grounding_batch(batcher, rows, settings.batch, rng)
        else:
            batch = demonstrated_batch(batcher, settings.batch, rng)
        output = window(batch, nothing.expand(batch.is_first.shape[1], 0, -1))
        optimiser.step(output.loss)
        metrics.write(
            stage="base",
            update=update + 1,
            loss=output.action_loss.item(),
            naming_loss=output.naming_loss.item(),
            lr=optimiser.lr,
        )
        progress.set_postfix(loss=f"{output.action_loss.item():.3f}", naming=f"{output.naming_loss.item():.3f}")


def grounding_batch(batcher: Batcher, rows: list[int], size: int, rng: np.random.Generator) -> WindowBatch:
    """Draw one step of about `size` frames.

    Seven in eight are of a choice phase, each once for every object on the table, which is named either in the prompt
    ("touch the red cube.") or by its word before the task's own prompt, one to eight times: that is where memory tokens
    will stand. The rest are of a cue phase, with nothing but the task's prompt.
    """
    steps: list[Step] = []
    labels, encoded = [], []
    encode = batcher.tokenizer.encode
    while len(steps) < size * 7 // 8:
        number = rows[rng.integers(len(rows))]
        row = batcher.frames.rows[number]
        t = int(rng.integers(row.choice, row.length))
        hints = 0 if rng.random() < 0.4 else int(rng.integers(1, 9))
        for target, name in enumerate(row.objects):
            steps.append(Step(row.start + t, number, target, True, row.start))
            labels.append(row.labels[t, target])
            bos, *task = encode(row.instruction if hints else f"touch the {name}.")
            encoded.append([bos, *[batcher.tokenizer.word_id(row.word(target))] * hints, *task])
    while len(steps) < size:
        number = rows[rng.integers(len(rows))]
        row = batcher.frames.rows[number]
        t = int(rng.integers(row.cue))
        steps.append(Step(row.start + t, number, row.target, True, row.start))
        labels.append(row.labels[t, row.target])
        encoded.append(encode(row.instruction))
    prompt = padded(batcher.tokenizer, encoded)
    return batcher.batch(steps, np.stack(labels), [prompt], torch.ones(1, len(steps), dtype=torch.bool))


def demonstrated_batch(batcher: Batcher, size: int, rng: np.random.Generator) -> WindowBatch:
    """Draw one step of `size` frames under their own instructions, every episode with equal chances."""
    steps = []
    for number in rng.integers(len(batcher.frames.rows), size=size).tolist():
        row = batcher.frames.rows[number]
        steps.append(Step(row.start + int(rng.integers(row.length)), number, 0, True, row.start))
    return batcher.steps([steps])


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


@torch.no_grad()
def standardise_projector(cell: Cell, features: Tensor, rng: np.random.Generator) -> None:
    """Set the projector's scale and offset so that each layer's outputs have mean 0, deviation 1 on real features."""
    picked = features[torch.from_numpy(rng.integers(len(features), size=300))].flatten(0, 2)
    layers = (cell.projector.fc1, cell.projector.fc2, cell.projector.fc3)
    mean, deviation = picked.mean(0), picked.std(0) + 0.05
    layers[0].weight /= deviation
    layers[0].bias.copy_(-(layers[0].weight @ mean))
    x = picked
    for number, layer in enumerate(layers):
        x = layer(x)
        if number:
            mean, deviation = x.mean(0), x.std(0)
            layer.weight /= deviation[:, None]
            layer.bias.copy_((layer.bias - mean) / deviation)
            x = (x - mean) / deviation
        x = F.gelu(x)


def _unit(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
