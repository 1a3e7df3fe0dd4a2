"""Random crops and colours for training pictures (spec 3.5).

S pixels of the side of a square picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muvla.data.images import CROP_AREA, crop_weights

BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.2, 0.2, 0.2, 0.05  # added, and factors 1 +- that, and turns added
_SECTORS = np.array([[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0], [2, 0, 1], [0, 2, 1]])  # value, mid, low of RGB


@dataclass(frozen=True)
class Change:
    """The random draw of one picture: where its crop begins (shares of the side) and four colour operations."""

    top: float
    left: float
    brightness: float
    contrast: float
    saturation: float
    hue: float


def draw_change(rng: np.random.Generator, *, diagonal: bool = False) -> Change:
    """Draw a crop and its colours. diagonal: use one offset for both sides, as the release always does."""
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
    """Crop and recolour a picture (S, S, 3) uint8. Values become integers as floor(x * 255.5) (spec 13.2).

    Raises ValueError for a picture of another shape or type.
    """
    size = len(picture)
    if picture.shape != (size, size, 3) or picture.dtype != np.uint8:
        raise ValueError(f"a picture to change must be (S, S, 3) uint8, not {picture.shape} {picture.dtype}")
    x = picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255)  # (3, S, S)
    side = np.sqrt(CROP_AREA)
    rows, columns = (crop_weights(size, start, start + side) for start in (change.top, change.left))
    x = rows @ x @ columns.T
    x = np.clip(x + np.float32(change.brightness), 0, 1)
    mean = x.mean(axis=(1, 2), keepdims=True)
    x = np.clip((x - mean) * np.float32(change.contrast) + mean, 0, 1)
    x = _shift_colours(x, change.saturation, change.hue)
    return np.floor(np.clip(x, 0, 1) * np.float32(255.5)).astype(np.uint8).transpose(1, 2, 0)


def _shift_colours(x: np.ndarray, saturation: float, hue: float) -> np.ndarray:
    """Multiply the HSV saturation (clipped) and turn the hue of RGB values (3, S, S) in [0, 1]."""
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
