"""What the paper says of the probes, checked: python -m muvla.report.probes.claims --records DIR ... --output FILE

The statements of spec 10 that episode records can decide, each with its numbers and a verdict by the rule that the text
states (versus.py). Which records answer which probe: probes.py.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from muvla.records.file import Cell
from muvla.report.caption import origin, percent
from muvla.report.command import written
from muvla.report.document import PlainTable, Section, document
from muvla.report.effect.__main__ import PUBLISHED
from muvla.report.probes.probes import UNSEEN, Answers, chunked, delayed, read_answers, recoloured
from muvla.report.published import chance, read_published
from muvla.report.statistics.rules import Rules, read_rules
from muvla.report.statistics.tests import wilson
from muvla.report.statistics.versus import CANNOT_TELL, DOES_NOT, HOLDS, NOT_RUN, Versus, gap_versus, judge_all, versus

K2, K8, EMA = "m64_k2", "m64_k8", "m64_ema"
NO_CHANCE = 0.05  # what a baseline must be above where guessing has no rate
MADE_BY = "muvla.report.probes.claims"


@dataclass(frozen=True)
class Claim:
    """A statement, what exactly was compared, the comparisons, and the verdict."""

    statement: str
    meaning: str
    found: tuple[Versus, ...]
    verdict: str


def claims(answers: Answers, rules: Rules) -> list[Claim]:
    """All statements in the order of the paper."""
    return [
        noise_drops(answers, rules),
        gap_at_one(answers, rules),
        *k2_dominates(answers, rules),
        k2_degrades_fastest(answers, rules),
        *k8_flat_but_low(answers, rules),
        ema_collapses(answers, rules),
    ]


def above_chance(cell: Cell, rules: Rules) -> bool:
    """Whether the lower end of its interval is above what guessing achieves."""
    guess = chance(cell.question["environment"])
    return wilson(cell.successes, cell.episodes, rules.confidence).low > (NO_CHANCE if guess is None else guess)


def noise_drops(answers: Answers, rules: Rules) -> Claim:
    """Memory of its own against noise, wherever the baseline is not trivial."""
    found, trivial = [], []
    for (variant, environment), ways in answers.items():
        own, noise = ways.get(chunked(1)), ways.get(chunked(1, "noise"))
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
    return Claim("Noise drops success on every cell with a non-trivial baseline", meaning, tuple(found), verdict)


def gap_at_one(answers: Answers, rules: Rules) -> Claim:
    """The gap of memory over zeros at chunk 1 against every longer chunk."""
    found = []
    for (variant, environment), ways in answers.items():
        steps = sorted({way.steps for way in ways if way.steps and way.as_the_environment_is})
        gaps = {}
        for step in steps:
            own, zeroed = ways.get(chunked(step)), ways.get(chunked(step, "zero"))
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
    return Claim(statement, meaning, run, judge_all(run, rules))


def k2_dominates(answers: Answers, rules: Rules) -> list[Claim]:
    """K=2 against the other two carriers, in the table's own cell and with each number of unseen colours."""
    kinds = {"in distribution": (0,), "with unseen colours": UNSEEN}
    claims = []
    for where, counts in kinds.items():
        found = [
            versus(f"{environment}, {count} unseen, {other}", first, second, rules)
            for environment in _probed(answers)
            for count in counts
            for other in (K8, EMA)
            if (first := _cell(answers, K2, environment, count))
            and (second := _cell(answers, other, environment, count))
        ]
        meaning = f"First: {K2}. Second: {K8} and {EMA}, where all were asked delays or unseen colours."
        claims.append(Claim(f"K=2 dominates {where}", meaning, tuple(found), judge_all(found, rules)))
    return claims


def k2_degrades_fastest(answers: Answers, rules: Rules) -> Claim:
    """The drop from the shortest to the longest phases, K=2's against the others'."""
    found = []
    for environment in _probed(answers):
        ends = {variant: _ends(answers, variant, environment) for variant in (K2, K8, EMA)}
        for other in (K8, EMA):
            first, second = ends[K2], ends[other]
            if first is not None and second is not None and first[0] == second[0]:
                found.append(gap_versus(f"{environment}, {other}, {first[0]}", first[1], second[1]))
    run = tuple(one for one in found if one is not None)
    meaning = f"First: {K2}'s successes in the shortest − in the longest phases. Second: {K8}'s and {EMA}'s."
    return Claim("K=2 degrades fastest with the length of the phases", meaning, run, judge_all(run, rules))


def k8_flat_but_low(answers: Answers, rules: Rules) -> list[Claim]:
    """K=8 from the shortest to the longest phases; and K=2 above it in the shortest."""
    flat, low = list[Versus](), list[Versus]()
    for environment in _probed(answers):
        ends, better = _ends(answers, K8, environment), _ends(answers, K2, environment)
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
        Claim("K=8 is flat over the length of the phases", meaning, tuple(flat), verdict),
        Claim("K=8 is low", f"First: {K2} in the shortest phases. Second: {K8}.", tuple(low), judge_all(low, rules)),
    ]


def ema_collapses(answers: Answers, rules: Rules) -> Claim:
    """EMA from the shortest to the longest phases, down to chance."""
    found, still = [], False
    for environment in _probed(answers):
        if (ends := _ends(answers, EMA, environment)) is not None:
            found.append(versus(f"{environment}, {ends[0]}", *ends[1], rules))
            still = still or above_chance(ends[1][1], rules)
    verdict = judge_all(found, rules)
    meaning = "First: the shortest phases. Second: the longest, which must not be above chance by its interval either."
    statement = "EMA collapses with the length of the phases"
    return Claim(statement, meaning, tuple(found), DOES_NOT if verdict == HOLDS and still else verdict)


def _probed(answers: Answers) -> list[str]:
    """Environments in which some policy was asked delays or unseen colours."""
    return sorted({environment for variant, environment in answers if _cell(answers, variant, environment, 0)})


def _cell(answers: Answers, variant: str, environment: str, unseen: int) -> Cell | None:
    """With so many unseen colours; None for policies that were asked neither delays nor unseen colours."""
    ways = answers.get((variant, environment), {})
    return None if all(way.as_the_environment_is for way in ways) else ways.get(recoloured(unseen))


def _ends(answers: Answers, variant: str, environment: str) -> tuple[str, tuple[Cell, Cell]] | None:
    """ "3 to 100 steps" and the cells of the shortest and the longest phases; None where fewer than two were run."""
    ways = answers.get((variant, environment), {})
    run = [length for length in sorted(way.phases for way in ways if way.phases) if delayed(length) in ways]
    if len(run) < 2:
        return None
    return f"{run[0]} to {run[-1]} steps", (ways[delayed(run[0])], ways[delayed(run[-1])])


def origin_of(answers: Answers) -> Section:
    """Where the numbers come from: of every policy that was asked more than the table asks."""
    cells = [cell for ways in answers.values() if len(ways) > 1 for cell in ways.values()]
    return Section("Where the numbers come from", items=tuple(origin(cells)))


def method(rules: Rules) -> Section:
    """The rule of the verdicts."""
    told = (
        "Two cells are compared on the same seeds (McNemar's exact test, two-sided; Fisher's where they share none), "
        "two gaps by the exact sign test over the episodes in which one is greater; difference is of the rates, and of "
        "gaps the share of episodes with a greater one minus that with a smaller one. A statement holds when every "
        f"comparison that was run goes its way with p < {rules.significance:g}. It does not hold when one goes the "
        f"other way with p < {rules.significance:g} after Holm's correction, or when one is a difference within "
        f"±{rules.equivalence_margin:g} by Newcombe's {percent(1 - 2 * rules.significance)} interval."
    )
    return Section("How it is decided", (told,))


def section(claim: Claim) -> Section:
    """Statement, verdict and numbers."""
    rows = tuple(
        (one.name, one.first, one.second, f"{one.difference:+.2f}".replace("-", "−"), f"{one.p:.2g}")
        for one in claim.found
    )
    table = PlainTable(("where", "first", "second", "difference", "p"), rows, "lrrrr") if rows else None
    return Section(claim.statement, (f"Verdict: **{claim.verdict}**.", claim.meaning), table)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 whatever the verdicts, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.probes.claims", description=__doc__)
    parser.add_argument(
        "--records", type=Path, nargs="+", required=True, help="folders of <variant>/<environment>[.<name>].jsonl"
    )
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="names the variants and environments")
    parser.add_argument("--statistics", help="JSON; config/config.yaml's `statistics` when left out")
    parser.add_argument("--output", type=Path, required=True, help="Markdown file to write")
    options = parser.parse_args(arguments)

    def make() -> dict[Path, str]:
        rules = read_rules(options.statistics)
        answers = read_answers(options.records, read_published(options.published), rules)
        found = claims(answers, rules)
        parts = [origin_of(answers), method(rules), *(section(claim) for claim in found)]
        for claim in found:
            print(f"{claim.statement}: {claim.verdict}")
        return {options.output: document("md", "What the paper says of the probes", parts, MADE_BY)}

    return written(make)


if __name__ == "__main__":
    sys.exit(main())
