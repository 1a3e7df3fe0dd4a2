"""What a call asks of Slurm before its first job: which command tells how jobs ended, and jobs of an earlier call.

The executor plugin (2.8.0) asks sacct wherever that program is installed. Where Slurm keeps no accounts sacct knows no
job, and the plugin waits forever. Only the cluster's own configuration tells the two apart.

Snakemake that is interrupted (Ctrl-C) cancels its jobs itself; one that is killed cannot, and with a new call beside
them two jobs would write one file. Its lock stays as well, and makes sure that no other Snakemake is at work in the
folder when this is called.
"""

import shutil
import subprocess
import time
from pathlib import Path

NO_ACCOUNTS = "accounting_storage/none"
WAIT = 60.0  # seconds that a cancelled job may take to end; Slurm kills it after its KillWait


class OrphanedJobs(RuntimeError):
    """Jobs of an earlier call are in the queue."""


def keeps_accounts() -> bool:
    """Return whether Slurm keeps accounts of finished jobs; True when scontrol is missing, as the plugin assumes."""
    if shutil.which("scontrol") is None:
        return True
    shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    settings = dict(line.partition("=")[::2] for line in shown.splitlines())
    return {key.strip(): value.strip() for key, value in settings.items()}.get("AccountingStorageType") != NO_ACCOUNTS


def detect_status_command(executor_settings: object) -> bool:
    """Make the plugin use squeue for job status where Slurm keeps no accounts; return whether that was necessary.

    executor_settings: those of Snakemake's executor; others than Slurm's are left alone.
    """
    if not hasattr(executor_settings, "status_command") or keeps_accounts():
        return False
    executor_settings.status_command = "squeue"
    return True


def find_orphans(folder: Path | str) -> list[str]:
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


def require_no_orphans(folder: Path | str) -> None:
    """Raise OrphanedJobs naming the jobs and the two ways out, if any are left."""
    if jobs := find_orphans(folder):
        raise OrphanedJobs(
            f"Slurm still has jobs of an earlier call from this folder: {', '.join(jobs)}. "
            "A new call would write the same files beside them. Either wait until they have ended (squeue --me) and "
            "call again, or add `--config orphaned_jobs=cancel` to cancel them first."
        )


def cancel_orphans(folder: Path | str) -> list[str]:
    """Cancel those jobs and wait until they have ended; return their ids. Raises OrphanedJobs if they do not end."""
    jobs = find_orphans(folder)
    if jobs:
        subprocess.run(["scancel", *jobs], check=False)
        deadline = time.monotonic() + WAIT
        while left := find_orphans(folder):
            if time.monotonic() > deadline:
                raise OrphanedJobs(f"Slurm does not end the jobs {', '.join(left)}; look at them with squeue")
            time.sleep(0.5)
    return jobs
