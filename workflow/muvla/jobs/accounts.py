"""The command that tells how a Slurm job ended: sacct where the cluster keeps accounts, else squeue.

The executor plugin (2.8.0) asks sacct wherever that program is installed. Where Slurm keeps no accounts sacct knows no
job, and the plugin waits forever. Only the cluster's own configuration tells the two apart.
"""

import shutil
import subprocess

NONE = "accounting_storage/none"


def are_kept() -> bool:
    """Return whether Slurm keeps accounts of finished jobs; True also where nothing answers, as the plugin assumes."""
    if shutil.which("scontrol") is None:
        return True
    shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    settings = dict(line.partition("=")[::2] for line in shown.splitlines())
    return {key.strip(): value.strip() for key, value in settings.items()}.get("AccountingStorageType") != NONE


def detect_status_command(executor_settings: object) -> bool:
    """Have the plugin ask squeue where Slurm keeps no accounts; return whether that was necessary.

    executor_settings: those of Snakemake's executor; others than Slurm's are left alone.
    """
    if not hasattr(executor_settings, "status_command") or are_kept():
        return False
    executor_settings.status_command = "squeue"
    return True
