"""What comes along with the repository: policies, as config/checkpoints.sha256 lists them, and the records that they
made, as config/records.csv does. Both lists are there before anything is pulled."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from muvla import manifest
from muvla.files import ROOT

FOLDER = "checkpoints/mini"  # in the source tree, once pulled
ARCHIVE = f"{FOLDER}/records.tar.xz"
POLICIES = ROOT / "config" / "checkpoints.sha256"
RECORDS = ROOT / "config" / "records.csv"
HOME = r"((seed|chunk)[0-9]+/)?(libero/)?"  # as in matrix.Cell
COLUMNS = ("home", "variant", "environment", "control", "episodes", "successes", "seconds", "mark")

Key = tuple[str, str, str, str]  # variant, environment, control and home, as in matrix.Cell


@dataclass(frozen=True)
class Recorded:
    """One line of config/records.csv. seconds: of all episodes together; mark: SHA-256 of the records' mark."""

    episodes: int
    successes: int
    seconds: float
    mark: str


@cache
def policies() -> frozenset[str]:
    """Return the bundled policies as <home><variant> (home as in matrix.Cell): "m64_k2", "seed1/libero/m64_k2"."""
    listed = map(PurePosixPath, manifest.read(POLICIES))
    return frozenset(str(path.parent) for path in listed if path.name == "provenance.json")


@cache
def records(listing: Path = RECORDS) -> dict[Key, Recorded]:
    """Return the bundled records by evaluation. Raises ValueError for a list that muvla.jobs.pack did not write."""
    with listing.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise ValueError(f"{listing} does not begin with {','.join(COLUMNS)}: restore it (git checkout {listing})")
    try:
        return {
            (variant, environment, control, home): Recorded(int(episodes), int(successes), float(seconds), mark)
            for home, variant, environment, control, episodes, successes, seconds, mark in lines[1:]
        }
    except ValueError as error:
        raise ValueError(f"{listing} has a damaged line ({error}): restore it (git checkout {listing})") from error


def path_of(key: Key) -> str:
    """Return where the records of an evaluation lie below a folder of all homes, without the ending."""
    variant, environment, control, home = key
    return f"{home}{variant}/{environment}{control and f'.{control}'}"
