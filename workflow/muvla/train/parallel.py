"""Processes that train one policy together: started by torchrun, or the one process there is.

Each holds its own slots; gradients are averaged by DistributedDataParallel, which wraps the whole window, so every
trained tensor is broadcast at the start and reduced with the others (spec 9.1 B1, B2 cannot happen).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Group:
    """rank of `world` processes, and the device this one computes on."""

    rank: int = 0
    world: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """`module` with its gradients averaged over the group; the module itself where there is one process."""
        if self.world == 1:
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(
            module, device_ids=devices, broadcast_buffers=False, gradient_as_bucket_view=True
        )

    def reducing(self, wrapped: nn.Module, now: bool) -> AbstractContextManager[Any]:
        """Around forward and backward of what `wrap` gave: whether gradients, all that were added up, are averaged."""
        if now or not isinstance(wrapped, nn.parallel.DistributedDataParallel):
            return nullcontext()
        return wrapped.no_sync()

    def gather(self, value: Any) -> list[Any]:
        """Every process's `value`, in the order of their ranks; any picklable object."""
        if self.world == 1:
            return [value]
        found: list[Any] = [None] * self.world
        distributed.all_gather_object(found, value)
        return found

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Each number averaged over the processes; all must have the same keys."""
        if self.world == 1:
            return values
        stacked: Tensor = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        distributed.all_reduce(stacked)
        return dict(zip(values, (stacked / self.world).tolist(), strict=True))

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.world > 1:
            distributed.barrier()


@contextmanager
def joined(device: str = "auto") -> Iterator[Group]:
    """The group that torchrun's environment describes (NCCL between GPUs, gloo between CPUs), left at the end.

    device: auto, cpu or cuda. Raises ValueError for device "cuda" without a GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda, but this machine shows torch no GPU; use device=cpu")
    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    place = torch.device("cpu")
    if device != "cpu" and torch.cuda.is_available():
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(place)
    if world == 1:
        yield Group(device=place)
        return
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Group(rank, world, place)
    finally:
        distributed.destroy_process_group()
