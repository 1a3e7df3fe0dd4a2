"""Intervals and tests for success rates; a rate is a fraction from 0 to 1.

Confidence, resamples and seeds are arguments everywhere: the configuration fixes them (rules.py).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

Episode = TypeVar("Episode", bound=Hashable)


class Estimate(NamedTuple):
    """A rate, or a difference of rates, with the two ends of its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """Two policies on the same seeds: in how many episodes which of them succeeded, and the p-value.

    of_seed: training seed -> (difference, pairs), where there are training seeds (paired.py).
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    of_seed: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def pairs(self) -> int:
        """Seeds on which both have an outcome."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Rate of the first minus rate of the second."""
        return (self.only_first - self.only_second) / self.pairs


def wilson(successes: int, episodes: int, confidence: float) -> Estimate:
    """Success rate with Wilson's score interval (Wilson 1927). Raises ValueError without episodes."""
    if not 0 <= successes <= episodes or episodes == 0:
        raise ValueError(f"{successes} successes of {episodes} episodes have no rate")
    low, high = proportion_confint(successes, episodes, alpha=1 - confidence, method="wilson")
    mean = successes / episodes
    # At 0 of n and n of n rounding can push the end past the rate itself.
    return Estimate(mean, min(max(float(low), 0.0), mean), max(min(float(high), 1.0), mean))


def two_sample_exact(first: int, first_episodes: int, second: int, second_episodes: int) -> float:
    """Two-sided p-value of Fisher's exact test that two independent samples have one rate.

    Raises ValueError without episodes.
    """
    if not 0 <= first <= first_episodes or not 0 <= second <= second_episodes or not first_episodes * second_episodes:
        raise ValueError(f"{first} of {first_episodes} and {second} of {second_episodes} episodes cannot be compared")
    table = [[first, first_episodes - first], [second, second_episodes - second]]
    return float(fisher_exact(table).pvalue)


def paired_exact(first: Mapping[Episode, bool], second: Mapping[Episode, bool]) -> Paired:
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
    neither = len(seeds) - both - only_first - only_second
    return Paired(both, only_first, only_second, neither, two_sided_sign(only_first, only_second))


def two_sided_sign(more: int, less: int) -> float:
    """Two-sided p-value of the exact sign test: `more` pairs went one way and `less` the other; 1 without pairs."""
    return float(binomtest(more, more + less, 0.5).pvalue) if more + less else 1.0


def holm(p_values: Sequence[float], family: int) -> list[float]:
    """Adjust p-values for a family of tests (Holm 1979), in the given order.

    family: how many tests were planned; those that were not made count as p = 1, so that what is left out does not
    make the rest look better. Raises ValueError when more tests were made than planned.
    """
    if len(p_values) > family:
        raise ValueError(f"{len(p_values)} tests were made where {family} were planned")
    if not p_values:
        return []
    padded = [*p_values, *[1.0] * (family - len(p_values))]
    return [float(p) for p in multipletests(padded, method="holm")[1][: len(p_values)]]


def stratified_average(cells: Sequence[tuple[int, int]], *, confidence: float, resamples: int, seed: int) -> Estimate:
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
