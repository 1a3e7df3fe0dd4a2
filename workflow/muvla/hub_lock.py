"""The lock of what was fetched from the Hub: {repository: {"revision": ..., "files": {path: {"size", "sha256"}}}}.

It belongs into git. Fetching adds to it and never changes what it holds.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muvla.files import write_atomically


@dataclass(frozen=True)
class Pinned:
    """One repository of the lock."""

    revision: str
    files: dict[str, dict[str, Any]]

    def below(self, folder: str) -> dict[str, dict[str, Any]]:
        """Return the files whose path begins with `folder`; all for ""."""
        prefix = f"{folder.strip('/')}/" if folder else ""
        return {name: one for name, one in self.files.items() if name.startswith(prefix)}


def read(lock: Path | str, key: str) -> Pinned | None:
    """Return what the lock holds for `key`; None when it holds nothing. Raises ValueError for a damaged lock."""
    entry = _content(Path(lock)).get(key)
    if entry is None:
        return None
    try:
        return Pinned(entry["revision"], dict(entry["files"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{lock}: the entry of {key} has no revision or no files; take the file from git") from error


def add(lock: Path | str, key: str, revision: str, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Pin `files` of `key`. Raises ValueError if the lock has another revision or content for one of them."""
    lock = Path(lock)
    with _alone(lock):
        content = _content(lock)
        entry = content.setdefault(key, {"revision": revision, "files": {}})
        differing = [name for name, one in files.items() if entry["files"].get(name, one) != one]
        if entry["revision"] != revision or differing:
            raise ValueError(
                f"{lock} already holds {key} at {entry['revision']}, with another {differing or 'revision'}"
            )
        entry["files"] = dict(sorted({**entry["files"], **files}.items()))
        write_atomically(lock, json.dumps(content, indent=1, sort_keys=True) + "\n")


def mark(path: Path, lock: Path | str, key: str, folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the file that says "fetched and checked": repository, revision, folder, files."""
    pinned = read(lock, key)
    assert pinned is not None
    content = {
        "repository": key,
        "revision": pinned.revision,
        "folder": str(folder),
        "files": dict(sorted(files.items())),
    }
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def _content(lock: Path) -> dict[str, Any]:
    if not lock.is_file():
        return {}
    try:
        content = json.loads(lock.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{lock} is not JSON ({error}); take it from git, or delete it to pin anew") from error
    if not isinstance(content, dict):
        raise ValueError(f"{lock} is no JSON object; take it from git, or delete it to pin anew")
    return content


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two fetches at once add to one lock, one after the other."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(lock.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
