"""A real Slurm on this machine for tests, and what is needed to watch and to disturb the jobs of one folder."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
REPOSITORY = Path(__file__).resolve().parents[1]
TOOLS = REPOSITORY.parent / "shared" / "tools"


@dataclass(frozen=True)
class SlurmJob:
    """One line of squeue. limit: minutes; memory: MB."""

    number: str
    state: str
    rule: str
    limit: int
    memory: int


def lacking() -> str | None:
    """Why no test can have a Slurm here; None where one answers or can be started."""
    if _answers():
        return None
    if not (TOOLS / "slurm_up").is_file():
        return "no Slurm answers, and there are no shared tools to start one with"
    return "starting a Slurm takes root" if os.geteuid() != 0 else None


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """The Slurm that runs here, or one that is started for as long as the block lasts; else the test is skipped.

    One block at a time on a machine: the next one waits.
    """
    with (Path(tempfile.gettempdir()) / f"muvla-slurm-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if reason := lacking():
            pytest.skip(reason)
        if _answers():
            yield
            return
        started = subprocess.run([TOOLS / "slurm_up", folder], capture_output=True, text=True, check=False, timeout=300)
        try:
            if not _answers():
                pytest.skip(f"Slurm did not start: {(started.stderr.strip().splitlines() or ['no message'])[-1]}")
            yield
        finally:
            daemons = [int(file.read_text()) for file in folder.glob("*.pid")]
            subprocess.run([TOOLS / "slurm_down", folder], capture_output=True, check=False)
            wait_for("the end of Slurm", lambda: not any(Path(f"/proc/{one}").exists() for one in daemons), 60)


def _answers() -> bool:
    if not (shutil.which("sbatch") and shutil.which("sinfo")):
        return False
    try:
        listed = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    return any(state in listed.stdout for state in ("idle", "mixed", "allocated"))


def jobs(folder: Path) -> list[SlurmJob]:
    """All jobs submitted from `folder`, the finished ones included."""
    command = ["squeue", "--me", "-h", "-t", "all", "-o", "%i|%T|%k|%l|%m|%Z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("|") for line in listed.splitlines()]
    return [
        SlurmJob(number, state, rule.removeprefix("rule_"), _minutes(limit), _megabytes(memory))
        for number, state, rule, limit, memory, place in rows
        if Path(place) == folder
    ]


def _minutes(limit: str) -> int:
    days, _, clock = limit.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    hours, minutes = parts[0] if len(parts) == 3 else 0, parts[-2]
    return int(days or 0) * 1440 + hours * 60 + minutes


def _megabytes(memory: str) -> int:
    return int(float(memory[:-1]) * {"M": 1, "G": 1024}[memory[-1]])


def process(folder: Path, *words: str) -> int | None:
    """The Python process that works in `folder` and has all of `words` among its arguments."""
    for entry in Path("/proc").iterdir():
        try:
            arguments = (entry / "cmdline").read_bytes().decode().split("\0")
            if (entry / "cwd").resolve() == folder and "-m" in arguments and set(words) <= set(arguments):
                return int(entry.name)
        except (OSError, ValueError):
            continue
    return None


def wait_for(what: str, found: Callable[[], T | None], seconds: float, every: float = 0.2) -> T:
    """Return what `found`, called every so many seconds, returns as soon as it is something; fail naming it at last."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(every)
    pytest.fail(f"waited {seconds:.0f} s in vain for {what}")


def kill(number: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    os.kill(number, with_signal)
