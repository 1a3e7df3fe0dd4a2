"""Where an interrupted training goes on: one file beside the checkpoint, replaced atomically, removed at the end."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from muvla.data.streams import Streams
from muvla.model.window import Window
from muvla.optimiser import Optimiser


class TrainingState:
    """Weights, optimiser, schedule, streams, memory between two windows: a resumed run ends with the same bytes."""

    def __init__(self, path: Path, window: Window, optimiser: Optimiser, streams: Streams) -> None:
        self.path, self.window, self.optimiser, self.streams = path, window, optimiser, streams

    def save(self, update: int, memory: Tensor) -> None:
        """update: how many are done. Raises OSError when the disk is full; the previous file then stays."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        content = {
            "update": update,
            "memory": memory,
            "window": self.window.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "streams": self.streams.state(),
        }
        try:
            torch.save(content, scratch)
            os.replace(scratch, self.path)
        finally:
            scratch.unlink(missing_ok=True)

    def restore(self, memory: Tensor) -> tuple[int, Tensor]:
        """(updates done, memory) of the saved run; (0, the given memory) when there is none.

        Raises ValueError when the file belongs to another model.
        """
        if not self.path.is_file():
            return 0, memory
        try:
            saved = torch.load(self.path, weights_only=True)
            self.window.load_state_dict(saved["window"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.streams.restore(saved["streams"])
        except Exception as error:
            raise ValueError(f"{self.path} does not fit this run ({error}); remove it to start anew") from error
        return saved["update"], saved["memory"]
