"""What all pictures share: style, colours, the strip of frames, and files that can be compared byte by byte."""

import io
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.records.file import Cell
from muvla.records.frames import Strip
from muvla.report.caption import distinct, short, size_label
from muvla.report.published import chance, objects

LETTERS = 170  # of a note's line over the whole width

# Colours of Okabe and Ito, told apart by readers with any colour vision.
BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#009E73", "#CC79A7"
INK, NOTE, PALE, LINES = "#222222", "#444444", "#777777", "#dddddd"
PHASES = {"cue": GREEN, "empty": "#999999", "act": BLUE}
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "muvla",
    "pdf.fonttype": 42,
}
ON_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind words that a line would cross
WIDTH = 10.0  # inches; at 100 dots per inch the picture is 1000 px wide
DPI = 100
KINDS = ("png", "pdf")


@contextmanager
def styled() -> Iterator[None]:
    """Within it matplotlib has our style; a reader's own matplotlibrc must not change the bytes."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def pictures(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """Return what `draw` draws in our style, by kind ("png", "pdf")."""
    with styled():
        figure = draw()
        return {kind: encoded(figure, kind) for kind in KINDS}


def encoded(figure: Figure, kind: str) -> bytes:
    """Return the picture as "png" or "pdf" without the time and the program's version, so that bytes can be
    compared."""
    stream = io.BytesIO()
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}[kind]
    figure.savefig(stream, format=kind, dpi=DPI, metadata=metadata)
    return stream.getvalue()


def head_and_foot(figure: Figure, title: str, foot: str) -> None:
    """Write the title at the top, and what the picture needs to be understood in lines of the full width beneath."""
    height = figure.get_figheight()
    figure.text(0.02, 1 - 0.12 / height, title, fontsize=10.5, va="top")
    figure.text(0.02, 0.08 / height, "\n".join(textwrap.wrap(foot, 165)), fontsize=8, color=NOTE, va="bottom")


def draw_strip(axes: Sequence[Axes], strip: Strip) -> None:
    """One frame an axes, framed in the colour of its phase, its label and time step above."""
    for place, axis in enumerate(axes):
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_visible(place < len(strip.frames))
        if place >= len(strip.frames):
            continue
        colour = PHASES.get(strip.labels[place], NOTE)
        axis.imshow(strip.frames[place], interpolation="nearest")
        axis.set_title(f"{strip.labels[place]}, step {strip.steps[place]}", fontsize=8.5, color=colour, pad=3)
        for spine in axis.spines.values():
            spine.set_color(colour)
            spine.set_linewidth(2.5)


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
