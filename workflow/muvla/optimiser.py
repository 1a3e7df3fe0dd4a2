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
        schedule = cosine(settings.warmup, updates, settings.min_ratio)
        self.schedules = [LambdaLR(optimiser, schedule) for optimiser in self.optimisers]

    def step(self, loss: torch.Tensor) -> None:
        """One update from `loss`, and one step of the schedule."""
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()
        for schedule in self.schedules:
            schedule.step()

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
        for schedule, saved in zip(self.schedules, state["schedules"], strict=True):
            schedule.load_state_dict(saved)


def cosine(warmup: int, updates: int, min_ratio: float) -> Callable[[int], float]:
    """Learning-rate factor of update s: linear from 0.1 over `warmup`, then cosine down to `min_ratio` (spec 4.3)."""

    def factor(s: int) -> float:
        if s < warmup:
            return 0.1 + 0.9 * s / warmup
        done = min((s - warmup) / max(updates - warmup, 1), 1.0)
        return min_ratio + (1.0 - min_ratio) * 0.5 * (1.0 + math.cos(math.pi * done))

    return factor
