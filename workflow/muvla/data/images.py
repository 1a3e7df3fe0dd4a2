"""Pictures on their way into the network: resize, centre crop, normalise and pack (spec 3.5, 6.4, 13.1-13.3).

Each resampling is linear and separable, so it is one small matrix a side, cached per size.
Letters: H and W pixels of the input, S pixels of the square output; "..." is any number of leading axes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

CROP_AREA = 0.9
BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.2, 0.2, 0.2, 0.05  # added, and factors 1 +- that, and turns added
_SECTORS = np.array([[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0], [2, 0, 1], [0, 2, 1]])  # value, mid, low of RGB

LANCZOS_RADIUS = 3
CROP_AREA = 0.9
BATCH_BYTES = 2**20  # of float32 intermediates at a time: they stay in cache, and memory is bounded


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each tower's RGB input, for pictures in [0, 1].

    Attributes:
        means, stds: towers x 3 numbers, in the order of the towers (DINOv2, SigLIP).
    """

    means: tuple[tuple[float, ...], ...]
    stds: tuple[tuple[float, ...], ...]


# What the published base model applies: its stored numbers for DINOv2 were rounded to bfloat16 (spec 13.1).
OPENVLA = Normalisation(
    means=((0.484375, 0.455078125, 0.40625), (0.5, 0.5, 0.5)),
    stds=((0.228515625, 0.2236328125, 0.224609375), (0.5, 0.5, 0.5)),
)


def read_normalisation(file: str | Path) -> Normalisation:
    """The numbers a checkpoint's preprocessor_config.json really applies: tvf_normalize_params (spec 13.1).

    Raises:
        ValueError: the file does not hold them.
    """
    try:
        towers = json.loads(Path(file).read_text(encoding="utf-8"))["tvf_normalize_params"]
        read = Normalisation(
            tuple(tuple(float(number) for number in tower["mean"]) for tower in towers),
            tuple(tuple(float(number) for number in tower["std"]) for tower in towers),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} has no tvf_normalize_params with mean and std of each tower ({error!r})") from error
    if not read.means or any(len(row) != 3 or 0 in row for row in read.stds) or any(len(r) != 3 for r in read.means):
        raise ValueError(f"{file}: tvf_normalize_params must give 3 means and 3 non-zero stds for each tower")
    return read


def resize_lanczos3(images: np.ndarray, size: int) -> np.ndarray:
    """(..., H, W, 3) uint8 -> (..., S, S, 3) uint8, as TensorFlow's antialiased lanczos3 (spec 3.5, 13.3).

    Rounded (half to even) and clipped once, after both passes.
    """
    _check(images)
    height, width = images.shape[-3:-1]
    if height == width == size:
        return images  # the kernel is zero at every whole number but 0: the identity
    return _resample(images, _lanczos3(height, size), _lanczos3(width, size), round_down=False)


def center_crop(images: np.ndarray, area: float = CROP_AREA) -> np.ndarray:
    """(..., H, W, 3) uint8 -> its centre, that share of the area, bilinearly back to H x W (spec 6.4, 13.2).

    Values become integers as floor(x * 255.5) for x in [0, 1], as TensorFlow converts floats to uint8.
    """
    _check(images)
    if not 0 < area <= 1:
        raise ValueError(f"a crop keeps a share of the area above 0 and at most 1, not {area}")
    height, width = images.shape[-3:-1]
    return _resample(images, _bilinear_crop(height, area), _bilinear_crop(width, area), round_down=True)


def pack_pixels(images: np.ndarray, normalisation: Normalisation = OPENVLA) -> np.ndarray:
    """(..., cameras, H, W, 3) uint8 -> (..., cameras * towers * 3, H, W) float32.

    Channels: camera 0 for tower 0, camera 0 for tower 1, camera 1 for tower 0, ... (spec 1.1).
    """
    _check(images)
    if images.ndim < 4:
        raise ValueError(f"pictures must have a camera axis, (..., cameras, H, W, 3), not {images.shape}")
    table = _lookup(normalisation)  # (towers, 3, 256)
    towers = len(table)
    *leading, cameras, height, width, _ = images.shape
    packed = np.empty((*leading, cameras, towers, 3, height, width), np.float32)
    for channel in range(3):
        levels = images[..., channel]
        for tower in range(towers):
            packed[..., tower, channel, :, :] = table[tower, channel][levels]
    return packed.reshape(*leading, cameras * towers * 3, height, width)


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim < 3 or images.shape[-1] != 3:
        raise ValueError(f"pictures must be (..., H, W, 3) uint8, not {images.shape} {images.dtype}")


def _resample(images: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, round_down: bool) -> np.ndarray:
    """Apply rows (S, H) and columns (S, W) to both sides of every picture, in float32."""
    *leading, height, width, _ = images.shape
    flat = images.reshape(-1, height, width, 3)
    result = np.empty((len(flat), len(rows), len(columns), 3), np.uint8)
    step = max(1, BATCH_BYTES // (4 * 3 * max(height, len(rows)) * max(width, len(columns))))
    for start in range(0, len(flat), step):
        chunk = flat[start : start + step]
        x = chunk.transpose(0, 1, 3, 2).astype(np.float32)  # (N, H, 3, W)
        x = rows @ x.reshape(len(chunk), height, 3 * width)  # (N, S, 3W)
        x = x.reshape(-1, width) @ columns.T  # (N*S*3, S)
        if round_down:
            np.floor(np.multiply(x, 255.5 / 255, out=x), out=x)
        else:
            np.rint(x, out=x)
        levels = np.clip(x, 0, 255, out=x).astype(np.uint8).reshape(len(chunk), len(rows), 3, len(columns))
        result[start : start + step] = levels.transpose(0, 1, 3, 2)
    return result.reshape(*leading, len(rows), len(columns), 3)


@lru_cache(maxsize=32)
def _lanczos3(source: int, size: int) -> np.ndarray:
    """(size, source): weights of every source pixel for every target pixel; each row sums to 1."""
    stretch = max(source / size, 1.0)  # antialias: the kernel widens when the picture shrinks
    centres = (np.arange(size) + 0.5) * (source / size)
    distance = np.abs(np.arange(source) + 0.5 - centres[:, None]) / stretch
    weights = np.sinc(distance) * np.sinc(distance / LANCZOS_RADIUS) * (distance < LANCZOS_RADIUS)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=32)
def _bilinear_crop(size: int, area: float) -> np.ndarray:
    """(size, size): outer target pixels lie on the borders of the crop; pixel centres are whole numbers."""
    side = np.sqrt(area)
    positions = (size - 1) * np.linspace((1 - side) / 2, (1 + side) / 2, size)
    weights = np.maximum(0, 1 - np.abs(np.arange(size) - positions[:, None]))
    return weights.astype(np.float32)


@lru_cache(maxsize=8)
def _lookup(normalisation: Normalisation) -> np.ndarray:
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    means, stds = (np.array(rows, np.float32)[..., None] for rows in (normalisation.means, normalisation.stds))
    return (levels - means) / stds  # (towers, 3, 256)


@dataclass(frozen=True)
class Change:
    """One picture's draw: where the crop begins (shares of the side) and the four colour operations."""

    top: float
    left: float
    brightness: float
    contrast: float
    saturation: float
    hue: float


def draw_change(rng: np.random.Generator, *, diagonal: bool = False) -> Change:
    """diagonal: both offsets of the crop from one draw, as in the release, where they always come out equal."""
    slack = 1 - np.sqrt(CROP_AREA)
    top, left = rng.uniform(0, slack, size=2)
    return Change(
        top=top,
        left=top if diagonal else left,
        brightness=rng.uniform(-BRIGHTNESS, BRIGHTNESS),
        contrast=rng.uniform(1 - CONTRAST, 1 + CONTRAST),
        saturation=rng.uniform(1 - SATURATION, 1 + SATURATION),
        hue=rng.uniform(-HUE, HUE),
    )


def augment(picture: np.ndarray, change: Change) -> np.ndarray:
    """(S, S, 3) uint8 -> the same, changed. Values become integers as floor(x * 255.5) (spec 13.2)."""
    size = len(picture)
    if picture.shape != (size, size, 3) or picture.dtype != np.uint8:
        raise ValueError(f"a picture to change must be (S, S, 3) uint8, not {picture.shape} {picture.dtype}")
    x = picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255)  # (3, S, S)
    x = _crop(size, change.top) @ x @ _crop(size, change.left).T
    x = np.clip(x + np.float32(change.brightness), 0, 1)
    mean = x.mean(axis=(1, 2), keepdims=True)
    x = np.clip((x - mean) * np.float32(change.contrast) + mean, 0, 1)
    x = _shift_colours(x, change.saturation, change.hue)
    return np.floor(np.clip(x, 0, 1) * np.float32(255.5)).astype(np.uint8).transpose(1, 2, 0)


def _crop(size: int, start: float) -> np.ndarray:
    """(S, S) weights: bilinear, the outer target pixels on the borders of the crop."""
    positions = (size - 1) * np.linspace(start, start + np.sqrt(CROP_AREA), size)
    weights = np.maximum(0, 1 - np.abs(np.arange(size) - positions[:, None]))
    return weights.astype(np.float32)


def _shift_colours(x: np.ndarray, saturation: float, hue: float) -> np.ndarray:
    """(3, S, S) RGB -> the same with the HSV saturation multiplied (clipped) and the hue turned."""
    red, green, blue = x
    value, low = x.max(axis=0), x.min(axis=0)
    chroma = value - low
    scale = np.where(chroma > 0, chroma, 1)
    h = np.where(
        value == red,
        (green - blue) / scale,
        np.where(value == green, (blue - red) / scale + 2, (red - green) / scale + 4),
    )
    h = np.mod(h / 6 + np.float32(hue), 1) * 6  # sectors 0..6
    s = np.clip(chroma / np.where(value > 0, value, 1) * np.float32(saturation), 0, 1)
    sector = np.minimum(h.astype(np.int64), 5)
    fraction = h - sector
    bottom = value * (1 - s)
    middle = value * (1 - s * np.where(sector % 2 == 0, 1 - fraction, fraction))
    levels = np.stack([value, middle, bottom])  # each channel is one of the three, by sector
    rank = np.empty((3, 6), np.int64)
    for number, order in enumerate(_SECTORS):
        rank[order, number] = (0, 1, 2)
    return np.take_along_axis(levels, rank[:, sector], axis=0).astype(np.float32)
