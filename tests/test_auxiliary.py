"""Losses beside the paper's: what they are small for, and where they are silent (spec 14)."""

import dataclasses

import pytest
import torch

import tiny
from muvla.model.architecture import MemorySettings
from muvla.model.auxiliary import (
    NOTHING,
    Detector,
    Visible,
    Weights,
    memory_naming_loss,
    naming_loss,
    pointing,
    slot_words,
)
from muvla.model.window import Window

TABLE = torch.eye(6) * 6  # six words at right angles


def test_naming_wants_all_words_of_a_name_alike() -> None:
    words = torch.tensor([[1, 4], [2, NOTHING], [NOTHING, NOTHING]])
    right = torch.stack([TABLE[1] + TABLE[4], TABLE[2], TABLE[0]])
    half = torch.stack([TABLE[1], TABLE[2], TABLE[0]])
    assert naming_loss(right, words, TABLE) < naming_loss(half, words, TABLE)
    silent = right.clone()
    silent[2] = TABLE[5]  # a row without a name
    assert torch.equal(naming_loss(silent, words, TABLE), naming_loss(right, words, TABLE))
    assert naming_loss(right, torch.full((3, 2), NOTHING), TABLE) == 0


def test_words_are_dealt_out_to_the_slots_in_turn() -> None:
    words = torch.tensor([[1, 4], [2, NOTHING], [NOTHING, NOTHING]])
    assert slot_words(words, 3).tolist() == [[1, 4, 1], [2, 2, 2], [NOTHING] * 3]
    in_turn = TABLE[torch.tensor([[1, 4, 1], [2, 2, 2], [0, 0, 0]])]
    assert memory_naming_loss(in_turn, words, TABLE) < memory_naming_loss(in_turn.flip(0), words, TABLE)


def test_pointing_looks_for_the_patch_in_each_camera_by_itself() -> None:
    pointer, other = TABLE[1], TABLE[2]
    patches = other.repeat(1, 8, 1)  # two cameras of four patches
    patches[0, 3] = patches[0, 4 + 2] = pointer
    loss, right = pointing(patches, torch.tensor([[3, 2]]), pointer)
    assert right == 1
    wrong_loss, wrong = pointing(patches, torch.tensor([[2, 3]]), pointer)
    assert (wrong, bool(wrong_loss > loss)) == (0, True)
    assert pointing(patches, torch.tensor([[3, NOTHING]]), pointer)[1] == 1
    assert pointing(patches, torch.full((1, 2), NOTHING), pointer)[0] == 0


def test_the_detector_says_nothing_about_pictures_whose_contents_are_unknown() -> None:
    torch.manual_seed(0)
    detector, features = Detector(12, 3), torch.randn(2, 2, 4, 12)
    present = torch.zeros(2, 2, 4, 3)
    present[0, 1, 2, 0] = 1
    seen = Visible(present, torch.zeros(2, 2, 4, 3, 2), torch.tensor([True, False]))
    changed = features.clone()
    changed[1] += 1
    assert torch.equal(detector.loss(features, seen), detector.loss(changed, seen))
    changed[0, 1, 2] += 1
    assert not torch.equal(detector.loss(features, seen), detector.loss(changed, seen))


def test_the_losses_are_weighted_and_what_helps_the_memory_fades() -> None:
    data = tiny.batch(2, 2)
    weights = Weights(naming=0.5, pointing=0.25, memory_naming=0.125)
    window = Window(tiny.cell(MemorySettings(num_mem_tokens=3, tbptt_length=2)), weights)
    named = dataclasses.replace(tiny.aids([[[7], [9]]] * 2), places=torch.tensor([[[1, 0], [-100, 3]]] * 2), fade=0.5)
    output = window(dataclasses.replace(data, aids=named), window.cell.memory.start(2))
    parts = {name: part.item() for name, part in output.auxiliary.items()}
    assert set(parts) == {"naming", "pointing", "pointing_right", "memory_naming"}
    expected = 0.5 * parts["naming"] + 0.25 * parts["pointing"] + 0.0625 * parts["memory_naming"]
    assert output.loss.item() == pytest.approx(output.action_loss.item() + expected)
    gone = window(dataclasses.replace(data, aids=dataclasses.replace(named, fade=0.0)), window.cell.memory.start(2))
    assert "memory_naming" not in gone.auxiliary


def test_pictures_that_steps_share_are_seen_once_and_mean_the_same() -> None:
    data = tiny.batch(1, 3)
    window = Window(tiny.cell(MemorySettings()))
    assert data.images is not None
    shared = dataclasses.replace(data, images=data.images[0, :2], picture=torch.tensor([[0, 1, 0]]))
    repeated = dataclasses.replace(data, images=data.images[:, [0, 1, 0]])
    nothing = window.cell.memory.start(3)
    assert torch.allclose(window(shared, nothing).errors, window(repeated, nothing).errors, atol=1e-6)
