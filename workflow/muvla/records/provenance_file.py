"""Provenance of a record file: the settings that decide its records, and the runs that wrote them (spec 6.4).

`RememberColor3.jsonl` has `RememberColor3.provenance.json` beside it: {"settings": {...}, "runs": [{...}, ...]}.
The settings are everything that an outcome depends on. A run holds the circumstances of one call of the evaluation:
more episodes, or another commit, make another run with the same settings.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from muvla.records.episode import RecordsError
from muvla.records.settings import RUN, SETTINGS, Run, Settings


class RecordsMismatch(RecordsError):
    """The file holds records of other settings (other weights, simulator, seeds, ...)."""


def provenance_path(path: Path | str) -> Path:
    """RememberColor3.zero.jsonl -> RememberColor3.zero.provenance.json."""
    return Path(path).with_suffix(".provenance.json")


def differences(old: object, new: object, name: str = "") -> Iterator[str]:
    """Yield "dotted.key: old in the file, now new" for every leaf in which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            dotted = f"{name}.{key}" if name else str(key)
            yield from differences(old.get(key, "(absent)"), new.get(key, "(absent)"), dotted)
    elif old != new:
        yield f"{name}: {json.dumps(old)} in the file, now {json.dumps(new)}"


def read_provenance(path: Path | str) -> tuple[Settings, list[Run]]:
    """Return settings and runs of the record file `path`. Raises RecordsError when missing or malformed."""
    beside = provenance_path(path)
    advice = f"move {path} away and evaluate again"
    try:
        content = json.loads(beside.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RecordsError(f"{path} has no {beside.name} beside it, so its settings are unknown; {advice}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordsError(f"{beside} is not JSON ({error}); {advice}") from error
    try:
        settings, runs = content["settings"], content["runs"]
        missing = [key for key in SETTINGS if key not in settings]
        missing += [key for run in runs for key in RUN if key not in run]
    except (KeyError, TypeError) as error:
        if isinstance(content, dict) and "question" in content:
            raise RecordsError(f"{beside} was written by an earlier version of muvla; {advice}") from error
        raise RecordsError(f'{beside} lacks "settings" or "runs"; {advice}') from error
    if missing or not runs:
        raise RecordsError(f"{beside} lacks {', '.join(missing) or 'a run'}; {advice}")
    return cast(Settings, settings), cast("list[Run]", runs)
