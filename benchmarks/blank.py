"""A policy of any sizes without a download, and data to train it on: random numbers that no file holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from muvla.checkpoint import StoredPolicy
from muvla.checkpoint.config_files import CONFIG, MEMORY_META, config_json, preprocessor
from muvla.checkpoint.names import PARTS, released_name
from muvla.checkpoint.stored import PREPROCESSOR
from muvla.checkpoint.tensors import Stored
from muvla.data.statistics import STATISTICS_FILE
from muvla.data.text import Tokenizer
from muvla.files import write_json
from muvla.model.architecture import Architecture, MemorySettings
from muvla.model.cell import Cell
from muvla.model.prompt import Prompt
from muvla.model.window import WindowBatch
from muvla.model.work import PROMPT
from muvla.train.start import Budget


def blank_policy(
    folder: Path, sizes: Architecture, memory: MemorySettings, *, device: str, dtype: torch.dtype
) -> StoredPolicy:
    """Return a policy whose small files lie in `folder` and whose tensors are on `device`.

    On a GPU the weights are random: zeros switch fewer transistors, so the card would clock higher than in training.
    On a CPU they are zeros, which are never written in float32: the pages of 7.58 billion parameters take no memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bounds = {"q01": [-1.0] * sizes.proprio_dim, "q99": [1.0] * sizes.proprio_dim}
    actions = {"q01": [-1.0] * sizes.action_dim, "q99": [1.0] * sizes.action_dim}
    write_json(folder / CONFIG, config_json(sizes))
    write_json(folder / MEMORY_META, dataclasses.asdict(memory))
    write_json(folder / PREPROCESSOR, preprocessor(sizes) | {"center_crop": True})  # as the released policies act
    write_json(folder / STATISTICS_FILE, {"mikasa_combined": {"action": actions, "proprio": bounds}})
    Tokenizer.mini().save(folder)
    with torch.device("meta"):
        cell = Cell(dataclasses.replace(sizes, lm_head=True), memory)
    torch.manual_seed(0)
    stored = StoredPolicy(folder)
    shards: dict[str, Stored] = {}
    components: dict[str, dict[str, Stored] | None] = {file: {} for file in PARTS.values()}
    for name, parameter in cell.named_parameters():
        tensor = _blank(parameter.shape, device, dtype)
        part, _, key = name.partition(".")
        if (component := components.get(PARTS.get(part, ""))) is not None:
            component[key] = Stored(folder, key, tensor)
        else:
            shards[released_name(name)] = Stored(folder, released_name(name), tensor)
    stored.shards, stored.components = shards, components
    return stored


def _blank(shape: torch.Size, device: str, dtype: torch.dtype) -> Tensor:
    if device == "cpu":
        return torch.from_numpy(np.zeros(shape, np.float32)).to(dtype)  # torch.zeros would write every page
    return torch.randn(shape, dtype=dtype, device=device) * 0.02


class BlankSource:
    """Hands out one random window again and again, and calls `asked` each time."""

    def __init__(
        self, sizes: Architecture, budget: Budget, device: torch.device, asked: Callable[[], None] | None = None
    ) -> None:
        steps, slots = budget.steps, budget.slots
        generator = torch.Generator().manual_seed(0)
        prompt = Prompt(
            torch.randint(3, sizes.vocab_size, (slots, PROMPT + 1), generator=generator),
            torch.full((slots,), PROMPT),
        ).to(device)
        side = sizes.image_size
        shape = (steps, slots, sizes.cameras, side, side, 3)
        first = torch.zeros(steps, slots, dtype=torch.bool)
        first[0, 0] = True
        self.batch = WindowBatch(
            images=torch.randint(256, shape, dtype=torch.uint8, generator=generator).to(device),
            proprio=torch.randn(steps, slots, sizes.proprio_dim, generator=generator).to(device),
            actions=(torch.rand(steps, slots, sizes.chunk, sizes.action_dim, generator=generator) * 2 - 1).to(device),
            is_first=first.to(device),
            prompts=[prompt] * steps,
        )
        self.asked = asked

    def next_window(self, progress: float) -> WindowBatch:
        if self.asked is not None:
            self.asked()
        return self.batch

    def state(self) -> list[Any]:
        return []

    def restore(self, state: list[Any]) -> None:
        pass

    def close(self) -> None:
        pass
