"""The mark beside a record file (JSON): every episode is there, and these are the records and their settings.

Snakemake's output is the mark, not the records: it would delete those of an interrupted evaluation, which goes on where
it stopped. `m64_k8/RememberColor3.zero.done` stands for `m64_k8/RememberColor3.zero.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from muvla.files import file_sha256, json_sha256, write_json
from muvla.records.episode import RecordsError
from muvla.records.file import Cell, read_cell
from muvla.records.provenance_file import provenance_path, read_provenance


def write_mark(records: Path) -> Path:
    """Write the mark of a complete record file and return its path.

    It holds the number of episodes and the SHA-256 of the records and of their settings; of the provenance's runs none,
    because another run adds to them and changes no outcome.

    Raises RecordsError when the file is damaged, episodes are missing, one ended in an error or its line was cut off.
    """
    cell = read_cell(records)
    first, wanted = cell.settings["base_seed"], cell.requested
    missing = [seed for seed in range(first, first + wanted) if seed not in cell.outcomes]
    faults = [f"{len(missing)} of {wanted} episodes have no outcome, first seed {missing[0]}"] if missing else []
    faults += [f"{cell.errors} ended in an error"] if cell.errors else []
    faults += ["its last line was cut off"] if cell.cut_line else []
    if faults:
        raise RecordsError(
            f"{records} is not complete: {'; '.join(faults)}; run the same evaluation again to finish it"
        )
    content = {
        "episodes": cell.episodes,
        "sha256": file_sha256(records),
        "settings_sha256": json_sha256(cell.settings),
    }
    return write_json(mark_of(records), content)


def mark_of(records: Path) -> Path:
    """Return the place of the mark of a record file."""
    return records.with_suffix(".done")


def marked_records(mark: Path) -> Path:
    """Return the record file that `mark` stands for.

    Marks of earlier versions have no hash of the settings; for those the provenance must only be there.
    Raises RecordsError when the mark cannot be read, or records or settings are gone or not those that were marked.
    """
    records = mark.with_suffix(".jsonl")
    beside = provenance_path(records)
    try:
        content = json.loads(mark.read_text("utf-8"))
        episodes, digest = int(content["episodes"]), str(content["sha256"])
        settings_digest = content.get("settings_sha256")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordsError(
            f"{mark} is not a mark of finished records ({error}); delete it and evaluate again"
        ) from error
    if not records.is_file():
        raise RecordsError(f"{mark} stands for {episodes} episodes in {records}, which is gone; delete the mark")
    if file_sha256(records) != digest:
        raise RecordsError(_changed(records, mark, "both"))
    if not beside.is_file():
        raise RecordsError(
            f"{records} has no {beside.name} beside it, so its settings are unknown; restore it, or delete "
            f"{records.name} and {mark.name} and evaluate again"
        )
    if settings_digest is not None and json_sha256(read_provenance(records)[0]) != settings_digest:
        raise RecordsError(_changed(beside, mark, "records, provenance and mark"))
    return records


def marked_cells(marks: Iterable[Path]) -> list[Cell]:
    """Read the records that each mark stands for, in the order given; links are followed.

    Raises RecordsError as marked_records and read_cell do, and when two marks stand for the same file.
    """
    cells = [read_cell(marked_records(mark)) for mark in marks]
    first: dict[Path, Path] = {}
    for cell in cells:
        other = first.setdefault(cell.path.resolve(), cell.path)
        if other != cell.path:
            raise RecordsError(f"{other} and {cell.path} are the same file by a link; name one of the two only")
    return cells


def _changed(file: Path, mark: Path, which: str) -> str:
    return (
        f"{file} was changed after its evaluation: it is not the file that {mark} was written for; restore it, or "
        f"delete {which} and evaluate again"
    )
