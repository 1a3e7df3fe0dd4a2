"""The findings of the audit in sentences and tables."""

from __future__ import annotations

from fractions import Fraction

from muvla.report.audit.averages import exact_text
from muvla.report.audit.claims import Claim, changing_baselines, changing_policies, same_policy
from muvla.report.audit.crosscheck import Mixed
from muvla.report.audit.findings import TITLES, Audit
from muvla.report.document import PlainTable, Section


def count(number: int, one: str, many: str) -> str:
    """Write a number with its noun: "no averages", "1 average" or "9 averages"."""
    return f"{number or 'no'} {one if number == 1 else many}"


def signed_exact(difference: Fraction, like: str) -> str:
    """Write a difference with its sign and the digits of the printed number `like`: "+0.36"."""
    return f"{'' if difference < 0 else '+'}{exact_text(difference, like)}".replace("-", "−")


def sections(found: Audit) -> list[Section]:
    """Write the whole document."""
    return [_summary(found), _averages(found), _mixed(found), _disagreements(found), *_claims(found)]


def _summary(found: Audit) -> Section:
    wrong = len(found.mismatches)
    cells = sum(len(table.by_model()) for table in found.tables)
    text = (
        f"{len(found.averages)} printed averages over {cells} printed cells were recomputed with exact arithmetic and "
        f"rounded half up to the printed digits: {wrong} {'does' if wrong == 1 else 'do'} not follow from "
        f"{'its' if wrong == 1 else 'their'} own cells. Besides, "
        f"{count(len(found.mixed), 'row is', 'rows are')} put together from several models of another table, and "
        f"{count(len(found.disagreements), 'cell contradicts', 'cells contradict')} another table's."
    )
    method = (
        "This is about the arithmetic of what is printed, and says nothing about how a number was measured. A finding "
        "here is a difference between printed numbers; the print does not tell which of them is right."
    )
    return Section("Summary", (text, method))


def _averages(found: Audit) -> Section:
    title = "Averages that do not follow from their own cells"
    if not found.mismatches:
        return Section(title, ("There are none.",))
    rows = []
    for one in found.mismatches:
        exact, hidden = (exact_text(value, one.printed) for value in (one.exact, one.hidden))
        shown = (one.printed, one.recomputed, exact, "yes" if one.rounding_explains else "no", hidden.replace("-", "−"))
        rows.append((TITLES[one.table], one.row, one.column, str(len(one.terms)), *shown))
    head = ("table", "row", "column", "cells", "printed", "recomputed", "exact", "rounding", "further cell")
    notes = (
        "Recomputed is rounded as printed. Rounding: could cells that were themselves rounded to their last printed "
        "digit give the printed average? Cells that count 100 episodes are not rounded. Further cell: what one more "
        "cell, averaged but not printed, would have to be; a value outside the scale rules that explanation out.",
    )
    return Section(title, notes, PlainTable(head, tuple(rows), "lXXrrrrlr", title))


def _mixed_sentence(mix: Mixed) -> str:
    cells = "; ".join(f"{task} {mix.values[task]} is {' or '.join(names)}" for task, names in mix.sources.items())
    others = [task for task, names in mix.sources.items() if mix.nearest not in names]
    replaced = ", ".join(f"{task} {mix.nearest_values[task]} instead of {mix.values[task]}" for task in others)
    average = ""
    if mix.printed_average is not None:
        average = (
            f", and the average {exact_text(mix.nearest_mean, mix.like)}, rounded {mix.nearest_average}, "
            f"instead of {mix.printed_average}"
        )
    return (
        f"{TITLES[mix.table]}, {mix.model}: no one model of {TITLES[mix.other]} has these cells. {cells}. "
        f"{mix.nearest} alone would have {replaced}{average}."
    )


def _mixed(found: Audit) -> Section:
    title = "Rows that mix columns of another table"
    items = tuple(_mixed_sentence(mix) for mix in found.mixed)
    return Section(title, () if items else ("There are none.",), None, items)


def _disagreements(found: Audit) -> Section:
    title = "The same model and task in two tables"
    if not found.disagreements:
        return Section(title, ("No two tables disagree.",))
    rows = []
    for two in found.disagreements:
        values = [f"{value} ({TITLES[table]})" for table, value in (two.first, two.second)]
        rows.append((two.model, two.task, *values, signed_exact(two.difference, two.first[1])))
    names = ", ".join(dict.fromkeys(two.model for two in found.disagreements))
    text = f"Under one name ({names}) two tables print different values for the same task; neither says why."
    head = ("model", "task", "one", "other", "difference")
    return Section(title, (text,), PlainTable(head, tuple(rows), "llrrr", title))


def _claim_items(claim: Claim) -> tuple[str, ...]:
    table = TITLES[claim.table]
    items = []
    for role, models in claim.used.items():
        whose = "the authors' model" if role == "ours" else "the baseline"
        where = f"is {' or '.join(models)}" if models else f"is printed for no such model in {table}, {claim.average}"
        items.append(f"{claim.numbers[role]}, {whose}, {where} ({table}, {claim.average}).")
    if "baseline" not in claim.used:
        items.append("The claim names no baseline.")
    for one in claim.comparisons:
        parts = ", ".join(f"{task} {signed_exact(value, one.values[0])}" for task, value in one.parts.items())
        items.append(
            f"Like for like, {one.model} against {one.baseline}: {one.values[0]} to {one.values[1]}, "
            f"{signed_exact(one.difference, one.values[0])}{f' ({parts})' if parts else ''}."
        )
    if claim.oracle is not None:
        items.append(f"The upper bound printed beside it, {claim.oracle[0]}: {claim.oracle[1]}.")
    return tuple(items)


def _claims(found: Audit) -> list[Section]:
    parts = [
        Section(f'The claim on {claim.name}: "{claim.text}"', (), None, _claim_items(claim)) for claim in found.claims
    ]
    items = []
    if changed := changing_baselines(found.claims):
        listed = "; ".join(f"{claim}: {' or '.join(models) or 'none'}" for claim, models in changed.items())
        items.append(f"The claims that name a baseline do not share one: {listed}.")
    if changed := changing_policies(found.claims):
        listed = "; ".join(f"{claim}: {' or '.join(variants) or 'none'}" for claim, variants in changed.items())
        items.append(f"No one policy serves all claims: {listed}.")
        for claim, model, elsewhere in same_policy(found.claims, found.tables):
            values = "; ".join(f"{other}: {value or 'not printed'}" for other, value in elsewhere.items())
            items.append(f"The policy of the claim on {claim}, {model}, under the other claims: {values}.")
    return [*parts, Section("The claims together", () if items else ("Nothing to say.",), None, tuple(items))]
