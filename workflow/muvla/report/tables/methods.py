"""Tables 2 and 3: a row for each method, a column for each task or suite and their average.

The rows of published.METHODS are ours to run. The others are other people's policies: they show the printed value, and
ours where the policy was evaluated behind its server.
"""

from muvla.report.caption import size_label
from muvla.report.grid import Grid, average
from muvla.report.printed import Printed, is_average
from muvla.report.published import FILES, METHODS, SUITES, VARIANTS, Published, libero_tasks
from muvla.report.tables.entry import Entry, Shape, modes_of, tally
from muvla.report.tables.view import Body, Column, Row, RowGroup


def environments(column: str) -> tuple[str, ...]:
    """Return the environments counted in a printed column: a suite's ten tasks, or the one of that name."""
    return libero_tasks(SUITES[column]) if column in SUITES else (column,)


def row_of(name: str, variant: str | None, grid: Grid, table: Printed, shape: Shape) -> Row:
    """Return the row of one method, with dashes where it is not ours (variant None) or was not run.

    A variant that the table does not print has empty printed values.
    """
    tallies = {}
    for column in table.columns:
        if variant is not None and not is_average(column):
            names = environments(column)
            tallies[column] = tally(
                [grid.cells.get((variant, one)) for one in names], grid.rules.significance, of=len(names)
            )
    parts = [one.by_seed for one in tallies.values() if one is not None and one.episodes]
    entries: list[Entry] = []
    for column in table.columns:
        printed = table.values.get((name, column), "")
        if is_average(column):
            entries.append(shape.average(average(parts, len(table.columns) - 1, grid.rules), printed))
        else:
            entries.append(shape.cell(tallies.get(column), printed))
    label = "not ours to run"
    if variant is not None:
        cells = grid.shown(variant)
        sizes = f"{size_label(cells[0])}, {' / '.join(modes_of(cells))}" if cells else "not run"
        label = f"{variant}: {sizes}"
    return Row(name, entries, label, variant or "")


def served_rows(grid: Grid, table: str) -> dict[str, str]:
    """Return {printed row: variant} of other people's policies, as their entries name it. table: TABLE_LIBERO, ..."""
    rows = {variant: server.get("rows", {}).get(FILES[table]) for variant, server in grid.served().items()}
    return {row: variant for variant, row in rows.items() if row}


def methods_body(grid: Grid, table: Printed, published: Published, shape: Shape) -> Body:
    """Return columns and rows of Table 2 or 3; variants that the table does not print come last."""
    ours = METHODS[table.name] | served_rows(grid, table.name)
    titles = VARIANTS | {variant: server.get("title", variant) for variant, server in grid.served().items()}
    methods = [(title, [(name, ours.get(name)) for name in rows]) for title, rows in table.groups.items()]
    others = [variant for variant in titles if grid.shown(variant) and variant not in ours.values()]
    if others:
        methods.append(("Not in the paper's table", [(titles[variant], variant) for variant in others]))
    groups = [
        RowGroup(title, f"[{title.lower()}]", [row_of(name, variant, grid, table, shape) for name, variant in rows])
        for title, rows in methods
    ]
    return Body(table.name.replace("_", "-"), [Column(column) for column in table.columns], groups)
