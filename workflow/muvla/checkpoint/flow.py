"""Folders of flow-matching policies: the released layout's shards, and `flow` in config.json (spec 14)."""

from __future__ import annotations

import dataclasses

import torch

from muvla.checkpoint.cells import filled, load
from muvla.checkpoint.config_files import CONFIG, config_json
from muvla.checkpoint.stored import StoredPolicy
from muvla.checkpoint.tensors import CheckpointError, Stored
from muvla.data.text import Tokenizer
from muvla.files import Json
from muvla.model.flow.cell import AnyCell, FlowCell
from muvla.model.flow.expert import FlowSettings

FLOW = "flow"  # key of config.json


def load_any(policy: StoredPolicy, *, dtype: torch.dtype = torch.float32) -> AnyCell:
    """Load whichever policy the folder holds, to act with. Raises CheckpointError as `load` and `load_flow` do."""
    if policy.flow is None:
        return load(policy, dtype=dtype)
    if dtype != torch.float32:
        raise CheckpointError(
            f"{policy.folder} is a flow-matching policy, which computes in float32: precision=float32"
        )
    return load_flow(policy)


def load_flow(policy: StoredPolicy) -> FlowCell:
    """Load a flow-matching policy in float32, in eval mode.

    Raises CheckpointError for another kind of policy, and for anything missing, unexpected or misshapen.
    """
    settings, file = policy.flow, policy.folder / CONFIG
    if settings is None:
        raise CheckpointError(f"{file} has no {FLOW}: it is no flow-matching policy")
    names = [each.name for each in dataclasses.fields(FlowSettings)]
    try:
        flow = FlowSettings(**{name: int(settings[name]) for name in names})
        sizes = dataclasses.replace(policy.architecture, proprio_dim=int(settings["proprio_dim"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file}: {FLOW} must hold whole numbers for {', '.join(names)}, proprio_dim") from error
    with torch.device("meta"):
        cell = FlowCell(sizes, flow, digit_ids(policy.tokenizer), preprocessing=policy.preprocessing)
    state = policy.tensors | {"memory.initial_memory": Stored(file, "memory", torch.empty(0, sizes.width))}
    return filled(cell, policy.folder, state, {"": torch.float32}).eval()


def digit_ids(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of the tokens 0 to 9, in which such a policy reads the robot's state."""
    return [tokenizer.word_id(str(digit)) for digit in range(10)]


def flow_json(cell: FlowCell, step: int) -> Json:
    """Make config.json. step: updates that made the checkpoint."""
    own = {**dataclasses.asdict(cell.flow), "proprio_dim": cell.architecture.proprio_dim, "step": step}
    return config_json(cell.architecture) | {"architectures": ["FlowCell"], "model_type": "muvla_flow", FLOW: own}
