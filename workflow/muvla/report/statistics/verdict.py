"""Is a measured rate the printed one? Decided by a rule that stands in the configuration before anything is run.

With d the measured minus the printed rate:
  reproduced    the interval of d lies within the equivalence margin (two one-sided tests at `significance`, that is
                Newcombe's interval of d with confidence 1 - 2 * significance)
  differs       it does not, and Fisher's exact test of the two samples gives p < significance; over several training
                seeds the printed rate is also no likely further training of ours (seeds.py)
  inconclusive  neither: too few episodes to tell
A mini number is no measurement of the paper's policy, so it gets no verdict whatever it is.
"""

from enum import StrEnum
from fractions import Fraction
from math import hypot

from muvla.report.statistics.rules import Rules
from muvla.report.statistics.seeds import Counts, p_over_seeds, rate_over_seeds, rates
from muvla.report.statistics.tests import Estimate, two_sample_exact, wilson


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


def difference_interval(first: Estimate, second: Estimate) -> tuple[float, float]:
    """Return the interval of the first rate minus the second, from their own intervals.

    Of two Wilson intervals it is Newcombe's (1998, method 10); Zou and Donner (2008) for any two.
    """
    difference = first.mean - second.mean
    low = difference - hypot(first.mean - first.low, second.high - second.mean)
    high = difference + hypot(first.high - first.mean, second.mean - second.low)
    return max(low, -1.0), min(high, 1.0)


def judge(counts: Counts, printed: Fraction, printed_episodes: int, rules: Rules) -> Verdict:
    """Decide by the rule above.

    counts: (successes, episodes) by training seed. printed: a rate from 0 to 1, taken as the nearest count of its
    episodes, of one training. Raises ValueError when the counts or the rate are impossible.
    """
    if not 0 <= printed <= 1 or printed_episodes < 1:
        raise ValueError(f"a printed rate of {printed} over {printed_episodes} episodes is impossible")
    count = round(printed * printed_episodes)
    confidence = 1 - 2 * rules.significance
    ours, theirs = rate_over_seeds(counts, confidence), wilson(count, printed_episodes, confidence)
    low, high = difference_interval(ours, theirs)
    if -rules.equivalence_margin <= low and high <= rules.equivalence_margin:
        return Verdict.REPRODUCED
    successes, episodes = (sum(column) for column in zip(*counts, strict=True))
    exact = two_sample_exact(successes, episodes, count, printed_episodes)
    p = max(exact, p_over_seeds(ours.mean - theirs.mean, rates(counts), one_more=True))
    return Verdict.DIFFERS if p < rules.significance else Verdict.INCONCLUSIVE
