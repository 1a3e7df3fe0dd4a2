"""The margins, probabilities and seeds of the statistics: fixed in the configuration before anything is measured.

workflow/schemas/config.schema.yaml describes and checks every entry.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """Section `statistics` of the configuration."""

    confidence: float
    resamples: int
    bootstrap_seed: int
    significance: float
    equivalence_margin: float
    printed_episodes: dict[str, int]  # printed table -> episodes behind each of its cells


@dataclass(frozen=True)
class Targets:
    """Section `effect.targets`: what the effect must show to count as reproduced at its scale."""

    with_memory_at_least: float
    without_at_most: float
    p_below: float
    episodes_at_least: int
