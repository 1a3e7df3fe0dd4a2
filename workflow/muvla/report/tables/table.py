"""A table of the paper from the records. Which table is decided by the csv of printed numbers."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from muvla.records.file import Cell
from muvla.report.again import read_again, sentence
from muvla.report.caption import origin
from muvla.report.grid import Grid, read_grid
from muvla.report.printed import Printed, is_average, read_printed
from muvla.report.published import (
    METHODS,
    TABLE_LIBERO,
    TABLE_MEMORY_VLAS,
    TABLE_MIKASA,
    VARIANTS,
    Published,
    read_published,
)
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Rules
from muvla.report.tables.entry import Shape
from muvla.report.tables.legend import legend
from muvla.report.tables.methods import environments as environments_of_column
from muvla.report.tables.methods import methods_body, served_rows
from muvla.report.tables.mikasa import mikasa_body
from muvla.report.tables.terminal import print_table
from muvla.report.tables.view import Body, View
from muvla.report.templates import render
from muvla.report.tidy import csv_text

COLUMNS = (
    *("table", "group", "row", "column", "variant", "environment", "unit", "episodes", "successes", "seeds", "mean"),
    *("low", "high", "parts", "marks", "printed", "verdict"),
)
TITLES = {
    TABLE_MIKASA: "MIKASA-Robo success rates",
    TABLE_MEMORY_VLAS: "Memoryless and memory-augmented policies on MIKASA-Robo",
    TABLE_LIBERO: "LIBERO success rates in percent",
}
PLACES = {TABLE_MIKASA: "Table 1", TABLE_MEMORY_VLAS: "Table 2", TABLE_LIBERO: "the LIBERO table"}  # in the paper
FIRST = {TABLE_MIKASA: "27mm", TABLE_MEMORY_VLAS: "50mm", TABLE_LIBERO: "62mm"}  # width of the first column
BODIES: dict[str, Callable[[Grid, Printed, Published, Shape], Body]] = {
    TABLE_MIKASA: mikasa_body,
    TABLE_MEMORY_VLAS: methods_body,
    TABLE_LIBERO: methods_body,
}


def lines(view: View, shape: Shape, table: Printed) -> Iterator[tuple[object, ...]]:
    """Yield a line of the csv (COLUMNS) for every cell and average, run or not, in the table's unit.

    environment: of a cell, a suite in LIBERO's table; empty for an average, which has parts ("2/11": how many of how
    many it is over) instead of episodes. `printed` is the paper's value, of its own policy and scale.
    """
    for group in view.body.groups:
        for row in group.rows:
            for column, entry in zip(view.body.columns, row.cells, strict=True):
                tally = entry.tally
                counts = ("", "", "") if tally is None else (tally.episodes, tally.successes, tally.seeds)
                parts = entry.count if entry.estimate is not None and entry.tally is None else ""
                tested = row.name if table.name == TABLE_MIKASA else column.printed
                variant = column.variant if row.variant is None else row.variant
                place = (table.name, group.title, row.name, column.printed, variant)
                numbers = (*counts, *shape.numbers(entry.estimate), parts, entry.flags)
                environment = "" if is_average(tested) else tested
                yield (*place, environment, table.unit, *numbers, entry.printed, entry.verdict.value)


def environments_of(table: Printed, published: Published) -> set[str]:
    """Return the environments whose records the table shows."""
    if table.name == TABLE_MIKASA:
        return set(published.group_of)
    columns = [column for column in table.columns if not is_average(column)]
    return {name for column in columns for name in environments_of_column(column)}


def view_of(everything: Grid, table: Printed, published: Published, shape: Shape, notes: Sequence[str] = ()) -> View:
    """Put together what the table shows of the cells."""
    # Table 2 is a part of Table 1, so it shows its own rows only; the others show whatever was run.
    ours, others = [*VARIANTS], [*everything.served()]
    if table.name == TABLE_MEMORY_VLAS:
        ours, others = [*METHODS[table.name].values()], [*served_rows(everything, table.name).values()]
    grid = everything.of([*ours, *others], environments_of(table, published))
    scales = sorted({cell.settings["scale"] for cell in grid.shown()})
    body = BODIES[table.name](grid, table, published, shape)
    entries = [entry for row in body.rows for entry in row.cells]
    several = any(entry.tally is not None and entry.tally.seeds > 1 for entry in entries)
    return View(
        body,
        title=f"{TITLES[table.name]}, {' and '.join(scales)} scale" if scales else f"{TITLES[table.name]}, not run",
        place=PLACES[table.name],
        first=FIRST[table.name],
        wide=table.name == TABLE_MIKASA,
        origin=[*notes, *origin(grid.shown())],
        legend=legend(scales, shape, {letter for entry in entries for letter in entry.flags}, several=several),
    )


def recorded(cells: Sequence[Cell], sample: Sequence[Path], missing: Sequence[str]) -> list[str]:
    """Say which cells came along as records, what of them was evaluated again here, and of what no records came."""
    came = [cell for cell in cells if cell.folder.name == "bundled"]
    episodes = sum(cell.episodes for cell in came)
    sentences = (
        [f"Recorded, not evaluated here: {episodes:,} episodes that came along with the policies."] if came else []
    )
    if sample:
        sentences.append(sentence(read_again(sample)))
    if missing:
        sentences.append(f"No records came along of {len(missing)} evaluations of the configuration.")
    return sentences


def table(
    *,
    records: Sequence[Path],
    published: Path,
    environments: Path,
    statistics: Rules,
    sample: Sequence[Path] = (),
    missing: Sequence[str] = (),
) -> Contents:
    """Make the table as .tex, .html and .csv, and print it. The same records give the same bytes.

    records: marks; nothing was run without any. published: the csv of the table's printed numbers. environments: that
    of Table 1, which names the environments. sample: marks of recorded cells and of the same evaluated here. missing:
    evaluations of the configuration without records. Raises RecordsError as read_grid and tally do, ValueError for the
    printed numbers.
    """
    printed = read_printed(published)
    if printed.name not in BODIES:
        raise ValueError(f"{published} holds {printed.name}; tables are made of {', '.join(BODIES)}")
    names = read_published(environments)
    shape = Shape(printed.unit, statistics.printed_episodes[published.stem], statistics)
    grid = read_grid(records, statistics)
    view = view_of(grid, printed, names, shape, recorded(grid.shown(), sample, missing))
    print_table(view)
    return {
        ".tex": render("table.tex.jinja", view=view, body=view.body),
        ".html": render("table.html.jinja", view=view, body=view.body),
        ".csv": csv_text(COLUMNS, lines(view, shape, printed)),
    }
