"""Time LIBERO's steps:  python benchmarks/libero_simulator.py --task libero_object/0

With both pictures at every step (shipped and light scene), with them only after eight steps, as a policy that executes
whole chunks looks, and with none. They take turns, a round of steps each, in a process each (a process can draw one
environment only), so that whatever else the machine does meets all of them. CPU seconds of the processes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import muvla  # noqa: F401  before numpy, whose kernels it chooses

# isort: split
import numpy as np

MODES = {  # name: (light scene, pictures, actions in one call)
    "shipped scene, pictures at every step": (False, True, 1),
    "light scene, pictures at every step": (True, True, 1),
    "shipped scene, pictures after eight steps": (False, True, 8),
    "light scene, pictures after eight steps": (True, True, 8),
    "no pictures": (False, False, 1),
}
STEPS = 40


def start(task: str, light: bool, render: bool, actions: int) -> None:
    """Make the environment of this process."""
    from muvla.sim.libero.env import LiberoEnv

    global env
    env = LiberoEnv(task, actions_per_step=actions, light_mesh=light, render=render)
    env.reset(seed=0)


def steps(seed: int) -> tuple[float, float]:
    """Return CPU seconds of a reset, and of one step."""
    began = time.process_time()
    env.reset(seed=seed)
    reset = time.process_time() - began
    actions = np.random.default_rng(0).uniform(-0.3, 0.3, (STEPS // env.actions_per_step, env.actions_per_step, 7))
    began = time.process_time()
    for chunk in actions:
        env.step(chunk)
    return reset, (time.process_time() - began) / STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="libero_object/0")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many (default 3)")
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    pools = {
        name: ProcessPoolExecutor(1, spawn, initializer=start, initargs=(options.task, *mode))
        for name, mode in MODES.items()
    }
    best = dict.fromkeys(MODES, (np.inf, np.inf))
    for number in range(options.rounds):
        for name, pool in pools.items():
            found = pool.submit(steps, number).result()
            best[name] = (min(best[name][0], found[0]), min(best[name][1], found[1]))
    for pool in pools.values():
        pool.shutdown()
    slowest = best[next(iter(MODES))][1]
    for name, (reset, step) in best.items():
        print(f"{name}: {1000 * step:.1f} ms a step, {slowest / step:.1f} times as fast; a reset {reset:.2f} s")


if __name__ == "__main__":
    main()
