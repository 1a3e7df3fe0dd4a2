"""Collect what made each number: the records behind a cell, a probe or a trace, and their provenance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from muvla.files import Json
from muvla.records.file import Cell, RecordsError
from muvla.records.mark import marked_cells

UNKNOWN = "not recorded"  # by the version that wrote the record
HOME = re.compile(r"(seed|chunk)\d+")  # folder of another training seed, or of policies with longer chunks
Circumstance = Literal["commit", "container", "time", "command_line", "instructions"]


def anchor(cell: Cell) -> str:
    """Name a record file in the address of a page: "m64_k2-RememberColor3.zero", "seed1-m64_k2-libero_object-0"."""
    homes = [part for part in cell.folder.parts if HOME.fullmatch(part)]
    inside = cell.path.relative_to(cell.folder).with_suffix("").parts
    return "-".join([*homes, *inside])


@dataclass(frozen=True)
class Number:
    """One record file, and the provenance of its checkpoint: provenance.json, or the mark of a download."""

    cell: Cell
    trained: Json

    @property
    def name(self) -> str:
        """Return variant, environment and control: "m64_k2 RememberColor3.zero" or "m64_k2 libero_object/0"."""
        control = f".{self.cell.control}" if self.cell.control else ""
        return f"{self.cell.settings['variant']} {self.cell.settings['environment']}{control}"

    @property
    def versions(self) -> Json:
        """Return the versions of the libraries and of the simulator."""
        return {**self.cell.settings["versions"], **self.cell.settings["simulator"]}

    def circumstance(self, key: Circumstance) -> str:
        """Join the different values that the runs recorded, the last one first."""
        values = [str(run.get(key, UNKNOWN)) for run in reversed(self.cell.runs)]
        return ", ".join(dict.fromkeys(values))


def read_numbers(marks: Iterable[Path], checkpoints: Iterable[Path]) -> list[Number]:
    """Read the records that the marks stand for, by folder of records in the order given and by name within it.

    checkpoints: what is known of the checkpoints that acted, their provenance.json or the mark of a download.
    Raises RecordsError for records that are corrupt, gone or changed after they were marked, or when there are none.
    """
    cells = marked_cells(marks)
    if not cells:
        raise RecordsError("there are no episode records to trace: evaluate a policy first")
    folders = list(dict.fromkeys(cell.folder for cell in cells))
    cells.sort(key=lambda cell: (folders.index(cell.folder), cell.path))
    known = {path: json.loads(path.read_text("utf-8")) for path in checkpoints if path.is_file()}
    return [Number(cell, _trained(cell, known)) for cell in cells]


def _trained(cell: Cell, known: Mapping[Path, Json]) -> Json:
    """Return the provenance of the checkpoint; {} when it is not among the known ones, or was replaced by another.

    A provenance.json names the checkpoint's SHA-256; the mark of a download does not and lies beside the folder.
    """
    download = Path(f"{cell.runs[-1].get('checkpoint')}.json")
    for path, content in known.items():
        if "checkpoint" in content:
            found = content["checkpoint"] == cell.settings["checkpoint_sha256"]
        else:
            found = path == download
        if found:
            return content
    return {}


@dataclass(frozen=True)
class TraceOrProbe:
    """The JSON file of a traced episode or of a probe of a checkpoint, which says what made it."""

    path: Path
    content: Json  # what the command found, and muvla.provenance.describe_run

    @property
    def variant(self) -> str:
        """Return the policy's variant; a probe knows its checkpoint only."""
        return str(self.content["config"].get("name") or Path(self.content["config"]["checkpoint"]).name)

    @property
    def versions(self) -> Json:
        """Return the versions of the libraries, and of the simulator where there was one."""
        return {**self.content["versions"], **self.content.get("simulator", {})}


def read_traces_and_probes(paths: Iterable[Path]) -> list[TraceOrProbe]:
    """Read the JSON files. Raises RecordsError naming one that does not say which checkpoint and commit made it."""
    found = [TraceOrProbe(path, json.loads(path.read_text("utf-8"))) for path in paths]
    for one in found:
        if "checkpoint_sha256" not in one.content or "commit" not in one.content:
            raise RecordsError(f"{one.path} does not say what made it; remove it to have it made again")
    return found
