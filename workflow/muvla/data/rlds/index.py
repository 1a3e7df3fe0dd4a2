"""The index of a data set: where every record lies, how long its episode is, and which ones are damaged.

Building it reads every byte, so it is stored beside the data sets as index_NAME_KEY.json; KEY changes with the names,
sizes and modification times of the shards. Where that folder cannot be written, the index is built again each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.data.rlds.tfrecord import CorruptRecord, Location, index_records
from muvla.files import write_atomically


@dataclass(frozen=True)
class Entry:
    """One readable record: its shard, its location there and the number of frames of its episode."""

    shard: Path
    location: Location
    frames: int


@dataclass(frozen=True)
class RecordIndex:
    """The readable records in order, and what is wrong with the others."""

    entries: list[Entry]
    damaged: list[CorruptRecord]


def build_index(shards: Sequence[tuple[Path, int]], frames: Callable[[Path, Location], int]) -> RecordIndex:
    """Read every record of `shards`, (file, announced number of records) each.

    frames: checks one record and counts its frames.
    """
    entries: list[Entry] = []
    damaged: list[CorruptRecord] = []
    for shard, expected in shards:
        found: list[Location] = []
        before = len(damaged)
        try:
            index_records(shard, found)
        except CorruptRecord as error:  # what follows a broken length cannot be found
            damaged.append(error)
        for location in found:
            try:
                entries.append(Entry(shard, location, frames(shard, location)))
            except CorruptRecord as error:
                damaged.append(error)
        if len(found) != expected and len(damaged) == before:
            damaged.append(CorruptRecord(shard, shard.stat().st_size, f"{len(found)} records of {expected} announced"))
    return RecordIndex(entries, damaged)


def kept_index(
    folder: Path, name: str, shards: Sequence[tuple[Path, int]], frames: Callable[[Path, Location], int]
) -> RecordIndex:
    """Build the index, or read it from folder/index_NAME_KEY.json. An unreadable file is replaced."""
    states = [(shard.name, expected, shard.stat().st_size, shard.stat().st_mtime_ns) for shard, expected in shards]
    key = hashlib.sha256(repr(states).encode()).hexdigest()[:16]
    file = folder / f"index_{name}_{key}.json"
    places = {shard.name: shard for shard, _ in shards}
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        entries = [Entry(places[shard], Location(*place), frames) for shard, place, frames in stored["entries"]]
        return RecordIndex(entries, [CorruptRecord(places[shard], *rest) for shard, *rest in stored["damaged"]])
    except (OSError, ValueError, KeyError, TypeError):
        index = build_index(shards, frames)
    content = {
        "entries": [
            [e.shard.name, [e.location.offset, e.location.length, e.location.crc], e.frames] for e in index.entries
        ],
        "damaged": [[error.shard.name, error.offset, error.reason] for error in index.damaged],
    }
    with contextlib.suppress(OSError):  # data that only others may write
        write_atomically(file, json.dumps(content) + "\n")
    return index
