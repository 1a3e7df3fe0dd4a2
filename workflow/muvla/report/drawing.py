"""What all figures share: style, colours, key frames, and files that can be compared byte by byte."""

import io
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.records.file import Cell
from muvla.records.frames import KeyFrames
from muvla.report.caption import distinct, short, size_label
from muvla.report.published import chance, objects

LETTERS = 155  # in a line of a note over the whole width

# Colours of Okabe and Ito, distinct to readers with any colour vision.
BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#009E73", "#CC79A7"
INK, NOTE, PALE, LINES = "#222222", "#444444", "#777777", "#dddddd"
PHASES = {"cue": GREEN, "empty": "#999999", "act": BLUE}
STYLE: dict[str, str | int | bool] = {
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
# Kinds of files, and their metadata without the time and the program's version.
KINDS: dict[str, dict[str, str | None]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
SVG: dict[str, str | None] = {"Date": None, "Creator": None}


@contextmanager
def styled() -> Iterator[None]:
    """Give matplotlib our style; a reader's own matplotlibrc must not change the bytes."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def pictures(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """Return what `draw` draws in our style as ".png" and ".pdf"; the same figure gives the same bytes."""
    with styled():
        figure = draw()
        return {kind: encoded(figure, kind) for kind in KINDS}


def scalable_pictures(draw: Callable[[], Figure], title: str, words: str) -> dict[str, bytes]:
    """Return what pictures() does, and ".svg", which says in words what it shows, for those who cannot see it."""
    with styled():
        figure = draw()
        described = SVG | {"Title": title, "Description": words}
        return {".svg": encoded(figure, ".svg", described), **{kind: encoded(figure, kind) for kind in KINDS}}


def encoded(figure: Figure, kind: str, metadata: dict[str, str | None] | None = None) -> bytes:
    """Return the picture as ".png", ".pdf" or ".svg", with the metadata given, or the kind's own."""
    stream = io.BytesIO()
    figure.savefig(stream, format=kind.removeprefix("."), dpi=DPI, metadata=metadata or KINDS[kind])
    return stream.getvalue()


def head_and_foot(figure: Figure, title: str, foot: str) -> None:
    """Write the title at the top, and beneath, in lines of the full width, what explains the figure."""
    height = figure.get_figheight()
    figure.text(0.02, 1 - 0.12 / height, title, fontsize=10.5, va="top")
    figure.text(0.02, 0.08 / height, "\n".join(textwrap.wrap(foot, LETTERS)), fontsize=8, color=NOTE, va="bottom")


def draw_frames(axes: Sequence[Axes], shown: KeyFrames) -> None:
    """Draw one frame an axes, framed in the colour of its phase, with its label and time step above."""
    for place, axis in enumerate(axes):
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_visible(place < len(shown.frames))
        if place >= len(shown.frames):
            continue
        colour = PHASES.get(shown.labels[place], NOTE)
        axis.imshow(shown.frames[place], interpolation="nearest")
        axis.set_title(f"{shown.labels[place]}, step {shown.steps[place]}", fontsize=8.5, color=colour, pad=3)
        for spine in axis.spines.values():
            spine.set_color(colour)
            spine.set_linewidth(2.5)


def chance_label(environment: str) -> str:
    """Write the success of guessing, "chance 1/3"; "" where success is no choice among objects."""
    return "" if chance(environment) is None else f"chance 1/{objects(environment)}"


def rate_axis(axes: Axes) -> None:
    """Draw a vertical axis of success rates from 0 to 1, with room for text above a bar or a point."""
    axes.set_ylim(0, 1.1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.grid(axis="y", color=LINES, linewidth=0.8, zorder=0)


def footnote(sentence: str, cells: Sequence[Cell]) -> str:
    """Write `sentence`, then scale, sizes, simulator and commit of the cells, in lines of the full width."""
    sentences = [sentence]
    if cells:
        sizes = "; ".join(sorted({size_label(cell) for cell in cells}))
        simulator = distinct(f"mani_skill {cell.settings['simulator'].get('mani_skill', '?')}" for cell in cells)
        commits = distinct(short(run["commit"]) for cell in cells for run in cell.runs)
        if any(cell.settings["scale"] == "mini" for cell in cells):
            sentences.append("Mini policies, not the paper's models.")
        sentences.append(f"Scale, memory tokens, width: {sizes}. {simulator}, commit {commits}.")
    return "\n".join(textwrap.wrap(" ".join(sentences), LETTERS))
