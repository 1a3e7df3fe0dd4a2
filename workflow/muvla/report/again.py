"""Episodes that came along as records beside the same episodes evaluated on this machine: sample.md."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.files import Json
from muvla.records.file import Cell, read_cell
from muvla.records.mark import marked_records
from muvla.records.provenance_file import differences
from muvla.report.document import PlainTable, Section, document
from muvla.report.runner import Contents

HERE = "sample"  # folder of records that were evaluated on this machine
TIME = "seconds"  # the field of a record that may differ


@dataclass(frozen=True)
class Again:
    """One cell, as recorded and as evaluated here."""

    recorded: Cell
    here: Cell

    @property
    def name(self) -> str:
        """Return variant and environment."""
        return f"{self.here.settings['variant']} {self.here.settings['environment']}"

    @property
    def different(self) -> dict[int, list[str]]:
        """Return, by seed, how an episode differs from the recorded one; nothing for those that do not."""
        before = {record["seed"]: record for record in self.recorded.records}
        found = {record["seed"]: _differences(before.get(record["seed"]), record) for record in self.here.records}
        return {seed: faults for seed, faults in found.items() if faults}

    @property
    def settings(self) -> list[str]:
        """Return the settings that differ: another driver, other versions of libraries."""
        return list(differences(self.recorded.settings, self.here.settings))


def _differences(before: Json | None, now: Json) -> list[str]:
    if before is None:
        return ["no such episode is recorded"]
    fields = sorted((before.keys() | now.keys()) - {TIME})
    return [f"{name} {before.get(name)}, here {now.get(name)}" for name in fields if before.get(name) != now.get(name)]


def read_again(marks: Iterable[Path]) -> list[Again]:
    """Pair the cells that the marks stand for: recorded ones, and those of the folder `sample`.

    Raises RecordsError for records that were changed after they were marked, KeyError for a cell that was not recorded.
    """
    cells = [read_cell(marked_records(mark)) for mark in marks]
    place = {(cell.settings["variant"], cell.settings["environment"]): cell for cell in cells if not _is_here(cell)}
    return [
        Again(place[cell.settings["variant"], cell.settings["environment"]], cell) for cell in cells if _is_here(cell)
    ]


def _is_here(cell: Cell) -> bool:
    return cell.folder.name == HERE


def sentence(pairs: Sequence[Again]) -> str:
    """Say how many of the episodes that were evaluated again are the recorded ones."""
    episodes = sum(pair.here.episodes + pair.here.errors for pair in pairs)
    other = sum(len(pair.different) for pair in pairs)
    found = "all of them as recorded" if not other else f"{other} of them not as recorded, named in sample.md"
    return f"Evaluated again on this machine: {episodes} episodes of {len(pairs)} cells, {found}."


def sample(*, sample: Sequence[Path]) -> Contents:
    """Compare the sample with the records, as .md, and print the result; a difference is a finding, not an error.

    sample: marks of the recorded cells and of those evaluated here. Raises as read_again.
    """
    pairs = read_again(sample)
    print(sentence(pairs))
    rows = tuple((pair.name, str(len(pair.here.records)), str(len(pair.different))) for pair in pairs)
    other = [
        f"{pair.name}, seed {seed}: {'; '.join(faults)}" for pair in pairs for seed, faults in pair.different.items()
    ]
    settings = list(dict.fromkeys(fault for pair in pairs for fault in pair.settings))
    for line in other:
        print(line)
    explained = (
        "The table is made of records that came along with the policies. These episodes were run on this machine as"
        " well and compared in everything but their time."
    )
    parts = [
        Section(
            "Result",
            (sentence(pairs), explained),
            PlainTable(("cell", "episodes", "not as recorded"), rows, "lrr"),
        ),
        *([Section("Episodes that are not as recorded", items=tuple(other))] if other else []),
        *([Section("Settings that are not as recorded", items=tuple(settings))] if settings else []),
    ]
    return {".md": document("md", "Recorded episodes, evaluated again", parts, "sample")}
