"""The figure of the memory's change along an episode: cosine distance over the steps, and frames above them."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.records.trace import Trace, read_trace
from muvla.report.drawing import DPI, LINES, NOTE, PHASES, WIDTH, head_and_foot, scalable_pictures
from muvla.report.runner import Contents
from muvla.report.traces.memory_dynamics import draw_curves, mark_phases, phase_spans, step_edges

HEIGHT, LEFT, RIGHT = 4.3, 0.075, 0.985
BOTTOM, TOP, TILES = 0.235, 0.60, 8  # shares of the height around the curves, and how many frames stand above
FRAME, HEAD = 1.12, 0.45  # inches


def draw_rollout(figure: Figure, axes: Axes, trace: Trace) -> None:
    """Draw frames of the first camera in a row, each with a line down to its step."""
    shown = trace.key_frames(TILES)
    side = shown.frames.shape[2]  # frames are as wide as high; cameras stand one above the other
    width = FRAME / WIDTH
    pitch = (RIGHT - LEFT - width) / max(len(shown.frames) - 1, 1)
    last = trace.steps[-1]
    for place, (frame, label, step) in enumerate(zip(shown.frames, shown.labels, shown.steps, strict=True)):
        left, bottom = LEFT + place * pitch, 1 - (HEAD + FRAME) / HEIGHT
        tile = figure.add_axes((left, bottom, width, FRAME / HEIGHT))
        tile.imshow(frame[:side], interpolation="nearest")
        tile.set_xticks([])
        tile.set_yticks([])
        colour = PHASES.get(label, NOTE)
        tile.set_title(f"{label}, step {step}", fontsize=8, color=colour, pad=2)
        for spine in tile.spines.values():
            spine.set(visible=True, color=colour, linewidth=2)
        axes.annotate(
            "",
            xy=(min(step, last), 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(left + width / 2, bottom),
            textcoords="figure fraction",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.9, "shrinkA": 1, "shrinkB": 0},
            annotation_clip=False,
        )


def cosine_rollout(trace: Trace, words: str) -> Figure:
    """Draw the distances of all tokens, their mean, the phases and the rollout."""
    assert trace.distances is not None
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    axes = figure.add_axes((LEFT, BOTTOM, RIGHT - LEFT, TOP - BOTTOM))
    mark_phases(axes, trace)
    draw_curves(axes, trace.steps[1:], trace.distances)
    edges = step_edges(trace.steps)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_ylabel(r"$1-\cos(M_t, M_{t-1})$")
    axes.set_xlabel("step t")
    axes.grid(axis="y", color=LINES)
    for phase, start, stop in phase_spans(trace):
        axes.text((start + stop) / 2, axes.get_ylim()[1] * 0.97, phase, ha="center", va="top", fontsize=8.5, color=NOTE)
    draw_rollout(figure, axes, trace)
    head_and_foot(figure, trace.title, words)
    return figure


def figure_cosine_rollout(*, trace: Path) -> Contents:
    """Draw the cosine distance of a traced episode as .svg, .png and .pdf. The same trace gives the same bytes.

    Raises FileNotFoundError, or ValueError for a wrong file, a policy without memory or an episode of one forward pass.
    """
    read = read_trace(trace)
    if read.distances is None or not len(read.distances):
        raise ValueError(f"{trace}: {read.about['variant']} has no memory that changes, so there is nothing to draw")
    mean = np.asarray(read.distances).mean(axis=1)
    peak = int(read.steps[1:][mean.argmax()])
    words = (
        f"Cosine distance of each memory token from the step before, pale, and their mean, dark; it is largest at step "
        f"{peak} ({mean.max():.3f}). Frames stand above the steps that they belong to. {read.origin}"
    )
    return scalable_pictures(lambda: cosine_rollout(read, words), read.title, words)
