"""Slurm jobs that a killed Snakemake left behind: with a new call beside them, two jobs would write one file.

Snakemake that is interrupted (Ctrl-C) cancels its jobs itself; one that is killed cannot. Its lock stays as well, and
makes sure that no other Snakemake is at work in the folder when this is called.
"""

import shutil
import subprocess
import time
from pathlib import Path

WAIT = 60.0  # seconds that a cancelled job may take to end; Slurm kills it after its KillWait


class OrphanedJobs(RuntimeError):
    """Jobs of an earlier call are in the queue."""


def find(folder: Path | str) -> list[str]:
    """Return the ids of the living jobs that Snakemake submitted from `folder`; [] without Slurm."""
    if shutil.which("squeue") is None:
        return []
    # id, comment (the plugin writes rule_<name>...), working directory
    listed = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%A|%k|%Z"], capture_output=True, text=True, check=False
    )
    here = Path(folder).resolve()
    rows = [line.split("|") for line in listed.stdout.splitlines() if line.count("|") == 2]
    return sorted(
        {job for job, comment, place in rows if comment.startswith("rule_") and Path(place).resolve() == here}
    )


def require_none(folder: Path | str) -> None:
    """Raise OrphanedJobs naming the jobs and the two ways out, if any are left."""
    if jobs := find(folder):
        raise OrphanedJobs(
            f"Slurm still has jobs of an earlier call from this folder: {', '.join(jobs)}. "
            "A new call would write the same files beside them. Either wait until they have ended (squeue --me) and "
            "call again, or add `--config orphaned_jobs=cancel` to cancel them first."
        )


def cancel(folder: Path | str) -> list[str]:
    """Cancel those jobs and wait until they have ended; return their ids. Raises OrphanedJobs if they do not end."""
    jobs = find(folder)
    if jobs:
        subprocess.run(["scancel", *jobs], check=False)
        deadline = time.monotonic() + WAIT
        while left := find(folder):
            if time.monotonic() > deadline:
                raise OrphanedJobs(f"Slurm does not end the jobs {', '.join(left)}; look at them with squeue")
            time.sleep(0.5)
    return jobs
