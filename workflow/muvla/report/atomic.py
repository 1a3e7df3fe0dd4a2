"""Files that are either whole or not there."""

import os
from pathlib import Path


def write_atomically(path: Path | str, content: bytes | str) -> Path:
    """Write `content` to a temporary name beside `path`, flush it to disk, then rename; text is UTF-8.

    Raises OSError naming `path` when the disk is full or the folder cannot be written; what stood there
    before is then untouched and no temporary file is left.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}; free some space or choose another folder, then run again"
        raise OSError(error.errno, message) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path
