"""All record files of a folder, as the cells of the tables and their controls."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.records.file import Cell, RecordsError, read_cell
from muvla.records.settings import asked
from muvla.report.published import VARIANTS, Published
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import Estimate, stratified_average


@dataclass(frozen=True)
class Average:
    """Average over the environments of a group that were run, and how many of how many those are."""

    estimate: Estimate
    run: int
    of: int


@dataclass(frozen=True)
class Grid:
    """cells: by (variant, environment), from <variant>/<environment>.jsonl. controls: the same policies asked in
    another way, by (variant, environment, name), from <variant>/<environment>.<name>.jsonl."""

    cells: dict[tuple[str, str], Cell]
    controls: dict[tuple[str, str, str], Cell]
    rules: Rules

    def of(self, variants: Collection[str], environments: Collection[str]) -> "Grid":
        """Return the part of the grid that is these variants in these environments."""
        return Grid(
            {key: cell for key, cell in self.cells.items() if key[0] in variants and key[1] in environments},
            {key: cell for key, cell in self.controls.items() if key[0] in variants and key[1] in environments},
            self.rules,
        )

    def shown(self, variant: str | None = None) -> list[Cell]:
        """Cells (not controls) that hold at least one line, of one variant or of all."""
        return [cell for (name, _), cell in self.cells.items() if cell.records and variant in (None, name)]

    def everything(self) -> list[Cell]:
        """Cells and controls that hold at least one line."""
        return [*self.shown(), *(cell for cell in self.controls.values() if cell.records)]

    def find(self, variant: str, environment: str, mode: str, memory: str = "active") -> Cell | None:
        """The cell or control that answers this question, whatever its file is called; None when it was not
        run. Chunks are whole, delays and colours the environment's own."""
        for cell in self.everything():
            question, way = cell.question, asked(cell.question)
            told = (question["variant"], question["environment"], way.mode, way.memory)
            whole = way.mode == "receding" or way.steps is None
            if told == (variant, environment, mode, memory) and whole and way.as_the_environment_is and cell.episodes:
                return cell
        return None

    def average(self, variant: str, environments: tuple[str, ...]) -> Average | None:
        """Average of one variant over those of `environments` that have episodes; None when none has."""
        cells = [self.cells.get((variant, name)) for name in environments]
        counts = [(cell.successes, cell.episodes) for cell in cells if cell is not None and cell.episodes]
        return average(counts, len(environments), self.rules)


def average(counts: list[tuple[int, int]], of: int, rules: Rules) -> Average | None:
    """Average of (successes, episodes) of every part that was run, out of `of` parts; None when none was."""
    if not counts:
        return None
    estimate = stratified_average(
        counts, confidence=rules.confidence, resamples=rules.resamples, seed=rules.bootstrap_seed
    )
    return Average(estimate, len(counts), of)


def check_place(cell: Cell, variant: str, environment: str, control: str) -> None:
    """Raise RecordsError when the file's name promises something else than its records answer."""
    question = cell.question
    if (question["variant"], question["environment"]) != (variant, environment):
        told = f"{question['variant']}, {question['environment']}"
        raise RecordsError(f"{cell.path}: its provenance says {told}; move it to where it belongs")
    if not control and question["memory"] != "active":
        name = f"{environment}.{question['memory']}.jsonl"
        raise RecordsError(f"{cell.path}: memory is {question['memory']!r}, a control, which belongs into {name}")
    if not control and not asked(question).usual:
        raise RecordsError(
            f"{cell.path}: chunks cut short, or delays or colours that are not the environment's own, make it a "
            f"control, which belongs into {environment}.<name>.jsonl"
        )


def check_one_policy(cells: list[Cell]) -> None:
    """Raise RecordsError unless all cells and controls of a variant in a benchmark come from one checkpoint."""
    first: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        column = (cell.question["variant"], benchmark_of(cell.question["environment"]).name)
        other = first.setdefault(column, cell)
        for key in ("scale", "checkpoint_sha256", "num_mem_tokens", "width"):
            if cell.question[key] != other.question[key]:
                raise RecordsError(
                    f"{other.path} and {cell.path} differ in {key} "
                    f"({other.question[key]}, {cell.question[key]}): "
                    "a column shows one policy; evaluate the older of the two again"
                )


def read_grid(records: Path | str, published: Published, rules: Rules, *, beside: bool = True) -> Grid:
    """Read <records>/<variant>/<environment>[.<name>].jsonl, all of them; LIBERO's are in a folder for each suite.

    beside: whether controls are read. What does not show them must not depend on whether some are there by now.

    Raises RecordsError for a folder without records, an unknown variant or environment, a file in the wrong
    place, a corrupt one, or one column from two checkpoints.
    """
    records = Path(records)
    cells: dict[tuple[str, str], Cell] = {}
    controls: dict[tuple[str, str, str], Cell] = {}
    for path in sorted(records.glob("*/**/*.jsonl")):
        variant, *folders, file = path.relative_to(records).parts
        stem, _, control = file.removesuffix(".jsonl").partition(".")
        environment = "/".join([*folders, stem])
        if (control and not beside) or not path.stat().st_size:  # empty: an evaluation that begins just now
            continue
        if variant not in VARIANTS:
            raise RecordsError(f"{path}: unknown variant {variant!r}; the table has {', '.join(VARIANTS)}")
        try:
            environment_named(environment)
        except ValueError as error:
            raise RecordsError(f"{path}: {error}") from None
        cell = read_cell(path)
        check_place(cell, variant, environment, control)
        if control:
            controls[variant, environment, control] = cell
        else:
            cells[variant, environment] = cell
    grid = Grid(cells, controls, rules)
    if not grid.everything():
        raise RecordsError(f"no episode records under {records}: evaluate a policy first (python -m muvla.evaluate)")
    check_one_policy(grid.everything())
    return grid
