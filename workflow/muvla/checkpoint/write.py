"""Write a checkpoint folder in the released layout (spec 4.6): whole or not at all."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from muvla.checkpoint.adapters import merged_tensors, write_adapters
from muvla.checkpoint.config_files import CONFIG, MEMORY_META, config_json, own_keys
from muvla.checkpoint.flow import flow_json
from muvla.checkpoint.names import LM_HEAD, PARTS, released_name
from muvla.checkpoint.tensors import SHARD_BYTES, CheckpointError, write_shards
from muvla.files import Json, replacing_folder, unwritable, write_json
from muvla.model.cell import Cell
from muvla.model.flow.cell import AnyCell, FlowCell

ADAPTERS = "lora_adapter"


def save(
    cell: AnyCell,
    directory: str | Path,
    *,
    step: int,
    files: Json,
    config: Json | None = None,
    copies: Sequence[Path] = (),
    base: str = "",
    provenance: Callable[[Path], Json] | None = None,
) -> None:
    """Write `cell` as a released-layout folder, adapters merged, under a temporary name first, then renamed.

    files: further JSON files by name (dataset_statistics.json, preprocessor_config.json, ...).
    config: config.json of the base, kept as it is; without it one is made from the architecture.
    copies: files to copy in (the base's tokenizer).
    base: what adapters are relative to; they are kept beside the merged weights, in lora_adapter/.
    provenance: called with the folder when everything else is in it; its answer becomes provenance.json.

    Raises OSError when the disk is full, CheckpointError for NaN or infinity in a tensor; what stood there before
    stays, and nothing half-written.
    """
    target = Path(directory)
    try:
        with replacing_folder(target) as temporary:
            if isinstance(cell, FlowCell):
                _write_flow_tensors(cell, temporary)
                write_json(temporary / CONFIG, flow_json(cell, step))
            else:
                _write_policy(cell, temporary, step, config)
                write_adapters(cell, temporary / ADAPTERS, base)
            for path in copies:
                shutil.copyfile(path, temporary / path.name)
            for name, content in files.items():
                write_json(temporary / name, content)
            if provenance is not None:
                write_json(temporary / "provenance.json", provenance(temporary))
    except (RuntimeError, SafetensorError) as error:  # what torch and safetensors make of a full disk
        raise unwritable(target, error) from error


def _write_policy(cell: Cell, folder: Path, step: int, config: Json | None) -> None:
    """Write tensors, memory settings and config.json."""
    _write_tensors(cell, folder, step)
    if cell.settings.num_mem_tokens:
        write_json(folder / MEMORY_META, dataclasses.asdict(cell.settings))
    written = config_json(cell.architecture)
    if config:
        written = {key: value for key, value in config.items() if key != "chunk"} | own_keys(cell.architecture)
    write_json(folder / CONFIG, written)


def _write_tensors(cell: Cell, folder: Path, step: int) -> None:
    tensors = {name: _finite(name, make) for name, make in merged_tensors(cell).items()}
    if LM_HEAD not in tensors:
        # trained from scratch there is no head but the embeddings (Window names words against them)
        tensors[LM_HEAD] = lambda: tensors["language_model.embed_tokens.weight"]().clone()
    groups: dict[str, dict[str, Callable[[], Tensor]]] = {part: {} for part in ("", *PARTS)}
    for name, make in tensors.items():
        part = name.split(".", 1)[0]
        groups[part if part in PARTS else ""][name.removeprefix(f"{part}.") if part in PARTS else name] = make
    model = {released_name(name): _as_bf16(make) for name, make in groups[""].items()}
    shapes = dict(cell.state_dict())
    shapes = {name.replace(".base_layer.", "."): value for name, value in shapes.items()}
    shapes.setdefault(LM_HEAD, shapes["language_model.embed_tokens.weight"])
    sizes = {released_name(name): 2 * shapes[name].numel() for name in groups[""]}
    write_shards(folder, model, sizes, SHARD_BYTES)
    heads = {f"module.{key}": _as_bf16(make)() for key, make in groups["action_head"].items()}
    torch.save(heads, folder / f"action_head--{step}_checkpoint.pt")
    proprio = {f"module.{key}": make().float() for key, make in groups["proprio_projector"].items()}
    torch.save(proprio, folder / f"proprio_projector--{step}_checkpoint.pt")
    if cell.settings.num_mem_tokens:
        memory = {key: _as_bf16(make)() for key, make in groups["memory"].items()}
        torch.save(memory, folder / f"memory_module--{step}_checkpoint.pt")


def _write_flow_tensors(cell: FlowCell, folder: Path) -> None:
    """Write all tensors of a flow-matching policy, which has no components, as shards."""
    state = {name: value for name, value in cell.state_dict().items() if value.numel()}
    makes = {released_name(name): _as_bf16(_finite(name, value.cpu)) for name, value in state.items()}
    write_shards(folder, makes, {released_name(name): 2 * value.numel() for name, value in state.items()})


def _as_bf16(make: Callable[[], Tensor]) -> Callable[[], Tensor]:
    return lambda: make().to(torch.bfloat16).contiguous()


def _finite(name: str, make: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Check the tensor when it is made: safetensors and torch would write NaN without a word."""

    def checked() -> Tensor:
        value = make()
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{name} holds NaN or infinity: the training diverged, nothing is written")
        return value

    return checked
