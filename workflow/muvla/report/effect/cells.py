"""The four cells that show memory's effect: the policy with memory, with its memory zeroed, and the one without."""

from dataclasses import dataclass
from pathlib import Path

from muvla.records.file import Cell, RecordsError
from muvla.report.grid import Grid
from muvla.report.published import VARIANTS


@dataclass(frozen=True)
class MemoryEffect:
    """Cells of one environment; None where a control was not run."""

    environment: str
    memory: Cell  # re-planned at every step
    zeroed: Cell | None  # the same policy and episodes, reading zeros
    open_loop: Cell  # the policy without memory, one query a chunk
    replanned: Cell | None  # the policy without memory, re-planned at every step
    candidates: tuple[str, ...]  # variants among which `memory` was picked; one where it was named before


def memory_variants(grid: Grid, environment: str) -> list[str]:
    """Return the variants with memory that were run on `environment` re-planning, in the order of the table."""
    cells = {variant: grid.find(variant, environment, "receding") for variant in VARIANTS}
    return [variant for variant, cell in cells.items() if cell is not None and cell.settings["num_mem_tokens"]]


def memory_effect(grid: Grid, environment: str, memory: str, baseline: str, *, picked: bool = False) -> MemoryEffect:
    """Find the cells for the variant `memory` against `baseline`.

    picked: `memory` was named after these results were seen, so every memory variant that was run was a candidate.

    Raises RecordsError when one of the two was not run, or is not what its role needs.
    """
    own = _run(grid, memory, environment, "receding", "re-planned at every step")
    open_loop = _run(grid, baseline, environment, "open_loop", "in open loop")
    for cell, has, role in ((own, True, "memory variant"), (open_loop, False, "memoryless baseline")):
        if bool(cell.settings["num_mem_tokens"]) != has:
            m = cell.settings["num_mem_tokens"]
            raise RecordsError(f"{cell.path} cannot be the {role}: its policy has {m} memory tokens")
    return MemoryEffect(
        environment,
        memory=own,
        zeroed=grid.find(memory, environment, "receding", "zero"),
        open_loop=open_loop,
        replanned=grid.find(baseline, environment, "receding"),
        candidates=tuple(memory_variants(grid, environment)) if picked else (memory,),
    )


def _run(grid: Grid, variant: str, environment: str, mode: str, how: str) -> Cell:
    cell = grid.find(variant, environment, mode)
    if cell is None:
        folder = next((one.folder for one in grid.cells.values()), Path("results/records/trained"))
        raise RecordsError(
            f"no episodes of {variant} on {environment} {how}: evaluate it first "
            f"(snakemake {folder}/{variant}/{environment}.done)"
        )
    return cell
