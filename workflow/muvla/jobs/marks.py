"""Marks of finished evaluations (muvla.records.mark) at the start of a call, before Snakemake reads their times."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from muvla.records.episode import RecordsError
from muvla.records.mark import marked_records


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
