"""How every command of this package ends: files written whole, or one line that says what is wrong."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from muvla.files import write_atomically


def written(make: Callable[[], Mapping[Path, str | bytes]]) -> int:
    """Write what `make` returns, {path: content}, and say so; 0, or 1 with one line on stderr.

    All of it is made before anything is written. ValueError (RecordsError among them) and OSError are what a user is
    told; anything else is a fault of ours and passes.
    """
    try:
        contents = make()
        for path, content in contents.items():
            write_atomically(path, content)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"written: {', '.join(map(str, contents))}")
    return 0
