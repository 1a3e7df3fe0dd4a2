"""The audit as a document, and its findings as csv. Every finding is computed from the printed cells."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from muvla.report.audit.averages import exact_text
from muvla.report.audit.claims import changing_baselines, changing_policies
from muvla.report.audit.findings import TITLES, Audit, run_audit
from muvla.report.audit.text import sections
from muvla.report.document import in_every_kind
from muvla.report.runner import Contents

COLUMNS = ("rule", "table", "row", "column", "printed", "recomputed", "exact", "detail")
TITLE = "An arithmetic audit of the printed tables"


def lines(found: Audit) -> Iterator[tuple[str, ...]]:
    """Yield one line of the csv (COLUMNS) a finding; a claim has lines whether or not something is wrong with it."""
    for wrong in found.mismatches:
        exact = exact_text(wrong.exact, wrong.printed)
        detail = f"a further cell would have to be {exact_text(wrong.hidden, wrong.printed)}"
        yield ("average", wrong.table, wrong.row, wrong.column, wrong.printed, wrong.recomputed, exact, detail)
    for mix in found.mixed:
        sources = "; ".join(f"{task} {mix.values[task]}: {' / '.join(names)}" for task, names in mix.sources.items())
        averages = (mix.printed_average or "", mix.nearest_average or "", exact_text(mix.nearest_mean, mix.like))
        yield ("mixed row", mix.table, mix.model, "", *averages, f"{TITLES[mix.other]}: {sources}")
    for two in found.disagreements:
        difference = exact_text(two.difference, two.first[1])
        detail = f"{TITLES[two.first[0]]} prints {two.first[1]}"
        yield ("disagreement", two.second[0], two.model, two.task, two.second[1], two.first[1], difference, detail)
    for claim in found.claims:
        place = (claim.table, claim.average)
        for role, models in claim.used.items():
            detail = " / ".join(models) or "no cell prints it"
            yield (f"claim, {role}", *place, "", claim.numbers[role], "", "", detail)
        for one in claim.comparisons:
            detail = f"{one.model} {one.values[1]} against {one.baseline} {one.values[0]}"
            yield ("like for like", *place, one.baseline, "", "", exact_text(one.difference, one.values[0]), detail)
    for rule, changed in (
        ("claims change the baseline", changing_baselines(found.claims)),
        ("claims change the policy", changing_policies(found.claims)),
    ):
        if changed:
            detail = "; ".join(f"{claim}: {' / '.join(names)}" for claim, names in changed.items())
            yield (rule, "", "", "", "", "", "", detail)


def audit(*, tables: Sequence[Path], claims: Path) -> Contents:
    """Audit the printed `tables` and `claims`, csv files of config/published/, as .md, .html, .tex and .csv.

    Raises OSError, or ValueError naming file and line of what cannot be read.
    """
    found = run_audit(tables, claims)
    parts = sections(found)
    print(parts[0].paragraphs[0])
    return in_every_kind(TITLE, parts, "audit", COLUMNS, lines(found))
