"""Training metrics as JSON lines: one line an update, readable while the training runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Metrics:
    """Appends to `path`; after a resume, lines of updates that will be made again are dropped first."""

    def __init__(self, path: Path, *, keep_before: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept: list[str] = []
        if keep_before is not None and path.is_file():
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            kept = [line for line in lines if json.loads(line)["update"] <= keep_before]
        self._file = path.open("w", buffering=1)
        self._file.writelines(kept)

    def write(self, **values: Any) -> None:
        self._file.write(json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}) + "\n")

    def close(self) -> None:
        self._file.close()
