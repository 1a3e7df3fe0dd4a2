"""Refuses a package of the same name that stands before the installed one on Python's path, such as a clone."""

import importlib.metadata
import importlib.util
from pathlib import Path

from muvla.sim.contract import SimulatorError


class ForeignPackage(SimulatorError):
    """Another package would be imported than the one that is installed and recorded in the provenance."""


def require_installed(package: str, distribution: str) -> None:
    """Raise ForeignPackage naming the folder when `import package` would not give what `distribution` installed.

    A distribution that is not there, or that its developer installed in place, is none of our business.
    """
    try:
        installed = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return
    spec = importlib.util.find_spec(package)
    if (
        spec is None
        or spec.submodule_search_locations is None
        or "editable" in (installed.read_text("direct_url.json") or "")
    ):
        return
    found, expected = Path(next(iter(spec.submodule_search_locations))), Path(str(installed.locate_file(package)))
    if found.resolve() != expected.resolve():
        raise ForeignPackage(
            f"{package} would be imported from {found}, which stands on Python's path before {distribution} in "
            f"{expected.parent}: remove it from PYTHONPATH, or run from another folder"
        )
