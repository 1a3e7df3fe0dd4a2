"""Two policies on the same episodes, over the training seeds that both have; averages over environments.

Outcomes are paired by training seed and evaluation seed. The p-value is the larger of two: McNemar's exact test over
all pairs, which says whether these policies differ, and Student's t over the training seeds' differences, which says
whether the recipes do (seeds.py). With one training seed the first stands alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import hypot, sqrt

from muvla.report.statistics.rules import Rules
from muvla.report.statistics.seeds import BySeed, p_over_seeds, widened
from muvla.report.statistics.tests import (
    Estimate,
    Paired,
    paired_exact,
    stratified_average,
    two_sided_sign,
    wilson,
)

Outcomes = Mapping[str, Mapping[int, bool]]  # training seed -> evaluation seed -> success


def paired_over_seeds(first: Outcomes, second: Outcomes) -> Paired:
    """Compare two policies on the episodes that both ran from the same training seed.

    Raises ValueError when there are none.
    """
    shared = {seed: sorted(first[seed].keys() & second[seed].keys()) for seed in first if seed in second}
    test = paired_exact(
        {(seed, episode): first[seed][episode] for seed, episodes in shared.items() for episode in episodes},
        {(seed, episode): second[seed][episode] for seed, episodes in shared.items() for episode in episodes},
    )
    of_seed = {
        seed: (sum(first[seed][one] - second[seed][one] for one in episodes) / len(episodes), len(episodes))
        for seed, episodes in shared.items()
        if episodes
    }
    return replace(test, p=max(test.p, p_over_seeds(test.difference, of_seed)), of_seed=of_seed)


def share_episodes(first: Mapping[str, Mapping[int, object]], second: Mapping[str, Mapping[int, object]]) -> bool:
    """Say whether the two ran some episode from the same training seed."""
    return any(first[seed].keys() & second[seed].keys() for seed in first if seed in second)


def of_every_part(parts: Sequence[BySeed]) -> BySeed:
    """Average each training seed over the parts; only seeds that all parts have."""
    shared = [seed for seed in parts[0] if all(seed in one for one in parts)]
    return {
        seed: (sum(one[seed][0] for one in parts) / len(parts), sum(one[seed][1] for one in parts)) for seed in shared
    }


def average_rate(parts: Sequence[Mapping[str, tuple[int, int]]], rules: Rules) -> Estimate:
    """Average the rates of environments, each given as training seed -> (successes, episodes).

    The interval is that of stratified_average, widened to what the scatter of the training seeds' averages gives.
    Raises ValueError without parts or with an empty one.
    """
    pooled = [(sum(k for k, _ in one.values()), sum(n for _, n in one.values())) for one in parts]
    alone = stratified_average(
        pooled, confidence=rules.confidence, resamples=rules.resamples, seed=rules.bootstrap_seed
    )
    rates = [{seed: (k / n, n) for seed, (k, n) in one.items() if n} for one in parts]
    return widened(alone, of_every_part(rates), rules.confidence, 0.0)


def paired_interval(test: Paired, confidence: float) -> Estimate:
    """Return the difference of one environment with Newcombe's interval for paired rates (1998b, method 10).

    It knows of episodes only. Two Wilson intervals are combined, less their correlation phi; unlike a bootstrap it has
    a width where no pair differs.
    """
    a, b, c, d, n = test.both, test.only_first, test.only_second, test.neither, test.pairs
    first, second = wilson(a + b, n, confidence), wilson(a + c, n, confidence)
    product = (a + b) * (c + d) * (a + c) * (b + d)
    surplus = a * d - b * c
    phi = (max(surplus - n / 2, 0) if surplus > 0 else surplus) / sqrt(product) if product else 0.0
    below, above = (
        (first.mean - first.low, second.high - second.mean),
        (first.high - first.mean, second.mean - second.low),
    )
    low, high = (sqrt(max(x * x - 2 * phi * x * y + y * y, 0.0)) for x, y in (below, above))
    return Estimate(test.difference, max(test.difference - low, -1.0), min(test.difference + high, 1.0))


def average_difference(tests: Sequence[Paired], confidence: float) -> tuple[Estimate, float]:
    """Average the differences of environments; return it with its interval, and the p-value that there is none.

    The environments' intervals are combined as those of independent estimates (Zou and Donner 2008), and widened to
    what the scatter of the training seeds' averages gives. The exact part of p is McNemar's test over the pairs of all
    environments together. Raises ValueError without environments.
    """
    if not tests:
        raise ValueError("no average without an environment in which both policies were run on the same seeds")
    parts = [paired_interval(test, confidence) for test in tests]
    mean = sum(one.mean for one in parts) / len(parts)
    low = mean - hypot(*(one.mean - one.low for one in parts)) / len(parts)
    high = mean + hypot(*(one.high - one.mean for one in parts)) / len(parts)
    of_seed = of_every_part([one.of_seed for one in tests])
    exact = two_sided_sign(sum(one.only_first for one in tests), sum(one.only_second for one in tests))
    return widened(Estimate(mean, low, high), of_seed, confidence, -1.0), max(exact, p_over_seeds(mean, of_seed))
