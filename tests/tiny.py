"""A policy of a few thousand parameters with random weights, for tests of shapes, gradients and files."""

import torch

from muvla.data.text import Tokenizer
from muvla.model.architecture import Architecture, MemorySettings, Tower
from muvla.model.auxiliary import Aids
from muvla.model.cell import Cell
from muvla.model.prompt import Prompt
from muvla.model.window import WindowBatch

TOWER = Tower(image_size=16, patch_size=8, width=12, depth=2, heads=2, mlp_hidden=24)
ARCHITECTURE = Architecture(
    towers=(TOWER, TOWER), cameras=2, width=16, layers=2, heads=2, mlp_hidden=32,
    vocab_size=Tokenizer.mini().vocab_size, proprio_dim=7, pad_id=Tokenizer.mini().pad_id,
)  # fmt: skip


def cell(settings: MemorySettings, seed: int = 0) -> Cell:
    """The tiny policy with these memory settings; same seed, same weights."""
    torch.manual_seed(seed)
    tiny = Cell(ARCHITECTURE, settings)
    with torch.no_grad():  # transformers' and our own initial memory are too small to show an effect
        tiny.memory.initial_memory.normal_(0, 1)
        for parameter in tiny.language_model.layers.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0, 0.3)
    return tiny.eval()


def prompt(lengths: list[int]) -> Prompt:
    """Random prompts with these many tokens after BOS, padded on the right."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.full((len(lengths), max(lengths) + 1), ARCHITECTURE.pad_id)
    for row, n in enumerate(lengths):
        ids[row, 0] = 1
        ids[row, 1 : n + 1] = torch.randint(3, 100, (n,), generator=generator)
    return Prompt(ids, torch.tensor(lengths))


def batch(steps: int, slots: int, seed: int = 2) -> WindowBatch:
    """Random pictures, proprio and actions; every slot begins an episode at step 0."""
    generator = torch.Generator().manual_seed(seed)
    is_first = torch.zeros(steps, slots, dtype=torch.bool)
    is_first[0] = True
    return WindowBatch(
        images=torch.randint(256, (steps, slots, 2, 16, 16, 3), dtype=torch.uint8, generator=generator),
        proprio=torch.randn(steps, slots, 7, generator=generator),
        actions=torch.rand(steps, slots, 8, 7, generator=generator) * 2 - 1,
        is_first=is_first,
        prompts=[prompt([5] * slots)] * steps,
    )


def aids(words: list[list[list[int]]], rehearsed: list[list[bool]] | None = None) -> Aids:
    """Words (K, B, W) of the objects, seen in no picture; rehearsed (K, B): nowhere unless given."""
    ids = torch.tensor(words)
    told = torch.zeros(ids.shape[:2], dtype=torch.bool) if rehearsed is None else torch.tensor(rehearsed)
    return Aids(ids, torch.full((*ids.shape[:2], ARCHITECTURE.cameras), -100), told)
