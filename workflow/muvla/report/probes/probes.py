"""The paper's probes of the memory (spec 10), put together from records by their condition.

A probe is a few panels of series of samples. It shows the policies with memory that were run under at least one of the
probe's own conditions, beside the table's own cell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.records.condition import Condition, condition_of
from muvla.records.file import Cell, RecordsError
from muvla.report.grid import read_cells
from muvla.report.published import VARIANTS, objects
from muvla.report.sample import Sample, cells_of, put_together

MEMORIES = ("active", "zero", "noise", "freeze_first")
# The paper's settings; others that were run are shown as well.
CHUNKS = (1, 2, 4, 8, 16)
PHASES = (3, 5, 10, 20, 50, 100)
UNSEEN = (1, 2, 3, 4, 5)
Conditions = Mapping[Condition, Sample]
Samples = Mapping[tuple[str, str], Conditions]  # (variant, environment) -> condition -> sample


@dataclass(frozen=True)
class Series:
    """One line of a panel, or one group of its bars: a sample for every tick, None where it was not run."""

    variant: str
    name: str
    settings: tuple[str, ...]  # of each tick, as the csv names them
    samples: tuple[Sample | None, ...]


@dataclass(frozen=True)
class Panel:
    """The series that share an axis."""

    environment: str
    title: str
    ticks: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Probe:
    """One figure; axis: what the ticks count."""

    name: str
    title: str
    axis: str
    panels: tuple[Panel, ...]

    @property
    def cells(self) -> list[Cell]:
        """Return all cells that are drawn."""
        return cells_of(one for panel in self.panels for series in panel.series for one in series.samples)


def chunked(steps: int, memory: str = "active") -> Condition:
    """Return the condition that runs `steps` actions of every chunk; 1, re-planning at every step, is the table's."""
    return Condition("receding" if steps == 1 else "open_loop", steps, memory, None, 0)


def delayed(phases: int | None) -> Condition:
    """Return the condition with cue and empty phases of so many steps; None: the table's own."""
    return Condition("receding", 1, "active", phases, 0)


def recoloured(colours: int) -> Condition:
    """Return the condition with so many colours replaced by unseen ones."""
    return Condition("receding", 1, "active", None, colours)


def read_probe_samples(marks: Iterable[Path]) -> Samples:
    """Read the marked records of policies with memory, those that hold an outcome; see probe_samples.

    Raises RecordsError as read_cells and probe_samples do.
    """
    return probe_samples(read_cells(marks))


def probe_samples(cells: Sequence[Cell]) -> Samples:
    """Put together the cells of policies with memory that hold an outcome.

    Policies of longer chunks have the variants' names and a folder of records of their own. Raises RecordsError for
    two files of one condition and training seed, and for files of different scales.
    """
    placed = []
    for cell in cells:
        settings = cell.settings
        if settings["scale"] != cells[0].settings["scale"]:
            raise RecordsError(f"{cells[0].path} and {cell.path} differ in scale: a picture shows one; leave one out")
        if settings["num_mem_tokens"] and cell.episodes:
            placed.append(((settings["variant"], settings["environment"], condition_of(settings)), cell))
    found: dict[tuple[str, str], dict[Condition, Sample]] = {}
    for (variant, environment, condition), sample in put_together(placed).items():
        found.setdefault((variant, environment), {})[condition] = sample
    return {key: found[key] for key in sorted(found, key=lambda key: (list(VARIANTS).index(key[0]), key[1]))}


def probes(samples: Samples) -> list[Probe]:
    """Return the four figures in the order of the paper; one without panels was not run."""
    return [interventions(samples), chunk_sweep(samples), delays(samples), unseen_colours(samples)]


def interventions(samples: Samples) -> Probe:
    """Success while each forward pass reads the memory, zeros, noise, or the first memory."""
    conditions = {f"memory={memory}": chunked(1, memory) for memory in MEMORIES}
    panels = [
        Panel(environment, environment, MEMORIES, _carriers(samples, environment, variants, conditions))
        for environment, variants in _shown(samples, [chunked(1, memory) for memory in MEMORIES[1:]]).items()
    ]
    return Probe("interventions", "What each forward pass reads as its memory", "memory", tuple(panels))


def chunk_sweep(samples: Samples) -> Probe:
    """Success by how many actions of a chunk are run, with the memory and with zeros in its place."""
    run = {one.steps for found in samples.values() for one in found if one.environment_unchanged and one.steps}
    chunks = sorted({*CHUNKS, *run})
    beside = [chunked(steps, memory) for steps in chunks[1:] for memory in ("active", "zero")]
    panels = []
    for environment, variants in _shown(samples, beside).items():
        for variant in variants:
            series = []
            for name, memory in (("memory", "active"), ("zeroed", "zero")):
                conditions = {f"chunk={steps} memory={memory}": chunked(steps, memory) for steps in chunks}
                series.append(_series(samples, variant, environment, name, conditions))
            panels.append(Panel(environment, f"{variant}, {environment}", tuple(map(str, chunks)), tuple(series)))
    return Probe("chunk_sweep", "How many actions of a chunk are run", "actions run", tuple(panels))


def delays(samples: Samples) -> Probe:
    """Success by how many steps the cue phase and the empty phase last each."""
    run = {one.phases for found in samples.values() for one in found if one.phases}
    lengths = sorted({*PHASES, *run})
    conditions = {"phases=own": delayed(None), **{f"phases={length}": delayed(length) for length in lengths}}
    ticks = ("table", *map(str, lengths))
    panels = [
        Panel(environment, environment, ticks, _carriers(samples, environment, variants, conditions))
        for environment, variants in _shown(samples, [delayed(length) for length in lengths]).items()
    ]
    return Probe("delays", "Steps of the cue phase and of the empty phase, each", "steps each", tuple(panels))


def unseen_colours(samples: Samples) -> Probe:
    """Success by how many of the colours were never seen in training."""
    panels = []
    for environment, variants in _shown(samples, [recoloured(count) for count in UNSEEN]).items():
        counts = [0, *UNSEEN[: objects(environment)]]
        conditions = {f"unseen_colours={count}": recoloured(count) for count in counts}
        carriers = _carriers(samples, environment, variants, conditions)
        panels.append(Panel(environment, environment, ("table", *map(str, counts[1:])), carriers))
    return Probe("unseen_colours", "Colours that no training showed", "unseen colours", tuple(panels))


def _shown(samples: Samples, conditions: Iterable[Condition]) -> dict[str, list[str]]:
    """Return {environment: variants} that were run under one of the conditions, in the order of `samples`."""
    wanted, shown = set(conditions), dict[str, list[str]]()
    for (variant, environment), found in sorted(samples.items(), key=lambda item: item[0][1]):
        if wanted & found.keys():
            shown.setdefault(environment, []).append(variant)
    return shown


def _carriers(
    samples: Samples, environment: str, variants: Sequence[str], conditions: Mapping[str, Condition]
) -> tuple[Series, ...]:
    return tuple(_series(samples, variant, environment, variant, conditions) for variant in variants)


def _series(samples: Samples, variant: str, environment: str, name: str, conditions: Mapping[str, Condition]) -> Series:
    found = tuple(samples[variant, environment].get(condition) for condition in conditions.values())
    return Series(variant, name, tuple(conditions), found)
