"""Does what the paper prints add up? python -m muvla.report.audit --published DIR --output PREFIX.

Writes PREFIX.md, .html, .tex and .csv (one line a finding). Every finding is computed from the printed cells.
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from muvla.report.audit.averages import exact_text
from muvla.report.audit.claims import changing_baselines, changing_policies
from muvla.report.audit.findings import TITLES, Audit, audit
from muvla.report.audit.text import sections
from muvla.report.command import written
from muvla.report.document import beside
from muvla.report.printed import FOLDER

CSV_HEADER = ("rule", "table", "row", "column", "printed", "recomputed", "exact", "detail")
TITLE = "An arithmetic audit of the printed tables"


def findings(found: Audit) -> Iterator[tuple[str, ...]]:
    """One line a finding (CSV_HEADER); claims are lines whether or not something is wrong with them."""
    for wrong in found.mismatches:
        exact = exact_text(wrong.exact, wrong.printed)
        detail = f"a further cell would have to be {exact_text(wrong.hidden, wrong.printed)}"
        yield ("average", wrong.table, wrong.row, wrong.column, wrong.printed, wrong.recomputed, exact, detail)
    for mix in found.mixed:
        told = "; ".join(f"{task} {mix.values[task]}: {' / '.join(names)}" for task, names in mix.sources.items())
        yield (
            "mixed row", mix.table, mix.model, "", mix.printed_average or "", mix.nearest_average or "",
            exact_text(mix.nearest_mean, mix.like), f"{TITLES[mix.other]}: {told}",
        )  # fmt: skip
    for two in found.disagreements:
        difference = exact_text(two.difference, two.first[1])
        detail = f"{TITLES[two.first[0]]} prints {two.first[1]}"
        yield ("disagreement", two.second[0], two.model, two.task, two.second[1], two.first[1], difference, detail)
    for claim in found.claims:
        for role, models in claim.used.items():
            told = " / ".join(models) or "no cell prints it"
            yield (f"claim, {role}", claim.table, claim.average, "", claim.numbers[role], "", "", told)
        for one in claim.comparisons:
            detail = f"{one.model} {one.values[1]} against {one.baseline} {one.values[0]}"
            yield (
                "like for like",
                claim.table,
                claim.average,
                one.baseline,
                "",
                "",
                exact_text(one.difference, one.values[0]),
                detail,
            )
    for rule, changed in (
        ("claims change the baseline", changing_baselines(found.claims)),
        ("claims change the policy", changing_policies(found.claims)),
    ):
        if changed:
            told = "; ".join(f"{claim}: {' / '.join(names)}" for claim, names in changed.items())
            yield (rule, "", "", "", "", "", "", told)


def findings_csv(found: Audit) -> str:
    """The findings as csv."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    writer.writerows(findings(found))
    return stream.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 whatever is found, or 1 with one line on stderr that says what is wrong with the input."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.audit", description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, default=FOLDER, help="folder of the printed tables and claims")
    parser.add_argument("--output", type=Path, required=True, help="written with .md, .html, .tex and .csv added")
    options = parser.parse_args(arguments)

    def make() -> dict[Path, str | bytes]:
        found = audit(options.published)
        parts = sections(found)
        print(parts[0].paragraphs[0])
        return beside(options.output, TITLE, parts, "muvla.report.audit", findings_csv(found))

    return written(make)


if __name__ == "__main__":
    sys.exit(main())
