"""Read the paper's printed tables from config/published/: one line per cell, every value as it is printed."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from muvla.report.tidy import read_rows

HEADER = ("table", "group", "row", "column", "value", "unit", "note")
FILES = ("table_mikasa", "table_memory_vlas", "table_libero")
NUMBER = re.compile(r"\d+(\.\d+)?")  # as printed: no sign, no exponent
AVERAGE = re.compile(r"Avg\.|Average \(")  # how the names of average rows and columns begin


@dataclass(frozen=True)
class Printed:
    """A printed table: rows by group and columns in the printed order, and every cell's text."""

    name: str  # "table1_mikasa_23env"
    unit: str  # "success rate" (a fraction) or "%"
    groups: dict[str, tuple[str, ...]]  # title -> rows, averages among them
    columns: tuple[str, ...]
    values: dict[tuple[str, str], str]  # (row, column) -> "0.95"
    notes: dict[tuple[str, str], str] = field(default_factory=dict)  # (row, column) -> where the value comes from

    @property
    def rows(self) -> tuple[str, ...]:
        """Return all rows in the printed order."""
        return tuple(row for rows in self.groups.values() for row in rows)

    @property
    def models_are_columns(self) -> bool:
        """Say whether a column is a model and a row a task, as in Table 1; in the other tables a row is a model."""
        return any(is_average(row) for row in self.rows)

    def by_model(self) -> dict[tuple[str, str], str]:
        """Return {(model, task): value} without averages, whichever of the two is the row."""
        if self.models_are_columns:
            return {(column, row): v for (row, column), v in self.values.items() if not is_average(row)}
        return {(row, column): v for (row, column), v in self.values.items() if not is_average(column)}


def is_average(name: str) -> bool:
    """Say whether a row or column of this name is an average over others."""
    return AVERAGE.match(name) is not None


def read_printed(path: Path | str) -> Printed:
    """Read one printed table from its tidy csv (columns: HEADER).

    Raises FileNotFoundError, or ValueError naming the file and the wrong line or the missing cell.
    """
    path = Path(path)
    groups: dict[str, list[str]] = {}
    columns: list[str] = []
    values: dict[tuple[str, str], str] = {}
    notes: dict[tuple[str, str], str] = {}
    kinds: set[tuple[str, str]] = set()
    for number, line in enumerate(read_rows(path, HEADER), start=2):
        where, cell = f"{path}, line {number}", (line["row"], line["column"])
        kinds.add((line["table"], line["unit"]))
        if len(kinds) > 1:
            raise ValueError(f"{where}: table and unit are {sorted(kinds)}; a file holds one table in one unit")
        if not NUMBER.fullmatch(line["value"]):
            raise ValueError(f"{where}: the value {line['value']!r} is not a number")
        if cell in values:
            raise ValueError(f"{where}: a second value for {line['column']}, {line['row']}")
        values[cell], notes[cell] = line["value"], line["note"]
        if line["column"] not in columns:
            columns.append(line["column"])
        rows = groups.setdefault(line["group"], [])
        if line["row"] not in rows:
            rows.append(line["row"])
    if not values:
        raise ValueError(f"{path} holds no cell")
    name, unit = kinds.pop()
    table = Printed(name, unit, {title: tuple(rows) for title, rows in groups.items()}, tuple(columns), values, notes)
    missing = [(row, column) for row in table.rows for column in table.columns if (row, column) not in values]
    if missing:
        raise ValueError(f"{path}: no value for {missing[0]} (and {len(missing) - 1} more)")
    return table
