"""Checkpoints in the released layout (spec 4.6, 12): one folder, safetensors shards beside small component files.

    model-*.safetensors + model.safetensors.index.json   vision towers, projector, language model (bf16)
    action_head--N_checkpoint.pt  proprio_projector--N_checkpoint.pt  memory_module--N_checkpoint.pt
    config.json  preprocessor_config.json  dataset_statistics.json  memory_meta.json  tokenizer.json

Loading never writes into the folder and never runs code from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch

from muvla.checkpoint.config_files import (
    CONFIG,
    MEMORY_META,
    read_architecture,
    read_memory_settings,
    require_same_memory,
)
from muvla.checkpoint.names import COMPONENTS, LM_HEAD, PARTS, our_name, released_name
from muvla.checkpoint.save import save, sha256
from muvla.checkpoint.tensors import CheckpointError, Stored, read_component, read_json, read_shards
from muvla.model.architecture import Architecture, MemorySettings
from muvla.model.cell import ActionHead, Cell, ProprioProjector
from muvla.model.memory import Memory

__all__ = ["CheckpointError", "load", "load_to_train", "read_json", "save", "sha256"]

INITIAL = "initial_memory"


def load(
    directory: str | Path,
    *,
    settings: MemorySettings | None = None,
    padded_context: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Cell:
    """The policy in `directory`, every tensor in `dtype`, in eval mode. bfloat16 shards stay mapped, not read.

    `settings` overrides memory_meta.json. Raises CheckpointError for anything missing, unexpected or misshapen.
    """
    folder = _require_folder(directory)
    components = {name: read_component(folder, name) for name in COMPONENTS}
    where = "the given settings" if settings else str(folder / MEMORY_META)
    settings = settings or read_memory_settings(folder, components["memory_module"])
    for name in ("action_head", "proprio_projector"):
        if components[name] is None:
            raise CheckpointError(f"{folder} has no {name}--*_checkpoint.pt: download the folder completely")
    architecture = read_architecture(folder, components["proprio_projector"])
    state = _model(folder)
    state.pop(LM_HEAD, None)
    state |= _named(components)
    if settings.num_mem_tokens and f"memory.{INITIAL}" in state:
        stored = state[f"memory.{INITIAL}"]
        require_same_memory(where, settings, stored.tensor, stored.file)
    elif not settings.num_mem_tokens:
        state[f"memory.{INITIAL}"] = Stored(folder, INITIAL, torch.empty(0, architecture.width))
    return _assemble(folder, architecture, settings, state, padded_context, dict.fromkeys(("", *PARTS), dtype)).eval()


def load_to_train(
    directory: str | Path,
    settings: MemorySettings,
    *,
    cameras: int,
    proprio_dim: int,
    chunk: int = 8,
    padded_context: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Cell:
    """A base (openvla-7b) or a checkpoint to go on from: the backbone in `dtype`, what is trained whole in float32.

    The head, the proprio projector and the memory are new (torch's global generator) where the folder has none.

    Raises:
        CheckpointError: as `load`; or the folder's memory has another number of tokens than `settings`.
    """
    folder = _require_folder(directory)
    components = {name: read_component(folder, name) for name in COMPONENTS}
    architecture = read_architecture(folder, components["proprio_projector"], proprio_dim)
    if architecture.proprio_dim != proprio_dim:
        raise CheckpointError(
            f"{folder} reads {architecture.proprio_dim} proprio numbers, this benchmark has {proprio_dim}"
        )
    architecture = dataclasses.replace(architecture, cameras=cameras, chunk=chunk, lm_head=True)
    state = _model(folder) | _named(components)
    new = {
        "action_head": ActionHead(architecture),
        "proprio_projector": ProprioProjector(proprio_dim, architecture.width),
        "memory": Memory(settings, architecture.width),
    }
    for part, module in new.items():
        if not settings.num_mem_tokens and part == "memory" or components[PARTS[part]] is None:
            state |= {f"{part}.{key}": Stored(folder, key, value) for key, value in module.state_dict().items()}
    stored = state[f"memory.{INITIAL}"]
    require_same_memory("this variant", settings, stored.tensor, stored.file)
    return _assemble(folder, architecture, settings, state, padded_context, {"": dtype})


def _require_folder(directory: str | Path) -> Path:
    folder = Path(directory)
    if not (folder / CONFIG).is_file():
        raise CheckpointError(f"{folder} is not a checkpoint folder: it has no {CONFIG}")
    return folder


def _model(folder: Path) -> dict[str, Stored]:
    """The shards' tensors under our names: the release nests the language model once more, and its head inside."""
    stored = read_shards(folder)
    return {our_name(name): value for name, value in stored.items()}


def _named(components: Mapping[str, dict[str, Stored] | None]) -> dict[str, Stored]:
    return {
        f"{part}.{key}": stored
        for part, component in PARTS.items()
        for key, stored in (components[component] or {}).items()
    }


def _assemble(
    folder: Path,
    architecture: Architecture,
    settings: MemorySettings,
    state: Mapping[str, Stored],
    padded_context: bool,
    dtypes: Mapping[str, torch.dtype],
) -> Cell:
    """A cell whose tensors are `state`'s; dtypes: by part, "" for the backbone; a part without one is float32."""
    with torch.device("meta"):
        cell = Cell(architecture, settings, padded_context=padded_context)
    _require_fit(folder, cell, state)
    tensors = {}
    for name, stored in state.items():
        part = name.split(".", 1)[0]
        dtype = dtypes.get(part, torch.float32) if part in PARTS else dtypes[""]
        tensors[name] = stored.tensor.to(dtype)
    cell.load_state_dict(tensors, strict=True, assign=True)
    _materialise_buffers(cell)
    return cell


def _require_fit(folder: Path, cell: Cell, state: Mapping[str, Stored]) -> None:
    wanted = dict(cell.named_parameters())
    if missing := sorted(set(wanted) - set(state)):
        part, _, key = missing[0].partition(".")
        place = f"{PARTS[part]}--*_checkpoint.pt" if part in PARTS else "model-*.safetensors"
        name = key if part in PARTS else released_name(missing[0])
        raise CheckpointError(f"{folder} lacks {len(missing)} tensors, first {name} in {place}")
    if unexpected := sorted(set(state) - set(wanted)):
        stored = state[unexpected[0]]
        raise CheckpointError(
            f"{stored.file} has tensors of another architecture ({len(unexpected)} in the folder), first {stored.name}"
        )
    for name, parameter in wanted.items():
        stored = state[name]
        if parameter.shape != stored.tensor.shape:
            raise CheckpointError(
                f"{stored.file}: {stored.name} has shape {tuple(stored.tensor.shape)}, needed is "
                f"{tuple(parameter.shape)}"
            )


def _materialise_buffers(cell: Cell) -> None:
    """Rotary frequencies are computed, not stored: build them outside the meta device the cell was made on."""
    rotary = cell.language_model.rotary_emb
    cell.language_model.rotary_emb = type(rotary)(config=cell.language_model.config)
