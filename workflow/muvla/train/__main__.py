"""`python -m muvla.train variant=m64_k2`: train the base, or one variant from it, in windows of K steps (spec 2, 4).

An interrupted run continues from its last saved state when the same command is given again. plan=true only prints what
a run will cost. With several processes: `torchrun --nproc-per-node 8 -m muvla.train scale=paper ...`
(docs/paper-scale.md).
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from muvla import checkpoint
from muvla.files import Json
from muvla.model.architecture import MemorySettings
from muvla.options import command
from muvla.products import flushed
from muvla.provenance import describe_run
from muvla.records.provenance_file import differences
from muvla.train.composed.base import base_start
from muvla.train.composed.scale import ComposedScale
from muvla.train.composed.start import composed_start
from muvla.train.flow.plan import flow_plan
from muvla.train.flow.start import flow_start
from muvla.train.loop import Loop
from muvla.train.parallel import Group, joined
from muvla.train.plan import plan, planned_budget
from muvla.train.recorded.start import recorded_start
from muvla.train.settings import TrainSettings, deciding
from muvla.train.start import Budget, Start


def main() -> None:
    command(TrainSettings, threaded, __doc__)


def threaded(settings: TrainSettings) -> None:
    """Train in a process of its own, with its number of threads."""
    torch.set_num_threads(settings.threads)
    train(settings)


def train(settings: TrainSettings) -> None:
    """Train one variant or the base and write it to settings.output: a checkpoint folder, provenance.json last.

    torch's global random generator is seeded with settings.seed.

    Raises ValueError for settings that contradict each other, the state of an interrupted run or a finished one,
    Diverged for a loss or gradient that is not finite, and what the start raises for missing or damaged files
    (FileNotFoundError, CheckpointError, CorruptRecord).
    """
    if settings.plan:
        print("\n".join((flow_plan if settings.is_flow else plan)(settings)))
        return
    output = Path(settings.output)
    if (output / "provenance.json").is_file():
        made = json.loads((output / "provenance.json").read_text("utf-8"))
        _require_same(settings, output, made["config"])
        _require_whole(output, made["checkpoint"])
        print(f"{output} is already trained; remove it to train it again")
        return
    began = time.monotonic()
    torch.manual_seed(settings.seed)
    with joined(settings.device) as group, flushed():
        _train(settings, group, output, began)


def _require_same(settings: TrainSettings, output: Path, made: Json) -> None:
    """Raise ValueError naming what differs, unless the finished checkpoint was `made` with these settings."""
    ours, theirs = (
        {**deciding(config), "data": config["data"], "base": config["base"]}
        for config in (dataclasses.asdict(settings), made)
    )
    if different := list(differences(theirs, ours)):
        raise ValueError(
            f"{output} is already trained, with other settings: {'; '.join(different)}; remove it to train "
            "it again, or choose another output"
        )


def _require_whole(output: Path, written: str) -> None:
    """Raise ValueError unless the finished checkpoint still has the files, and their contents, that were written."""
    if checkpoint.sha256(output) != written:
        raise ValueError(
            f"{output} was trained, but a file in it is missing, added or changed since: provenance.json names another "
            "hash. Remove the folder to train it again"
        )


def _train(settings: TrainSettings, group: Group, output: Path, began: float) -> None:
    scale, from_nothing = settings.scale, settings.variant.name == "base"
    wanted = None if from_nothing else scale.memory_training.processes
    if wanted not in (None, group.world):
        raise ValueError(
            f"scale {scale.name} is meant for {wanted} processes, here are {group.world}: start "
            f"them with torchrun, or say scale.memory_training.processes={group.world} for updates of fewer frames"
        )
    budget = planned_budget(settings, group.world)
    start = _starts(settings)(settings, settings.memory, budget, group)
    base = None if from_nothing else settings.base
    base_hash = checkpoint.sha256(base) if base is not None and group.leads else None
    loop = Loop(settings, group, budget, start, output, base_hash)

    def write(folder: Path, step: int) -> None:
        if group.leads:
            checkpoint.save(
                start.cell,
                folder,
                step=step,
                files=start.files,
                config=start.config,
                copies=start.copies,
                base=base or "",
                provenance=_provenance(settings, start.inputs, base_hash, began),
            )
        group.wait()

    try:
        loop.run(write)
    finally:
        start.source.close()
    write(output, budget.updates)
    if group.leads:
        loop.state.path.unlink(missing_ok=True)
        print(f"{settings.variant.name}: {output}")


def _starts(settings: TrainSettings) -> Callable[[TrainSettings, MemorySettings, Budget, Group], Start]:
    """Return what this training starts from (start.py)."""
    if settings.variant.name == "base":
        return base_start
    if settings.is_flow:
        return flow_start
    return composed_start if isinstance(settings.scale, ComposedScale) else recorded_start


def _provenance(
    settings: TrainSettings, data: dict[str, str], base: str | None, began: float
) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: describe_run(
        command="muvla.train",
        config=dataclasses.asdict(settings),
        checkpoint=checkpoint.sha256(folder),
        checkpoint_source="trained",
        data=data,
        base=base,
        seconds=round(time.monotonic() - began, 1),
    )


if __name__ == "__main__":
    main()
