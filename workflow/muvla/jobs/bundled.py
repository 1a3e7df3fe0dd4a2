"""What comes along with the repository: policies, as config/checkpoints.sha256 lists them."""

from functools import cache
from pathlib import PurePosixPath

from muvla import manifest
from muvla.files import ROOT

FOLDER = "checkpoints/mini"  # in the source tree, once pulled
LISTED = ROOT / "config" / "checkpoints.sha256"


@cache
def policies() -> frozenset[str]:
    """Return the bundled policies as <home><variant> (home as in matrix.Cell): "m64_k2", "seed1/libero/m64_k2"."""
    listed = map(PurePosixPath, manifest.read(LISTED))
    return frozenset(str(path.parent) for path in listed if path.name == "provenance.json")
