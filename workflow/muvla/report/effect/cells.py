"""The samples that show memory's effect in one environment."""

from collections.abc import Mapping

from muvla.records.file import RecordsError
from muvla.report.grid import Grid
from muvla.report.sample import Sample
from muvla.report.statistics.rules import Effect

# The roles, in the order of the bars; None where one was not run.
MEMORY, ZEROED, NONE, REPLANNED, ORACLE = (
    "memory",
    "memory zeroed",
    "no memory",
    "no memory, re-planned",
    "first observation always shown",
)
MemoryEffect = Mapping[str, Sample | None]


def memory_effect(grid: Grid, environment: str, effect: Effect) -> MemoryEffect:
    """Find the sample of each role; no memory is the table's cell, re-planned a control that differs from it.

    Raises RecordsError when a policy is not what its role needs.
    """
    memory, baseline, oracle = (
        grid.cells.get((variant, environment)) for variant in (effect.memory, effect.baseline, effect.oracle)
    )
    for sample, has, role in ((memory, True, "variant with memory"), (baseline, False, "baseline without memory")):
        if sample is not None and bool(sample.settings["num_mem_tokens"]) != has:
            m = sample.settings["num_mem_tokens"]
            raise RecordsError(f"{sample.path} cannot be the {role}: its policy has {m} memory tokens")
    replanned = grid.find(effect.baseline, environment, "receding")
    mode = "receding" if memory is None else memory.settings["mode"]
    found = {
        MEMORY: memory,
        ZEROED: grid.find(effect.memory, environment, mode, "zero"),
        NONE: baseline,
        REPLANNED: None if replanned is baseline else replanned,
        ORACLE: oracle,
    }
    return {role: sample if sample is not None and sample.episodes else None for role, sample in found.items()}
