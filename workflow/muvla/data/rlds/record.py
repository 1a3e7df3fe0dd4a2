"""One record as stored: numbers decoded, pictures still PNG or JPEG, so that single frames can be decoded.

T frames, P proprio width, A action width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muvla.data.episode import CAMERAS, Episode
from muvla.data.rlds.example import Values, decode_example
from muvla.data.rlds.pictures import decode_picture
from muvla.data.rlds.tfrecord import CorruptRecord, Location, read_record


@dataclass(frozen=True)
class Widths:
    """Sizes from features.json: the proprio key, P, A and a picture's (H, W, 3)."""

    proprio_key: str
    proprio: int
    action: int
    picture: tuple[int, ...]


@dataclass(frozen=True)
class EncodedEpisode:
    """An episode whose pictures are still encoded.

    Attributes:
        proprio, actions: (T, P) and (T, A) float32, as stored.
        pictures: for each camera T encoded pictures.
        shard, offset: where the record lies, for errors.
    """

    instruction: str
    proprio: np.ndarray
    actions: np.ndarray
    pictures: tuple[list[bytes], ...]
    file_path: str
    picture_shape: tuple[int, ...]
    shard: Path
    offset: int

    def __len__(self) -> int:
        return len(self.actions)

    def frame(self, t: int) -> np.ndarray:
        """Decode the pictures of one frame, (cameras, H, W, 3) uint8. Raises CorruptRecord for a damaged one."""
        found = np.empty((len(self.pictures), *self.picture_shape), np.uint8)
        for camera, encoded in enumerate(self.pictures):
            where = f"{CAMERAS[camera]} of frame {t}"
            try:
                picture = decode_picture(encoded[t])
            except ValueError as error:
                raise CorruptRecord(self.shard, self.offset, f"{where}: {error}") from error
            if picture.shape != self.picture_shape:
                reason = f"{where} is {picture.shape}, announced is {self.picture_shape}"
                raise CorruptRecord(self.shard, self.offset, reason)
            found[camera] = picture
        return found

    def decoded(self, environment: str) -> Episode:
        """Decode all pictures."""
        images = np.stack([self.frame(t) for t in range(len(self))])  # (T, 2, H, W, 3)
        return Episode(environment, self.instruction, images, self.proprio, self.actions, self.file_path)


def read_encoded(shard: Path, location: Location, widths: Widths, fallback_path: str) -> EncodedEpisode:
    """Read one record and verify its checksums.

    Raises:
        CorruptRecord: a checksum is wrong, or a feature is missing or of another length.
    """
    try:
        fields = decode_example(read_record(shard, location))
        proprio = _floats(fields, f"steps/observation/{widths.proprio_key}", widths.proprio)
        actions = _floats(fields, "steps/action", widths.action)
        if not len(actions) or len(proprio) != len(actions):
            raise ValueError(f"{len(proprio)} frames of {widths.proprio_key}, {len(actions)} of actions")
        pictures = tuple(_bytes(fields, f"steps/observation/{camera}", len(actions)) for camera in CAMERAS)
        instruction = _bytes(fields, "steps/language_instruction", len(actions))[0].decode("utf-8")
        if not instruction.strip():
            raise ValueError("steps/language_instruction is empty: the policy needs an instruction")
    except CorruptRecord:
        raise
    except UnicodeDecodeError as error:
        raise CorruptRecord(shard, location.offset, f"the instruction is not UTF-8 ({error})") from error
    except ValueError as error:
        raise CorruptRecord(shard, location.offset, str(error)) from error
    path = fields.get("episode_metadata/file_path", [])
    origin = path[0].decode("utf-8", "replace") if isinstance(path, list) and path else fallback_path
    return EncodedEpisode(instruction, proprio, actions, pictures, origin, widths.picture, shard, location.offset)


def _floats(fields: Mapping[str, Values], key: str, width: int) -> np.ndarray:
    values = _field(fields, key)
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.size % width:
        raise ValueError(f"{key} does not hold floats, {width} a frame")
    rows = values.reshape(-1, width)
    if not (finite := np.isfinite(rows).all(axis=1)).all():
        raise ValueError(f"{key} holds NaN or infinity in frame {int(finite.argmin())}")
    return rows


def _bytes(fields: Mapping[str, Values], key: str, frames: int) -> list[bytes]:
    values = _field(fields, key)
    if not isinstance(values, list) or len(values) != frames:
        raise ValueError(f"{key} has {len(values)} entries for {frames} frames")
    return values


def _field(fields: Mapping[str, Values], key: str) -> Values:
    if key not in fields:
        raise ValueError(f"the feature {key} is missing")
    return fields[key]
