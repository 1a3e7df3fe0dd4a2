"""Download a repository of the Hugging Face Hub at a pinned revision and verify every file.

    python -m muvla.hub pin openvla/openvla-7b
    python -m muvla.hub fetch openvla/openvla-7b@REVISION hub/models/base --mark hub/models/base.json
    python -m muvla.hub fetch --dataset mikasa-robo/mikasa-robo-vla-rlds@REVISION hub/mikasa --only take_it_back_vla_v0

A revision is the 40-digit commit that config/paper.yaml holds for the repository; `pin` asks the Hub for the current
one and writes it there. `fetch` refuses anything but such a commit. huggingface_hub downloads, skips finished files
and compares checksums; the mark lists size and SHA-256 of what passed. HF_ENDPOINT names another server that speaks
the same API, HF_TOKEN opens gated repositories.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TypedDict

# Read at the import of huggingface_hub. Without Xet a broken transfer goes on where it stopped; only this is tested.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import httpx2
from huggingface_hub import HfApi, constants, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from muvla.files import write_atomically

ATTEMPTS = 2  # downloads of a file that arrives damaged
COMMIT = re.compile(r"[0-9a-f]{40}")


class HubError(RuntimeError):
    """A download that cannot be had or cannot be trusted; one sentence that says what to do."""


class Described(TypedDict):
    """One file of a mark. size: bytes; sha256: hexadecimal."""

    size: int
    sha256: str


def fetch(name: str, kind: str, revision: str, folder: Path, *, only: str = "", mark: Path | None = None) -> int:
    """Download the files of a repository into `folder`; return their number.

    kind: "model" or "dataset"; revision: a commit; only: a folder of the repository, "" for all of it. The mark is
    written last. When it is there already and every file it lists is unchanged, the Hub is not asked. Raises HubError:
    not pinned, no such repository or revision, no access, unreachable, damaged ATTEMPTS times.
    """
    if not COMMIT.fullmatch(revision):
        option = " --dataset" if kind == "dataset" else ""
        raise HubError(f"{name} has no pinned revision; pin the current one: python -m muvla.hub pin{option} {name}")
    if mark and (known := _finished(mark, f"{kind}s/{name}", revision, folder)):
        return known
    try:
        files = _download(name, kind, revision, folder, f"{only.strip('/')}/" if only else "")
    except (httpx2.TransportError, OSError) as error:
        raise HubError(_explained(error, f"{kind}s/{name}", revision)) from error
    if mark:
        content = {
            "repository": f"{kind}s/{name}",
            "revision": revision,
            "folder": str(folder),
            "files": {path: _described(folder / path) for path in files},
        }
        write_atomically(mark, json.dumps(content, indent=1) + "\n")
    return len(files)


def _download(name: str, kind: str, revision: str, folder: Path, prefix: str) -> list[str]:
    """Download and verify the files below `prefix`; return their paths, sorted."""
    problem = ""
    for _ in range(ATTEMPTS):
        patterns = f"{prefix}*" if prefix else None
        snapshot_download(name, repo_type=kind, revision=revision, local_dir=folder, allow_patterns=patterns)
        listed = get_cached_repo_tree(name, repo_type=kind, revision=revision, local_dir=folder)
        files = sorted(file.path for file in listed if file.path.startswith(prefix))
        if not files:
            raise HubError(f"{kind}s/{name} at {revision} has no file below {prefix or 'its top'!r}; look at its page")
        try:
            checked = HfApi().verify_repo_checksums(name, repo_type=kind, revision=revision, local_dir=folder)
        except FileNotFoundError as error:  # a job beside this one hands its part to DVC, which replaces files by links
            problem = f"{error.filename}: gone while it was verified; try again"
            continue
        wrong = [*(one["path"] for one in checked.mismatches), *checked.missing_paths]
        damaged = [path for path in files if path in wrong]
        if not damaged:
            return files
        for path in damaged:
            (folder / path).unlink(missing_ok=True)  # or the next attempt would take it for finished
        problem = f"{', '.join(damaged)}: not what the Hub announced; removed, try again"
    raise HubError(f"{kind}s/{name}: {problem}")


def _finished(mark: Path, key: str, revision: str, folder: Path) -> int:
    """Return the number of files of a mark that still describes `folder`; 0 when it does not."""
    try:
        content = json.loads(mark.read_text("utf-8"))
        if (content["repository"], content["revision"], content["folder"]) != (key, revision, str(folder)):
            return 0
        files: dict[str, Described] = content["files"]
        same = all(_described(folder / path) == described for path, described in files.items())
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # no mark, no readable one, or a file is gone
    return len(files) if same else 0


def _described(path: Path) -> Described:
    with open(path, "rb") as stream:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def pin(name: str, kind: str, config: Path) -> str:
    """Write the repository's current revision into `config`, where it is null; return the changed line.

    Raises HubError when `config` does not name the repository with `revision: null`, or the Hub does not answer.
    """
    text = config.read_text("utf-8")
    unpinned = f"{{repository: {name}, revision: null}}"
    if unpinned not in text:
        raise HubError(
            f"{config} has no {unpinned}: to pin a newer revision set it back to null, which changes what every"
            " number is computed from"
        )
    try:
        revision = HfApi().repo_info(name, repo_type=kind).sha
    except (httpx2.TransportError, OSError) as error:
        raise HubError(_explained(error, f"{kind}s/{name}", "main")) from error
    pinned = f"{{repository: {name}, revision: {revision}}}"
    write_atomically(config, text.replace(unpinned, pinned))
    return next(line.strip() for line in config.read_text("utf-8").splitlines() if pinned in line)


def _explained(error: Exception, key: str, revision: str) -> str:
    """Say in one sentence what happened and what to do."""
    cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError | IncompleteSnapshotError) else error
    if isinstance(cause, GatedRepoError):
        return f"{key} is gated: accept its terms on its page, then set HF_TOKEN"
    if isinstance(cause, RevisionNotFoundError):
        return f"{key} has no revision {revision}: withdrawn or mistyped; compare config/paper.yaml with its page"
    if isinstance(cause, RepositoryNotFoundError):
        return f"{constants.ENDPOINT} has no {key}, or HF_TOKEN may not see it"
    if isinstance(cause, HfHubHTTPError):
        return f"{constants.ENDPOINT} answered {cause.response.status_code} for {key}; try again later"
    if isinstance(cause, OSError) and not isinstance(cause, ConnectionError | LocalEntryNotFoundError):
        return f"{key}: {cause}"  # of this machine's disk
    return (
        f"{constants.ENDPOINT} cannot be reached ({type(cause).__name__}): run this on a machine with a network and"
        " copy the folder and its mark here, or `dvc pull` them from a remote of yours, or set HF_ENDPOINT to a mirror;"
        " finished files are kept"
    )


def main(arguments: list[str]) -> int:
    """Run one command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m muvla.hub", description="Pin and fetch repositories of the Hub.")
    commands = parser.add_subparsers(dest="command", required=True)
    fetching = commands.add_parser("fetch", help="download a repository at its pinned revision and verify it")
    fetching.add_argument("source", help="owner/name@revision")
    fetching.add_argument("folder", type=Path, help="where the files go")
    fetching.add_argument("--only", default="", help="only this folder of the repository")
    fetching.add_argument("--mark", type=Path, help="a JSON file, written last, that lists what was verified")
    pinning = commands.add_parser("pin", help="write the current revision into the configuration")
    pinning.add_argument("source", help="owner/name")
    pinning.add_argument("--config", type=Path, default=Path("config/paper.yaml"))
    for command in (fetching, pinning):
        command.add_argument("--dataset", action="store_true", help="a data set, not a model")
    given = parser.parse_args(arguments)
    name, _, revision = given.source.partition("@")
    kind = "dataset" if given.dataset else "model"
    try:
        if given.command == "pin":
            print(f"{given.config}: {pin(name, kind, given.config)}")
        else:
            number = fetch(name, kind, revision, given.folder, only=given.only, mark=given.mark)
            print(f"{name}@{revision}: {number} files verified in {given.folder}")
    except HubError as error:
        print(f"muvla.hub: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
