"""The figure of memory's effect: success with memory and without, and key frames of an episode."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.records.frames import KeyFrames, read_key_frames
from muvla.report.caption import percent
from muvla.report.drawing import (
    BLUE,
    DPI,
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
from muvla.report.effect.cells import MemoryEffect, memory_effect
from muvla.report.effect.verdicts import roles
from muvla.report.grid import read_grid
from muvla.report.published import chance
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import wilson

COLOURS = (BLUE, SKY, VERMILION, ORANGE)  # memory strong, its absence pale
LABELS = ("memory", "memory\nzeroed", "no memory\nopen loop", "no memory\nre-planned")
BARS, FRAMES, FOOT = 3.6, 1.6, 0.5  # inches


def draw_bars(axes: Axes, found: MemoryEffect, confidence: float) -> None:
    """Draw a bar for each of the four cells with its Wilson interval and counts, or "not run"."""
    for place, (_, cell) in enumerate(roles(found)):
        if cell is None:
            axes.text(place, 0.02, "not run", ha="center", va="bottom", color=PALE, style="italic")
            continue
        rate = wilson(cell.successes, cell.episodes, confidence)
        error = [[rate.mean - rate.low], [rate.high - rate.mean]]
        axes.bar(place, rate.mean, width=0.62, color=COLOURS[place], zorder=2)
        axes.errorbar(place, rate.mean, yerr=error, color=INK, capsize=4, linewidth=1.3, zorder=3)
        axes.text(
            place, rate.high + 0.02, f"{rate.mean:.2f}", ha="center", va="bottom", fontweight="bold", bbox=ON_WHITE
        )
        axes.text(
            place,
            0.02,
            f"{cell.successes}/{cell.episodes}",
            ha="center",
            va="bottom",
            color="white",
            fontsize=9,
        )
    guess = chance(found.environment)
    if guess is not None:
        axes.axhline(guess, color=INK, linestyle=(0, (4, 3)), linewidth=1, zorder=2.5)
        label = chance_label(found.environment).replace(" ", "\n")
        axes.text(
            3.98,
            guess + 0.015,
            label,
            ha="right",
            va="bottom",
            fontsize=8.5,
            color=INK,
            linespacing=1.1,
        )
    axes.set_xlim(-0.5, 4.0)
    rate_axis(axes)
    axes.set_xticks(range(4), LABELS, fontsize=9)
    axes.tick_params(axis="x", length=0)
    pair = f"{found.memory.settings['variant']} against {found.open_loop.settings['variant']}"
    axes.set_title(f"{found.environment} ({found.memory.settings['scale']}): {pair}", fontsize=10.5, loc="left")


def note(found: MemoryEffect, confidence: float) -> str:
    """Say what the numbers are: interval, seeds, and where they come from."""
    text = (
        f"Episodes that succeeded at least once, with {percent(confidence)} Wilson intervals; bars of one panel share "
        "seeds as far as both were run."
    )
    return footnote(text, [cell for _, cell in roles(found) if cell is not None])


def draw_effect(found: MemoryEffect, frames: KeyFrames, confidence: float) -> Figure:
    """Draw the four bars, and the key frames of an episode beneath."""
    height = BARS + FOOT + FRAMES
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    inch = 1 / height
    top, bottom = 1 - 0.35 * inch, 1 - (BARS - 0.45) * inch
    axes = figure.add_subplot(figure.add_gridspec(1, 1, top=top, bottom=bottom, left=0.07, right=0.985)[0])
    draw_bars(axes, found, confidence)
    axes.set_ylabel("success rate")
    row = figure.add_gridspec(
        1, 8, top=1 - (BARS + 0.2) * inch, bottom=(FOOT + 0.05) * inch, left=0.02, right=0.98, wspace=0.06
    )
    draw_frames([figure.add_subplot(row[place]) for place in range(8)], frames)
    figure.text(0.02, 0.1 * inch, note(found, confidence), fontsize=8, color=NOTE, va="bottom")
    return figure


def figure_effect(
    *,
    records: Sequence[Path],
    frames: Path,
    environment: str,
    memory: str,
    baseline: str,
    statistics: Rules,
) -> Contents:
    """Draw success with memory and without as .png and .pdf. The same records give the same bytes.

    records: marks. frames: an episode's frames, as FrameRecorder writes them.
    Raises RecordsError as read_grid and memory_effect do, ValueError for unsound frames.
    """
    grid = read_grid(records, statistics)
    found = memory_effect(grid, environment, memory, baseline)
    shown = read_key_frames(frames)
    return pictures(lambda: draw_effect(found, shown, statistics.confidence))
