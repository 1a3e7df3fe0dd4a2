"""The claim on LIBERO, where memory is not needed and must not hurt, and what of a difference is re-planning's.

In the paper policies with memory re-plan at every step, and the one without executes whole chunks: two things differ.
"""

from muvla.report.claims.statement import Statement, not_measured
from muvla.report.claims.tables import APART, shared
from muvla.report.grid import Grid
from muvla.report.published import VARIANTS
from muvla.report.sample import Sample
from muvla.report.statistics.rules import Effect
from muvla.report.statistics.versus import Versus, average_versus, judge_no_worse

ON_LIBERO = "On LIBERO"  # how these claims begin; the first page finds them by it
NOT_WORSE = "Here holds means that the first is not worse by more than the margin, does not hold that it is."
Row = dict[str, Sample | None]  # of one policy, by task


def claims_on_libero(grid: Grid, effect: Effect) -> list[Statement]:
    """Judge the paper's claim, then its two parts: re-planning without memory, and memory where both re-plan."""
    tasks = sorted({environment for _, environment in grid.cells if environment.startswith("libero_")})
    rows = {name: {task: grid.cells.get((name, task)) for task in tasks} for name in VARIANTS}
    carriers = {name: row for name, row in rows.items() if _has_memory(row)}
    whole = rows[effect.baseline]
    receding: Row = {task: grid.find(effect.baseline, task, "receding") for task in tasks}
    needed = f"{effect.baseline} with mode=receding under controls, in tasks of libero.tasks"
    return [
        _statement(
            grid,
            f"{ON_LIBERO} memory costs nothing",
            "abstract, no regression; the LIBERO table prints 96.2 % for m=64, K=8 and 97.1 % for OpenVLA-OFT",
            f"First: a variant with memory. Second: {effect.baseline}. {NOT_WORSE}",
            [_average(grid, name, row, whole) for name, row in carriers.items()],
            f"a variant with memory and {effect.baseline} under libero.variants",
        ),
        _statement(
            grid,
            f"{ON_LIBERO} re-planning at every step costs nothing, without memory",
            APART,
            f"First: {effect.baseline}, re-planned at every step. Second: the same in whole chunks. {NOT_WORSE}",
            [_average(grid, effect.baseline, receding, whole)],
            needed,
        ),
        _statement(
            grid,
            f"{ON_LIBERO} memory costs nothing where both re-plan at every step",
            APART,
            f"First: a variant with memory. Second: {effect.baseline}, re-planned at every step. {NOT_WORSE}",
            [_average(grid, name, row, receding) for name, row in carriers.items()],
            needed,
        ),
    ]


def _statement(grid: Grid, text: str, place: str, meaning: str, found: list[Versus | None], needed: str) -> Statement:
    measured = tuple(one for one in found if one is not None)
    verdict = judge_no_worse(measured, grid.rules)
    return Statement(text, place, meaning, measured, verdict, not_measured(needed), equivalence=True)


def _average(grid: Grid, name: str, first: Row, second: Row) -> Versus | None:
    """Compare two policies on average over the tasks in which both were run; None where there is none."""
    pairs = shared((first[task], second[task]) for task in first)
    return average_versus(f"{name}, average of {len(pairs)} tasks", pairs, grid.rules) if pairs else None


def _has_memory(row: Row) -> bool:
    return any(one is not None and one.settings["num_mem_tokens"] for one in row.values())
