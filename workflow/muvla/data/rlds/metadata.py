"""The two metadata files of a TFDS directory: features.json and dataset_info.json (spec 3.1, 3.2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from muvla.data.episode import CAMERAS
from muvla.files import Json, read_json

FEATURES_FILE, INFO_FILE = "features.json", "dataset_info.json"
SHARD_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
SPLIT = "train"
_CORE = "tensorflow_datasets.core.features."


def features_json(height: int, width: int, proprio_key: str, proprio_width: int, action_width: int) -> str:
    """Write the text of features.json: an episode is a sequence of steps and a file path; pictures are PNG."""
    picture = {
        "pythonClassName": _CORE + "image_feature.Image",
        "image": {
            "shape": {"dimensions": [str(height), str(width), "3"]},
            "dtype": "uint8",
            "encodingFormat": "png",
        },
    }
    observation = {"wrist_image": picture, "image": picture, proprio_key: _tensor(proprio_width)}
    step = {
        "reward": _scalar("float32"),
        "discount": _scalar("float32"),
        "is_last": _scalar("bool"),
        "is_first": _scalar("bool"),
        "observation": _group(observation),
        "language_instruction": _text(),
        "is_terminal": _scalar("bool"),
        "action": _tensor(action_width),
    }
    steps = {
        "pythonClassName": _CORE + "dataset_feature.Dataset",
        "sequence": {"feature": _group(step), "length": "-1"},
    }
    return json.dumps(_group({"steps": steps, "episode_metadata": _group({"file_path": _text()})}), indent=4)


def dataset_info_json(name: str, version: str, shard_lengths: Sequence[int], payload_bytes: int) -> str:
    """Write the text of dataset_info.json; payload_bytes counts the messages without the framing of the records."""
    split = {
        "filepathTemplate": SHARD_TEMPLATE,
        "name": SPLIT,
        "numBytes": str(payload_bytes),
        "shardLengths": [str(length) for length in shard_lengths],
    }
    # moduleName is where the builder lived; readers of a finished directory do not use it.
    info = {
        "fileFormat": "tfrecord",
        "moduleName": "__main__",
        "name": name,
        "splits": [split],
        "version": version,
    }
    return json.dumps(info, indent=2)


def shard_name(name: str, shard: int, shards: int, template: str = SHARD_TEMPLATE) -> str:
    """Return the file name of one shard, as in NAME-train.tfrecord-00000-of-00002."""
    position = f"{shard:05d}-of-{shards:05d}"
    return template.format(DATASET=name, SPLIT=SPLIT, FILEFORMAT="tfrecord", SHARD_X_OF_Y=position)


def read_shards(directory: Path) -> list[tuple[Path, int]]:
    """Return the shards that dataset_info.json announces, in order, each with its number of records.

    Raises:
        ValueError: the file does not describe TFRecord shards of a train split.
        FileNotFoundError: the file or an announced shard is missing.
    """
    file = directory / INFO_FILE
    info = _read_json(file)
    try:
        split = next(split for split in info["splits"] if split["name"] == SPLIT)
        lengths = [int(length) for length in split["shardLengths"]]
        template = split.get("filepathTemplate", SHARD_TEMPLATE)
        names = [shard_name(info["name"], shard, len(lengths), template) for shard in range(len(lengths))]
    except (KeyError, StopIteration, TypeError, ValueError) as error:
        raise ValueError(f"{file} does not describe the shards of a {SPLIT!r} split ({error!r})") from error
    missing = [name for name in names if not (directory / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{directory} lacks {len(missing)} of {len(names)} shards, first {missing[0]}")
    return [(directory / name, length) for name, length in zip(names, lengths, strict=True)]


def read_widths(directory: Path, proprio_key: str) -> tuple[int, int, tuple[int, ...]]:
    """Return from features.json: the width P of `proprio_key`, the action width A, (H, W, 3).

    Raises:
        ValueError: a needed feature is not described.
        FileNotFoundError: no features.json.
    """
    file = directory / FEATURES_FILE
    description = _read_json(file)
    try:
        step = _members(_members(description)["steps"]["sequence"]["feature"])
        observation = _members(step["observation"])
        proprio, action = _dimensions(observation[proprio_key]["tensor"]), _dimensions(step["action"]["tensor"])
        shapes = {_dimensions(observation[camera]["image"]) for camera in CAMERAS}
        (proprio_width,), (action_width,), (shape,) = proprio, action, shapes
        if len(shape) != 3 or "language_instruction" not in step:
            raise KeyError("language_instruction or a picture's shape")
        if min(*shape, proprio_width, action_width) < 1:
            raise ValueError(f"sizes must be fixed and at least 1: pictures {shape}")
    except (KeyError, TypeError, ValueError) as error:
        needed = f"image, wrist_image (same shape), {proprio_key}, action and language_instruction"
        raise ValueError(f"{file} does not describe steps with {needed} ({error!r})") from error
    return proprio_width, action_width, shape


def _read_json(file: Path) -> Json:
    try:
        return read_json(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"{file} is missing: this is not a finished data set directory") from None


def _members(feature: Json) -> Json:
    members: Json = feature["featuresDict"]["features"]
    return members


def _dimensions(feature: Json) -> tuple[int, ...]:
    return tuple(int(size) for size in feature["shape"]["dimensions"])


def _group(features: Json) -> Json:
    return {"pythonClassName": _CORE + "features_dict.FeaturesDict", "featuresDict": {"features": features}}


def _scalar(dtype: str) -> Json:
    return {
        "pythonClassName": _CORE + "scalar.Scalar",
        "tensor": {"shape": {}, "dtype": dtype, "encoding": "none"},
    }


def _tensor(width: int) -> Json:
    tensor = {"shape": {"dimensions": [str(width)]}, "dtype": "float32", "encoding": "none"}
    return {"pythonClassName": _CORE + "tensor_feature.Tensor", "tensor": tensor}


def _text() -> Json:
    return {"pythonClassName": _CORE + "text_feature.Text", "text": {}}
