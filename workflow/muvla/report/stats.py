"""Intervals and tests for success rates; a rate is a fraction from 0 to 1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
RESAMPLES = 10_000


class Estimate(NamedTuple):
    """A rate with the two ends of its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """Two policies on the same seeds: in how many episodes which of them succeeded, and the exact p-value."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float

    @property
    def pairs(self) -> int:
        """Seeds on which both have an outcome."""
        return self.both + self.only_first + self.only_second + self.neither


def wilson(successes: int, episodes: int, confidence: float = CONFIDENCE) -> Estimate:
    """Success rate with Wilson's score interval (Wilson 1927). Raises ValueError without episodes."""
    if not 0 <= successes <= episodes or episodes == 0:
        raise ValueError(f"{successes} successes of {episodes} episodes have no rate")
    low, high = proportion_confint(successes, episodes, alpha=1 - confidence, method="wilson")
    mean = successes / episodes
    # At 0 of n and n of n rounding can push the end past the rate itself.
    return Estimate(mean, min(max(float(low), 0.0), mean), max(min(float(high), 1.0), mean))


def paired_exact(first: Mapping[int, bool], second: Mapping[int, bool]) -> Paired:
    """McNemar's exact test: outcomes by seed of two policies, two-sided binomial on the discordant pairs.

    Only seeds with an outcome in both count; p is 1 when no pair is discordant.
    Raises ValueError when no seed is shared.
    """
    seeds = first.keys() & second.keys()
    if not seeds:
        raise ValueError("the two policies share no seed: evaluate both on the same episodes to pair them")
    both = sum(first[seed] and second[seed] for seed in seeds)
    only_first = sum(first[seed] and not second[seed] for seed in seeds)
    only_second = sum(second[seed] and not first[seed] for seed in seeds)
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return Paired(both, only_first, only_second, len(seeds) - both - discordant, p)


def stratified_average(
    cells: Sequence[tuple[int, int]],
    seed: int = 0,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Average over environments of their success rates, each counting the same whatever its episodes.

    cells: (successes, episodes) of every environment. The interval is the percentile bootstrap that resamples
    the episodes within each environment; resampling n outcomes of which s are 1 is one binomial draw of n at
    s/n. Where every cell is at 0 or 1 nothing varies and the interval has no width: read those cells' own
    intervals instead. Raises ValueError without cells or with an empty one.
    """
    if not cells or any(not 0 <= successes <= episodes or episodes == 0 for successes, episodes in cells):
        raise ValueError(f"no average over {list(cells)}: every environment needs at least one episode")
    successes, episodes = np.array(cells, dtype=np.int64).T  # (E,) (E,), E environments
    rates = successes / episodes
    draws = np.random.default_rng(seed).binomial(episodes, rates, size=(resamples, len(cells))) / episodes
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws.mean(axis=1), [tail, 1 - tail])
    return Estimate(float(rates.mean()), float(low), float(high))
