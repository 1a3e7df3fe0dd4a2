"""The figure of memory's effect: success with memory and without in every environment, and frames of an episode."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from muvla.records.frames import KeyFrames, read_key_frames
from muvla.report.caption import intervals
from muvla.report.drawing import (
    BLUE,
    DPI,
    GREEN,
    INK,
    NOTE,
    ON_WHITE,
    ORANGE,
    PALE,
    SKY,
    VERMILION,
    WIDTH,
    chance_label,
    draw_frames,
    footnote,
    pictures,
    rate_axis,
)
from muvla.report.effect.cells import MEMORY, NONE, ORACLE, REPLANNED, ZEROED, MemoryEffect, memory_effect
from muvla.report.grid import read_grid
from muvla.report.published import chance
from muvla.report.runner import Contents
from muvla.report.sample import Sample, cells_of
from muvla.report.statistics.rules import Effect, Rules

# memory strong, its absence pale
COLOURS = {MEMORY: BLUE, ZEROED: SKY, NONE: VERMILION, REPLANNED: ORANGE, ORACLE: GREEN}
BARS, FRAMES, FOOT = 3.9, 1.6, 0.5  # inches
GAP = 1.1  # between environments, in bars
CROWDED = 2  # environments beyond which letters get smaller


def shown_roles(found: Mapping[str, MemoryEffect]) -> list[str]:
    """Return the roles that were run in at least one environment."""
    return [role for role in COLOURS if any(samples[role] is not None for samples in found.values())]


def draw_bars(axes: Axes, found: Mapping[str, MemoryEffect], confidence: float) -> None:
    """Draw a group of bars for each environment: rates, intervals, a dot for each training seed, and chance."""
    roles, crowded = shown_roles(found), len(found) > CROWDED
    middles = []
    for number, (environment, samples) in enumerate(found.items()):
        left = number * (len(roles) + GAP)
        middles.append(left + (len(roles) - 1) / 2)
        for place, role in enumerate(roles):
            draw_bar(axes, left + place, samples[role], COLOURS[role], confidence, crowded=crowded)
        guess = chance(environment)
        if guess is not None:
            ends = (left - 0.5, left + len(roles) - 0.5)
            axes.hlines(guess, *ends, color=INK, linestyle=(0, (4, 3)), linewidth=1, zorder=2.5)
            label, size = chance_label(environment).replace(" ", "\n"), 6 if crowded else 8.5
            axes.text(ends[1] + 0.08, guess, label, va="center", fontsize=size, linespacing=1.1)
    axes.set_xlim(-0.7, len(found) * (len(roles) + GAP) - 0.7)
    rate_axis(axes)
    axes.set_xticks(middles, list(found), fontsize=8.5 if crowded else 10)
    axes.tick_params(axis="x", length=0, pad=22 if crowded else 16)


def draw_bar(axes: Axes, place: float, sample: Sample | None, colour: str, confidence: float, *, crowded: bool) -> None:
    """Draw one bar with its interval, its counts under the axis and a dot for each of several training seeds."""
    small = 6 if crowded else 9
    if sample is None:
        axes.text(place, 0.02, "not run", ha="center", va="bottom", color=PALE, style="italic", rotation=90)
        return
    rate = sample.rate(confidence)
    error = [[rate.mean - rate.low], [rate.high - rate.mean]]
    axes.bar(place, rate.mean, width=0.86, color=colour, zorder=2)
    axes.errorbar(place, rate.mean, yerr=error, color=INK, capsize=2.5 if crowded else 4, linewidth=1.2, zorder=3)
    text, size = f"{rate.mean:.2f}", 7.5 if crowded else 10
    above = axes.text(place, rate.high + 0.02, text, ha="center", va="bottom", fontsize=size, fontweight="bold")
    above.set(bbox=ON_WHITE, zorder=3)
    counts = ("{}/\n{}" if crowded else "{}/{}").format(sample.successes, sample.episodes)
    axes.annotate(counts, (place, 0), (0, -3), textcoords="offset points", ha="center", va="top", fontsize=small)
    if len(sample.counts) > 1:
        rates = [successes / episodes for successes, episodes in sample.counts]
        aside = place + np.linspace(-0.26, 0.26, len(rates))
        axes.scatter(aside, rates, s=12 if crowded else 24, color="white", edgecolors=INK, linewidths=0.8, zorder=4)


def note(found: Mapping[str, MemoryEffect], effect: Effect, confidence: float) -> str:
    """Say what the numbers are: policies, interval, seeds, and where they come from."""
    cells = cells_of(sample for samples in found.values() for sample in samples.values())
    several = len({cell.training_seed for cell in cells}) > 1
    text = (
        f"Memory: {effect.memory}. No memory: {effect.baseline}. Episodes that succeeded at least once, with "
        f"{intervals(confidence, several=several)}; policies share evaluation seeds as far as both were run."
    )
    text += " A dot is a training seed." if several else ""
    return footnote(text, cells)


def draw_effect(found: Mapping[str, MemoryEffect], effect: Effect, frames: KeyFrames, confidence: float) -> Figure:
    """Draw the bars of every environment, and the key frames of an episode of the first beneath."""
    height = BARS + FOOT + FRAMES
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    inch = 1 / height
    top, bottom = 1 - 0.6 * inch, 1 - (BARS - 0.5) * inch
    axes = figure.add_subplot(figure.add_gridspec(1, 1, top=top, bottom=bottom, left=0.07, right=0.985)[0])
    draw_bars(axes, found, confidence)
    axes.set_ylabel("success rate")
    scales = sorted({cell.settings["scale"] for samples in found.values() for cell in cells_of(samples.values())})
    title = f"{effect.memory} against {effect.baseline} ({', '.join(scales) or 'not run'})"
    figure.text(0.02, 1 - 0.1 * inch, title, fontsize=10.5, va="top")
    labels = [Patch(color=COLOURS[role], label=role) for role in shown_roles(found)]
    if labels:
        where = {"loc": "upper left", "bbox_to_anchor": (0.06, 1 - 0.27 * inch), "ncols": len(labels)}
        figure.legend(handles=labels, frameon=False, fontsize=8.5, handlelength=1, columnspacing=1.2, **where)
    row = figure.add_gridspec(
        1, 8, top=1 - (BARS + 0.25) * inch, bottom=(FOOT + 0.05) * inch, left=0.02, right=0.98, wspace=0.06
    )
    draw_frames([figure.add_subplot(row[place]) for place in range(8)], frames)
    figure.text(0.02, 0.1 * inch, note(found, effect, confidence), fontsize=8, color=NOTE, va="bottom")
    return figure


def figure_effect(*, records: Sequence[Path], frames: Path, effect: Effect, statistics: Rules) -> Contents:
    """Draw success with memory and without as .png and .pdf. The same records give the same bytes.

    records: marks. frames: an episode's frames in the first environment, as FrameRecorder writes them.
    Raises RecordsError as read_grid and memory_effect do, ValueError for unsound frames.
    """
    grid = read_grid(records, statistics)
    found = {environment: memory_effect(grid, environment, effect) for environment in effect.environments}
    shown = read_key_frames(frames)
    return pictures(lambda: draw_effect(found, effect, shown, statistics.confidence))
