"""The whole site as one zip file, to put on a static host; the same site gives the same bytes."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from muvla.report.runner import Contents

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


def site_zip(*, files: Sequence[Path], root: str) -> Contents:
    """Pack the files, and what lies in those that are folders, under their names below the folder `root`.

    Raises OSError, or ValueError for a file that lies elsewhere.
    """
    found = {path for one in files for path in (one.rglob("*") if one.is_dir() else [one]) if path.is_file()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(found):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), LONG_AGO)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    print(f"{len(found)} files, {len(stream.getvalue()) / 1e6:.1f} MB")
    return {".zip": stream.getvalue()}
