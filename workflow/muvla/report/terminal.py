"""The table in the terminal, in blocks of columns that fit its width."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def entry(cell: Any) -> str:
    """One cell on one line: rate, interval, count and marks; a dash where not run."""
    if cell is None:
        return "-"
    return f"{cell.mean} {'-'.join(cell.ends)} {cell.count}{cell.marks}"


def block(view: Mapping[str, Any], places: list[int], title: str) -> Table:
    """The columns at `places`. Rows that are all dashes are named under the table instead."""
    table = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, padding=0, title_justify="left")
    table.add_column("", no_wrap=True)
    for place in places:
        column = view["columns"][place]
        heading = Text(f"{column['variant']}\n{column['label']}\n{column['modes']}")
        table.add_column(heading, no_wrap=True, justify="left")
    for section in view["sections"]:
        table.add_row(Text(section["short"], style="italic"))
        for row in section["rows"]:
            if any(row["cells"]):
                style = "bold" if row["average"] else ""
                table.add_row(row["name"], *(entry(row["cells"][place]) for place in places), style=style)
        table.add_section()
    return table


def blocks(view: Mapping[str, Any], places: list[int], console: Console) -> list[list[int]]:
    """Split the columns into as few runs as fit the width of the terminal, at least one column each."""
    unlimited = console.options.update(width=10_000)
    found: list[list[int]] = []
    for place in places:
        wider = [*found[-1], place] if found else []
        if wider and console.measure(block(view, wider, ""), options=unlimited).maximum <= console.width:
            found[-1] = wider
        else:
            found.append([place])
    return found


def control_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The controls, with the table's own cell of the same policy after each."""
    lines = ["Controls: the same policies asked in another way"]
    for row in rows:
        policy, mode = f"{row['variant']} ({row['label']})", row["mode"].split(" (")[0]
        lines.append(f"  {policy}, {row['environment']}, {mode}, memory {row['memory']}:")
        lines.append(f"    {entry(row['cell'])}   (in the table: {entry(row['reference'])})")
    return lines


def print_table(view: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the table that `view` (tables.make_tables) holds: cells, controls, origin and legend."""
    console = console or Console(highlight=False, markup=False)
    run = [place for place, column in enumerate(view["columns"]) if column["label"] != "not run"]
    for places in blocks(view, run, console):
        console.print(block(view, places, view["title"] if places[0] == run[0] else ""))
        console.print()
    idle = [column["variant"] for place, column in enumerate(view["columns"]) if place not in run]
    if idle:
        console.print(f"Columns not run: {', '.join(idle)}")
    rows = [row for section in view["sections"] for row in section["rows"] if not row["average"]]
    names = [row["name"] for row in rows if not any(row["cells"])]
    if names:
        console.print(f"Environments not run ({len(names)} of {len(rows)}): {', '.join(names)}")
    if view["controls"]:
        console.print("\n".join(control_lines(view["controls"])), soft_wrap=True)
    for sentence in (*view["origin"], *view["legend"]):
        console.print(sentence, soft_wrap=not console.is_terminal)
