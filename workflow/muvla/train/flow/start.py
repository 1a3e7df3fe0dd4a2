"""Start a flow-matching policy from the mini base, as π0.5 starts from PaliGemma.

It takes over the base's towers, which stay frozen as for every variant, the projector and the language model with its
words; the base's action head and proprio projector have no place in it, and the expert is new.
"""

from __future__ import annotations

import dataclasses

from muvla.checkpoint import StoredPolicy, load
from muvla.checkpoint.flow import digit_ids
from muvla.model.architecture import MemorySettings
from muvla.model.cell import Cell
from muvla.model.flow.cell import FlowCell
from muvla.model.flow.expert import FlowSettings
from muvla.model.flow.window import FlowWindow
from muvla.train.composed.scale import ComposedScale, FlowStage
from muvla.train.composed.start import start_on, weights_of
from muvla.train.parallel import Group
from muvla.train.settings import TrainSettings
from muvla.train.start import Budget, Start

NOT_TAKEN = ("action_head.", "proprio_projector.", "memory.")  # parts of the base


def flow_start(config: TrainSettings, settings: MemorySettings, budget: Budget, group: Group) -> Start:
    """Load base and frames, and run the frozen towers once over every frame. Raises what composed_start does."""
    assert isinstance(config.scale, ComposedScale)
    base = StoredPolicy(config.base)
    stage = config.scale.flow
    cell = flow_from(load(base), flow_settings(stage), digit_ids(base.tokenizer), cameras=config.variant.cameras)
    window = FlowWindow(cell, weights_of(config.scale), draws=stage.draws)
    return start_on(config, base, window, budget, group)


def flow_from(base: Cell, flow: FlowSettings, digits: list[int], *, cameras: int) -> FlowCell:
    """Put the base's towers, projector and language model beside a new expert, drawn by torch's global generator.

    Raises ValueError when they do not fit.
    """
    sizes = dataclasses.replace(base.architecture, cameras=cameras)
    cell = FlowCell(sizes, flow, digits, preprocessing=base.vision_backbone.preprocessing)
    cell.expert.reset()
    taken = {name: value for name, value in base.state_dict().items() if not name.startswith(NOT_TAKEN)}
    missing = cell.load_state_dict(taken, strict=False)
    new = [name for name in missing.missing_keys if not name.startswith(("expert.", "memory."))]
    if missing.unexpected_keys or new:
        raise ValueError(f"the base does not fit this variant: {missing}")
    return cell


def flow_settings(stage: FlowStage) -> FlowSettings:
    """Read the sizes of the scale's configuration."""
    return FlowSettings(stage.width, stage.mlp_hidden, stage.steps)
