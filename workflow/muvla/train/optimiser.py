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

# tables and read-outs are no linear maps between hidden states: AdamW suits them better
NOT_HIDDEN = ("embed_tokens", "initial_memory", "action_head.model.fc2", "pos_embed", "heads.")


class Optimiser:
    """One or two torch optimisers stepped together under one schedule."""

    def __init__(self, module: nn.Module, settings: Any, updates: int) -> None:
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        hidden = [p for name, p in named if p.ndim == 2 and not any(part in name for part in NOT_HIDDEN)]
        if settings.name == "adamw":
            hidden = []
        elif settings.name != "muon":
            raise ValueError(f"optimiser.name is {settings.name!r}: choose 'muon' or 'adamw'")
        taken = {id(p) for p in hidden}
        rest = [p for _, p in named if id(p) not in taken]
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                rest,
                lr=settings.lr,
                betas=(settings.beta1, settings.beta2),
                weight_decay=settings.weight_decay,
            )
        ]
        if hidden:
            muon = torch.optim.Muon(
                hidden, lr=settings.muon_lr, momentum=0.95, nesterov=True, weight_decay=settings.weight_decay
            )
            self.optimisers.append(muon)
        factor = schedule(settings, updates)
        self.schedules = [LambdaLR(optimiser, factor) for optimiser in self.optimisers]

    def step(self, loss: torch.Tensor) -> None:
        """One update from `loss`, and one step of the schedule."""
        self.backward(loss)
        self.update()

    def backward(self, loss: torch.Tensor, *, add: bool = False) -> None:
        """Gradients of `loss`, alone or added to those that are there."""
        if not add:
            for optimiser in self.optimisers:
                optimiser.zero_grad()
        loss.backward()

    def gradient_norm(self) -> float:
        """Global L2 norm over everything that is trained."""
        parameters = [p for optimiser in self.optimisers for group in optimiser.param_groups for p in group["params"]]
        return float(torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))

    def update(self) -> None:
        """One update from the gradients, and one step of the schedule."""
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


def schedule(settings: Any, updates: int) -> Factor:
    """The schedule that `settings` (an optimiser's configuration) names, "cosine" where it names none.

    Raises ValueError for another name.
    """
    name = settings.get("schedule", "cosine")
    if name == "cosine":
        return cosine(settings.warmup, updates, settings.min_ratio)
    if name == "multistep":
        return multistep(settings.warmup, settings.milestone, settings.decay)
    raise ValueError(f"optimiser.schedule is {name!r}: choose 'cosine' or 'multistep'")


def cosine(warmup: int, updates: int, min_ratio: float) -> Factor:
    """Linear from 0.1 over `warmup` updates, then cosine down to `min_ratio`."""

    def factor(s: int) -> float:
        if s < warmup:
            return 0.1 + 0.9 * s / warmup
        done = min((s - warmup) / max(updates - warmup, 1), 1.0)
        return min_ratio + (1.0 - min_ratio) * 0.5 * (1.0 + math.cos(math.pi * done))

    return factor


def multistep(warmup: int, milestone: int, decay: float) -> Factor:
    """Linear from above 0.1 over `warmup` updates, then 1, and `decay` from update `milestone` on.

    In the release a warm-up switches the decay off (spec 9.1 B6); here both act.
    """

    def factor(s: int) -> float:
        warm = 0.1 + 0.9 * min((s + 1) / warmup, 1.0) if warmup else 1.0
        return warm * (decay if s >= milestone else 1.0)

    return factor
