"""How much tokens attend to each other (spec 4.8, 10): forwards with the softmax weights in sight.

Fused attention has no softmax weights to show, so each layer's are computed beside it, openly, from the same input:
what acts stays as it is, to the bit. Group boundaries follow the row's own prompt (the release takes the longest one's,
spec B11).
L layers, S sequence, R of its tokens that are read, G groups of tokens, V vision tokens, m memory tokens, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from muvla.model.cell import Cell
from muvla.model.layout import TokenLayout
from muvla.model.prompt import Prompt


@dataclass(frozen=True)
class Seen:
    """The first row of one forward: weights (L, S, S) float32, mean over heads; read (R, D), what came out."""

    weights: Tensor
    read: Tensor  # memory tokens first


@contextmanager
def watched(cell: Cell) -> Iterator[list[Seen]]:
    """Append every forward of the language model within the block to the list that is yielded.

    The cell is in evaluation mode meanwhile.
    """
    seen: list[Seen] = []

    def forward_done(weights: list[Tensor], read: Tensor) -> None:
        seen.append(Seen(torch.stack([layer[0].float().mean(dim=0) for layer in weights]), read[0]))

    training = cell.training
    cell.eval()
    cell.language_model.watcher = forward_done
    try:
        yield seen
    finally:
        cell.language_model.watcher = None
        cell.train(training)


@torch.no_grad()
def attention_blocks(
    cell: Cell, vision: Tensor, proprio: Tensor, prompt: Prompt, memory: Tensor
) -> tuple[list[str], Tensor]:
    """Run the first row of a step (arguments as Cell.step) and measure attention between groups of tokens.

    Returns names of the G groups, and their shares (G, G) as group_shares, mean over layers.
    """
    row = Prompt(prompt.ids[:1, : int(prompt.lengths[0]) + 1], prompt.lengths[:1])
    with watched(cell) as seen:
        cell.step(vision[:1], proprio[:1], row, memory[:1])
    return group_shares(seen[0].weights.mean(dim=0), TokenLayout.of(cell.architecture, memory.shape[1], row.lengths))


def layout_of(cell: Cell, length: int) -> TokenLayout:
    """Find where each token stands in a sequence of `length` tokens of one row: what is left is its prompt."""
    memory = cell.settings.num_mem_tokens
    without = TokenLayout.of(cell.architecture, memory, torch.tensor([0])).length
    return TokenLayout.of(cell.architecture, memory, torch.tensor([length - without]))


def group_shares(weights: Tensor, layout: TokenLayout) -> tuple[list[str], Tensor]:
    """Sum attention by groups: weights (..., S, S) of one row -> names of its G groups, and shares (..., G, G).

    Entry [q, k]: what a token of group q gives to all of group k, mean over the tokens of q. Each row sums to 1.
    Without memory there is no group MEM.
    """
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
    columns = torch.stack([part.sum(dim=-1) for part in weights.split(parts, dim=-1)], dim=-1)  # (..., S, G)
    return list(sizes), torch.stack([part.mean(dim=-2) for part in columns.split(parts, dim=-2)], dim=-2)


def to_patches(weights: Tensor, layout: TokenLayout, cameras: int) -> tuple[list[str], Tensor]:
    """Take attention to patches: weights (L, S, S) of one row -> names of Q kinds of queries, (L, Q, cameras, patches).

    What a query gives to each patch, mean over the queries of its kind (the page's wording, spec 10): all memory
    tokens, and all action placeholders. Without memory only the latter.
    """
    start = int(layout.context_lengths[0])
    queries = {"MEM": layout.memory_slice, "ACTION": slice(start, start + layout.actions)}
    if not layout.memory:
        del queries["MEM"]
    patches = weights[:, :, 1 : 1 + layout.vision].unflatten(-1, (cameras, -1))  # (L, S, cameras, patches)
    return list(queries), torch.stack([patches[:, rows].mean(dim=1) for rows in queries.values()], dim=1)
