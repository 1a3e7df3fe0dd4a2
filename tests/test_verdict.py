"""The verdict's rule: equivalence first, then the exact test, and nothing at all for mini numbers."""

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muvla.report.statistics.tests import two_sample_exact, wilson
from muvla.report.statistics.verdict import Verdict, difference_interval, judge
from muvla.report.tables.entry import Shape, Tally
from synthetic_records import RULES


@pytest.mark.parametrize(
    ("successes", "episodes", "printed", "told"),
    [
        (91, 100, "0.93", Verdict.REPRODUCED),
        (0, 100, "0.00", Verdict.REPRODUCED),
        (93, 100, "0.93", Verdict.REPRODUCED),
        (47, 100, "0.47", Verdict.INCONCLUSIVE),  # the same rate, but 100 episodes cannot tell 0.10 there
        (3, 3, "0.93", Verdict.INCONCLUSIVE),
        (70, 100, "0.93", Verdict.DIFFERS),
        (5, 10, "0.93", Verdict.DIFFERS),
        (20_000, 20_000, "0.93", Verdict.DIFFERS),  # significant, and the interval reaches beyond the margin
        (9_600, 10_000, "0.97", Verdict.REPRODUCED),
    ],
)
def test_verdicts_of_known_cells(successes: int, episodes: int, printed: str, told: Verdict) -> None:
    assert judge([(successes, episodes)], Fraction(printed), 100, RULES) is told


@settings(max_examples=200)
@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_a_verdict_is_what_its_two_parts_say(episodes: int, printed_episodes: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, episodes))
    printed = Fraction(data.draw(st.integers(0, printed_episodes)), printed_episodes)
    count = round(printed * printed_episodes)
    verdict = judge([(successes, episodes)], printed, printed_episodes, RULES)
    ours, theirs = (
        wilson(*one, 1 - 2 * RULES.significance) for one in ((successes, episodes), (count, printed_episodes))
    )
    low, high = difference_interval(ours, theirs)
    assert low - 1e-9 <= successes / episodes - printed <= high + 1e-9
    equivalent = max(abs(low), abs(high)) <= RULES.equivalence_margin
    significant = two_sample_exact(successes, episodes, count, printed_episodes) < RULES.significance
    assert verdict is (Verdict.REPRODUCED if equivalent else Verdict.DIFFERS if significant else Verdict.INCONCLUSIVE)
    # Successes and failures are names: exchanged in both samples, nothing changes.
    assert judge([(episodes - successes, episodes)], 1 - printed, printed_episodes, RULES) is verdict
    # A wider margin can only add to what counts as reproduced.
    wider = dataclasses.replace(RULES, equivalence_margin=1.0)
    assert judge([(successes, episodes)], printed, printed_episodes, wider) is Verdict.REPRODUCED


def test_seeds_that_scatter_leave_a_verdict_open() -> None:
    printed = Fraction("0.93")
    assert judge([(70, 100), (71, 100), (69, 100)], printed, 100, RULES) is Verdict.DIFFERS
    # The printed policy was one training: ours reached 0.95 once.
    assert judge([(95, 100), (70, 100), (45, 100)], printed, 100, RULES) is Verdict.INCONCLUSIVE
    assert judge([(210, 300)], printed, 100, RULES) is Verdict.DIFFERS
    assert judge([(186, 200), (187, 200), (185, 200)], printed, 100, RULES) is Verdict.REPRODUCED
    assert judge([(200, 200), (187, 200), (171, 200)], printed, 100, RULES) is Verdict.INCONCLUSIVE


def test_an_impossible_print_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        judge([(1, 2)], Fraction(93), 100, RULES)


@pytest.mark.parametrize(
    ("tally", "told"),
    [
        (Tally({"": (91, 100)}, "", "paper", 1, 1), Verdict.REPRODUCED),
        (Tally({"": (91, 100)}, "ps", "paper", 1, 1), Verdict.REPRODUCED),
        (Tally({"": (91, 100)}, "", "mini", 1, 1), Verdict.NONE),
        (Tally({"": (91, 100)}, "", "smoke", 1, 1), Verdict.NONE),
        (Tally({"": (91, 100)}, "i", "paper", 1, 1), Verdict.INCONCLUSIVE),
        (Tally({"": (91, 100)}, "ep", "paper", 1, 1), Verdict.INCONCLUSIVE),
        (Tally({}, "e", "paper", 1, 1), Verdict.INCONCLUSIVE),
        (Tally({}, "e", "mini", 1, 1), Verdict.NONE),
        (None, Verdict.NOT_RUN),
    ],
)
def test_only_whole_cells_of_the_papers_scale_are_judged(tally: Tally | None, told: Verdict) -> None:
    assert Shape("success rate", 100, RULES).cell(tally, "0.93").verdict is told


def test_percent_is_the_same_rate() -> None:
    cell = Shape("%", 500, RULES).cell(Tally({"": (465, 500)}, "", "paper", 10, 10), "93.0")
    assert (cell.mean, cell.verdict, cell.below) == ("93.0", Verdict.REPRODUCED, "= 93.0")
