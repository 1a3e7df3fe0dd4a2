"""Table 1: 23 environments in three groups and their averages, 11 columns."""

from muvla.report.caption import size_label
from muvla.report.grid import Grid
from muvla.report.printed import Printed
from muvla.report.published import GROUPS, VARIANTS, Published
from muvla.report.tables.entry import Shape, modes_of, tally
from muvla.report.tables.view import Body, Column, Row, RowGroup


def columns(grid: Grid) -> list[Column]:
    """Return a heading for each variant: its names, and scale, sizes and inference when it was run."""
    headings = []
    for variant, printed in VARIANTS.items():
        cells = grid.shown(variant)
        label = size_label(cells[0]) if cells else "not run"
        headings.append(Column(printed, variant, label, " / ".join(modes_of(cells))))
    return headings


def groups(grid: Grid, published: Published, shape: Shape) -> list[RowGroup]:
    """Return the three groups, each with its rows and their average, then the average over everything."""

    def row(environment: str) -> Row:
        tallies = {name: tally([grid.cells.get((name, environment))], shape.rules.significance) for name in VARIANTS}
        printed = published.values
        return Row(environment, [shape.cell(one, printed[name, environment]) for name, one in tallies.items()])

    def average_row(group: str, names: tuple[str, ...]) -> Row:
        averages = {variant: grid.average(variant, names) for variant in VARIANTS}
        printed = published.values
        entries = [shape.average(one, printed[variant, f"average:{group}"]) for variant, one in averages.items()]
        return Row(f"Average ({len(names)} envs)", entries, average=True)

    return [
        *(
            RowGroup(GROUPS[group], f"[{group}]", [*map(row, names), average_row(group, names)])
            for group, names in published.environments.items()
        ),
        RowGroup("All environments", "[all]", [average_row("all", tuple(published.group_of))]),
    ]


def mikasa_body(grid: Grid, table: Printed, published: Published, shape: Shape) -> Body:
    """Return columns and rows of Table 1."""
    return Body("table-mikasa", columns(grid), groups(grid, published, shape))
