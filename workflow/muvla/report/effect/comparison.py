"""The four cells that tell memory from everything else: the policy with it, with it zeroed, and the one
without."""

from dataclasses import dataclass

from muvla.records.file import Cell, RecordsError
from muvla.report.grid import Grid
from muvla.report.published import VARIANTS


@dataclass(frozen=True)
class Comparison:
    """Cells of one environment; None where a control was not run."""

    environment: str
    memory: Cell  # re-planned at every step
    zeroed: Cell | None  # the same policy and episodes, reading zeros
    open_loop: Cell  # the policy without memory, one query a chunk
    replanned: Cell | None  # the policy without memory, re-planned at every step
    candidates: tuple[str, ...]  # the memory variants among which `memory` was picked; one where it was named before


def memory_variants(grid: Grid, environment: str) -> list[str]:
    """Variants that have memory and were run on `environment` re-planning, in the order of the table."""
    cells = {variant: grid.find(variant, environment, "receding") for variant in VARIANTS}
    return [variant for variant, cell in cells.items() if cell is not None and cell.question["num_mem_tokens"]]


def compare(grid: Grid, environment: str, memory: str | None, baseline: str, *, picked: bool = False) -> Comparison:
    """Find the cells for memory variant `memory` (None: the one with the highest success) against `baseline`.

    picked: `memory` was named after these results were seen, so every memory variant that was run was a candidate.

    Raises RecordsError when one of the two was not run, or when it is not what its role needs.
    """
    candidates = tuple(memory_variants(grid, environment)) if memory is None or picked else (memory,)
    cells = {name: grid.find(name, environment, "receding") for name in (candidates if memory is None else (memory,))}
    run = {variant: cell for variant, cell in cells.items() if cell is not None}
    if not run:
        name = memory or "any memory variant"
        raise RecordsError(
            f"no episodes of {name} on {environment} re-planned at every step: evaluate it first "
            f"(python -m muvla.evaluate variant={memory or 'm64_k2'} environment={environment})"
        )
    best = max(run.values(), key=lambda cell: cell.successes / cell.episodes)
    open_loop = grid.find(baseline, environment, "open_loop")
    if open_loop is None:
        raise RecordsError(
            f"no episodes of {baseline} on {environment} in open loop: evaluate it first "
            f"(python -m muvla.evaluate variant={baseline} environment={environment})"
        )
    for cell, has, role in ((best, True, "memory variant"), (open_loop, False, "memoryless baseline")):
        if bool(cell.question["num_mem_tokens"]) != has:
            m = cell.question["num_mem_tokens"]
            raise RecordsError(f"{cell.path} cannot be the {role}: its policy has {m} memory tokens")
    variant = best.question["variant"]
    return Comparison(
        environment,
        memory=best,
        zeroed=grid.find(variant, environment, "receding", "zero"),
        open_loop=open_loop,
        replanned=grid.find(baseline, environment, "receding"),
        candidates=candidates,
    )
