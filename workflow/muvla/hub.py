"""Files of the Hugging Face Hub, at one revision, checked byte by byte.

    python -m muvla.hub mu-vla/mu-vla-openvla-oft-mikasa-robo-5-tasks-m64-k2-tbptt hub/m64_k2
    python -m muvla.hub --dataset mikasa-robo/mikasa-robo-vla-rlds hub/mikasa --only remember_color_5_vla_v0

The first download writes the revision, and size and SHA-256 of every file, into a lock (config/hub.lock.json, to be
committed). From then on exactly these files are accepted: another content under the same name and revision is an
error. What was downloaded in part goes on where it stopped; what is there and right is not downloaded again.
HF_ENDPOINT names another server that speaks the same API, HF_TOKEN opens gated repositories.
"""

import argparse
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoSibling

from muvla import hub_lock
from muvla.hub_transfer import transfer

ATTEMPTS = 2  # of one file, beside the retries of huggingface_hub itself; each goes on where the last one broke off


class HubError(RuntimeError):
    """What a user is told when a download cannot be had or cannot be trusted."""


@dataclass(frozen=True)
class Repository:
    """A repository of the Hub. kind: "model" or "dataset"."""

    name: str
    kind: str = "model"

    @property
    def key(self) -> str:
        """Its name in the lock."""
        return f"{self.kind}s/{self.name}"


def fetch(
    repository: Repository, folder: Path | str, lock: Path | str, *, only: str = "", revision: str = "main"
) -> dict[str, dict[str, Any]]:
    """Bring the files of `repository` below its folder `only` to `folder`; return {path: size, sha256}.

    `revision` is looked up when the lock does not hold the repository yet. Raises HubError in one sentence: offline,
    no such repository, no access, a file that is not what the lock says, a transfer that broke off ATTEMPTS times.
    """
    folder = Path(folder)
    pinned = hub_lock.read(lock, repository.key)
    try:
        listed = _listed(repository, pinned.revision if pinned else revision, only)
    except (httpx2.TransportError, OSError) as error:
        if pinned and (known := pinned.below(only)) and not _faults(folder, known):
            return known  # everything is here and right: no network is needed
        raise HubError(_explained(error, repository)) from error
    commit, siblings = listed
    found: dict[str, dict[str, Any]] = {}
    for sibling in siblings:
        expected = pinned.files.get(sibling.rfilename) if pinned else None
        _same_as_pinned(repository, sibling, expected)
        found[sibling.rfilename] = _file(repository, commit, sibling, folder, expected)
    gone = sorted(pinned.below(only).keys() - found.keys()) if pinned else []
    if gone:
        raise HubError(f"{repository.key} at {commit} no longer has {gone[0]}, which {lock} lists; {_ADVICE}")
    hub_lock.add(lock, repository.key, commit, found)
    return found


_ADVICE = "do not use it before you know why; to accept what is there now, delete the repository's entry in the lock"


def _listed(repository: Repository, revision: str, only: str) -> tuple[str, list[RepoSibling]]:
    """Return the commit that `revision` names and the files below `only`."""
    info = HfApi().repo_info(repository.name, revision=revision, repo_type=repository.kind, files_metadata=True)
    prefix = f"{only.strip('/')}/" if only else ""
    siblings = [one for one in getattr(info, "siblings", None) or [] if one.rfilename.startswith(prefix)]
    if not siblings or info.sha is None:
        raise HubError(f"{repository.key} at {revision} has no file below {only or 'its top'!r}; look at its page")
    return info.sha, siblings


def _same_as_pinned(repository: Repository, sibling: RepoSibling, expected: Mapping[str, Any] | None) -> None:
    """Raise HubError before a byte is downloaded, when the server itself announces something else than the lock."""
    announced = sibling.lfs.sha256 if sibling.lfs else None
    if expected and announced not in (None, expected["sha256"]):
        raise HubError(
            f"{repository.key}: {sibling.rfilename} changed behind the same revision: SHA-256 {announced}, the lock"
            f" says {expected['sha256']}; {_ADVICE}"
        )


def _file(
    repository: Repository, commit: str, sibling: RepoSibling, folder: Path, expected: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Download one file unless it is there and right; return its size and SHA-256."""
    path = folder / sibling.rfilename
    if expected and _matches(path, expected):
        return dict(expected)
    problem = ""
    for _ in range(ATTEMPTS):
        try:
            part = transfer(repository.name, repository.kind, sibling.rfilename, commit, path, sibling.size)
        except (httpx2.TransportError, OSError) as error:
            problem = _explained(error, repository)
            if isinstance(error, HfHubHTTPError) and error.response.status_code < 500:
                break
            continue
        found = described(part)
        problem = _difference(part, found, sibling, expected)
        if not problem:
            part.replace(path)
            return found
        part.unlink()  # or the next attempt would go on behind it
    raise HubError(f"{sibling.rfilename}: {problem}")


def _difference(path: Path, found: Mapping[str, Any], sibling: RepoSibling, expected: Mapping[str, Any] | None) -> str:
    """Say in what a downloaded file is not the announced and pinned one; empty when it is."""
    if sibling.size is not None and found["size"] != sibling.size:
        return f"{found['size']} bytes arrived, {sibling.size} were announced"
    if sibling.lfs and found["sha256"] != sibling.lfs.sha256:
        return f"SHA-256 {found['sha256']} arrived, {sibling.lfs.sha256} was announced"
    if not sibling.lfs and sibling.blob_id and _git_blob(path) != sibling.blob_id:
        return f"git object {_git_blob(path)} arrived, {sibling.blob_id} was announced"
    if expected and found != expected:
        changed = f"SHA-256 {found['sha256']}, the lock says {expected['sha256']}"
        return f"changed behind the same revision: {changed}; {_ADVICE}"
    return ""


def described(path: Path) -> dict[str, Any]:
    """Return size (bytes) and SHA-256 of a file."""
    with open(path, "rb") as stream:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _git_blob(path: Path) -> str:
    """The name git gives to a file's content; small files of the Hub are announced by it."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _matches(path: Path, expected: Mapping[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == expected["size"] and described(path) == expected


def _faults(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, expected in files.items() if not _matches(folder / name, expected)]


def _explained(error: Exception, repository: Repository) -> str:
    """One sentence: what happened and what to do."""
    if isinstance(error, GatedRepoError):
        return f"{repository.key} is gated: accept its terms on its page, then set HF_TOKEN"
    if isinstance(error, RevisionNotFoundError):
        return f"{repository.key} has no such revision any more; {_ADVICE}"
    if isinstance(error, RepositoryNotFoundError):
        return f"{constants.ENDPOINT} has no {repository.key}, or HF_TOKEN may not see it"
    if isinstance(error, HfHubHTTPError):
        return f"{constants.ENDPOINT} answered {error.response.status_code} for {repository.key}; try again later"
    return (
        f"{constants.ENDPOINT} cannot be reached ({type(error).__name__}): run this on a machine with a network and"
        " copy the folder and config/hub.lock.json here, or `dvc pull` it from a remote of yours, or set HF_ENDPOINT"
        " to a mirror; what has arrived is kept"
    )


def main(arguments: list[str]) -> int:
    """Run one command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m muvla.hub", description="Fetch a repository of the Hub, checked.")
    parser.add_argument("repository", help="owner/name")
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--dataset", action="store_true", help="a data set, not a model")
    parser.add_argument("--only", default="", help="only this folder of the repository")
    parser.add_argument("--revision", default="main", help="looked up at the first download only (default: main)")
    parser.add_argument("--lock", type=Path, default=Path("config/hub.lock.json"))
    parser.add_argument("--mark", type=Path, help="a JSON file that is written last, listing what was checked")
    given = parser.parse_args(arguments)
    repository = Repository(given.repository, "dataset" if given.dataset else "model")
    try:
        files = fetch(repository, given.folder, given.lock, only=given.only, revision=given.revision)
        if given.mark:
            hub_lock.mark(given.mark, given.lock, repository.key, given.folder, files)
    except (HubError, ValueError) as error:
        print(f"muvla.hub: {error}", file=sys.stderr)
        return 1
    size = sum(int(one["size"]) for one in files.values())
    print(f"{repository.key}: {len(files)} files, {size / 1e9:.2f} GB, as {given.lock} lists them, in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
