"""What pictures of success rates share: their axis, the chance line, and the note beneath."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes

from muvla.report.caption import distinct, short, size_label
from muvla.report.chance import chance, objects
from muvla.report.drawing import LINES
from muvla.report.records import Cell

LETTERS = 170  # of a note's line over the whole width


def chance_label(environment: str) -> str:
    """ "chance 1/3"; empty where success is no choice among objects."""
    return "" if chance(environment) is None else f"chance 1/{objects(environment)}"


def rate_axis(axes: Axes) -> None:
    """A vertical axis of success rates from 0 to 1 with room for what stands above a bar or a point."""
    axes.set_ylim(0, 1.1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.grid(axis="y", color=LINES, linewidth=0.8, zorder=0)


def footnote(sentence: str, cells: Sequence[Cell]) -> str:
    """`sentence`, then where the numbers come from: scale, sizes, simulator and commit; in lines of the full width."""
    told = [sentence]
    if cells:
        sizes = "; ".join(sorted({size_label(cell) for cell in cells}))
        simulator = distinct(f"mani_skill {cell.question['simulator'].get('mani_skill', '?')}" for cell in cells)
        commits = distinct(short(run["commit"]) for cell in cells for run in cell.runs)
        mini = any(cell.question["scale"] == "mini" for cell in cells)
        told += ["Mini policies, not the paper's models."] if mini else []
        told.append(f"Scale, memory tokens, width: {sizes}. {simulator}, commit {commits}.")
    return "\n".join(textwrap.wrap(" ".join(told), LETTERS))
