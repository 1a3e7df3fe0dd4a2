"""The crate as one file: metadata and all that it names in the folder, to be read on another machine."""

import io
import json
import zipfile
from pathlib import Path

from muvla.report.runner import Contents

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of the format: the same files give the same bytes


def archive(*, metadata: Path) -> Contents:
    """Return ro-crate.zip of the crate that ro-crate-metadata.json describes.

    Raises FileNotFoundError naming a file of the crate that is gone.
    """
    content = json.loads(metadata.read_text("utf-8"))
    files = [entity["@id"] for entity in content["@graph"] if "File" in _listed(entity["@type"])]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as crate:
        for name in [metadata.name, *sorted(files)]:
            crate.writestr(zipfile.ZipInfo(name, EPOCH), (metadata.parent / name).read_bytes(), zipfile.ZIP_DEFLATED)
    print(f"{len(files)} files and their description")
    return {"ro-crate.zip": packed.getvalue()}


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
