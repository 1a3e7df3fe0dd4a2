"""Where every number comes from, as a page.

A number is the success rate of one record file. The checkpoint's provenance.json names its training data; the mark
of a download names its origin. A probe or a traced episode has no records, but a JSON file with the same facts.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from muvla.files import Json
from muvla.report.caption import NOT_VERSIONS, short
from muvla.report.document import PlainTable, Section, document
from muvla.report.lineage.crate import crate
from muvla.report.lineage.numbers import (
    UNKNOWN,
    Number,
    TraceOrProbe,
    anchor,
    read_numbers,
    read_traces_and_probes,
)
from muvla.report.runner import Contents


def sections(numbers: Sequence[Number], others: Sequence[TraceOrProbe]) -> list[Section]:
    """Write the sections: the numbers of each folder of records, traces and probes, and what they were made with."""
    explained = (
        "One row is one file of episode records. Checksums are SHA-256, shortened to twelve digits; in full"
        " they stand in ro-crate-metadata.json and beside the records.",
    )
    folders = list(dict.fromkeys(number.cell.folder for number in numbers))
    return [
        *(
            Section(f"Numbers: {folder}", explained if folder == folders[0] else (), _rows(numbers, folder))
            for folder in folders
        ),
        *([Section("Traces and probes", table=_traces_and_probes(others))] if others else []),
        Section("Checkpoints", table=_checkpoints(numbers)),
        Section("Simulators and libraries", items=_versions(numbers, others)),
        Section("Commands", items=_commands(numbers, others)),
    ]


def _commands(numbers: Sequence[Number], others: Sequence[TraceOrProbe]) -> tuple[str, ...]:
    """List every command once, with what it made: one process can make many files."""
    made: dict[str, list[str]] = {}
    for number in numbers:
        made.setdefault(number.circumstance("command_line"), []).append(number.name)
    for one in others:
        made.setdefault(one.content["command_line"], []).append(str(one.path))
    more = {command: f" and {len(names) - 1} more" if names[1:] else "" for command, names in made.items()}
    return tuple(f"{names[0]}{more[command]}: {command}" for command, names in made.items())


def _rows(numbers: Sequence[Number], folder: Path) -> PlainTable:
    shown = [number for number in numbers if number.cell.folder == folder]
    rows = tuple(
        (
            number.name,
            f"{number.cell.successes}/{number.cell.episodes}",
            short(number.cell.settings["checkpoint_sha256"]),
            short(number.cell.settings["config_hash"]),
            short(number.circumstance("commit")),
            short(number.circumstance("container").removeprefix("sha256:")),
            number.circumstance("time"),
        )
        for number in shown
    )
    head = ("number", "success", "checkpoint", "config", "commit", "container", "time (UTC)")
    return PlainTable(head, rows, "lrlllll", ids=tuple(anchor(number.cell) for number in shown))


def _traces_and_probes(others: Sequence[TraceOrProbe]) -> PlainTable:
    rows = tuple(
        (
            str(one.path),
            short(one.content["checkpoint_sha256"]),
            _data(one.content),
            short(one.content["config_sha256"]),
            short(one.content["commit"]),
            short(one.content["container"].removeprefix("sha256:")),
            one.content["time"],
        )
        for one in others
    )
    head = ("file", "checkpoint", "data", "config", "commit", "container", "time (UTC)")
    return PlainTable(head, rows, "lllllll")


def _data(content: Json) -> str:
    """List every data set with its checksum."""
    return ", ".join(f"{name} {short(value)}" for name, value in sorted(content.get("data", {}).items())) or "-"


def _checkpoints(numbers: Sequence[Number]) -> PlainTable:
    found = {number.cell.settings["checkpoint_sha256"]: number for number in numbers}
    rows = tuple(
        (
            number.cell.settings["variant"],
            digest,
            _data(number.trained),
            short(number.trained.get("base") or "-"),
            short(number.trained.get("config_sha256", "-")),
            number.trained.get("commit") or number.trained.get("revision", UNKNOWN),
            str(number.trained.get("command_line") or number.trained.get("repository") or "-"),
        )
        for digest, number in found.items()
    )
    head = ("variant", "SHA-256", "data", "base", "config", "commit or revision", "made by")
    return PlainTable(head, rows, "lllllll")


def _versions(numbers: Sequence[Number], others: Sequence[TraceOrProbe]) -> tuple[str, ...]:
    """List every different set of versions, and how many numbers it made.

    What a control changed in the simulator is no version; the records' names and commands show it.
    """
    sets = [{**number.versions, "cpu": number.circumstance("instructions")} for number in numbers]
    sets += [{**one.versions, "cpu": one.content.get("instructions", UNKNOWN)} for one in others]
    lines = Counter(
        ", ".join(f"{key} {short(value)}" for key, value in sorted(found.items()) if key not in NOT_VERSIONS)
        for found in sets
    )
    return tuple(f"{count} {'number' if count == 1 else 'numbers'}: {line}" for line, count in lines.items())


def provenance(
    *,
    records: Sequence[Path],
    checkpoints: Sequence[str],
    traces_and_probes: Sequence[Path],
    root: str,
    snakefile: Path,
    parameters: str,
) -> Contents:
    """Make provenance.html and ro-crate-metadata.json, which turns the folder `root` into a Research Object Crate.

    records: marks. checkpoints: provenance.json of each checkpoint, or the mark of its download. traces_and_probes:
    JSON files. snakefile: the workflow's main file, copied into the crate. parameters: JSON of what the call was given.
    Raises RecordsError as read_numbers and read_traces_and_probes do.
    """
    numbers = read_numbers(records, map(Path, checkpoints))
    others = read_traces_and_probes(traces_and_probes)
    print(f"{len(numbers)} numbers")
    return {
        "provenance.html": document("html", "Where every number comes from", sections(numbers, others), "provenance"),
        "ro-crate-metadata.json": crate(numbers, others, Path(root), snakefile, json.loads(parameters)),
        "Snakefile": snakefile.read_text("utf-8"),
    }
