"""One cell of a table as it is shown: the measured rate, beneath it the printed one, and the verdict between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from muvla.records.file import Cell
from muvla.report.caption import startup_warnings
from muvla.report.grid import GroupAverage
from muvla.report.sample import OWN_TO_A_SEED, Counted, Sample, by_seed_of, cells_of, check_same_settings
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.seeds import rate_over_seeds, seeds_disagree
from muvla.report.statistics.tests import Estimate
from muvla.report.statistics.verdict import SIGNS, Verdict, judge

# What may differ between the tasks of a suite: the task itself, and what is a training seed's own.
OWN_TO_A_TASK = ("environment", *OWN_TO_A_SEED)
NO_WIDTH = "z"
FLAGS = {
    "e": "episodes ended in an error and are counted neither as successes nor as failures",
    "i": "fewer episodes than requested",
    "x": "the last line of a record file was cut off and is not counted",
    "p": "a cell's episodes come from runs of different commits or checkpoint sources",
    "t": "tasks of the suite are missing",
    "w": "the simulator's start-up check warned",
    "s": "training seeds disagree (Cochran's Q test)",
    "n": "actions un-normalised with the average statistics of other data sets, as the release does",
    NO_WIDTH: "every part of the average is at 0 or 1, where a bootstrap has no width; see the parts' own intervals",
}

HARMLESS = "pwsn"  # flags that say nothing against counting the episodes
PAPER = "paper"  # the only scale whose numbers are compared with the printed ones


@dataclass(frozen=True)
class Entry:
    """Text of one cell; mean, low and high are empty where nothing was run, dashes where no episode has an outcome."""

    mean: str
    low: str
    high: str
    count: str  # episodes, "200 (3)" of three training seeds; "run/of" for an average
    flags: str  # letters of FLAGS
    printed: str  # the paper's value at this place, as printed; empty where it prints none
    verdict: Verdict
    tally: Tally | None = None  # of a cell
    estimate: Estimate | None = None  # unrounded, from 0 to 1

    @property
    def run(self) -> bool:
        """Say whether anything was run."""
        return bool(self.mean)

    @property
    def ends(self) -> tuple[str, str]:
        """Shorten the interval where room is scarce: "0.71" -> ".71", "1.00" -> "1"; others as they are."""
        low, high = ({"0.": end[1:], "1.": "1"}.get(end[:2], end) for end in (self.low, self.high))
        return low, high

    @property
    def sign(self) -> str:
        """Return the verdict in one character; "" without a verdict."""
        return SIGNS[self.verdict]

    @property
    def below(self) -> str:
        """Return the line beneath: "= 0.93" with a verdict, "(0.93)" where the two numbers must not be compared."""
        if not self.printed:
            return ""
        return f"{self.sign} {self.printed}" if self.sign else f"({self.printed})"


@dataclass(frozen=True)
class Shape:
    """How the numbers of a table are written and judged."""

    unit: str  # "success rate": 0.93; "%": 93.0
    printed_episodes: int
    rules: Rules

    def text(self, rate: float) -> str:
        """Write a rate in the table's unit."""
        return f"{100 * rate:.1f}" if self.unit == "%" else f"{rate:.2f}"

    def numbers(self, estimate: Estimate | None) -> list[str]:
        """Write mean and both ends with two digits more than are shown; "" without an estimate."""
        scale, digits = (100, 3) if self.unit == "%" else (1, 4)
        return ["", "", ""] if estimate is None else [f"{scale * value:.{digits}f}" for value in estimate]

    def texts(self, estimate: Estimate) -> tuple[str, str, str]:
        """Write mean and both ends."""
        return self.text(estimate.mean), self.text(estimate.low), self.text(estimate.high)

    def printed_rate(self, printed: str) -> Fraction:
        """Return a printed value as a fraction from 0 to 1."""
        return Fraction(printed) / (100 if self.unit == "%" else 1)

    def empty(self, printed: str) -> Entry:
        """Return the entry of a cell that was not run."""
        return Entry("", "", "", "", "", printed, Verdict.NOT_RUN)

    def cell(self, tally: Tally | None, printed: str) -> Entry:
        """Return the entry of one cell. Doubtful episodes get no verdict but inconclusive."""
        if tally is None:
            return self.empty(printed)
        judged = tally.scale == PAPER and bool(printed)
        if not tally.episodes:
            verdict = Verdict.INCONCLUSIVE if judged else Verdict.NONE
            return Entry("-", "-", "-", "0", tally.flags, printed, verdict, tally)
        verdict = Verdict.NONE
        if judged and set(tally.flags) - set(HARMLESS):
            verdict = Verdict.INCONCLUSIVE
        elif judged:
            rate = self.printed_rate(printed)
            verdict = judge(tally.counts, rate, self.printed_episodes, self.rules)
        estimate = rate_over_seeds(tally.counts, self.rules.confidence)
        count = f"{tally.episodes} ({tally.seeds})" if tally.seeds > 1 else str(tally.episodes)
        return Entry(*self.texts(estimate), count, tally.flags, printed, verdict, tally, estimate)

    def average(self, average: GroupAverage | None, printed: str) -> Entry:
        """Return the entry of an average; it gets no verdict, because a printed average is no count of episodes."""
        if average is None:
            return self.empty(printed)
        count = f"{average.run}/{average.of}"
        flags = NO_WIDTH if average.estimate.low == average.estimate.high else ""
        return Entry(*self.texts(average.estimate), count, flags, printed, Verdict.NONE, None, average.estimate)


@dataclass(frozen=True)
class Tally(Counted):
    """Success counts behind one table cell, and its data-quality flags."""

    flags: str  # letters of FLAGS
    scale: str
    parts: int  # environments or tasks with at least one line
    of: int  # how many there should be

    @property
    def seeds(self) -> int:
        """Count the training seeds with an outcome."""
        return len(self.by_seed)


def flags(samples: Sequence[Sample], of: int, significance: float) -> str:
    """Return the letters of FLAGS that hold for these samples, in that order."""
    cells = [cell for cell in cells_of(samples) if cell.records]
    found = {
        "e": any(cell.errors for cell in cells),
        "i": any(cell.episodes + cell.errors < cell.requested for cell in cells),
        "x": any(cell.cut_line for cell in cells),
        "p": any(len({(run["commit"], run["checkpoint_source"]) for run in cell.runs}) > 1 for cell in cells),
        "t": len(samples) < of,
        "w": any(startup_warnings(cell) for cell in cells),
        "s": seeds_disagree(list(_pooled(samples).values()), significance),
        "n": any("statistics" in cell.settings for cell in cells),
    }
    return "".join(letter for letter, holds in found.items() if holds)


def _pooled(samples: Sequence[Sample]) -> dict[str, dict[tuple[str, int], bool]]:
    """Return success by training seed, and by environment and evaluation seed."""
    found: dict[str, dict[tuple[str, int], bool]] = {}
    for sample in samples:
        for seed, outcomes in sample.outcomes.items():
            places = {(sample.settings["environment"], episode): success for episode, success in outcomes.items()}
            found.setdefault(seed, {}).update(places)
    return found


def modes_of(cells: list[Cell]) -> list[str]:
    """Name the inference modes of these cells."""
    return sorted({cell.settings["mode"].replace("_", " ") for cell in cells})


def tally(samples: Sequence[Sample | None], significance: float, of: int = 1) -> Tally | None:
    """Count the samples that hold a line; None when none does. Raises RecordsError as check_same_settings does."""
    run = [one for one in samples if one is not None and any(cell.records for cell in one.cells)]
    if not run:
        return None
    check_same_settings(cells_of(run), OWN_TO_A_TASK)
    return Tally(by_seed_of(_pooled(run)), flags(run, of, significance), run[0].settings["scale"], len(run), of)
