"""The archive of records that comes along with the bundled policies, and its list config/records.csv.

    python -m muvla.jobs.pack RESULTS              pack what was evaluated below RESULTS with the bundled policies
    python -m muvla.jobs.pack --unpack RESULTS     unpack the archive into RESULTS/<home>records/bundled

Packs an evaluation when its mark is there and its checkpoint is the bundled one, byte for byte. What an earlier archive
holds stays while its checkpoint does. The same records give the same bytes.
"""

import argparse
import csv
import hashlib
import io
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from muvla.checkpoint.stored import sha256
from muvla.files import ROOT, file_sha256, replacing, write_atomically
from muvla.jobs.bundled import ARCHIVE, COLUMNS, FOLDER, HOME, RECORDS, Key, path_of, records
from muvla.records.episode import RecordsError
from muvla.records.file import Cell, read_cell
from muvla.records.mark import mark_of, marked_records

KINDS = ("trained", "released", "bundled")  # folders of records; the first that has an evaluation is taken
SUFFIXES = (".jsonl", ".provenance.json", ".done")  # of an evaluation's files, the mark last


def finished(results: Path) -> Iterator[tuple[Key, Cell]]:
    """Yield every finished evaluation below `results`, of each folder of KINDS in this order.

    Raises RecordsError for records that are damaged or were changed after they were marked.
    """
    for kind in KINDS:
        for folder in sorted(results.rglob(f"records/{kind}")):
            home = "".join(f"{part}/" for part in folder.parents[1].relative_to(results).parts)
            if not re.fullmatch(HOME, home):  # such as results/smoke
                continue
            for mark in sorted(folder.rglob("*.done")):
                cell = read_cell(marked_records(mark))
                yield (cell.settings["variant"], cell.settings["environment"], cell.control, home), cell


def pack(results: Path, policies: Path, archive: Path, listing: Path) -> list[str]:
    """Write archive and list; return one line for each evaluation that is left out, and why."""
    digests: dict[Path, str] = {}
    taken: dict[Key, Cell] = {}
    left_out = []
    with tempfile.TemporaryDirectory() as earlier:
        if archive.is_file():
            unpack(archive, listing, Path(earlier))
        for key, cell in (*finished(results), *finished(Path(earlier))):
            folder = policies / f"{key[3]}{key[0]}"
            if key in taken:
                continue
            if folder not in digests:
                digests[folder] = sha256(folder) if folder.is_dir() else ""
            if cell.settings["checkpoint_sha256"] != digests[folder]:
                left_out.append(f"{cell.path}: made by another checkpoint than {folder}, or it is not bundled")
                continue
            taken[key] = cell
        _write(archive, taken)
        _list(listing, taken)
    return left_out


def _write(archive: Path, taken: dict[Key, Cell]) -> None:
    with replacing(archive) as temporary, tarfile.open(temporary, "w:xz", preset=9) as file:
        for key in sorted(taken):
            stem = str(taken[key].path).removesuffix(".jsonl")
            for suffix in SUFFIXES:
                entry, content = tarfile.TarInfo(f"{path_of(key)}{suffix}"), Path(f"{stem}{suffix}").read_bytes()
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))


def _list(listing: Path, taken: dict[Key, Cell]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for key in sorted(taken):
        cell = taken[key]
        seconds = sum(record["seconds"] for record in cell.records)
        variant, environment, control, home = key
        mark = file_sha256(mark_of(cell.path))
        row = (home, variant, environment, control, cell.episodes, cell.successes, f"{seconds:.1f}", mark)
        writer.writerow(row)
    write_atomically(listing, text.getvalue())


def unpack(archive: Path, listing: Path, results: Path) -> int:
    """Unpack into <results>/<home>records/bundled what is listed; return how many evaluations that are.

    Raises ValueError naming an evaluation that the archive lacks or holds otherwise than it was listed.
    """
    listed = records(listing)
    try:
        with tarfile.open(archive, "r:xz") as file:
            contents = {entry.name: file.extractfile(entry).read() for entry in file}  # type: ignore[union-attr]
    except (tarfile.TarError, OSError, EOFError, AttributeError) as error:
        raise ValueError(f"{archive} cannot be read ({error}): {_ADVICE}") from error
    for key, line in listed.items():
        path, (variant, environment, control, home) = path_of(key), key
        if hashlib.sha256(contents.get(f"{path}.done", b"")).hexdigest() != line.mark:
            raise ValueError(f"{archive} does not hold {path} as {listing} lists it: {_ADVICE}")
        place = results / home / "records" / "bundled" / path_of((variant, environment, control, ""))
        for suffix in SUFFIXES:
            write_atomically(Path(f"{place}{suffix}"), contents[f"{path}{suffix}"])
        marked_records(Path(f"{place}.done"))
    return len(listed)


_ADVICE = "pull again (rm -rf checkpoints/mini*; dvc pull), or restore both files"


def main() -> int:
    """Pack or unpack. Return 0, or 1 after one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unpack", action="store_true", help="unpack the archive instead")
    parser.add_argument("results", type=Path, help="folder of results")
    given = parser.parse_args()
    archive = ROOT / ARCHIVE
    try:
        if given.unpack:
            print(f"{unpack(archive, RECORDS, given.results)} evaluations of {archive}, as {RECORDS.name} lists them")
            return 0
        for line in pack(given.results, ROOT / FOLDER, archive, RECORDS):
            print(f"left out: {line}", file=sys.stderr)
    except (OSError, ValueError, RecordsError) as error:
        print(f"muvla.jobs.pack: {error}", file=sys.stderr)
        return 1
    records.cache_clear()
    print(f"{archive}: {len(records())} evaluations, {archive.stat().st_size / 1000:.0f} kB; listed in {RECORDS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
