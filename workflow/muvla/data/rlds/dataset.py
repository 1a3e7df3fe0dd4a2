"""Demonstrations on disk as RLDS in a TFDS directory (spec 3.1, 3.2), written and read without TensorFlow.

    ROOT/NAME/1.0.0/: features.json dataset_info.json NAME-train.tfrecord-00000-of-00002 counterfactuals.npz scenes.npz

One record is one episode; the fields of its steps are flattened into lists named steps/... . The last two files are
ours and optional (counterfactuals.py, scenes.py).
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from muvla.benchmark.benchmark import benchmark_of
from muvla.data.episode import Counterfactual, Episode, environment_name
from muvla.data.rlds import metadata
from muvla.data.rlds.counterfactuals import COUNTERFACTUALS, load_counterfactuals, save_counterfactuals
from muvla.data.rlds.index import build_index, kept_index
from muvla.data.rlds.record import EncodedEpisode, Widths, read_encoded
from muvla.data.rlds.scenes import SCENES, load_scenes, save_scenes
from muvla.data.rlds.tfrecord import CorruptRecord, Location, index_records
from muvla.data.rlds.write import write_shards
from muvla.data.scene import Scene
from muvla.files import replacing_folder

VERSION = "1.0.0"


def write_dataset(
    root: str | Path,
    name: str,
    episodes: Iterable[Episode],
    *,
    shards: int = 1,
    counterfactuals: Iterable[Counterfactual] | None = None,
    scenes: Iterable[Scene] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write ROOT/NAME/1.0.0 and return it.

    Episodes are consumed one at a time, so the whole set is never in memory; counterfactuals and scenes only after
    the last episode, so a generator may fill lists while it yields; an empty one of them writes no file. Episode i of
    the finished set is the i-th one given. The directory appears under its name only when complete; the same input
    gives the same bytes.

    Raises:
        FileExistsError: the directory exists and overwrite is false.
        ValueError: no episode at all, episodes of different sizes, or counterfactuals or scenes of others.
    """
    target = Path(root) / name / VERSION
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists. Remove it or ask for overwriting.")
    if shards < 1:
        raise ValueError(f"a data set needs at least one shard, not {shards}")
    with replacing_folder(target) as partial:
        lengths = write_shards(partial, name, VERSION, episodes, shards)
        if others := list(counterfactuals or ()):
            _require_frames(name, "counterfactuals", [len(other.plans_to) for other in others], lengths)
            save_counterfactuals(partial / COUNTERFACTUALS, others)
        if places := list(scenes or ()):
            _require_frames(name, "scenes", [len(place) for place in places], lengths)
            save_scenes(partial / SCENES, places)
    return target


def _require_frames(name: str, kind: str, found: list[int], lengths: list[int]) -> None:
    if found != lengths:
        raise ValueError(f"{name}: {kind} of {found} frames for episodes of {lengths} frames")


class RldsDataset:
    """Random access to the episodes of one data set; every checksum is verified when a record is read.

    Holds no open file, so it may be pickled or shared with other processes.

    Attributes:
        directory: the version directory.
        name: name of the data set, its directory's ("remember_color_3_vla_v0").
        environment: the environment or task; of a whole suite, the data set's name.
        benchmark: the one that its name belongs to.
        picture_shape: (H, W, 3).
        proprio_width, action_width: P and A.

    Raises:
        FileNotFoundError: no finished data set there, or a shard is missing.
        ValueError: a name that belongs to no benchmark, or metadata that does not describe such a data set.
        CorruptRecord: a shard that is damaged or cut off, with the byte where.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        index_folder: str | Path | None = None,
        on_damage: Callable[[CorruptRecord], None] | None = None,
    ):
        """Find the shards and their records.

        directory: the version directory (ROOT/NAME/1.0.0), or its parent: the last version is taken.

        index_folder: where the index of all records is kept (index.py), lengths included.
        on_damage: called with every damaged record, which is then left out; without it the first one is raised.
        """
        self.directory = _version_directory(Path(directory))
        self.name = Path(os.path.abspath(self.directory)).parent.name  # as it is called, wherever a link leads
        self.environment = environment_name(self.name)
        self.benchmark = benchmark_of(self.name)
        key = self.benchmark.proprio_key
        self._widths = Widths(key, *metadata.read_widths(self.directory, key))
        self.proprio_width, self.action_width = self._widths.proprio, self._widths.action
        self.picture_shape = self._widths.picture
        shards = metadata.read_shards(self.directory)
        self._records: list[tuple[Path, Location]] = []
        self._lengths: list[int] | None = None
        if index_folder is None and on_damage is None:
            for shard, expected in shards:
                locations = index_records(shard)
                if len(locations) != expected:
                    reason = f"{len(locations)} records where {metadata.INFO_FILE} announces {expected}"
                    raise CorruptRecord(shard, shard.stat().st_size, reason)
                self._records += [(shard, location) for location in locations]
            return
        if index_folder is None:
            index = build_index(shards, self._count_frames)
        else:
            index = kept_index(Path(index_folder), self.name, shards, self._count_frames)
        for error in index.damaged:
            if on_damage is None:
                raise error
            on_damage(error)
        self._records = [(entry.shard, entry.location) for entry in index.entries]
        self._lengths = [entry.frames for entry in index.entries]

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Episode:
        """Return one episode with its decoded pictures.

        Raises:
            CorruptRecord: the record fails a checksum, lacks a feature, or a picture cannot be decoded.
        """
        return self.encoded(index).decoded(self.environment)

    def encoded(self, index: int) -> EncodedEpisode:
        """Return one episode with its pictures still encoded. Raises CorruptRecord, except for pictures."""
        shard, location = self._records[index]
        return read_encoded(shard, location, self._widths, f"{self.name}/{index}")

    @property
    def lengths(self) -> list[int]:
        """Frames of every episode."""
        if self._lengths is None:
            self._lengths = [len(self.encoded(index)) for index in range(len(self))]
        return self._lengths

    def motion(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return proprio (T, P) and actions (T, A) of one episode, float32, without decoding a picture."""
        episode = self.encoded(index)
        return episode.proprio, episode.actions

    def instruction(self, index: int) -> str:
        """Return the instruction of one episode, that of its first step (spec 3.1)."""
        return self.encoded(index).instruction

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
        file = self.directory / COUNTERFACTUALS
        return load_counterfactuals(file, len(self)) if file.is_file() else None

    @cached_property
    def scenes(self) -> list[Scene | None]:
        """Where everything is in each episode; None for every one where the set was written without.

        Raises:
            ValueError: the sidecar is damaged or belongs to other records.
        """
        file = self.directory / SCENES
        return [*load_scenes(file, len(self))] if file.is_file() else [None] * len(self)

    def _count_frames(self, shard: Path, location: Location) -> int:
        """Read a record with all its pictures, and count its frames. Raises CorruptRecord."""
        episode = read_encoded(shard, location, self._widths, self.name)
        for t in range(len(episode)):
            episode.frame(t)
        return len(episode)


def _version_directory(directory: Path) -> Path:
    if (directory / metadata.FEATURES_FILE).is_file():
        return directory
    # hidden ones are unfinished writes
    inside = sorted(file.parent for file in directory.glob(f"[!.]*/{metadata.FEATURES_FILE}"))
    versions = {folder: folder.name.split(".") for folder in inside}
    numbers = {
        folder: [int(part) for part in parts] for folder, parts in versions.items() if all(map(str.isdigit, parts))
    }
    if not numbers:
        found = f" ({', '.join(folder.name for folder in inside)} is no version like {VERSION})" if inside else ""
        raise FileNotFoundError(
            f"no data set in {directory}: neither it nor a version inside holds {metadata.FEATURES_FILE}{found}"
        )
    last = max(numbers, key=lambda folder: numbers[folder])
    if others := [folder.name for folder in inside if folder not in numbers]:
        print(f"{directory}: {', '.join(others)} is no version and is ignored; {last.name} is read", file=sys.stderr)
    return last
