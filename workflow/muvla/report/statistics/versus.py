"""One rate against another, and what several such comparisons say of a statement.

The rules are the only ones by which statements of the paper are decided; the configuration fixes their numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from scipy.stats import norm

from muvla.report.sample import Sample
from muvla.report.statistics.paired import (
    average_difference,
    average_rate,
    of_every_part,
    paired_over_seeds,
    share_episodes,
)
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import Estimate, Paired, holm, two_sample_exact
from muvla.report.statistics.verdict import difference_interval

POWER = 0.8  # with which pairs_needed() is to find two equal rates the same


class Answer(StrEnum):
    """What the records say of a statement."""

    HOLDS = "holds"
    DOES_NOT = "does not hold"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Versus:
    """A comparison of two rates or gaps.

    difference: of the rates, first minus second; of gaps, the share of episodes with a greater one minus that with a
    smaller one. narrow: its interval with confidence 1 - 2 * significance, by which equivalence is judged.
    training_seeds: of each side; one says nothing of a recipe. pairs: of episodes, (those of which one alone succeeded,
    all); (0, 0) where episodes are not paired.
    """

    name: str
    first: str
    second: str
    difference: Estimate
    p: float
    narrow: tuple[float, float]
    training_seeds: int
    pairs: tuple[int, int] = (0, 0)

    def same(self, rules: Rules) -> bool:
        """Say whether the two agree within the equivalence margin."""
        return -rules.equivalence_margin <= self.narrow[0] and self.narrow[1] <= rules.equivalence_margin

    def no_worse(self, rules: Rules) -> bool:
        """Say whether the first is not worse by more than the equivalence margin."""
        return -rules.equivalence_margin <= self.narrow[0]

    def pairs_needed(self, rules: Rules) -> int | None:
        """Return how many pairs would show that the two are the same, if they are: in four of five such experiments.

        Two one-sided tests within the margin, for a mean of pairs that are -1, 0 or 1 (normal approximation; Chow, Shao
        and Wang 2008, section 3.1). The share of pairs that differ is taken from these, with one of each kind added.
        None where episodes are not paired. Training seeds that scatter need more, and so does a share of a tenth or
        less: there Newcombe's interval is wider than the approximation (tests/test_stats.py).
        """
        differ, pairs = self.pairs
        if not pairs:
            return None
        quantiles = float(norm.ppf(1 - rules.significance) + norm.ppf((1 + POWER) / 2))
        return ceil(quantiles**2 * (differ + 1) / (pairs + 2) / rules.equivalence_margin**2)


def counts(sample: Sample) -> str:
    """Write the counts of a sample: "36/50"."""
    return f"{sample.successes}/{sample.episodes}"


def described(sample: Sample, rules: Rules) -> str:
    """Write rate, counts, seeds and interval: "0.72 (108/150, 3 seeds; 0.55 to 0.89)", and whether seeds disagree."""
    rate, seeds = sample.rate(rules.confidence), len(sample.by_seed)
    several = f", {seeds} seeds" if seeds > 1 else ""
    differ = ", which disagree" if sample.disagrees(rules.significance) else ""
    return f"{rate.mean:.2f} ({counts(sample)}{several}{differ}; {rate.low:.2f} to {rate.high:.2f})"


def versus(name: str, first: Sample, second: Sample, rules: Rules) -> Versus:
    """Compare episode by episode (paired.py); with Fisher's exact test where the two share no episode.

    Without shared episodes p does not know of training seeds; the interval does.
    """
    texts = (described(first, rules), described(second, rules))
    if share_episodes(first.outcomes, second.outcomes):
        return _paired(name, texts, [paired_over_seeds(first.outcomes, second.outcomes)], rules)

    def interval(confidence: float) -> Estimate:
        one, other = first.rate(confidence), second.rate(confidence)
        return Estimate(one.mean - other.mean, *difference_interval(one, other))

    p = two_sample_exact(first.successes, first.episodes, second.successes, second.episodes)
    return _put(name, texts, interval, p, rules, min(len(first.by_seed), len(second.by_seed)))


def gap_versus(name: str, first: tuple[Sample, Sample], second: tuple[Sample, Sample], rules: Rules) -> Versus | None:
    """Compare two gaps, each of one sample over another: in how many episodes which of them is greater.

    The exact sign test on the episodes that all four share; None when they share none.
    """
    gaps = [_gap(*pair) for pair in (first, second)]
    if not share_episodes(*gaps):
        return None
    greater, smaller = dict[str, Mapping[int, bool]](), dict[str, Mapping[int, bool]]()
    for seed in gaps[0].keys() & gaps[1].keys():
        shared = gaps[0][seed].keys() & gaps[1][seed].keys()
        greater[seed] = {one: gaps[0][seed][one] > gaps[1][seed][one] for one in shared}
        smaller[seed] = {one: gaps[0][seed][one] < gaps[1][seed][one] for one in shared}
    test = paired_over_seeds(greater, smaller)
    texts = (f"{counts(first[0])} − {counts(first[1])}", f"{counts(second[0])} − {counts(second[1])}")
    return _paired(name, texts, [test], rules)


def average_versus(name: str, pairs: Sequence[tuple[Sample, Sample]], rules: Rules) -> Versus:
    """Compare the averages of two variants over environments, each given as the samples of both.

    Raises ValueError where the two share no episode of an environment.
    """
    tests = [paired_over_seeds(first.outcomes, second.outcomes) for first, second in pairs]
    averages = [average_rate([sample.by_seed for sample in column], rules) for column in zip(*pairs, strict=True)]
    texts = [f"{one.mean:.2f} ({one.low:.2f} to {one.high:.2f})" for one in averages]
    return _paired(name, (texts[0], texts[1]), tests, rules)


def _gap(upper: Sample, lower: Sample) -> dict[str, dict[int, int]]:
    """Return the gap of every episode by training seed and evaluation seed."""
    found = {}
    for seed, outcomes in upper.outcomes.items():
        others = lower.outcomes.get(seed, {})
        found[seed] = {episode: success - others[episode] for episode, success in outcomes.items() if episode in others}
    return found


def _paired(name: str, texts: tuple[str, str], tests: Sequence[Paired], rules: Rules) -> Versus:
    p = average_difference(tests, rules.confidence)[1]
    pairs = (sum(one.only_first + one.only_second for one in tests), sum(one.pairs for one in tests))
    seeds = len(of_every_part([one.of_seed for one in tests]))
    return _put(name, texts, lambda confidence: average_difference(tests, confidence)[0], p, rules, seeds, pairs)


def _put(
    name: str,
    texts: tuple[str, str],
    interval: Callable[[float], Estimate],
    p: float,
    rules: Rules,
    training_seeds: int,
    pairs: tuple[int, int] = (0, 0),
) -> Versus:
    narrow = interval(1 - 2 * rules.significance)
    return Versus(name, *texts, interval(rules.confidence), p, (narrow.low, narrow.high), training_seeds, pairs)


def judge_greater(found: Sequence[Versus], rules: Rules) -> Answer:
    """Say whether the first is greater in all of them.

    holds: each has p < `significance` and the stated direction. does not hold: one is the same within the margin, or
    has the other direction with p < `significance` after Holm's correction for their number.
    """
    if found and all(one.p < rules.significance and one.difference.mean > 0 for one in found):
        return Answer.HOLDS
    against = _significantly_less(found, rules) or any(one.same(rules) for one in found)
    return Answer.DOES_NOT if against else Answer.CANNOT_TELL


def judge_same(found: Sequence[Versus], rules: Rules) -> Answer:
    """Say whether the two are the same within the margin in all of them; they are not where one has p < `significance`.

    A difference that is significant and within the margin is the same.
    """
    if found and all(one.same(rules) for one in found):
        return Answer.HOLDS
    different = any(one.p < rules.significance and not one.same(rules) for one in found)
    return Answer.DOES_NOT if different else Answer.CANNOT_TELL


def judge_no_worse(found: Sequence[Versus], rules: Rules) -> Answer:
    """Say whether the first is not worse than the second by more than the margin in all of them.

    It is worse where one is less with p < `significance` after Holm's correction, beyond the margin's reach.
    """
    if found and all(one.no_worse(rules) for one in found):
        return Answer.HOLDS
    worse = [one for one in found if not one.no_worse(rules)]
    return Answer.DOES_NOT if _significantly_less(worse, rules) else Answer.CANNOT_TELL


def _significantly_less(found: Sequence[Versus], rules: Rules) -> bool:
    adjusted = holm([one.p for one in found], len(found))
    return any(p < rules.significance and one.difference.mean < 0 for one, p in zip(found, adjusted, strict=True))
