"""Marks of finished evaluations (muvla.records.mark) at the start of a call, before Snakemake reads their times.

python -m muvla.jobs.marks RECORDS.jsonl EPISODES    writes the mark of records that another program evaluated
"""

import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from muvla.records.episode import RecordsError
from muvla.records.mark import marked_records, write_mark


def faults(marks: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return {mark: what is wrong} of the marks that stand for no records, then of those whose records were edited.

    The former are marks whose records are gone, and files that are no marks (an earlier version's were empty): their
    cells are evaluated again. What becomes of edited records the user decides; the text names the ways out.
    """
    stale: dict[str, str] = {}
    edited: dict[str, str] = {}
    for mark in map(Path, marks):
        if not mark.is_file():
            continue
        try:
            marked_records(mark)
        except RecordsError as error:
            found = edited if mark.with_suffix(".jsonl").is_file() and mark.stat().st_size else stale
            found[str(mark)] = str(error)
    return stale, edited


def remove(stale: Mapping[str, str], *, dry_run: bool) -> list[str]:
    """Remove stale marks, so that Snakemake evaluates their cells; return a line for each. A dry run removes none."""
    lines = []
    for mark, fault in stale.items():
        if not dry_run:
            Path(mark).unlink()
        lines.append(f"{'would be removed' if dry_run else 'removed'}: {mark}, the cell is evaluated again: {fault}")
    return lines


def require_unedited(edited: Mapping[str, str], needed: Collection[str]) -> None:
    """Raise RecordsError when edited records are among the files that this call needs; others are no matter of it."""
    if wrong := [fault for mark, fault in edited.items() if mark in needed]:
        raise RecordsError("\n".join(wrong))


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
