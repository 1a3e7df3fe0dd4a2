"""Pictures on their way into the network, against the original pipeline and Pillow's float resize."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from muvla.checkpoint import StoredPolicy
from muvla.data.images import OPENVLA, Normalisation, Preprocessing, center_crop, parse_preprocessing, resize_lanczos3
from muvla.model.architecture import Architecture, Tower
from muvla.model.vision import VisionBackbone, pack_pixels

GOLDEN = Path(__file__).parent / "golden"
TOWER = Tower(image_size=224, patch_size=56, width=4, depth=1, heads=1, mlp_hidden=4)  # not to be run


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "pictures.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def vision(preprocessing: Preprocessing) -> VisionBackbone:
    return VisionBackbone(Architecture((TOWER, TOWER), 2, 8, 1, 1, 8, 64, 7), preprocessing)


def random_pictures(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def assert_close(found: np.ndarray, expected: np.ndarray, share: float = 0.01) -> None:
    """At most one level off, on at most that share of the values."""
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert found.dtype == np.uint8
    assert difference.max() <= 1
    assert (difference > 0).mean() <= share


@pytest.mark.parametrize("source", ["128", "256"])
def test_every_stage_equals_the_original_pipeline(golden, source):
    resized = resize_lanczos3(golden[f"raw_{source}"], 224)
    assert_close(resized, golden[f"resized_{source}"])
    assert_close(center_crop(golden[f"resized_{source}"]), golden[f"resized_cropped_{source}"], share=0.001)
    assert_close(center_crop(resized), golden[f"resized_cropped_{source}"])
    packed = pack_pixels(torch.from_numpy(golden[f"resized_cropped_{source}"])[None], OPENVLA)
    np.testing.assert_array_equal(packed[0], golden[f"pixel_values_{source}"])


@pytest.mark.parametrize("source", ["128", "256"])
def test_the_path_from_raw_pictures_to_pixels_is_the_originals(golden, source):
    """What acting, training and probes use, with the numbers of a released preprocessor_config.json."""
    preprocessing = StoredPolicy(GOLDEN / "policy").preprocessing
    assert preprocessing == Preprocessing(OPENVLA, center_crop=True)
    raw = torch.from_numpy(golden[f"raw_{source}"])
    pixels = vision(preprocessing).pixels(raw.expand(3, 2, *raw.shape))  # (N, cameras, 6, S, S)
    assert pixels.shape == (3, 2, 6, 224, 224)
    difference = (pixels - torch.from_numpy(golden[f"pixel_values_{source}"])).abs()
    level = 1 / 255 / min(map(min, OPENVLA.stds))
    assert difference.max() <= 1.001 * level
    assert (difference > 0).float().mean() <= 0.01
    uncropped = vision(Preprocessing()).pixels(raw[None, None])[0]
    resized = torch.from_numpy(resize_lanczos3(golden[f"raw_{source}"], 224))
    assert torch.equal(uncropped, pack_pixels(resized[None], OPENVLA))


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


def test_pixels_are_those_of_each_tower_one_after_the_other():
    normalisation = Normalisation(means=((0.0, 0.1, 0.2), (0.5, 0.5, 0.5)), stds=((1.0, 0.5, 0.25), (0.5, 0.5, 0.5)))
    levels = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)  # all there are
    packed = pack_pixels(torch.from_numpy(levels).expand(2, 8, 16, 3), normalisation)
    assert packed.shape == (2, 6, 8, 16)
    assert packed.dtype == torch.float32
    for tower in range(2):
        for colour in range(3):
            mean, std = (np.float32(rows[tower][colour]) for rows in (normalisation.means, normalisation.stds))
            expected = (levels[..., 0].astype(np.float32) / np.float32(255) - mean) / std
            np.testing.assert_array_equal(packed[:, tower * 3 + colour], expected)


def test_wrong_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match="uint8, not"):
        resize_lanczos3(np.zeros((8, 8, 3), np.float32), 4)
    with pytest.raises(ValueError, match="uint8, not"):
        center_crop(np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="share of the area"):
        center_crop(np.zeros((8, 8, 3), np.uint8), area=1.5)
    with pytest.raises(ValueError, match=r"\(N, cameras, H, W, 3\) uint8, not \(2, 8, 8, 3\)"):
        vision(Preprocessing()).features(torch.zeros(2, 8, 8, 3, dtype=torch.uint8))
    with pytest.raises(ValueError, match="not .* torch.float32"):
        vision(Preprocessing()).features(torch.zeros(1, 2, 8, 8, 3))
    file = tmp_path / "preprocessor_config.json"
    with pytest.raises(ValueError, match=r"preprocessor_config\.json has no tvf_normalize_params"):
        parse_preprocessing({"means": [[0.5, 0.5, 0.5]]}, file)
    with pytest.raises(ValueError, match="non-zero"):
        parse_preprocessing({"tvf_normalize_params": [{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0, 0.5]}]}, file)
