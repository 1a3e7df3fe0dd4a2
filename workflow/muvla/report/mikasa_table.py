"""Table 1: 23 environments in three groups and their averages, 11 columns; and the controls beneath it."""

from typing import Any

from muvla.report.caption import MODES, size_label
from muvla.report.entry import Entry, Shape
from muvla.report.grid import Grid
from muvla.report.printed import Printed
from muvla.report.published import GROUPS, VARIANTS, Published
from muvla.report.records import Cell
from muvla.report.tally import tally


def columns(grid: Grid) -> list[dict[str, Any]]:
    """One heading for each variant: its names, and the label of scale, sizes and inference when it was run."""
    headings = []
    for variant, printed in VARIANTS.items():
        cells = grid.shown(variant)
        modes = sorted({cell.question["mode"].replace("_", " ") for cell in cells})
        label = size_label(cells[0]) if cells else "not run"
        headings.append({"variant": variant, "printed": printed, "label": label, "modes": " / ".join(modes)})
    return headings


def sections(grid: Grid, published: Published, shape: Shape) -> list[dict[str, Any]]:
    """The three groups with their rows and average, then the average over everything; every row has all
    columns."""

    def row(name: str, cells: list[Entry], average: bool) -> dict[str, Any]:
        return {"name": name, "label": "", "cells": cells, "average": average}

    def average_row(group: str, names: tuple[str, ...]) -> dict[str, Any]:
        entries = [
            shape.average(grid.average(variant, names), published.values[variant, f"average:{group}"])
            for variant in VARIANTS
        ]
        return row(f"Average ({len(names)} envs)", entries, True)

    parts = []
    for group, names in published.environments.items():
        rows = [
            row(
                name,
                [
                    shape.cell(tally([grid.cells.get((variant, name))]), published.values[variant, name])
                    for variant in VARIANTS
                ],
                False,
            )
            for name in names
        ]
        rows.append(average_row(group, names))
        parts.append({"title": GROUPS[group], "short": f"[{group}]", "rows": rows})
    everything = tuple(published.group_of)
    return [
        *parts,
        {"title": "All environments", "short": "[all]", "rows": [average_row("all", everything)]},
    ]


def control_rows(grid: Grid, shape: Shape) -> list[dict[str, Any]]:
    """The same policies asked in another way: one row for each control file, with the table's own cell beside
    it."""

    def entry(cell: Cell | None) -> Entry:
        return shape.cell(tally([cell]), "")

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
            "cell": entry(cell),
            "reference": entry(grid.cells.get((variant, environment))),
        }
        for variant, environment, name in keys
        if (cell := grid.controls[variant, environment, name]).records
    ]


def mikasa_view(grid: Grid, table: Printed, published: Published, shape: Shape) -> dict[str, Any]:
    """What the templates show of Table 1 (tables.py adds title and caption)."""
    return {
        "columns": columns(grid),
        "sections": sections(grid, published, shape),
        "controls": control_rows(grid, shape),
        "identifier": "table-mikasa",
    }
