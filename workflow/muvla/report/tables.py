"""Table 1 from the records: python -m muvla.report.tables --records DIR --published CSV --output PREFIX.

Writes PREFIX.tex, PREFIX.html and PREFIX.csv, and prints the same table. The same records give the same
bytes.
"""

import argparse
import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muvla.report.atomic import write_atomically
from muvla.report.caption import MODES, legend, origin, size_label
from muvla.report.grid import Grid, read_grid
from muvla.report.published import GROUPS, VARIANTS, Published, read_published
from muvla.report.records import Cell
from muvla.report.stats import Estimate, wilson
from muvla.report.templates import render
from muvla.report.terminal import print_table

CSV_HEADER = ("variant", "environment", "group", "episodes", "successes", "mean", "low", "high", "printed")


@dataclass(frozen=True)
class Shown:
    """One cell as it is shown: rates with two decimals; count is the episodes, or "run/of" for an average."""

    mean: str
    low: str
    high: str
    count: str
    marks: str
    printed: str  # the paper's value at this place, for the tooltip

    @property
    def ends(self) -> tuple[str, str]:
        """The interval where room is scarce: "0.71" -> ".71", "1.00" -> "1"."""
        low, high = (end.removeprefix("0") if end.startswith("0.") else end[:1] for end in (self.low, self.high))
        return low, high


def marks(cell: Cell) -> str:
    """Return "e" when the cell contains errors, "i" when it has fewer lines than episodes were asked for."""
    return "e" * bool(cell.errors) + "i" * (cell.episodes + cell.errors < cell.asked)


def shown(estimate: Estimate, count: str, marked: str, printed: str) -> Shown:
    """Round an estimate for showing."""
    mean, low, high = (f"{value:.2f}" for value in estimate)
    return Shown(mean, low, high, count, marked, printed)


def shown_cell(cell: Cell | None, printed: str) -> Shown | None:
    """The table's entry for `cell`: None (a dash) where nothing was run, dashes with their mark where all
    failed."""
    if cell is None or not cell.records:
        return None
    if not cell.episodes:
        return Shown("-", "-", "-", "0", marks(cell), printed)
    return shown(wilson(cell.successes, cell.episodes), str(cell.episodes), marks(cell), printed)


def columns(grid: Grid) -> list[dict[str, Any]]:
    """One heading for each variant: its name, and the label of scale, sizes and inference when it was run."""
    headings = []
    for variant in VARIANTS:
        cells = grid.shown(variant)
        modes = sorted({cell.question["mode"].replace("_", " ") for cell in cells})
        label = size_label(cells[0]) if cells else "not run"
        headings.append({"variant": variant, "label": label, "modes": " / ".join(modes)})
    return headings


def sections(grid: Grid, published: Published) -> list[dict[str, Any]]:
    """The three groups with their rows and average, then the average over everything; every row has all
    columns."""

    def average_row(group: str, names: tuple[str, ...], title: str) -> dict[str, Any]:
        entries: list[Shown | None] = []
        for variant in VARIANTS:
            average = grid.average(variant, names)
            printed = published.values[variant, f"average:{group}"]
            count = f"{average.run}/{average.of}" if average else ""
            entries.append(shown(average.estimate, count, "", printed) if average else None)
        return {"name": title, "cells": entries, "average": True}

    parts = []
    for group, names in published.environments.items():
        rows = [
            {
                "name": name,
                "cells": [
                    shown_cell(grid.cells.get((variant, name)), published.values[variant, name]) for variant in VARIANTS
                ],
                "average": False,
            }
            for name in names
        ]
        rows.append(average_row(group, names, f"Average ({len(names)} envs)"))
        parts.append({"title": GROUPS[group], "short": f"[{group}]", "rows": rows})
    everything = tuple(published.group_of)
    overall = average_row("all", everything, f"Average ({len(everything)} envs)")
    return [*parts, {"title": "All environments", "short": "[all]", "rows": [overall]}]


def control_rows(grid: Grid) -> list[dict[str, Any]]:
    """The same policies asked in another way: one row for each control file, with the table's own cell beside
    it."""
    order = {name: place for place, name in enumerate(VARIANTS)}
    keys = sorted(grid.controls, key=lambda key: (order[key[0]], key[1], key[2]))
    return [
        {
            "variant": variant,
            "environment": environment,
            "name": name,
            "label": size_label(cell),
            "mode": MODES[cell.question["mode"]],
            "memory": cell.question["memory"] if cell.question["num_mem_tokens"] else "none",
            "cell": shown_cell(cell, ""),
            "reference": shown_cell(grid.cells.get((variant, environment)), ""),
        }
        for variant, environment, name in keys
        if (cell := grid.controls[variant, environment, name]).records
    ]


def tidy_csv(grid: Grid, published: Published) -> str:
    """One line a cell, run or not (CSV_HEADER); `printed` is the paper's value at its own scale, to be told
    apart."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for variant in VARIANTS:
        for environment, group in published.group_of.items():
            cell = grid.cells.get((variant, environment))
            counts: list[Any] = ["", "", "", "", ""]
            if cell is not None and cell.records:
                counts[:2] = [cell.episodes, cell.successes]
            if cell is not None and cell.episodes:
                counts[2:] = [f"{value:.4f}" for value in wilson(cell.successes, cell.episodes)]
            writer.writerow([variant, environment, group, *counts, published.values[variant, environment]])
    return stream.getvalue()


def make_tables(records: Path, published_csv: Path, output: Path) -> dict[str, Any]:
    """Write output.tex, .html and .csv, all or none of them begun before every one is made; return what they
    show.

    Raises RecordsError (grid.py), ValueError for the published numbers, OSError for files.
    """
    published = read_published(published_csv)
    grid = read_grid(records, published)
    cells = grid.everything()
    scales = sorted({cell.question["scale"] for cell in cells})
    view = {
        "title": f"MIKASA-Robo success rates, {' and '.join(scales)} scale",
        "scales": scales,
        "columns": columns(grid),
        "sections": sections(grid, published),
        "controls": control_rows(grid),
        "origin": origin(grid.shown(), grid.asked_otherwise()),
        "legend": legend(cells),
    }
    contents = {
        ".tex": render("table_mikasa.tex.jinja", view),
        ".html": render("table_mikasa.html.jinja", view),
        ".csv": tidy_csv(grid, published),
    }
    for suffix, content in contents.items():
        write_atomically(output.with_name(output.name + suffix), content)
    return view


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.tables", description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True, help="folder of <variant>/<environment>[.<mode>].jsonl")
    parser.add_argument("--published", type=Path, required=True, help="config/published/table_mikasa.csv")
    parser.add_argument("--output", type=Path, required=True, help="written with .tex, .html and .csv added")
    options = parser.parse_args(arguments)
    try:
        view = make_tables(options.records, options.published, options.output)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_table(view)
    print(f"written: {', '.join(f'{options.output}{suffix}' for suffix in ('.tex', '.html', '.csv'))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
