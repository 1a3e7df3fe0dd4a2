"""A claim with the comparisons that decide it, as text, as a section of the document, and as a line of the csv."""

from dataclasses import dataclass

from muvla.report.caption import signed
from muvla.report.document import PlainTable, Section
from muvla.report.statistics.versus import Answer, Versus

TARGET = "results/claims.md"


@dataclass(frozen=True)
class Statement:
    """A claim, what exactly was compared, the comparisons, and the verdict."""

    text: str
    place: str  # in the paper, and what it prints there
    meaning: str
    found: tuple[Versus, ...]
    verdict: Answer
    missing: str  # why there are no comparisons, if there are none


def not_measured(needs: str) -> str:
    """Say what config/config.yaml must name for a claim to be measured, and which command then decides it."""
    return f"not measured: name {needs} in config/config.yaml, then `snakemake {TARGET}`"


def short(statement: Statement) -> str:
    """Write the verdict: "holds", or "cannot tell, not measured"."""
    why = "" if statement.found else f", {statement.missing.partition(':')[0]}"
    return f"{statement.verdict}{why}"


def evidence(statement: Statement) -> str:
    """Write every comparison in one line; what is missing where there is none."""
    if not statement.found:
        return statement.missing
    return "; ".join(
        f"{one.name}: {one.first} against {one.second}, {interval(one)}, p = {one.p:.2g}" for one in statement.found
    )


def interval(one: Versus) -> str:
    """Write a difference with its interval: "+0.62 (+0.41 to +0.83)"."""
    difference = one.difference
    return f"{signed(difference.mean)} ({signed(difference.low)} to {signed(difference.high)})"


def section(statement: Statement) -> Section:
    """Write statement, place, verdict and numbers."""
    rows = tuple((one.name, one.first, one.second, interval(one), f"{one.p:.2g}") for one in statement.found)
    table = PlainTable(("where", "first", "second", "difference", "p"), rows, "lrrrr") if rows else None
    verdict = f"Verdict: **{statement.verdict}**."
    if not rows:
        verdict = f"Verdict: **{statement.verdict}**; {statement.missing}."
    return Section(statement.text, (f"In the paper: {statement.place}.", verdict, statement.meaning), table)


def line(statement: Statement) -> tuple[str, str, str, str]:
    """Return the line of the csv: claim, paper, verdict, evidence."""
    return statement.text, statement.place, statement.verdict.value, evidence(statement)
