"""Collect what made each number: the records behind a cell, a probe or a trace, and their provenance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muvla.records.file import Cell, RecordsError, read_cell

UNKNOWN = "not recorded"  # by the version that made the record


@dataclass(frozen=True)
class Number:
    """One record file below `folder`, and what is known of its checkpoint.

    trained: the checkpoint's provenance.json, or its mark from the Hub.
    """

    folder: Path
    cell: Cell
    trained: dict[str, Any]

    @property
    def name(self) -> str:
        """variant, environment and control, e.g. "m64_k2 RememberColor3.zero" or "m64_k2 libero_object/0"."""
        variant, *environment = self.cell.path.relative_to(self.folder).with_suffix("").parts
        return f"{variant} {'/'.join(environment)}"

    @property
    def versions(self) -> dict[str, Any]:
        """Of libraries and of the simulator."""
        return {**self.cell.question["versions"], **self.cell.question["simulator"]}

    def run(self, key: str) -> str:
        """A circumstance of all its runs; the different ones joined, the last first."""
        told = [str(run.get(key, UNKNOWN)) for run in reversed(self.cell.runs)]
        return ", ".join(dict.fromkeys(told))


def lineage(folders: Sequence[Path | str]) -> list[Number]:
    """Return every record file, <variant>/<environment>.jsonl, of each of `folders`.

    Raises RecordsError for a corrupt one, or when there is none.
    """
    paths = [(Path(folder), path) for folder in folders for path in sorted(Path(folder).rglob("*.jsonl"))]
    if not paths:
        raise RecordsError(f"no episode records under {', '.join(map(str, folders))}: evaluate a policy first")
    return [Number(folder, cell, _trained(cell)) for folder, path in paths for cell in [read_cell(path)]]


def _trained(cell: Cell) -> dict[str, Any]:
    """What is known of the checkpoint: {} when its folder is gone or holds another one by now."""
    if "checkpoint" not in cell.runs[-1]:
        return {}
    folder = Path(cell.runs[-1]["checkpoint"])
    for path in (folder / "provenance.json", folder.with_name(f"{folder.name}.json")):
        if path.is_file():
            told: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if told.get("checkpoint", cell.question["checkpoint_sha256"]) == cell.question["checkpoint_sha256"]:
                return told
    return {}


@dataclass(frozen=True)
class Look:
    """A probe or a traced episode: its JSON file, and what describe_run and the probe wrote into it."""

    path: Path
    told: dict[str, Any]

    @property
    def variant(self) -> str:
        """Of the policy; a probe names its checkpoint only."""
        return str(self.told["config"].get("name") or Path(self.told["config"]["checkpoint"]).name)

    @property
    def versions(self) -> dict[str, Any]:
        """Of libraries, and of the simulator where there was one."""
        return {**self.told["versions"], **self.told.get("simulator", {})}


def looks(paths: Sequence[Path]) -> list[Look]:
    """Read the JSON files of probes and traced episodes. Raises RecordsError naming one that tells no checkpoint."""
    found = [Look(path, json.loads(path.read_text("utf-8"))) for path in paths]
    for look in found:
        if "checkpoint_sha256" not in look.told or "commit" not in look.told:
            raise RecordsError(f"{look.path} does not say what made it; remove it to have it made again")
    return found
