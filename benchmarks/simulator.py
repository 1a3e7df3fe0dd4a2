"""Time the simulator's steps beside another checkout's:  python benchmarks/simulator.py --other CHECKOUT

Each checkout steps MIKASA-Robo with its light and its shipped scene, both pictures taken at every step, in a process of
its own. They take turns, a round of steps each, so that whatever else the machine does meets all of them. The figures
are CPU seconds of a process with all its threads. --other names a checkout of this repository that has its own .venv;
without it only this one is measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Runs with the library of either checkout: one line on stdin is one round, answered by its CPU seconds.
CHILD = """
import muvla, sys, time
import numpy as np, torch
try:
    from muvla.sim.mikasa.env import MikasaEnv
except ModuleNotFoundError:  # before the package was divided
    from muvla.sim.mikasa import MikasaEnv
torch.set_num_threads(1)
environment, scene, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
env = MikasaEnv(environment, light_mesh=scene == "light", standin_mug=True)
actions = np.random.default_rng(0).uniform(-1, 1, (steps, 1, 7)).astype(np.float32)
env.reset(seed=0)
for action in actions[:2]:
    env.step(action)
print("ready", flush=True)
for _ in sys.stdin:
    env.reset(seed=0)
    began = time.process_time()
    for action in actions:
        if env.steps >= env.max_steps:
            env.reset(seed=0)
        env.step(action)
    print(time.process_time() - began, flush=True)
"""


class Contender:
    """One checkout's simulator with one scene, in a process of its own."""

    def __init__(self, name: str, checkout: Path, scene: str, environment: str, steps: int) -> None:
        python = checkout / ".venv" / "bin" / "python"
        if not python.exists():
            raise SystemExit(f"error: {checkout} has no .venv/bin/python; run `make setup` there")
        self.name, self.scene, self.seconds = name, scene, 0.0
        self.process = subprocess.Popen(
            [python, "-c", CHILD, environment, scene, str(steps)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(checkout / "workflow")},
        )

    def answer(self) -> str:
        """The next line that the process prints. Raises SystemExit when it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: {self.name}, {self.scene} scene, ended with code {self.process.wait()}")
        return line

    def round(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("round\n")
        self.process.stdin.flush()
        self.seconds += float(self.answer())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path, help="another checkout, with its own .venv, to compare with")
    parser.add_argument("--environment", default="RememberColor3")
    parser.add_argument("--steps", type=int, default=25, help="steps of a round (default 25)")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    checkouts = {"this": ROOT} | ({"other": options.other.resolve()} if options.other else {})
    contenders = []
    for name, checkout in checkouts.items():
        for scene in ("light", "shipped"):
            contenders.append(Contender(name, checkout, scene, options.environment, options.steps))
            contenders[-1].answer()  # ready
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for contender in contenders:
            contender.round()
    steps = options.rounds * options.steps
    print(f"{options.environment}, {steps} steps each, both pictures at every step, CPU time")
    print("| checkout | scene | steps per CPU second | CPU ms a step | this tree's light scene is faster by |")
    print("|---|---|---|---|---|")
    for contender in contenders:
        ratio = contender.seconds / contenders[0].seconds
        ms = 1000 * contender.seconds / steps
        print(f"| {contender.name} | {contender.scene} | {1000 / ms:.1f} | {ms:.1f} | {ratio:.2f} |")
        contender.process.communicate()


if __name__ == "__main__":
    main()
