"""Demonstrations on disk as RLDS in a TFDS directory (spec 3.1, 3.2), written and read without TensorFlow.

    ROOT/NAME/1.0.0/: features.json dataset_info.json NAME-train.tfrecord-00000-of-00002 counterfactuals.npz

One record is one episode; the fields of its steps are flattened into lists named steps/... . The last file is
ours and optional (counterfactuals.py).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from . import features
from .codec import decode_picture
from .counterfactuals import FILE, load_counterfactuals, save_counterfactuals
from .episode import CAMERAS, Counterfactual, Episode, environment_name
from .example import Values, decode_example
from .shards import write_shards
from .tfrecord import CorruptRecord, Location, index_records, read_record

VERSION = "1.0.0"


def write_dataset(
    root: str | Path,
    name: str,
    episodes: Iterable[Episode],
    *,
    shards: int = 1,
    counterfactuals: Iterable[Counterfactual] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write ROOT/NAME/1.0.0 and return it.

    Episodes are consumed one at a time, so the whole set is never in memory; counterfactuals only after the
    last episode, so a generator may fill a list while it yields. Episode i of the finished set is the i-th
    one given. The directory appears under its name only when complete; the same input gives the same bytes.

    Raises:
        FileExistsError: the directory exists and overwrite is false.
        ValueError: no episode at all, episodes of different sizes, or counterfactuals of others.
    """
    target = Path(root) / name / VERSION
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists. Remove it or ask for overwriting.")
    if shards < 1:
        raise ValueError(f"a data set needs at least one shard, not {shards}")
    partial = target.with_name(f".{VERSION}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        lengths = write_shards(partial, name, VERSION, episodes, shards)
        if counterfactuals is not None:
            items = list(counterfactuals)
            frames = [len(item.plans_to) for item in items]
            if frames != lengths:
                raise ValueError(f"{name}: counterfactuals of {frames} frames for episodes of {lengths} frames")
            save_counterfactuals(partial / FILE, items)
        if target.exists():
            replaced = target.with_name(f".{VERSION}.replaced-{os.getpid()}")
            os.rename(target, replaced)
            os.rename(partial, target)
            shutil.rmtree(replaced)
        else:
            os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


class RldsDataset:
    """Random access to the episodes of one data set; every checksum is verified when a record is read.

    Holds no open file, so it may be pickled or shared with forked processes.

    Attributes:
        directory: the version directory.
        name: name of the data set, its directory's ("remember_color_3_vla_v0").
        environment: the MIKASA environment or, for LIBERO, the data set's name.
        picture_shape: (H, W, 3).
        proprio_width, action_width: P and A.

    Raises:
        FileNotFoundError: no finished data set there, or a shard is missing.
        ValueError: metadata that does not describe such a data set.
        CorruptRecord: a shard that is damaged or cut off, with the byte where.
    """

    def __init__(self, directory: str | Path):
        """directory: the version directory (ROOT/NAME/1.0.0), or its parent: the last version is taken."""
        self.directory = _version_directory(Path(directory))
        self.name = self.directory.resolve().parent.name
        self.environment = environment_name(self.name)
        widths = features.read_widths(self.directory)
        self._proprio_key, self.proprio_width, self.action_width, self.picture_shape = widths
        self._records: list[tuple[Path, Location]] = []
        for shard, expected in features.read_shards(self.directory):
            locations = index_records(shard)
            if len(locations) != expected:
                reason = f"{len(locations)} records where {features.INFO_FILE} announces {expected}"
                raise CorruptRecord(shard, shard.stat().st_size, reason)
            self._records += [(shard, location) for location in locations]

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Episode:
        """One episode with its decoded pictures.

        Raises:
            CorruptRecord: the record fails a checksum, lacks a feature, or a picture cannot be decoded.
        """
        shard, location = self._records[index]
        fields = self._fields(index)
        proprio, actions = self._numbers(index, fields)
        images = np.empty((len(actions), len(CAMERAS), *self.picture_shape), np.uint8)  # (T, 2, H, W, 3)
        for camera, feature in enumerate(CAMERAS):
            key = f"steps/observation/{feature}"
            encoded = self._bytes(index, fields, key, len(actions))
            for frame, data in enumerate(encoded):
                try:
                    picture = decode_picture(data)
                except ValueError as error:
                    raise CorruptRecord(shard, location.offset, f"{key} of frame {frame}: {error}") from error
                if picture.shape != self.picture_shape:
                    reason = f"{key} of frame {frame} is {picture.shape}, announced is {self.picture_shape}"
                    raise CorruptRecord(shard, location.offset, reason)
                images[frame, camera] = picture
        path = fields.get("episode_metadata/file_path", [])
        origin = path[0].decode("utf-8", "replace") if isinstance(path, list) and path else f"{self.name}/{index}"
        instruction = self._instruction(index, fields, len(actions))
        return Episode(self.environment, instruction, images, proprio, actions, origin)

    def motion(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(T, P) proprio and (T, A) actions of one episode, float32, without decoding a picture."""
        return self._numbers(index, self._fields(index))

    def instruction(self, index: int) -> str:
        """The instruction of one episode, that of its first step (spec 3.1)."""
        fields = self._fields(index)
        return self._instruction(index, fields, len(self._numbers(index, fields)[1]))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the name and the records' lengths and stored sums: changes with the content."""
        digest = hashlib.sha256(self.name.encode())
        for _, location in self._records:
            digest.update(f" {location.length} {location.crc}".encode())
        return digest.hexdigest()

    @cached_property
    def counterfactuals(self) -> list[Counterfactual] | None:
        """One for each episode, or None where the set was written without.

        Raises:
            ValueError: the sidecar is damaged or belongs to other records.
        """
        file = self.directory / FILE
        return load_counterfactuals(file, len(self)) if file.is_file() else None

    def _fields(self, index: int) -> dict[str, list[bytes] | np.ndarray]:
        shard, location = self._records[index]
        try:
            return decode_example(read_record(shard, location))
        except CorruptRecord:
            raise
        except ValueError as error:
            raise CorruptRecord(shard, location.offset, str(error)) from error

    def _numbers(self, index: int, fields: Mapping[str, Values]) -> tuple[np.ndarray, np.ndarray]:
        proprio = self._floats(index, fields, f"steps/observation/{self._proprio_key}", self.proprio_width)
        actions = self._floats(index, fields, "steps/action", self.action_width)
        if not len(actions) or len(proprio) != len(actions):
            reason = f"{len(proprio)} frames of {self._proprio_key}, {len(actions)} of actions"
            raise CorruptRecord(*self._where(index), reason)
        return proprio, actions

    def _floats(self, index: int, fields: Mapping[str, Values], key: str, width: int) -> np.ndarray:
        values = self._field(index, fields, key)
        if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.size % width:
            raise CorruptRecord(*self._where(index), f"{key} does not hold floats, {width} a frame")
        return values.reshape(-1, width)

    def _bytes(self, index: int, fields: Mapping[str, Values], key: str, frames: int) -> list[bytes]:
        values = self._field(index, fields, key)
        if not isinstance(values, list) or len(values) != frames:
            raise CorruptRecord(*self._where(index), f"{key} has {len(values)} entries for {frames} frames")
        return values

    def _instruction(self, index: int, fields: Mapping[str, Values], frames: int) -> str:
        try:
            return self._bytes(index, fields, "steps/language_instruction", frames)[0].decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptRecord(*self._where(index), f"the instruction is not UTF-8 ({error})") from error

    def _field(self, index: int, fields: Mapping[str, Values], key: str) -> Values:
        if key not in fields:
            raise CorruptRecord(*self._where(index), f"the feature {key} is missing")
        return fields[key]

    def _where(self, index: int) -> tuple[Path, int]:
        shard, location = self._records[index]
        return shard, location.offset


def _version_directory(directory: Path) -> Path:
    if (directory / features.FEATURES_FILE).is_file():
        return directory
    versions = sorted(directory.glob(f"[!.]*/{features.FEATURES_FILE}"))  # hidden ones are unfinished writes
    if not versions:
        raise FileNotFoundError(
            f"no data set in {directory}: neither it nor a directory inside holds {features.FEATURES_FILE}"
        )
    return versions[-1].parent
