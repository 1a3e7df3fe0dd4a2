"""The claims of the abstract and of Table 1: memory against none, variants against each other.

The average of a group of environments is judged only when both policies were run in all of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from muvla.report.claims.statement import Statement, not_measured
from muvla.report.grid import Grid
from muvla.report.published import GROUPS, VARIANTS, Published, chance
from muvla.report.sample import Sample
from muvla.report.statistics.paired import share_episodes
from muvla.report.statistics.rules import Effect, Rules
from muvla.report.statistics.versus import (
    Answer,
    Versus,
    average_versus,
    judge_greater,
    judge_no_worse,
    judge_same,
    versus,
)

K1, K2, EMA, EMA_FULL = "m64_k1", "m64_k2", "m64_ema", "m64_ema_full"
APART = "none: what of it is re-planning's; in the paper policies with memory re-plan and the one without does not"


def claims_on_tables(grid: Grid, published: Published, effect: Effect) -> list[Statement]:
    """Judge every claim on the tables, in the order of the paper."""
    memory, baseline = effect.memory, effect.baseline
    average = partial(on_average, grid, published, effect)
    return [
        average("training", memory, baseline, "Memory raises success on the training tasks", "abstract, 0.42 to 0.84"),
        where_both_replan(grid, published, effect),
        on_cue_tasks(grid, published, effect),
        average(
            "matched",
            memory,
            baseline,
            "Memory carries over to held-out tasks of the same memory structure",
            "abstract, 0.23 versus 0.07",
        ),
        average(
            "novel",
            memory,
            baseline,
            "Where the memory structure is new, memory changes nothing",
            "results on held-out tasks, near the baseline",
        ),
        oracle_bounds(grid, published, effect),
        average("training", K2, EMA, "TBPTT with K=2 does better than EMA", "Table 1"),
        average("training", K2, K1, "Gradients through two steps do better than through one", "Table 1"),
        average("training", EMA, EMA_FULL, "The guard mask does better than the full mask, with EMA", "mask ablation"),
    ]


def on_average(
    grid: Grid, published: Published, effect: Effect, group: str, first: str, second: str, text: str, place: str
) -> Statement:
    """Compare the averages of two variants over a group; in the novel one the claim is that they are the same."""
    names = published.environments[group]
    pairs = _pairs(grid, first, second, names)
    found, verdict = _judged(grid, effect, first, pairs, names, judge_same if group == "novel" else judge_greater)
    printed = [published.values[variant, f"average:{group}"] for variant in (first, second)]
    meaning = (
        f"First: {first}. Second: {second}. Averages over {GROUPS[group].lower()}; no verdict before both were run in "
        f"all {len(names)}."
    )
    if group == "novel":
        meaning += " Here holds means that they are the same within the margin."
    place = (
        f"{place}; the average printed is {printed[0]} for {VARIANTS[first]} and {printed[1]} for {VARIANTS[second]}"
    )
    missing = _variants(first, second, GROUPS[group])
    return Statement(text, place, meaning, found, verdict, missing, equivalence=group == "novel")


def where_both_replan(grid: Grid, published: Published, effect: Effect) -> Statement:
    """Compare the averages of memory and none over the training tasks, both re-planned at every step."""
    memory, baseline, names = effect.memory, effect.baseline, published.environments["training"]
    pairs = shared((grid.cells.get((memory, name)), grid.find(baseline, name, "receding")) for name in names)
    found, verdict = _judged(grid, effect, memory, pairs, names, judge_greater)
    meaning = (
        f"First: {memory}. Second: {baseline}, re-planned at every step. Averages over {GROUPS['training'].lower()}; "
        f"no verdict before both were run in all {len(names)}."
    )
    text = "Memory raises success on the training tasks where both re-plan at every step"
    missing = not_measured(f"{memory}, and {baseline} with mode=receding under controls, in {GROUPS['training']}")
    return Statement(text, APART, meaning, found, verdict, missing)


def on_cue_tasks(grid: Grid, published: Published, effect: Effect) -> Statement:
    """Compare memory with none on every training task that is a choice by a cue that is gone."""
    names = cue_tasks(published)
    found = _picked(grid, effect, effect.memory, _each(grid, effect.memory, effect.baseline, names))
    verdict = judge_greater(found, grid.rules) if len(found) == len(names) else Answer.CANNOT_TELL
    meaning = (
        f"First: {effect.memory}. Second: {effect.baseline}. The training tasks in which an object must be chosen by "
        f"a cue that is gone: {', '.join(names)}; no verdict before both were run in all."
    )
    place = "Table 1, training tasks"
    missing = _variants(effect.memory, effect.baseline, ", ".join(names))
    return Statement(
        "Memory helps on every training task that needs it", place, meaning, tuple(found), verdict, missing
    )


def oracle_bounds(grid: Grid, published: Published, effect: Effect) -> Statement:
    """Compare the policy that sees the first observation at every step with memory, on the cue tasks."""
    names = cue_tasks(published)
    found = _each(grid, effect.oracle, effect.memory, names)
    verdict = judge_no_worse(found, grid.rules) if len(found) == len(names) else Answer.CANNOT_TELL
    meaning = (
        f"First: {effect.oracle}. Second: {effect.memory}. Here holds means that the first is not worse by more than "
        "the margin, does not hold that it is."
    )
    text = "Seeing the first observation at every step bounds memory on cue tasks"
    missing = _variants(effect.oracle, effect.memory, ", ".join(names))
    place = "caption of Table 1, an oracle-style upper bound"
    return Statement(text, place, meaning, tuple(found), verdict, missing, equivalence=True)


def cue_tasks(published: Published) -> tuple[str, ...]:
    """Return the training tasks that are a choice among objects."""
    return tuple(name for name in published.environments["training"] if chance(name) is not None)


def shared(samples: Iterable[tuple[Sample | None, Sample | None]]) -> list[tuple[Sample, Sample]]:
    """Return the pairs of samples of which both are there, and were run on the same episodes."""
    return [
        (one, other)
        for one, other in samples
        if one is not None and other is not None and share_episodes(one.outcomes, other.outcomes)
    ]


def _pairs(grid: Grid, first: str, second: str, environments: Sequence[str]) -> list[tuple[Sample, Sample]]:
    return shared((grid.cells.get((first, name)), grid.cells.get((second, name))) for name in environments)


def _judged(
    grid: Grid,
    effect: Effect,
    first: str,
    pairs: Sequence[tuple[Sample, Sample]],
    names: Sequence[str],
    judge: Callable[[Sequence[Versus], Rules], Answer],
) -> tuple[tuple[Versus, ...], Answer]:
    """Compare the averages over the pairs and judge them, once there is a pair for each of the names."""
    title = f"average of {len(pairs)} of {len(names)} environments"
    found = _picked(grid, effect, first, [average_versus(title, pairs, grid.rules)] if pairs else [])
    return tuple(found), judge(found, grid.rules) if len(pairs) == len(names) else Answer.CANNOT_TELL


def _each(grid: Grid, first: str, second: str, environments: Sequence[str]) -> list[Versus]:
    return [
        versus(one.settings["environment"], one, other, grid.rules)
        for one, other in _pairs(grid, first, second, environments)
    ]


def _picked(grid: Grid, effect: Effect, variant: str, found: list[Versus]) -> list[Versus]:
    """Multiply p by the number of variants with memory if this one was named after their results were seen."""
    if not effect.picked or variant != effect.memory:
        return found
    candidates = {name for (name, _), sample in grid.cells.items() if sample.settings["num_mem_tokens"]}
    return [replace(one, p=min(1.0, one.p * len(candidates))) for one in found]


def _variants(first: str, second: str, where: str) -> str:
    return not_measured(f"{first} and {second} (`variants`) in {where} (`environments`)")
