"""Features and projections of mean 0 and deviation 1 (train/composed/standardise.py)."""

import dataclasses

import pytest
import torch

import tiny
from muvla.model.architecture import MemorySettings, Tower
from muvla.model.auxiliary import Detector
from muvla.model.cell import Cell
from muvla.train.composed.standardise import standardise_projector, standardise_towers

STEM = Tower(image_size=32, patch_size=8, width=16, depth=3, heads=2, mlp_hidden=24, stem=(6, 10))


@pytest.mark.parametrize("tower", [STEM, dataclasses.replace(STEM, depth=1), dataclasses.replace(STEM, stem=())])
def test_features_are_scaled_and_read_alike(tower: Tower) -> None:
    torch.manual_seed(0)
    sizes = dataclasses.replace(tiny.ARCHITECTURE, towers=(tower, dataclasses.replace(tower, width=32)))
    cell, detector = Cell(sizes, MemorySettings()), Detector(48, 3)
    pictures = torch.randint(256, (6, 2, 32, 32, 3), dtype=torch.uint8)
    vision = cell.vision_backbone
    with torch.no_grad():
        for name, parameter in vision.named_parameters():  # large and far from 0, as training leaves them
            if "norm1" not in name and "norm2" not in name:
                parameter.mul_(3).add_(0.2)
        before = detector(vision.features(pictures))
        standardise_towers(vision, detector, pictures)
        features = vision.features(pictures)
        for part in features.split([16, 32], dim=-1):
            assert part.flatten(0, -2).mean(0).abs().max() < 1e-3
            assert part.std().item() == pytest.approx(1, abs=0.01)
        torch.testing.assert_close(detector(features), before, atol=2e-3, rtol=2e-3)
        standardise_projector(cell.projector, vision, pictures)
        projected = cell.projector(features).flatten(0, -2)
        assert projected.mean(0).abs().max() < 1e-3
        assert (projected.std(0) - 1).abs().max() < 0.01
