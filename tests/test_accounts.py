"""Who is asked how a Slurm job ended, on clusters that keep accounts and on those that do not."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from muvla.jobs import slurm


@dataclass
class SlurmSettings:
    """What the executor plugin reads at every look at its jobs."""

    status_command: str = "sacct"


def scontrol(folder: Path, storage: str) -> None:
    """A program that answers as Slurm 22.05 does, shortened."""
    told = (
        f"Configuration data as of 2026-11-25\nAccountingStorageEnforce = none\nAccountingStorageType   = {storage}\n"
    )
    program = folder / "scontrol"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{told}END\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("storage", "asked"), [("accounting_storage/none", "squeue"), ("accounting_storage/slurmdbd", "sacct")]
)
def test_squeue_is_asked_where_there_are_no_accounts(
    storage: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, storage)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    settings = SlurmSettings()
    assert slurm.detect_status_command(settings) == (asked == "squeue")
    assert settings.status_command == asked


def test_other_executors_and_machines_without_slurm_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, slurm.NO_ACCOUNTS)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert not slurm.detect_status_command(None)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    settings = SlurmSettings()
    assert not slurm.detect_status_command(settings)
    assert settings.status_command == "sacct"
