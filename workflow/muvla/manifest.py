"""SHA-256 manifest of a folder, so that what was pulled is what was published.

    python -m muvla.manifest check checkpoints/mini config/checkpoints.sha256
    python -m muvla.manifest write checkpoints/mini config/checkpoints.sha256

One line a file, as sha256sum prints them: digest, two spaces, path relative to the folder. DVC alone does not
notice every damaged object (an emptied folder listing passes even with verify = true), hence this second look.
"""

import hashlib
import re
import sys
from pathlib import Path

from muvla.files import write_atomically

_SHOWN = 10  # faults named in an error
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def digests(folder: Path | str) -> dict[str, str]:
    """Return {path relative to `folder`, with slashes: SHA-256 in hex} of every file below it, sorted by path.

    Raises FileNotFoundError when the folder is not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with open(path, "rb") as stream:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def read(manifest: Path | str) -> dict[str, str]:
    """Return {path: digest} of a manifest. Raises ValueError naming the line that is none, or that it is empty."""
    expected: dict[str, str] = {}
    for number, line in enumerate(Path(manifest).read_text("utf-8").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{manifest}, line {number}: expected a SHA-256, two spaces and a path, got {line!r}")
        expected[match[2]] = match[1]
    if not expected:
        raise ValueError(f"{manifest} lists no file")
    return expected


def faults(folder: Path | str, manifest: Path | str) -> list[str]:
    """Return one line for every file that is missing, altered, or not in the manifest; empty when all is well."""
    expected, found = read(manifest), digests(folder) if Path(folder).is_dir() else {}
    lines = [f"missing: {path}" for path in expected if path not in found]
    lines += [f"altered: {path}" for path in expected if path in found and found[path] != expected[path]]
    lines += [f"not in the manifest: {path}" for path in found if path not in expected]
    return lines


def write(folder: Path | str, manifest: Path | str) -> int:
    """Write the manifest of `folder`; return how many files it lists. Raises ValueError when there is none."""
    found = digests(folder)
    if not found:
        raise ValueError(f"{folder} holds no file")
    write_atomically(manifest, "".join(f"{digest}  {path}\n" for path, digest in found.items()))
    return len(found)


def check(folder: Path | str, manifest: Path | str) -> None:
    """Raise ValueError naming the faults, and what to do, unless `folder` is exactly what `manifest` lists."""
    found = faults(folder, manifest)
    if found:
        named = found[:_SHOWN] + ([f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])
        advice = (
            f"To mend it: git checkout dvcstore; rm -rf {folder} .dvc/cache; dvc pull -r bundled. If a remote of"
            " your own did this: then dvc push to it again"
        )
        raise ValueError("\n  ".join([f"{folder} is not what {manifest} lists:", *named, advice]))


def main(arguments: list[str]) -> int:
    """Run one command line; return the exit code: 0 well, 1 a fault, 2 a wrong call."""
    if len(arguments) != 3 or arguments[0] not in ("check", "write"):
        print("usage: python -m muvla.manifest check|write FOLDER MANIFEST", file=sys.stderr)
        return 2
    command, folder, manifest = arguments
    try:
        if command == "write":
            print(f"{manifest}: {write(folder, manifest)} files of {folder}")
        else:
            check(folder, manifest)
            print(f"{folder}: {len(read(manifest))} files, as {manifest} lists them")
    except (OSError, ValueError) as error:
        print(f"muvla.manifest: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
