"""Two variants on the same seeds: python -m muvla.report.paired --records DIR --pairs JSON --output PREFIX.

McNemar's exact test in every environment that both were run in, Holm-corrected over all environments of Table 1, and
a paired bootstrap of the average difference. Writes PREFIX.md, .html, .tex and .csv.
"""

import argparse
import csv
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from muvla.report.caption import percent
from muvla.report.command import written
from muvla.report.document import PlainTable, Section, beside
from muvla.report.grid import Grid, read_grid
from muvla.report.printed import FOLDER
from muvla.report.published import VARIANTS, Published, read_published
from muvla.report.statistics.rules import Rules, read_rules
from muvla.report.statistics.tests import Estimate, Paired, holm, paired_average, paired_exact

CSV_HEADER = (
    "first", "second", "environment", "pairs", "both", "only_first", "only_second", "neither", "difference", "low",
    "high", "p", "p_holm",
)  # fmt: skip
TITLE = "Variants compared on the same seeds"


@dataclass(frozen=True)
class Contrast:
    """Two variants, environment by environment."""

    first: str
    second: str
    tests: dict[str, Paired]  # environment -> its pairs
    adjusted: dict[str, float]  # environment -> p corrected for the family
    average: Estimate | None  # of the differences; None where no environment has both


def contrast(grid: Grid, published: Published, first: str, second: str) -> Contrast:
    """Pair the table's own cells of both variants, in the printed order of the environments."""
    tests = {}
    for environment in published.group_of:
        cells = [grid.cells.get((variant, environment)) for variant in (first, second)]
        outcomes = [cell.outcomes for cell in cells if cell is not None]
        if len(outcomes) == 2 and outcomes[0].keys() & outcomes[1].keys():
            tests[environment] = paired_exact(*outcomes)
    rules = grid.rules
    adjusted = holm([test.p for test in tests.values()], len(published.group_of))
    average = None
    if tests:
        average = paired_average(
            list(tests.values()), confidence=rules.confidence, resamples=rules.resamples, seed=rules.bootstrap_seed
        )
    return Contrast(first, second, tests, dict(zip(tests, adjusted, strict=True)), average)


def section(found: Contrast, rules: Rules, family: int) -> Section:
    """Title, method and table of one pair."""
    title = f"{found.first} against {found.second}"
    if found.average is None:
        return Section(title, ("No environment was run with both on the same seeds.",))
    rows = [
        (
            name, str(test.pairs), str(test.both), str(test.only_first), str(test.only_second), str(test.neither),
            f"{test.difference:+.2f}".replace("-", "−"), f"{test.p:.2g}", f"{found.adjusted[name]:.2g}",
        )
        for name, test in found.tests.items()
    ]  # fmt: skip
    mean, low, high = found.average
    interval = f"{percent(rules.confidence)} paired bootstrap within environments, {rules.resamples:,} draws"
    told = (
        f"Average difference over the {len(found.tests)} of {family} environments that both were run in: {mean:+.2f} "
        f"({interval}: {low:+.2f} to {high:+.2f}). p: McNemar's exact test; Holm: corrected over {family}, those not "
        "run counted as 1."
    )
    head = ("environment", "pairs", "both", "only first", "only second", "neither", "difference", "p", "Holm")
    return Section(title, (told,), PlainTable(head, tuple(rows), "lrrrrrrrr", title))


def tidy_csv(contrasts: list[Contrast]) -> str:
    """One line an environment, and one for the average (CSV_HEADER)."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for found in contrasts:
        for name, test in found.tests.items():
            counts = [test.pairs, test.both, test.only_first, test.only_second, test.neither]
            ps = [f"{test.p:.6g}", f"{found.adjusted[name]:.6g}"]
            writer.writerow([found.first, found.second, name, *counts, f"{test.difference:.4f}", "", "", *ps])
        if found.average is not None:
            numbers = [f"{value:.4f}" for value in found.average]
            writer.writerow([found.first, found.second, "average", *[""] * 5, *numbers, "", ""])
    return stream.getvalue()


def read_pairs(text: str) -> list[tuple[str, str]]:
    """[{"first": variant, "second": variant}, ...] as pairs. Raises ValueError naming what is wrong."""
    try:
        pairs = [(str(pair["first"]), str(pair["second"])) for pair in json.loads(text)]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'--pairs must be like [{{"first": "m64_k2", "second": "oft"}}], not {text!r}') from error
    for name in (name for pair in pairs for name in pair):
        if name not in VARIANTS:
            raise ValueError(f"--pairs: unknown variant {name!r}; there are {', '.join(VARIANTS)}")
    return pairs


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.paired", description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True, help="folder of <variant>/<environment>.jsonl")
    parser.add_argument("--published", type=Path, default=FOLDER / "table_mikasa.csv", help="names the environments")
    parser.add_argument("--pairs", required=True, help='JSON: [{"first": VARIANT, "second": VARIANT}, ...]')
    parser.add_argument("--statistics", help="JSON; config/config.yaml's `statistics` when left out")
    parser.add_argument("--output", type=Path, required=True, help="written with .md, .html, .tex and .csv added")
    options = parser.parse_args(arguments)

    def make() -> dict[Path, str | bytes]:
        rules, published = read_rules(options.statistics), read_published(options.published)
        grid = read_grid(options.records, published, rules, beside=False)
        found = [contrast(grid, published, first, second) for first, second in read_pairs(options.pairs)]
        parts = [section(one, rules, len(published.group_of)) for one in found]
        for one in parts:
            print(f"{one.title}: {one.paragraphs[0]}")
        return beside(options.output, TITLE, parts, "muvla.report.paired", tidy_csv(found))

    return written(make)


if __name__ == "__main__":
    sys.exit(main())
