"""The figure of the memory in one episode: norms, distances, a heat map of all tokens, and key frames (spec 10)."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from muvla.records.trace import Trace, read_trace
from muvla.report.drawing import DPI, LINES, NOTE, PHASES, WIDTH, draw_frames, head_and_foot, pictures
from muvla.report.runner import Contents

HEAD, CURVES, HEATMAP, AXIS, FRAMES, FOOT = 0.6, 1.7, 2.0, 0.7, 2.4, 0.65
LEFT, RIGHT, BAR = 0.095, 0.905, 0.015  # shares of the width; BAR: of the heat map's colour bar
INK = "#3B3B8F"


def step_edges(steps: np.ndarray) -> np.ndarray:
    """Return the borders halfway between the steps, (T,) -> (T+1,); a single step reaches half a step to both sides."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2
    return np.concatenate([[2 * steps[0] - middle[0]], middle, [2 * steps[-1] - middle[-1]]])


def phase_spans(trace: Trace) -> list[tuple[str, float, float]]:
    """Return (phase, from, to) of each stretch of steps in one phase, borders as in step_edges."""
    edges, phases = step_edges(trace.steps), trace.phases.tolist()
    starts = [place for place in range(len(phases)) if place == 0 or phases[place] != phases[place - 1]]
    return [(phases[a], edges[a], edges[b]) for a, b in zip(starts, [*starts[1:], len(phases)], strict=True)]


def draw_curves(axes: Axes, steps: np.ndarray, values: np.ndarray) -> None:
    """Draw values (T, m): a pale line for every token, a dark one for their mean."""
    axes.plot(steps, values, color=INK, alpha=max(0.12, min(0.45, 4 / values.shape[1])), linewidth=0.9, zorder=2)
    axes.plot(steps, values.mean(axis=1), color="#14143C", linewidth=2.2, marker="o", markersize=3.2, zorder=3)
    axes.grid(axis="y", color=LINES, linewidth=0.8, zorder=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.ticklabel_format(axis="y", useOffset=False)


def mark_phases(axes: Axes, trace: Trace) -> None:
    """Shade each phase in its colour, with a line where the next begins."""
    for number, (phase, start, stop) in enumerate(phase_spans(trace)):
        axes.axvspan(start, stop, color=PHASES.get(phase, NOTE), alpha=0.13, linewidth=0, zorder=0)
        if number:
            axes.axvline(start, color=NOTE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2.5)


def memory_dynamics(trace: Trace) -> Figure:
    """Draw norms, distances and heat map over the steps, and key frames. Raises ValueError without memory."""
    if trace.norms is None or trace.distances is None:
        raise ValueError(f"{trace.about['variant']} has no memory to draw")
    heights = (CURVES, CURVES, HEATMAP)
    height = HEAD + sum(heights) + AXIS + FRAMES + FOOT
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    edges, tokens = step_edges(trace.steps), trace.norms.shape[1]
    rows = figure.add_gridspec(
        3,
        1,
        height_ratios=heights,
        left=LEFT,
        right=RIGHT,
        top=1 - HEAD / height,
        bottom=1 - (HEAD + sum(heights)) / height,
        hspace=0.14,
    )
    norms, distances, heat = (figure.add_subplot(rows[place]) for place in range(3))
    draw_curves(norms, trace.steps, trace.norms)
    norms.set_ylabel(r"$\|M_t\|$")
    if len(trace.distances):
        draw_curves(distances, trace.steps[1:], trace.distances)
        distances.set_ylim(bottom=0)
    distances.set_ylabel(r"$1-\cos(M_t, M_{t-1})$")
    image = heat.pcolormesh(edges, np.arange(tokens + 1) - 0.5, trace.norms.T, cmap="viridis", rasterized=True)
    for _, start, _ in phase_spans(trace)[1:]:
        heat.axvline(start, color="white", linewidth=1.2, linestyle=(0, (4, 3)))
    heat.set_ylabel("memory token")
    heat.set_ylim(tokens - 0.5, -0.5)
    heat.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    heat.set_xlabel("step t")
    for axes in (norms, distances, heat):
        axes.yaxis.set_label_coords(-0.08, 0.5)
        axes.set_xlim(edges[0], edges[-1])
        axes.xaxis.set_major_locator(MaxNLocator(14, integer=True))
        if axes is not heat:
            mark_phases(axes, trace)
            axes.set_xticklabels([])
    box = heat.get_position()
    bar = figure.add_axes((box.x1 + 0.008, box.y0, BAR, box.height))
    figure.colorbar(image, cax=bar)
    bar.set_title(r"$\|M_t\|$", fontsize=9, pad=5)
    row = figure.add_gridspec(
        1, 8, top=(FOOT + FRAMES) / height, bottom=FOOT / height, left=0.02, right=0.98, wspace=0.06
    )
    draw_frames([figure.add_subplot(row[place]) for place in range(8)], trace.key_frames(8))
    shown = dict.fromkeys(trace.phases.tolist())
    patches = [Patch(color=PHASES.get(phase, NOTE), alpha=0.45, label=phase) for phase in shown]
    figure.legend(
        handles=patches,
        loc="lower right",
        bbox_to_anchor=(RIGHT, 1 - (HEAD - 0.02) / height),
        ncols=len(patches),
        frameon=False,
        borderaxespad=0,
        handlelength=1.2,
        columnspacing=1.2,
        fontsize=9,
    )
    text = (
        "L2 norm of each memory token as step t read it out, and its cosine distance from the step before. Pale: a "
        "token; dark: their mean. The language model's last normalisation keeps norms near the root of d where its "
        f"weights are near 1, so their axis and colours do not begin at 0. {trace.origin}"
    )
    head_and_foot(figure, trace.title, text)
    return figure


def figure_memory_dynamics(*, trace: Path) -> Contents:
    """Draw the memory of a traced episode as .png and .pdf. The same trace gives the same bytes.

    Raises FileNotFoundError, or ValueError for a wrong file or a policy without memory.
    """
    read = read_trace(trace)
    return pictures(lambda: memory_dynamics(read))
