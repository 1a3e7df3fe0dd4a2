"""CPU seconds of `make table`'s evaluations:  python benchmarks/evaluate.py --checkpoints checkpoints/mini

Three ways to evaluate the same policies on the same seeds, in one run, taking turns:

    this        this tree as the workflow runs it: two cells a process, the light scene, the simulator in it
    earlier     commit b554c46 as its workflow ran it: a process a cell, another one for its simulator, its light mesh
    plain       modelled on the release: a process a cell, one environment, the shipped scene, a picture at every step

The sample is four cells, three that re-plan at every step and one in open loop, as of the table's twelve. Each is run
for one episode and then, in another process, for the following ones; from the difference in steps follow the cost of a
step and of a start, and from those the twelve cells of 50 episodes, with as many steps as this tree's sample took.
Seconds of CPU of a process and all its children.
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
CELLS = {  # name: options; three of four re-plan at every step
    "m64_k8": {"checkpoint": "m64_k8"},
    "m64_k8.zero": {"checkpoint": "m64_k8", "memory": "zero"},
    "m1_k8": {"checkpoint": "m1_k8"},
    "oft": {"checkpoint": "oft"},
}
IN_TABLE, EPISODES = 12, 50  # what `make table` evaluates
PR_SET_CHILD_SUBREAPER = 36
# The plain loop, with this tree's policy: every picture of an episode is taken, also those that no policy looks at.
PLAIN = f"""
import sys, numpy as np, torch
torch.set_num_threads(1)
from muvla.evaluate.policy import Policy
from muvla.sim.mikasa.env import MikasaEnv
checkpoint, memory, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
policy = Policy(checkpoint, slots=1, memory=memory)
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
    """CPU seconds and simulator steps of one way to evaluate, of the first episodes and of the following ones."""

    def __init__(self) -> None:
        self.seconds, self.steps = [0.0, 0.0], [0, 0]

    def add(self, part: int, cost: tuple[float, str], steps: int | None = None) -> None:
        self.seconds[part] += cost[0]
        self.steps[part] += int(cost[1]) if steps is None else steps

    def per_step(self) -> float:
        return (self.seconds[1] - self.seconds[0]) / (self.steps[1] - self.steps[0])

    def start(self) -> float:
        """Seconds of all processes of a part, less those of its steps."""
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
    given = {"memory": "active", **CELLS[cell]}
    return [
        f"checkpoint={checkpoints / given['checkpoint']}",
        f"name={given['checkpoint']}",
        f"memory={given['memory']}",
        f"output={records / cell}.jsonl",
        *(f"seed={SEED}", f"episodes={episodes}", "environment=RememberColor3", "slots=1", "threads=1"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints" / "mini")
    parser.add_argument("--episodes", type=int, default=6, help="episodes of each cell (default 6)")
    given = parser.parse_args()
    checkpoints = given.checkpoints.resolve()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    spent = {name: Spent() for name in ("this", "earlier", "plain")}
    names = list(CELLS)
    with checkout(COMMIT) as tree, tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "this", Path(folder) / "earlier"
        for part, (first, last) in enumerate(((0, 1), (1, given.episodes))):
            for pair in (names[:2], names[2:]):
                words = [word for cell in pair for word in ("--", *options(cell, checkpoints, ours, last))]
                cost = seconds(["-m", "muvla.evaluate", *words], ROOT)
                spent["this"].add(part, cost, sum(steps_of(ours / f"{cell}.jsonl", first) for cell in pair))
            for cell in names:
                cost = seconds(["-m", "muvla.evaluate", *options(cell, checkpoints, theirs, last)], tree)
                spent["earlier"].add(part, cost, steps_of(theirs / f"{cell}.jsonl", first))
                memory = CELLS[cell].get("memory", "active")
                run = (str(checkpoints / CELLS[cell]["checkpoint"]), memory, str(first), str(last))
                spent["plain"].add(part, seconds(["-c", PLAIN, *run], ROOT))
                print(f"{cell}, episodes {first} to {last - 1}: done", file=sys.stderr, flush=True)
    report(spent, given.episodes)


def report(spent: dict[str, Spent], episodes: int) -> None:
    """Print a table."""
    length = sum(spent["this"].steps) / (episodes * len(CELLS))  # steps of an episode
    costs = {name: (one.start() / len(CELLS), length * one.per_step()) for name, one in spent.items()}
    totals = {name: IN_TABLE * (start + EPISODES * episode) for name, (start, episode) in costs.items()}
    print(f"{', '.join(CELLS)}; {episodes} episodes each of RememberColor3, {length:.1f} steps long; CPU seconds")
    print("| | start, a cell | an episode | 12 cells of 50 episodes | times this tree's | an episode with its start |")
    print("|---|---|---|---|---|---|")
    for name, (start, episode) in costs.items():
        whole = [given[0] / EPISODES + given[1] for given in (costs[name], costs["this"])]
        ratios = f"{totals[name]:.0f} | {totals[name] / totals['this']:.2f} | {whole[0]:.2f}"
        print(f"| {name} | {start:.1f} | {episode:.2f} | {ratios} |")


if __name__ == "__main__":
    main()
