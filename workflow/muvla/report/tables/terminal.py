"""The table in the terminal, in blocks of columns that fit its width."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def entry(cell: Any) -> str:
    """One cell on one line: rate, interval, count and marks; a dash where not run."""
    if not cell.run:
        return "-"
    return f"{cell.mean} {'-'.join(cell.ends)} {cell.count}{cell.marks}{cell.sign}"


def ran(row: Mapping[str, Any]) -> bool:
    """Whether a row shows anything that was run."""
    return any(cell.run for cell in row["cells"])


def block(view: Mapping[str, Any], places: list[int]) -> Table:
    """The columns at `places`. Rows that are all dashes are named under the table instead."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for place in places:
        column = view["columns"][place]
        parts = (column["variant"] or column["printed"], column["label"], column["modes"])
        heading = Text("\n".join(part for part in parts if part))
        table.add_column(heading, no_wrap=True, justify="left")
    for section in view["sections"]:
        table.add_row(Text(section["short"], style="italic"))
        for row in section["rows"]:
            if ran(row):
                style = "bold" if row["average"] else ""
                name = f"{row['name']}\n  {row['label']}" if row["label"] else row["name"]
                table.add_row(name, *(entry(row["cells"][place]) for place in places), style=style)
        table.add_section()
    return table


def blocks(view: Mapping[str, Any], places: list[int], console: Console) -> list[list[int]]:
    """Split the columns into as few runs as fit the width of the terminal, at least one column each."""
    unlimited = console.options.update(width=10_000)
    found: list[list[int]] = []
    for place in places:
        wider = [*found[-1], place] if found else []
        if wider and console.measure(block(view, wider), options=unlimited).maximum <= console.width:
            found[-1] = wider
        else:
            found.append([place])
    return found


def print_table(view: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the table that `view` (tables.make_tables) holds: cells, origin and legend."""
    console = console or Console(highlight=False, markup=False)
    run = [place for place, column in enumerate(view["columns"]) if column["label"] != "not run"]
    console.print(view["title"])
    shown = any(ran(row) for section in view["sections"] for row in section["rows"])
    for places in blocks(view, run, console) if shown else []:
        console.print(block(view, places))
        console.print()
    idle = [column["variant"] for place, column in enumerate(view["columns"]) if place not in run]
    if idle:
        console.print(f"Columns not run: {', '.join(idle)}")
    rows = [row for section in view["sections"] for row in section["rows"] if not row["average"]]
    names = [row["name"] for row in rows if not ran(row)]
    if names:
        console.print(f"Rows not run ({len(names)} of {len(rows)}): {', '.join(names)}")
    for sentence in (*view["origin"], *view["legend"]):
        console.print(sentence, soft_wrap=not console.is_terminal)
