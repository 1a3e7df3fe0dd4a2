"""The samples of a table and its controls, read from the marks of finished records that a rule names."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.files import Json
from muvla.records.condition import condition_of
from muvla.records.file import Cell, RecordsError
from muvla.records.mark import marked_cells
from muvla.report.published import VARIANTS
from muvla.report.sample import Sample, cells_of, put_together
from muvla.report.statistics.paired import average_rate
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import Estimate

# The settings that name the policy of a column.
POLICY: tuple[Literal["scale", "checkpoint_sha256", "num_mem_tokens", "width"], ...] = (
    "scale",
    "checkpoint_sha256",
    "num_mem_tokens",
    "width",
)


@dataclass(frozen=True)
class GroupAverage:
    """The average over those environments of a group that were run: `run` out of `of`."""

    estimate: Estimate
    run: int
    of: int


@dataclass(frozen=True)
class Grid:
    """cells: by (variant, environment). controls: the same policies under other conditions, by (variant, environment,
    name of the control)."""

    cells: dict[tuple[str, str], Sample]
    controls: dict[tuple[str, str, str], Sample]
    rules: Rules

    def of(self, variants: Collection[str], environments: Collection[str]) -> "Grid":
        """Return the part of the grid that is these variants in these environments."""
        return Grid(
            {key: cell for key, cell in self.cells.items() if key[0] in variants and key[1] in environments},
            {key: cell for key, cell in self.controls.items() if key[0] in variants and key[1] in environments},
            self.rules,
        )

    def shown(self, variant: str | None = None) -> list[Cell]:
        """Return the record files (not controls) that hold at least one record, of one variant or of all."""
        samples = [sample for (name, _), sample in self.cells.items() if variant in (None, name)]
        return [cell for cell in cells_of(samples) if cell.records]

    def find(self, variant: str, environment: str, mode: str, memory: str = "active") -> Sample | None:
        """Return the cell or control that was run like this, whatever its file is called; None when none was.

        Chunks are whole, delays and colours the environment's own.
        """
        for cell in (*self.cells.values(), *self.controls.values()):
            settings, condition = cell.settings, condition_of(cell.settings)
            found = (settings["variant"], settings["environment"], condition.mode, condition.memory)
            whole = condition.mode == "receding" or condition.steps is None
            wanted = found == (variant, environment, mode, memory) and whole and condition.environment_unchanged
            if wanted and cell.episodes:
                return cell
        return None

    def served(self) -> dict[str, Json]:
        """Return {variant: what its server's entry says} of other people's policies that have cells here."""
        return {cell.settings["variant"]: cell.settings["server"] for cell in self.shown() if "server" in cell.settings}

    def average(self, variant: str, environments: tuple[str, ...]) -> GroupAverage | None:
        """Average one variant over those of `environments` that have episodes; None when none has."""
        samples = [self.cells.get((variant, name)) for name in environments]
        parts = [one.by_seed for one in samples if one is not None and one.episodes]
        return average(parts, len(environments), self.rules)


def average(parts: Sequence[Mapping[str, tuple[int, int]]], of: int, rules: Rules) -> GroupAverage | None:
    """Average every part that was run (its counts by training seed) out of `of` parts; None when none was."""
    return GroupAverage(average_rate(parts, rules), len(parts), of) if parts else None


def read_cells(marks: Iterable[Path]) -> list[Cell]:
    """Read the records that each mark (records/mark.py) stands for, and nothing else.

    Raises RecordsError for records that are gone or were changed after they were marked, an unknown variant or
    environment, a file in the wrong place, named twice or corrupt, or one column from two checkpoints.
    """
    cells = marked_cells(marks)
    for cell in cells:
        _check_names(cell)
    _check_one_policy(cells)
    return cells


def read_grid(marks: Iterable[Path], rules: Rules) -> Grid:
    """Read the cells and controls that the marks stand for. Raises RecordsError as read_cells and grid_of do."""
    return grid_of(read_cells(marks), rules)


def grid_of(cells: Iterable[Cell], rules: Rules) -> Grid:
    """Put cells and controls in their places. Raises RecordsError as put_together does."""
    placed = [((cell.settings["variant"], cell.settings["environment"], cell.control), cell) for cell in cells]
    samples = put_together(placed)
    own = {(variant, place): sample for (variant, place, control), sample in samples.items() if not control}
    return Grid(own, {key: sample for key, sample in samples.items() if key[2]}, rules)


def _check_names(cell: Cell) -> None:
    """Raise RecordsError for unknown names, or unless the file lies where its settings say."""
    variant, environment = cell.settings["variant"], cell.settings["environment"]
    if variant not in VARIANTS and "server" not in cell.settings:
        raise RecordsError(f"{cell.path}: unknown variant {variant!r}; the table has {', '.join(VARIANTS)}")
    try:
        environment_named(environment)
    except ValueError as error:
        raise RecordsError(f"{cell.path}: {error}") from error
    usual = cell.folder / variant / f"{environment}.jsonl"
    if cell.path != usual.with_suffix(f".{cell.control}.jsonl" if cell.control else ".jsonl"):
        raise RecordsError(
            f"{cell.path}: its provenance says {variant}, {environment}; move the file to where it belongs, {usual}"
        )
    if not cell.control and not condition_of(cell.settings).is_standard:
        name = cell.settings["memory"] if cell.settings["memory"] != "active" else "<name>"
        raise RecordsError(
            f"{cell.path}: a memory that is not the policy's own, chunks cut short, or delays or colours that are not "
            f"the environment's make it a control, which belongs into {environment}.{name}.jsonl"
        )


def _check_one_policy(cells: list[Cell]) -> None:
    """Raise RecordsError unless all cells and controls of a variant in a benchmark come from one checkpoint.

    Another training seed, or a policy of longer chunks, has a folder of records of its own. Other people's policies may
    have a checkpoint for every suite.
    """
    first: dict[tuple[Path, str, str], Cell] = {}
    for cell in cells:
        environment = cell.settings["environment"]
        own = environment_named(environment).family if "server" in cell.settings else benchmark_of(environment).name
        column = (cell.folder, cell.settings["variant"], own)
        other = first.setdefault(column, cell)
        for key in POLICY:
            if cell.settings[key] != other.settings[key]:
                raise RecordsError(
                    f"{other.path} and {cell.path} differ in {key} ({other.settings[key]}, {cell.settings[key]}): "
                    "a column shows one policy; evaluate the older of the two again"
                )
