"""Low-rank adapters on the frozen backbone, by peft (spec 4.4), and the weights they add up to.

The release adapts every linear layer and both patch convolutions, also those whose output is never used: the last
block of each tower, SigLIP's attention pool and the language model's head. Ours adapts what an action depends on;
`unused=True` is the release's choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from muvla.atomic import write_json
from muvla.model.cell import Cell
from muvla.model.tensors import released_name

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
    """Names of all linear and convolution layers of the backbone."""
    return [
        name
        for name, module in cell.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and name.startswith(ADAPTED)
    ]


def _never_run(cell: Cell, name: str) -> bool:
    """Whether a layer's output cannot reach an action: features leave the towers before their last block."""
    if name.startswith("lm_head") or ".attn_pool." in name:
        return True
    block = re.match(r"vision_backbone\.(\w+)\.blocks\.(\d+)\.", name)
    if block is None:
        return False
    tower = getattr(cell.vision_backbone, block[1]).tower
    return int(block[2]) == tower.depth - 1


def adapter_parameters(cell: Cell, *, trained: bool = False) -> dict[str, int]:
    """Parameters of the adapters by group of spec 4.4; trained: only of those that are."""
    counts = dict.fromkeys(GROUPS, 0)
    for name, parameter in cell.named_parameters():
        if ".lora_" in name and (parameter.requires_grad or not trained):
            group = next(group for group, pattern in GROUPS.items() if re.match(pattern, name))
            counts[group] += parameter.numel()
    return counts


def write_adapters(cell: Cell, folder: Path, base: str) -> None:
    """Write FOLDER as peft reads it, relative to the released model's names and to `base`; nothing without adapters.

    In their own precision, of which the merged bfloat16 weights keep less.
    """
    settings = getattr(cell, "peft_config", {}).get(ADAPTER)
    if settings is None:
        return
    folder.mkdir()
    tensors = {
        f"base_model.model.{released_name(name).replace(f'.{ADAPTER}.', '.')}": value.detach().cpu().contiguous()
        for name, value in cell.state_dict().items()
        if ".lora_" in name
    }
    targets = sorted({name.removeprefix("base_model.model.").partition(".lora_")[0] for name in tensors})
    content = settings.to_dict() | {
        "peft_type": settings.peft_type.value,
        "base_model_name_or_path": base,
        "target_modules": targets,
        "inference_mode": True,
    }
    write_json(folder / "adapter_config.json", content)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def merged_tensors(cell: Cell) -> dict[str, Callable[[], Tensor]]:
    """Every tensor of the cell under its name without adapters; adapted weights are added up when called, on the CPU.

    The cell itself stays as it is: merging in place and back again would change bfloat16 weights.
    """
    layers = {name: module for name, module in cell.named_modules() if hasattr(module, "get_delta_weight")}
    tensors: dict[str, Callable[[], Tensor]] = {}
    for name, value in cell.state_dict().items():
        if ".lora_" in name:
            continue
        owner, _, leaf = name.rpartition(".base_layer.")
        if owner in layers and leaf == "weight":
            tensors[f"{owner}.weight"] = _merge(layers[owner], value)
        else:
            tensors[name.replace(".base_layer.", ".")] = lambda value=value: value.detach().cpu()  # type: ignore[misc]
    return tensors


def _merge(layer: nn.Module, weight: Tensor) -> Callable[[], Tensor]:
    @torch.no_grad()
    def merged() -> Tensor:
        return (weight.float() + layer.get_delta_weight(ADAPTER).float()).to(weight.dtype).cpu()  # type: ignore[operator]

    return merged
