"""What one GPU does with the paper's own policy, without network, in minutes:  python benchmarks/gpu.py

Random weights of OpenVLA-7B's sizes stand in for the real ones, random pictures for data. Measured are updates of
m64_k2 and m64_k8 as `python -m muvla.train scale=paper` makes them (one process, B=4 slots, adapters on a frozen
bfloat16 backbone, activations checkpointed), each beside a loop shaped like the release's (the towers once a step,
logits that the loss does not use, only the language model checkpointed; benchmarks/train_step.py), and a step of
`python -m muvla.evaluate` for 1, 8 and 32 slots. Wall time, median of the repetitions after the first. The share of the
peak counts operations as muvla.model.work does, recomputation included.

benchmarks/gpu.json holds the result; `python -m muvla.jobs.cost` then uses it in place of what it assumes. No part is
begun after --minutes; the file says which parts were skipped, and which ran out of memory.

`--device cpu` takes one step of the policy at its true sizes, prints its seconds and peak memory, and writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from blank import BlankSource, blank_policy
from train_step import plain

from muvla.checkpoint import StoredPolicy
from muvla.evaluate.policy import Policy
from muvla.files import ROOT, Json, write_json
from muvla.model.architecture import OPENVLA_7B, Architecture, MemorySettings
from muvla.model.window import Window
from muvla.model.work import sequence_length, training_work
from muvla.options import read
from muvla.provenance import commit
from muvla.train.loop import Loop, optimiser_settings
from muvla.train.optimiser import Optimiser
from muvla.train.parallel import Group
from muvla.train.recorded.start import adapted
from muvla.train.scale import RecordedTraining
from muvla.train.settings import TrainSettings
from muvla.train.start import Budget, Start

VARIANTS, SLOTS = ("m64_k2", "m64_k8"), (1, 8, 32)
MEMORY = MemorySettings(num_mem_tokens=64)
QUIET = "scale.memory_training.metrics.tensorboard=false"  # one package less for a machine without network
INSTRUCTION = "Observe the cube's color, wait, then touch the cube of the same color."
PICTURE = 128  # pixels a side, as both simulators give them
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # data sheets: bfloat16, dense, operations a second


def now(device: torch.device) -> float:
    """Return the wall clock in seconds once the device has done everything it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def updates(stored: StoredPolicy, settings: TrainSettings, device: torch.device, repeats: int) -> Json:
    """Measure updates of the training's own loop: ms, peak memory, tokens and operations a second."""
    budget, sizes, cell = _prepared(stored, settings, device, repeats)
    clock: list[float] = []
    source = BlankSource(sizes, budget, device, lambda: clock.append(now(device)))
    with tempfile.TemporaryDirectory() as folder:
        start = Start(Window(cell), source, {}, None, [], {})
        loop = Loop(settings, Group(device=device), budget, start, Path(folder) / "blank", None)
        loop.run(lambda folder, step: None)
        clock.append(now(device))
    seconds = _median(clock)
    training, tokens = settings.scale.memory_training, settings.memory.num_mem_tokens
    assert isinstance(training, RecordedTraining)
    work = training_work(sizes, tokens, rank=training.lora.rank, checkpointed=training.gradient_checkpointing)
    frames = budget.frames_per_update
    return {
        "ms": _ms(seconds),
        "peak_gb": _peak_gb(device),
        "frames": frames,
        "tokens_per_second": round(frames * sequence_length(sizes, tokens) / seconds),
        "operations": frames * work.total,
        "share_of_peak": _share(frames * work.total / seconds, device),
    }


def release_shaped(stored: StoredPolicy, settings: TrainSettings, device: torch.device, repeats: int) -> Json:
    """Measure updates of a loop shaped like the release's, on the same window: ms and peak memory."""
    budget, sizes, cell = _prepared(stored, settings, device, repeats)
    cell.vision_backbone.checkpointing = False  # the release checkpoints the language model only
    window, batch = Window(cell.train()), BlankSource(sizes, budget, device).batch
    optimiser = Optimiser(window, optimiser_settings(settings), budget.updates)
    memory = cell.memory.start(budget.slots).detach()  # (B, m, D)
    clock = []
    for _ in range(budget.updates):
        clock.append(now(device))
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.scale.memory_training.autocast):
            loss = plain(window, batch, memory)
        optimiser.step(loss)
    clock.append(now(device))
    return {"ms": _ms(_median(clock)), "peak_gb": _peak_gb(device)}


def _prepared(stored: StoredPolicy, settings: TrainSettings, device: torch.device, repeats: int) -> tuple[Any, ...]:
    """Budget of one process, sizes, and the policy with fresh adapters; the device's memory mark starts anew."""
    training = settings.scale.memory_training
    budget = dataclasses.replace(Budget.of(settings.budget, training, settings.memory, 1), updates=repeats + 1)
    torch.manual_seed(settings.seed)
    cell = adapted(stored, settings, settings.memory, stored.architecture.proprio_dim).to(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return budget, cell.architecture, cell


def acting(stored: StoredPolicy, slots: int, device: torch.device, precision: str, repeats: int) -> float:
    """Measure the ms of one step of the policy for `slots` simulators together."""
    policy = Policy(stored, slots=slots, precision=precision, device=device.type)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (slots, 2, PICTURE, PICTURE, 3), dtype=np.uint8)
    proprio = rng.normal(size=(slots, stored.architecture.proprio_dim)) * 0.2
    clock = []
    for step in range(repeats + 1):
        clock.append(now(device))
        policy.act(images, proprio, [INSTRUCTION] * slots, np.full(slots, step == 0), np.ones(slots, bool))
    clock.append(now(device))
    return _ms(_median(clock))


def _median(clock: list[float]) -> float:
    """Median of the intervals after the first, which warms up; the first where there is no other."""
    intervals = [after - before for before, after in zip(clock, clock[1:], strict=False)]
    return statistics.median(intervals[1:] or intervals)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def _peak_gb(device: torch.device) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 1e9, 2) if device.type == "cuda" else None


def _share(operations_per_second: float, device: torch.device) -> float | None:
    """Return the share of the card's peak; None for a card whose data sheet is not among PEAKS."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else ""
    peak = next((peak for card, peak in PEAKS.items() if card in name), None)
    return None if peak is None else round(operations_per_second / peak, 3)


def measured(sizes: Architecture, device: torch.device, options: list[str], repeats: int, minutes: float) -> Json:
    """Measure everything. options: overrides of `python -m muvla.train` beside the variant."""
    began, skipped = time.monotonic(), []

    def part(name: str, measure: Callable[[], Any]) -> Any:
        if time.monotonic() - began > 60 * minutes:
            skipped.append(f"{name}: out of time")
            return None
        print(name, file=sys.stderr)
        try:
            return measure()
        except torch.OutOfMemoryError:
            skipped.append(f"{name}: out of memory")
            return None

    found: Json = {"updates": {}, "release_shaped": {}, "acting_ms": {}}
    with tempfile.TemporaryDirectory() as folder:
        stored = blank_policy(Path(folder), sizes, MEMORY, device=device.type, dtype=torch.bfloat16)
        for slots in SLOTS:
            step = part(f"acting, {slots} slots", lambda n=slots: acting(stored, n, device, "bfloat16", repeats))
            found["acting_ms"][str(slots)] = step
        for variant in VARIANTS:
            settings = read(TrainSettings, ["scale=paper", f"variant={variant}", QUIET, *options])
            for kind, measure in (("updates", updates), ("release_shaped", release_shaped)):
                found[kind][variant] = part(
                    f"{kind}, {variant}", lambda m=measure, s=settings: m(stored, s, device, repeats)
                )
    return {
        "card": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "commit": commit(),
        **found,
        "skipped": skipped,
    }


def true_size_step() -> str:
    """Take one step of one slot on the CPU, in float32, at the true sizes."""
    with tempfile.TemporaryDirectory() as folder:
        stored = blank_policy(Path(folder), OPENVLA_7B, MEMORY, device="cpu", dtype=torch.float32)
        parameters = sum(one.tensor.numel() for one in stored.tensors.values())
        wall = acting(stored, 1, torch.device("cpu"), "float32", repeats=0) / 1000
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu, resident = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9
    told = f"one step with {parameters:,} parameters: {wall:.0f} s; the whole program: {cpu:.0f} s of CPU"
    return f"{told}, at most {resident:.2f} GB resident"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--minutes", type=float, default=9.0, help="no part is begun after so many")
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
        print(true_size_step())
        return
    if not torch.cuda.is_available():
        sys.exit("error: this machine shows torch no GPU; --device cpu takes one step at the true sizes")
    found = measured(OPENVLA_7B, torch.device("cuda"), [], repeats=3, minutes=options.minutes)
    print(write_json(ROOT / "benchmarks" / "gpu.json", found).read_text("utf-8"))


if __name__ == "__main__":
    main()
