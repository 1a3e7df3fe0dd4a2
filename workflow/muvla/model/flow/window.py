"""The flow-matching loss of frames: the module that is trained. Nothing is carried from one step to the next.

K steps, B slots (together N frames), R draws of noise and time for each, C chunk, A action dimensions, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from muvla.model.auxiliary import Weights, naming_loss, pointing
from muvla.model.cell import STOP_ID, StepOutput
from muvla.model.flow.cell import FlowCell
from muvla.model.window import NO_WEIGHTS, WindowBatch, WindowOutput

LATEST = 0.999  # times lie in [1 - LATEST, 1] (openpi)
ALPHA = 1.5  # of the Beta(ALPHA, 1) that times are drawn from: noise is shown more often (openpi)


class FlowWindow(nn.Module):
    """One call = the loss of a window's frames: the squared error of the velocity, and what `weights` ask for.

    weights: naming and pointing at the mini scale, as for every variant (auxiliary.py).
    """

    def __init__(self, cell: FlowCell, weights: Weights = NO_WEIGHTS, *, draws: int = 1) -> None:
        super().__init__()
        self.cell, self.weights, self.draws = cell, weights, draws

    def forward(self, batch: WindowBatch, memory: Tensor, measure_memory: bool = False) -> WindowOutput:
        """Compute the loss at noise and times drawn from torch's global generator.

        Memory (B, 0, D) is handed through. The result's errors are of the actions that one step from the drawn time
        gives. Raises ValueError for a window of several steps.
        """
        if len(batch.prompts) != 1:
            raise ValueError(f"a window of {len(batch.prompts)} steps: without memory it has one")
        read = self.cell.read(self.vision(batch), batch.proprio[0], batch.prompts[0])
        actions = batch.actions[0].repeat(self.draws, 1, 1)  # (R*B, C, A)
        noise = torch.randn_like(actions)
        time = drawn_times(len(actions))[:, None, None].to(actions)
        found = self.cell.expert(time * noise + (1 - time) * actions, time[:, 0, 0], read.prefix.repeated(self.draws))
        missed = found - (noise - actions)
        errors = (time * missed).abs().detach().unflatten(0, (self.draws, -1)).mean(0)[None]  # (1, B, C, A)
        missed = missed.unflatten(0, (self.draws, -1))  # (R, B, C, A)
        flow = (missed if batch.acted is None else missed[:, batch.acted[0]]).square().mean()
        auxiliary: dict[str, Tensor] = {}
        table = self.cell.language_model.embed_tokens.weight
        if batch.aids is not None and self.weights.naming:
            auxiliary["naming"] = naming_loss(read.text, batch.aids.words[0], table)
        if batch.aids is not None and self.weights.pointing:
            found_there = pointing(read.patches, batch.aids.places[0], table[STOP_ID])
            auxiliary["pointing"], auxiliary["pointing_right"] = found_there
        weights = vars(self.weights)
        loss = flow + sum(weights[name] * part for name, part in auxiliary.items() if name in weights)
        return WindowOutput(
            loss,
            flow.detach(),
            {name: part.detach() for name, part in auxiliary.items()},
            errors,
            memory.detach(),
            memory[:1].detach(),
            [],
            [],
        )

    def vision(self, batch: WindowBatch) -> Tensor:
        """See all frames of a window: vision tokens (K*B, V, D). Raises ValueError without features."""
        if batch.features is None:
            raise ValueError("a window needs features of frozen towers")
        return self.cell.projector(batch.features.flatten(0, 1))

    @torch.no_grad()
    def step(self, batch: WindowBatch, memory: Tensor) -> StepOutput:
        """Act at the window's only step, from noise that is the same in every call."""
        sizes, rows = self.cell.architecture, batch.proprio.shape[1]
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(rows, sizes.chunk, sizes.action_dim, generator=generator)
        return self.cell.step(self.vision(batch), batch.proprio[0], batch.prompts[0], noise)


def drawn_times(count: int) -> Tensor:
    """Draw times (count,) from Beta(ALPHA, 1), whose distribution function is x ** ALPHA, in [1 - LATEST, 1]."""
    return torch.rand(count) ** (1 / ALPHA) * LATEST + (1 - LATEST)
