"""Table 1: 23 environments in three groups and their averages, 11 columns."""

from typing import Any

from muvla.report.caption import size_label
from muvla.report.grid import Grid
from muvla.report.printed import Printed
from muvla.report.published import GROUPS, VARIANTS, Published
from muvla.report.tables.entry import Entry, Shape, tally


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


def mikasa_view(grid: Grid, table: Printed, published: Published, shape: Shape) -> dict[str, Any]:
    """What the templates show of Table 1 (tables.py adds title and caption)."""
    return {
        "columns": columns(grid),
        "sections": sections(grid, published, shape),
        "identifier": "table-mikasa",
    }
