"""Write adapters: merged into the weights, and beside them as peft reads them (spec 4.4, 4.6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from muvla.checkpoint.names import released_name
from muvla.files import write_json
from muvla.model.cell import Cell
from muvla.model.lora import (
    ADAPTER,
)


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
    """Name every tensor of the cell without its adapters; adapted weights are added up when called, on the CPU.

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
