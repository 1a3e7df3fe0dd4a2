"""Cells from checkpoint folders: one that acts, or one to train on from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from muvla.checkpoint.config_files import MEMORY_META, require_same_memory
from muvla.checkpoint.names import LM_HEAD, PARTS, released_name
from muvla.checkpoint.stored import StoredPolicy
from muvla.checkpoint.tensors import CheckpointError, Stored
from muvla.data.images import Preprocessing
from muvla.model.architecture import Architecture, MemorySettings
from muvla.model.cell import ActionHead, Cell, ProprioProjector
from muvla.model.memory import Memory

INITIAL = "initial_memory"
C = TypeVar("C", bound=nn.Module)


def load(
    policy: StoredPolicy | str | Path,
    *,
    dtype: torch.dtype = torch.float32,
) -> Cell:
    """Load a policy to act with: every tensor in `dtype`, in eval mode. bfloat16 shards stay mapped, not read.

    Raises:
        CheckpointError: anything missing, unexpected or misshapen; NaN or infinity in a tensor.
    """
    stored = policy if isinstance(policy, StoredPolicy) else StoredPolicy(policy)
    if stored.flow is not None:
        raise CheckpointError(f"{stored.folder} is a flow-matching policy (pi05), which can only be evaluated")
    settings = stored.memory
    for name in ("action_head", "proprio_projector"):
        if stored.components[name] is None:
            raise CheckpointError(f"{stored.folder} has no {name}--*_checkpoint.pt: download the folder completely")
    architecture = stored.architecture
    state = stored.tensors
    state.pop(LM_HEAD, None)
    if settings.num_mem_tokens and f"memory.{INITIAL}" in state:
        memory = state[f"memory.{INITIAL}"]
        require_same_memory(str(stored.folder / MEMORY_META), settings, memory.tensor, memory.file)
    elif not settings.num_mem_tokens:
        state[f"memory.{INITIAL}"] = Stored(stored.folder, INITIAL, torch.empty(0, architecture.width))
    cell = _empty(architecture, settings, stored.preprocessing)
    return filled(cell, stored.folder, state, dict.fromkeys(("", *PARTS), dtype)).eval()


def load_to_train(
    policy: StoredPolicy | str | Path,
    settings: MemorySettings,
    *,
    cameras: int,
    proprio_dim: int,
    chunk: int = 8,
    padded_context: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Cell:
    """Load a base (openvla-7b) or a checkpoint to train on from.

    The backbone is in `dtype`, what is trained whole in float32. The head, the proprio projector and the memory are new
    (torch's global generator) where the folder has none. Nothing is cropped: training crops at random before the cell
    sees a picture.

    Raises:
        CheckpointError: as `load`; or the folder's memory has another number of tokens than `settings`.
    """
    stored = policy if isinstance(policy, StoredPolicy) else StoredPolicy(policy)
    width = stored.architecture.proprio_dim
    if stored.components["proprio_projector"] is not None and width != proprio_dim:
        raise CheckpointError(f"{stored.folder} reads {width} proprio numbers, this benchmark has {proprio_dim}")
    architecture = dataclasses.replace(
        stored.architecture, proprio_dim=proprio_dim, cameras=cameras, chunk=chunk, lm_head=True
    )
    state = stored.tensors
    new = {
        "action_head": ActionHead(architecture),
        "proprio_projector": ProprioProjector(proprio_dim, architecture.width),
        "memory": Memory(settings, architecture.width),
    }
    for part, module in new.items():
        if not settings.num_mem_tokens and part == "memory" or stored.components[PARTS[part]] is None:
            state |= {f"{part}.{key}": Stored(stored.folder, key, value) for key, value in module.state_dict().items()}
    memory = state[f"memory.{INITIAL}"]
    require_same_memory("this variant", settings, memory.tensor, memory.file)
    preprocessing = dataclasses.replace(stored.preprocessing, center_crop=False)
    cell = _empty(architecture, settings, preprocessing, padded_context)
    return filled(cell, stored.folder, state, {"": dtype})


def _empty(
    architecture: Architecture, settings: MemorySettings, preprocessing: Preprocessing, padded_context: bool = False
) -> Cell:
    """Build a cell whose tensors take no memory yet."""
    with torch.device("meta"):
        return Cell(architecture, settings, preprocessing=preprocessing, padded_context=padded_context)


def filled(cell: C, folder: Path, state: Mapping[str, Stored], dtypes: Mapping[str, torch.dtype]) -> C:
    """Give `cell` the tensors of `state`. dtypes: by part, "" for the backbone; a part without one is float32."""
    _require_fit(folder, cell, state)
    tensors = {}
    for name, stored in state.items():
        part = name.split(".", 1)[0]
        dtype = dtypes.get(part, torch.float32) if part in PARTS else dtypes[""]
        tensors[name] = stored.finite().to(dtype)
    cell.load_state_dict(tensors, strict=True, assign=True)
    return cell


def _require_fit(folder: Path, cell: nn.Module, state: Mapping[str, Stored]) -> None:
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
