"""How often 95 % intervals over three training seeds hold a recipe's rate, and tests find a difference that is none.

    python benchmarks/interval_coverage.py

An episode succeeds with probability Phi(recipe + seed + episode): seeds scatter with the standard deviation of the
first column, in probits (at a rate of 0.5 a probit of 0.3 is 0.1 of success), episodes with 0.5, alike for every seed.
Beside the interval of statistics/seeds.py: Wilson's over all episodes, and the percentiles of two cluster bootstraps,
which resample seeds and then either the episodes of each seed, or the same episodes for all (pigeonhole bootstrap, Owen
2007), both joined with Wilson's. docs/verdicts.md has the numbers.
"""

import muvla.cpu  # noqa: F401, I001  (before numpy)
import numpy as np
from scipy.stats import norm

from muvla.report.statistics.paired import paired_over_seeds
from muvla.report.statistics.seeds import rate_over_seeds
from muvla.report.statistics.tests import Estimate, paired_exact, wilson

TRIALS, SEEDS, DRAWS = 2000, 3, 1000
SCATTER = (0.0, 0.1, 0.3, 0.6, 1.0)
EPISODES = 0.5


def outcomes(generator: np.random.Generator, rate: float, scatter: float, episodes: np.ndarray) -> np.ndarray:
    """Return success of every seed in every episode, (S, E) bool; episodes: their difficulties, (E,)."""
    recipe = norm.ppf(rate) * np.sqrt(1 + scatter**2 + EPISODES**2)
    chance = norm.cdf(recipe + generator.normal(0, scatter, (SEEDS, 1)) + episodes)
    return generator.random((SEEDS, len(episodes))) < chance


def percentiles(draws: np.ndarray, alone: Estimate) -> Estimate:
    """Return the percentile interval joined with Wilson's."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(alone.mean, min(float(low), alone.low), max(float(high), alone.high))


def coverage(rate: float, scatter: float, number: int) -> dict[str, tuple[float, float]]:
    """Return {interval: (share that holds the rate, mean width)} with `number` episodes a seed."""
    generator = np.random.default_rng(0)
    seeds = generator.multinomial(SEEDS, [1 / SEEDS] * SEEDS, DRAWS) / SEEDS  # (R, S)
    shared = generator.multinomial(number, [1 / number] * number, DRAWS) / number  # (R, E)
    found: dict[str, list[tuple[bool, float]]] = {}
    for _ in range(TRIALS):
        success = outcomes(generator, rate, scatter, generator.normal(0, EPISODES, number))
        counts = [(int(one.sum()), number) for one in success]
        alone = wilson(int(success.sum()), success.size, 0.95)
        within = generator.binomial(number, success.mean(axis=1), (DRAWS, SEEDS)) / number
        intervals = {
            "Wilson": alone,
            "seeds, then episodes": percentiles((seeds * within).sum(axis=1), alone),
            "seeds and episodes": percentiles(((seeds @ success) * shared).sum(axis=1), alone),
            "ours": rate_over_seeds(counts, 0.95),
        }
        for name, one in intervals.items():
            found.setdefault(name, []).append((one.low <= rate <= one.high, one.high - one.low))
    return {
        name: (float(np.mean([h for h, _ in all_])), float(np.mean([w for _, w in all_])))
        for name, all_ in found.items()
    }


def false_differences(scatter: float, number: int) -> dict[str, float]:
    """Return {test: share of p < 0.05} for two recipes of one rate, 0.5."""
    generator = np.random.default_rng(1)
    found = {"McNemar": 0, "ours": 0}
    for _ in range(TRIALS):
        episodes = generator.normal(0, EPISODES, number)
        first, second = (
            {
                str(seed): dict(enumerate(map(bool, one)))
                for seed, one in enumerate(outcomes(generator, 0.5, scatter, episodes))
            }
            for _ in range(2)
        )
        flat = [{(seed, e): s for seed, one in policy.items() for e, s in one.items()} for policy in (first, second)]
        found["McNemar"] += paired_exact(*flat).p < 0.05
        found["ours"] += paired_over_seeds(first, second).p < 0.05
    return {name: count / TRIALS for name, count in found.items()}


if __name__ == "__main__":
    for number in (50, 100):
        for rate in (0.5, 0.8, 0.95):
            for scatter in SCATTER:
                cells = "  ".join(
                    f"{name} {held:.3f} ({width:.2f})"
                    for name, (held, width) in coverage(rate, scatter, number).items()
                )
                print(f"{number} episodes, rate {rate}, scatter {scatter}: {cells}", flush=True)
    for scatter in SCATTER:
        cells = "  ".join(f"{name} {share:.3f}" for name, share in false_differences(scatter, 50).items())
        print(f"no difference, scatter {scatter}: {cells}", flush=True)
