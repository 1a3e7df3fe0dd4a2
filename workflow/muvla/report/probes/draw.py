"""Draw a probe of the memory (probes.py): bars for the interventions, lines over a number for the others."""

from collections import Counter

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from muvla.report.caption import intervals
from muvla.report.drawing import (
    BLUE,
    DPI,
    GREEN,
    INK,
    LINES,
    NOTE,
    ON_WHITE,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    chance_label,
    footnote,
    rate_axis,
)
from muvla.report.probes.probes import MEMORIES, Panel, Probe, Series
from muvla.report.published import chance
from muvla.report.sample import Sample

WAYS = dict(zip(MEMORIES, (BLUE, SKY, VERMILION, ORANGE), strict=True))
WAY_LABELS = {"active": "its own", "zero": "zeroed", "noise": "noise", "freeze_first": "first kept"}
VARIANT_COLOURS = {"m64_k2": BLUE, "m64_k8": VERMILION, "m64_ema": GREEN, "m1_k8": ORANGE, "m64_ema_full": PURPLE}
CHUNK_COLOURS = {"memory": BLUE, "zeroed": SKY}
MARKERS = "osD^vP"
SMALL, ROW = 8, 13  # points: letters of the counts, and the height of their lines
HEAD, FOOT = 0.62, 0.5  # inches above and below all panels: the title, and the note
NOT_RUN = "not run"


def draw(probe: Probe, confidence: float) -> Figure:
    """Draw the whole figure, 1000 pixels wide; a probe without panels says that it was not run."""
    if not probe.panels:
        return _layout(probe, confidence, 1, 0.6, 0.0)[0]
    if probe.name == "interventions":
        rows = max(sum(1 + len(series.samples) for series in panel.series) for panel in probe.panels)
        figure, places = _layout(probe, confidence, min(2, len(probe.panels)), 0.22 * rows, 0.6)
        for panel, axes in zip(probe.panels, places, strict=True):
            draw_bars(axes, panel, confidence, rows)
        return figure
    lines = max(len(panel.series) for panel in probe.panels)
    shared = max(Counter(panel.environment for panel in probe.panels).values())
    columns = min(3, shared if shared > 1 else len(probe.panels))  # an environment a row
    figure, places = _layout(probe, confidence, columns, 2.4 if columns == 1 else 1.5, 0.6 + lines * ROW / 72)
    for panel, axes in zip(probe.panels, places, strict=True):
        draw_lines(axes, panel, confidence, probe.axis, crowded=columns > 2, apart=probe.name == "delays")
    return figure


def draw_bars(axes: Axes, panel: Panel, confidence: float, rows: int) -> None:
    """Draw a bar for each intervention under the name of its policy, with counts and rate to the right."""
    row, names = 0, list[tuple[int, str]]()
    for series in panel.series:
        axes.annotate(
            series.variant,
            (0, row),
            (4, 0),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
            va="center",
            zorder=4,
            bbox=ON_WHITE,
        )
        for number, (way, sample) in enumerate(zip(panel.ticks, series.samples, strict=True), start=row + 1):
            names.append((number, WAY_LABELS[way]))
            if sample is None:
                axes.text(0.01, number, NOT_RUN, color=PALE, style="italic", fontsize=SMALL, va="center")
                continue
            rate = sample.rate(confidence)
            axes.barh(number, rate.mean, height=0.72, color=WAYS[way], zorder=2)
            error = [[rate.mean - rate.low], [rate.high - rate.mean]]
            axes.errorbar(rate.mean, number, xerr=error, color=INK, capsize=2.5, linewidth=1.1, zorder=3)
            text = f"{rate.mean:.2f}  ({sample.successes}/{sample.episodes})"
            axes.annotate(
                text,
                (1.0, number),
                (6, 0),
                textcoords="offset points",
                fontsize=SMALL,
                va="center",
                annotation_clip=False,
            )
        row += 1 + len(series.samples)
    axes.set_xlim(0, 1.0)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.set_yticks([number for number, _ in names], [name for _, name in names])
    axes.tick_params(axis="both", labelsize=SMALL, length=0)
    axes.grid(axis="x", color=LINES, linewidth=0.8, zorder=0)
    axes.set_title(panel.title, fontsize=10, loc="left")
    guess = chance(panel.environment)
    if guess is not None:
        axes.axvline(guess, color=INK, linestyle=(0, (4, 3)), linewidth=1, zorder=2.5)
        label = f"- - {chance_label(panel.environment)}"
        axes.annotate(
            label,
            (1, 1),
            (6, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=SMALL,
            va="bottom",
            annotation_clip=False,
        )


def draw_lines(axes: Axes, panel: Panel, confidence: float, axis: str, *, crowded: bool, apart: bool) -> None:
    """Draw success over the ticks, one line per series, and the counts of every point in a table beneath.

    apart: the first tick is no number of the axis (the table draws phases from 1 to 5), so no line leads there.
    """
    letters = SMALL - 1.5 if crowded else SMALL
    for number, series in enumerate(panel.series):
        colour = colour_of(series, number)
        shift = 0.1 * (number - (len(panel.series) - 1) / 2)
        _line(axes, series.samples, confidence, shift, colour, MARKERS[number % len(MARKERS)], int(apart))
        depth = -20 - ROW * (number + 1)
        _beneath(axes, 0, depth, series.name, colour, letters, left=True)
        for place, sample in enumerate(series.samples):
            text = NOT_RUN if sample is None else f"{sample.successes}/{sample.episodes}"
            _beneath(axes, place, depth, text, PALE if sample is None else colour, letters)
    _beneath(axes, 0, -20, axis, INK, letters, left=True)
    for place, tick in enumerate(panel.ticks):
        _beneath(axes, place, -20, tick, INK, letters + 1)
    axes.set_xlim(-0.5, len(panel.ticks) - 0.5)
    axes.set_xticks(range(len(panel.ticks)), [""] * len(panel.ticks))
    rate_axis(axes)
    axes.tick_params(axis="y", labelsize=SMALL)
    axes.set_title(panel.title, fontsize=8 if crowded else 10, loc="left")
    guess = chance(panel.environment)
    if guess is not None:
        axes.axhline(guess, color=INK, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        label = f"- - {chance_label(panel.environment)}"
        axes.text(len(panel.ticks) - 0.5, 1.1, label, ha="right", va="top", fontsize=letters)  # no point is up there


def colour_of(series: Series, number: int) -> str:
    """Return the variant's colour, the same in every figure; in the sweep memory is strong and its absence pale."""
    known = CHUNK_COLOURS | VARIANT_COLOURS
    return known.get(series.name, (PURPLE, ORANGE, SKY)[number % 3])


def note(probe: Probe, confidence: float) -> str:
    """Say what the numbers are, and explain the special ticks."""
    if not probe.panels:
        return footnote("No policy with memory was run like this.", [])
    several = len({cell.training_seed for cell in probe.cells}) > 1
    text = f"Episodes that succeeded at least once, with {intervals(confidence, several=several)}."
    if "table" in probe.panels[0].ticks:
        text += " table: the table's own cell."
    if probe.name == "chunk_sweep":
        text += " 1: re-planned at every step, as in the table."
        if others := _of_other_policies(probe.panels):
            text += f" {', '.join(others)}: policies of their own, trained to predict longer chunks."
    return footnote(text, probe.cells)


def _of_other_policies(panels: tuple[Panel, ...]) -> list[str]:
    """Return the ticks at which a sample comes from another checkpoint than the first of its line."""
    found = set()
    for panel in panels:
        digests = [
            (tick, sample.settings["checkpoint_sha256"])
            for series in panel.series
            for tick, sample in zip(panel.ticks, series.samples, strict=True)
            if sample is not None
        ]
        found |= {tick for tick, digest in digests if digest != digests[0][1]}
    return sorted(found, key=int)


def _line(
    axes: Axes,
    samples: tuple[Sample | None, ...],
    confidence: float,
    shift: float,
    colour: str,
    marker: str,
    begin: int,
) -> None:
    """Draw the points that were run, joined from the tick `begin` on; the line breaks where one was not run."""
    rates = [None if one is None else one.rate(confidence) for one in samples]
    heights = [float("nan") if rate is None else rate.mean for rate in rates]
    places = [place + shift for place in range(len(samples))]
    axes.plot(places[begin:], heights[begin:], color=colour, linewidth=1.6, zorder=2)
    for place, rate in enumerate(rates):
        if rate is not None:
            error = [[rate.mean - rate.low], [rate.high - rate.mean]]
            axes.errorbar(
                place + shift,
                rate.mean,
                yerr=error,
                color=colour,
                marker=marker,
                markersize=5.5,
                capsize=3,
                linewidth=1.3,
                zorder=3,
            )


def _beneath(
    axes: Axes, place: float, depth: float, text: str, colour: str, letters: float, *, left: bool = False
) -> None:
    """Write under the axis, `depth` points from it: at a tick, or left of the axis."""
    where, align = ((0.0, -6.0), "right") if left else ((place, 0.0), "center")
    axes.annotate(
        text,
        (where[0], 0),
        (where[1], depth + 9),
        xycoords=("axes fraction" if left else "data", "axes fraction"),
        textcoords="offset points",
        ha=align,
        va="center",
        fontsize=letters,
        color=colour,
        annotation_clip=False,
        style="italic" if text == NOT_RUN else "normal",
    )


def _layout(probe: Probe, confidence: float, columns: int, inner: float, outer: float) -> tuple[Figure, list[Axes]]:
    """Make a figure with one axes per panel, `inner` inches high with `outer` inches of text around; title and note."""
    rows = max(1, -(-len(probe.panels) // columns))
    height = HEAD + rows * (inner + outer) + FOOT - 0.3
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    axis = f"success rate ({probe.cells[0].settings['scale']})" if probe.panels else NOT_RUN
    figure.text(0.02, 1 - 0.12 / height, f"{probe.title}: {axis}", fontsize=11, fontweight="bold", va="top")
    figure.text(0.02, 0.1 / height, note(probe, confidence), fontsize=8, color=NOTE, va="bottom")
    room = 0.095 if probe.name != "interventions" else 0.085
    share = (1 - 0.02) / columns
    places = []
    for place in range(len(probe.panels)):
        row, column = divmod(place, columns)
        right = 0.125 if probe.name == "interventions" else 0.015
        bottom = height - HEAD - row * (inner + outer) - inner
        box = (0.01 + column * share + room, bottom / height, share - room - right, inner / height)
        places.append(figure.add_axes(box))
    return figure, places
