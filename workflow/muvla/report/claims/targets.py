"""The targets that this reproduction set itself for the effect of memory: met or missed by the measured rates."""

from muvla.report.caption import signed
from muvla.report.document import PlainTable, Section
from muvla.report.grid import Grid
from muvla.report.sample import Sample
from muvla.report.statistics.rules import Effect, Rules
from muvla.report.statistics.versus import Answer, described

NOT_OF_THE_PAPER = "none: a target of this reproduction"
MET = {Answer.HOLDS: "met", Answer.DOES_NOT: "missed", Answer.CANNOT_TELL: "not measured"}


def judged_targets(grid: Grid, effect: Effect) -> list[tuple[str, Answer, str]]:
    """Return (target, whether it is met, what was measured) of every target; not measured is cannot tell."""
    found = []
    for target in effect.targets:
        environment = target["environment"]
        memory, baseline = (grid.cells.get((name, environment)) for name in (effect.memory, effect.baseline))
        for key, limit in target.items():
            if isinstance(limit, float):
                name = key.replace("memory", effect.memory).replace("baseline", effect.baseline).replace("_at_", " at ")
                if key == "gain_at_least":
                    name = f"{effect.memory} minus {effect.baseline} at least"
                met, measured = _judge(key, limit, memory, baseline, grid.rules)
                found.append((f"Target: {environment}, {name} {limit:.2f}", met, measured))
    return found


def _judge(key: str, limit: float, memory: Sample | None, baseline: Sample | None, rules: Rules) -> tuple[Answer, str]:
    """Compare the rate, or with gain_at_least the difference of two rates, with its limit."""
    named = {"gain": (memory, baseline), "memory": (memory,), "baseline": (baseline,)}[key.split("_")[0]]
    samples = [one for one in named if one is not None and one.episodes]
    if len(samples) < len(named):
        return Answer.CANNOT_TELL, "not measured"
    first, *second = (one.successes / one.episodes for one in samples)
    value = first - sum(second)
    met = value <= limit if key.endswith("at_most") else value >= limit
    measured = " against ".join(described(one, rules) for one in samples)
    return Answer.HOLDS if met else Answer.DOES_NOT, f"{signed(value)}: {measured}" if second else measured


def targets_section(judged: list[tuple[str, Answer, str]]) -> Section:
    """Write the targets as a table."""
    rows = tuple((text.removeprefix("Target: "), measured, MET[met]) for text, met, measured in judged)
    text = "A target is met by the measured rate itself, whatever its interval; they are no claims of the paper."
    return Section("Targets of this reproduction", (text,), PlainTable(("target", "measured", ""), rows, "lll"))
