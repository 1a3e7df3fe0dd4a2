"""The saved state of a training: one file beside the checkpoint, replaced atomically, removed at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from muvla.files import Json, replacing
from muvla.records.provenance_file import differences
from muvla.train.episode_watch import EpisodeWatch
from muvla.train.optimiser import Optimiser
from muvla.train.parallel import Group
from muvla.train.start import Source


class TrainingState:
    """Save and restore everything that the rest of a training depends on; a resumed run ends with the same bytes.

    That is: trained weights, optimiser, schedule, positions of all streams, memory (B, m, D) between two windows,
    random generators, and the unfinished episode of the leader's watch. Frozen weights are the base's and not stored. A
    run may resume with another number of processes, if all together have as many streams.
    """

    def __init__(
        self,
        path: Path,
        window: nn.Module,
        optimiser: Optimiser,
        source: Source,
        group: Group,
        watch: EpisodeWatch | None = None,
        *,
        made_with: Json,
    ) -> None:
        """made_with: what decides the training (settings.deciding), and the hashes of data and base."""
        self.made_with = made_with
        self.path, self.window, self.optimiser, self.source, self.group = path, window, optimiser, source, group
        self.watch = watch

    def save(self, update: int, memory: Tensor) -> None:
        """Save the state after `update` updates. Every process calls this; the first one writes.

        Raises OSError when the disk is full, ValueError for NaN or infinity in a weight; the previous file then stays.
        """
        own = (self.source.state(), memory.cpu(), _random_state(self.group))
        everyone = self.group.gather(own)
        if self.group.leads:
            trained = self._trained()
            if wrong := next((name for name, value in trained.items() if not torch.isfinite(value).all()), None):
                raise ValueError(f"after update {update}, {wrong} holds NaN or infinity: not saved to {self.path}")
            content = {
                "update": update,
                "made_with": self.made_with,
                "memory": torch.cat([memory for _, memory, _ in everyone]),
                "window": trained,
                "optimiser": self.optimiser.state_dict(),
                "streams": [entry for streams, _, _ in everyone for entry in streams],
                "random": [state for _, _, state in everyone],
                "episode": self.watch.state() if self.watch else None,
            }
            with replacing(self.path) as scratch:
                try:
                    torch.save(content, scratch)
                except RuntimeError as error:  # what torch makes of a full disk
                    raise OSError(str(error)) from error
        self.group.wait()

    def restore(self, memory: Tensor) -> tuple[int, Tensor]:
        """Restore the saved run and return (updates done, its memory); (0, the given memory) when there is none.

        Raises ValueError when the file belongs to other options, data or base, another model or number of slots.
        """
        if not self.path.is_file():
            return 0, memory
        try:
            saved = torch.load(self.path, weights_only=True, map_location="cpu")
            other = list(differences(saved.get("made_with", "unknown"), self.made_with)) if self.group.leads else []
            if other := self.group.gather(other)[0]:
                raise ValueError("; ".join(other))
            trained = self._trained()
            if set(trained) != set(saved["window"]):
                raise ValueError(f"it trains {len(saved['window'])} tensors, this run {len(trained)}")
            for name, value in trained.items():
                value.copy_(saved["window"][name])
            self.optimiser.load_state_dict(saved["optimiser"])
            own = self._own(saved["streams"], len(self.source.state()))
            self.source.restore(own)
            if self.watch and saved.get("episode"):
                self.watch.restore(saved["episode"], memory.device)
            carried = torch.stack(self._own(list(saved["memory"]), len(memory)))
        except Exception as error:
            raise ValueError(f"{self.path} does not fit this run ({error}); remove it to start anew") from error
        if len(saved["random"]) == self.group.world:
            _set_random_state(self.group, saved["random"][self.group.rank])
        return saved["update"], carried.to(memory.device)

    def _trained(self) -> dict[str, Tensor]:
        return {name: value.detach() for name, value in self.window.named_parameters() if value.requires_grad}

    def _own(self, entries: list[Any], count: int) -> list[Any]:
        """Return this process's share of the entries of all streams."""
        if len(entries) != count * self.group.world:
            raise ValueError(f"it has {len(entries)} slots, this run {count} in each of {self.group.world} processes")
        return entries[self.group.rank * count : (self.group.rank + 1) * count]


def _random_state(group: Group) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if group.device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(group.device)
    return states


def _set_random_state(group: Group, states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if group.device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], group.device)
