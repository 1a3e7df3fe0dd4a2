"""Towers that begin with a stem of small convolutions and know where their patches are (mini scale)."""

import dataclasses
import json
from pathlib import Path

import torch

import tiny
from made_up import BOUNDS
from muvla import checkpoint
from muvla.checkpoint.config_files import preprocessor
from muvla.data.text import Tokenizer
from muvla.model.architecture import MemorySettings, Tower
from muvla.model.cell import Cell
from muvla.model.vision_tower import VisionTower, place_code

STEM = Tower(image_size=32, patch_size=8, width=16, depth=2, heads=2, mlp_hidden=24, stem=(6, 10))


def test_a_stem_gives_a_token_for_every_patch_of_the_patch_size() -> None:
    torch.manual_seed(0)
    tower = VisionTower(STEM)
    tower.patch_embed.norm = torch.nn.Identity()  # which makes a little as large as much
    pixels = torch.zeros(1, 3, 32, 32)
    before = tower.patch_embed(pixels)
    pixels[:, :, 16:24, 8:16] = 3.0  # the patch of row 2, column 1
    moved = (tower.patch_embed(pixels) - before)[0].norm(dim=1).view(4, 4)
    assert before.shape == (1, 16, 16)
    assert moved.argmax() == 2 * 4 + 1
    assert moved[0, 3] == 0  # small convolutions: far patches see nothing of it


def test_every_patch_has_a_place_of_its_own_and_neighbours_have_like_ones() -> None:
    code = place_code(STEM)
    away = torch.cdist(code, code)
    assert away[~torch.eye(16, dtype=torch.bool)].min() > 0.3
    assert away[5, 6] < away[5, 7]  # one column to the right, and two
    assert away[5, 9] < away[5, 13]  # one row down, and two
    assert 1 < code.std() < 2  # beside tokens that begin with deviation 1 and grow


def test_a_checkpoint_keeps_the_stem_and_others_do_not_mention_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = dataclasses.replace(tiny.ARCHITECTURE, towers=(STEM, STEM))
    cell = Cell(sizes, MemorySettings())
    files = {
        "dataset_statistics.json": {"mikasa_combined": {"action": BOUNDS, "proprio": BOUNDS}},
        "preprocessor_config.json": preprocessor(sizes),
        "tokenizer.json": Tokenizer.mini().as_json(),
    }
    checkpoint.save(cell, tmp_path / "stem", step=1, files=files)
    stored = checkpoint.StoredPolicy(tmp_path / "stem")
    assert stored.architecture == sizes
    pictures = torch.randint(256, (1, 2, 32, 32, 3), dtype=torch.uint8)
    theirs = checkpoint.load(stored).vision_backbone.features(pictures)
    assert torch.allclose(theirs, cell.vision_backbone.features(pictures), atol=0.1)  # bfloat16
    checkpoint.save(tiny.cell(MemorySettings()), tmp_path / "patches", step=1, files=files)
    entries = json.loads((tmp_path / "patches" / "config.json").read_text())["towers"]
    assert all("stem" not in entry for entry in entries)
