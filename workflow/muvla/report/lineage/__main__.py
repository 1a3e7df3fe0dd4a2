"""Where every number comes from: python -m muvla.report.lineage --records DIR [DIR ...] --output results.

Writes OUTPUT/provenance.html and OUTPUT/ro-crate-metadata.json, which makes OUTPUT a Research Object Crate (RO-Crate
1.1). A number is the success rate of one record file; its checkpoint's own provenance.json tells what it was trained
on, a mark of muvla.hub tells where it was fetched. Probes and traced episodes are no record files: each has a JSON that
tells the same of it (muvla.provenance.describe_run).
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from muvla.files import write_atomically
from muvla.records.file import RecordsError
from muvla.report.caption import NOT_VERSIONS, short
from muvla.report.document import PlainTable, Section, document
from muvla.report.lineage.crate import crate
from muvla.report.lineage.numbers import UNKNOWN, Look, Number, lineage, looks


def sections(numbers: Sequence[Number], seen: Sequence[Look] = ()) -> list[Section]:
    """The page: the numbers of each folder of records, probes and episodes, and what they were made with."""
    explained = (
        "One row is one file of episode records. Checksums are SHA-256, shortened to twelve digits; in full"
        " they stand in ro-crate-metadata.json and beside the records.",
    )
    folders = list(dict.fromkeys(number.folder for number in numbers))
    return [
        *(
            Section(f"Numbers: {folder}", explained if folder == folders[0] else (), _rows(numbers, folder))
            for folder in folders
        ),
        *([Section("Probes and single episodes", table=_looks(seen))] if seen else []),
        Section("Checkpoints", table=_checkpoints(numbers)),
        Section("Simulators and libraries", items=_versions(numbers, seen)),
        Section(
            "Commands",
            items=(
                *(f"{number.name}: {number.run('command_line')}" for number in numbers),
                *(f"{look.path}: {look.told['command_line']}" for look in seen),
            ),
        ),
    ]


def _rows(numbers: Sequence[Number], folder: Path) -> PlainTable:
    rows = tuple(
        (
            number.name,
            f"{number.cell.successes}/{number.cell.episodes}",
            short(number.cell.question["checkpoint_sha256"]),
            short(number.cell.question["config_hash"]),
            short(number.run("commit")),
            short(number.run("container").removeprefix("sha256:")),
            number.run("time"),
        )
        for number in numbers
        if number.folder == folder
    )
    return PlainTable(
        ("number", "success", "checkpoint", "config", "commit", "container", "time (UTC)"), rows, "lrlllll"
    )


def _looks(seen: Sequence[Look]) -> PlainTable:
    rows = tuple(
        (
            str(look.path),
            short(look.told["checkpoint_sha256"]),
            _data(look.told),
            short(look.told["config_sha256"]),
            short(look.told["commit"]),
            short(look.told["container"].removeprefix("sha256:")),
            look.told["time"],
        )
        for look in seen
    )
    head = ("file", "checkpoint", "data", "config", "commit", "container", "time (UTC)")
    return PlainTable(head, rows, "lllllll")


def _data(told: Mapping[str, Any]) -> str:
    """Every data set with its checksum."""
    return ", ".join(f"{name} {short(value)}" for name, value in sorted(told.get("data", {}).items())) or "-"


def _checkpoints(numbers: Sequence[Number]) -> PlainTable:
    found = {number.cell.question["checkpoint_sha256"]: number for number in numbers}
    rows = tuple(
        (
            number.cell.question["variant"],
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


def _versions(numbers: Sequence[Number], seen: Sequence[Look]) -> tuple[str, ...]:
    """One line for each different set of versions, and how many numbers it made.

    What a probe changed in the simulator is no version; the records' names and commands tell it.
    """
    sets = [{**number.versions, "cpu": number.run("instructions")} for number in numbers]
    sets += [{**look.versions, "cpu": look.told.get("instructions", UNKNOWN)} for look in seen]
    lines = Counter(
        ", ".join(f"{key} {short(value)}" for key, value in sorted(told.items()) if key not in NOT_VERSIONS)
        for told in sets
    )
    return tuple(f"{count} {'number' if count == 1 else 'numbers'}: {line}" for line, count in lines.items())


def main(arguments: Sequence[str]) -> int:
    """Run one command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m muvla.report.lineage", description="Where every number comes from."
    )
    parser.add_argument(
        "--records", type=Path, nargs="+", required=True, help="folders of <variant>/<environment>.jsonl"
    )
    parser.add_argument("--looks", type=Path, nargs="*", default=[], help="JSON files of probes and traced episodes")
    parser.add_argument("--output", type=Path, required=True, help="folder of the page and of the crate")
    given = parser.parse_args(arguments)
    try:
        numbers = lineage(given.records)
        seen = looks(given.looks)
        page = document("html", "Where every number comes from", sections(numbers, seen), "muvla.report.lineage")
        write_atomically(given.output / "provenance.html", page)
        write_atomically(given.output / "ro-crate-metadata.json", crate(numbers, seen, given.output))
    except (RecordsError, OSError) as error:
        print(f"muvla.report.lineage: {error}", file=sys.stderr)
        return 1
    print(f"{given.output / 'provenance.html'}: {len(numbers)} numbers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
