"""Batches of evaluations: the cells of the configuration that one process evaluates, one after the other.

A process pays for its start once: torch, the simulator's packages and, at the paper's scale, a policy of 15 GB. A batch
holds cells of one part of the results only, so that no table waits for cells that it does not show.
"""

from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

from muvla.benchmark.benchmark import benchmark_of
from muvla.jobs import matrix, recorded, shown, traces
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import Cell

LARGEST = 8  # cells of a mini batch: its policies are small, so only the start is shared, and all cores are to be busy
FEWEST = 2  # mini batches of a part, where it has as many cells


class Batch(NamedTuple):
    """name: of its rule, such as evaluate_table_1 or evaluate_seed1_probes_m64_k8."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def title(self) -> str:
        """What is evaluated, for people: policies, and the number of cells."""
        policies = ", ".join(dict.fromkeys(f"{cell.home}{cell.variant}" for cell in self.cells))
        return f"{policies}: {len(self.cells)} {'cell' if len(self.cells) == 1 else 'cells'}"


def batches(config: Configuration) -> list[Batch]:
    """Return every evaluation that is made, each in one batch: where records come along, those of the sample.

    At the paper's scale a batch is one policy in all environments of a part, in LIBERO in one suite; at the others a
    few cells of any policies.
    """
    effect = set(shown.effect_controls(config))
    of_mikasa = [*matrix.first_seed(config), *matrix.repeated(config)]
    of_libero = [cell for seed in matrix.seeds(config) for cell in matrix.libero_cells(config, seed)]
    cells = recorded.sample(config)
    for home, found in (("", of_mikasa), ("libero/", of_libero)):
        cells += [] if recorded.shown(config, home) else found

    def part(cell: Cell) -> str:
        kind = "table" if not cell.control else "effect" if cell._replace(home="") in effect else "probes"
        if recorded.shown(config, cell.home):
            kind = "sample"
        return "_".join([*cell.home.split("/")[:-1], kind])

    def policy(cell: Cell) -> str:
        suite = cell.environment.split("/")[:-1]
        return "_".join([part(cell), cell.variant, *suite])

    if config["scale"] == "paper":
        return [Batch(f"evaluate_{name}", tuple(found)) for name, found in _grouped(cells, policy)]
    return [
        Batch(f"evaluate_{name}_{number + 1}", tuple(found[number::count]))
        for name, found in _grouped(cells, part)
        for count in [max(min(FEWEST, len(found)), -(-len(found) // LARGEST))]
        for number in range(count)
    ]


def trace_batches(config: Configuration) -> list[Batch]:
    """Return all that is traced, in batches like those of evaluations.

    A trace's simulator runs in the process of its policy, so a process traces one cell of a benchmark whose simulator
    cannot be made twice in it.
    """
    cells = [Cell(*place, home=matrix.home_of(place[1])) for place in traces.wanted(config)]

    def together(cell: Cell) -> str:
        if benchmark_of(cell.environment).one_a_process:
            return "_".join([cell.variant, *cell.environment.split("/")])
        return cell.variant if config["scale"] == "paper" else "all"

    found = [list(group) for _, group in _grouped(cells, together)]
    largest = len(cells) if config["scale"] == "paper" else LARGEST
    parts = [group[start : start + largest] for group in found for start in range(0, len(group), largest)]
    return [Batch(f"trace_{number + 1}", tuple(part)) for number, part in enumerate(parts)]


def _grouped(cells: list[Cell], name: Callable[[Cell], str]) -> list[tuple[str, list[Cell]]]:
    return [(key, list(found)) for key, found in groupby(sorted(cells, key=name), name)]
