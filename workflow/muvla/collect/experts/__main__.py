"""`python -m muvla.collect.experts RememberColor3 --seeds 50`: measure an expert's success rate, without rendering."""

import argparse
import time

import numpy as np

from muvla.benchmark.benchmark import benchmark_of
from muvla.collect.experts import expert_for
from muvla.options import whole_number
from muvla.sim.contract import Simulator, SimulatorError
from muvla.sim.simulator import make_simulator


def episode(env: Simulator, seed: int) -> tuple[bool, int, float]:
    """Run the expert on the episode `seed`; return (success, steps, smallest Expert.distance in metres)."""
    expert = expert_for(env.environment)
    _, info = env.reset(seed=seed)
    success, truncated, nearest = False, False, float(np.inf)
    while not (success or truncated):
        _, _, _, truncated, info = env.step(expert.act(env)[None])
        success, nearest = info["success"], min(nearest, expert.distance(env))
    return success, info["steps"], nearest


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m muvla.collect.experts", description=__doc__)
    parser.add_argument("environment", nargs="+", help="names, e.g. RememberColor3 libero_object/0")
    parser.add_argument("--seeds", type=whole_number(1), default=50, help="episodes (default 50)")
    parser.add_argument("--first", type=whole_number(0), default=0, help="the first seed (default 0)")
    parser.add_argument("--standin-mug", action="store_true", help="allow the stand-in cup")
    options = parser.parse_args()
    for name in options.environment:
        try:
            expert_for(name)
            asked = {"standin_mug": options.standin_mug, "placement": "sampled"}
            env = make_simulator(name, render=False, **benchmark_of(name).select_options(asked))
        except (ValueError, SimulatorError) as error:
            raise SystemExit(f"error: {error}") from None
        began = time.monotonic()
        results = [episode(env, options.first + index) for index in range(options.seeds)]
        env.close()
        wins = [result for result in results if result[0]]
        steps = f"{min(r[1] for r in wins)}-{max(r[1] for r in wins)} steps" if wins else "no success"
        lost = [options.first + index for index, result in enumerate(results) if not result[0]]
        seconds = (time.monotonic() - began) / max(1, sum(result[1] for result in results))
        print(
            f"{name}: {len(wins)}/{len(results)} ({steps}, {1000 * seconds:.1f} ms a step)"
            + (f"; lost seeds {lost}" if lost else ""),
            flush=True,
        )


if __name__ == "__main__":
    main()
