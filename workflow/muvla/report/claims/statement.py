"""A claim with the comparisons that decide it, as text, as a section of the document, and as a line of the csv."""

from dataclasses import dataclass

from muvla.report.caption import signed
from muvla.report.document import PlainTable, Section
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.versus import Answer, Versus

TARGET = "results/claims.md"
ONCE = "one training seed"


@dataclass(frozen=True)
class Statement:
    """A claim, what exactly was compared, the comparisons, and the verdict."""

    text: str
    place: str  # in the paper, and what it prints there
    meaning: str
    found: tuple[Versus, ...]
    verdict: Answer
    missing: str  # why there are no comparisons, if there are none
    equivalence: bool = False  # the claim is that the two are the same, or the first not worse


def not_measured(needs: str) -> str:
    """Say which records a claim needs, and which command makes those that config/config.yaml names."""
    command = f"`snakemake {TARGET} --config records=measured`"
    return f"not measured: there are no records of {needs}. Where config/config.yaml names them, {command} makes them"


def short(statement: Statement) -> str:
    """Write the verdict: "holds", "holds, one training seed", or "cannot tell, not measured"."""
    why = reserve(statement) if statement.found else f", {statement.missing.partition(':')[0]}"
    return f"{statement.verdict}{why}"


def reserve(statement: Statement) -> str:
    """Write what a verdict says where a comparison rests on one training seed, for another may turn it; else ""."""
    return f", {ONCE}" if any(one.training_seeds == 1 for one in statement.found) else ""


def evidence(statement: Statement, rules: Rules) -> str:
    """Write every comparison in one line, and whether one is of one training seed; else what is missing."""
    if not statement.found:
        return statement.missing
    comparisons = [
        f"{one.name}: {one.first} against {one.second}, {interval(one)}, p = {one.p:.2g}"
        + (f", {equivalence(one, rules)}" if statement.equivalence else "")
        for one in statement.found
    ]
    return "; ".join([ONCE, *comparisons] if reserve(statement) else comparisons)


def equivalence(one: Versus, rules: Rules) -> str:
    """Write the outcome of the equivalence test, and what it would take where it cannot tell."""
    low, high = one.narrow
    within = "the same" if one.same(rules) else "not shown to be the same"
    text = f"{within} within ±{rules.equivalence_margin:g} (TOST, {signed(low)} to {signed(high)})"
    needed = one.pairs_needed(rules)
    if one.same(rules) or needed is None or needed <= one.pairs[1]:
        return text
    return f"{text}, which takes about {needed} pairs where there are {one.pairs[1]}"


def interval(one: Versus) -> str:
    """Write a difference with its interval: "+0.62 (+0.41 to +0.83)"."""
    difference = one.difference
    return f"{signed(difference.mean)} ({signed(difference.low)} to {signed(difference.high)})"


def section(statement: Statement, rules: Rules) -> Section:
    """Write statement, place, verdict and numbers."""
    head: tuple[str, ...] = ("where", "first", "second", "difference", "p")
    rows: list[tuple[str, ...]] = [
        (one.name, one.first, one.second, interval(one), f"{one.p:.2g}") for one in statement.found
    ]
    align = "lrrrr"
    if statement.equivalence:
        head, align = (*head, "equivalence"), f"{align}l"
        rows = [(*row, equivalence(one, rules)) for row, one in zip(rows, statement.found, strict=True)]
    table = PlainTable(head, tuple(rows), align) if rows else None
    why = reserve(statement) if rows else f"; {statement.missing}"
    verdict = f"Verdict: **{statement.verdict}**{why}."
    return Section(statement.text, (f"In the paper: {statement.place}.", verdict, statement.meaning), table)


def line(statement: Statement, rules: Rules) -> tuple[str, str, str, str]:
    """Return the line of the csv: claim, paper, verdict, evidence."""
    return statement.text, statement.place, statement.verdict.value, evidence(statement, rules)
