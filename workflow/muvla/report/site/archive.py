"""The whole site as one zip file, to put on a static host; the same site gives the same bytes."""

from collections.abc import Sequence
from pathlib import Path

from muvla.report.runner import Contents
from muvla.report.zipped import zipped


def site_zip(*, files: Sequence[Path], root: str) -> Contents:
    """Pack the files, and what lies in those that are folders, under their names below the folder `root`.

    Raises OSError, or ValueError for a file that lies elsewhere.
    """
    found = {path for one in files for path in (one.rglob("*") if one.is_dir() else [one]) if path.is_file()}
    packed = zipped({path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(found)})
    print(f"{len(found)} files, {len(packed) / 1e6:.1f} MB")
    return {".zip": packed}
