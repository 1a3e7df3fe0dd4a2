"""Disturb trainings, evaluations and the workflow, and count what was lost or wrong:  python benchmarks/soak.py

As root on Linux (tmpfs), for --minutes; a C compiler for the clock. Three works, each with a known result:

    training     64 memory tokens at smoke size, on demonstrations of noise: the checkpoint's SHA-256
    evaluation   two episodes of the bundled m64_k2 in MIKASA-Robo: every record, but for its seconds
    workflow     the audit by Snakemake, of the paper's printed tables: its bytes

Each round disturbs one of them once, at a random moment, then gives the same command until it ends well:

    kill         SIGKILL to the command and all its processes
    full disk    a disk of few kilobytes, which is then enlarged
    vanished     a random file of its results is deleted after a kill
    clock        killed, then repeated with a wall clock that is 400 days behind or ahead (soak_clock.c)
    read-only    its results cannot be written, then they can

lost: a finished episode or saved state that is gone although its file is there. wrong: an end with another result.
traceback: an error that shows Python's insides instead of a sentence. stuck: no good end after eight calls, or after
results that an error asked for were removed. Aim: nothing of all that. A table for docs/reliability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow")]
CALLS = 8
DISTURBANCES = ("kill", "full disk", "vanished", "clock", "read-only")
DAY = 86400


@dataclass
class Work:
    """A command that writes into a folder, and what its result is; full: kilobytes that are too few for it."""

    name: str
    command: Callable[[Path], list[str]]
    result: Callable[[Path], object]
    prepare: Callable[[Path], None]
    full: int
    expected: object = None
    seconds: float = 0.0


@dataclass
class Tally:
    """What the rounds of one work and one disturbance came to."""

    counts: Counter[str] = field(default_factory=Counter)

    def row(self, work: str, disturbance: str) -> str:
        names = ("rounds", "calls", "lost", "wrong", "traceback", "stuck")
        return f"| {work} | {disturbance} | " + " | ".join(str(self.counts[name]) for name in names) + " |"


def start(command: list[str], log: Path, clock: int = 0) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; clock: seconds by which its wall clock is moved."""
    shell = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    if clock:
        shell |= {"LD_PRELOAD": str(clock_library(log.parent)), "SOAK_CLOCK": str(clock)}
    with log.open("ab") as said:
        return subprocess.Popen(command, cwd=ROOT, env=shell, stdout=said, stderr=said, start_new_session=True)


def clock_library(folder: Path) -> Path:
    """Return soak_clock.c compiled, in `folder`."""
    library = folder / "soak_clock.so"
    if not library.exists():
        source = Path(__file__).with_name("soak_clock.c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to every process of the command's own session, none other."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def mount(folder: Path, options: str, *, again: bool = False) -> None:
    """Mount a tmpfs, or change its options."""
    given = ["-o", f"remount,{options}"] if again else ["-t", "tmpfs", "-o", options, "none"]
    subprocess.run(["mount", *given, str(folder)], check=True)


def finished(folder: Path) -> set[str]:
    """Return the whole lines of record files: episodes that no later call may lose."""
    return {line for path in folder.rglob("*.jsonl") if "metrics" not in path.name and "towers" not in path.name
            for line in path.read_text("utf-8", "replace").split("\n")[:-1]}  # fmt: skip


def repeat(work: Work, folder: Path, log: Path, counts: Counter[str], clock: int = 0) -> None:
    """Give the same command until it ends well; remove what an error names where nothing else helps."""
    for _ in range(CALLS):
        counts["calls"] += 1
        before = log.stat().st_size if log.exists() else 0
        process = start(work.command(folder), log, clock)
        try:
            process.wait(timeout=600)
        except subprocess.TimeoutExpired:
            kill(process)
        said = log.read_bytes()[before:].decode("utf-8", "replace")
        counts["traceback"] += "Traceback (most recent call last)" in said
        if process.returncode == 0:
            try:
                counts["wrong"] += work.result(folder) != work.expected
            except FileNotFoundError:  # an end that left a file out is wrong as well
                counts["wrong"] += 1
            return
        if "--unlock" in said or "LockException" in said:
            subprocess.run([*work.command(folder), "--unlock"], cwd=ROOT, capture_output=True, check=False)
        elif _ >= 1:  # an error that stays: do as it says, and begin anew
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            work.prepare(folder)
    counts["stuck"] += 1


def disturb(work: Work, disturbance: str, parent: Path, rng: random.Random, counts: Counter[str]) -> None:
    """Make one round."""
    folder, log = parent / "round", parent / "round.log"
    log.unlink(missing_ok=True)
    folder.mkdir()
    disk = disturbance in ("full disk", "read-only")
    if disk:
        mount(folder, f"size={work.full if disturbance == 'full disk' else 65536}k")
    place = folder / "results"
    place.mkdir()
    try:
        work.prepare(place)
        if disturbance == "read-only":
            mount(folder, "ro", again=True)
        process = start(work.command(place), log)
        try:
            process.wait(timeout=120 if disk else rng.uniform(0.2, 1.0) * work.seconds)
        except subprocess.TimeoutExpired:
            kill(process)
        counts["rounds"] += 1
        counts["calls"] += 1
        counts["traceback"] += disk and b"Traceback (most recent call last)" in log.read_bytes()
        kept = finished(place)
        if disk:
            mount(folder, "rw,size=65536k", again=True)
        if disturbance == "vanished":
            files = [path for path in place.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
            if files:
                rng.choice(sorted(files)).unlink()
        clock = rng.choice((400, -400)) * DAY if disturbance == "clock" else 0
        repeat(work, place, log, counts, clock)
        if disturbance != "vanished":
            counts["lost"] += len(kept - finished(place))
        if any(counts[name] for name in ("lost", "wrong", "traceback", "stuck")):
            shutil.copy(log, parent / f"{work.name}-{disturbance.replace(' ', '_')}-{counts['rounds']}.log")
    finally:
        if disk:
            subprocess.run(["umount", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the logs of rounds in which something was wrong")
    options = parser.parse_args()
    from soak_works import works

    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="muvla-soak.") as name:
        parent = Path(name)
        known = works(parent, Work)
        for work in known:
            undisturbed(work, parent)
        tallies: dict[tuple[str, str], Tally] = {}
        plan = [(work, each) for work in known for each in DISTURBANCES]
        end = time.monotonic() + 60 * options.minutes
        while time.monotonic() < end:
            rng.shuffle(plan)
            for work, each in plan:
                if time.monotonic() < end:
                    disturb(work, each, parent, rng, tallies.setdefault((work.name, each), Tally()).counts)
        print("| work | disturbance | rounds | calls | lost | wrong | traceback | stuck |\n|" + "---|" * 8)
        for (work_name, each), tally in sorted(tallies.items()):
            print(tally.row(work_name, each))
        for log in parent.glob("*-*.log"):
            print(f"\n{log.name}:\n{log.read_text('utf-8', 'replace')[-1500:]}", file=sys.stderr)
            if options.keep:
                shutil.copy(log, options.keep)


def undisturbed(work: Work, parent: Path) -> None:
    """Run a work alone: its result is what every disturbed one must have."""
    folder, log = parent / "alone" / work.name, parent / "alone.log"
    folder.mkdir(parents=True)
    work.prepare(folder)
    began = time.monotonic()
    if start(work.command(folder), log).wait() != 0:
        sys.exit(f"{work.name} fails undisturbed:\n{log.read_text()[-2000:]}")
    work.seconds, work.expected = time.monotonic() - began, work.result(folder)
    print(f"{work.name}: {work.seconds:.0f} s undisturbed, {json.dumps(work.expected)[:60]}", file=sys.stderr)


if __name__ == "__main__":
    main()
