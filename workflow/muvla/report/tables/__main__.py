"""A table of the paper from the records: python -m muvla.report.tables --records DIR --published CSV --output PREFIX.

Which table is decided by the csv of printed numbers. Writes PREFIX.tex, PREFIX.html and PREFIX.csv, and prints the
same table. The same records give the same bytes.
"""

import argparse
import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from muvla.files import write_atomically
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
from muvla.report.statistics.rules import Rules, read_rules
from muvla.report.tables.entry import Shape
from muvla.report.tables.legend import legend
from muvla.report.tables.methods import environments, methods_view
from muvla.report.tables.mikasa import mikasa_view
from muvla.report.tables.terminal import print_table
from muvla.report.templates import render

CSV_HEADER = (
    "table", "group", "row", "column", "variant", "environment", "unit", "episodes", "successes", "mean", "low",
    "high", "parts", "marks", "printed", "verdict",
)  # fmt: skip
TITLES = {
    TABLE_MIKASA: "MIKASA-Robo success rates",
    TABLE_MEMORY_VLAS: "Memoryless and memory-augmented policies on MIKASA-Robo",
    TABLE_LIBERO: "LIBERO success rates in percent",
}
PLACES = {TABLE_MIKASA: "Table 1", TABLE_MEMORY_VLAS: "Table 2", TABLE_LIBERO: "the LIBERO table"}  # in the paper
FIRST = {TABLE_MIKASA: "27mm", TABLE_MEMORY_VLAS: "50mm", TABLE_LIBERO: "62mm"}  # width of the first column
View = dict[str, Any]
VIEWS: dict[str, Callable[[Grid, Printed, Published, Shape], View]] = {
    TABLE_MIKASA: mikasa_view,
    TABLE_MEMORY_VLAS: methods_view,
    TABLE_LIBERO: methods_view,
}


def tidy_csv(view: View, shape: Shape, table: Printed) -> str:
    """One line a cell or average, run or not (CSV_HEADER), in the table's unit.

    environment: of a cell, a suite in LIBERO's table; empty for an average, which has parts ("2/11": how many of how
    many it is over) instead of episodes. `printed` is the paper's value, of its own policy and scale.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for section in view["sections"]:
        for row in section["rows"]:
            for column, entry in zip(view["columns"], row["cells"], strict=True):
                counts = ["", ""] if entry.tally is None else [entry.tally.episodes, entry.tally.successes]
                parts = entry.count if entry.estimate is not None and entry.tally is None else ""
                place = [table.name, section["title"], row["name"], column["printed"]]
                tested = row["name"] if table.name == TABLE_MIKASA else column["printed"]
                environment = "" if is_average(tested) else tested
                place += [row.get("variant", column["variant"]), environment, table.unit]
                numbers = [*counts, *shape.numbers(entry.estimate), parts, entry.marks]
                writer.writerow([*place, *numbers, entry.printed, entry.verdict.value])
    return stream.getvalue()


def marks_of(view: View) -> set[str]:
    """The letters that some cell of the table carries."""
    entries = [cell for section in view["sections"] for row in section["rows"] for cell in row["cells"]]
    return {letter for entry in entries for letter in entry.marks}


def environments_of(table: Printed, published: Published) -> set[str]:
    """The environments whose records the table shows."""
    if table.name == TABLE_MIKASA:
        return set(published.group_of)
    return {name for column in table.columns if not is_average(column) for name in environments(column)}


def make_tables(records: Path | None, published_csv: Path, output: Path, rules: Rules) -> View:
    """Write output.tex, .html and .csv, all or none of them begun before every one is made; return what they
    show. Without records nothing was run.

    Raises RecordsError (grid.py, tally.py), ValueError for the printed numbers or the rules, OSError for files.
    """
    table = read_printed(published_csv)
    if table.name not in VIEWS:
        raise ValueError(f"{published_csv} holds {table.name}; tables are made of {', '.join(VIEWS)}")
    published = read_published(published_csv.with_name("table_mikasa.csv"))
    episodes = rules.printed_episodes.get(published_csv.stem)
    if episodes is None:
        raise ValueError(f"statistics.printed_episodes has no entry for {published_csv.stem}")
    shape = Shape(table.unit, episodes, rules)
    # Table 2 is a part of Table 1, so it shows its own rows only; the others show whatever was run.
    ours = METHODS[table.name].values() if table.name == TABLE_MEMORY_VLAS else VARIANTS
    everything = Grid({}, {}, rules) if records is None else read_grid(records, published, rules, beside=False)
    grid = everything.of(ours, environments_of(table, published))
    scales = sorted({cell.question["scale"] for cell in grid.shown()})
    view = {
        **VIEWS[table.name](grid, table, published, shape),
        "title": f"{TITLES[table.name]}, {' and '.join(scales)} scale" if scales else f"{TITLES[table.name]}, not run",
        "scales": scales,
        "wide": table.name == TABLE_MIKASA,
        "first": FIRST[table.name],
        "place": PLACES[table.name],
        "origin": origin(grid.shown()),
    }
    view["legend"] = legend(scales, shape, marks_of(view))
    contents = {
        ".tex": render("table.tex.jinja", view),
        ".html": render("table.html.jinja", view),
        ".csv": tidy_csv(view, shape, table),
    }
    for suffix, content in contents.items():
        write_atomically(output.with_name(output.name + suffix), content)
    return view


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.tables", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--records", type=Path, help="folder of <variant>/<environment>[.<mode>].jsonl; none run when left out"
    )
    parser.add_argument("--published", type=Path, required=True, help="config/published/table_*.csv")
    parser.add_argument("--output", type=Path, required=True, help="written with .tex, .html and .csv added")
    parser.add_argument("--statistics", help="JSON; config/config.yaml's `statistics` when left out")
    options = parser.parse_args(arguments)
    try:
        view = make_tables(options.records, options.published, options.output, read_rules(options.statistics))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_table(view)
    print(f"written: {', '.join(f'{options.output}{suffix}' for suffix in ('.tex', '.html', '.csv'))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
