"""What made a result: command, configuration, inputs, versions, commit."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from muvla import cpu
from muvla.files import ROOT, json_sha256

IMAGE_VARIABLE = "MUVLA_IMAGE"  # how the digest reaches a process inside

PACKAGES = ("torch", "transformers", "numpy", "mani_skill", "sapien", "mikasa-robo-suite", "gymnasium")


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that decide numbers; "absent" where one is not installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def commit() -> str:
    """Return the commit of this source tree, with "+" when files differ from it.

    A source tree that is no repository of its own (an archive, perhaps inside another repository, whose commit is not
    ours) has the commit of which `git archive` made it, else "unknown"; so without git, too.
    """
    try:
        top, name = _git("rev-parse", "--show-toplevel", "HEAD").splitlines()
        if Path(top).resolve() != ROOT:
            return _archived()
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError, ValueError):
        return _archived()
    return name[:12] + ("+" if changed.strip() else "")


def _archived() -> str:
    """Return the commit that `git archive` wrote into .git_archival.txt (.gitattributes), else "unknown"."""
    try:
        found = re.search(r"\bnode: ([0-9a-f]{40})\b", (ROOT / ".git_archival.txt").read_text("utf-8"))
    except OSError:
        return "unknown"
    return found[1][:12] if found else "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def instructions() -> str:
    """Return the processor's instruction set that torch computes with, e.g. "AVX512".

    Another one rounds differently, which can decide an episode. It does not belong to the settings that records are
    checked against: a job that resumes on another node must not be refused.
    """
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


def command_line() -> str:
    """Return the command that started this process, as it can be run again from the same folder.

    The interpreter is called python. Of a process that torchrun started it is torchrun's own command; where that one
    cannot be read, as many processes are stated as there are.
    """
    own = sys.orig_argv
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return shlex.join(_portable(own))
    launcher = _parent()
    if any(word.endswith("torchrun") or word == "torch.distributed.run" for word in launcher):
        return shlex.join(_portable(launcher))
    given = _portable(own)[1:]
    start = next((place for place, word in enumerate(given) if word == "-m" or not word.startswith("-")), 0)
    return shlex.join(["torchrun", *_launch_options(os.environ), *given[start:]])


def _portable(words: list[str]) -> list[str]:
    """Replace this machine's path of the interpreter, and of torchrun, by their names."""
    if len(words) > 1 and Path(words[1]).name == "torchrun":
        return ["torchrun", *words[2:]]
    return ["python", *words[1:]]


def _parent() -> list[str]:
    """Return the command of the process that started this one; [] where the system hides it."""
    try:
        return Path(f"/proc/{os.getppid()}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []


def _launch_options(environment: Mapping[str, str]) -> list[str]:
    """Rebuild torchrun's options from the environment variables of its workers."""
    nodes, processes = environment.get("GROUP_WORLD_SIZE", "1"), environment.get("LOCAL_WORLD_SIZE", "1")
    if nodes == "1":
        return ["--standalone", f"--nproc-per-node={processes}"]
    place = [f"--node-rank={environment.get('GROUP_RANK', '0')}"]
    place += [
        f"--master-addr={environment.get('MASTER_ADDR', '')}",
        f"--master-port={environment.get('MASTER_PORT', '')}",
    ]
    return [f"--nnodes={nodes}", f"--nproc-per-node={processes}", *place]


def now() -> str:
    """Return the time (UTC)."""
    return datetime.now(UTC).isoformat(timespec="seconds")


STARTED = now()  # this process, within its first second


def circumstances() -> dict[str, str]:
    """Return commit, container image, command, time (UTC), instructions and arithmetic (muvla.cpu) of this process."""
    return {
        "commit": commit(),
        "container": container_digest(),
        "command_line": command_line(),
        "time": now(),
        "instructions": instructions(),
        "arithmetic": cpu.state(),
    }


def describe_run(*, command: str, config: Any, **inputs: Any) -> dict[str, Any]:
    """Return the provenance record of one run; inputs: hashes of what it read, and what else belongs to it."""
    return {
        "command": command,
        "config": config,
        "config_sha256": json_sha256(config),
        **inputs,
        "versions": versions(),
        "started": STARTED,
        **circumstances(),
    }


def container_digest() -> str:
    """Return the digest of the image that this process runs in; "none" outside of any, "unknown ..." if unnamed."""
    image = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER")
    if not image:
        return "none"
    announced: dict[str, str] = json.loads(os.environ.get(IMAGE_VARIABLE, "{}"))
    for name, found in announced.items():
        if Path(name).name == Path(image).name:
            return found
    return f"unknown ({Path(image).name})"
