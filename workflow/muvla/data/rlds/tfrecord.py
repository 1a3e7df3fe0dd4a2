"""TFRecord files: length-prefixed records, each guarded by two masked CRC32C sums.

One record is `length (8) | crc of length (4) | payload | crc of payload (4)`, all little-endian.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from muvla.files import LFS_POINTER

HEADER = struct.Struct("<QI")  # payload length, masked CRC of the eight length bytes
FOOTER = struct.Struct("<I")  # masked CRC of the payload
GZIP = b"\x1f\x8b\x08"
OVERHEAD = HEADER.size + FOOTER.size


class CorruptRecord(ValueError):
    """A demonstration record that cannot be trusted.

    Attributes:
        shard: the shard file.
        offset: byte at which the record starts in it.
        reason: what is wrong with the record.
    """

    def __init__(self, shard: str | Path, offset: int, reason: str):
        super().__init__(str(shard), offset, reason)  # all three, so that it survives pickling between processes
        self.shard, self.offset, self.reason = Path(shard), offset, reason

    def __str__(self) -> str:
        return (
            f"corrupt record in {self.shard} at byte {self.offset}: {self.reason}. "
            "Fetch or collect this data set again."
        )


@dataclass(frozen=True)
class Location:
    """One record: its first byte in the shard, the length of its payload in bytes, and its stored checksum."""

    offset: int
    length: int
    crc: int


def masked_crc(data: bytes) -> int:
    """Compute CRC32C, rotated and shifted as TFRecord stores it (a CRC of data that holds CRCs would be weak)."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def write_record(stream: BinaryIO, payload: bytes) -> Location:
    """Append one record; return its location."""
    offset = stream.tell()
    length = struct.pack("<Q", len(payload))
    stream.write(length + FOOTER.pack(masked_crc(length)))
    crc = masked_crc(payload)
    stream.write(payload)
    stream.write(FOOTER.pack(crc))
    return Location(offset, len(payload), crc)


def index_records(shard: Path, locations: list[Location] | None = None) -> list[Location]:
    """Find the locations of all records of a shard, without reading the payloads.

    They are appended to `locations`, which keeps those before an error.

    Raises:
        CorruptRecord: a header whose checksum is wrong, or a record that runs past the end of the file.
    """
    size = os.path.getsize(shard)
    locations = [] if locations is None else locations
    with open(shard, "rb", buffering=0) as stream:
        start = stream.read(max(len(LFS_POINTER), len(GZIP)))
        if start.startswith(LFS_POINTER):
            raise CorruptRecord(shard, 0, "it is a git-lfs pointer, not the shard: run `git lfs pull`")
        if start.startswith(GZIP):
            raise CorruptRecord(shard, 0, "it is compressed with gzip, which is not read: gunzip it")
        offset = 0
        while offset < size:
            stream.seek(offset)
            length = _read_header(stream, shard, offset)
            end = offset + OVERHEAD + length
            if end > size:
                reason = f"truncated: needs {end - offset} bytes, {size - offset} are left"
                raise CorruptRecord(shard, offset, reason)
            stream.seek(end - FOOTER.size)
            locations.append(Location(offset, length, FOOTER.unpack(stream.read(FOOTER.size))[0]))
            offset = end
    return locations


def read_record(shard: Path, location: Location) -> bytes:
    """Read the payload of one record and check it against both of its sums.

    Raises:
        CorruptRecord: the file ends too early, or a checksum or the length is not what it was.
    """
    with open(shard, "rb") as stream:
        stream.seek(location.offset)
        length = _read_header(stream, shard, location.offset)
        if length != location.length:
            raise CorruptRecord(shard, location.offset, f"length changed from {location.length} to {length} bytes")
        payload = stream.read(length)
        footer = stream.read(FOOTER.size)
    if len(payload) < length or len(footer) < FOOTER.size:
        raise CorruptRecord(shard, location.offset, "truncated: the file ends inside the record")
    if not FOOTER.unpack(footer)[0] == location.crc == masked_crc(payload):
        raise CorruptRecord(shard, location.offset, "the checksum of the payload is wrong")
    return payload


def _read_header(stream: BinaryIO, shard: Path, offset: int) -> int:
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        raise CorruptRecord(shard, offset, "truncated: the file ends inside a record's header")
    length, crc = HEADER.unpack(header)
    if crc != masked_crc(header[:8]):
        raise CorruptRecord(shard, offset, "the checksum of the length is wrong")
    return length
