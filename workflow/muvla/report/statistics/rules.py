"""The margins, probabilities and seeds of the statistics: fixed in the configuration before anything is measured.

workflow/schemas/config.schema.yaml describes and checks every entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict


@dataclass(frozen=True)
class Rules:
    """Section `statistics` of the configuration."""

    confidence: float
    resamples: int
    bootstrap_seed: int
    significance: float
    equivalence_margin: float
    printed_episodes: dict[str, int]  # printed table -> episodes behind each of its cells


class Target(TypedDict):
    """What success in one environment was to be; a limit that is absent was not set."""

    environment: str
    memory_at_least: NotRequired[float]
    baseline_at_least: NotRequired[float]
    baseline_at_most: NotRequired[float]
    gain_at_least: NotRequired[float]  # memory minus baseline


@dataclass(frozen=True)
class Effect:
    """Section `effect` of the configuration: the policies between which an effect of memory is claimed."""

    environments: Sequence[str]
    memory: str
    baseline: str
    oracle: str
    picked: bool  # `memory` was named after its results were seen
    targets: Sequence[Target]
