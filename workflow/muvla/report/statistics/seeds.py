"""Rates and differences over several training seeds of one recipe.

The outcomes of one policy do not say how the next training would do, so training seeds are clusters. Resampling whole
seeds, each with its episodes, gives a mean the variance that standard_error() computes in closed form, with the
factor S / (S - 1) that a bootstrap of S clusters lacks. Its percentiles cannot be used: three seeds have ten
different resamples. Student's t with S - 1 degrees of freedom takes their place (Cameron, Gelbach and Miller 2008,
Review of Economics and Statistics 90). Episodes are not resampled within seeds as well: their chance is in the scatter
of the seeds already (Davison and Hinkley 1997, section 3.8). An interval is never narrower, and a p-value never
smaller, than what the episodes of these very policies give. docs/verdicts.md has the coverage.
"""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
from scipy.stats import t
from statsmodels.stats.contingency_tables import cochrans_q

from muvla.report.statistics.tests import Episode, Estimate, wilson

Counts = Sequence[tuple[int, int]]  # (successes, episodes) by training seed
BySeed = Mapping[str, tuple[float, int]]  # training seed -> (mean, episodes or pairs)


def standard_error(values: BySeed) -> float:
    """Return the standard error over seeds of the mean over all episodes; 0 with one seed."""
    if len(values) < 2:
        return 0.0
    means, counts = (np.array(column, dtype=float) for column in zip(*values.values(), strict=True))  # (S,) (S,)
    shares = counts / counts.sum()
    squares = shares**2 * (means - shares @ means) ** 2
    return sqrt(len(values) / (len(values) - 1) * float(squares.sum()))


def widened(alone: Estimate, values: BySeed, confidence: float, floor: float) -> Estimate:
    """Widen an interval that knows of episodes only to what the scatter of the seeds gives; within floor and 1."""
    if len(values) < 2:
        return alone
    half = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * standard_error(values)
    return Estimate(
        alone.mean, max(floor, min(alone.low, alone.mean - half)), min(1.0, max(alone.high, alone.mean + half))
    )


def p_over_seeds(mean: float, values: BySeed, *, one_more: bool = False) -> float:
    """Return the two-sided p-value that the mean over seeds is 0; 0, which excludes nothing, with one seed.

    one_more: what the mean was subtracted from comes from one other training, which scatters like these.
    """
    if len(values) < 2:
        return 0.0
    error = standard_error(values) * (sqrt(1 + len(values)) if one_more else 1.0)
    if error == 0:
        return float(mean == 0)
    return float(2 * t.sf(abs(mean) / error, len(values) - 1))


def rate_over_seeds(counts: Counts, confidence: float) -> Estimate:
    """Return the rate over all episodes; with one seed Wilson's interval. Raises ValueError without episodes."""
    alone = wilson(sum(successes for successes, _ in counts), sum(episodes for _, episodes in counts), confidence)
    return widened(alone, rates(counts), confidence, 0.0)


def rates(counts: Counts) -> BySeed:
    """Return the rate of every seed with episodes."""
    return {str(place): (k / n, n) for place, (k, n) in enumerate(counts) if n}


def seeds_disagree(outcomes: Sequence[Mapping[Episode, bool]], significance: float) -> bool:
    """Say whether Cochran's Q test rejects that training seeds have one rate on the episodes that all of them ran."""
    if len(outcomes) < 2:
        return False
    shared = [episode for episode in outcomes[0] if all(episode in one for one in outcomes)]
    matrix = np.array([[one[seed] for one in outcomes] for seed in shared], dtype=int)  # (E, S), E episodes, S seeds
    if not shared or (matrix == matrix[:, :1]).all():
        return False
    return bool(cochrans_q(matrix).pvalue < significance)
