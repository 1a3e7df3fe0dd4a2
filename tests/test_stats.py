"""Intervals and tests against brute force."""

import itertools
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import multinomial, norm

from muvla.report.statistics.paired import average_difference, paired_interval
from muvla.report.statistics.tests import (
    Estimate,
    Paired,
    holm,
    paired_exact,
    stratified_average,
    two_sample_exact,
    two_sided_sign,
    wilson,
)
from muvla.report.statistics.verdict import difference_interval
from muvla.report.statistics.versus import Versus
from synthetic_records import RULES

BOOTSTRAP = {"confidence": 0.95, "resamples": 10_000, "seed": 1}
OUTCOMES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=10)


@given(n=st.integers(1, 200), data=st.data())
def test_wilson_holds_the_rates_that_a_score_test_does_not_reject(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    z = norm.ppf(0.975)
    mean, low, high = wilson(k, n, 0.95)

    def rejected(p: float) -> float:
        return abs(k / n - p) - z * sqrt(p * (1 - p) / n)

    assert mean == k / n
    assert 0 <= low <= mean <= high <= 1
    if k > 0:
        assert low == pytest.approx(brentq(rejected, 1e-12, k / n - 1e-7), abs=1e-9)
    if k < n:
        assert high == pytest.approx(brentq(rejected, k / n + 1e-7, 1 - 1e-12), abs=1e-9)


def test_wilson_of_a_published_example() -> None:
    # Newcombe 1998, table I, method 3: 81 of 263.
    assert wilson(81, 263, 0.95)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_have_no_rate(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="have no rate"):
        wilson(k, n, 0.95)


@given(OUTCOMES)
def test_paired_p_is_the_share_of_label_swaps_at_least_as_extreme(outcomes: list[tuple[bool, bool]]) -> None:
    first = {seed: pair[0] for seed, pair in enumerate(outcomes)}
    second = {seed: pair[1] for seed, pair in enumerate(outcomes)}
    found = paired_exact(first, second)
    differences = [a - b for a, b in outcomes if a != b]
    swaps = list(itertools.product((1, -1), repeat=len(differences)))
    extreme = sum(
        abs(sum(sign * abs(d) for sign, d in zip(signs, differences, strict=False))) >= abs(sum(differences))
        for signs in swaps
    )
    assert found.p == pytest.approx(extreme / len(swaps))
    assert found.pairs == len(outcomes)
    assert found.both == sum(a and b for a, b in outcomes)
    assert paired_exact(second, first).p == pytest.approx(found.p)


def test_only_shared_seeds_are_paired() -> None:
    found = paired_exact({1: True, 2: True, 3: False}, {2: False, 3: False, 4: True})
    assert (found.pairs, found.only_first, found.only_second, found.neither) == (2, 1, 0, 1)
    with pytest.raises(ValueError, match="share no seed"):
        paired_exact({1: True}, {2: True})


def distribution(cells: list[tuple[int, int]]) -> dict[float, float]:
    """Exact bootstrap distribution of the average over environments, by enumeration."""
    found: dict[float, float] = {}
    for draw in itertools.product(*(range(n + 1) for _, n in cells)):
        weight = 1.0
        for drawn, (k, n) in zip(draw, cells, strict=False):
            weight *= comb(n, drawn) * (k / n) ** drawn * (1 - k / n) ** (n - drawn)
        value = round(float(np.mean([drawn / n for drawn, (_, n) in zip(draw, cells, strict=False)])), 9)
        found[value] = found.get(value, 0.0) + weight
    return found


@settings(max_examples=40)
@given(st.lists(st.integers(1, 5).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=3))
def test_the_bootstrap_interval_cuts_the_enumerated_tails(cells: list[tuple[int, int]]) -> None:
    mean, low, high = stratified_average(cells, **BOOTSTRAP)
    assert mean == pytest.approx(np.mean([k / n for k, n in cells]))
    weights = distribution(cells)
    # A quantile q of a discrete distribution: at most q lies below it and at least q at or below it; the
    # margin is five standard deviations of a tail of 0.025 in 10,000 draws.
    for value, q in ((low, 0.025), (high, 0.975)):
        assert sum(weight for x, weight in weights.items() if x < value - 1e-6) <= q + 0.008
        assert sum(weight for x, weight in weights.items() if x <= value + 1e-6) >= q - 0.008


def test_the_bootstrap_counts_environments_not_episodes_and_repeats_itself() -> None:
    cells = [(10, 10), (0, 1000)]
    assert stratified_average(cells, **BOOTSTRAP).mean == 0.5
    twice = [stratified_average([(3, 7), (20, 50)], **BOOTSTRAP) for _ in range(2)]
    assert twice[0] == twice[1]
    assert twice[0] != stratified_average([(3, 7), (20, 50)], **{**BOOTSTRAP, "seed": 2})
    for empty in ([], [(0, 0)]):
        with pytest.raises(ValueError, match="at least one episode"):
            stratified_average(empty, **BOOTSTRAP)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_two_sample_p_is_the_weight_of_the_tables_no_likelier(n: int, m: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    total = a + b
    weights = [comb(n, i) * comb(m, total - i) for i in range(max(0, total - m), min(n, total) + 1)]
    seen = comb(n, a) * comb(m, b)
    expected = sum(weight for weight in weights if weight <= seen) / sum(weights)
    assert two_sample_exact(a, n, b, m) == pytest.approx(expected)
    assert two_sample_exact(b, m, a, n) == pytest.approx(expected)


def test_samples_without_episodes_are_not_compared() -> None:
    for counts in ((0, 0, 1, 2), (1, 2, 0, 0), (3, 2, 0, 1)):
        with pytest.raises(ValueError, match="cannot be compared"):
            two_sample_exact(*counts)


@settings(max_examples=40)
@given(st.lists(st.floats(1e-6, 1), max_size=8), st.integers(0, 5))
def test_holm_is_the_least_level_at_which_the_step_down_rejects(p_values: list[float], left_out: int) -> None:
    family = len(p_values) + left_out
    adjusted = holm(p_values, family)
    assert len(adjusted) == len(p_values)

    def rejected(level: float) -> set[int]:
        order = sorted(range(len(p_values)), key=lambda place: p_values[place])
        found: set[int] = set()
        for step, place in enumerate(order):
            if p_values[place] * (family - step) > level * (1 + 1e-12):
                break
            found.add(place)
        return found

    for place, level in enumerate(adjusted):
        assert level >= p_values[place]
        assert place in rejected(level) or level == 1
        assert place not in rejected(level * (1 - 1e-9)) or level == pytest.approx(0)


def test_tests_that_were_not_made_make_holm_no_easier() -> None:
    assert holm([0.01], 23) == pytest.approx([0.23])
    assert holm([], 23) == []
    with pytest.raises(ValueError, match="2 tests were made where 1 were planned"):
        holm([0.1, 0.2], 1)


PAIRED = st.tuples(*[st.integers(0, 40)] * 4).filter(lambda counts: sum(counts) > 0)


@given(PAIRED)
def test_newcombes_interval_of_pairs_turns_around_with_them(counts: tuple[int, int, int, int]) -> None:
    found = paired_interval(Paired(*counts, p=1.0), 0.95)
    assert -1 <= found.low <= found.mean <= found.high <= 1
    assert found.low < found.high
    both, first, second, neither = counts
    other = paired_interval(Paired(both, second, first, neither, p=1.0), 0.95)
    assert (other.mean, other.low, other.high) == pytest.approx((-found.mean, -found.high, -found.low))
    n = sum(counts)
    unpaired = difference_interval(wilson(both + first, n, 0.95), wilson(both + second, n, 0.95))
    assert found.high - found.low <= unpaired[1] - unpaired[0] + 1e-9 or both * neither <= first * second + n / 2


def test_newcombes_interval_of_pairs_covers() -> None:
    """Exact coverage over all tables of 20 pairs."""
    for shares in ((0.6, 0.15, 0.05, 0.2), (0.3, 0.2, 0.2, 0.3), (0.9, 0.04, 0.03, 0.03)):
        held = 0.0
        for table in itertools.product(range(21), repeat=3):
            if sum(table) <= 20:
                full = (*table, 20 - sum(table))
                found = paired_interval(Paired(*full, p=1.0), 0.95)
                if found.low <= shares[1] - shares[2] <= found.high:
                    held += float(multinomial.pmf(full, 20, shares))
        assert held > 0.93  # where pairs hardly ever differ it is 0.998


@settings(max_examples=40)
@given(st.lists(PAIRED, min_size=1, max_size=4))
def test_an_average_is_as_sure_as_its_parts_together(tables: list[tuple[int, int, int, int]]) -> None:
    tests = [Paired(*counts, p=1.0) for counts in tables]
    found, p = average_difference(tests, 0.95)
    assert found.mean == pytest.approx(np.mean([one.difference for one in tests]))
    more, less = (sum(counts[place] for counts in tables) for place in (1, 2))
    assert p == two_sided_sign(more, less)
    # four times the same environment halves the width
    part = paired_interval(tests[0], 0.95)
    four = average_difference([tests[0]] * 4, 0.95)[0]
    assert four.high - four.mean == pytest.approx((part.high - part.mean) / 2)


def test_no_average_of_nothing() -> None:
    with pytest.raises(ValueError, match="no average without"):
        average_difference([], 0.95)


@pytest.mark.parametrize(("share", "rate", "least"), [(0.4, 0.5, 0.75), (0.4, 0.9, 0.75), (0.1, 0.5, 0.7)])
def test_the_pairs_needed_show_that_equal_policies_are_the_same(share: float, rate: float, least: float) -> None:
    """share: of pairs that differ; rate: of success in the others."""
    seen = Versus("", "", "", Estimate(0.0, -1.0, 1.0), 1.0, (-1.0, 1.0), 1, pairs=(round(1000 * share), 1000))
    pairs = seen.pairs_needed(RULES)
    assert pairs is not None
    rng = np.random.default_rng(0)
    same = 0
    for _ in range(400):
        more, less, both, neither = rng.multinomial(
            pairs, [share / 2, share / 2, (1 - share) * rate, (1 - share) * (1 - rate)]
        )
        found, _ = average_difference([Paired(both, more, less, neither, p=1.0)], 1 - 2 * RULES.significance)
        same += abs(found.low) <= RULES.equivalence_margin and abs(found.high) <= RULES.equivalence_margin
    assert least <= same / 400 <= 0.87
