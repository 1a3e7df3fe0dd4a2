"""The episodes behind the cells of a table: one letter an episode, so that the page can show each of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from muvla.records.file import Cell
from muvla.records.mark import marked_cells
from muvla.report.lineage.numbers import anchor
from muvla.report.published import SUITES

LETTERS = {True: "1", False: "0", None: "e"}  # succeeded, failed, ended in an error


class Episodes(TypedDict):
    """The episodes of one record file, in the order of their seeds."""

    environment: str
    home: str  # "" for the first training seed, "seed1" for another
    seeds: list[int]  # of the first and the last episode
    outcomes: str  # a letter of LETTERS each
    provenance: str  # where the record file stands on the page of provenance


def read_outcomes(marks: Iterable[Path]) -> dict[str, list[Episodes]]:
    """Return the episodes of every table's own cell by "variant environment", a suite of LIBERO by its printed name.

    Raises RecordsError for records that are corrupt, gone or were changed after they were marked.
    """
    found: dict[str, list[Episodes]] = {}
    for cell in marked_cells(marks):
        if not cell.control and cell.records:
            found.setdefault(f"{cell.settings['variant']} {_column(cell)}", []).append(_episodes(cell))
    return {name: sorted(runs, key=lambda run: (run["home"], run["environment"])) for name, runs in found.items()}


def _column(cell: Cell) -> str:
    """Return the environment, or the printed name of the suite that it is a task of."""
    environment = cell.settings["environment"]
    return {suite: printed for printed, suite in SUITES.items()}.get(environment.partition("/")[0], environment)


def _episodes(cell: Cell) -> Episodes:
    records = sorted(cell.records, key=lambda record: record["seed"])
    where = anchor(cell)
    return {
        "environment": cell.settings["environment"],
        "home": where.partition("-")[0] if where.startswith(("seed", "chunk")) else "",
        "seeds": [records[0]["seed"], records[-1]["seed"]],
        "outcomes": "".join(LETTERS[record["success"]] for record in records),
        "provenance": where,
    }


def read_outcome(trace: Path) -> str:
    """Return how the traced episode of a JSON file ended, as a letter of LETTERS; "" where the file does not say."""
    try:
        return LETTERS[json.loads(trace.read_text("utf-8"))["success"]]
    except (OSError, ValueError, KeyError):
        return ""
