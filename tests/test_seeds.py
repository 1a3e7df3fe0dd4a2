"""Several training seeds: with one everything is as before, with several never narrower, and wide enough."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, ttest_1samp

from muvla.records.file import RecordsError
from muvla.report.grid import read_grid
from muvla.report.statistics.paired import average_difference, average_rate, paired_interval, paired_over_seeds
from muvla.report.statistics.seeds import p_over_seeds, rate_over_seeds, seeds_disagree, standard_error
from muvla.report.statistics.tests import paired_exact, stratified_average, wilson
from muvla.report.statistics.versus import versus
from muvla.report.tables.table import table
from synthetic_records import RULES, TABLE_MIKASA, cells, lines_of, marks, save, write_cell

COUNTS = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=4
)
OUTCOMES = st.lists(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12), min_size=1, max_size=4)


@given(COUNTS)
def test_an_interval_over_seeds_holds_wilsons_and_is_his_with_one(counts: list[tuple[int, int]]) -> None:
    successes, episodes = (sum(column) for column in zip(*counts, strict=True))
    alone, found = wilson(successes, episodes, 0.95), rate_over_seeds(counts, 0.95)
    assert found.mean == alone.mean
    assert 0 <= found.low <= alone.low <= alone.high <= found.high <= 1
    assert found == pytest.approx(rate_over_seeds(counts[::-1], 0.95))
    if len(counts) == 1 or len({k / n for k, n in counts}) == 1:
        assert found == pytest.approx(alone)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6))
def test_equal_seeds_give_students_t(differences: list[float]) -> None:
    values = {str(place): (one, 50) for place, one in enumerate(differences)}
    spread = np.std(differences, ddof=1)
    assert standard_error(values) == pytest.approx(spread / len(differences) ** 0.5, abs=1e-12)
    if spread > 1e-6:
        expected = ttest_1samp(differences, 0).pvalue
        assert p_over_seeds(float(np.mean(differences)), values) == pytest.approx(expected)


@settings(max_examples=60)
@given(OUTCOMES)
def test_a_comparison_over_seeds_is_never_surer_than_its_pairs(outcomes: list[list[tuple[bool, bool]]]) -> None:
    first = {f"seed{seed}": {e: pair[0] for e, pair in enumerate(one)} for seed, one in enumerate(outcomes)}
    second = {f"seed{seed}": {e: pair[1] for e, pair in enumerate(one)} for seed, one in enumerate(outcomes)}
    found = paired_over_seeds(first, second)
    flat = [(a, b) for one in outcomes for a, b in one]
    pooled = paired_exact(dict(enumerate(a for a, _ in flat)), dict(enumerate(b for _, b in flat)))
    assert (found.both, found.only_first, found.only_second) == (pooled.both, pooled.only_first, pooled.only_second)
    assert found.p >= pooled.p
    assert found.difference == pytest.approx(
        sum(mean * pairs for mean, pairs in found.of_seed.values()) / sum(pairs for _, pairs in found.of_seed.values())
    )
    other = paired_over_seeds(second, first)
    assert (other.p, other.difference) == pytest.approx((found.p, -found.difference))
    if len(outcomes) == 1:
        assert found.p == pooled.p
    average, p = average_difference([found], 0.95)
    alone = paired_interval(found, 0.95)
    assert average.low <= alone.low <= alone.high <= average.high
    assert p == pytest.approx(found.p)


def test_only_episodes_of_one_training_seed_are_paired() -> None:
    first = {"": {1: True, 2: True}, "seed1": {1: True}, "seed2": {7: True}}
    second = {"": {2: False, 3: False}, "seed2": {1: False}, "seed3": {1: False}}
    assert paired_over_seeds(first, second).of_seed == {"": (1.0, 1)}
    with pytest.raises(ValueError, match="share no seed"):
        paired_over_seeds({"": {1: True}}, {"seed1": {1: True}})


def test_three_seeds_that_point_both_ways_show_nothing_however_many_episodes() -> None:
    # 100 pairs a seed; the first two policies are better, the third is worse
    one, other = dict.fromkeys(range(100), True), dict.fromkeys(range(100), False)
    first, second = {"": one, "seed1": one, "seed2": other}, {"": other, "seed1": other, "seed2": one}
    assert paired_over_seeds(first, second).p > 0.5
    assert paired_over_seeds({"": one}, {"": other}).p < 1e-20
    alike = dict.fromkeys(first, one)
    assert paired_over_seeds(alike, dict.fromkeys(first, other)).p < 1e-20


def test_averages_scatter_with_the_seeds_that_every_environment_has() -> None:
    settings = {"confidence": RULES.confidence, "resamples": RULES.resamples, "seed": RULES.bootstrap_seed}
    parts = [{"": (10, 10), "seed1": (0, 10)}, {"": (10, 10), "seed1": (0, 10)}]
    assert average_rate(parts, RULES)[1:] == (0, 1)
    bootstrap = stratified_average([(10, 20), (10, 20)], **settings)
    assert bootstrap.low > 0.2
    # one environment has a single seed: the episodes alone speak
    assert average_rate([parts[0], {"": (10, 10)}], RULES) == stratified_average([(10, 20), (10, 10)], **settings)


def test_disagreement_is_cochrans() -> None:
    # Two seeds: Q is McNemar's chi square, (b - c)^2 / (b + c) = 4 and 3.6 against 3.84.
    def seeds(b: int, c: int) -> list[dict[int, bool]]:
        return [{e: e < b or e >= b + c for e in range(60)}, {e: e >= b for e in range(60)}]

    assert seeds_disagree(seeds(9, 3)[:1], 0.05) is False
    assert seeds_disagree(seeds(12, 4), 0.05)
    assert not seeds_disagree(seeds(8, 2), 0.05)
    alike = {e: e % 3 == 0 for e in range(50)}
    assert not seeds_disagree([alike, alike, alike], 0.05)
    assert not seeds_disagree([{1: True}, {2: False}], 0.05)  # no episode that both ran


def test_intervals_of_three_seeds_hold_the_recipes_rate() -> None:
    """A small run of what docs/verdicts.md reports: success is a probit of a recipe, a seed and an episode."""
    generator = np.random.default_rng(0)
    trials, seeds, episodes, spread = 400, 3, 50, 0.3
    held = {"over seeds": 0, "episodes only": 0}
    for _ in range(trials):
        chance = norm.cdf(generator.normal(0, spread, (seeds, 1)) + generator.normal(0, 0.5, (1, episodes)))
        counts = [(int(k), episodes) for k in (generator.random((seeds, episodes)) < chance).sum(axis=1)]
        pooled = wilson(sum(k for k, _ in counts), seeds * episodes, 0.95)
        for name, interval in (("over seeds", rate_over_seeds(counts, 0.95)), ("episodes only", pooled)):
            held[name] += interval.low <= 0.5 <= interval.high
    assert held["over seeds"] / trials > 0.92
    assert held["episodes only"] / trials < 0.8


def test_seeds_of_a_cell_are_found_by_their_folders(tmp_path: Path) -> None:
    for folder, successes in (("records", 40), ("seed1/records", 30), ("seed2/records", 20)):
        outcomes = [e < successes for e in range(50)]
        write_cell(tmp_path / folder, "m64_k2", "RememberColor5", outcomes)
        write_cell(tmp_path / folder, "oft_episodic", "RememberColor5", [False] * 50)
        write_cell(tmp_path / folder, "m64_k2", "RememberColor5", [False] * 50, memory="zero", control="zero")
    write_cell(tmp_path / "records", "m64_k1", "RememberColor5", [True] * 50)
    grid = read_grid(marks(tmp_path), RULES)
    sample = grid.cells["m64_k2", "RememberColor5"]
    assert sample.counts == [(40, 50), (30, 50), (20, 50)]
    assert (sample.successes, sample.episodes) == (90, 150)
    assert sample.disagrees(0.05)
    assert len(grid.controls["m64_k2", "RememberColor5", "zero"].cells) == 3
    found = versus("", sample, grid.cells["oft_episodic", "RememberColor5"], RULES)
    assert found.difference.mean == pytest.approx(0.6)
    assert found.p == pytest.approx(ttest_1samp([0.8, 0.6, 0.4], 0).pvalue)
    assert found.first == "0.60 (90/150, 3 seeds, which disagree; 0.10 to 1.00)"
    # a policy of one seed is compared with that seed of the other
    assert versus("", sample, grid.cells["m64_k1", "RememberColor5"], RULES).difference.mean == pytest.approx(-0.2)


def test_folders_of_seeds_that_are_no_other_trainings_are_named(tmp_path: Path) -> None:
    write_cell(tmp_path / "records", "m64_k2", "RememberColor5", [True])
    copied = write_cell(tmp_path / "seed1", "m64_k2", "RememberColor5", [True], checkpoint_sha256="a" * 64)
    write_cell(tmp_path / "seed2", "m64_k2", "RememberColor5", [True], checkpoint_sha256="a" * 64)
    with pytest.raises(RecordsError, match="different training seeds but are of one checkpoint"):
        read_grid(cells(tmp_path), RULES)
    copied.parent.rename(tmp_path / "elsewhere")
    write_cell(tmp_path / "seed1", "m64_k2", "RememberColor5", [True], width=99)
    with pytest.raises(RecordsError, match="counted together but have different settings: width"):
        read_grid(cells(tmp_path / "records", tmp_path / "seed1"), RULES)


def test_a_cell_is_over_its_training_seeds_and_says_whether_they_disagree(tmp_path: Path) -> None:
    for seed, successes in (("records", 45), ("seed1/records", 30), ("seed2/records", 10)):
        write_cell(tmp_path / seed, "m64_k2", "RememberColor3", [e < successes for e in range(50)])
        write_cell(tmp_path / seed, "oft_episodic", "RememberColor3", [e < 8 for e in range(50)])
    write_cell(tmp_path / "records", "m64_ema", "RememberColor3", [e < 8 for e in range(50)])
    contents = table(records=cells(tmp_path), published=TABLE_MIKASA, environments=TABLE_MIKASA, statistics=RULES)
    save(contents, tmp_path / "table")
    found = {line["variant"]: line for line in lines_of(tmp_path / "table.csv") if line["row"] == "RememberColor3"}
    k2, baseline = found["m64_k2"], found["oft_episodic"]
    assert [k2[name] for name in ("episodes", "successes", "seeds", "marks")] == ["150", "85", "3", "s"]
    assert (k2["low"], k2["high"]) == ("0.0000", "1.0000")
    assert (baseline["seeds"], baseline["marks"], found["m64_ema"]["seeds"]) == ("3", "", "1")
    # seeds that agree are as good as episodes
    assert [float(baseline[name]) for name in ("mean", "low", "high")] == pytest.approx(wilson(24, 150, 0.95), abs=5e-5)
    html = (tmp_path / "table.html").read_text("utf-8")
    assert "0.57<sup>s</sup><small>0.00–1.00 · 150 (3)</small>" in html
    assert "s, training seeds disagree" in html
    assert "training seeds, whose scatter the interval holds" in html
    average = next(line for line in lines_of(tmp_path / "table.csv") if line["parts"] and line["variant"] == "m64_k2")
    assert (average["low"], average["high"]) == ("0.0000", "1.0000")
