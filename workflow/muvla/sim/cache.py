"""Where files that are made at first use live, and how a folder gets there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/muvla, or ~/.cache/muvla. Not created here."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "muvla"


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; if it is missing, `make` fills a temporary one that is then renamed.

    Processes may race: whoever renames first wins, the others drop their copy and use the winner's.
    Raises RuntimeError when the cache cannot be written.
    """
    target = cache_directory() / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=target.parent))
    except OSError as error:
        raise RuntimeError(
            f"cannot write to the cache {target.parent}: {error.strerror}. "
            "Set XDG_CACHE_HOME to a folder that can be written."
        ) from error
    try:
        make(scratch)
        try:
            os.rename(scratch, target)
        except OSError:
            if not target.is_dir():
                raise
    except OSError as error:
        raise RuntimeError(f"cannot write {target}: {error}. Free some space, or set XDG_CACHE_HOME.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target
