"""Is a measured rate the printed one? Decided by a rule that stands in the configuration before anything is run.

With d the measured minus the printed rate:
  reproduced    the interval of d lies within the equivalence margin (two one-sided tests at `significance`, that is
                Newcombe's interval of d with confidence 1 - 2 * significance)
  differs       it does not, and Fisher's exact test of the two samples gives p < significance
  inconclusive  neither: too few episodes to tell
A mini number is no measurement of the paper's policy, so it gets no verdict whatever it is.
"""

from enum import StrEnum
from fractions import Fraction

from statsmodels.stats.proportion import confint_proportions_2indep

from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import two_sample_exact


class Verdict(StrEnum):
    """What can be said about a cell; the value is what the csv holds."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"
    NONE = "none"  # at another scale than the paper's, or where nothing is printed


SIGNS = {
    Verdict.REPRODUCED: "=",
    Verdict.DIFFERS: "≠",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_RUN: "",
    Verdict.NONE: "",
}


def difference_interval(
    successes: int, episodes: int, printed: int, printed_episodes: int, confidence: float
) -> tuple[float, float]:
    """Newcombe's interval (1998, method 10) of the first rate minus the second."""
    low, high = confint_proportions_2indep(
        successes, episodes, printed, printed_episodes, method="newcomb", compare="diff", alpha=1 - confidence
    )
    return max(float(low), -1.0), min(float(high), 1.0)  # rounding can push the ends past what a difference can be


def judge(successes: int, episodes: int, printed: Fraction, printed_episodes: int, rules: Rules) -> Verdict:
    """Decide by the rule above; `printed` is a rate from 0 to 1, taken as the nearest count of its episodes.

    Raises ValueError when the counts or the rate are impossible.
    """
    if not 0 <= printed <= 1 or printed_episodes < 1:
        raise ValueError(f"a printed rate of {printed} over {printed_episodes} episodes is impossible")
    count = round(printed * printed_episodes)
    confidence = 1 - 2 * rules.significance
    low, high = difference_interval(successes, episodes, count, printed_episodes, confidence)
    if -rules.equivalence_margin <= low and high <= rules.equivalence_margin:
        return Verdict.REPRODUCED
    p = two_sample_exact(successes, episodes, count, printed_episodes)
    return Verdict.DIFFERS if p < rules.significance else Verdict.INCONCLUSIVE
