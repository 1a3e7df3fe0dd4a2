"""Tables 2 and 3: a row for each method, a column for each task or suite and their average.

Only the rows of published.METHODS are ours to run; the others are other people's policies and show the printed value.
"""

from typing import Any

from muvla.report.caption import size_label
from muvla.report.grid import Grid, average
from muvla.report.printed import Printed, is_average
from muvla.report.published import METHODS, SUITES, VARIANTS, Published, libero_tasks
from muvla.report.tables.entry import Entry, Shape, tally


def environments(column: str) -> tuple[str, ...]:
    """The environments counted in a printed column: a suite's ten tasks, or the one of that name."""
    return libero_tasks(SUITES[column]) if column in SUITES else (column,)


def row_of(name: str, variant: str | None, grid: Grid, table: Printed, shape: Shape) -> dict[str, Any]:
    """One method: an entry for each column, dashes for what is not ours (variant None) or was not run.

    A variant that the table does not print has empty printed values.
    """
    tallies = {}
    for column in table.columns:
        if variant is not None and not is_average(column):
            names = environments(column)
            tallies[column] = tally([grid.cells.get((variant, one)) for one in names], of=len(names))
    counts = [(one.successes, one.episodes) for one in tallies.values() if one is not None and one.episodes]
    entries: list[Entry] = []
    for column in table.columns:
        printed = table.values.get((name, column), "")
        if is_average(column):
            entries.append(shape.average(average(counts, len(table.columns) - 1, grid.rules), printed))
        else:
            entries.append(shape.cell(tallies.get(column), printed))
    label = "not ours to run"
    if variant is not None:
        cells = grid.shown(variant)
        modes = " / ".join(sorted({cell.question["mode"].replace("_", " ") for cell in cells}))
        label = f"{variant}: {size_label(cells[0])}, {modes}" if cells else f"{variant}: not run"
    return {"name": name, "label": label, "variant": variant or "", "cells": entries, "average": False}


def methods_view(grid: Grid, table: Printed, published: Published, shape: Shape) -> dict[str, Any]:
    """What the templates show of such a table (tables.py adds title and caption)."""
    ours = METHODS[table.name]
    sections = [(title, [(name, ours.get(name)) for name in rows]) for title, rows in table.groups.items()]
    others = [variant for variant in VARIANTS if grid.shown(variant) and variant not in ours.values()]
    if others:
        sections.append(("Not in the paper's table", [(VARIANTS[variant], variant) for variant in others]))
    return {
        "columns": [{"variant": "", "printed": column, "label": "", "modes": ""} for column in table.columns],
        "sections": [
            {
                "title": title,
                "short": f"[{title.lower()}]",
                "rows": [row_of(name, variant, grid, table, shape) for name, variant in rows],
            }
            for title, rows in sections
        ],
        "identifier": table.name.replace("_", "-"),
    }
