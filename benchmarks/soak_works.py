"""The three works that benchmarks/soak.py disturbs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from made_up import write_demonstrations
from muvla import checkpoint

if TYPE_CHECKING:
    from soak import Work

ROOT = Path(__file__).resolve().parents[1]
AUDIT = [f"results/audit.{kind}" for kind in ("md", "tex", "csv", "html")]


def works(parent: Path, kind: type[Work]) -> list[Work]:
    """Prepare what the works share in `parent` and return them."""
    write_demonstrations(parent / "data")
    common = ["scale=smoke", f"data={parent / 'data'}", f"base={parent / 'base'}", "environments=[RememberColor3]"]
    train = [sys.executable, "-m", "muvla.train", *common]
    subprocess.run([*train, "variant=base", f"output={parent / 'base'}"], cwd=ROOT, check=True, capture_output=True)
    saving = "scale.memory_training.save_every=1"
    evaluate = [sys.executable, "-m", "muvla.evaluate", "checkpoint=checkpoints/mini/m64_k2"]
    evaluate += ["environment=RememberColor5", "episodes=2", "slots=1"]
    return [
        kind(
            "training",
            lambda folder: [*train, "variant=m64_k2", saving, f"output={folder / 'm64_k2'}"],
            lambda folder: checkpoint.sha256(folder / "m64_k2"),
            lambda folder: None,
            full=400,
        ),
        kind(
            "evaluation",
            lambda folder: [*evaluate, "mark=true", f"output={folder / 'm64_k2/RememberColor5.jsonl'}"],
            records,
            lambda folder: None,
            full=4,
        ),
        kind("workflow", workflow, audit, lambda folder: None, full=60),
    ]


def records(folder: Path) -> object:
    """Return all episodes without what differs from run to run."""
    lines = (folder / "m64_k2/RememberColor5.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    kept = [{k: v for k, v in one.items() if k != "seconds"} for one in found if one["error"] is None]
    return sorted(kept, key=lambda one: int(one["seed"]))


def workflow(folder: Path) -> list[str]:
    """Return the call of Snakemake in a folder of its own, for every file that `audit` reads.

    Asked for one file of a rule, it does not look whether the others are there.
    """
    command = [sys.executable, "-m", "snakemake", *AUDIT, "--snakefile", str(ROOT / "Snakefile")]
    return [*command, "--directory", str(folder), "--cores", "2", "--rerun-incomplete"]


def audit(folder: Path) -> object:
    """Return the hashes of what was asked for."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in AUDIT}
