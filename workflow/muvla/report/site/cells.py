"""The paper's tables as the page shows them: read from the csv files that the rule `table` writes."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from muvla.report.paper.source import read_page
from muvla.report.printed import is_average
from muvla.report.tables.entry import FLAGS
from muvla.report.tables.table import TITLES
from muvla.report.tidy import read_rows

Line = dict[str, str]  # of the csv: column -> text
WANTED = ("table", "group", "row", "column", "variant", "environment", "unit", "episodes", "mean", "low", "high")
VERDICTS = {"reproduced": "=", "differs": "≠", "inconclusive": "?"}


@dataclass(frozen=True)
class Shown:
    """One cell or average: texts in the table's unit, "" where there is no number; rates from 0 to 1 for shading."""

    key: str  # of the cell in the address: "RememberColor5.m64_k8"
    line: Line
    ours: str
    printed: str
    difference: str  # ours minus printed, with its sign
    rate: float | None
    printed_rate: float | None
    number: str  # "variant environment" of the records behind the cell; "" for averages and cells that were not run

    @property
    def interval(self) -> str:
        """Write the interval, and of how many episodes or parts."""
        return f"{self._in_unit('low')}–{self._in_unit('high')}" if self.line["low"] else ""

    @property
    def count(self) -> str:
        """Write the episodes of a cell, the parts of an average."""
        return self.line["episodes"] or self.line["parts"]

    @property
    def sign(self) -> str:
        """Return the verdict in one character; "" without one."""
        return VERDICTS.get(self.line["verdict"], "")

    @property
    def marks(self) -> str:
        """Explain the letters of the cell's marks."""
        return "; ".join(f"{letter}: {FLAGS.get(letter, 'see the legend')}" for letter in self.line["marks"])

    def _in_unit(self, key: str) -> str:
        return in_unit(self.line[key], self.line["unit"])


@dataclass(frozen=True)
class Row:
    """One row with its cells."""

    name: str
    label: str
    average: bool
    cells: tuple[Shown, ...]


@dataclass(frozen=True)
class Column:
    """The heading of a column; variant: ours, where a column is one."""

    name: str
    variant: str
    run: bool  # whether any of its cells was


@dataclass(frozen=True)
class Table:
    """One table of the paper; groups: title -> rows. notes: the sentences of its caption."""

    name: str  # of its csv file
    title: str
    columns: tuple[Column, ...]
    groups: dict[str, tuple[Row, ...]]
    notes: tuple[Markup, ...]


def in_unit(value: str, unit: str) -> str:
    """Round a number of the csv to what the paper prints: two digits of a rate, one of percent."""
    return "" if not value else f"{float(value):.1f}" if unit == "%" else f"{float(value):.2f}"


def shown(line: Line) -> Shown:
    """Return the cell that one line of the csv is about."""
    unit, mean, printed = line["unit"], line["mean"], line["printed"]
    whole = 100 if unit == "%" else 1
    difference = ""
    if mean and printed:
        digits = 1 if unit == "%" else 2
        difference = f"{float(mean) - float(printed):+.{digits}f}".replace("-", "−")
    run = bool(line["episodes"]) and bool(line["environment"])
    return Shown(
        key=f"{line['row']}.{line['variant'] or line['column']}",
        line=line,
        ours=in_unit(mean, unit),
        printed=printed,
        difference=difference,
        rate=float(mean) / whole if mean else None,
        printed_rate=float(printed) / whole if printed else None,
        number=f"{line['variant']} {line['environment']}" if run else "",
    )


def read_table(csv: Path, page: Path) -> Table:
    """Read one table. page: the table's own page, whose caption says where the numbers come from.

    Raises FileNotFoundError, or ValueError naming the file for a csv of another kind.
    """
    lines = read_rows(csv)
    if not lines or set(WANTED) - set(lines[0]):
        raise ValueError(f"{csv} is no table of this version; remove it to have it made again")
    columns = {line["column"]: line["variant"] for line in lines}
    of_columns = len({line["variant"] for line in lines if line["row"] == lines[0]["row"]}) > 1
    groups: dict[str, dict[str, list[Line]]] = {}
    for line in lines:
        groups.setdefault(line["group"], {}).setdefault(line["row"], []).append(line)
    run = {line["column"] for line in lines if line["mean"]}
    own = read_page(page)
    return Table(
        csv.stem,
        TITLES[lines[0]["table"]],
        tuple(Column(name, variant if of_columns else "", name in run) for name, variant in columns.items()),
        {
            title: tuple(
                Row(name, "" if of_columns else found[0]["variant"], is_average(name), tuple(map(shown, found)))
                for name, found in rows.items()
            )
            for title, rows in groups.items()
        },
        tuple(Markup(item.partition("</li>")[0]) for item in own.body.split("<li>")[1:]),
    )
