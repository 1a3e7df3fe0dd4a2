"""Does memory matter? Verdicts on memory's effect in one environment, from the records."""

from collections.abc import Sequence
from pathlib import Path

from muvla.records.file import Cell
from muvla.report.caption import origin, percent
from muvla.report.document import PlainTable, Section, document
from muvla.report.effect.cells import MemoryEffect, memory_effect
from muvla.report.grid import Grid, read_grid
from muvla.report.published import VARIANTS, chance
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Rules, Targets
from muvla.report.statistics.tests import paired_exact, wilson

OUTCOMES = {True: "**met**", False: "**missed**", None: "**not measured**"}


def rate_text(cell: Cell, rules: Rules) -> str:
    """Write rate, counts and interval: "0.84 (42 of 50; 0.71 to 0.92)"."""
    rate = wilson(cell.successes, cell.episodes, rules.confidence)
    return f"{rate.mean:.2f} ({cell.successes} of {cell.episodes}; {rate.low:.2f} to {rate.high:.2f})"


def roles(found: MemoryEffect) -> list[tuple[str, Cell | None]]:
    """Return name and cell of every bar and every row, in a fixed order."""
    memory, baseline = found.memory.settings["variant"], found.open_loop.settings["variant"]
    return [
        (f"{memory}, memory active, re-planned at every step", found.memory),
        (f"{memory}, memory zeroed, re-planned at every step", found.zeroed),
        (f"{baseline}, no memory, open loop", found.open_loop),
        (f"{baseline}, no memory, re-planned at every step", found.replanned),
    ]


def at_most(cell: Cell | None, limit: float) -> bool | None:
    """Say whether the success of `cell` is at most `limit`; None when it was not run."""
    return None if cell is None else cell.successes / cell.episodes <= limit


def paired_verdict(found: MemoryEffect, other: Cell | None, name: str, p_below: float) -> tuple[bool | None, str]:
    """Say whether memory beats `other` on the same seeds with p < `p_below`, and the sentence."""
    text = f"On the same seeds memory beats {name} with p < {p_below} (exact, two-sided)"
    if other is None:
        return None, f"{text}."
    test = paired_exact(found.memory.outcomes, other.outcomes)
    # The best of several was picked on these very seeds, so its p-value counts once for each of them.
    p = min(1.0, test.p * len(found.candidates))
    several = len(found.candidates) > 1
    picked = f" (multiplied by the {len(found.candidates)} variants it was picked from)" if several else ""
    detail = f"{test.pairs} pairs, only memory {test.only_first}, only the other {test.only_second}"
    detail += f", p = {p:.2g}{picked}"
    return p < p_below and test.only_first > test.only_second, f"{text}: {detail}."


def verdicts(found: MemoryEffect, targets: Targets, rules: Rules) -> list[tuple[bool | None, str]]:
    """Judge every target: (whether it is met, None for not measured; sentence)."""
    cells = [cell for _, cell in roles(found) if cell is not None]
    fewest = min(cell.episodes for cell in cells)
    seeds = {frozenset(cell.outcomes) for cell in cells}
    memory = found.memory.successes / found.memory.episodes
    guess = chance(found.environment)
    results: list[tuple[bool | None, str]] = [
        (
            fewest >= targets.episodes_at_least and len(seeds) == 1,
            (
                f"At least {targets.episodes_at_least} episodes in each that was run, on the same seeds: "
                f"the fewest are {fewest}, the seeds are "
                f"{'the same' if len(seeds) == 1 else 'not all the same'}."
            ),
        ),
        (
            memory >= targets.with_memory_at_least,
            f"Success with memory at least {targets.with_memory_at_least:.2f}: {rate_text(found.memory, rules)}.",
        ),
    ]
    for cell, name in ((found.open_loop, "open loop"), (found.replanned, "re-planned at every step")):
        rate = f": {rate_text(cell, rules)}" if cell is not None else ""
        sentence = f"Success without memory, {name}, at most {targets.without_at_most:.2f}{rate}."
        results.append((at_most(cell, targets.without_at_most), sentence))
    results.append(paired_verdict(found, found.open_loop, "no memory in open loop", targets.p_below))
    results.append(paired_verdict(found, found.replanned, "no memory re-planned at every step", targets.p_below))
    results.append(paired_verdict(found, found.zeroed, "the same policy with its memory zeroed", targets.p_below))
    if guess is not None:
        near, measured = None, ""
        if found.zeroed is not None:
            zeroed = wilson(found.zeroed.successes, found.zeroed.episodes, rules.confidence)
            near, measured = zeroed.low <= guess, f": {rate_text(found.zeroed, rules)}"
        sentence = f"With its memory zeroed the policy is not above chance, {guess:.2f}, by its interval{measured}."
        results.append((near, sentence))
    return results


def variant_rows(grid: Grid, found: MemoryEffect) -> list[tuple[str, ...]]:
    """Return a row for every variant of the table in this environment, each against the memoryless baseline."""
    rows: list[tuple[str, ...]] = []
    for variant in VARIANTS:
        cell = grid.cells.get((variant, found.environment))
        if cell is None or not cell.episodes:
            continue
        shared = cell.outcomes.keys() & found.open_loop.outcomes.keys()
        p = f"{paired_exact(cell.outcomes, found.open_loop.outcomes).p:.2g}" if shared else "-"
        if variant == found.open_loop.settings["variant"]:
            p = "-"
        memory, mode = str(cell.settings["num_mem_tokens"]), cell.settings["mode"].replace("_", " ")
        rows.append((variant, memory, mode, rate_text(cell, grid.rules), p))
    return rows


def sections(grid: Grid, found: MemoryEffect, targets: Targets) -> list[Section]:
    """Write the whole report: the four cells, the targets, every variant, and where the numbers come from."""
    rules, four = grid.rules, roles(found)
    rows: list[tuple[str, ...]] = [
        (name, rate_text(cell, rules) if cell is not None else "not run") for name, cell in four
    ]
    if (guess := chance(found.environment)) is not None:
        rows.append(("touching one object at random", f"{guess:.2f}"))
    interval = f"success (successes of episodes; {percent(rules.confidence)} Wilson interval)"
    picked: tuple[str, ...] = ()
    if len(found.candidates) > 1:
        names = ", ".join(found.candidates)
        picked = (f"The memory variant was picked from {names} after these episodes were seen.",)
    against = f"p against {found.open_loop.settings['variant']}, uncorrected"
    head = ("variant", "m", "inference", "success", against)
    judged = verdicts(found, targets, rules)
    return [
        Section("With memory and without", picked, PlainTable(("policy", interval), tuple(rows), "ll")),
        Section("Targets", items=tuple(f"{OUTCOMES[met]}: {sentence}" for met, sentence in judged)),
        Section("Every variant", table=PlainTable(head, tuple(variant_rows(grid, found)), "lrllr")),
        Section("Where the numbers come from", items=tuple(origin([cell for _, cell in four if cell is not None]))),
    ]


def effect(
    *,
    records: Sequence[Path],
    environment: str,
    memory: str,
    baseline: str,
    picked: bool,
    statistics: Rules,
    targets: Targets,
) -> Contents:
    """Judge the effect of `memory` against `baseline` in `environment`, as Markdown.

    records: marks. picked: `memory` was named after the results were seen. Raises RecordsError as
    read_grid and memory_effect do.
    """
    grid = read_grid(records, statistics)
    parts = sections(grid, memory_effect(grid, environment, memory, baseline, picked=picked), targets)
    text = document("md", f"Does memory matter on {environment}?", parts, "effect")
    print(text, end="")
    return {".md": text}
