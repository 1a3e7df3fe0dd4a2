"""The probes of the memory as pictures: python -m muvla.report.probes.figures --records DIR ... --output FOLDER

Writes interventions, chunk_sweep, delays and unseen_colours (probes.py), each as .png, .pdf and .csv, the last with
every number that is drawn. The same records give the same bytes.
"""

import argparse
import csv
import io
import sys
from functools import partial
from pathlib import Path

from muvla.report.command import written
from muvla.report.drawing import pictures
from muvla.report.effect.__main__ import PUBLISHED
from muvla.report.probes.draw import draw
from muvla.report.probes.probes import Probe, probes, read_answers
from muvla.report.published import read_published
from muvla.report.statistics.rules import read_rules
from muvla.report.statistics.tests import wilson

CSV_HEADER = ("variant", "environment", "setting", "successes", "episodes", "rate", "low", "high")


def tidy_csv(probe: Probe, confidence: float) -> str:
    """One line a point or bar (CSV_HEADER); without numbers where it was not run."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for panel in probe.panels:
        for series in panel.series:
            for setting, cell in zip(series.settings, series.cells, strict=True):
                numbers: list[object] = [""] * 5
                if cell is not None:
                    rate = wilson(cell.successes, cell.episodes, confidence)
                    numbers = [cell.successes, cell.episodes, *(f"{value:.4f}" for value in rate)]
                writer.writerow([series.variant, panel.environment, setting, *numbers])
    return stream.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.probes.figures", description=__doc__)
    parser.add_argument(
        "--records", type=Path, nargs="+", required=True, help="folders of <variant>/<environment>[.<name>].jsonl"
    )
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="names the variants and environments")
    parser.add_argument("--statistics", help="JSON; config/config.yaml's `statistics` when left out")
    parser.add_argument("--output", type=Path, default=Path("results/figures"), help="folder of the pictures")
    options = parser.parse_args(arguments)

    def make() -> dict[Path, str | bytes]:
        rules = read_rules(options.statistics)
        contents: dict[Path, str | bytes] = {}
        for probe in probes(read_answers(options.records, read_published(options.published), rules)):
            drawn = pictures(partial(draw, probe, rules.confidence))
            contents |= {options.output / f"{probe.name}.{kind}": content for kind, content in drawn.items()}
            contents[options.output / f"{probe.name}.csv"] = tidy_csv(probe, rules.confidence)
        return contents

    return written(make)


if __name__ == "__main__":
    sys.exit(main())
