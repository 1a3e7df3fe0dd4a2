"""Success with memory and without, as a picture: python -m muvla.report.effect.figure --records DIR --environment
NAME ...

Writes <output>/memory_effect.png and .pdf. The same records give the same bytes.
"""

import argparse
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.records.frames import Strip, read_strip
from muvla.report.caption import percent
from muvla.report.command import written
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
    draw_strip,
    footnote,
    pictures,
    rate_axis,
)
from muvla.report.effect.__main__ import PUBLISHED, roles
from muvla.report.effect.comparison import Comparison, compare
from muvla.report.grid import read_grid
from muvla.report.published import chance, read_published
from muvla.report.statistics.rules import Rules, read_rules
from muvla.report.statistics.tests import wilson

COLOURS = (BLUE, SKY, VERMILION, ORANGE)  # memory strong, its absence pale
LABELS = ("memory", "memory\nzeroed", "no memory\nopen loop", "no memory\nre-planned")
BARS, STRIP, FOOT = 3.6, 1.6, 0.5  # inches


def draw_bars(axes: Axes, found: Comparison, confidence: float) -> None:
    """One bar for each of the four cells with its Wilson interval and counts; one not run says so."""
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
    pair = f"{found.memory.question['variant']} against {found.open_loop.question['variant']}"
    axes.set_title(f"{found.environment} ({found.memory.question['scale']}): {pair}", fontsize=10.5, loc="left")


def note(comparisons: list[Comparison], confidence: float) -> str:
    """What the numbers are: interval, seeds, and where they come from."""
    cells = [cell for found in comparisons for _, cell in roles(found) if cell is not None]
    text = (
        f"Episodes that succeeded at least once, with {percent(confidence)} Wilson intervals; bars of one panel share "
        "seeds as far as both were run."
    )
    return footnote(text, cells)


def memory_effect(comparisons: list[Comparison], strip: Strip | None, confidence: float) -> Figure:
    """Draw one panel of bars an environment, and the strip of frames beneath when there is one."""
    height = BARS + FOOT + (STRIP if strip is not None else 0)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    inch = 1 / height
    top, bottom = 1 - 0.35 * inch, 1 - (BARS - 0.45) * inch
    grid = figure.add_gridspec(1, len(comparisons), top=top, bottom=bottom, left=0.07, right=0.985, wspace=0.12)
    for place, found in enumerate(comparisons):
        axes = figure.add_subplot(grid[place])
        draw_bars(axes, found, confidence)
        if place == 0:
            axes.set_ylabel("success rate")
        else:
            axes.set_yticklabels([])
    if strip is not None:
        row = figure.add_gridspec(
            1, 8, top=1 - (BARS + 0.2) * inch, bottom=(FOOT + 0.05) * inch, left=0.02, right=0.98, wspace=0.06
        )
        draw_strip([figure.add_subplot(row[place]) for place in range(8)], strip)
    figure.text(0.02, 0.1 * inch, note(comparisons, confidence), fontsize=8, color=NOTE, va="bottom")
    return figure


def make_figure(
    records: Path,
    published: Path,
    environments: list[str],
    memory: str | None,
    baseline: str,
    frames: Path | None,
    rules: Rules,
) -> dict[str, bytes]:
    """Return the picture's bytes by kind ("png", "pdf"). Raises RecordsError, ValueError or OSError (see the
    parts)."""
    grid = read_grid(records, read_published(published), rules)
    comparisons = [compare(grid, environment, memory, baseline) for environment in environments]
    strip = read_strip(frames) if frames is not None else None
    return pictures(lambda: memory_effect(comparisons, strip, rules.confidence))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.effect.figure", description=__doc__)
    parser.add_argument("--records", type=Path, required=True, help="folder of <variant>/<environment>[.<mode>].jsonl")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="names the variants and environments")
    parser.add_argument("--environment", nargs="+", required=True, help="one panel each")
    parser.add_argument("--memory", help="variant with memory; the one with the highest success when left out")
    parser.add_argument("--baseline", default="oft_episodic", help="variant without memory")
    parser.add_argument("--frames", type=Path, help=".npz with frames (T, H, W, 3) uint8 and labels (T,): the strip")
    parser.add_argument("--statistics", help="JSON; config/config.yaml's `statistics` when left out")
    parser.add_argument(
        "--output", type=Path, default=Path("results/figures"), help="folder for memory_effect.{png,pdf}"
    )
    options = parser.parse_args(arguments)

    def make() -> dict[Path, bytes]:
        drawn = make_figure(
            options.records,
            options.published,
            options.environment,
            options.memory,
            options.baseline,
            options.frames,
            read_rules(options.statistics),
        )
        return {options.output / f"memory_effect.{kind}": content for kind, content in drawn.items()}

    return written(make)


if __name__ == "__main__":
    sys.exit(main())
