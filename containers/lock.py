"""Update a lock of Python packages: versions, and the SHA-256 of each file that a supported machine would install.

    python containers/lock.py                                        every hash of requirements.lock and paper.lock
    python containers/lock.py numpy==2.4.0 -- polars dvc==3.70.0     set these versions, remove what stands after --
    python containers/lock.py --lock validators.lock                 one lock
    python containers/lock.py --licences                             licences.csv of the installed packages

Says what changed. Nothing is resolved (the locks are installed with --no-deps): name what a package needs, too. Only
packages whose line has no hash yet, or changed, are looked up unless none is named. The index is pip's own; a build of
torch that lies on this machine, such as one for CPUs, must not stand for the published one, so torch has no hash, and
pip's own settings for local files are not used here.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCKS = ("requirements.lock", "paper.lock", "validators.lock")
PYTHONS = ("3.11",)  # on Linux, x86-64: what containers/setup.sh accepts; mikasa-robo-suite 1.0.0 wants less than 3.12
UNHASHED = ("torch",)
LICENCES = HERE / "licences.csv"


def read(lock: Path) -> tuple[list[str], dict[str, str]]:
    """Return the comments, and {name==version: its hashes as they stand} in the order of the file."""
    comments, pins = [], {}
    for line in lock.read_text("utf-8").splitlines():
        if line.startswith("#"):
            comments.append(line)
        elif line.strip():
            pin, _, hashes = line.partition(" ")
            pins[pin] = hashes
    return comments, pins


def write(lock: Path, comments: list[str], pins: dict[str, str]) -> None:
    """Write the lock, a line a package, in the order of their names."""
    lines = [f"{pin} {pins[pin]}".rstrip() for pin in sorted(pins, key=lambda pin: normal(pin.partition("==")[0]))]
    temporary = lock.with_suffix(".tmp")
    temporary.write_text("\n".join([*comments, *lines]) + "\n", "utf-8")
    temporary.replace(lock)


def normal(name: str) -> str:
    """Return the name as indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def hashes_of(pins: list[str]) -> dict[str, str]:
    """Ask pip which file of each pin every supported Python would install; return {pin: "--hash=... --hash=..."}."""
    found: dict[str, set[str]] = {pin: set() for pin in pins}
    names = {normal(pin.partition("==")[0]): pin for pin in pins}
    shell = {name: value for name, value in os.environ.items() if name not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL")}
    for python in PYTHONS:
        with tempfile.TemporaryDirectory() as folder:
            listed, report = Path(folder) / "listed", Path(folder) / "report.json"
            listed.write_text("\n".join(pins) + "\n")
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--dry-run",
                "--ignore-installed",
                "--no-deps",
                "--quiet",
            ]
            command += ["--python-version", python, "--target", folder, "--report", str(report), "-r", str(listed)]
            subprocess.run(command, check=True, env=shell | {"PIP_CONFIG_FILE": os.devnull})
            for entry in json.loads(report.read_text("utf-8"))["install"]:
                digest = entry["download_info"]["archive_info"]["hashes"]["sha256"]
                found[names[normal(entry["metadata"]["name"])]].add(f"--hash=sha256:{digest}")
    return {pin: " ".join(sorted(hashes)) for pin, hashes in found.items()}


def changed(before: dict[str, str], given: list[str], removed: list[str]) -> dict[str, str]:
    """Return the pins of a lock with `given` set and `removed` gone; a pin that is new has no hashes yet."""
    new = {normal(pin.partition("==")[0]): pin for pin in given}
    gone = {normal(name.partition("==")[0]) for name in removed} | set(new)
    kept = {pin: hashes for pin, hashes in before.items() if normal(pin.partition("==")[0]) not in gone}
    return kept | {pin: before.get(pin, "") for pin in new.values()}


def update(locks: list[Path], given: list[str], removed: list[str]) -> dict[Path, list[str]]:
    """Set and remove pins, look up the files that are missing, write the locks; return what changed in each."""
    before = {lock: read(lock)[1] for lock in locks}
    after = {lock: changed(pins, given, removed) for lock, pins in before.items()}
    every = not given and not removed
    wanted = {pin for pins in after.values() for pin, hashes in pins.items() if every or not hashes}
    wanted -= {pin for pin in wanted if pin.partition("==")[0] in UNHASHED}
    found = hashes_of(sorted(wanted)) if wanted else {}
    said = {}
    for lock, pins in after.items():
        pins |= {pin: found[pin] for pin in pins if pin in found}
        write(lock, read(lock)[0], pins)
        old = before[lock]
        said[lock] = [f"- {pin}" for pin in old if pin not in pins] + [f"+ {pin}" for pin in pins if pin not in old]
        said[lock] += [f"  {pin}: looked up" for pin in pins if pin in old and not old[pin] and pins[pin]]
        said[lock] += [f"  {pin}: other files" for pin in pins if old.get(pin, pins[pin]) not in ("", pins[pin])]
    return said


def licence(distribution: metadata.Distribution) -> str:
    """Return what a distribution says of its licence: an expression, classifiers, or the first line of a text."""
    about = distribution.metadata
    if "License-Expression" in about:
        return str(about["License-Expression"])
    prefix = "License :: "
    classifiers = [value.rpartition(" :: ")[2] for value in about.get_all("Classifier", []) if value.startswith(prefix)]
    named = [value for value in classifiers if value != "OSI Approved"]
    said = next(iter(str(about["License"] or "").strip().splitlines()), "")
    return "; ".join(named) or (said if said not in ("", "None", "UNKNOWN") else "not stated")


def licences(pins: list[str]) -> list[tuple[str, str, str]]:
    """Return (name, version, licence) of each pin. Raises PackageNotFoundError for one that is not installed."""
    rows = []
    for pin in pins:
        name, _, version = pin.partition("==")
        rows.append((name, version, licence(metadata.distribution(name))))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", action="append", choices=LOCKS, help="default: requirements.lock and paper.lock")
    parser.add_argument("--licences", action="store_true", help=f"write {LICENCES.name}")
    parser.add_argument("pins", nargs="*", metavar="NAME==VERSION")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    options, removed = parser.parse_args(words[:cut]), words[cut + 1 :]
    if wrong := [pin for pin in options.pins if not re.fullmatch(r"[\w.-]+==[\w.!+-]+", pin)]:
        parser.error(f"{wrong[0]} is not NAME==VERSION")
    if options.licences:
        with LICENCES.open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(("package", "version", "licence"))
            table.writerows(licences(list(read(HERE / LOCKS[0])[1])))
        return
    for lock, lines in update([HERE / name for name in options.lock or LOCKS[:2]], options.pins, removed).items():
        print(f"{lock.name}: {len(read(lock)[1])} packages", *(lines or ["  nothing changed"]), sep="\n")


if __name__ == "__main__":
    main()
