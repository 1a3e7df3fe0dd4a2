"""LIBERO's start-up check: `python -m muvla.sim.libero.first_frames`

Compares the first episode of every suite's task 0, after the settling steps, with config/libero_golden.json: the state
shows whether the physics is that of the published numbers, the pictures whether the renderer is; these are on record
for each maker of processors, whose pictures differ. It also measures
libero_spatial's task 5, whose bowl still moves in some versions of mujoco when the policy begins. Differences are
warnings in the provenance of every result; evaluating with strict=true makes them errors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from muvla import cpu
from muvla.benchmark.libero import LIBERO
from muvla.files import ROOT, write_json
from muvla.sim.contract import SimulatorError

GOLDEN = ROOT / "config" / "libero_golden.json"
AT_REST = 0.01  # metres a second
UNSETTLED = "libero_spatial/5"
Frame = dict[str, Any]  # JSON: state, picture, speed, versions; warnings
_DIGITS = 4  # of the state: the last bits may differ between processors


def golden_frame(environment: str, render: bool = True) -> Frame:
    """Return hashes of state and pictures of a task's episode 0, and the speed of its fastest object in m/s."""
    from muvla.sim.libero.env import LiberoEnv

    env = LiberoEnv(environment, render=render)
    observation, _ = env.reset(seed=0)
    found = {
        "state": hashlib.sha256((np.round(env.state(), _DIGITS) + 0.0).tobytes()).hexdigest(),
        "picture": hashlib.sha256(observation["image"].tobytes()).hexdigest(),
        "speed": round(env.settled_speed, 4),
        "versions": {
            key: value for key, value in env.provenance().items() if key in ("mujoco", "robosuite", "renderer")
        },
    }
    env.close()
    return found


def start_up_check(suite: str, golden: Path = GOLDEN) -> Frame:
    """Return what this machine computes for `suite`, with `warnings`: one sentence for each difference."""
    known = json.loads(golden.read_text("utf-8")).get(suite)
    found = _apart(golden_frame, f"{suite}/0")
    found["warnings"] = warnings_of(suite, found, known)
    if suite == "libero_spatial":
        speed = _apart(golden_frame, UNSETTLED, False)["speed"]
        found["task_5_speed"] = speed
        if speed > AT_REST:
            found["warnings"].append(
                f"{UNSETTLED} is not settled after the waiting steps: an object still moves at {speed:.3f} m/s"
            )
    return found


def warnings_of(suite: str, found: Frame, known: Frame | None) -> list[str]:
    """Compare what was found with the golden entry of the suite; return a sentence for each difference."""
    if known is None:
        return [f"there is no golden frame of {suite} to compare with"]
    versions, before = found["versions"], known["versions"]
    differing = [
        f"{key} {versions[key]} instead of {before[key]}" for key in before if versions.get(key) != before[key]
    ]
    other = f" ({'; '.join(differing)})" if differing else ""
    lines = []
    if found["state"] != known["state"]:
        lines.append(f"the physics of {suite} differs from the golden frame's{other}")
    elif found["picture"] != cpu.of_maker(known["picture"]):
        lines.append(f"the pictures of {suite} differ from the golden frame's{other}")
    elif other:
        lines.append(f"{suite} is computed by other versions than the golden frame, with the same result{other}")
    return lines


def _apart(function: Callable[..., Frame], *arguments: Any) -> Frame:
    """Call `function` in a process of its own: two environments in one process spoil each other's pictures.

    Raises SimulatorError when that process dies.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(function, *arguments).result()
    except BrokenProcessPool as error:
        raise SimulatorError(
            f"LIBERO's process died during the start-up check ({error}): it needs 2 GB of memory and a working renderer"
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is found, and write it where --output says; return 0, or 1 when the simulator does not run."""
    parser = argparse.ArgumentParser(
        prog="python -m muvla.sim.libero.first_frames", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--suites", nargs="+", choices=LIBERO.families, default=LIBERO.families, help="default: all")
    parser.add_argument("--output", type=Path, help="JSON for `python -m muvla.evaluate probe=FILE`")
    parser.add_argument("--accept", action="store_true", help=f"make what is found the new {GOLDEN.name}")
    options = parser.parse_args(arguments)
    found = {}
    for suite in options.suites:
        try:
            found[suite] = start_up_check(suite)
        except (SimulatorError, OSError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        for line in found[suite]["warnings"] or [f"{suite} is as in the golden frame"]:
            print(line)
    if options.output:
        write_json(options.output, found)
    if options.accept:
        golden = json.loads(GOLDEN.read_text("utf-8"))
        for suite, entry in found.items():
            pictures = golden.get(suite, {}).get("picture", {}) | {cpu.maker(): entry["picture"]}
            golden[suite] = {"state": entry["state"], "picture": pictures, "versions": entry["versions"]}
        write_json(GOLDEN, golden)
    return 0


if __name__ == "__main__":
    sys.exit(main())
