"""What made a result: command, configuration, inputs, versions, commit."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from muvla.files import ROOT, json_sha256

VARIABLE = "MUVLA_IMAGE"  # how the digest reaches a process inside

PACKAGES = ("torch", "transformers", "numpy", "mani_skill", "sapien", "mikasa-robo-suite", "gymnasium")


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide numbers; "absent" where one is not installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def commit() -> str:
    """The commit of this source tree, with "+" when files differ from it; "unknown" without git."""
    try:
        name = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.strip()[:12] + ("+" if changed.strip() else "")


def instructions() -> str:
    """The processor's instruction set that torch computes with, e.g. "AVX512".

    Another one rounds otherwise, which can decide an episode. It is no part of a question: a job that goes on on
    another node must not be refused.
    """
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


def circumstances() -> dict[str, str]:
    """Of this process: commit, container image, the command as it was given, when (UTC), and what it rounds with."""
    return {
        "commit": commit(),
        "container": current(),
        "command_line": shlex.join(["python", "-m", f"muvla.{Path(sys.argv[0]).stem}", *sys.argv[1:]]),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "instructions": instructions(),
    }


def describe_run(*, command: str, config: Any, **inputs: Any) -> dict[str, Any]:
    """The provenance record of one run; `inputs` are hashes of what it read."""
    return {
        "command": command,
        "config": config,
        "config_sha256": json_sha256(config),
        **inputs,
        "versions": versions(),
        **circumstances(),
    }


def current() -> str:
    """Return the digest of the image that this process runs in; "none" outside of any, "unknown ..." if unnamed."""
    image = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER")
    if not image:
        return "none"
    announced: dict[str, str] = json.loads(os.environ.get(VARIABLE, "{}"))
    for name, found in announced.items():
        if Path(name).name == Path(image).name:
            return found
    return f"unknown ({Path(image).name})"
