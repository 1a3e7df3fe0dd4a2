"""Pictures on their way into the network, against the original pipeline and Pillow's float resize."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from muvla.data.images import OPENVLA, Normalisation, center_crop, pack_pixels, read_normalisation, resize_lanczos3

GOLDEN = Path(__file__).resolve().parents[2] / "shared" / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no reference pictures beside the repository")
SOURCES = ("128", "128noise", "256", "224")


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "p_preprocess.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def random_pictures(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def assert_close(found: np.ndarray, expected: np.ndarray, share: float = 0.01) -> None:
    """At most one level off, on at most that share of the values."""
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert found.dtype == np.uint8
    assert difference.max() <= 1
    assert (difference > 0).mean() <= share


@needs_golden
@pytest.mark.parametrize("source", SOURCES)
def test_every_stage_equals_the_original_pipeline(golden, source):
    resized = resize_lanczos3(golden[f"raw_{source}"], 224)
    assert_close(resized, golden[f"resized_{source}"])
    assert_close(center_crop(golden[f"resized_{source}"]), golden[f"resized_cropped_{source}"], share=0.001)
    assert_close(center_crop(resized), golden[f"resized_cropped_{source}"])
    packed = pack_pixels(golden[f"resized_cropped_{source}"][None])
    np.testing.assert_array_equal(packed, golden[f"pixel_values_{source}"])


@needs_golden
def test_a_checkpoints_preprocessor_file_gives_the_numbers_really_applied(golden):
    assert read_normalisation(GOLDEN / "ckpt" / "preprocessor_config.json") == OPENVLA
    np.testing.assert_array_equal(np.ravel(OPENVLA.means), golden["channel_mean"])
    np.testing.assert_array_equal(np.ravel(OPENVLA.stds), golden["channel_std"])


@settings(max_examples=40)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_resize_equals_a_float_lanczos_of_other_make(height, width, size, seed):
    picture = random_pictures(seed, height, width)
    channels = [
        np.asarray(Image.fromarray(picture[..., c].astype(np.float32)).resize((size, size), Image.Resampling.LANCZOS))
        for c in range(3)
    ]
    exact = np.stack(channels, axis=-1)
    found = resize_lanczos3(picture, size)
    assert found.shape == (size, size, 3)
    # Rounded from the same real number: half a level, and float error where that number is halfway.
    assert np.abs(found - np.clip(exact, 0, 255)).max() <= 0.5 + 1e-2


@settings(max_examples=25)
@given(level=st.integers(0, 255), height=st.integers(2, 50), size=st.integers(2, 50), area=st.floats(0.05, 1))
def test_a_flat_picture_stays_flat(level, height, size, area):
    picture = np.full((height, height, 3), level, np.uint8)
    assert (resize_lanczos3(picture, size) == level).all()
    assert (center_crop(picture, area) == level).all()


def test_a_batch_equals_its_pictures_one_by_one():
    batch = random_pictures(1, 5, 2, 60, 50)  # five frames of two cameras, more than one block of work at 224
    resized, cropped = resize_lanczos3(batch, 224), center_crop(batch)
    assert resized.shape == (5, 2, 224, 224, 3)
    assert cropped.shape == batch.shape
    for frame in range(5):
        for camera in range(2):
            assert_close(resized[frame, camera], resize_lanczos3(batch[frame, camera], 224), share=1e-4)
            assert_close(cropped[frame, camera], center_crop(batch[frame, camera]), share=1e-4)


def test_resize_overshoots_and_is_clipped_only_once():
    edge = np.zeros((8, 8, 3), np.uint8)
    edge[:, 4:] = 255
    row = resize_lanczos3(edge, 32)[16, :, 0].astype(int)
    assert row.min() == 0
    assert row.max() == 255
    assert (np.diff(row[12:20]) >= 0).all()
    corner = np.zeros((8, 8, 3), np.uint8)
    corner[4:, 4:] = 255
    # Clipping between the two passes would cut the product of an overshoot and an undershoot.
    assert_close(resize_lanczos3(corner, 32), resize_lanczos3(corner.transpose(1, 0, 2), 32).transpose(1, 0, 2))


def test_the_crop_shows_the_centre():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[24:40, 24:40] = 200
    bright = (center_crop(picture, area=0.25)[..., 0] > 100).sum(axis=0).max()
    assert 31 <= bright <= 33  # half the side is kept, so the square is twice as wide
    np.testing.assert_array_equal(center_crop(picture, area=1.0), picture)


def test_channels_are_camera_then_tower_then_colour():
    normalisation = Normalisation(means=((0.0, 0.1, 0.2), (0.5, 0.5, 0.5)), stds=((1.0, 0.5, 0.25), (0.5, 0.5, 0.5)))
    pictures = random_pictures(2, 4, 2, 6, 7)
    packed = pack_pixels(pictures, normalisation)
    assert packed.shape == (4, 12, 6, 7)
    assert packed.dtype == np.float32
    for camera in range(2):
        for tower in range(2):
            for colour in range(3):
                expected = pictures[:, camera, :, :, colour] / 255 - normalisation.means[tower][colour]
                found = packed[:, camera * 6 + tower * 3 + colour]
                np.testing.assert_allclose(found, expected / normalisation.stds[tower][colour], atol=1e-6)


def test_wrong_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match="uint8, not"):
        resize_lanczos3(np.zeros((8, 8, 3), np.float32), 4)
    with pytest.raises(ValueError, match="uint8, not"):
        center_crop(np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="share of the area"):
        center_crop(np.zeros((8, 8, 3), np.uint8), area=1.5)
    with pytest.raises(ValueError, match="camera axis"):
        pack_pixels(np.zeros((8, 8, 3), np.uint8))
    file = tmp_path / "preprocessor_config.json"
    file.write_text('{"means": [[0.5, 0.5, 0.5]]}')
    with pytest.raises(ValueError, match="tvf_normalize_params"):
        read_normalisation(file)
    file.write_text('{"tvf_normalize_params": [{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0, 0.5]}]}')
    with pytest.raises(ValueError, match="non-zero"):
        read_normalisation(file)
