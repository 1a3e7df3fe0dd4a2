"""`python -m muvla.golden`: does this machine compute the bytes that every other one computes?

Runs an episode of each MIKASA-Robo family and a hundred training updates, compares them with
config/mikasa_golden.json, and names the first layer of each that differs: physics, picture, policy or training. The
record has what processors of each maker compute: PhysX approximates reciprocals by an instruction (rcpps) whose result
is the maker's own. Needs no checkpoint. Exit code 0 where all is equal, else 1. `python -m muvla.sim.mikasa.check`
measures the speed.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from muvla import cpu
from muvla.files import ROOT, Json, write_json
from muvla.golden.layers import ENVIRONMENTS, episode, training
from muvla.provenance import versions
from muvla.sim.contract import SimulatorError
from muvla.sim.mikasa.vulkan import driver

GOLDEN = ROOT / "config" / "mikasa_golden.json"
TRAINING = "training"


def computed(names: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """Yield name and {layer: {"sha256", "numbers"}} of environments, or of "training", each as it is known.

    In a process of its own. Raises SimulatorError where that dies, and what the simulator raises.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            for name in names:
                work = pool.submit(training) if name == TRAINING else pool.submit(episode, name)
                yield name, work.result()
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
    maker = cpu.maker()
    known: Json = cpu.of_maker(golden["found"]) or {}
    if maker not in golden["found"] and not options.write:
        print(f"There is no record of processors made by {maker or 'an unknown maker'}: compared with another's.")
    found: Json = {}
    equal = True
    try:
        here = circumstances()
        for name, found[name] in computed(options.only):
            told = difference(known.get(name), found[name])
            equal = equal and told is None
            print(f"{name:28} {told or 'equal'}", flush=True)
    except SimulatorError as error:
        sys.exit(f"error: {error}")
    if options.write:
        mine = golden["found"].get(maker, {}) | found
        write_json(GOLDEN, {"circumstances": here, "found": golden["found"] | {maker: mine}})
        return 0
    for key, value in here.items():
        if not equal and value != golden["circumstances"].get(key):
            print(f"{key}: {golden['circumstances'].get(key)} on record, {value} here")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
