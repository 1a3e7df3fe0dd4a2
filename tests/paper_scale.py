"""A paper-scale training of seconds: the same code and configuration, a base of a few thousand parameters."""

import json
from pathlib import Path

from made_up import write_checkpoint, write_demonstrations
from muvla.model.architecture import MemorySettings
from muvla.options import read
from muvla.train import __main__ as training
from muvla.train.settings import TrainSettings

ENVIRONMENTS = ("RememberColor3", "RememberColor5")
SMALL = (
    "scale=paper",
    f"environments=[{','.join(ENVIRONMENTS)}]",
    "device=cpu",
    "scale.memory_training.processes=null",
    "scale.memory_training.slots=2",
    "scale.memory_training.updates=6",
    "scale.memory_training.workers=0",
    "scale.memory_training.save_every=2",
    "scale.memory_training.checkpoint_every=null",
    "scale.memory_training.precision={backbone: float32, trained: float32, autocast: false}",
    "scale.memory_training.lora={rank: 4, alpha: 2, dropout: 0.0}",
    "scale.memory_training.optimiser.warmup=2",
    "scale.memory_training.metrics={every: 1, memory_every: 1, tensorboard: false}",
)


def write_paper(root: Path) -> Path:
    """ROOT/data and ROOT/base: two data sets, and a base that has neither head nor proprio projector nor memory."""
    for environment in ENVIRONMENTS:
        write_demonstrations(root / "data", environment)
    base = write_checkpoint(root / "base", MemorySettings())
    for name in ("action_head", "proprio_projector", "dataset_statistics"):
        next(base.glob(f"{name}*")).unlink()
    return root


def arguments(root: Path, variant: str, output: str, *more: str) -> list[str]:
    """What stands behind `python -m muvla.train`."""
    places = (f"data={root / 'data'}", f"base={root / 'base'}", f"output={root / output}")
    return [f"variant={variant}", *SMALL, *places, *more]


def configured(root: Path, variant: str, output: str, *more: str) -> TrainSettings:
    return read(TrainSettings, arguments(root, variant, output, *more))


def trained(root: Path, variant: str, output: str, *more: str) -> Path:
    settings = configured(root, variant, output, *more)
    training.threaded(settings)  # as the command does: another number of threads rounds otherwise
    return Path(settings.output)


def lines(output: Path) -> list[dict]:
    return [json.loads(line) for line in Path(f"{output}.metrics.jsonl").read_text().splitlines()]
