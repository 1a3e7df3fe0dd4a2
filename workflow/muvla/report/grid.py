"""All record files of a folder, as the cells of Table 1 and its controls."""

from dataclasses import dataclass
from pathlib import Path

from muvla.report.published import VARIANTS, Published
from muvla.report.records import Cell, RecordsError, read_cell
from muvla.report.stats import Estimate, stratified_average

AVERAGE_SEED = 0  # of the bootstrap, so that a table made twice is the same twice


@dataclass(frozen=True)
class Average:
    """Average over the environments of a group that were run, and how many of how many those are."""

    estimate: Estimate
    run: int
    of: int


@dataclass(frozen=True)
class Grid:
    """cells: by (variant, environment), from <variant>/<environment>.jsonl. controls: the same policies asked
    in
    another way, by (variant, environment, name), from <variant>/<environment>.<name>.jsonl."""

    cells: dict[tuple[str, str], Cell]
    controls: dict[tuple[str, str, str], Cell]

    def shown(self, variant: str | None = None) -> list[Cell]:
        """Cells (not controls) that hold at least one line, of one column or of all."""
        return [cell for (name, _), cell in self.cells.items() if cell.records and variant in (None, name)]

    def asked_otherwise(self) -> list[Cell]:
        """Controls that hold at least one line."""
        return [cell for cell in self.controls.values() if cell.records]

    def everything(self) -> list[Cell]:
        """Cells and controls that hold at least one line."""
        return [*self.shown(), *self.asked_otherwise()]

    def find(self, variant: str, environment: str, mode: str, memory: str = "active") -> Cell | None:
        """The cell or control that answers this question, whatever its file is called; None when it was not
        run."""
        for cell in self.everything():
            question = cell.question
            asked = (question["variant"], question["environment"], question["mode"], question["memory"])
            if asked == (variant, environment, mode, memory) and cell.episodes:
                return cell
        return None

    def average(self, variant: str, environments: tuple[str, ...]) -> Average | None:
        """Average of one column over those of `environments` that have episodes; None when none has."""
        cells = [self.cells.get((variant, name)) for name in environments]
        counts = [(cell.successes, cell.episodes) for cell in cells if cell is not None and cell.episodes]
        if not counts:
            return None
        return Average(stratified_average(counts, AVERAGE_SEED), len(counts), len(environments))


def check_place(cell: Cell, variant: str, environment: str, control: str) -> None:
    """Raise RecordsError when the file's name promises something else than its records answer."""
    question = cell.question
    if (question["variant"], question["environment"]) != (variant, environment):
        told = f"{question['variant']}, {question['environment']}"
        raise RecordsError(f"{cell.path}: its provenance says {told}; move it to where it belongs")
    if not control and question["memory"] != "active":
        name = f"{environment}.{question['memory']}.jsonl"
        raise RecordsError(f"{cell.path}: memory is {question['memory']!r}, a control, which belongs into {name}")


def check_one_policy(cells: list[Cell]) -> None:
    """Raise RecordsError unless all cells and controls of a variant come from one checkpoint at one scale."""
    first: dict[str, Cell] = {}
    for cell in cells:
        other = first.setdefault(cell.question["variant"], cell)
        for key in ("scale", "checkpoint_sha256", "num_mem_tokens", "width"):
            if cell.question[key] != other.question[key]:
                raise RecordsError(
                    f"{other.path} and {cell.path} differ in {key} "
                    f"({other.question[key]}, {cell.question[key]}): "
                    "a column shows one policy; evaluate the older of the two again"
                )


def read_grid(records: Path | str, published: Published) -> Grid:
    """Read <records>/<variant>/<environment>[.<name>].jsonl, all of them.

    Raises RecordsError for a folder without records, an unknown variant or environment, a file in the wrong
    place, a corrupt one, or one column from two checkpoints.
    """
    records = Path(records)
    cells: dict[tuple[str, str], Cell] = {}
    controls: dict[tuple[str, str, str], Cell] = {}
    for path in sorted(records.glob("*/*.jsonl")):
        variant, (environment, _, control) = path.parent.name, path.stem.partition(".")
        if variant not in VARIANTS:
            raise RecordsError(f"{path}: unknown variant {variant!r}; the table has {', '.join(VARIANTS)}")
        if environment not in published.group_of:
            known = ", ".join(published.group_of)
            raise RecordsError(f"{path}: unknown environment {environment!r}; the table has {known}")
        cell = read_cell(path)
        check_place(cell, variant, environment, control)
        if control:
            controls[variant, environment, control] = cell
        else:
            cells[variant, environment] = cell
    grid = Grid(cells, controls)
    if not grid.everything():
        raise RecordsError(f"no episode records under {records}: evaluate a policy first (python -m muvla.evaluate)")
    check_one_policy(grid.everything())
    return grid
