"""The cache of files that are made at first use."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from muvla.sim.contract import SimulatorError


def cache_directory() -> Path:
    """Return $XDG_CACHE_HOME/muvla, or ~/.cache/muvla, without creating it."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "muvla"


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name` of the cache; where it is missing, `make` fills a temporary one, which is then renamed.

    Processes may race: the first rename wins, the others drop their copy and use the winner's.
    Raises SimulatorError when the cache cannot be written.
    """
    target = cache_directory() / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=target.parent))
    except OSError as error:
        raise SimulatorError(
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
        raise SimulatorError(f"cannot write {target}: {error}. Free some space, or set XDG_CACHE_HOME.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target
