"""What a training will cost, before it starts: `python -m muvla.train ... plan=true`.

Counts are exact: the policy is built on the meta device, without its memory. Bytes of a running process and the amount
of computation are estimates, and say so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from muvla.base import mini_architecture
from muvla.budget import Budget
from muvla.model.architecture import OPENVLA_7B, Architecture, MemorySettings
from muvla.model.cell import Cell
from muvla.model.lora import LoraSettings, adapter_parameters, add_adapters
from muvla.model.settings_files import CONFIG, read_architecture
from muvla.start import environments, memory_settings

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
    with torch.device("meta"):
        cell = Cell(architecture, settings)
    base = sum(parameter.numel() for name, parameter in cell.named_parameters() if _from_base(name))
    if training.get("lora"):
        add_adapters(cell, LoraSettings(**training.lora, unused=config.match_release))
    else:
        cell.vision_backbone.requires_grad_(False)
    yield f"{config.variant.name} at scale {config.scale.name}, {_memory(settings)}"
    yield f"sizes                   {origin}"
    yield f"environments            {', '.join(environments(config))}"
    yield from _parameters(cell, base)
    yield from _amounts(config, budget)
    yield from _bytes(config, cell, budget, base)


def _architecture(config: DictConfig) -> tuple[Architecture, str]:
    recorded = config.scale.memory_training.data == "recorded"
    if recorded and (Path(config.base) / CONFIG).is_file():
        found = read_architecture(Path(config.base), None)
        return dataclasses.replace(found, cameras=config.variant.cameras, lm_head=True), f"of {config.base}"
    if recorded:
        return dataclasses.replace(OPENVLA_7B, cameras=config.variant.cameras, lm_head=True), (
            f"of OpenVLA-7B ({config.base} is not on this machine)"
        )
    return dataclasses.replace(mini_architecture(config.scale), cameras=config.variant.cameras), "of the scale"


def _from_base(name: str) -> bool:
    return not name.startswith(("action_head.", "proprio_projector.", "memory."))


def _parameters(cell: Cell, base: int) -> Iterator[str]:
    trained = {name: p.numel() for name, p in cell.named_parameters() if p.requires_grad}
    total = sum(trained.values())
    everything = sum(parameter.numel() for parameter in cell.parameters())
    yield f"parameters trained      {total:>14,}"
    for part in ("action_head", "proprio_projector", "memory"):
        yield f"  {part:22}{sum(n for name, n in trained.items() if name.startswith(part)):>14,}"
    for group, count in adapter_parameters(cell).items():
        if count:
            yield f"  adapters, {group:24}{count:>10,}"
    rest = sum(n for name, n in trained.items() if _from_base(name) and ".lora_" not in name)
    if rest:
        yield f"  backbone              {rest:>14,}"
    yield f"parameters frozen       {everything - total:>14,}  (the base has {base:,})"


def _amounts(config: DictConfig, budget: Budget) -> Iterator[str]:
    shared = f"{budget.processes} processes x {budget.slots} slots x K={budget.steps}"
    yield f"frames per update       {budget.frames_per_update:>14,}  {shared}"
    yield f"updates                 {budget.updates:>14,}  budget={config.budget}"
    yield f"frames                  {budget.frames:>14,}"


def _bytes(config: DictConfig, cell: Cell, budget: Budget, base: int) -> Iterator[str]:
    training: Any = config.scale.memory_training
    sizes = cell.architecture
    half = training.precision.get("backbone") == "bfloat16"
    trained = sum(p.numel() for p in cell.parameters() if p.requires_grad)
    state = trained * (2 if config.match_release else 4)
    frozen = sum(p.numel() for p in cell.parameters() if not p.requires_grad) * (2 if half else 4)
    width = 2 if half else 4
    tokens = 2 + sizes.cameras * sizes.patches + 1 + cell.settings.num_mem_tokens + TEXT + sizes.action_tokens
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
    head = sum(p.numel() for p in cell.action_head.parameters())
    proprio = sum(p.numel() for p in cell.proprio_projector.parameters())
    embeddings = 0 if sizes.lm_head else sizes.vocab_size * sizes.width  # a copy is saved as the unused output head
    folder = 2 * (base + embeddings + head + cell.memory.initial_memory.numel()) + 4 * proprio
    every = training.checkpoint_every
    count = 1 if not every else -(-budget.updates // every)
    yield f"checkpoint              {folder / GB:>12.3f} GB of tensors; {count} are kept, {count * folder / GB:,.1f} GB"
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
