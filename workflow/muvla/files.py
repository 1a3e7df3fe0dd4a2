"""Files and folders that are either whole or not there: the one module that writes them atomically."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]  # content of a JSON object
ROOT = Path(__file__).resolve().parents[2]  # of this source tree: where config/, paper/ and Snakefile lie


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path` to write to; when the block ends well it is flushed to disk and renamed.

    Makes the folder. Raises OSError naming `path` when the disk is full or the folder cannot be written. After any
    error in the block what stood at `path` before is untouched and no temporary file is left.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield a new empty folder beside `target`; when the block ends well it takes that name.

    What stood at `target` before is removed only after that; after an error in the block it is untouched. In no case is
    the temporary folder left.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if target.exists():
            replaced = target.with_name(f".{target.name}.{os.getpid()}.replaced")
            os.replace(target, replaced)
            os.replace(temporary, target)
            shutil.rmtree(replaced)
        else:
            os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_writable(folder: Path | str) -> None:
    """Make a folder. Raises OSError naming it, absolutely, where that or writing in it is impossible."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unwritable(os.path.abspath(folder), error) from error


def unwritable(path: Path | str, error: Exception) -> OSError:
    """What to say when `error` kept `path` from being written."""
    number, reason = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
    message = f"cannot write {path}: {reason or error}; free some space or choose another folder, then run again"
    return OSError(number, message) if number else OSError(message)


def write_atomically(path: Path | str, content: bytes | str) -> Path:
    """Write `content` (text is UTF-8) and return the path. Raises OSError as replacing() does."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return Path(path)


def write_json(path: Path | str, content: Any) -> Path:
    """Write `content` as JSON, its keys in their own order, and return the path. Raises OSError as replacing() does.

    The same content gives the same bytes; checkpoints are hashed over them, so the layout is not to change.
    """
    return write_atomically(path, json.dumps(content, indent=2) + "\n")


LFS_POINTER = b"version https://git-lfs."


def require_content(path: Path, start: bytes | None = None) -> None:
    """Raise ValueError for a file that is empty, or a git-lfs pointer instead of the file that it points to.

    start: its first bytes, where they were read already.
    """
    if start is None:
        with path.open("rb") as stream:
            start = stream.read(len(LFS_POINTER))
    if not start:
        raise ValueError(f"{path} is empty: fetch it again")
    if start.startswith(LFS_POINTER):
        raise ValueError(f"{path} is a git-lfs pointer, not the file itself: run `git lfs pull` where it was cloned")


def read_json(path: Path) -> Json:
    """Read a JSON file that holds an object; a byte-order mark before it is ignored.

    Raises FileNotFoundError, or ValueError saying what else the file is: empty, a git-lfs pointer, not JSON, no object.
    """
    try:
        text = path.read_text("utf-8-sig")
        require_content(path, text.encode())
        content = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not JSON ({error}): fetch it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, not a {type(content).__name__}: fetch it again")
    return content


def json_sha256(content: Any) -> str:
    """Hash of a configuration, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
