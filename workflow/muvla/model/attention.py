"""How much each kind of token attends to each other kind (spec 4.8): a diagnostic forward with the weights in sight.

Softmax weights exist only in transformers' eager attention, so it is switched on for this forward; a test of the mask
holds for it as well. Group boundaries follow the row's own prompt (the release takes the longest one's, spec B11).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from muvla.model.cell import Cell, Prompt
from muvla.model.mask import require_mask_honoured


@torch.no_grad()
def attention_blocks(
    cell: Cell, vision: Tensor, proprio: Tensor, prompt: Prompt, memory: Tensor
) -> tuple[list[str], Tensor]:
    """Of the first row of a step (arguments as Cell.step): names of the G groups, and (G, G) shares.

    Entry [q, k]: what a token of group q gives to all of group k, mean over layers, heads and tokens of q.
    Each row sums to 1. Without memory there is no group MEM.
    """
    require_mask_honoured("eager")
    row = Prompt(prompt.ids[:1, : int(prompt.lengths[0]) + 1], prompt.lengths[:1])
    total: list[Tensor] = []

    def add(module: Any, inputs: Any, output: Any) -> None:
        weights = output[1].float().mean(dim=1)[0]  # (S, S), mean over heads
        total[:] = [weights + total[0]] if total else [weights]

    with _eager(cell):
        hooks = [layer.self_attn.register_forward_hook(add) for layer in cell.language_model.layers]
        try:
            _, layout = cell.hidden(vision[:1], proprio[:1], row, memory[:1])
        finally:
            for hook in hooks:
                hook.remove()
    mean = total[0] / len(hooks)
    sizes = {
        "BOS": 1,
        "VISION": layout.vision,
        "PROPRIO": 1,
        "MEM": layout.memory,
        "TEXT": layout.longest_text,
        "ACTION": layout.actions,
        "STOP": 1,
    }
    sizes = {name: size for name, size in sizes.items() if size}
    parts = list(sizes.values())
    columns = torch.stack([part.sum(dim=1) for part in mean.split(parts, dim=1)], dim=1)  # (S, G)
    return list(sizes), torch.stack([part.mean(dim=0) for part in columns.split(parts)])


@contextmanager
def _eager(cell: Cell) -> Iterator[None]:
    training = cell.training
    cell.eval()
    cell.language_model.set_attn_implementation("eager")
    try:
        yield
    finally:
        cell.language_model.set_attn_implementation("sdpa")
        cell.train(training)
