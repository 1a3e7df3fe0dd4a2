"""The first page: memory's effect as a chart, and the few numbers that decide, each beside the paper's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from muvla.report.claims.libero import ON_LIBERO
from muvla.report.printed import is_average
from muvla.report.published import chance
from muvla.report.site.cells import Line, Row, Shown, Table
from muvla.report.site.charts import Chart, Mark, Series
from muvla.report.statistics.rules import Effect

PLACES = {  # of a card's numbers: table, and how the name of its row or column begins
    "Training tasks": ("table_mikasa", "Training tasks"),
    "Held-out, the same kind of memory": ("table_mikasa", "Held-out, matched"),
    "Held-out, another kind of memory": ("table_mikasa", "Held-out, novel"),
}


@dataclass(frozen=True)
class Card:
    """A place of a table with the numbers of the policies with memory and without: here, and printed."""

    title: str
    ours: tuple[str, str]  # with memory, without; "" where it was not run
    printed: tuple[str, str]
    over: str  # what the averages here are over, "2 of 5 environments"
    link: str
    verdicts: tuple[tuple[str, str], ...] = ()  # claims that say more than the averages do, each with its verdict


def cards(tables: Sequence[Table], claims: Sequence[Line], effect: Effect) -> list[Card]:
    """Return a card for each group of Table 1, and LIBERO's. claims: lines of claims.csv."""
    found = []
    for title, (name, group) in PLACES.items():
        for row in _rows(tables, name, group):
            if row.average:
                pair = [_cell(row, variant) for variant in (effect.memory, effect.baseline)]
                found.append(_card(title, name, pair, "environments"))
    return found + _control(tables, claims, effect)


def _control(tables: Sequence[Table], claims: Sequence[Line], effect: Effect) -> list[Card]:
    """Return the card of LIBERO: the first policy with memory in its table that was run, beside the baseline.

    The two differ in how often they plan too; what of a difference is the memory's, the claims tell apart.
    """
    averages = {
        row.label: cell
        for row in _rows(tables, "table_libero", "")
        for cell in row.cells
        if row.label and is_average(cell.line["column"])
    }
    run = [variant for variant, cell in averages.items() if cell.ours and variant != effect.baseline]
    if not run or effect.baseline not in averages:
        return []
    title = f"LIBERO, where memory is not needed ({run[0]})"
    card = _card(title, "table_libero", [averages[run[0]], averages[effect.baseline]], "suites")
    verdicts = tuple((one["claim"], one["verdict"]) for one in claims if one["claim"].startswith(ON_LIBERO))
    return [replace(card, verdicts=verdicts)]


def _card(title: str, table: str, pair: Sequence[Shown], parts: str) -> Card:
    """Return the card of two averages, with memory and without; parts: what they are over."""
    over = _over([cell.line["parts"].replace("/", " of ") if cell.ours else "" for cell in pair], parts)
    ours, printed = (pair[0].ours, pair[1].ours), (pair[0].printed, pair[1].printed)
    return Card(title, ours, printed, over, f"tables.html#cell={table}.{pair[0].key}")


@dataclass(frozen=True)
class Headline:
    """The effect in one environment, in words: "97 of 100" by what was evaluated, and the paper's two rates."""

    environment: str
    counts: tuple[tuple[str, str, str], ...]  # policy, episodes, and its colour of site.css
    printed: tuple[str, str]  # with memory, without


def headline(tables: Sequence[Table], charts: Sequence[Chart], effect: Effect) -> Headline | None:
    """Return the numbers of the effect's first environment that was run, in the order of the configuration."""
    if not charts:
        return None
    chart = charts[0]
    row = next(row for row in _rows(tables, "table_mikasa", "") if row.name == chart.title)
    counts = tuple((series.name, series.marks[0].count.replace("/", " of "), series.colour) for series in chart.series)
    printed = (_cell(row, effect.memory).printed, _cell(row, effect.baseline).printed)
    return Headline(chart.title, counts, printed)


def _rows(tables: Sequence[Table], name: str, group: str) -> list[Row]:
    found = [table for table in tables if table.name == name]
    return [row for table in found for title, rows in table.groups.items() if title.startswith(group) for row in rows]


def _cell(row: Row, variant: str) -> Shown:
    return next(cell for cell in row.cells if cell.line["variant"] == variant)


def _over(counts: Sequence[str], parts: str) -> str:
    """Say what two averages are over, each "1 of 11" or "" where it was not run; parts: "environments"."""
    memory, baseline = counts
    if memory == baseline or not baseline:
        return f"average over {memory} {parts}"
    return f"averages over {memory} {parts} and over {baseline}: not the same ones"


def effect_charts(tables: Sequence[Table], zeroed: dict[str, Mark], effect: Effect, confidence: float) -> list[Chart]:
    """Return a chart for each environment of the effect in which both of its policies were run, in the effect's order.

    zeroed: the policy with its memory set to zero, by environment.
    """
    charts = []
    for row in _rows(tables, "table_mikasa", ""):
        if row.name not in effect.environments:
            continue
        own, without = (_mark(_cell(row, variant)) for variant in (effect.memory, effect.baseline))
        if own is None or without is None:
            continue
        bars = {
            "with memory": ("memory", own),
            "memory set to zero": ("zeroed", zeroed.get(row.name)),
            "without memory": ("none", without),
            "without, cue kept in view": ("oracle", _mark(_cell(row, effect.oracle))),
        }
        series = tuple(Series(name, colour, (mark,)) for name, (colour, mark) in bars.items() if mark is not None)
        guess = chance(row.name)
        charts.append(Chart(row.name, "", ("",), series, True, confidence, guess, width=240, alone=False))
    return sorted(charts, key=lambda chart: list(effect.environments).index(chart.title))


def _mark(cell: Shown) -> Mark | None:
    return Mark.of(cell.line, rate="mean") if cell.line["low"] else None


def zeroed_marks(lines: Sequence[dict[str, str]], memory: str) -> dict[str, Mark]:
    """Return the policy `memory` with its memory set to zero, by environment, from the csv of the interventions."""
    own = [line for line in lines if line["variant"] == memory and line["setting"] == "memory=zero"]
    marks = {line["environment"]: Mark.of(line) for line in own}
    return {environment: mark for environment, mark in marks.items() if mark is not None}
