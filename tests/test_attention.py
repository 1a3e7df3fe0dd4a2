"""The attention between groups of tokens (spec 4.8): shares that sum to 1 and respect the mask."""

import dataclasses

import pytest
import torch

import tiny
from muvla.model.architecture import MemorySettings
from muvla.model.attention import attention_blocks
from muvla.model.cell import Cell
from muvla.model.prompt import Prompt

MEMORY = MemorySettings(num_mem_tokens=3, tbptt_length=2)


def blocks(cell: Cell, lengths: list[int]) -> tuple[list[str], torch.Tensor]:
    data = tiny.batch(1, len(lengths))
    with torch.no_grad():
        vision = cell.see(data.images[0])
    return attention_blocks(cell, vision, data.proprio[0], tiny.prompt(lengths), cell.memory.start(len(lengths)))


@pytest.mark.parametrize("mode", ["custom", "full"])
def test_rows_sum_to_one_and_context_never_looks_at_actions_under_the_custom_mask(mode: str) -> None:
    cell = tiny.cell(dataclasses.replace(MEMORY, attention_mask_mode=mode))
    names, shares = blocks(cell, [4, 7])
    assert names == ["BOS", "VISION", "PROPRIO", "MEM", "TEXT", "ACTION", "STOP"]
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(7))
    assert (shares >= 0).all()
    to_actions = shares[:5, 5:]
    assert to_actions.max() == 0 if mode == "custom" else to_actions.min() > 0
    assert shares[5:].min() > 0


def test_the_first_row_is_taken_at_its_own_length_and_the_policy_stays_as_it_was() -> None:
    cell = tiny.cell(MEMORY).train()
    data = tiny.batch(1, 2)

    def acts() -> torch.Tensor:
        with torch.no_grad():
            vision = cell.see(data.images[0])
            return cell.step(vision, data.proprio[0], data.prompts[0], cell.memory.start(2)).actions

    before = acts()
    with torch.no_grad():
        vision = cell.see(data.images[0])
    prompt = tiny.prompt([4, 9])
    alone = Prompt(prompt.ids[:1, :5], prompt.lengths[:1])
    shares = [attention_blocks(cell, vision, data.proprio[0], p, cell.memory.start(2))[1] for p in (prompt, alone)]
    torch.testing.assert_close(*shares)
    assert cell.training
    assert torch.equal(acts(), before)


def test_without_memory_there_is_no_such_group() -> None:
    names, shares = blocks(tiny.cell(MemorySettings()), [4])
    assert names == ["BOS", "VISION", "PROPRIO", "TEXT", "ACTION", "STOP"]
    assert shares.shape == (6, 6)
