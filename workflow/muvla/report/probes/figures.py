"""The figures of the memory probes, each with a csv of every number that it shows."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from muvla.report.drawing import pictures
from muvla.report.probes.draw import draw
from muvla.report.probes.probes import Probe, probes, read_probe_samples
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Rules
from muvla.report.tidy import csv_text

COLUMNS = ("variant", "environment", "setting", "successes", "episodes", "seeds", "rate", "low", "high")


def lines(probe: Probe, confidence: float) -> Iterator[tuple[object, ...]]:
    """Yield a line of the csv (COLUMNS) for every point or bar; without numbers where it was not run."""
    for panel in probe.panels:
        for series in panel.series:
            for setting, sample in zip(series.settings, series.samples, strict=True):
                place = (series.variant, panel.environment, setting)
                if sample is None:
                    yield (*place, *[""] * 6)
                    continue
                rate = sample.rate(confidence)
                yield (
                    *place,
                    sample.successes,
                    sample.episodes,
                    len(sample.by_seed),
                    *(f"{value:.4f}" for value in rate),
                )


def figure_probes(*, records: Sequence[Path], statistics: Rules) -> Contents:
    """Draw interventions, chunk_sweep, delays and unseen_colours (probes.py), each as .png, .pdf and .csv.

    records: marks. The same records give the same bytes.
    Raises RecordsError as read_probe_samples does.
    """
    contents: dict[str, str | bytes] = {}
    for probe in probes(read_probe_samples(records)):
        drawn = pictures(partial(draw, probe, statistics.confidence))
        contents |= {f"{probe.name}{kind}": content for kind, content in drawn.items()}
        contents[f"{probe.name}.csv"] = csv_text(COLUMNS, lines(probe, statistics.confidence))
    return contents
