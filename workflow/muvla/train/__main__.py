"""`python -m muvla.train variant=m64_k2`: the base, or one variant from it, in windows of K steps (spec 2, 4).

Options: config/muvla/train.yaml, scale/*.yaml and variant/*.yaml. A run that was interrupted goes on from its last
saved state when the same command is given again. plan=true prints what a run will cost. Several processes:
`torchrun --nproc-per-node 8 -m muvla.train scale=paper ...` (docs/paper-scale.md).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig, OmegaConf

from muvla import checkpoint
from muvla.data.episode import dataset_name
from muvla.files import ROOT, file_sha256
from muvla.model.architecture import MemorySettings
from muvla.provenance import describe_run
from muvla.train.composed.base import train_base
from muvla.train.composed.start import composed_start
from muvla.train.loop import Loop
from muvla.train.parallel import Group, joined
from muvla.train.plan import plan
from muvla.train.start import Budget, Start, environments, memory_settings

CONFIG = str(ROOT / "config" / "muvla")


@hydra.main(version_base=None, config_path=CONFIG, config_name="train")
def main(config: DictConfig) -> None:
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    try:
        train(config)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def train(config: DictConfig) -> None:
    """Train what `config` names and write it to config.output: a checkpoint folder, provenance.json last."""
    if config.plan:
        print("\n".join(plan(config)))
        return
    output = Path(config.output)
    if (output / "provenance.json").is_file():
        print(f"{output} is already trained; remove it to train it again")
        return
    began = time.monotonic()
    if config.variant.name == "base":
        _base(config, output, began)
        return
    with joined(config.device) as group:
        _variant(config, group, output, began)


def _base(config: DictConfig, output: Path, began: float) -> None:
    if config.scale.memory_training.data != "composed":
        raise ValueError(f"scale {config.scale.name} has no base of ours: it starts from base={config.base}")
    cell, files = train_base(config)
    inputs = {name: file_sha256(Path(config.data) / dataset_name(name) / "collection.json")
              for name in environments(config)}  # fmt: skip
    checkpoint.save(
        cell,
        output,
        step=config.scale.grounding.updates,
        files=files,
        provenance=_provenance(config, inputs, None, began),
    )
    print(f"{config.variant.name}: {output}")


def _variant(config: DictConfig, group: Group, output: Path, began: float) -> None:
    settings = memory_settings(config)
    training = config.scale.memory_training
    if training.processes not in (None, group.world):
        raise ValueError(
            f"scale {config.scale.name} is meant for {training.processes} processes, here are {group.world}: start "
            f"them with torchrun, or say scale.memory_training.processes={group.world} for updates of fewer frames"
        )
    budget = Budget.of(config.budget, training, settings, group.world)
    ready = start(config, settings, budget, group)
    loop = Loop(config, group, budget, ready, output)
    base = checkpoint.sha256(config.base) if group.leads else None

    def write(folder: Path, step: int) -> None:
        if group.leads:
            checkpoint.save(
                ready.cell,
                folder,
                step=step,
                files=ready.files,
                config=ready.config,
                copies=ready.copies,
                base=str(config.base),
                provenance=_provenance(config, ready.inputs, base, began),
            )
        group.wait()

    try:
        loop.go(write)
    finally:
        ready.source.close()
    write(output, budget.updates)
    if group.leads:
        loop.state.path.unlink(missing_ok=True)
        print(f"{config.variant.name}: {output}")


def _provenance(
    config: DictConfig, data: dict[str, str], base: str | None, began: float
) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: describe_run(
        command="muvla.train",
        config=OmegaConf.to_container(config, resolve=True),
        checkpoint=checkpoint.sha256(folder),
        data=data,
        base=base,
        seconds=round(time.monotonic() - began, 1),
    )


def start(config: DictConfig, settings: MemorySettings, budget: Budget, group: Group) -> Start:
    """Raises FileNotFoundError, CheckpointError or CorruptRecord saying what is missing or wrong, and where."""
    from muvla.train.recorded.start import recorded_start  # the two modules need each other

    kind = config.scale.memory_training.data
    if kind == "composed":
        return composed_start(config, settings, budget, group)
    if kind == "recorded":
        return recorded_start(config, settings, budget, group)
    raise ValueError(f"memory_training.data is {kind!r}: choose 'composed' or 'recorded'")


if __name__ == "__main__":
    main()
