"""The figure of the attention masks: who may look at whom, with the guard between actions and memory and without."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from muvla.model.mask import allowed
from muvla.report.drawing import DPI, INK, NOTE, VERMILION, WIDTH, head_and_foot, scalable_pictures
from muvla.report.drawings.sequence import Sequence, read_sequence, share
from muvla.report.runner import Contents

MODES = {"custom": "with the guard (custom)", "full": "everything sees everything (full)"}
HEIGHT = 6.1
YES, NO = "#CFE3F3", "#FFFFFF"


def seen(sequence: Sequence, mode: str) -> np.ndarray:
    """Say which group's tokens may look at which group's, (G, G) bool, from the mask itself.

    Raises ValueError for a mask that is not the same within a pair of groups.
    """
    mask = allowed(sequence.layout, mode)[0].numpy()  # (S, S)
    ends = np.cumsum([0, *(group.count for group in sequence.groups)])
    spans = list(zip(ends, ends[1:], strict=False))
    found = np.zeros((len(spans), len(spans)), dtype=bool)
    for row, (top, bottom) in enumerate(spans):
        for column, (left, right) in enumerate(spans):
            values = mask[top:bottom, left:right]
            if values.min() != values.max():
                raise ValueError(f"the mask {mode!r} divides a group of tokens: draw it token by token")
            found[row, column] = values[0, 0]
    return found


def draw_mask(axes: Axes, sequence: Sequence, mode: str, *, names: bool) -> None:
    """Draw one mask: a row for each group that looks, a column for each that is looked at."""
    may = seen(sequence, mode)
    ends = np.cumsum([0, *(share(group) for group in sequence.groups)])
    for row in range(len(may)):
        for column in range(len(may)):
            axes.add_patch(
                Rectangle(
                    (ends[column], ends[row]),
                    ends[column + 1] - ends[column],
                    ends[row + 1] - ends[row],
                    facecolor=YES if may[row, column] else NO,
                    edgecolor="white" if may[row, column] else VERMILION,
                    hatch=None if may[row, column] else "////",
                    linewidth=0.8,
                    clip_on=False,
                )
            )
    axes.add_patch(Rectangle((0, 0), ends[-1], ends[-1], fill=False, edgecolor=INK, linewidth=1, clip_on=False))
    middles = (ends[1:] + ends[:-1]) / 2
    axes.set_xlim(0, ends[-1])
    axes.set_ylim(ends[-1], 0)
    axes.set_aspect("equal")
    labels = [f"{group.short} {group.count}" for group in sequence.groups]
    axes.set_xticks(middles, labels, rotation=55, ha="left", rotation_mode="anchor", fontsize=8.5)
    axes.xaxis.tick_top()
    axes.set_yticks(middles, labels if names else [], fontsize=8.5)
    axes.tick_params(length=0, pad=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        for text in ticks:
            text.set_color(VERMILION if text.get_text().startswith("MEM") else INK)
    axes.set_xlabel(MODES[mode], fontsize=10.5, labelpad=8)


def draw_masks(sequence: Sequence, title: str, words: str) -> Figure:
    """Draw both masks side by side."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    for place, mode in enumerate(MODES):
        axes = figure.add_axes((0.12 + 0.45 * place, 0.17, 0.42, 0.62))
        draw_mask(axes, sequence, mode, names=place == 0)
    figure.text(0.015, 0.48, "who looks", rotation=90, va="center", color=NOTE, fontsize=9.5)
    figure.text(0.12, 0.885, "at whom", color=NOTE, fontsize=9.5)
    head_and_foot(figure, title, words)
    return figure


def figure_masks(*, checkpoint: str) -> Contents:
    """Draw both attention masks as .svg, .png and .pdf. The same checkpoint gives the same bytes.

    Raises as read_sequence does.
    """
    sequence = read_sequence(Path(checkpoint))
    title = f"Attention masks of {sequence.sizes}"
    words = (
        "Blue: tokens of the row's group may look at those of the column's. Hatched: they may not. With the guard the "
        "context, memory included, never sees the action placeholders or STOP, so that what memory keeps cannot depend "
        "on them; the action side sees everything. Nothing is causal. Numbers: tokens of a group."
    )
    return scalable_pictures(lambda: draw_masks(sequence, title, words), title, words)
