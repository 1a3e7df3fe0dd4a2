"""The table in the terminal, in blocks of columns that fit its width."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from muvla.report.tables.entry import Entry
from muvla.report.tables.view import Body, View


def one_line(cell: Entry) -> str:
    """Write a cell on one line: rate, interval, count and flags; a dash where it was not run."""
    if not cell.run:
        return "-"
    return f"{cell.mean} {'-'.join(cell.ends)} {cell.count}{cell.flags}{cell.sign}"


def block(body: Body, places: list[int]) -> Table:
    """Draw the columns at `places`. Rows that are all dashes are left out."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for place in places:
        column = body.columns[place]
        parts = (column.variant or column.printed, column.label, column.modes)
        heading = Text("\n".join(part for part in parts if part))
        table.add_column(heading, no_wrap=True, justify="left")
    for group in body.groups:
        table.add_row(Text(group.short, style="italic"))
        for row in group.rows:
            if row.run:
                style = "bold" if row.average else ""
                name = f"{row.name}\n  {row.label}" if row.label else row.name
                table.add_row(name, *(one_line(row.cells[place]) for place in places), style=style)
        table.add_section()
    return table


def blocks(body: Body, places: list[int], console: Console) -> list[list[int]]:
    """Split the columns into as few blocks as fit the width of the terminal, at least one column each."""
    unlimited = console.options.update(width=10_000)
    found: list[list[int]] = []
    for place in places:
        wider = [*found[-1], place] if found else []
        if wider and console.measure(block(body, wider), options=unlimited).maximum <= console.width:
            found[-1] = wider
        else:
            found.append([place])
    return found


def print_table(view: View, console: Console | None = None) -> None:
    """Print cells, origin and legend of the table, and name the columns and rows that were not run."""
    console = console or Console(highlight=False, markup=False)
    body = view.body
    run = [place for place, column in enumerate(body.columns) if column.label != "not run"]
    console.print(view.title)
    for places in blocks(body, run, console) if any(row.run for row in body.rows) else []:
        console.print(block(body, places))
        console.print()
    idle = [column.variant for place, column in enumerate(body.columns) if place not in run]
    if idle:
        console.print(f"Columns not run: {', '.join(idle)}")
    rows = [row for row in body.rows if not row.average]
    names = [row.name for row in rows if not row.run]
    if names:
        console.print(f"Rows not run ({len(names)} of {len(rows)}): {', '.join(names)}")
    for sentence in (*view.origin, *view.legend):
        console.print(sentence, soft_wrap=not console.is_terminal)
