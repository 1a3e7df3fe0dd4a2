"""What all pictures share: house style, chance line, the note beneath, and bytes that can be compared."""

import io
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.report.caption import distinct, short, size_label
from muvla.report.chance import chance, objects
from muvla.report.records import Cell

# Colours of Okabe and Ito, told apart by readers with any colour vision.
BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#009E73", "#CC79A7"
INK, NOTE, PALE, LINES = "#222222", "#444444", "#777777", "#dddddd"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "muvla",
    "pdf.fonttype": 42,
}
WIDTH = 10.0  # inches; at 100 dots per inch the picture is 1000 px wide
DPI = 100
LETTERS = 170  # of a note's line over the whole width
KINDS = ("png", "pdf")


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


def pictures(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """Return what `draw` draws, by kind ("png", "pdf"); a reader's own matplotlibrc does not change the bytes."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = draw()
        return {kind: encoded(figure, kind) for kind in KINDS}


def encoded(figure: Figure, kind: str) -> bytes:
    """Return the picture as "png" or "pdf" without the time and the program's version, so that bytes can be
    compared."""
    stream = io.BytesIO()
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}[kind]
    figure.savefig(stream, format=kind, dpi=DPI, metadata=metadata)
    return stream.getvalue()
