"""Pictures on their way into the network: resize, centre crop, and how they are normalised (spec 3.5, 6.4, 13.1-13.3).

Each resampling is linear and separable, so it is one small matrix a side, cached per size.
Letters: H and W pixels of the input, S pixels of the square output; "..." is any number of leading axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

LANCZOS_RADIUS = 3
CROP_AREA = 0.9  # share of the area that a crop keeps
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


@dataclass(frozen=True)
class Preprocessing:
    """How a policy treats its pictures between resizing and the towers.

    Attributes:
        normalisation: numbers of each tower's input.
        center_crop: whether the centre of each picture is cut out and enlarged. A policy acts with it exactly when it
            was trained on random crops (spec P18).
    """

    normalisation: Normalisation = OPENVLA
    center_crop: bool = False


def parse_preprocessing(content: Mapping[str, Any], file: Path) -> Preprocessing:
    """Read what a checkpoint's preprocessor_config.json applies: its tvf_normalize_params, not its means (spec 13.1).

    A released file says nothing about the crop: its policy was trained with random crops. `file` is named in errors.

    Raises:
        ValueError: the content lacks the numbers, or they are not 3 means and 3 non-zero stds for each tower.
    """
    try:
        towers = content["tvf_normalize_params"]
        read = Normalisation(
            tuple(tuple(float(number) for number in tower["mean"]) for tower in towers),
            tuple(tuple(float(number) for number in tower["std"]) for tower in towers),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} has no tvf_normalize_params with mean and std of each tower ({error!r})") from error
    if not read.means or any(len(row) != 3 or 0 in row for row in read.stds) or any(len(r) != 3 for r in read.means):
        raise ValueError(f"{file}: tvf_normalize_params must give 3 means and 3 non-zero stds for each tower")
    return Preprocessing(read, bool(content.get("center_crop", True)))


def resize_lanczos3(images: np.ndarray, size: int) -> np.ndarray:
    """Resize (..., H, W, 3) uint8 to (..., S, S, 3) as TensorFlow's antialiased lanczos3 does (spec 3.5, 13.3).

    Values are rounded (half to even) and clipped once, after both passes.
    """
    _check(images)
    height, width = images.shape[-3:-1]
    if height == width == size:
        return images  # the kernel is zero at every whole number but 0: the identity
    return _resample(images, _lanczos3(height, size), _lanczos3(width, size), round_down=False)


def center_crop(images: np.ndarray, area: float = CROP_AREA) -> np.ndarray:
    """Cut the centre out of (..., H, W, 3) uint8 and enlarge it bilinearly back to H x W (spec 6.4, 13.2).

    area: the share of the picture that is kept, above 0 and at most 1. Values become integers as floor(x * 255.5) for
    x in [0, 1], as TensorFlow converts floats to uint8.
    """
    _check(images)
    if not 0 < area <= 1:
        raise ValueError(f"a crop keeps a share of the area above 0 and at most 1, not {area}")
    height, width = images.shape[-3:-1]
    return _resample(images, _central(height, area), _central(width, area), round_down=True)


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
def _central(size: int, area: float) -> np.ndarray:
    side = np.sqrt(area)
    return crop_weights(size, (1 - side) / 2, (1 + side) / 2)


def crop_weights(size: int, start: float, end: float) -> np.ndarray:
    """(S, S) float32: bilinear weights that enlarge one side of a crop back to S pixels.

    start, end: the crop's borders as shares of the side. The outer target pixels lie on them; pixel centres are whole
    numbers.
    """
    positions = (size - 1) * np.linspace(start, end, size)
    weights = np.maximum(0, 1 - np.abs(np.arange(size) - positions[:, None]))
    return weights.astype(np.float32)
