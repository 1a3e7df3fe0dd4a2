"""What a training will cost, before it starts: `python -m muvla.train ... plan=true`.

Counts are exact: the policy is built on the meta device, without its memory. Bytes of a running process and the amount
of computation are estimates, and say so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from muvla.benchmark.benchmark import benchmark_of
from muvla.checkpoint import StoredPolicy
from muvla.model.architecture import OPENVLA_7B, Architecture, MemorySettings
from muvla.model.cell import Cell
from muvla.model.lora import LoraSettings, adapter_parameters, add_adapters
from muvla.train.composed.base import mini_architecture
from muvla.train.start import Budget, environments, memory_settings

GB = 1e9
TEXT = 32  # tokens of a prompt, for estimates
ATTENTION_COPIES = 14  # of a block's input that its backward pass needs, in hidden vectors a token (estimate)


def plan(config: DictConfig) -> Iterator[str]:
    """Lines of text. Raises ValueError as the training itself would for settings that contradict each other."""
    settings = memory_settings(config)
    training = config.scale.memory_training
    if config.variant.name == "base":
        yield f"base of scale {config.scale.name}"
        if training.data == "recorded":
            yield f"not trained here: it is fetched (docs/paper-scale.md) and lies in {config.base}"
        else:
            stages = config.scale.towers.updates, config.scale.grounding.updates
            yield f"updates                 {stages[0]} of the towers, {stages[1]} of the policy"
        return
    budget = Budget.of(config.budget, training, settings, training.processes or 1)
    architecture, origin = _architecture(config)
    lora = LoraSettings(**training.lora, unused=config.match_release) if training.get("lora") else None
    # cameras add tokens, not parameters: one count serves all variants
    counts = count(dataclasses.replace(architecture, cameras=1), lora)
    memory = settings.num_mem_tokens * architecture.width
    yield f"{config.variant.name} at scale {config.scale.name}, {_memory(settings)}"
    yield f"sizes                   {origin}"
    yield f"environments            {', '.join(environments(config))}"
    yield from _parameters(counts, memory)
    yield from _amounts(config, budget)
    yield from _bytes(config, architecture, budget, counts, settings.num_mem_tokens)


def _architecture(config: DictConfig) -> tuple[Architecture, str]:
    cameras = config.variant.cameras
    if config.scale.memory_training.data != "recorded":
        return dataclasses.replace(mini_architecture(config.scale), cameras=cameras), "of the scale"
    proprio_dim = benchmark_of(environments(config)[0]).proprio_width
    found, origin = OPENVLA_7B, f"of OpenVLA-7B ({config.base} is not on this machine)"
    if Path(config.base).is_dir():
        found, origin = StoredPolicy(config.base).architecture, f"of {config.base}"
    chunk = config.scale.memory_training.chunk
    return dataclasses.replace(found, proprio_dim=proprio_dim, cameras=cameras, chunk=chunk, lm_head=True), origin


@dataclass(frozen=True)
class Counts:
    """Parameters of a policy without memory. base: of the backbone; adapters: by group of spec 4.4, only those that
    are trained; idle: of adapters that are not; backbone: of the base's own that are trained."""

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
    """Build the policy on the meta device, with adapters or with frozen towers, and count: seconds at 7 billion."""
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


def _amounts(config: DictConfig, budget: Budget) -> Iterator[str]:
    shared = f"{budget.processes} processes x {budget.slots} slots x K={budget.steps}"
    if budget.accumulate > 1:
        shared += f" x {budget.accumulate} windows"
    yield f"frames per update       {budget.frames_per_update:>14,}  {shared}"
    yield f"updates                 {budget.updates:>14,}  budget={config.budget}"
    yield f"frames                  {budget.frames:>14,}"


def _bytes(
    config: DictConfig, sizes: Architecture, budget: Budget, counts: Counts, memory_tokens: int
) -> Iterator[str]:
    training: Any = config.scale.memory_training
    memory = memory_tokens * sizes.width
    trained = counts.trained + memory
    width = 2 if training.precision.get("backbone") == "bfloat16" else 4
    state = trained * (2 if config.match_release else 4)
    frozen = counts.frozen * width
    tokens = 2 + sizes.cameras * sizes.patches + 1 + memory_tokens + TEXT + sizes.action_tokens
    frames = budget.slots * budget.steps
    vision_tokens = frames * sizes.cameras * sizes.patches
    kept = 1 if training.get("gradient_checkpointing") else ATTENTION_COPIES
    language = frames * tokens * sizes.width * sizes.layers * width * kept
    towers = sum(vision_tokens * tower.width * tower.depth for tower in sizes.towers) * width * kept
    if training.data == "composed":
        towers = 0  # their features are computed once, before the training
    largest = budget.slots * tokens * (4 * sizes.width + 3 * sizes.mlp_hidden) * width
    activations = language + towers + largest
    total = frozen + 4 * state + activations
    yield f"memory of a process     {total / GB:>12.1f} GB  (estimate)"
    yield f"  frozen weights        {frozen / GB:>12.1f} GB"
    yield f"  trained, gradients, two moments {4 * state / GB:>4.1f} GB"
    yield f"  activations           {activations / GB:>12.1f} GB  (estimate, prompts of {TEXT} tokens)"
    embeddings = 0 if sizes.lm_head else sizes.vocab_size * sizes.width  # a copy is saved as the unused output head
    folder = 2 * (counts.base + embeddings + counts.head + memory) + 4 * counts.proprio
    folder += sum(counts.adapters.values()) * (2 if config.match_release else 4) + 4 * counts.idle  # lora_adapter
    every = training.checkpoint_every
    saved = 1 if not every else -(-budget.updates // every)
    yield f"checkpoint              {folder / GB:>12.3f} GB of tensors; {saved} are kept, {saved * folder / GB:,.1f} GB"
    yield f"saved state             {3 * state / GB:>12.3f} GB"
    passes = 4 if training.get("gradient_checkpointing") else 3  # forward, backward, and forward again
    work = 2 * passes * budget.frames * (tokens * _llama(sizes) + sizes.cameras * sizes.patches * _towers(sizes))
    yield f"computation             {work / 1e18:>12.1f} EFLOP  (estimate, without attention's own products)"


def _llama(sizes: Architecture) -> int:
    return sizes.layers * (4 * sizes.width**2 + 3 * sizes.width * sizes.mlp_hidden)


def _towers(sizes: Architecture) -> int:
    return sum(tower.depth * (4 * tower.width**2 + 2 * tower.width * tower.mlp_hidden) for tower in sizes.towers)


def _memory(settings: MemorySettings) -> str:
    if not settings.num_mem_tokens:
        return "no memory"
    rule = f"K={settings.tbptt_length}" if settings.memory_update == "tbptt" else f"EMA alpha={settings.ema_alpha}"
    return f"{settings.num_mem_tokens} memory tokens, {rule}, mask {settings.attention_mask_mode}"
