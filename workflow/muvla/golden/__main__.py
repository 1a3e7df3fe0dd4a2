"""`python -m muvla.golden`: does this machine compute the bytes that every other one computes?

Runs an episode of each MIKASA-Robo family and a hundred training updates, compares them with
config/mikasa_golden.json, and names the first layer of each that differs: physics, picture, policy or training. Needs
no checkpoint. Exit code 0 where all is equal, else 1. `python -m muvla.sim.mikasa.check` measures the speed.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from muvla import cpu
from muvla.files import ROOT, Json, write_json
from muvla.golden.layers import ENVIRONMENTS, episode, training
from muvla.provenance import versions
from muvla.sim.contract import SimulatorError
from muvla.sim.mikasa.vulkan import driver

GOLDEN = ROOT / "config" / "mikasa_golden.json"
TRAINING = "training"


def computed(names: Sequence[str]) -> Json:
    """Return {name: {layer: {"sha256", "numbers"}}} of environments, or of "training".

    In a process of its own. Raises SimulatorError where that dies, and what the simulator raises.
    """
    work: dict[str, tuple[Callable[..., Json], tuple[str, ...]]] = {
        name: (training, ()) if name == TRAINING else (episode, (name,)) for name in names
    }
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return {name: pool.submit(function, *given).result() for name, (function, given) in work.items()}
    except BrokenProcessPool as error:
        raise SimulatorError(f"the process died ({error}): `python -m muvla.sim.mikasa.check` says why") from error


def difference(known: Json | None, found: Json) -> str | None:
    """Name the first layer in which `found` differs, with the numbers on record and those of this machine."""
    if known is None:
        return "is not on record"
    for layer, here in found.items():
        there = known.get(layer)
        if here != there:
            numbers = (" ".join(map(str, each["numbers"])) if each else "absent" for each in (there, here))
            return "differs first in {}: {} on record, {} here".format(layer, *numbers)
    return None


def circumstances() -> dict[str, str]:
    """Return what explains a difference: versions, renderer, and what muvla.cpu holds the libraries to."""
    return {**versions(), "renderer": driver("CPU").description, "arithmetic": cpu.state()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, or with --write put on record; return the exit code."""
    names = [*ENVIRONMENTS, TRAINING]
    parser = argparse.ArgumentParser(prog="python -m muvla.golden", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--write", action="store_true", help=f"put what is found on record in {GOLDEN.name}")
    options = parser.parse_args(arguments)
    golden: Json = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.is_file() else {"circumstances": {}, "found": {}}
    try:
        here, found = circumstances(), computed(options.only)
    except SimulatorError as error:
        sys.exit(f"error: {error}")
    if options.write:
        write_json(GOLDEN, {"circumstances": here, "found": golden["found"] | found})
        print(f"{len(found)} entries of {Path(GOLDEN).relative_to(ROOT)} written")
        return 0
    differing = {name: told for name in found if (told := difference(golden["found"].get(name), found[name]))}
    for name in found:
        print(f"{name:28} {differing.get(name, 'equal')}")
    for key, value in here.items():
        if differing and value != golden["circumstances"].get(key):
            print(f"{key}: {golden['circumstances'].get(key)} on record, {value} here")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
