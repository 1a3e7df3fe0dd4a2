"""K steps of the cell and one loss: the module that is trained, and that data-parallel training wraps whole (spec 2).

Every trainable tensor lives inside, so it is broadcast at the start and its gradient is reduced with the others.
K steps, B slots, F vision features, C chunk, A action dimensions, P proprio, m memory tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from muvla.model.auxiliary import (
    Aids,
    Detector,
    Weights,
    memory_naming_loss,
    naming_loss,
    pointing,
    rehearsed_memory,
)
from muvla.model.cell import STOP_ID, Cell, StepOutput
from muvla.model.lean import joined
from muvla.model.prompt import Prompt

NO_WEIGHTS = Weights()


@dataclass(frozen=True)
class WindowBatch:
    """K consecutive steps of B slots. Exactly one of `images` and `features` is given.

    images (K, B, cameras, H, W, 3) uint8; features (K, B, V, W0+W1) of frozen towers; proprio (K, B, P) and
    actions (K, B, C, A) normalised; is_first (K, B) bool; prompts: one per step, each with B rows.
    picture (K, B): where several steps share an observation, which of `images` (U, cameras, H, W, 3) each one sees.
    aids: what the auxiliary losses need; None where there are none. acted (K, B) bool: steps whose actions are learned;
    None: all. horizon: steps through which the gradient flows back; None: all K.
    """

    proprio: Tensor
    actions: Tensor
    is_first: Tensor
    prompts: list[Prompt]
    images: Tensor | None = None
    features: Tensor | None = None
    picture: Tensor | None = None
    aids: Aids | None = None
    acted: Tensor | None = None
    horizon: int | None = None


@dataclass(frozen=True)
class WindowOutput:
    """Results of a window.

    loss: mean over the K steps, with gradient; action_loss its part that the paper has, detached; auxiliary: the
    other parts before they are weighted, and the share of patches pointed at rightly, all detached;
    errors (K, B, C, A) absolute; memory (B, m, D) detached; read_out (K, m, D): slot 0's after each step, detached.

    memory_in, memory_out: of each step, with gradient after backward; empty without `measure_memory`.
    """

    loss: Tensor
    action_loss: Tensor
    auxiliary: dict[str, Tensor]
    errors: Tensor
    memory: Tensor
    read_out: Tensor
    memory_in: list[Tensor]
    memory_out: list[Tensor]


class Window(nn.Module):
    """One call = one truncated window: gradients flow back through its K steps and stop at its start.

    The loss is the paper's, the L1 error of the chunk, plus what `weights` ask for at the mini scale (auxiliary.py). At
    paper scale they are 0 and no logits are computed. detector: trained along where pictures' contents are known.
    """

    def __init__(self, cell: Cell, weights: Weights = NO_WEIGHTS, detector: Detector | None = None) -> None:
        super().__init__()
        self.cell = cell
        self.weights = weights
        self.detector = detector

    def forward(self, batch: WindowBatch, memory: Tensor, measure_memory: bool = False) -> WindowOutput:
        """Run the window from memory (B, m, D), the state left by the previous one; it gets no gradient.

        measure_memory: keep the gradients of every step's memory, for metrics.
        """
        steps, slots = batch.is_first.shape
        vision, auxiliary = self._see(batch)
        prepared = self.cell.prepare(vision.unflatten(0, (steps, slots)), batch.proprio, batch.prompts)
        layers = joined(self.cell.language_model)
        horizon = batch.horizon or steps
        features: list[Tensor] = []
        memories: list[Tensor] = []
        seen: list[Tensor] | None = [] if batch.aids is not None and self.weights.pointing else None
        watched: tuple[list[Tensor], list[Tensor]] = ([], [])
        for k in range(steps):
            if k % horizon == 0:
                memory = memory.detach()
            memory_in = self.cell.memory.reset(memory, batch.is_first[k])
            if batch.aids is not None and memory.shape[1]:
                table = self.cell.language_model.embed_tokens.weight
                memory_in = rehearsed_memory(memory_in, batch.aids.words[k], batch.aids.rehearsed[k], table)
            found, memory_out = self.cell.run(prepared[k], memory_in, layers, seen)
            features.append(found)
            memories.append(memory_out)
            if measure_memory:
                for tensor, kept in zip((memory_in, memory_out), watched, strict=True):
                    if tensor.requires_grad:
                        tensor.retain_grad()
                    kept.append(tensor)
            memory = self.cell.memory.update(memory_in, memory_out)
        read = torch.stack(features)  # (K, B, C*A, D)
        actions = self.cell.action_head(read.flatten(0, 1)).unflatten(0, (steps, slots))
        errors = (actions - batch.actions).abs()
        action_loss = errors.mean() if batch.acted is None else errors[batch.acted].mean()
        if batch.aids is not None:
            auxiliary |= self._auxiliary(read[:, :, 0].flatten(0, 1), memories, seen, batch.aids)
        fade = 1.0 if batch.aids is None else batch.aids.fade
        weights = vars(self.weights) | {"memory_naming": self.weights.memory_naming * fade}
        loss = action_loss + sum(weights[name] * part for name, part in auxiliary.items() if name in weights)
        return WindowOutput(
            loss,
            action_loss.detach(),
            {name: part.detach() for name, part in auxiliary.items()},
            errors.detach(),
            memory.detach(),
            torch.stack([tokens[0].detach() for tokens in memories]),
            *watched,
        )

    def _auxiliary(
        self, texts: Tensor, memories: list[Tensor], seen: list[Tensor] | None, aids: Aids
    ) -> dict[str, Tensor]:
        """Compute the losses about the objects of all steps, unweighted; those with weight 0 are left out.

        texts (K*B, D), the last TEXT tokens; of each step memories (B, m, D) and seen (B, V, D).
        """
        table, words, weights = self.cell.language_model.embed_tokens.weight, aids.words.flatten(0, 1), self.weights
        found: dict[str, Tensor] = {}
        if weights.naming:
            found["naming"] = naming_loss(texts, words, table)
        if seen is not None:
            # STOP's embedding is in every checkpoint, and no patch has another use for it
            places = aids.places.flatten(0, 1)
            found["pointing"], found["pointing_right"] = pointing(torch.cat(seen), places, table[STOP_ID])
        if weights.memory_naming and aids.fade and memories[0].shape[1]:
            found["memory_naming"] = memory_naming_loss(torch.cat(memories), words, table)
        return found

    def step(self, batch: WindowBatch, memory: Tensor, *, patches: bool = False) -> StepOutput:
        """Act at the window's first step, from its memory (B, m, D); patches as in Cell.step."""
        return self.cell.step(self.vision(batch), batch.proprio[0], batch.prompts[0], memory, patches=patches)

    def vision(self, batch: WindowBatch) -> Tensor:
        """See all frames of a window at once: vision tokens (K*B, V, D)."""
        return self._see(batch)[0]

    def _see(self, batch: WindowBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the vision tokens (K*B, V, D) and, where it is asked for, the detector's loss."""
        if batch.features is not None:
            return self.cell.projector(batch.features.flatten(0, 1)), {}
        if batch.images is None:
            raise ValueError("a window needs images, or features of frozen towers")
        if batch.picture is None:
            return self.cell.see(batch.images.flatten(0, 1)), {}
        features = self.cell.vision_backbone.features(batch.images)  # (U, cameras, P, W0+W1)
        vision = self.cell.projector(features.flatten(1, 2))[batch.picture.flatten()]
        if self.detector is None or batch.aids is None or batch.aids.seen is None:
            return vision, {}
        return vision, {"detection": self.detector.loss(features, batch.aids.seen)}
