"""K steps of the cell and one loss: the module that is trained, and that data-parallel training wraps whole (spec 2).

Every trainable tensor lives inside, so it is broadcast at the start and its gradient is reduced with the others.
K steps, B slots, F vision features, C chunk, A action dimensions, P proprio, m memory tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from muvla.model.cell import Cell
from muvla.model.lean import joined
from muvla.model.prompt import Prompt


@dataclass(frozen=True)
class WindowBatch:
    """K consecutive steps of B slots. Exactly one of `images` and `features` is given.

    images (K, B, cameras, H, W, 3) uint8; features (K, B, V, W0+W1) of frozen towers; proprio (K, B, P) and
    actions (K, B, C, A) normalised; is_first (K, B) bool; prompts: one per step, each with B rows.
    words (K, B) int64: the word that each step should name (see `Window`), -100 where there is none.
    """

    proprio: Tensor
    actions: Tensor
    is_first: Tensor
    prompts: list[Prompt]
    words: Tensor | None = None
    images: Tensor | None = None
    features: Tensor | None = None


@dataclass(frozen=True)
class WindowOutput:
    """Results of a window.

    loss: mean over the K steps, with gradient; action_loss and naming_loss its parts, detached;
    errors (K, B, C, A) absolute; memory (B, m, D) detached; read_out (K, m, D): slot 0's after each step, detached.

    memory_in, memory_out: of each step, with gradient after backward; empty without `measure_memory`.
    """

    loss: Tensor
    action_loss: Tensor
    naming_loss: Tensor
    errors: Tensor
    memory: Tensor
    read_out: Tensor
    memory_in: list[Tensor]
    memory_out: list[Tensor]


class Window(nn.Module):
    """One call = one truncated window: gradients flow back through its K steps and stop at its start.

    The loss is the paper's, the L1 error of the chunk. At the mini scale `naming` adds a cross-entropy: at the last
    TEXT token the hidden state names, against the word embeddings, the object the episode is about. At paper scale it
    is 0 and no logits are computed.
    """

    def __init__(self, cell: Cell, naming: float = 0.0) -> None:
        super().__init__()
        self.cell = cell
        self.naming = naming

    def forward(self, batch: WindowBatch, memory: Tensor, measure_memory: bool = False) -> WindowOutput:
        """Run the window from memory (B, m, D), the state left by the previous one; it gets no gradient.

        measure_memory: keep the gradients of every step's memory, for metrics.
        """
        steps, slots = batch.is_first.shape
        vision = self.vision(batch).unflatten(0, (steps, slots))  # (K, B, V, D)
        prepared = self.cell.prepare(vision, batch.proprio, batch.prompts)
        layers = joined(self.cell.language_model)
        memory = memory.detach()
        features, read_out = [], []
        watched: tuple[list[Tensor], list[Tensor]] = ([], [])
        for k in range(steps):
            memory_in = self.cell.memory.reset(memory, batch.is_first[k])
            found, memory_out = self.cell.run(prepared[k], memory_in, layers)
            features.append(found)
            read_out.append(memory_out[0].detach())
            if measure_memory:
                for tensor, kept in zip((memory_in, memory_out), watched, strict=True):
                    if tensor.requires_grad:
                        tensor.retain_grad()
                    kept.append(tensor)
            memory = self.cell.memory.update(memory_in, memory_out)
        read = torch.stack(features)  # (K, B, C*A, D)
        actions = self.cell.action_head(read.flatten(0, 1)).unflatten(0, (steps, slots))
        errors = (actions - batch.actions).abs()
        action_loss = errors.mean()
        naming_loss = self._naming_loss(read[:, :, 0], batch.words)
        loss = action_loss + self.naming * naming_loss
        return WindowOutput(
            loss,
            action_loss.detach(),
            naming_loss.detach(),
            errors.detach(),
            memory.detach(),
            torch.stack(read_out),
            *watched,
        )

    def _naming_loss(self, texts: Tensor, words: Tensor | None) -> Tensor:
        """Compute the mean cross-entropy, in nats, over the steps that have a word; texts (K, B, D)."""
        if not self.naming or words is None or not (words >= 0).any():
            return texts.new_zeros(())
        table = self.cell.language_model.embed_tokens.weight
        logits = texts.flatten(0, 1) @ table.T / table.shape[1] ** 0.5
        return F.cross_entropy(logits, words.flatten(), ignore_index=-100)

    def vision(self, batch: WindowBatch) -> Tensor:
        """See all frames of a window at once: vision tokens (K*B, V, D)."""
        if batch.features is not None:
            return self.cell.projector(batch.features.flatten(0, 1))
        if batch.images is None:
            raise ValueError("a window needs images, or features of frozen towers")
        return self.cell.see(batch.images.flatten(0, 1))
