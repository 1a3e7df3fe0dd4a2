"""The tensor files of a checkpoint folder (spec 4.6, 12.2, 12.3): safetensors shards and small .pt components.

Shards are mapped into memory, not read; components are unpickled as tensors only. Nothing here runs code of a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from muvla import files
from muvla.checkpoint.names import PARTS
from muvla.files import Json, require_content, write_json

INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
SHARD_BYTES = 5 * 10**9  # transformers' default limit, which the released folders keep


class CheckpointError(ValueError):
    """A checkpoint folder that cannot be used; the message names the file and the tensor."""


@dataclass(frozen=True)
class Stored:
    """A tensor, the file it was read from, and its name there."""

    file: Path
    name: str
    tensor: Tensor

    def finite(self) -> Tensor:
        """Return the tensor. Raises CheckpointError for NaN or infinity in it."""
        wrong = int((~torch.isfinite(self.tensor)).sum()) if self.tensor.is_floating_point() else 0
        if wrong:
            raise CheckpointError(
                f"{self.file}: {self.name} holds {wrong} numbers that are NaN or infinite: the training diverged "
                "or the file is damaged; take an earlier checkpoint or fetch it again"
            )
        return self.tensor


def read_json(file: Path) -> Json:
    """Read one of a folder's JSON files. Raises CheckpointError when it is missing, damaged or no object."""
    try:
        return files.read_json(file)
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(str(error)) from error


def component_file(folder: Path, name: str) -> Path | None:
    """Find `name`--N_checkpoint.pt; None when there is none. Raises CheckpointError for several."""
    found = sorted(path for path in folder.glob(f"*{name}*checkpoint*.pt"))
    if len(found) > 1:
        raise CheckpointError(f"{folder} has several {name} files: {', '.join(p.name for p in found)}; keep one")
    return found[0] if found else None


def read_component(folder: Path, name: str) -> dict[str, Stored] | None:
    """Read the tensors of `name`--N_checkpoint.pt without their leading "module."; None when there is no such file.

    Raises CheckpointError for several files, and for one that holds anything but tensors.
    """
    file = component_file(folder, name)
    if file is None:
        return None
    try:
        require_content(file)
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(
            f"{file} cannot be read as tensors only: it is damaged or holds Python objects, which could run code; "
            "fetch it again, or save its tensors alone"
        ) from error
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    except Exception as error:
        raise CheckpointError(f"{file} cannot be read: {_first_line(error)}; fetch it again") from error
    if not isinstance(tensors, dict):
        raise CheckpointError(f"{file} holds a {type(tensors).__name__}, expected tensors by name")
    if other := [key for key, value in tensors.items() if not isinstance(value, Tensor)]:
        kind = type(tensors[other[0]]).__name__
        advice = "save the dictionary within it instead" if kind in ("dict", "OrderedDict") else "expected tensors only"
        raise CheckpointError(f"{file} holds {other[0]!r}, a {kind}: {advice}")
    return {key.removeprefix("module."): Stored(file, key, value) for key, value in tensors.items()}


def foreign_components(folder: Path) -> list[Path]:
    """Return the component files (NAME--N_checkpoint.pt) that belong to none of our parts, such as FiLM's towers."""
    known = {component_file(folder, name) for name in PARTS.values()}
    return [path for path in sorted(folder.glob("*checkpoint*.pt")) if path not in known]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def read_shards(folder: Path) -> dict[str, Stored]:
    """Map all tensors of the model, from model.safetensors.index.json's shards or from one model.safetensors.

    Raises CheckpointError naming what is missing or damaged.
    """
    single = folder / "model.safetensors"
    if not (folder / INDEX).is_file():
        if not single.is_file() and (folder / ADAPTER_CONFIG).is_file():
            raise CheckpointError(adapters_only(folder))
        if not single.is_file():
            raise CheckpointError(f"{folder} has no {INDEX}: download the folder completely")
        return _read_shard(single)
    weight_map = read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{folder / INDEX} has no weight_map: fetch it again")
    state: dict[str, Stored] = {}
    for shard in sorted(set(weight_map.values())):
        if Path(shard).name != shard:
            raise CheckpointError(f"{folder / INDEX} names {shard!r}, which is not a file of the folder")
        state |= _read_shard(folder / shard)
    if missing := sorted(set(weight_map) - set(state)):
        raise CheckpointError(
            f"{folder / INDEX} lists {missing[0]} and {len(missing) - 1} more tensors, which no shard holds"
        )
    return state


def _read_shard(file: Path) -> dict[str, Stored]:
    try:
        require_content(file)
        with safe_open(file, framework="pt") as tensors:
            return {name: Stored(file, name, tensors.get_tensor(name)) for name in tensors.keys()}  # noqa: SIM118
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    except Exception as error:
        raise CheckpointError(f"{file} cannot be read: {_first_line(error)}; fetch it again") from error


def adapters_only(folder: Path) -> str:
    """Say that the folder holds adapters without the weights that they change."""
    base = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path") or "their base"
    return f"{folder} holds adapters only: merge them into {base} first (peft's merge_and_unload), and give that folder"


def write_shards(
    folder: Path, tensors: Mapping[str, Callable[[], Tensor]], sizes: Mapping[str, int], limit: int = SHARD_BYTES
) -> None:
    """Write model-*.safetensors and their index.

    tensors: each made only when its shard is written, so that one shard at a time is in memory.
    sizes: bytes of each. A tensor larger than `limit` bytes gets a shard of its own.
    """
    shards: list[list[str]] = [[]]
    filled = 0
    for name in tensors:
        if shards[-1] and filled + sizes[name] > limit:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += sizes[name]
    files: dict[str, str] = {}
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file({name: tensors[name]() for name in names}, folder / file, metadata={"format": "pt"})
        files |= dict.fromkeys(names, file)
    content = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": dict(sorted(files.items()))}
    write_json(folder / INDEX, content)
