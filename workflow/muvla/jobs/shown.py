"""Which evaluations the figures show."""

from muvla.jobs import matrix
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import Cell


def effect_cells(config: Configuration) -> list[Cell]:
    """Return the evaluations that the effect's figure shows: its environments' cells of the table, and controls."""
    effect = config["effect"]
    shown = {effect["memory"], effect["baseline"], effect["oracle"]}
    cells = [
        cell for cell in matrix.table(config) if cell.environment in effect["environments"] and cell.variant in shown
    ]
    return [*cells, *effect_controls(config)]


def effect_controls(config: Configuration) -> list[Cell]:
    """Return the controls that the effect shows beside its environments' cells of the table.

    They are the policy with memory reading zeros, and the one without memory re-planning at every step.
    """
    pair = config["effect"]
    receding = {**matrix.USUAL, "mode": "receding"}
    shown = ((pair["memory"], {**receding, "memory": "zero"}), (pair["baseline"], receding))
    return [
        cell
        for cell, control in matrix.controls(config).items()
        if cell.environment in pair["environments"]
        if (cell.variant, {**receding, **matrix.differences(control)}) in shown
    ]


def probes(config: Configuration) -> list[Cell]:
    """Return the evaluations in the figures of the paper's probes (spec 10): the controls that differ from the table in
    more than the mode, and the table's cells of the same policies."""
    found = [
        cell
        for cell, control in matrix.controls(config).items()
        if matrix.differences(control).keys() - {"mode"} and not matrix.on_libero(cell.home)
    ]
    beside = {(cell.variant, cell.environment) for cell in found}
    return [*found, *(cell for cell in matrix.table(config) if (cell.variant, cell.environment) in beside)]
