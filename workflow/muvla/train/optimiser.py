"""Optimiser and schedule. `adamw` is the paper's (spec 4.3); `muon` is the mini scale's.

From random weights AdamW did not ground colours in 500 updates of the mini base, Muon did in 150: hidden matrices get
Muon's orthogonalised momentum, everything else (embeddings, norms, biases, memory, the last layer) AdamW.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from muvla.train.muon import Muon
from muvla.train.scale import OptimiserSettings

# Tables and read-outs are not linear maps between hidden states: AdamW suits them better.
NOT_HIDDEN = ("embed_tokens", "initial_memory", "action_head.model.fc2", "expert.action_out", "pos_embed", "heads.")


class Diverged(ValueError):
    """A loss or a gradient that is NaN or infinite."""


class Optimiser:
    """One or two torch optimisers stepped together under one schedule."""

    def __init__(self, module: nn.Module, settings: OptimiserSettings, updates: int) -> None:
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        hidden = [p for name, p in named if p.ndim == 2 and not any(part in name for part in NOT_HIDDEN)]
        if settings.name == "adamw":
            hidden = []
        taken = {id(p) for p in hidden}
        rest = [p for _, p in named if id(p) not in taken]
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                rest,
                lr=settings.lr,
                betas=(settings.beta1, settings.beta2),
                weight_decay=settings.weight_decay,
                # One kernel of torch's own; the others call MKL's square root, which rounds as the processor likes.
                fused=True,
            )
        ]
        if hidden:
            muon = Muon(hidden, lr=settings.muon_lr, momentum=0.95, nesterov=True, weight_decay=settings.weight_decay)
            self.optimisers.append(muon)
        factor = schedule(settings, updates)
        self.schedules = [LambdaLR(optimiser, factor) for optimiser in self.optimisers]

    def step(self, loss: torch.Tensor) -> None:
        """Compute the gradients of `loss`, update the weights, and advance the schedule."""
        self.backward(loss)
        self.update()

    def backward(self, loss: torch.Tensor, *, add: bool = False) -> None:
        """Compute the gradients of `loss`; add: to those that are there, instead of replacing them.

        Raises Diverged for a loss that is NaN or infinite; the weights are then as they were.
        """
        if not torch.isfinite(loss):
            raise self.diverged("the loss", loss.item())
        if not add:
            for optimiser in self.optimisers:
                optimiser.zero_grad()
        loss.backward()

    def diverged(self, what: str, value: float) -> Diverged:
        """Say that `what` is `value` at the present update."""
        return Diverged(
            f"{what} is {value} at update {self.schedules[0].last_epoch + 1}: the training stops here; look at the "
            "last lines of its metrics, and try a lower learning rate or other data"
        )

    def gradient_norm(self) -> float:
        """Return the global L2 norm of the gradients of everything that is trained."""
        parameters = [p for optimiser in self.optimisers for group in optimiser.param_groups for p in group["params"]]
        return float(torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))

    def update(self) -> None:
        """Update the weights from their gradients, and advance the schedule."""
        for optimiser in self.optimisers:
            optimiser.step()
        for each in self.schedules:
            each.step()

    @property
    def lr(self) -> float:
        return float(self.schedules[0].get_last_lr()[0])

    def state_dict(self) -> dict[str, Any]:
        return {
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "schedules": [schedule.state_dict() for schedule in self.schedules],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        for each, saved in zip(self.schedules, state["schedules"], strict=True):
            each.load_state_dict(saved)


Factor = Callable[[int], float]


def schedule(settings: OptimiserSettings, updates: int) -> Factor:
    """Return the schedule that `settings` name, of a training of so many updates."""
    if settings.schedule == "cosine":
        return cosine(settings.warmup, updates, settings.min_ratio)
    return multistep(settings.warmup, settings.milestone, settings.decay)


def cosine(warmup: int, updates: int, min_ratio: float) -> Factor:
    """Rise linearly from 0.1 over `warmup` updates, then fall as a cosine to `min_ratio`."""

    def factor(s: int) -> float:
        if s < warmup:
            return 0.1 + 0.9 * s / warmup
        done = min((s - warmup) / max(updates - warmup, 1), 1.0)
        return min_ratio + (1.0 - min_ratio) * 0.5 * (1.0 + math.cos(math.pi * done))

    return factor


def multistep(warmup: int, milestone: int, decay: float) -> Factor:
    """Rise linearly from above 0.1 over `warmup` updates, stay at 1, and fall to `decay` at update `milestone`.

    In the release a warm-up switches the decay off (spec 9.1 B6); here both act.
    """

    def factor(s: int) -> float:
        warm = 0.1 + 0.9 * min((s + 1) / warmup, 1.0) if warmup else 1.0
        return warm * (decay if s >= milestone else 1.0)

    return factor
