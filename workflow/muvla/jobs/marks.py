"""Marks of finished evaluations (muvla.records.mark) at the start of a call, before Snakemake reads their times.

python -m muvla.jobs.marks RECORDS.jsonl EPISODES    writes the mark of records that another program evaluated
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from muvla.records.episode import RecordsError
from muvla.records.mark import marked_records, write_mark


def remove_stale(marks: Iterable[str]) -> list[str]:
    """Remove the marks that stand for no records, so that Snakemake evaluates those cells; return a line for each.

    Those are marks whose records are gone, and files that are no marks (an earlier version's were empty). Raises
    RecordsError, naming the ways out, when records were changed after their evaluation.
    """
    lines = []
    for mark in map(Path, marks):
        if not mark.is_file():
            continue
        records = mark.with_suffix(".jsonl")
        try:
            marked_records(mark)
        except RecordsError as error:
            if records.is_file() and mark.stat().st_size:
                raise
            mark.unlink()
            lines.append(f"removed {mark}, the cell is evaluated: {error}")
    return lines


def main(arguments: list[str]) -> int:
    """Write the mark of the records named on the command line, which must hold as many episodes as stand after it."""
    if len(arguments) != 2 or not arguments[1].isdecimal():
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(f"written: {write_mark(Path(arguments[0]), int(arguments[1]))}")
    except (OSError, RecordsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
