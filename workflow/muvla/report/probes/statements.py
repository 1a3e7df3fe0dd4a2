"""The paper's statements on the probes, judged from the records.

These are the statements of spec 10 that episode records can decide, each with its numbers and a verdict by the rule
that the text states (statistics/versus.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.records.file import Cell
from muvla.report.caption import origin, percent, signed
from muvla.report.document import PlainTable, Section, document
from muvla.report.probes.probes import UNSEEN, Cells, chunked, delayed, read_probe_cells, recoloured
from muvla.report.published import chance
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import wilson
from muvla.report.statistics.versus import CANNOT_TELL, DOES_NOT, HOLDS, NOT_RUN, Versus, gap_versus, judge_all, versus

K2, K8, EMA = "m64_k2", "m64_k8", "m64_ema"
NO_CHANCE = 0.05  # what a baseline must be above where guessing has no rate


@dataclass(frozen=True)
class Statement:
    """A statement of the paper, what exactly was compared, the comparisons, and the verdict."""

    text: str
    meaning: str
    found: tuple[Versus, ...]
    verdict: str


def statements(cells: Cells, rules: Rules) -> list[Statement]:
    """Judge all statements, in the order of the paper."""
    return [
        noise_drops(cells, rules),
        gap_at_one(cells, rules),
        *k2_dominates(cells, rules),
        k2_degrades_fastest(cells, rules),
        *k8_flat_but_low(cells, rules),
        ema_collapses(cells, rules),
    ]


def above_chance(cell: Cell, rules: Rules) -> bool:
    """Say whether the lower end of the cell's interval is above what guessing achieves."""
    guess = chance(cell.settings["environment"])
    return wilson(cell.successes, cell.episodes, rules.confidence).low > (NO_CHANCE if guess is None else guess)


def noise_drops(cells: Cells, rules: Rules) -> Statement:
    """Compare the policy's own memory with noise, wherever the baseline is not trivial."""
    found, trivial = [], []
    for (variant, environment), conditions in cells.items():
        own, noise = conditions.get(chunked(1)), conditions.get(chunked(1, "noise"))
        if own is not None and noise is not None:
            if above_chance(own, rules):
                found.append(versus(f"{variant}, {environment}", own, noise, rules))
            else:
                trivial.append(f"{variant} in {environment}")
    meaning = (
        "First: the policy reads its own memory. Second: noise. A baseline is non-trivial when the lower end of its "
        f"interval is above chance, or above {NO_CHANCE} where guessing has no rate."
    )
    meaning += f" Left out: {', '.join(trivial)}." if trivial else ""
    verdict = CANNOT_TELL if trivial and not found else judge_all(found, rules)
    return Statement("Noise drops success on every cell with a non-trivial baseline", meaning, tuple(found), verdict)


def gap_at_one(cells: Cells, rules: Rules) -> Statement:
    """Compare the gap of memory over zeros at chunk 1 with the gap at every longer chunk."""
    found = []
    for (variant, environment), conditions in cells.items():
        steps = sorted({one.steps for one in conditions if one.steps and one.environment_unchanged})
        gaps = {}
        for step in steps:
            own, zeroed = conditions.get(chunked(step)), conditions.get(chunked(step, "zero"))
            if own is not None and zeroed is not None:
                gaps[step] = (own, zeroed)
        found += [
            gap_versus(f"{variant}, {environment}, 1 against {step}", gaps[1], gaps[step])
            for step in gaps
            if step > 1 and 1 in gaps
        ]
    run = tuple(one for one in found if one is not None)
    meaning = (
        "First: successes with memory − with zeros, at every step re-planned. Second: the same with longer chunks."
    )
    statement = "The gap between memory and no memory is largest at chunk 1"
    return Statement(statement, meaning, run, judge_all(run, rules))


def k2_dominates(cells: Cells, rules: Rules) -> list[Statement]:
    """Compare K=2 with the other two carriers, in the table's own cell and with each number of unseen colours."""
    kinds = {"in distribution": (0,), "with unseen colours": UNSEEN}
    found_statements = []
    for where, counts in kinds.items():
        found = [
            versus(f"{environment}, {count} unseen, {other}", first, second, rules)
            for environment in _probed(cells)
            for count in counts
            for other in (K8, EMA)
            if (first := _cell(cells, K2, environment, count)) and (second := _cell(cells, other, environment, count))
        ]
        meaning = f"First: {K2}. Second: {K8} and {EMA}, where all were run with delays or unseen colours."
        found_statements.append(Statement(f"K=2 dominates {where}", meaning, tuple(found), judge_all(found, rules)))
    return found_statements


def k2_degrades_fastest(cells: Cells, rules: Rules) -> Statement:
    """Compare the drop from the shortest to the longest phases of K=2 with that of the others."""
    found = []
    for environment in _probed(cells):
        ends = {variant: _ends(cells, variant, environment) for variant in (K2, K8, EMA)}
        for other in (K8, EMA):
            first, second = ends[K2], ends[other]
            if first is not None and second is not None and first[0] == second[0]:
                found.append(gap_versus(f"{environment}, {other}, {first[0]}", first[1], second[1]))
    run = tuple(one for one in found if one is not None)
    meaning = f"First: {K2}'s successes in the shortest − in the longest phases. Second: {K8}'s and {EMA}'s."
    return Statement("K=2 degrades fastest with the length of the phases", meaning, run, judge_all(run, rules))


def k8_flat_but_low(cells: Cells, rules: Rules) -> list[Statement]:
    """Compare K=8 in the shortest and the longest phases, and with K=2 in the shortest."""
    flat, low = list[Versus](), list[Versus]()
    for environment in _probed(cells):
        ends, better = _ends(cells, K8, environment), _ends(cells, K2, environment)
        if ends is not None:
            flat.append(versus(f"{environment}, {ends[0]}", *ends[1], rules))
        if ends is not None and better is not None and ends[0] == better[0]:
            low.append(versus(f"{environment}, {ends[0]}", better[1][0], ends[1][0], rules))
    verdict = NOT_RUN if not flat else CANNOT_TELL
    if any(one.p < rules.significance for one in flat):
        verdict = DOES_NOT
    elif flat and all(one.same for one in flat):
        verdict = HOLDS
    meaning = (
        "First: the shortest phases. Second: the longest. Here holds means that they are the same within the margin, "
        "does not hold that they differ in either direction."
    )
    return [
        Statement("K=8 is flat over the length of the phases", meaning, tuple(flat), verdict),
        Statement(
            "K=8 is low", f"First: {K2} in the shortest phases. Second: {K8}.", tuple(low), judge_all(low, rules)
        ),
    ]


def ema_collapses(cells: Cells, rules: Rules) -> Statement:
    """Compare EMA in the shortest and the longest phases, and the latter with chance."""
    found, still = [], False
    for environment in _probed(cells):
        if (ends := _ends(cells, EMA, environment)) is not None:
            found.append(versus(f"{environment}, {ends[0]}", *ends[1], rules))
            still = still or above_chance(ends[1][1], rules)
    verdict = judge_all(found, rules)
    meaning = "First: the shortest phases. Second: the longest, which must not be above chance by its interval either."
    statement = "EMA collapses with the length of the phases"
    return Statement(statement, meaning, tuple(found), DOES_NOT if verdict == HOLDS and still else verdict)


def _probed(cells: Cells) -> list[str]:
    """Return the environments in which some policy was run with delays or unseen colours."""
    return sorted({environment for variant, environment in cells if _cell(cells, variant, environment, 0)})


def _cell(cells: Cells, variant: str, environment: str, unseen: int) -> Cell | None:
    """Return the cell with so many unseen colours; None for policies run with neither delays nor unseen colours."""
    conditions = cells.get((variant, environment), {})
    return None if all(one.environment_unchanged for one in conditions) else conditions.get(recoloured(unseen))


def _ends(cells: Cells, variant: str, environment: str) -> tuple[str, tuple[Cell, Cell]] | None:
    """Return "3 to 100 steps" and the cells of the shortest and the longest phases; None unless two were run."""
    conditions = cells.get((variant, environment), {})
    run = [length for length in sorted(one.phases for one in conditions if one.phases) if delayed(length) in conditions]
    if len(run) < 2:
        return None
    return f"{run[0]} to {run[-1]} steps", (conditions[delayed(run[0])], conditions[delayed(run[-1])])


def origin_of(cells: Cells) -> Section:
    """Say where the numbers come from, for every policy that was run under more than the table's condition."""
    probed = [cell for conditions in cells.values() if len(conditions) > 1 for cell in conditions.values()]
    return Section("Where the numbers come from", items=tuple(origin(probed)))


def method(rules: Rules) -> Section:
    """State the rule of the verdicts."""
    text = (
        "Two cells are compared on the same seeds (McNemar's exact test, two-sided; Fisher's where they share none), "
        "two gaps by the exact sign test over the episodes in which one is greater; difference is of the rates, and of "
        "gaps the share of episodes with a greater one minus that with a smaller one. A statement holds when every "
        f"comparison that was run goes its way with p < {rules.significance:g}. It does not hold when one goes the "
        f"other way with p < {rules.significance:g} after Holm's correction, or when one is a difference within "
        f"±{rules.equivalence_margin:g} by Newcombe's {percent(1 - 2 * rules.significance)} interval."
    )
    return Section("How it is decided", (text,))


def section(statement: Statement) -> Section:
    """Write statement, verdict and numbers."""
    rows = tuple((one.name, one.first, one.second, signed(one.difference), f"{one.p:.2g}") for one in statement.found)
    table = PlainTable(("where", "first", "second", "difference", "p"), rows, "lrrrr") if rows else None
    return Section(statement.text, (f"Verdict: **{statement.verdict}**.", statement.meaning), table)


def probe_statements(*, records: Sequence[Path], statistics: Rules) -> Contents:
    """Judge the paper's statements on the probes, as Markdown.

    records: marks. Raises RecordsError as read_probe_cells does.
    """
    cells = read_probe_cells(records)
    found = statements(cells, statistics)
    parts = [origin_of(cells), method(statistics), *(section(one) for one in found)]
    for one in found:
        print(f"{one.text}: {one.verdict}")
    return {".md": document("md", "The paper's statements on the probes", parts, "probe_statements")}
