"""How long the mini scale's stages take, before anything runs: at the start of a call, and `python -m muvla.jobs.cost
--scale mini`.

Evaluations cost what the bundled records took, episode by episode; the other stages what config/stages.csv says.
"""

import csv
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple, Protocol

from muvla.benchmark.benchmark import environment_named
from muvla.data.episode import environment_name
from muvla.files import ROOT
from muvla.jobs import bundled, matrix, recorded, trainings
from muvla.jobs.batches import batches
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import Cell

STAGES = ROOT / "config" / "stages.csv"
STEP = 0.03  # CPU seconds of a simulator step with a forward pass, where no record says
START = 10.0  # of a process that evaluates


class Rule(Protocol):
    """The name of a rule of Snakemake."""

    name: str


class Job(Protocol):
    """What is read of a job of Snakemake: its rule and wildcards."""

    rule: Rule
    wildcards_dict: dict[str, str]


class Line(NamedTuple):
    """One stage: jobs or cells, and the CPU seconds of all of them."""

    stage: str
    jobs: int
    seconds: float


@cache
def stage_seconds() -> dict[tuple[str, str], float]:
    """Return {(stage, name): CPU seconds} of config/stages.csv; the name is "" where a stage has one line."""
    with STAGES.open(encoding="utf-8", newline="") as file:
        return {(line["stage"], line["name"]): float(line["cpu_seconds"]) for line in csv.DictReader(file)}


@cache
def episode_seconds() -> dict[str, float]:
    """Return the average seconds of a bundled episode by environment."""
    found: dict[str, list[bundled.Recorded]] = {}
    for (_, environment, _, _), line in bundled.records().items():
        found.setdefault(environment, []).append(line)
    return {
        name: sum(one.seconds for one in lines) / sum(one.episodes for one in lines) for name, lines in found.items()
    }


def evaluation(cell: Cell, episodes: int) -> float:
    """Return the CPU seconds of an evaluation: its own record's, its environment's, or its longest episodes'."""
    if cell in bundled.records():
        line = bundled.records()[cell]
        return episodes * line.seconds / line.episodes
    longest = STEP * environment_named(cell.environment).max_steps
    return episodes * episode_seconds().get(cell.environment, longest)


def collection(config: Configuration, environment: str) -> float:
    """Return the CPU seconds of collecting an environment's demonstrations."""
    known = stage_seconds().get(("collect", environment))
    if known is not None:
        return known
    libero = matrix.on_libero(matrix.home_of(environment))
    wanted = config["libero"]["demonstrations"] if libero else trainings.demonstrations(config, environment)
    return wanted * STEP * environment_named(environment).max_steps


def training(variant: str, home: str) -> float:
    """Return the CPU seconds of a base or of a variant."""
    return stage_seconds()["base" if variant == "base" else "train", "libero" if matrix.on_libero(home) else ""]


def _made(config: Configuration, cells: Iterable[Cell]) -> Iterator[float]:
    for cell in cells:
        yield evaluation(cell, recorded.episodes(config, cell))


def plan(config: Configuration) -> list[Line]:
    """Return the stages of everything from nothing on: config has checkpoints=trained."""
    again = matrix.repeated(config)
    libero = [cell for home in matrix.seeds(config) for cell in matrix.libero_cells(config, home)]
    policies = [*matrix.table(config), *again, *libero]
    trained = dict.fromkeys((cell.home, cell.variant) for cell in policies)
    bases = dict.fromkeys(trainings.base_home(home) for home, _ in trained)
    collected = trainings.demonstrated(config)
    own, probes = matrix.table(config), matrix.control_cells(config)
    stages = [
        Line("demonstrations", len(collected), sum(collection(config, name) for name in collected)),
        Line("bases", len(bases), sum(training("base", home) for home in bases)),
        Line("variants", len(trained), sum(training(variant, home) for home, variant in trained)),
    ]
    parts = (("Table 1, first seed", own), ("probes, first seed", probes), ("other seeds", again), ("LIBERO", libero))
    stages += [Line(f"evaluation: {name}", len(cells), sum(_made(config, cells))) for name, cells in parts]
    return [*stages, Line("all", sum(line.jobs for line in stages), sum(line.seconds for line in stages))]


def table(config: Configuration) -> str:
    """Return the plan as a Markdown table."""
    rows = [f"| {line.stage} | {line.jobs} | {line.seconds / 3600:.1f} |" for line in plan(config)]
    return "\n".join(["| stage | jobs or cells | CPU hours |", "|---|---:|---:|", *rows])


def announcement(config: Configuration, jobs: Iterable[Job], cores: int) -> list[str]:
    """Return what a call says before its jobs start: how long they will take, and what records do not come along.

    Nothing for other scales: the smoke run takes minutes, and the paper's cost is `python -m muvla.jobs.cost`'s.
    """
    if config["scale"] != "mini":
        return []
    evaluated = {batch.name: batch.cells for batch in batches(config)}
    sums: dict[str, list[float]] = {}
    for job in jobs:
        name, wildcards = job.rule.name, job.wildcards_dict
        if name in evaluated:
            sums.setdefault("evaluations", []).extend(_made(config, evaluated[name]))
            sums.setdefault("starts", []).append(START)
        elif name == "collect":
            sums.setdefault("collections", []).append(collection(config, environment_name(wildcards["dataset"])))
        elif name in ("base", "train"):
            sums.setdefault("trainings", []).append(training(wildcards.get("variant", "base"), wildcards["home"]))
    lines = []
    if sums:
        total = sum(map(sum, sums.values()))
        parts = ", ".join(f"{len(one)} {kind}" for kind, one in sums.items() if kind != "starts")
        lines.append(f"To be done here: {parts}; about {duration(total / cores)} on {cores} free cores (an estimate).")
    if lacking := recorded.missing(config):
        lines.append(
            f"Of {len(lacking)} of the configuration's evaluations no records come along, first "
            f"{bundled.path_of(lacking[0])}: gaps in the tables; `--config records=measured` evaluates everything here."
        )
    return lines


def duration(seconds: float) -> str:
    """Write seconds as minutes or hours: "3 minutes", "2.5 hours"."""
    return f"{max(1, round(seconds / 60))} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
