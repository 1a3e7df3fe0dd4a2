"""Does LIBERO compute here what it computed where the numbers were made? `python -m muvla.sim.libero.first_frames`

Of every suite, the first episode of task 0 after the settling steps is compared with config/libero_golden.json: the
state shows whether the physics agrees, the pictures whether the renderer does. libero_spatial's task 5 is watched,
because in some versions of mujoco its bowl still moves when the policy begins. What differs is a warning that goes into
the provenance of every result; evaluating with strict=true makes it an error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from muvla.benchmark.libero import LIBERO
from muvla.files import ROOT, write_json

GOLDEN = ROOT / "config" / "libero_golden.json"
AT_REST = 0.01  # metres a second
UNSETTLED = "libero_spatial/5"
_DIGITS = 4  # of the state: the last bits may differ between processors


def golden_frame(environment: str, render: bool = True) -> dict[str, Any]:
    """Hashes of state and pictures of episode 0 of a task, and how fast its fastest object still is (m/s)."""
    from muvla.sim.libero.env import LiberoEnv

    env = LiberoEnv(environment, render=render)
    observation, _ = env.reset(seed=0)
    found = {
        "state": hashlib.sha256((np.round(env.state(), _DIGITS) + 0.0).tobytes()).hexdigest(),
        "picture": hashlib.sha256(observation["image"].tobytes()).hexdigest(),
        "speed": round(env.settled, 4),
        "versions": {
            key: value for key, value in env.provenance().items() if key in ("mujoco", "robosuite", "renderer")
        },
    }
    env.close()
    return found


def start_up_check(suite: str, golden: Path = GOLDEN) -> dict[str, Any]:
    """What is found in `suite` here, with `warnings`: one sentence for each thing that differs."""
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


def warnings_of(suite: str, found: dict[str, Any], known: dict[str, Any] | None) -> list[str]:
    """Compare what was found with the golden entry of the suite."""
    if known is None:
        return [f"there is no golden frame of {suite} to compare with"]
    versions, before = found["versions"], known["versions"]
    other = [f"{key} {versions[key]} instead of {before[key]}" for key in before if versions.get(key) != before[key]]
    told = f" ({'; '.join(other)})" if other else ""
    lines = []
    if found["state"] != known["state"]:
        lines.append(f"the physics of {suite} differs from the golden frame's{told}")
    elif found["picture"] != known["picture"]:
        lines.append(f"the pictures of {suite} differ from the golden frame's{told}")
    elif other:
        lines.append(f"{suite} is computed by other versions than the golden frame, with the same result{told}")
    return lines


def _apart(function: Any, *arguments: Any) -> dict[str, Any]:
    """The answer of a process of its own: two environments in one process spoil each other's pictures."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        result: dict[str, Any] = pool.submit(function, *arguments).result()
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Print, and write if asked, what is found; 0, or 1 when the simulator does not run."""
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
        except (RuntimeError, OSError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        for line in found[suite]["warnings"] or [f"{suite} is as in the golden frame"]:
            print(line)
    if options.output:
        write_json(options.output, found)
    if options.accept:
        kept = {suite: {key: entry[key] for key in ("state", "picture", "versions")} for suite, entry in found.items()}
        write_json(GOLDEN, json.loads(GOLDEN.read_text("utf-8")) | kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
