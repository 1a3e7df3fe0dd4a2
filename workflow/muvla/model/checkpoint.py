"""Checkpoints in the released layout (spec 4.6, 12): one folder, safetensors shards beside small component files.

    model-*.safetensors + model.safetensors.index.json   vision towers, projector, language model (bf16)
    action_head--N_checkpoint.pt  proprio_projector--N_checkpoint.pt  memory_module--N_checkpoint.pt
    config.json  preprocessor_config.json  dataset_statistics.json  memory_meta.json  tokenizer.json

Loading never writes into the folder and never runs code from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from muvla.model.architecture import Architecture, MemorySettings, Tower
from muvla.model.cell import Cell

# heads cannot be read off tensor shapes; everything else of a timm tower can
TIMM_TOWERS = {
    "vit_large_patch14_reg4_dinov2.lvd142m": Tower(
        224, 14, 1024, 24, 16, 4096, class_token=True, reg_tokens=4, layer_scale=True
    ),
    "vit_so400m_patch14_siglip_224": Tower(224, 14, 1152, 27, 16, 4304, attention_pool=True),
    "vit_tiny_patch16_224": Tower(224, 16, 192, 12, 3, 768, class_token=True, pos_embed_prefix=True),
}
OPENVLA_TOWERS = ("vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224")
LM_HEAD = "language_model.lm_head.weight"  # in every released folder, without influence on an action
COMPONENTS = ("action_head", "proprio_projector", "memory_module")


class CheckpointError(ValueError):
    """A checkpoint folder that cannot be used; the message names the file and the tensor."""


def load(directory: str | Path, *, settings: MemorySettings | None = None, padded_context: bool = False) -> Cell:
    """The policy in `directory`, in float32 and eval mode.

    `settings` overrides memory_meta.json. Raises CheckpointError for anything missing, unexpected or misshapen.
    """
    folder = Path(directory)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} is not a checkpoint folder: it has no config.json")
    components = {name: _component(folder, name) for name in COMPONENTS}
    memory = components.pop("memory_module") or {}
    settings = settings or memory_settings(folder, memory.get("initial_memory"))
    architecture = read_architecture(folder, components["proprio_projector"])
    state = _shards(folder)
    state.pop(LM_HEAD, None)
    state = {name.replace("language_model.model.", "language_model.", 1): value for name, value in state.items()}
    for name, tensors in components.items():
        if tensors is None:
            raise CheckpointError(f"{folder} has no {name}--*_checkpoint.pt: download the folder completely")
        state |= {f"{name}.{key}": value for key, value in tensors.items()}
    state["memory.initial_memory"] = memory.get("initial_memory", torch.empty(0, architecture.width))
    with torch.device("meta"):
        cell = Cell(architecture, settings, padded_context=padded_context)
    _require_fit(folder, cell, state)
    cell.load_state_dict({name: value.float() for name, value in state.items()}, strict=False, assign=True)
    _materialise_buffers(cell)
    return cell.eval()


def save(
    cell: Cell,
    directory: str | Path,
    *,
    step: int,
    files: dict[str, Any],
    provenance: Callable[[Path], dict[str, Any]] | None = None,
) -> None:
    """Write `cell` as a released-layout folder, under a temporary name first, then renamed into place.

    `files`: further JSON files by name (dataset_statistics.json, preprocessor_config.json, ...).
    `provenance`: called with the folder when everything else is in it, its answer becomes provenance.json.
    """
    target = Path(directory)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    state = {name: value.detach().cpu() for name, value in cell.state_dict().items()}
    parts = {name: {k.split(".", 1)[1]: v for k, v in state.items() if k.startswith(f"{name}.")}
             for name in ("action_head", "proprio_projector", "memory")}  # fmt: skip
    model = {
        name.replace("language_model.", "language_model.model.", 1): value.to(torch.bfloat16).contiguous()
        for name, value in state.items()
        if name.split(".", 1)[0] not in parts
    }
    shard = "model-00001-of-00001.safetensors"
    # trained from scratch there is no head but the embeddings (Window names words against them)
    model[LM_HEAD] = model["language_model.model.embed_tokens.weight"].clone()
    save_file(model, temporary / shard, metadata={"format": "pt"})
    size = sum(value.numel() * value.element_size() for value in model.values())
    _write_json(
        temporary / "model.safetensors.index.json",
        {"metadata": {"total_size": size}, "weight_map": dict.fromkeys(sorted(model), shard)},
    )
    heads = {f"module.{k}": v.to(torch.bfloat16) for k, v in parts["action_head"].items()}
    torch.save(heads, temporary / f"action_head--{step}_checkpoint.pt")
    proprio = {f"module.{k}": v.float() for k, v in parts["proprio_projector"].items()}
    torch.save(proprio, temporary / f"proprio_projector--{step}_checkpoint.pt")
    if cell.settings.num_mem_tokens:
        memory = {k: v.to(torch.bfloat16) for k, v in parts["memory"].items()}
        torch.save(memory, temporary / f"memory_module--{step}_checkpoint.pt")
        _write_json(temporary / "memory_meta.json", dataclasses.asdict(cell.settings))
    _write_json(temporary / "config.json", _config(cell.architecture))
    for name, content in files.items():
        _write_json(temporary / name, content)
    if provenance is not None:
        _write_json(temporary / "provenance.json", provenance(temporary))
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)


def sha256(directory: str | Path) -> str:
    """One hash for the folder: over the names and contents of its files, provenance excepted (it names this hash)."""
    digest = hashlib.sha256()
    for path in sorted(Path(directory).iterdir()):
        if path.is_file() and path.name != "provenance.json":
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def memory_settings(folder: Path, initial_memory: Tensor | None) -> MemorySettings:
    """memory_meta.json, checked against the tensor; neither of the two means a memoryless policy (spec 12.5)."""
    path = folder / "memory_meta.json"
    if not path.is_file():
        if initial_memory is not None:
            raise CheckpointError(
                f"{folder} has a memory_module but no memory_meta.json: pass the memory settings explicitly "
                f"(the tensor has {len(initial_memory)} tokens; update rule and mask cannot be read off it)"
            )
        return MemorySettings()
    settings = MemorySettings(**json.loads(path.read_text()))
    if initial_memory is None:
        raise CheckpointError(f"{path} announces memory but {folder} has no memory_module--*_checkpoint.pt")
    if len(initial_memory) != settings.num_mem_tokens:
        raise CheckpointError(
            f"{path} says num_mem_tokens {settings.num_mem_tokens}, memory_module's initial_memory has "
            f"{len(initial_memory)} rows"
        )
    return settings


def read_architecture(folder: Path, proprio: dict[str, Tensor] | None) -> Architecture:
    """Sizes from config.json; the proprio width from its projector (7 MIKASA, 8 LIBERO)."""
    config = json.loads((folder / "config.json").read_text())
    text = config.get("text_config", {})
    if "towers" in config:
        towers = tuple(Tower(**tower) for tower in config["towers"])
    else:
        names = config.get("timm_model_ids", OPENVLA_TOWERS)
        if unknown := [name for name in names if name not in TIMM_TOWERS]:
            raise CheckpointError(f"{folder}/config.json names unknown vision towers {unknown}")
        towers = tuple(TIMM_TOWERS[name] for name in names)
    width_in = 7 if proprio is None else proprio["fc1.weight"].shape[1]
    if width_in not in (7, 8):
        raise CheckpointError(f"{folder}: proprio_projector fc1 reads {width_in} numbers; MIKASA has 7, LIBERO 8")
    return Architecture(
        towers=towers,
        cameras=config.get("cameras", 2),
        width=text.get("hidden_size", 4096),
        layers=text.get("num_hidden_layers", 32),
        heads=text.get("num_attention_heads", 32),
        mlp_hidden=text.get("intermediate_size", 11008),
        vocab_size=text.get("vocab_size", 32064),
        pad_id=text.get("pad_token_id", 32000),
        proprio_dim=width_in,
    )


def _config(architecture: Architecture) -> dict[str, Any]:
    """config.json of a policy of ours: the released keys, and `towers` and `cameras`, which it does not store."""
    return {
        "architectures": ["OpenVLAForActionPrediction"],
        "arch_specifier": "no-align+fused-gelu-mlp",
        "model_type": "openvla",
        "use_fused_vision_backbone": True,
        "image_resize_strategy": "resize-naive",
        "image_sizes": [tower.image_size for tower in architecture.towers],
        "pad_token_id": architecture.pad_id,
        "n_action_bins": 256,
        "torch_dtype": "bfloat16",
        "cameras": architecture.cameras,
        "towers": [dataclasses.asdict(tower) for tower in architecture.towers],
        "text_config": {
            "model_type": "llama",
            "hidden_size": architecture.width,
            "intermediate_size": architecture.mlp_hidden,
            "num_attention_heads": architecture.heads,
            "num_hidden_layers": architecture.layers,
            "num_key_value_heads": architecture.heads,
            "pad_token_id": architecture.pad_id,
            "torch_dtype": "bfloat16",
            "vocab_size": architecture.vocab_size,
        },
    }


def _component(folder: Path, name: str) -> dict[str, Tensor] | None:
    found = sorted(path for path in folder.glob(f"*{name}*checkpoint*.pt"))
    if not found:
        return None
    if len(found) > 1:
        raise CheckpointError(f"{folder} has several {name} files: {', '.join(p.name for p in found)}; keep one")
    try:
        tensors = torch.load(found[0], map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{found[0]} cannot be read as tensors only: {error}") from error
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def _shards(folder: Path) -> dict[str, Tensor]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        raise CheckpointError(f"{folder} has no model.safetensors.index.json: download the folder completely")
    weight_map: dict[str, str] = json.loads(index.read_text())["weight_map"]
    state: dict[str, Tensor] = {}
    for shard in sorted(set(weight_map.values())):
        try:
            with safe_open(folder / shard, framework="pt") as tensors:
                state |= {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 (no mapping)
        except Exception as error:
            raise CheckpointError(f"{folder / shard} cannot be read: {error}") from error
    if missing := sorted(set(weight_map) - set(state)):
        raise CheckpointError(f"{index} lists {missing[0]} and {len(missing) - 1} more, which no shard holds")
    return state


def _require_fit(folder: Path, cell: Cell, state: dict[str, Tensor]) -> None:
    wanted = dict(cell.named_parameters())
    if missing := sorted(set(wanted) - set(state)):
        raise CheckpointError(f"{folder} lacks {len(missing)} tensors, first {missing[0]}")
    if unexpected := sorted(set(state) - set(wanted)):
        raise CheckpointError(f"{folder} has {len(unexpected)} tensors of another architecture, first {unexpected[0]}")
    for name, parameter in wanted.items():
        if parameter.shape != state[name].shape:
            raise CheckpointError(
                f"{folder}: {name} has shape {tuple(state[name].shape)}, needed is {tuple(parameter.shape)}"
            )


def _materialise_buffers(cell: Cell) -> None:
    """Rotary frequencies are computed, not stored: build them outside the meta device the cell was made on."""
    rotary = cell.language_model.rotary_emb
    cell.language_model.rotary_emb = type(rotary)(config=cell.language_model.config)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def read_json(directory: str | Path, name: str) -> Any:
    """One of the folder's JSON files. Raises CheckpointError when it is missing or damaged."""
    path = Path(directory) / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
