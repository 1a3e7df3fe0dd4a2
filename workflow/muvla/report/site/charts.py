"""Charts as inline SVG: success rates with intervals, as bars or as lines, their numbers under the pointer.

Colours are variables of site.css, so that a chart follows the light or dark page around it. A chart is one tab stop;
arrow keys go from mark to mark (chart.js).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from muvla.report.templates import render

LEFT, RIGHT, TOP, BOTTOM, PLOT = 38, 46, 12, 44, 190  # pixels around the plot, and its height
RULED = 8  # pixels beneath a plot without a horizontal axis
BAR = 0.84  # of a tick's width is filled by the bars that stand there
LABEL = 24  # pixels of a bar that has room for its rate
COLOURS = (
    "memory",
    "none",
    "first",
    "oracle",
    "noise",
    "zeroed",
)  # of site.css, for series without one
SYMBOLS = ("circle", "square", "diamond", "triangle")


@dataclass(frozen=True)
class Mark:
    """A measured rate with its interval, from 0 to 1; tick: its place on the horizontal axis."""

    tick: int
    rate: float
    low: float
    high: float
    count: str  # "38/50"

    @classmethod
    def of(cls, line: Mapping[str, str], tick: int = 0, rate: str = "rate") -> "Mark | None":
        """Return the mark of one line of a csv whose column `rate` holds the rate; None where nothing was run."""
        if not line["episodes"]:
            return None
        count = f"{line['successes']}/{line['episodes']}"
        return cls(tick, float(line[rate]), float(line["low"]), float(line["high"]), count)


@dataclass(frozen=True)
class Series:
    """Marks of one kind; colour: a variable of site.css."""

    name: str
    colour: str
    marks: tuple[Mark, ...]
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """One chart; chance: the rate of guessing, drawn as a dashed line."""

    title: str
    axis: str
    ticks: tuple[str, ...]
    series: tuple[Series, ...]
    bars: bool
    confidence: float
    chance: float | None = None
    width: int = 340
    alone: bool = True  # with its own legend and numbers; else they stand once for several charts

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Return (tick, series, count, rate, interval) of every mark, for the table beneath."""
        return [
            (self.ticks[mark.tick], series.name, mark.count, f"{mark.rate:.2f}", f"{mark.low:.2f} to {mark.high:.2f}")
            for series in self.series
            for mark in series.marks
        ]

    @property
    def summary(self) -> str:
        """Say in words what the picture shows."""
        parts = [f"{name}, {tick}: {rate} ({count})" for tick, name, count, rate, _ in self.rows]
        return f"{self.title}. Success rate by {self.axis}. {'; '.join(parts) or 'Nothing was run.'}"


@dataclass(frozen=True)
class Drawn:
    """A mark with its place in pixels and what it says under the pointer."""

    x: float
    y: float
    low: float
    high: float
    width: float
    rate: str
    labelled: bool  # with its rate written above
    text: str


def draw(chart: Chart) -> Markup:
    """Return the chart as a <figure> with its legend, and its numbers as a table to unfold."""
    step = (chart.width - LEFT - RIGHT) / max(len(chart.ticks), 1)
    several = [series for series in chart.series if series.marks]
    width = BAR * step / max(len(several), 1)
    drawn = []
    for place, series in enumerate(several):
        # bars of a tick stand side by side; points of a tick are moved a little apart, so that intervals do not overlap
        offset = (place - (len(several) - 1) / 2) * (width if chart.bars else min(5.0, width))
        marks = [_drawn(chart, series, mark, LEFT + (mark.tick + 0.5) * step + offset, width) for mark in series.marks]
        drawn.append((series, SYMBOLS[place % len(SYMBOLS)], marks))
    ticks = [(LEFT + (place + 0.5) * step, name) for place, name in enumerate(chart.ticks)]
    grid = [(height(rate), f"{rate:.2f}".rstrip("0").rstrip(".")) for rate in (0, 0.25, 0.5, 0.75, 1)]
    return Markup(
        render(
            "site/chart.html.jinja",
            chart=chart,
            drawn=drawn,
            ticks=ticks,
            grid=grid,
            bottom=TOP + PLOT,
            total=TOP + PLOT + (BOTTOM if chart.axis else RULED),
            left=LEFT,
            right=chart.width - RIGHT,
            chance=None if chart.chance is None else height(chart.chance),
        )
    )


def height(rate: float) -> float:
    """Return the place of a rate on the vertical axis, in pixels from the top."""
    return TOP + PLOT * (1 - rate)


def _drawn(chart: Chart, series: Series, mark: Mark, x: float, width: float) -> Drawn:
    interval = f"{100 * chart.confidence:g} % interval {mark.low:.2f} to {mark.high:.2f}"
    where = f"{chart.axis} {chart.ticks[mark.tick]}" if chart.axis else chart.title
    text = f"{series.name}, {where}\n{mark.count} = {mark.rate:.2f}\n{interval}"
    y, low, high = (round(height(rate), 1) for rate in (mark.rate, mark.low, mark.high))
    return Drawn(round(x, 1), y, low, high, round(width, 1), f"{mark.rate:.2f}", chart.bars and width >= LABEL, text)


def colours(names: Sequence[str], known: dict[str, str]) -> dict[str, str]:
    """Give every name a colour: its own where it is known, else the next of COLOURS that none has."""
    free = [colour for colour in COLOURS if colour not in {known[name] for name in names if name in known}]
    free += list(COLOURS)
    return {name: known[name] if name in known else free.pop(0) for name in names}
