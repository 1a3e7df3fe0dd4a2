"""Pairs of variants compared on the same seeds.

McNemar's exact test in every environment that both were run in, Holm-corrected over all environments of Table 1, and
the average difference with its interval; over several training seeds as statistics/paired.py says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.report.caption import percent, signed
from muvla.report.document import PlainTable, Section, in_every_kind
from muvla.report.grid import Grid, read_grid
from muvla.report.published import Published, read_published
from muvla.report.runner import Contents
from muvla.report.statistics.paired import average_difference, paired_over_seeds, share_episodes
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import Estimate, Paired, holm

COLUMNS = (
    *("first", "second", "environment", "seeds", "pairs", "both", "only_first", "only_second", "neither"),
    *("difference", "low", "high", "p", "p_holm"),
)
TITLE = "Variants compared on the same seeds"


@dataclass(frozen=True)
class PairedComparison:
    """Two variants, environment by environment."""

    first: str
    second: str
    tests: dict[str, Paired]  # environment -> its pairs
    adjusted: dict[str, float]  # environment -> p corrected for the family
    average: Estimate | None  # of the differences; None where no environment has both

    @property
    def seeds(self) -> int:
        """Return the greatest number of training seeds of an environment."""
        return max((len(test.of_seed) for test in self.tests.values()), default=0)


def compare_pair(grid: Grid, published: Published, first: str, second: str) -> PairedComparison:
    """Pair the table's own cells of both variants, in the printed order of the environments."""
    tests = {}
    for environment in published.group_of:
        one, other = (grid.cells.get((variant, environment)) for variant in (first, second))
        if one is not None and other is not None and share_episodes(one.outcomes, other.outcomes):
            tests[environment] = paired_over_seeds(one.outcomes, other.outcomes)
    rules = grid.rules
    adjusted = holm([test.p for test in tests.values()], len(published.group_of))
    average = average_difference(list(tests.values()), rules.confidence)[0] if tests else None
    return PairedComparison(first, second, tests, dict(zip(tests, adjusted, strict=True)), average)


def section(found: PairedComparison, rules: Rules, family: int) -> Section:
    """Write title, method and table of one pair; family: how many environments there are."""
    title = f"{found.first} against {found.second}"
    if found.average is None:
        return Section(title, ("No environment was run with both on the same seeds.",))
    rows = []
    for name, test in found.tests.items():
        counts = (len(test.of_seed), test.pairs, test.both, test.only_first, test.only_second, test.neither)
        ps = (f"{test.p:.2g}", f"{found.adjusted[name]:.2g}")
        rows.append((name, *map(str, counts), signed(test.difference), *ps))
    mean, low, high = found.average
    interval = f"{percent(rules.confidence)} interval, Newcombe's for pairs combined over environments"
    method = (
        f"Average difference over the {len(found.tests)} of {family} environments that both were run in: {mean:+.2f} "
        f"({interval}: {low:+.2f} to {high:+.2f}). p: McNemar's exact test; Holm: corrected over {family}, those not "
        "run counted as 1."
    )
    if found.seeds > 1:
        method += (
            " Over several training seeds episodes are paired within a seed, p is at least that of Student's t over "
            "the seeds' differences, and the interval holds their scatter."
        )
    head = ("environment", "seeds", "pairs", "both", "only first", "only second", "neither", "difference", "p", "Holm")
    return Section(title, (method,), PlainTable(head, tuple(rows), "lrrrrrrrrr", title))


def lines(comparison: PairedComparison) -> Iterator[tuple[object, ...]]:
    """Yield a line of the csv (COLUMNS) for every environment, and one for the average."""
    pair = (comparison.first, comparison.second)
    for name, test in comparison.tests.items():
        counts = (len(test.of_seed), test.pairs, test.both, test.only_first, test.only_second, test.neither)
        ps = (f"{test.p:.6g}", f"{comparison.adjusted[name]:.6g}")
        yield (*pair, name, *counts, f"{test.difference:.4f}", "", "", *ps)
    if comparison.average is not None:
        yield (*pair, "average", comparison.seeds, *[""] * 5, *(f"{value:.4f}" for value in comparison.average), "", "")


def comparisons(
    *, records: Sequence[Path], published: Path, pairs: Sequence[dict[str, str]], statistics: Rules
) -> Contents:
    """Compare the `pairs`, [{"first": variant, "second": variant}, ...], as .md, .html, .tex and .csv.

    records: marks. published: Table 1, which names the environments. Raises RecordsError as read_grid does.
    """
    printed = read_published(published)
    grid = read_grid(records, statistics)
    found = [compare_pair(grid, printed, pair["first"], pair["second"]) for pair in pairs]
    sections = [section(one, statistics, len(printed.group_of)) for one in found]
    for one in sections:
        print(f"{one.title}: {one.paragraphs[0]}")
    return in_every_kind(TITLE, sections, "comparisons", COLUMNS, [line for one in found for line in lines(one)])
