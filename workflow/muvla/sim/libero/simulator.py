"""LIBERO's entry points for muvla.sim.simulator."""

from typing import Any

from muvla.benchmark.benchmark import environment_named
from muvla.sim.contract import Options, Provenance
from muvla.sim.libero import assets, first_frames
from muvla.sim.libero.env import LiberoEnv, check_options


def make(environment: str, **options: Any) -> LiberoEnv:
    """Make the task in this process. Raises as LiberoEnv."""
    return LiberoEnv(environment, **options)


def preflight(environment: str, options: Options) -> None:
    """Check options and LIBERO's files. Raises ValueError, assets.AlteredAssets, FileNotFoundError."""
    check_options(options)
    assets.verify()


def start_up_check(environment: str) -> Provenance:
    """Compare the first frames of the task's suite with those on record."""
    return first_frames.start_up_check(environment_named(environment).family)
