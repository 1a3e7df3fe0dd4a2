"""CPU seconds of a table's evaluations:  python benchmarks/evaluate.py --checkpoints CHECKOUT/checkpoints/mini

CHECKOUT: a clone of this repository at f90d919 after `dvc pull`, whose policies of RememberColor3 all ways can load.
Three ways to evaluate the same policies on the same seeds, in one run, taking turns:

    this        this tree: the light scene, the simulator in the policy's process
    earlier     commit b554c46 as its workflow ran it: the simulator in another process, its light mesh
    plain       modelled on the release: one environment, the shipped scene, a picture at every step

Two cells stand for the table's twelve: one that re-plans at every step, as nine do, and one in open loop, as three.
Each is run for one episode and then, in another process, for the following ones; from the difference in steps follow
the cost of a step and of a start. The earlier workflow and the plain loop start a process for every cell; this tree's
evaluates the twelve in five processes (muvla/jobs/batches.py). Seconds of CPU of a process and all its children.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMIT = "b554c46"
SEED = 4242424242
CELLS = {"m64_k8": 9, "oft": 3}  # bundled policy: cells of `make table` that it stands for
STARTS = {"this": 5, "earlier": 12, "plain": 12}  # processes for the twelve cells
EPISODES = 50  # of a cell
PR_SET_CHILD_SUBREAPER = 36
# The plain loop, with this tree's policy: every picture of an episode is taken, also those that no policy looks at.
PLAIN = f"""
import sys, muvla  # before torch, whose kernels it chooses
import numpy as np, torch
torch.set_num_threads(1)
from muvla.evaluate.policy import Policy
from muvla.sim.mikasa.env import MikasaEnv
checkpoint, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
policy = Policy(checkpoint, slots=1)
chunk = 1 if policy.replans_every_step else policy.cell.architecture.chunk
env, one, steps = MikasaEnv("RememberColor3", light_mesh=False), np.array([True]), 0
for episode in range(first, last):
    observation, info = env.reset(seed={SEED} + episode)
    begins, over = True, False
    while not over:
        seen = observation["image"][None], observation["proprio"][None], [info["instruction"]]
        for row in policy.act(*seen, np.array([begins]), one)[0, :chunk]:
            observation, _, _, truncated, info = env.step(row[None])
            steps += 1
            if over := truncated or info["success"]:
                break
        begins = False
print(steps)
"""


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A working tree of `commit`."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / commit
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True, capture_output=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


class Spent:
    """CPU seconds and simulator steps of a cell evaluated in one way: its first episode, then the following ones."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.steps: list[int] = []

    def add(self, seconds: float, steps: int) -> None:
        self.seconds.append(seconds)
        self.steps.append(steps)

    def per_step(self) -> float:
        return (self.seconds[1] - self.seconds[0]) / (self.steps[1] - self.steps[0])

    def start(self) -> float:
        """Seconds of a process, less those of its steps."""
        return self.seconds[0] - self.steps[0] * self.per_step()


def steps_of(records: Path, first: int) -> int:
    """Steps of the episodes from `first` on."""
    lines = records.read_text("utf-8").splitlines()
    return sum(record["steps"] for record in map(json.loads, lines) if record["episode"] >= first)


def seconds(command: list[str], tree: Path) -> tuple[float, str]:
    """Run Python with the library of `tree`.

    Returns CPU seconds of the process, of its children and of theirs; and what it printed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(tree / "workflow"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ran = subprocess.run([sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"error: {' '.join(command[:3])} ended with code {ran.returncode}\n{ran.stderr[-2000:]}")
    while True:  # servers of processes outlive the one that started them: as their reaper, wait for them as well
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ran.stdout


def options(cell: str, checkpoints: Path, records: Path, episodes: int) -> list[str]:
    """The options of muvla.evaluate that both trees have."""
    named = [f"checkpoint={checkpoints / cell}", f"output={records}", f"seed={SEED}", f"episodes={episodes}"]
    return [*named, "environment=RememberColor3", "slots=1", "threads=1"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--episodes", type=int, default=24, help="episodes of each cell (default 24)")
    given = parser.parse_args()
    checkpoints = given.checkpoints.resolve()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    spent = {(name, cell): Spent() for name in ("this", "earlier", "plain") for cell in CELLS}
    with checkout(COMMIT) as earlier, tempfile.TemporaryDirectory() as folder:
        for first, last in ((0, 1), (1, given.episodes)):
            for cell in CELLS:
                for name, tree in {"this": ROOT, "earlier": earlier}.items():
                    records = Path(folder) / name / f"{cell}.jsonl"
                    cost, _ = seconds(["-m", "muvla.evaluate", *options(cell, checkpoints, records, last)], tree)
                    spent[name, cell].add(cost, steps_of(records, first))
                cost, steps = seconds(["-c", PLAIN, str(checkpoints / cell), str(first), str(last)], ROOT)
                spent["plain", cell].add(cost, int(steps))
                print(f"{cell}, episodes {first} to {last - 1}: done", file=sys.stderr, flush=True)
    report(spent, given.episodes)


def report(spent: dict[tuple[str, str], Spent], episodes: int) -> None:
    """Print a table; each way is charged the steps that this tree's cell took."""
    print(f"RememberColor3, {episodes} episodes of each policy, seconds of CPU")
    print("| | policy | start | ms a step | 50 episodes |")
    print("|---|---|---|---|---|")
    shown: dict[str, float] = dict.fromkeys(STARTS, 0.0)
    for (name, cell), one in spent.items():
        length = sum(spent["this", cell].steps) / episodes
        acting = EPISODES * length * one.per_step()
        share = CELLS[cell] / sum(CELLS.values())
        shown[name] += CELLS[cell] * acting + STARTS[name] * share * one.start()
        print(f"| {name} | {cell} | {one.start():.1f} | {1000 * one.per_step():.1f} | {acting:.0f} |")
    for name, total in shown.items():
        ratio = total / shown["this"]
        print(f"{name}: {total:.0f} s for the table's 12 cells, {STARTS[name]} starts; {ratio:.2f} times this tree's")


if __name__ == "__main__":
    main()
