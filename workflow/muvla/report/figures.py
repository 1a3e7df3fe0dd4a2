"""Success with memory and without, as a picture: python -m muvla.report.figures --records DIR --environment
NAME ...

Writes <output>/memory_effect.png and .pdf. The same records give the same bytes.
"""

import argparse
import sys
import textwrap
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.atomic import write_atomically
from muvla.report.caption import distinct, percent, short, size_label
from muvla.report.chance import chance, objects
from muvla.report.comparison import Comparison, compare
from muvla.report.drawing import DPI, draw_strip, encoded, styled
from muvla.report.effect import PUBLISHED, roles
from muvla.report.grid import read_grid
from muvla.report.published import read_published
from muvla.report.rules import Rules, read_rules
from muvla.report.stats import wilson
from muvla.report.strip import Strip, read_strip

# Colours of Okabe and Ito, told apart by readers with any colour vision; memory strong, its absence pale.
INKS = ("white", "black", "white", "black")
COLOURS = ("#0072B2", "#56B4E9", "#D55E00", "#E69F00")
LABELS = ("memory", "memory\nzeroed", "no memory\nopen loop", "no memory\nre-planned")
WIDTH, BARS, STRIP, FOOT = 10.0, 3.6, 1.6, 0.5  # inches; at 100 dots per inch the picture is 1000 px wide


def draw_bars(axes: Axes, found: Comparison, confidence: float) -> None:
    """One bar for each of the four cells with its Wilson interval and counts; one not run says so."""
    for place, (_, cell) in enumerate(roles(found)):
        if cell is None:
            axes.text(place, 0.02, "not run", ha="center", va="bottom", color="#777777", style="italic")
            continue
        rate = wilson(cell.successes, cell.episodes, confidence)
        error = [[rate.mean - rate.low], [rate.high - rate.mean]]
        axes.bar(place, rate.mean, width=0.62, color=COLOURS[place], zorder=2)
        axes.errorbar(place, rate.mean, yerr=error, color="#222222", capsize=4, linewidth=1.3, zorder=3)
        axes.text(place, rate.high + 0.02, f"{rate.mean:.2f}", ha="center", va="bottom", fontweight="bold")
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
        axes.axhline(guess, color="#222222", linestyle=(0, (4, 3)), linewidth=1, zorder=2.5)
        label = f"chance\n1/{objects(found.environment)}"
        axes.text(
            3.98,
            guess + 0.015,
            label,
            ha="right",
            va="bottom",
            fontsize=8.5,
            color="#222222",
            linespacing=1.1,
        )
    axes.set_xlim(-0.5, 4.0)
    axes.set_ylim(0, 1.1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.grid(axis="y", color="#dddddd", linewidth=0.8, zorder=0)
    axes.set_xticks(range(4), LABELS, fontsize=9)
    axes.tick_params(axis="x", length=0)
    pair = f"{found.memory.question['variant']} against {found.open_loop.question['variant']}"
    axes.set_title(f"{found.environment} ({found.memory.question['scale']}): {pair}", fontsize=10.5, loc="left")


def footnote(comparisons: list[Comparison], confidence: float) -> str:
    """What the numbers are: scale, sizes, interval, simulator and commit."""
    cells = [cell for found in comparisons for _, cell in roles(found) if cell is not None]
    sizes = "; ".join(sorted({size_label(cell) for cell in cells}))
    simulator = distinct(f"mani_skill {cell.question['simulator'].get('mani_skill', '?')}" for cell in cells)
    commits = distinct(short(run["commit"]) for cell in cells for run in cell.runs)
    mini = any(cell.question["scale"] == "mini" for cell in cells)
    warning = " Mini policies, not the paper's models." if mini else ""
    text = (
        f"Episodes that succeeded at least once, with {percent(confidence)} Wilson intervals; bars of one panel share "
        f"seeds as far as both were run.{warning} Scale, memory tokens, width: {sizes}. {simulator}, commit {commits}."
    )
    return "\n".join(textwrap.wrap(text, 170))


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
    figure.text(0.02, 0.1 * inch, footnote(comparisons, confidence), fontsize=8, color="#444444", va="bottom")
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
    with styled():
        figure = memory_effect(comparisons, strip, rules.confidence)
        return {kind: encoded(figure, kind) for kind in ("png", "pdf")}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.figures", description=__doc__)
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
    try:
        pictures = make_figure(
            options.records,
            options.published,
            options.environment,
            options.memory,
            options.baseline,
            options.frames,
            read_rules(options.statistics),
        )
        for kind, content in pictures.items():
            print(f"written: {write_atomically(options.output / f'memory_effect.{kind}', content)}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
