"""Random changes of training pictures (spec 3.5): what each operation does, and that a seed decides all."""

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanczos3_reference import FILE
from muvla.data.augment import Change, augment, draw_change
from muvla.data.images import center_crop, resize_lanczos3

STILL = Change(top=0.0, left=0.0, brightness=0.0, contrast=1.0, saturation=1.0, hue=0.0)
MIDDLE = (1 - np.sqrt(0.9)) / 2


def picture(seed: int = 0, size: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def changed(original: np.ndarray, **fields: float) -> np.ndarray:
    """Floats in [0, 1] after the centre crop and one operation, by the definition, pixel by pixel."""
    return augment(original, Change(**(vars(STILL) | {"top": MIDDLE, "left": MIDDLE} | fields)))


@pytest.mark.parametrize("name", ["up", "down", "sharp"])
def test_lanczos3_equals_its_definition(name: str) -> None:
    with np.load(FILE, allow_pickle=False) as stored:
        expected = stored[f"resized_{name}"]
        found = resize_lanczos3(stored[f"raw_{name}"], len(expected))
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert difference.max() <= 1  # float32 against double, at a half
    assert (difference > 0).mean() <= 0.002


def test_without_a_change_only_the_crop_is_left() -> None:
    original = picture()
    difference = changed(original).astype(int) - center_crop(original).astype(int)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    brightness=st.floats(-0.2, 0.2),
    contrast=st.floats(0.8, 1.2),
    saturation=st.floats(0.8, 1.2),
    hue=st.floats(-0.05, 0.05),
)
def test_colours_follow_their_definitions(seed, brightness, contrast, saturation, hue) -> None:
    original = picture(seed, 6)
    fields = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    found = changed(original, **fields)
    side = np.sqrt(0.9)
    places = 5 * np.linspace((1 - side) / 2, (1 + side) / 2, 6)
    x = original / 255.0
    low = np.minimum(places.astype(int), 4)
    share = (places - low)[:, None, None]
    x = x[low] * (1 - share) + x[low + 1] * share
    x = x[:, low] * (1 - share.transpose(1, 0, 2)) + x[:, low + 1] * share.transpose(1, 0, 2)
    x = np.clip(x + brightness, 0, 1)
    x = np.clip((x - x.mean((0, 1))) * contrast + x.mean((0, 1)), 0, 1)
    expected = np.empty_like(x)
    for row in range(6):
        for column in range(6):
            h, s, v = colorsys.rgb_to_hsv(*x[row, column])
            expected[row, column] = colorsys.hsv_to_rgb((h + hue) % 1, min(s * saturation, 1), v)
    assert np.abs(found - np.floor(np.clip(expected, 0, 1) * 255.5)).max() <= 1


def test_the_seed_decides_everything_and_the_release_s_crop_is_diagonal() -> None:
    one, other = (draw_change(np.random.default_rng(seed)) for seed in (1, 2))
    assert draw_change(np.random.default_rng(1)) == one != other
    assert one.top != one.left
    released = draw_change(np.random.default_rng(1), diagonal=True)
    assert released.top == released.left == one.top
    assert released.hue == one.hue
    draws = [draw_change(np.random.default_rng(seed)) for seed in range(400)]
    for name, low, high in (
        ("top", 0, 1 - np.sqrt(0.9)), ("left", 0, 1 - np.sqrt(0.9)), ("brightness", -0.2, 0.2),
        ("contrast", 0.8, 1.2), ("saturation", 0.8, 1.2), ("hue", -0.05, 0.05),
    ):  # fmt: skip
        values = [getattr(draw, name) for draw in draws]
        assert low <= min(values) < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < max(values) <= high
    with pytest.raises(ValueError, match="uint8, not"):
        augment(np.zeros((4, 4, 3), np.float32), one)
