"""What the templates, the csv and the terminal show of a table."""

from dataclasses import dataclass

from muvla.report.tables.entry import Entry


@dataclass(frozen=True)
class Column:
    """The heading of a column; empty where it has nothing to say."""

    printed: str  # the paper's name
    variant: str = ""
    label: str = ""  # scale and sizes, or "not run"
    modes: str = ""  # of inference


@dataclass(frozen=True)
class Row:
    """One row: an entry for every column."""

    name: str
    cells: list[Entry]
    label: str = ""
    variant: str | None = None  # None where columns are variants; "" for other people's policies
    average: bool = False

    @property
    def run(self) -> bool:
        """Say whether anything in the row was run."""
        return any(cell.run for cell in self.cells)


@dataclass(frozen=True)
class RowGroup:
    """Rows under a title; short: the title where room is scarce."""

    title: str
    short: str
    rows: list[Row]


@dataclass(frozen=True)
class Body:
    """The columns and rows of a table."""

    identifier: str  # of the table in HTML
    columns: list[Column]
    groups: list[RowGroup]

    @property
    def rows(self) -> list[Row]:
        """Return the rows of all groups."""
        return [row for group in self.groups for row in group.rows]


@dataclass(frozen=True)
class View:
    """A table with its title and caption."""

    body: Body
    title: str
    place: str  # in the paper
    first: str  # width of the first column in LaTeX
    wide: bool
    origin: list[str]  # sentences of the caption: where the numbers come from
    legend: list[str]  # how to read a cell
