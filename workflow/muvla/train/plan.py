"""What a training will cost, before it starts: `python -m muvla.train ... plan=true`.

Parameters are counted exactly: the policy is built on the meta device, without its memory. Bytes of a running process
are estimated; the computation is counted (model/work.py) for prompts of an estimated length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from muvla.benchmark.benchmark import benchmark_of
from muvla.checkpoint import StoredPolicy
from muvla.model.architecture import OPENVLA_7B, Architecture, MemorySettings
from muvla.model.cell import Cell
from muvla.model.lora import LoraSettings, adapter_parameters, add_adapters
from muvla.model.work import PROMPT, sequence_length, training_work
from muvla.train.composed.base import mini_architecture
from muvla.train.composed.scale import ComposedScale, GroundingStage
from muvla.train.scale import MemoryTraining, RecordedTraining
from muvla.train.settings import TrainSettings
from muvla.train.start import Budget

GB = 1e9
ATTENTION_COPIES = 14  # of a block's input that its backward pass needs, in hidden vectors a token (estimate)


def plan(settings: TrainSettings) -> Iterator[str]:
    """Yield lines of text. Raises ValueError as the training itself would for settings that contradict each other."""
    scale, memory = settings.scale, settings.memory
    if settings.variant.name == "base":
        yield f"base of scale {scale.name}"
        if isinstance(scale, ComposedScale):
            stages = scale.towers.updates, scale.grounding.updates
            yield f"updates                 {stages[0]} of the towers, {stages[1]} of the policy"
        else:
            yield f"not trained here: it is fetched (docs/paper-scale.md) and lies in {settings.base}"
        return
    budget = planned_budget(settings)
    architecture, origin = planned_architecture(settings)
    counts = planned_counts(settings, architecture)
    yield f"{settings.variant.name} at scale {scale.name}, {_memory(memory)}"
    yield f"sizes                   {origin}"
    yield f"environments            {', '.join(settings.training_environments)}"
    yield from _parameters(counts, memory.num_mem_tokens * architecture.width)
    yield from amounts(settings.budget, budget)
    yield from _bytes(settings, architecture, budget, counts)
    unit, size = ("TFLOP", 1e12) if isinstance(scale, ComposedScale) else ("EFLOP", 1e18)
    yield f"computation             {operations(settings) / size:>12.1f} {unit}  (estimate, prompts of {PROMPT} tokens)"


def planned_budget(settings: TrainSettings, processes: int | None = None) -> Budget:
    """Return the budget; without `processes` of as many as the scale is meant for."""
    training = settings.training
    if isinstance(training, GroundingStage):
        return Budget(training.batch, 1, training.updates, 1)
    assert isinstance(training, MemoryTraining)
    return Budget.of(settings.budget, training, settings.memory, processes or training.processes or 1)


def planned_architecture(settings: TrainSettings) -> tuple[Architecture, str]:
    """Return the sizes of the policy and where they come from: the scale, the base, or OpenVLA-7B without a base."""
    scale, cameras = settings.scale, settings.variant.cameras
    if isinstance(scale, ComposedScale):
        return dataclasses.replace(mini_architecture(scale), cameras=cameras), "of the scale"
    proprio_dim = benchmark_of(settings.training_environments[0]).proprio_width
    found, origin = OPENVLA_7B, f"of OpenVLA-7B ({settings.base} is not on this machine)"
    if Path(settings.base).is_dir():
        found, origin = StoredPolicy(settings.base).architecture, f"of {settings.base}"
    assert isinstance(scale.memory_training, RecordedTraining)
    chunk = scale.memory_training.chunk
    return dataclasses.replace(found, proprio_dim=proprio_dim, cameras=cameras, chunk=chunk, lm_head=True), origin


def planned_counts(settings: TrainSettings, sizes: Architecture) -> Counts:
    """Return the parameters of the policy; cameras and chunk add tokens, not parameters: one count serves all."""
    training, lora = settings.scale.memory_training, None
    if isinstance(training, RecordedTraining):
        lora = LoraSettings(**vars(training.lora), unused=settings.match_release)
    return count(dataclasses.replace(sizes, cameras=1, chunk=1), lora)


def checkpoints(settings: TrainSettings) -> tuple[int, int]:
    """Return the bytes of a checkpoint's tensors, and how many checkpoints the training keeps."""
    sizes, _ = planned_architecture(settings)
    counts, memory = planned_counts(settings, sizes), settings.memory.num_mem_tokens * sizes.width
    embeddings = 0 if sizes.lm_head else sizes.vocab_size * sizes.width  # a copy is saved as the unused output head
    folder = 2 * (counts.base + embeddings + counts.head + memory) + 4 * counts.proprio
    folder += sum(counts.adapters.values()) * (2 if settings.match_release else 4) + 4 * counts.idle  # lora_adapter
    every = settings.scale.memory_training.checkpoint_every
    return folder, 1 if not every else -(-planned_budget(settings).updates // every)


def operations(settings: TrainSettings) -> int:
    """Return the floating-point operations of the whole training, as the settings configure it."""
    sizes, _ = planned_architecture(settings)
    training, tokens = settings.scale.memory_training, settings.memory.num_mem_tokens
    rank, checkpointed = None, False
    if isinstance(training, RecordedTraining):
        rank, checkpointed = training.lora.rank, training.gradient_checkpointing
    return planned_budget(settings).frames * training_work(sizes, tokens, rank=rank, checkpointed=checkpointed).total


@dataclass(frozen=True)
class Counts:
    """Parameters of a policy without memory.

    base: of the backbone. adapters: those that are trained, by group of spec 4.4; idle: of the others. backbone: those
    of the base that are trained.
    """

    base: int
    head: int
    proprio: int
    adapters: dict[str, int]
    idle: int
    backbone: int

    @property
    def trained(self) -> int:
        return self.head + self.proprio + sum(self.adapters.values()) + self.backbone

    @property
    def frozen(self) -> int:
        return self.base - self.backbone + self.idle


@lru_cache(maxsize=4)
def count(architecture: Architecture, lora: LoraSettings | None) -> Counts:
    """Count on the meta device, with adapters or (None) with frozen towers: seconds at 7 billion."""
    with torch.device("meta"):
        cell = Cell(architecture, MemorySettings())
    base = {name: p for name, p in cell.named_parameters() if _from_base(name)}
    size = sum(p.numel() for p in base.values())
    if lora is None:
        cell.vision_backbone.requires_grad_(False)
    else:
        add_adapters(cell, lora)
    trained = adapter_parameters(cell, trained=True)
    return Counts(
        base=size,
        head=sum(p.numel() for p in cell.action_head.parameters()),
        proprio=sum(p.numel() for p in cell.proprio_projector.parameters()),
        adapters={group: number for group, number in trained.items() if number},
        idle=sum(adapter_parameters(cell).values()) - sum(trained.values()),
        backbone=sum(p.numel() for p in base.values() if p.requires_grad),
    )


def _from_base(name: str) -> bool:
    return not name.startswith(("action_head.", "proprio_projector.", "memory."))


def _parameters(counts: Counts, memory: int) -> Iterator[str]:
    yield f"parameters trained      {counts.trained + memory:>14,}"
    for part, number in (("action_head", counts.head), ("proprio_projector", counts.proprio), ("memory", memory)):
        yield f"  {part:22}{number:>14,}"
    for group, number in counts.adapters.items():
        yield f"  adapters, {group:24}{number:>10,}"
    if counts.backbone:
        yield f"  backbone              {counts.backbone:>14,}"
    yield f"parameters frozen       {counts.frozen:>14,}  (the base has {counts.base:,})"
    if counts.idle:
        yield f"  adapters that never run {counts.idle:>12,}"


def amounts(by: str, budget: Budget) -> Iterator[str]:
    shared = f"{budget.processes} processes x {budget.slots} slots x K={budget.steps}"
    if budget.accumulate > 1:
        shared += f" x {budget.accumulate} windows"
    yield f"frames per update       {budget.frames_per_update:>14,}  {shared}"
    yield f"updates                 {budget.updates:>14,}  budget={by}"
    yield f"frames                  {budget.frames:>14,}"


def _bytes(settings: TrainSettings, sizes: Architecture, budget: Budget, counts: Counts) -> Iterator[str]:
    training = settings.scale.memory_training
    recorded = training if isinstance(training, RecordedTraining) else None
    memory = settings.memory.num_mem_tokens * sizes.width
    trained = counts.trained + memory
    width = 2 if recorded and recorded.precision.backbone == "bfloat16" else 4
    state = trained * (2 if settings.match_release else 4)
    frozen = counts.frozen * width
    tokens = sequence_length(sizes, settings.memory.num_mem_tokens)
    frames = budget.slots * budget.steps
    vision_tokens = frames * sizes.cameras * sizes.patches
    kept = 1 if recorded and recorded.gradient_checkpointing else ATTENTION_COPIES
    language = frames * tokens * sizes.width * sizes.layers * width * kept
    towers = sum(vision_tokens * tower.width * tower.depth for tower in sizes.towers) * width * kept
    if recorded is None:
        towers = 0  # their features are computed once, before the training
    largest = budget.slots * tokens * (4 * sizes.width + 3 * sizes.mlp_hidden) * width
    activations = language + towers + largest
    total = frozen + 4 * state + activations
    yield f"memory of a process     {total / GB:>12.1f} GB  (estimate)"
    yield f"  frozen weights        {frozen / GB:>12.1f} GB"
    yield f"  trained, gradients, two moments {4 * state / GB:>4.1f} GB"
    yield f"  activations           {activations / GB:>12.1f} GB  (estimate, prompts of {PROMPT} tokens)"
    folder, saved = checkpoints(settings)
    yield f"checkpoint              {folder / GB:>12.3f} GB of tensors; {saved} are kept, {saved * folder / GB:,.1f} GB"
    yield f"saved state             {3 * state / GB:>12.3f} GB"


def _memory(settings: MemorySettings) -> str:
    if not settings.num_mem_tokens:
        return "no memory"
    rule = f"K={settings.tbptt_length}" if settings.memory_update == "tbptt" else f"EMA alpha={settings.ema_alpha}"
    return f"{settings.num_mem_tokens} memory tokens, {rule}, mask {settings.attention_mask_mode}"
