"""Learning-rate schedules (spec 4.3): factors of the peak rate for update s, counted from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

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
