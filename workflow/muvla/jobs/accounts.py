"""Who says how a Slurm job ended: sacct where the cluster keeps accounts, else squeue.

The executor plugin (2.8.0) asks sacct wherever that program is installed. Where Slurm keeps no accounts sacct knows no
job, and the plugin waits forever. Only the cluster's own configuration tells the two apart.
"""

import shutil
import subprocess
from typing import Any

NONE = "accounting_storage/none"


def kept() -> bool:
    """Say whether Slurm keeps accounts of finished jobs; True also where nothing answers, as the plugin assumes."""
    if shutil.which("scontrol") is None:
        return True
    told = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    settings = dict(line.partition("=")[::2] for line in told.splitlines())
    return {key.strip(): value.strip() for key, value in settings.items()}.get("AccountingStorageType") != NONE


def ask_whoever_knows(settings: Any) -> bool:
    """Have the plugin ask squeue where Slurm keeps no accounts; return whether that was so.

    settings: those of Snakemake's executor; others than Slurm's are left alone.
    """
    if not hasattr(settings, "status_command") or kept():
        return False
    settings.status_command = "squeue"
    return True
