"""Provenance of a record file: which question its records answer, and the runs that answered it (spec 6.4).

`RememberColor3.jsonl` has `RememberColor3.provenance.json` beside it: {"question": {...}, "runs": [{...},
...]}. The question is everything the answer depends on. A run holds the circumstances of one call of the
evaluation; asking for more episodes, or running on another commit, is another run of the same question.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from muvla.records.episode import RecordsError

QUESTION = (
    "scale",  # "mini" or "paper"
    "checkpoint_sha256",
    "config_hash",
    "environment",
    "variant",
    "mode",  # "receding" or "open_loop"
    "memory",  # "active", "zero", "noise" or "freeze_first"
    "base_seed",  # episode i is reset with base_seed + i
    "num_mem_tokens",  # m; 0 for a policy without memory
    "width",  # D, of the language model
    "simulator",  # MikasaEnv.provenance(): versions, driver, mesh
    "versions",  # of torch, transformers, numpy, ...
)
RUN = ("commit", "episodes", "checkpoint_source")  # source: "trained", "bundled" or "released"


class RecordsOfAnotherQuestion(RecordsError):
    """The file holds answers to another question (other weights, simulator, seeds, ...)."""


def provenance_path(path: Path | str) -> Path:
    """RememberColor3.zero.jsonl -> RememberColor3.zero.provenance.json."""
    return Path(path).with_suffix(".provenance.json")


def differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """Yield "dotted.key: old, now new" for every leaf in which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            dotted = f"{name}.{key}" if name else str(key)
            yield from differences(old.get(key, "(absent)"), new.get(key, "(absent)"), dotted)
    elif old != new:
        yield f"{name}: {json.dumps(old)} in the file, now {json.dumps(new)}"


def read_provenance(path: Path | str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return question and runs of the record file `path`. Raises RecordsError when missing or malformed."""
    beside = provenance_path(path)
    advice = f"move {path} away and evaluate again"
    try:
        content = json.loads(beside.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RecordsError(
            f"{path} has no {beside.name} beside it, so nobody knows what it answers; {advice}"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordsError(f"{beside} is not JSON ({error}); {advice}") from error
    try:
        question, runs = content["question"], content["runs"]
        missing = [key for key in QUESTION if key not in question]
        missing += [key for run in runs for key in RUN if key not in run]
    except (KeyError, TypeError) as error:
        raise RecordsError(f'{beside} lacks "question" or "runs"; {advice}') from error
    if missing or not runs:
        raise RecordsError(f"{beside} misses {', '.join(missing) or 'a run'}; {advice}")
    return question, runs
