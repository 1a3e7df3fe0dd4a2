"""Record files with made-up outcomes, for tests of what reads them; written through the real writers."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from muvla.files import ROOT, file_sha256, write_json
from muvla.records.file import SEED_FOLDER, RecordFile, RecordsError
from muvla.records.mark import write_mark
from muvla.report.runner import Contents, write
from muvla.report.statistics.rules import Effect, Rules

BASE_SEED = 4242424242
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8"))
RULES = Rules(**CONFIG["statistics"])
EFFECT = Effect(
    environments=["RememberColor3"],
    memory="m64_k2",
    baseline="oft_episodic",
    oracle="oft_first_obs",
    picked=False,
    targets=[],
)
PUBLISHED = ROOT / "config" / "published"
TABLE_MIKASA = PUBLISHED / "table_mikasa.csv"


def marks(*folders: Path) -> list[Path]:
    """Mark every record file below the folders as complete, as it is now; in the order of their names."""
    return [mark(path) for folder in folders for path in sorted(folder.rglob("*.jsonl"))]


def mark(records: Path) -> Path:
    """Mark a record file as it is now; a doubtful one as earlier versions did, which marked those too."""
    try:
        return write_mark(records)
    except RecordsError:
        content = {"episodes": len(records.read_bytes().splitlines()), "sha256": file_sha256(records)}
        return write_json(records.with_suffix(".done"), content)


def cells(*folders: Path) -> list[Path]:
    """The marks of the tables' own cells, without controls: what the rules of the tables name."""
    return [mark for mark in marks(*folders) if "." not in mark.stem]


def save(contents: Contents, output: Path) -> None:
    """Write what a function of muvla.report returns as <output>.<kind>."""
    write(contents, [output.with_name(output.name + end) for end in contents])


def lines_of(path: Path) -> list[dict[str, str]]:
    """The lines of a csv, by the standard library."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def provenance(
    variant: str = "m64_k2",
    environment: str = "RememberColor3",
    mode: str = "receding",
    memory: str = "active",
    episodes: int = 4,
    **settings: Any,
) -> dict[str, Any]:
    """A complete provenance; `settings` replaces entries of its settings."""
    return {
        "settings": {
            "scale": "mini",
            "checkpoint_sha256": variant.encode().hex().ljust(64, "0")[:64],
            "config_hash": "c0ffee",
            "environment": environment,
            "variant": variant,
            "mode": mode,
            "memory": memory,
            "base_seed": BASE_SEED,
            "num_mem_tokens": 0 if variant.startswith(("oft", "pi")) else 8,
            "width": 128,
            "simulator": {"mani_skill": "3.0.1", "camera_mesh_sha256": "ab" * 32, "mug": ""},
            "versions": {"torch": "2.13.0+cpu"},
            **settings,
        },
        "run": {"commit": "0123456789" * 4, "episodes": episodes, "checkpoint_source": "bundled"},
    }


def record(settings: dict[str, Any], episode: int, success: bool | None, **fields: Any) -> dict[str, Any]:
    """A valid record of episode number `episode`; success None is an error."""
    steps = 10 + episode % 15
    forwards = steps if settings["mode"] == "receding" else -(-steps // 8)
    return {
        "environment": settings["environment"],
        "variant": settings["variant"],
        "seed": BASE_SEED + episode,
        "episode": episode,
        "success": success,
        "steps": steps,
        "forwards": forwards,
        "memory_updates": forwards if settings["num_mem_tokens"] else 0,
        "cue_steps": 3,
        "empty_steps": 2,
        "goal": "Red",
        "seconds": 1.5,
        "error": "RuntimeError: the simulator broke" if success is None else None,
        "mode": settings["mode"],
        "memory": settings["memory"],
        **fields,
    }


def write_cell(
    records: Path,
    variant: str,
    environment: str,
    outcomes: Sequence[bool | None],
    *,
    mode: str | None = None,
    memory: str = "active",
    control: str = "",
    asked: int | None = None,
    **settings: Any,
) -> Path:
    """Write one file with `outcomes` (None: an error) of the episodes 0, 1, ...; return its path.

    records: in a folder seed1, seed2, ... it is another training seed's, of another checkpoint.
    """
    inference = mode or ("open_loop" if variant.startswith("oft") else "receding")
    if seed := next((part for part in reversed(records.parts) if SEED_FOLDER.fullmatch(part)), ""):
        settings.setdefault("checkpoint_sha256", f"{variant} {seed}".encode().hex().ljust(64, "0")[:64])
    given = provenance(variant, environment, inference, memory, len(outcomes) if asked is None else asked, **settings)
    path = records / variant / (f"{environment}.{control}.jsonl" if control else f"{environment}.jsonl")
    with RecordFile(path, given) as file:
        for episode, success in enumerate(outcomes):
            file.append(record(given["settings"], episode, success))
    return path
