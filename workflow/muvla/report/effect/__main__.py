"""Does memory matter? Verdicts from the records: python -m muvla.report.effect --records DIR --environment
NAME."""

import argparse
import sys
from pathlib import Path

from muvla.files import ROOT
from muvla.records.file import Cell
from muvla.report.caption import origin, percent
from muvla.report.command import written
from muvla.report.effect.comparison import Comparison, compare
from muvla.report.grid import Grid, read_grid
from muvla.report.published import VARIANTS, chance, read_published
from muvla.report.statistics.rules import Rules, Targets, read_rules, read_targets
from muvla.report.statistics.tests import paired_exact, wilson

PUBLISHED = ROOT / "config" / "published" / "table_mikasa.csv"
OUTCOMES = {True: "**met**", False: "**missed**", None: "**not measured**"}


def rate_text(cell: Cell, rules: Rules) -> str:
    """Return "0.84 (42 of 50; 0.71 to 0.92)"."""
    rate = wilson(cell.successes, cell.episodes, rules.confidence)
    return f"{rate.mean:.2f} ({cell.successes} of {cell.episodes}; {rate.low:.2f} to {rate.high:.2f})"


def roles(found: Comparison) -> list[tuple[str, Cell | None]]:
    """Name and cell of every bar and every row, in a fixed order."""
    memory, baseline = found.memory.question["variant"], found.open_loop.question["variant"]
    return [
        (f"{memory}, memory active, re-planned at every step", found.memory),
        (f"{memory}, memory zeroed, re-planned at every step", found.zeroed),
        (f"{baseline}, no memory, open loop", found.open_loop),
        (f"{baseline}, no memory, re-planned at every step", found.replanned),
    ]


def at_most(cell: Cell | None, limit: float) -> bool | None:
    """Whether the success of `cell` is at most `limit`; None when it was not run."""
    return None if cell is None else cell.successes / cell.episodes <= limit


def paired_verdict(found: Comparison, other: Cell | None, name: str, p_below: float) -> tuple[bool | None, str]:
    """Whether memory beats `other` on the same seeds with p < `p_below`, and the sentence."""
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


def verdicts(found: Comparison, targets: Targets, rules: Rules) -> list[tuple[bool | None, str]]:
    """(met, missed or None for not measured; sentence) of every target."""
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
        told = f": {rate_text(cell, rules)}" if cell is not None else ""
        sentence = f"Success without memory, {name}, at most {targets.without_at_most:.2f}{told}."
        results.append((at_most(cell, targets.without_at_most), sentence))
    results.append(paired_verdict(found, found.open_loop, "no memory in open loop", targets.p_below))
    results.append(paired_verdict(found, found.replanned, "no memory re-planned at every step", targets.p_below))
    results.append(paired_verdict(found, found.zeroed, "the same policy with its memory zeroed", targets.p_below))
    if guess is not None:
        near, told = None, ""
        if found.zeroed is not None:
            rate = wilson(found.zeroed.successes, found.zeroed.episodes, rules.confidence)
            near, told = rate.low <= guess, f": {rate_text(found.zeroed, rules)}"
        sentence = f"With its memory zeroed the policy is not above chance, {guess:.2f}, by its interval{told}."
        results.append((near, sentence))
    return results


def variant_rows(grid: Grid, found: Comparison) -> list[str]:
    """Rows of all variants that the table shows on this environment, each against the memoryless baseline."""
    rows = []
    for variant in VARIANTS:
        cell = grid.cells.get((variant, found.environment))
        if cell is None or not cell.episodes:
            continue
        question = cell.question
        shared = cell.outcomes.keys() & found.open_loop.outcomes.keys()
        p = f"{paired_exact(cell.outcomes, found.open_loop.outcomes).p:.2g}" if shared else "-"
        if variant == found.open_loop.question["variant"]:
            p = "-"
        mode = question["mode"].replace("_", " ")
        rows.append(f"| {variant} | {question['num_mem_tokens']} | {mode} | {rate_text(cell, grid.rules)} | {p} |")
    return rows


def effect_text(grid: Grid, found: Comparison, targets: Targets) -> str:
    """The whole report as Markdown."""
    rules = grid.rules
    cells = [cell for _, cell in roles(found) if cell is not None]
    guess = chance(found.environment)
    baseline = found.open_loop.question["variant"]
    lines = [f"# Does memory matter on {found.environment}?", ""]
    lines += [
        *origin(cells),
        "",
        f"| policy | success (successes of episodes; {percent(rules.confidence)} Wilson interval) |",
        "|---|---|",
    ]
    lines += [
        f"| {name} | {rate_text(cell, rules) if cell is not None else 'not run'} |" for name, cell in roles(found)
    ]
    lines += [] if guess is None else [f"| touching one object at random | {guess:.2f} |"]
    if len(found.candidates) > 1:
        names = ", ".join(found.candidates)
        lines += ["", f"The memory variant was picked from {names} after these episodes were seen."]
    judged = verdicts(found, targets, rules)
    lines += ["", "## Targets", "", *(f"- {OUTCOMES[met]}: {sentence}" for met, sentence in judged)]
    lines += [
        "",
        "## Every variant",
        "",
        f"| variant | m | inference | success | p against {baseline}, uncorrected |",
    ]
    lines += ["|---|---|---|---|---|", *variant_rows(grid, found)]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 whatever the verdicts, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.effect", description=__doc__)
    parser.add_argument("--records", type=Path, required=True, help="folder of <variant>/<environment>[.<mode>].jsonl")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="names the variants and environments")
    parser.add_argument("--environment", required=True)
    parser.add_argument("--memory", help="variant with memory; the one with the highest success when left out")
    parser.add_argument("--picked", action="store_true", help="--memory was named after the results were seen")
    parser.add_argument("--baseline", default="oft_episodic", help="variant without memory")
    parser.add_argument("--statistics", help="JSON; config/config.yaml's `statistics` when left out")
    parser.add_argument("--targets", help="JSON; config/config.yaml's `effect.targets` when left out")
    parser.add_argument("--output", type=Path, required=True, help="Markdown file to write")
    options = parser.parse_args(arguments)

    def make() -> dict[Path, str]:
        rules, targets = read_rules(options.statistics), read_targets(options.targets)
        grid = read_grid(options.records, read_published(options.published), rules)
        found = compare(grid, options.environment, options.memory, options.baseline, picked=options.picked)
        text = effect_text(grid, found, targets)
        print(text, end="")
        return {options.output: text}

    return written(make)


if __name__ == "__main__":
    sys.exit(main())
