"""Table 1: 23 environments in three groups and their averages, 11 columns."""

from muvla.report.caption import size_label
from muvla.report.grid import Grid
from muvla.report.printed import Printed
from muvla.report.published import GROUPS, VARIANTS, Published
from muvla.report.tables.entry import Shape, modes_of, tally
from muvla.report.tables.view import Body, Column, Row, RowGroup


def names(grid: Grid) -> dict[str, str]:
    """Return {variant: heading}: the paper's columns, then other people's policies that it does not print."""
    others = {variant: server.get("title", variant) for variant, server in grid.served().items()}
    return VARIANTS | {variant: title for variant, title in others.items() if variant not in VARIANTS}


def columns(grid: Grid) -> list[Column]:
    """Return a heading for each variant: its names, and scale, sizes and inference when it was run."""
    headings = []
    for variant, printed in names(grid).items():
        cells = grid.shown(variant)
        label = size_label(cells[0]) if cells else "not run"
        headings.append(Column(printed, variant, label, " / ".join(modes_of(cells))))
    return headings


def groups(grid: Grid, published: Published, shape: Shape) -> list[RowGroup]:
    """Return the three groups, each with its rows and their average, then the average over everything."""
    shown = names(grid)

    def row(environment: str) -> Row:
        tallies = {name: tally([grid.cells.get((name, environment))], shape.rules.significance) for name in shown}
        printed = published.values
        return Row(
            environment, [shape.cell(one, printed.get((name, environment), "")) for name, one in tallies.items()]
        )

    def average_row(group: str, environments: tuple[str, ...]) -> Row:
        averages = {variant: grid.average(variant, environments) for variant in shown}
        printed = published.values
        entries = [shape.average(one, printed.get((name, f"average:{group}"), "")) for name, one in averages.items()]
        return Row(f"Average ({len(environments)} envs)", entries, average=True)

    return [
        *(
            RowGroup(GROUPS[group], f"[{group}]", [*map(row, members), average_row(group, members)])
            for group, members in published.environments.items()
        ),
        RowGroup("All environments", "[all]", [average_row("all", tuple(published.group_of))]),
    ]


def mikasa_body(grid: Grid, table: Printed, published: Published, shape: Shape) -> Body:
    """Return columns and rows of Table 1."""
    return Body("table-mikasa", columns(grid), groups(grid, published, shape))
