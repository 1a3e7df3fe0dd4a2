"""Low-rank adapters on the frozen backbone, by peft (spec 4.4), and the weights they add up to.

The release adapts every linear layer and both patch convolutions, also those whose output is never used: the last
block of each tower, SigLIP's attention pool and the language model's head. Ours adapts what an action depends on;
`unused=True` is the release's choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import nn

from muvla.model.cell import Cell

ADAPTED = ("vision_backbone.", "projector.", "language_model.", "lm_head")
ADAPTER = "default"  # peft's name for the one adapter there is
# groups of spec 4.4, first match counts
GROUPS = {
    "language model": r"language_model\.",
    "lm_head": r"lm_head",
    "patch embeddings": r"vision_backbone\.\w+\.patch_embed",
    "SigLIP attention pool": r"vision_backbone\.fused_featurizer\.attn_pool",
    "DINOv2": r"vision_backbone\.featurizer",
    "SigLIP": r"vision_backbone\.fused_featurizer",
    "projector": r"projector",
}


@dataclass(frozen=True)
class LoraSettings:
    """Scaling is alpha / rank. A ~ N(0, 1/rank) (standard deviation), B = 0."""

    rank: int = 32
    alpha: int = 16
    dropout: float = 0.0
    unused: bool = False


def add_adapters(cell: Cell, settings: LoraSettings) -> None:
    """Freeze the backbone and put adapters on it, in place; head, proprio projector and memory stay trainable.

    Adapters are float32 next to a bfloat16 base; those on layers that are never run are there but frozen.
    """
    from peft import LoraConfig, inject_adapter_in_model  # a second that evaluation need not spend

    names = [name for name in adapted_layers(cell) if settings.unused or not _never_run(cell, name)]
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        init_lora_weights="gaussian",
        target_modules=names,
        bias="none",
    )
    on_meta = cell.memory.initial_memory.is_meta
    inject_adapter_in_model(config, cell, adapter_name=ADAPTER, low_cpu_mem_usage=on_meta)
    for name, parameter in cell.named_parameters():
        adapter = ".lora_" in name
        trained = name.startswith(("action_head.", "proprio_projector.", "memory."))
        parameter.requires_grad_(trained or adapter and not _never_run(cell, name))


def adapted_layers(cell: Cell) -> list[str]:
    """List the names of all linear and convolution layers of the backbone."""
    return [
        name
        for name, module in cell.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and name.startswith(ADAPTED)
    ]


def _never_run(cell: Cell, name: str) -> bool:
    """Say whether a layer's output cannot reach an action: features leave the towers before their last block."""
    if name.startswith("lm_head") or ".attn_pool." in name:
        return True
    block = re.match(r"vision_backbone\.(\w+)\.blocks\.(\d+)\.", name)
    if block is None:
        return False
    tower = getattr(cell.vision_backbone, block[1]).tower
    return int(block[2]) == tower.depth - 1


def adapter_parameters(cell: Cell, *, trained: bool = False) -> dict[str, int]:
    """Count parameters of the adapters by group of spec 4.4. trained: only those that are."""
    counts = dict.fromkeys(GROUPS, 0)
    for name, parameter in cell.named_parameters():
        if ".lora_" in name and (parameter.requires_grad or not trained):
            group = next(group for group, pattern in GROUPS.items() if re.match(pattern, name))
            counts[group] += parameter.numel()
    return counts
