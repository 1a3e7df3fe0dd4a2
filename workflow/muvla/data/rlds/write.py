"""Writes episodes as the shards and metadata files of one data set directory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from muvla.benchmark.benchmark import benchmark_of
from muvla.data.episode import CAMERAS, Episode
from muvla.data.rlds import metadata
from muvla.data.rlds.example import Values, encode_example
from muvla.data.rlds.pictures import encode_png
from muvla.data.rlds.tfrecord import OVERHEAD, Location, write_record


def write_shards(directory: Path, name: str, version: str, episodes: Iterable[Episode], shards: int) -> list[int]:
    """Write shards, metadata.json and dataset_info.json into an existing directory.

    Records go to one file first, which is cut into equal runs once their number is known. This keeps the order of the
    episodes and bounds memory. Fewer episodes than shards give fewer shards.

    Returns:
        The number of frames of each episode.

    Raises:
        ValueError: no episode, one whose sizes differ from the first one's, or a name that belongs to no benchmark.
    """
    benchmark = benchmark_of(name)
    records = directory / "records"
    sizes: tuple[int, ...] | None = None
    lengths: list[int] = []
    locations: list[Location] = []
    with open(records, "wb") as stream:
        for episode in episodes:
            found = (*episode.images.shape[2:4], episode.proprio.shape[1], episode.actions.shape[1])
            sizes = sizes or found
            if found != sizes:
                kinds = "height, width, proprio and action widths"
                raise ValueError(f"{name}: episode {len(lengths)} has {kinds} {found}, the first one {sizes}")
            if found[2] != benchmark.proprio_width:
                raise ValueError(f"{name}: proprio width {found[2]}, {benchmark.title} has {benchmark.proprio_width}")
            locations.append(write_record(stream, encode_episode(episode, benchmark.proprio_key)))
            lengths.append(len(episode))
    if sizes is None:
        raise ValueError(f"{name}: no episode to write")
    count = min(shards, len(lengths))
    shard_lengths = [len(run) for run in np.array_split(lengths, count)]
    names = [metadata.shard_name(name, shard, count) for shard in range(count)]
    _cut(records, [directory / shard for shard in names], shard_lengths, locations)
    height, width, proprio_width, action_width = sizes
    described = metadata.features_json(height, width, benchmark.proprio_key, proprio_width, action_width)
    (directory / metadata.FEATURES_FILE).write_text(described, encoding="utf-8")
    payload = sum(location.length for location in locations)
    info = metadata.dataset_info_json(name, version, shard_lengths, payload)
    (directory / metadata.INFO_FILE).write_text(info, encoding="utf-8")
    return lengths


def encode_episode(episode: Episode, proprio_key: str) -> bytes:
    """Return one episode as the message TFDS stores: every field of the steps a flat list.

    As in the original sets, reward and is_terminal are 1 at the last step only and discount is 1 throughout.
    """
    frames = len(episode)
    last = np.arange(frames) == frames - 1
    fields: dict[str, Values] = {
        "steps/action": episode.actions,
        f"steps/observation/{proprio_key}": episode.proprio,
        "steps/reward": last.astype(np.float32),
        "steps/discount": np.ones(frames, np.float32),
        "steps/is_first": np.arange(frames) == 0,
        "steps/is_last": last,
        "steps/is_terminal": last,
        "steps/language_instruction": [episode.instruction.encode("utf-8")] * frames,
        "episode_metadata/file_path": [episode.file_path.encode("utf-8")],
    }
    for camera, feature in enumerate(CAMERAS):
        fields[f"steps/observation/{feature}"] = [encode_png(picture) for picture in episode.images[:, camera]]
    return encode_example(fields)


def _cut(records: Path, shards: list[Path], lengths: list[int], locations: list[Location]) -> None:
    if len(shards) == 1:
        os.rename(records, shards[0])
        return
    with open(records, "rb") as source:
        first = 0
        for shard, length in zip(shards, lengths, strict=True):
            with open(shard, "wb") as stream:
                for location in locations[first : first + length]:
                    stream.write(source.read(OVERHEAD + location.length))
            first += length
    records.unlink()
