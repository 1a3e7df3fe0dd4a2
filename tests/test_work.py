"""The one model of the work of a training, against what torch counts while it runs."""

import dataclasses

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import tiny
from muvla.model.architecture import Architecture, MemorySettings, Tower
from muvla.model.cell import Cell
from muvla.model.flow.cell import FlowCell
from muvla.model.flow.expert import FlowSettings
from muvla.model.flow.window import FlowWindow
from muvla.model.flow.work import flow_work
from muvla.model.lora import LoraSettings, add_adapters
from muvla.model.window import Window, WindowBatch
from muvla.model.work import training_work
from muvla.options import read
from muvla.train.composed.base import mini_architecture
from muvla.train.composed.scale import ComposedScale
from muvla.train.settings import TrainSettings

STEPS, SLOTS, PROMPT, TOKENS, RANK = 2, 3, 9, 5, 4


def sizes() -> Architecture:
    scale = read(TrainSettings, ["scale=mini"]).scale
    assert isinstance(scale, ComposedScale)
    towers = (  # with the tokens that only DINOv2 has
        Tower(64, 16, 64, 3, 4, 128, class_token=True, reg_tokens=4),
        Tower(64, 16, 48, 3, 4, 160),
    )
    return dataclasses.replace(mini_architecture(scale), towers=towers)


def batch(cell: Cell, images: bool) -> WindowBatch:
    made = tiny.batch(STEPS, SLOTS)
    vision = cell.architecture.cameras * cell.architecture.patches
    return dataclasses.replace(
        made,
        images=torch.randint(0, 256, (STEPS, SLOTS, 2, 64, 64, 3), dtype=torch.uint8) if images else None,
        features=None if images else torch.randn(STEPS, SLOTS, vision, cell.architecture.vision_width),
        prompts=[tiny.prompt([PROMPT] * SLOTS)] * STEPS,
    )


def counted(cell: Cell, images: bool) -> tuple[float, float]:
    """Operations per frame that torch counts in forward and in backward."""
    window, memory = Window(cell.train()), cell.memory.start(SLOTS)
    given = batch(cell, images)
    # torch counts the attention of the plain implementation only
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as forward:
        loss = window(given, memory).loss
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as backward:
        loss.backward()
    frames = STEPS * SLOTS
    return forward.get_total_flops() / frames, backward.get_total_flops() / frames


@pytest.mark.parametrize("checkpointed", [False, True])
def test_adapters_on_a_frozen_backbone_from_pictures(checkpointed: bool) -> None:
    cell = Cell(sizes(), MemorySettings(num_mem_tokens=TOKENS, tbptt_length=STEPS))
    add_adapters(cell, LoraSettings(rank=RANK, alpha=2))
    cell.checkpoint_activations(checkpointed)
    expected = training_work(sizes(), TOKENS, prompt=PROMPT, rank=RANK, checkpointed=checkpointed)
    forward, backward = counted(cell, images=True)
    assert forward == pytest.approx(expected.forward, rel=0.002)
    assert backward == pytest.approx(expected.backward + expected.repeated, rel=0.002)
    assert bool(expected.repeated) == checkpointed


def test_a_policy_trained_whole_on_features() -> None:
    cell = Cell(sizes(), MemorySettings(num_mem_tokens=TOKENS, tbptt_length=STEPS))
    cell.vision_backbone.requires_grad_(False)
    expected = training_work(sizes(), TOKENS, prompt=PROMPT, rank=None)
    forward, backward = counted(cell, images=False)
    assert forward == pytest.approx(expected.forward, rel=0.002)
    assert backward == pytest.approx(expected.backward, rel=0.002)


def test_a_flow_matching_policy_on_features() -> None:
    flow = FlowSettings(width=32, mlp_hidden=64)
    cell = FlowCell(sizes(), flow, range(10))
    cell.vision_backbone.requires_grad_(False)
    one = dataclasses.replace(tiny.batch(1, SLOTS), prompts=[tiny.prompt([PROMPT] * SLOTS)], images=None)
    vision = torch.randn(
        1, SLOTS, cell.architecture.cameras * cell.architecture.patches, cell.architecture.vision_width
    )
    window = FlowWindow(cell, draws=2)
    with FlopCounterMode(display=False) as forward:
        loss = window(dataclasses.replace(one, features=vision), cell.memory.start(SLOTS)).loss
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    expected = flow_work(sizes(), flow, draws=2, prompt=PROMPT)
    assert forward.get_total_flops() / SLOTS == pytest.approx(expected.forward, rel=0.002)
    assert backward.get_total_flops() / SLOTS == pytest.approx(expected.backward, rel=0.005)
