"""One rate against another, and what several such comparisons say of a statement "the first is greater"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muvla.records.file import Cell
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import holm, paired_exact, two_sample_exact
from muvla.report.statistics.verdict import difference_interval

HOLDS, DOES_NOT, NOT_RUN = "holds", "does not hold", "not run"
CANNOT_TELL = "too few episodes to tell"


@dataclass(frozen=True)
class Versus:
    """A comparison of two rates or gaps; same: the rates agree within the equivalence margin.

    difference: of the rates, first minus second; of gaps, the share of episodes with a greater one minus that with a
    smaller one.
    """

    name: str
    first: str
    second: str
    difference: float
    p: float
    same: bool = False


def counts(cell: Cell) -> str:
    """Write the counts of a cell: "36/50"."""
    return f"{cell.successes}/{cell.episodes}"


def versus(name: str, first: Cell, second: Cell, rules: Rules) -> Versus:
    """Compare seed by seed (McNemar's exact test); with Fisher's where the two share no seed."""
    if first.outcomes.keys() & second.outcomes.keys():
        test = paired_exact(first.outcomes, second.outcomes)
        difference, p = test.difference, test.p
    else:
        difference = first.successes / first.episodes - second.successes / second.episodes
        p = two_sample_exact(first.successes, first.episodes, second.successes, second.episodes)
    low, high = difference_interval(
        first.successes, first.episodes, second.successes, second.episodes, 1 - 2 * rules.significance
    )
    same = -rules.equivalence_margin <= low and high <= rules.equivalence_margin
    return Versus(name, counts(first), counts(second), difference, p, same)


def gap_versus(name: str, first: tuple[Cell, Cell], second: tuple[Cell, Cell]) -> Versus | None:
    """Compare two gaps, each of one cell over another: in how many episodes the first is greater, in how many smaller.

    The exact sign test on the seeds that all four share; None when they share none.
    """
    gaps: list[Mapping[int, int]] = []
    for upper, lower in (first, second):
        seeds = upper.outcomes.keys() & lower.outcomes.keys()
        gaps.append({seed: upper.outcomes[seed] - lower.outcomes[seed] for seed in seeds})
    shared = sorted(gaps[0].keys() & gaps[1].keys())
    if not shared:
        return None
    greater = {seed: gaps[0][seed] > gaps[1][seed] for seed in shared}
    smaller = {seed: gaps[0][seed] < gaps[1][seed] for seed in shared}
    test = paired_exact(greater, smaller)
    texts = [f"{counts(upper)} − {counts(lower)}" for upper, lower in (first, second)]
    return Versus(name, texts[0], texts[1], test.difference, test.p)


def judge_all(found: Sequence[Versus], rules: Rules) -> str:
    """Say whether the first is greater in all of them.

    holds: each has p < `significance` and the stated direction. does not hold: one is the same within the margin, or
    has the other direction with p < `significance` after Holm's correction for their number.
    """
    if not found:
        return NOT_RUN
    if all(one.p < rules.significance and one.difference > 0 for one in found):
        return HOLDS
    adjusted = holm([one.p for one in found], len(found))
    against = [p < rules.significance and one.difference < 0 for one, p in zip(found, adjusted, strict=True)]
    return DOES_NOT if any(against) or any(one.same for one in found) else CANNOT_TELL
