"""What the training of a flow-matching policy will cost: `python -m muvla.train variant=pi05 plan=true`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch

from muvla.checkpoint.flow import digit_ids
from muvla.data.text import Tokenizer
from muvla.model.flow.cell import FlowCell
from muvla.model.flow.work import flow_work
from muvla.model.work import PROMPT
from muvla.train.composed.base import mini_architecture
from muvla.train.composed.scale import ComposedScale
from muvla.train.flow.start import flow_settings
from muvla.train.plan import GB, amounts, planned_budget
from muvla.train.settings import TrainSettings

TFLOP = 1e12


def flow_plan(settings: TrainSettings) -> Iterator[str]:
    """Yield lines of text. Raises ValueError as the training itself would for settings that contradict each other."""
    scale = settings.scale
    assert isinstance(scale, ComposedScale)
    sizes = dataclasses.replace(mini_architecture(scale), cameras=settings.variant.cameras)
    flow, budget = flow_settings(scale.flow), planned_budget(settings)
    with torch.device("meta"):
        cell = FlowCell(sizes, flow, digit_ids(Tokenizer.mini()))
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in cell.named_children()}
    frozen = counts["vision_backbone"]
    trained = sum(counts.values()) - frozen
    work = budget.frames * flow_work(sizes, flow, draws=scale.flow.draws).total
    yield f"{settings.variant.name} at scale {scale.name}, no memory, {flow.steps} steps of denoising"
    yield "sizes                   of the scale"
    yield f"environments            {', '.join(settings.training_environments)}"
    yield f"parameters trained      {trained:>14,}"
    for name in ("expert", "language_model", "projector"):
        yield f"  {name:22}{counts[name]:>14,}"
    yield f"parameters frozen       {frozen:>14,}  (the towers)"
    yield from amounts(settings.budget, budget)
    yield f"checkpoint              {2 * (trained + frozen) / GB:>12.3f} GB of tensors"
    yield f"saved state             {3 * 4 * trained / GB:>12.3f} GB"
    yield f"computation             {work / TFLOP:>12.1f} TFLOP  (estimate, prompts of {PROMPT} tokens)"
