"""The crate as one file: metadata and all that it names in the folder, to be read on another machine.

Beside it all episodes in one file, and a Croissant description by which data loaders read them.
"""

import hashlib
import json
from pathlib import Path

import muvla
from muvla import croissant
from muvla.records.episode import COUNTS, FIELDS
from muvla.report.lineage.crate import listed
from muvla.report.runner import Contents
from muvla.report.zipped import zipped


def archive(*, metadata: Path) -> Contents:
    """Return ro-crate.zip of the crate that ro-crate-metadata.json describes, episodes.jsonl and croissant.json.

    Raises FileNotFoundError naming a file of the crate that is gone.
    """
    content = json.loads(metadata.read_text("utf-8"))
    files = sorted(entity["@id"] for entity in content["@graph"] if "File" in listed(entity["@type"]))
    packed = zipped({name: (metadata.parent / name).read_bytes() for name in [metadata.name, *files]})
    episodes = [line for name in files if name.endswith(".jsonl") for line in _episodes(metadata.parent, name)]
    date = next(entity for entity in content["@graph"] if entity["@id"] == "./")["datePublished"]
    made = {"ro-crate.zip": packed, "episodes.jsonl": "".join(episodes).encode()}
    print(f"{len(files)} files and their description, {len(episodes)} episodes")
    return {**made, "croissant.json": json.dumps(_described(made, date), indent=1) + "\n"}


def _episodes(folder: Path, name: str) -> list[str]:
    """Return the lines of a record file without its errors, each with the name of the file."""
    records = [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]
    return [
        json.dumps({"file": name, **{key: value for key, value in record.items() if key != "error"}}) + "\n"
        for record in records
        if record["error"] is None
    ]


def _described(made: dict[str, bytes], date: str) -> croissant.Json:
    kinds = {"ro-crate.zip": "application/zip", "episodes.jsonl": "application/jsonlines"}
    types = dict.fromkeys(COUNTS, "sc:Integer") | {"success": "sc:Boolean", "seconds": "sc:Float"}
    said = "One line an episode: seed, outcome, steps, forward passes, phases, inference mode, intervention."
    fields = {name: types.get(name, "sc:Text") for name in ("file", *FIELDS) if name != "error"}
    return croissant.dataset(
        "muvla-repro-episodes",
        "Episodes of policies with and without memory tokens in MIKASA-Robo and LIBERO; ro-crate.zip says how.",
        [croissant.file_of(name, kinds[name], hashlib.sha256(content).hexdigest()) for name, content in made.items()],
        [croissant.record_set("episodes", said, "episodes.jsonl", fields)],
        version=muvla.__version__,
        date=date,
    )
