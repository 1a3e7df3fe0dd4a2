"""What frozen towers make of the demonstrations is computed once, and never taken from a file that does not fit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from muvla.model.architecture import MemorySettings
from muvla.model.vision import VisionBackbone
from muvla.train.composed import features
from muvla.train.composed.features import frozen_features, kept_features

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 2, 16, 16, 3), np.uint8)


@pytest.fixture
def vision() -> VisionBackbone:
    return tiny.cell(MemorySettings(0)).vision_backbone


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of frames that went through the towers, call by call, in blocks of three."""
    calls: list[int] = []

    def counting(towers: VisionBackbone, images: np.ndarray) -> torch.Tensor:
        calls.append(len(images))
        return frozen_features(towers, images)

    monkeypatch.setattr(features, "frozen_features", counting)
    monkeypatch.setattr(features, "BLOCK", 3)
    return calls


def test_the_second_training_reads_what_the_first_computed(
    tmp_path: Path, vision: VisionBackbone, computed: list[int]
) -> None:
    first, second = (kept_features(vision, IMAGES, tmp_path) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(first, frozen_features(vision, IMAGES))
    assert computed == [5, 2], "the second computes the last block alone"


def test_other_towers_and_other_pictures_get_files_of_their_own(tmp_path: Path, vision: VisionBackbone) -> None:
    other = tiny.cell(MemorySettings(0), seed=1).vision_backbone
    for towers, images in ((vision, IMAGES), (other, IMAGES), (vision, IMAGES[:4])):
        assert torch.equal(kept_features(towers, images, tmp_path), frozen_features(towers, images))
    assert len(list((tmp_path / "features").iterdir())) == 3


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def another_rounding(path: Path) -> None:
    np.save(path, np.load(path) + np.float32(1e-3))


def fewer_frames(path: Path) -> None:
    np.save(path, np.load(path)[1:])


@pytest.mark.parametrize("damage", [cut, another_rounding, fewer_frames])
def test_a_file_that_does_not_fit_is_made_anew(
    tmp_path: Path, vision: VisionBackbone, damage: Callable[[Path], None]
) -> None:
    whole = kept_features(vision, IMAGES, tmp_path)
    (path,) = (tmp_path / "features").iterdir()
    damage(path)
    assert torch.equal(kept_features(vision, IMAGES, tmp_path), whole)
    assert torch.equal(torch.from_numpy(np.load(path)), whole)


def test_where_nothing_can_be_written_training_goes_on(
    tmp_path: Path, vision: VisionBackbone, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    assert torch.equal(kept_features(vision, IMAGES, tmp_path), frozen_features(vision, IMAGES))
    assert "features are not kept" in capsys.readouterr().err
