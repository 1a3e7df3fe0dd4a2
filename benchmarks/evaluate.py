"""How much faster is the evaluation than one environment after the other?  python benchmarks/evaluate.py

Three evaluations of the same checkpoint on the same seeds, in one run: one environment at batch 1 with the shipped
meshes; the same with the light wrist-camera mesh; and the project's way, parallel simulators with the light mesh,
answered in one batch. Start-up is not counted. The last two must agree in every episode.
"""

import argparse
import contextlib
import time
from typing import Any

import muvla  # noqa: F401  before torch, whose kernels it chooses

# isort: split
import torch

from muvla.evaluate.episodes import run
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.policy import Policy
from muvla.sim.vector import make_vector

OUTCOME = ("seed", "success", "steps", "forwards", "memory_updates", "goal")


def timed(checkpoint: str, environment: str, episodes: int, slots: int, light_mesh: bool) -> tuple[float, list[Any]]:
    """(episodes per minute, outcome of each episode in the order of their seeds)."""
    policy = Policy(checkpoint, slots=slots)
    settings = EvaluateSettings(environment=environment, name="benchmark", seed=4242424242)
    with contextlib.closing(make_vector(environment, slots, light_mesh=light_mesh)) as simulators:
        list(run(policy, simulators, [episodes], settings, "receding"))  # warm up: first pictures are slow
        began = time.monotonic()
        records = list(run(policy, simulators, list(range(episodes)), settings, "receding"))
        seconds = time.monotonic() - began
    outcomes = sorted(tuple(record[key] for key in OUTCOME) for record in records)
    return 60 * episodes / seconds, outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="checkpoints/mini/m64_k2")
    parser.add_argument("--environment", default="RememberColor3")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--slots", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.slots)
    common = (options.checkpoint, options.environment, options.episodes)
    shipped, _ = timed(*common, 1, light_mesh=False)
    single, one = timed(*common, 1, light_mesh=True)
    parallel, many = timed(*common, options.slots, light_mesh=True)
    print(f"one after the other, shipped mesh   {shipped:6.2f} episodes/min   1.00")
    print(f"one after the other, light mesh     {single:6.2f} episodes/min   {single / shipped:.2f}")
    print(f"{options.slots} in parallel, light mesh           {parallel:6.2f} episodes/min   {parallel / shipped:.2f}")
    print(f"same outcomes with the same mesh: {one == many}")
    if one != many:
        raise SystemExit("error: parallel and single evaluation disagree")


if __name__ == "__main__":
    main()
