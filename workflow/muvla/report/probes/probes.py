"""The paper's probes of the memory (spec 10): which records answer which of them, found by what they were asked.

A probe is a few panels of series of cells; each is a function of the records alone. Shown are the policies with memory
that were asked at least one of the probe's own questions, beside the table's own cell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.records.file import Cell, RecordsError
from muvla.records.settings import Asked, asked
from muvla.report.grid import read_grid
from muvla.report.published import VARIANTS, Published, objects
from muvla.report.statistics.rules import Rules

MEMORIES = ("active", "zero", "noise", "freeze_first")
# What the paper asks; other numbers that were run are shown as well.
CHUNKS = (1, 2, 4, 8, 16)
PHASES = (3, 5, 10, 20, 50, 100)
UNSEEN = (1, 2, 3, 4, 5)
Answers = Mapping[tuple[str, str], Mapping[Asked, Cell]]  # (variant, environment) -> what was asked -> its cell


@dataclass(frozen=True)
class Series:
    """One line of a panel, or one group of its bars: a cell for every tick, None where it was not run."""

    variant: str
    name: str
    settings: tuple[str, ...]  # what was asked at each tick, as the csv says it
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Panel:
    """The series that share an axis."""

    environment: str
    title: str
    ticks: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Probe:
    """One picture; axis: what the ticks are."""

    name: str
    title: str
    axis: str
    panels: tuple[Panel, ...]

    @property
    def cells(self) -> list[Cell]:
        """All cells that are drawn."""
        found = [one for panel in self.panels for series in panel.series for one in series.cells]
        return [cell for cell in found if cell is not None]


def chunked(steps: int, memory: str = "active") -> Asked:
    """Run `steps` actions of every chunk; 1 is the table's own way, re-planned at every step."""
    return Asked("receding" if steps == 1 else "open_loop", steps, memory, None, 0)


def delayed(phases: int | None) -> Asked:
    """Cue and empty phases of so many steps; None: the table's own."""
    return Asked("receding", 1, "active", phases, 0)


def recoloured(colours: int) -> Asked:
    """So many colours replaced by unseen ones."""
    return Asked("receding", 1, "active", None, colours)


def read_answers(folders: Sequence[Path], published: Published, rules: Rules) -> Answers:
    """Read the records of all folders; those of policies with memory that hold an outcome.

    A second folder holds the policies of longer chunks, which have the names of the table's. Raises RecordsError as
    read_grid does, for two files that answer the same, and for folders of different scales.
    """
    answers: dict[tuple[str, str], dict[Asked, Cell]] = {}
    read = [cell for folder in folders for cell in read_grid(folder, published, rules).everything()]
    for cell in read:
        question = cell.question
        if question["scale"] != read[0].question["scale"]:
            raise RecordsError(f"{read[0].path} and {cell.path} differ in scale: a picture shows one; leave one out")
        if not question["num_mem_tokens"] or not cell.episodes:
            continue
        of_policy = answers.setdefault((question["variant"], question["environment"]), {})
        other = of_policy.setdefault(asked(question), cell)
        if other is not cell:
            raise RecordsError(f"{other.path} and {cell.path} answer the same question: move one of the two away")
    return {key: answers[key] for key in sorted(answers, key=lambda key: (list(VARIANTS).index(key[0]), key[1]))}


def probes(answers: Answers) -> list[Probe]:
    """The four pictures in the order of the paper; one without panels was not run."""
    return [interventions(answers), chunk_sweep(answers), delays(answers), unseen_colours(answers)]


def interventions(answers: Answers) -> Probe:
    """Success while each forward reads the memory, zeros, noise, or what was written first."""
    ways = {f"memory={memory}": chunked(1, memory) for memory in MEMORIES}
    panels = [
        Panel(environment, environment, MEMORIES, _carriers(answers, environment, own, ways))
        for environment, own in _shown(answers, [chunked(1, memory) for memory in MEMORIES[1:]]).items()
    ]
    return Probe("interventions", "What each forward finds in the memory", "memory", tuple(panels))


def chunk_sweep(answers: Answers) -> Probe:
    """Success by how many actions of a chunk are run, with the memory and with zeros in its place."""
    run = {way.steps for ways in answers.values() for way in ways if way.as_the_environment_is and way.steps}
    chunks = sorted({*CHUNKS, *run})
    beside = [chunked(steps, memory) for steps in chunks[1:] for memory in ("active", "zero")]
    panels = []
    for environment, own in _shown(answers, beside).items():
        for variant in own:
            series = [
                _series(
                    answers, variant, environment, name,
                    {f"chunk={steps} memory={memory}": chunked(steps, memory) for steps in chunks},
                )
                for name, memory in (("memory", "active"), ("zeroed", "zero"))
            ]  # fmt: skip
            panels.append(Panel(environment, f"{variant}, {environment}", tuple(map(str, chunks)), tuple(series)))
    return Probe("chunk_sweep", "How many actions of a chunk are run", "actions run", tuple(panels))


def delays(answers: Answers) -> Probe:
    """Success by how many steps the cue phase and the empty phase last each."""
    run = {way.phases for ways in answers.values() for way in ways if way.phases}
    lengths = sorted({*PHASES, *run})
    ways = {"phases=own": delayed(None), **{f"phases={length}": delayed(length) for length in lengths}}
    panels = [
        Panel(environment, environment, ("table", *map(str, lengths)), _carriers(answers, environment, own, ways))
        for environment, own in _shown(answers, [delayed(length) for length in lengths]).items()
    ]
    return Probe("delays", "Steps of the cue phase and of the empty phase, each", "steps each", tuple(panels))


def unseen_colours(answers: Answers) -> Probe:
    """Success by how many of the colours were never seen in training."""
    panels = []
    for environment, own in _shown(answers, [recoloured(count) for count in UNSEEN]).items():
        counts = [0, *UNSEEN[: objects(environment)]]
        ways = {f"unseen_colours={count}": recoloured(count) for count in counts}
        carriers = _carriers(answers, environment, own, ways)
        panels.append(Panel(environment, environment, ("table", *map(str, counts[1:])), carriers))
    return Probe("unseen_colours", "Colours that no training showed", "unseen colours", tuple(panels))


def _shown(answers: Answers, questions: Iterable[Asked]) -> dict[str, list[str]]:
    """{environment: variants} that answer one of the questions, in the order of `answers`."""
    wanted, shown = set(questions), dict[str, list[str]]()
    for (variant, environment), ways in sorted(answers.items(), key=lambda item: item[0][1]):
        if wanted & ways.keys():
            shown.setdefault(environment, []).append(variant)
    return shown


def _carriers(
    answers: Answers, environment: str, variants: Sequence[str], ways: Mapping[str, Asked]
) -> tuple[Series, ...]:
    return tuple(_series(answers, variant, environment, variant, ways) for variant in variants)


def _series(answers: Answers, variant: str, environment: str, name: str, ways: Mapping[str, Asked]) -> Series:
    cells = tuple(answers[variant, environment].get(way) for way in ways.values())
    return Series(variant, name, tuple(ways), cells)
