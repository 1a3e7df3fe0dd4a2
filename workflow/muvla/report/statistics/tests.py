"""Intervals and tests for success rates; a rate is a fraction from 0 to 1.

Confidence, resamples and seeds are arguments everywhere: the configuration fixes them (rules.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint


class Estimate(NamedTuple):
    """A rate, or a difference of rates, with the two ends of its interval."""

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


def _percentile(mean: float, draws: np.ndarray, confidence: float) -> Estimate:
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(mean, float(low), float(high))


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
    return _percentile(float(rates.mean()), draws.mean(axis=1), confidence)


def paired_average(pairs: Sequence[Paired], *, confidence: float, resamples: int, seed: int) -> Estimate:
    """Average over environments of the difference between two policies on the same seeds.

    The interval is the percentile bootstrap that resamples seeds, both outcomes together, within each environment: a
    multinomial draw of how many pairs only the first, only the second, or both or neither won.
    Raises ValueError without environments.
    """
    if not pairs:
        raise ValueError("no average without an environment in which both policies were run on the same seeds")
    generator = np.random.default_rng(seed)
    draws = np.zeros(resamples)
    for one in pairs:
        shares = np.array([one.only_first, one.only_second, one.both + one.neither]) / one.pairs
        drawn = generator.multinomial(one.pairs, shares, size=resamples)  # (resamples, 3)
        draws += (drawn[:, 0] - drawn[:, 1]) / one.pairs
    mean = float(np.mean([one.difference for one in pairs]))
    return _percentile(mean, draws / len(pairs), confidence)
