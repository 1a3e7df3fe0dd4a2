"""Slurm jobs that a killed Snakemake left behind: cancelled before a new call begins, or two would write one file.

Snakemake that is interrupted (Ctrl-C) cancels its jobs itself; one that is killed cannot. Its lock stays as well, and
makes sure that no other Snakemake is at work in the folder when this is called.
"""

import shutil
import subprocess
import time
from pathlib import Path

WAIT = 60.0  # seconds that a cancelled job may take to end; Slurm kills it after its KillWait


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


def cancel(folder: Path | str) -> list[str]:
    """Cancel those jobs and wait until they have ended; return their ids. Raises TimeoutError if they do not end."""
    jobs = find(folder)
    if jobs:
        subprocess.run(["scancel", *jobs], check=False)
        deadline = time.monotonic() + WAIT
        while left := find(folder):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Slurm does not end the jobs {', '.join(left)}; ask for them with squeue")
            time.sleep(0.5)
    return jobs
