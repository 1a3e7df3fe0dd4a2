"""The mark beside a record file: "all episodes are there", with their number and SHA-256 (JSON).

Snakemake's output is the mark, not the records: it would delete those of an interrupted evaluation, which goes on where
it stopped. `m64_k8/RememberColor3.zero.done` stands for `m64_k8/RememberColor3.zero.jsonl`.
"""

from __future__ import annotations

import json
from pathlib import Path

from muvla.files import file_sha256, write_json
from muvla.records.episode import RecordsError


def write_mark(records: Path) -> Path:
    """Write the mark of a complete record file and return its path."""
    content = {"episodes": len(records.read_text("utf-8").splitlines()), "sha256": file_sha256(records)}
    return write_json(records.with_suffix(".done"), content)


def marked_records(mark: Path) -> Path:
    """Return the record file that `mark` stands for.

    Raises RecordsError when the mark cannot be read, or the records are gone or not the ones that were marked.
    """
    records = mark.with_suffix(".jsonl")
    try:
        content = json.loads(mark.read_text("utf-8"))
        episodes, digest = int(content["episodes"]), str(content["sha256"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RecordsError(
            f"{mark} is not a mark of finished records ({error}); delete it and evaluate again"
        ) from error
    if not records.is_file():
        raise RecordsError(f"{mark} stands for {episodes} episodes in {records}, which is gone; delete the mark")
    if file_sha256(records) != digest:
        raise RecordsError(
            f"{records} was changed after its evaluation: it is not the file that {mark} was written for; restore it, "
            "or delete both and evaluate again"
        )
    return records
