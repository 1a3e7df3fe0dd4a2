"""Episode records and their provenance: the one module that writes and reads them (spec 6.4, 6.5).

A cell of a table is one file, `<records>/<variant>/<environment>[.<control>].jsonl`, one JSON line per episode, with
`<environment>[.<control>].provenance.json` beside it (provenance_file.py). Records of other settings are refused, not
mixed; an interrupted run continues where it stopped.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from muvla.files import Json, write_json
from muvla.records.episode import InvalidRecord, RecordsError, decode, encode
from muvla.records.provenance_file import (
    RecordsMismatch,
    differences,
    provenance_path,
    read_provenance,
)
from muvla.records.settings import RUN, SETTINGS, Run, Settings

__all__ = [
    "Cell",
    "InvalidRecord",
    "RecordFile",
    "RecordsError",
    "RecordsMismatch",
    "provenance_path",
    "read_cell",
]

SEED_FOLDER = re.compile(r"seed\d+")  # below <outputs>, of what was trained from another seed than the first


@dataclass(frozen=True)
class Cell:
    """The records of one file: the last line of every seed, in the order of the seeds."""

    path: Path
    settings: Settings
    runs: tuple[Run, ...]
    records: tuple[Json, ...]
    cut_line: bool  # the last line was incomplete and is not among the records

    @property
    def folder(self) -> Path:
        """The folder of records, which holds <variant>/<environment>[.<control>].jsonl."""
        return self.path.parents[len(Path(self.settings["variant"], self.settings["environment"]).parts) - 1]

    @property
    def training_seed(self) -> str:
        """The folder of another training seed in which the file lies, "seed1"; "" for the first."""
        return next((part for part in reversed(self.folder.parts) if SEED_FOLDER.fullmatch(part)), "")

    @property
    def control(self) -> str:
        """The name of a control, from the file's name; "" for a table's own cell."""
        return self.path.name.removesuffix(".jsonl").partition(".")[2]

    @property
    def requested(self) -> int:
        """Episodes that the last run was to make."""
        return self.runs[-1]["episodes"]

    @property
    def outcomes(self) -> dict[int, bool]:
        """Success by seed; episodes that ended in an error have none."""
        return {record["seed"]: record["success"] for record in self.records if record["error"] is None}

    @property
    def episodes(self) -> int:
        """Episodes with an outcome."""
        return len(self.outcomes)

    @property
    def successes(self) -> int:
        """Episodes that succeeded once."""
        return sum(self.outcomes.values())

    @property
    def errors(self) -> int:
        """Seeds whose last line is an error."""
        return len(self.records) - self.episodes


def parse(path: Path, data: bytes, settings: Settings) -> tuple[dict[int, Json], int]:
    """Return the last record of every seed, and how many bytes of `data` are whole lines.

    What follows the last newline was cut off while it was written and is ignored, even if it happens to be JSON. A
    seed may be repeated only after an error, as a later attempt. Raises RecordsError naming the file and the line of a
    corrupt or repeated record.
    """
    whole = data.rfind(b"\n") + 1
    records: dict[int, Json] = {}
    for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
        try:
            record = decode(line, settings)
        except InvalidRecord as error:
            advice = "delete that line to have the episode evaluated again"
            raise RecordsError(f"{path}, line {number}: {error}; {advice}") from error
        earlier = records.get(record["seed"])
        if earlier is not None and earlier["error"] is None:
            raise RecordsError(f"{path}, line {number}: seed {record['seed']} again; delete one of its two lines")
        records[record["seed"]] = record
    return records, whole


def read_cell(path: Path | str) -> Cell:
    """Read one record file and change nothing. Raises RecordsError, or OSError when the file is missing."""
    path = Path(path)
    data = path.read_bytes()
    settings, runs = read_provenance(path)
    records, whole = parse(path, data, settings)
    ordered = tuple(records[seed] for seed in sorted(records))
    return Cell(path, settings, tuple(runs), ordered, whole < len(data))


class RecordFile:
    """The record file of one cell, open for writing; while it is open a second writer is refused.

    provenance: {"settings": Settings, "run": Run}.
    Raises RecordsMismatch naming the keys that differ, RecordsError for a corrupt file or a second writer. An
    incomplete last line (of an interrupted run) is cut off, with a message on stderr.
    """

    def __init__(self, path: Path | str, provenance: Json) -> None:
        self.path = Path(path)
        # Through JSON, so that tuples and lists compare as what the file holds.
        given = json.loads(json.dumps(provenance, allow_nan=False))
        self.settings, run = given.get("settings", {}), given.get("run", {})
        missing = [f"settings.{key}" for key in SETTINGS if key not in self.settings]
        missing += [f"run.{key}" for key in RUN if key not in run]
        if missing:
            raise RecordsError(f"provenance for {self.path} lacks {', '.join(missing)}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._lock()
            self._open(run)
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            advice = "wait for the evaluation that writes it, or stop that one first"
            raise RecordsError(f"{self.path} is being written by another process; {advice}") from error
        except OSError:
            # Some shared file systems have no locks; the check for doubled seeds still stands there.
            return

    def _open(self, run: Run) -> None:
        data = self.path.read_bytes()
        runs: list[Run] = []
        if data:
            settings, runs = read_provenance(self.path)
            different = list(differences(settings, self.settings))
            if different:
                advice = "move the file and its provenance away to evaluate anew, or restore what changed"
                raise RecordsMismatch(
                    f"{self.path} holds records of other settings: {'; '.join(different)}. To go on: {advice}"
                )
        self._records, self._size = parse(self.path, data, self.settings)
        if self._size < len(data):
            os.ftruncate(self._descriptor, self._size)
            print(
                f"{self.path}: the last line was incomplete (interrupted); cut off, its episode runs again",
                file=sys.stderr,
            )
        if not runs or runs[-1] != run:
            content = {"settings": self.settings, "runs": [*runs, run]}
            write_json(provenance_path(self.path), content)

    def done(self) -> set[int]:
        """Seeds that have an outcome. A seed that ended in an error is not done and may be tried again."""
        return {seed for seed, record in self._records.items() if record["error"] is None}

    def append(self, record: Json) -> None:
        """Write one whole line and flush it to the disk, or leave the file as it was.

        Raises InvalidRecord (a field or an invariant), RecordsError (a seed that is done), OSError (disk
        full).
        """
        line = encode(record, self.settings)
        seed = record["seed"]
        if seed in self.done():
            raise RecordsError(f"{self.path}: seed {seed} has an outcome already; skip the seeds of done()")
        try:
            self._write(line)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            if not isinstance(error, OSError):
                raise
            advice = "the episodes before it are safe; free some space and run again to continue there"
            full = errno.errorcode.get(error.errno or 0, "")
            message = f"cannot write the record of seed {seed} to {self.path}: {error.strerror} ({full}); {advice}"
            raise OSError(error.errno, message) from error
        self._size += len(line)
        self._records[seed] = json.loads(line)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:  # a nearly full disk takes a part of the line first, and complains at the next call
            rest = rest[os.write(self._descriptor, rest) :]
        os.fsync(self._descriptor)

    def finish(self, ended: str) -> None:
        """Note in the provenance that the run has made all its episodes; ended: the time (UTC)."""
        settings, runs = read_provenance(self.path)
        write_json(
            provenance_path(self.path), {"settings": settings, "runs": [*runs[:-1], {**runs[-1], "ended": ended}]}
        )

    def close(self) -> None:
        """Let the next writer in; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
