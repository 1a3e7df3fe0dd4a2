"""What made a result: command, configuration, inputs, versions, commit."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from muvla import image_digest

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
    root = Path(__file__).resolve().parents[2]
    try:
        name = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True).stdout
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=root,
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
        "container": image_digest.current(),
        "command_line": shlex.join(["python", "-m", f"muvla.{Path(sys.argv[0]).stem}", *sys.argv[1:]]),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "instructions": instructions(),
    }


def json_sha256(content: Any) -> str:
    """Hash of a configuration, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
