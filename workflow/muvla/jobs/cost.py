"""What the paper's matrix costs in GPU-hours, before anything runs: `python -m muvla.jobs.cost`.

The operations of a training are those of `python -m muvla.train ... plan=true` (model/work.py), the steps of an
evaluation are counted; the assumptions below turn them into hours. `python benchmarks/gpu.py` measures two of them on a
GPU and writes benchmarks/gpu.json, which is used where it is there, and said so. Without it all are
assumed: read the result for its proportions.

`python -m muvla.jobs.cost --write docs/scaling.md` replaces what the document says between its two marks.
`--scale mini` prints the CPU hours of the mini scale's stages instead (duration.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from muvla.benchmark.benchmark import environment_named
from muvla.files import ROOT, write_atomically
from muvla.jobs import duration, overrides, traces
from muvla.jobs.configuration import Configuration, matrix_of
from muvla.jobs.matrix import (
    Cell,
    control_cells,
    has_memory,
    home_of,
    libero_cells,
    longer_chunks,
    on_libero,
    seeds,
    table,
)
from muvla.options import read
from muvla.sim.mikasa.novelty import lengthened
from muvla.train.plan import GB, checkpoints, operations
from muvla.train.scale import RecordedTraining
from muvla.train.settings import TrainSettings

MEASURED = ROOT / "benchmarks" / "gpu.json"
BEGIN, END = "<!-- python -m muvla.jobs.cost writes from here -->", "<!-- to here -->"


@dataclass(frozen=True)
class Assumptions:
    """How fast things are; assumed, except for what `measured` says."""

    peak: float = 989e12  # operations a second of an H100 in bf16, without sparsity
    utilisation: float = 0.35  # of the peak, in training; published trainings of this size report 0.3 to 0.45
    query: float = 0.08  # seconds a forward of one observation takes in evaluation, bounded by memory bandwidth
    mikasa_step: float = 0.05  # seconds of a simulator step with both pictures on a GPU
    libero_step: float = 0.10  # seconds of a simulator step with both pictures
    start: float = 120.0  # seconds until a job has loaded 16 GB and started its simulator
    share: float = 0.8  # of the longest possible episode that the average one lasts
    measured: str = ""  # a sentence: which of these numbers were measured, on what

    @classmethod
    def read(cls, file: Path | None = None) -> Assumptions:
        """Replace what benchmarks/gpu.py measured, where `file` (benchmarks/gpu.json) is there.

        Raises ValueError for a file that it did not write.
        """
        assumed, file = cls(), file or MEASURED
        if not file.is_file():
            return assumed
        try:
            found = json.loads(file.read_text("utf-8"))
            updates = [one for one in found["updates"].values() if one is not None]
            query = found["acting_ms"]["1"]
            names = []
            if updates:
                rate = sum(one["operations"] for one in updates) / (sum(one["ms"] for one in updates) / 1000)
                assumed = replace(assumed, utilisation=rate / assumed.peak)
                names.append("the operations a second of a training")
            if query is not None:
                assumed = replace(assumed, query=query / 1000)
                names.append("the seconds of a query of the policy")
            what, where = " and ".join(names), f"on one {found['card']} on {found['date']} (benchmarks/gpu.json)"
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
            raise ValueError(f"{file} is not what benchmarks/gpu.py writes ({error!r}): remove it") from error
        return replace(assumed, measured=f"Measured {where}: {what}. Everything else is assumed.") if names else assumed


@dataclass(frozen=True)
class Line:
    """One line of the plan; hours: GPU-hours of all its jobs together; checkpoint_bytes: what they leave behind."""

    what: str
    jobs: int
    hours: float
    checkpoint_bytes: int = 0


@dataclass(frozen=True)
class Training:
    """One training: its window K, its GPU-hours, the size of a checkpoint and how many are kept."""

    window: int
    hours: float
    checkpoint_bytes: int
    kept: int


def training(assumed: Assumptions, options: list[str]) -> Training:
    """Return what a training costs. options: overrides of `python -m muvla.train`."""
    settings = read(TrainSettings, options)
    hours = operations(settings) / (assumed.peak * assumed.utilisation) / 3600
    return Training(settings.memory.window, hours, *checkpoints(settings))


def evaluation_hours(assumed: Assumptions, *, episodes: int, steps: int, step: float, every: int) -> float:
    """Return the GPU-hours of one evaluation; every: steps between two queries of the policy."""
    lasting = episodes * steps * assumed.share
    return (assumed.start + lasting * (step + assumed.query / every)) / 3600


def plan(config: Configuration, assumed: Assumptions | None = None) -> list[Line]:
    """Return the plan of a matrix: trainings by window length, every kind of evaluation, and the sum."""
    assumed = assumed or Assumptions.read()
    lines = [*_trainings(config, assumed), *evaluations(config, assumed)]
    return [*lines, Line("all", sum(line.jobs for line in lines), sum(line.hours for line in lines))]


def _trainings(config: Configuration, assumed: Assumptions) -> list[Line]:
    def trained(variant: str, home: str = "") -> Training:
        return training(assumed, overrides.training(config, variant, home))

    found = [trained(variant) for variant in config["variants"]]
    found += [trained(variant, "libero/") for variant in config["libero"]["variants"]]
    lines = []
    for window in sorted({one.window for one in found}):
        what = f"training, {'no memory, K=1 or EMA' if window == 1 else f'K={window}'}"
        lines.append(_together(what, [one for one in found if one.window == window] * len(seeds(config))))
    for home, chunk in longer_chunks(config).items():
        variants = sorted({cell.variant for cell in control_cells(config) if cell.home == home})
        again = [trained(variant, home) for variant in variants]
        lines.append(_together(f"training, chunks of {chunk} (first seed)", again))
    return lines


def _together(what: str, trainings: list[Training]) -> Line:
    size = sum(one.checkpoint_bytes * one.kept for one in trainings)
    return Line(what, len(trainings), sum(one.hours for one in trainings), size)


def evaluations(config: Configuration, assumed: Assumptions) -> list[Line]:
    """Return a line for each kind of evaluation; the last one is the traces."""
    repeats = len(seeds(config))
    kinds = {
        "evaluation, Table 1": table(config),
        "evaluation, probes": [cell for cell in control_cells(config) if not cell.home],
        "evaluation, LIBERO": libero_cells(config),
    }
    lines = []
    for what, cells in kinds.items():
        lines.append(Line(what, len(cells) * repeats, sum(evaluation(config, assumed, one) for one in cells) * repeats))
    if longer := [evaluation(config, assumed, cell) for cell in control_cells(config) if cell.home]:
        lines.append(Line("evaluation, probes of longer chunks (first seed)", len(longer), sum(longer)))
    traced = [
        evaluation(config, assumed, Cell(variant, environment, home=home_of(environment)), search)
        for (variant, environment), search in traces.wanted(config).items()
    ]
    return [*lines, Line("single episodes, traced (first seed)", len(traced), sum(traced))]


def evaluation(config: Configuration, assumed: Assumptions, cell: Cell, episodes: int | None = None) -> float:
    """Return the GPU-hours of an evaluation, under the options that its rule gives; episodes: others than those."""
    options = overrides.evaluation_options(config, cell, "")
    phases, run, tried = options["phases"], options["open_loop_steps"], episodes or options["episodes"]
    assert isinstance(phases, int | None)
    assert isinstance(run, int | None)
    assert isinstance(tried, int)
    receding = options["mode"] == "receding" or (options["mode"] == "auto" and has_memory(cell.variant))
    steps = environment_named(cell.environment).max_steps
    return evaluation_hours(
        assumed,
        episodes=tried,
        steps=steps if on_libero(cell.home) else lengthened(steps, phases),
        step=assumed.libero_step if on_libero(cell.home) else assumed.mikasa_step,
        every=1 if receding else run or _chunk(),
    )


@cache
def _chunk() -> int:
    """Return the actions that a forward of the table's policies predicts; all are run in open loop (spec 6.4)."""
    training = read(TrainSettings, ["scale=paper"]).scale.memory_training
    assert isinstance(training, RecordedTraining)
    return training.chunk


def markdown(lines: list[Line]) -> str:
    """Return the plan as a Markdown table."""
    rows = [f"| {line.what} | {line.jobs} | {line.hours:,.0f} |" for line in lines]
    return "\n".join(["| what | jobs | GPU-hours |", "|---|---:|---:|", *rows])


def summary(lines: list[Line], repeats: int) -> str:
    """Return what the plan means in days and in storage, and what of it was measured."""
    assumed = Assumptions.read()
    trained = [line for line in lines if line.checkpoint_bytes]
    evaluated = sum(line.hours for line in lines[:-1] if "first seed" not in line.what and line not in trained)
    one = training(assumed, ["scale=paper", "variant=m64_k2"])
    filled = sum(line.checkpoint_bytes for line in trained) / GB / 1000
    text = (
        f"On 32 GPUs (four trainings at a time) the whole takes about {lines[-1].hours / 32 / 24:.0f} days; evaluation "
        f"alone, of one seed, {evaluated / repeats / 8:.0f} hours on eight.\n"
        f"A checkpoint takes {one.checkpoint_bytes / GB:.0f} GB. A training keeps {one.kept}, so the "
        f"{sum(line.jobs for line in trained)} trainings fill {filled:.0f} TB;\nwith "
        f"`scale.memory_training.checkpoint_every=null` only the last is written, {filled / one.kept:.1f} TB."
    )
    return "\n".join([text, assumed.measured] if assumed.measured else [text])


def main() -> int:
    """Print the plan of a scale, or write the paper's into a document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace what FILE says between the two marks")
    parser.add_argument("--scale", choices=("paper", "mini"), default="paper")
    given = parser.parse_args()
    document: Path | None = given.write
    matrix = matrix_of(given.scale)
    if given.scale == "mini":
        print(duration.table(matrix))
        return 0
    lines = plan(matrix)
    text = f"{markdown(lines)}\n\n{summary(lines, len(seeds(matrix)))}"
    if document is None:
        print(text)
        return 0
    before, begin, rest = document.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"error: {document} lacks the marks {BEGIN} and {END}")
    write_atomically(document, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
