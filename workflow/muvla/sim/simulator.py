"""One simulator by the name of its environment, whichever benchmark that belongs to.

muvla.sim.<benchmark>.simulator has three functions: `make`, `preflight` and `start_up_check`, described below.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.sim.contract import Options, Provenance, Simulator


class _Package(Protocol):
    def make(self, environment: str, **options: Any) -> Simulator: ...

    def preflight(self, environment: str, options: Options) -> None: ...

    def start_up_check(self, environment: str) -> Provenance | None: ...


def make_simulator(environment: str, **options: Any) -> Simulator:
    """Make the simulator in this process; options as its constructor's. Raises what the constructor raises."""
    return _package(environment).make(environment, **options)


def preflight(environment: str, options: Options) -> None:
    """Fail in the parent instead of in every worker; create shared files.

    Raises ValueError for an unknown name or option, and what the benchmark's own preflight raises: SimulatorError for
    missing drivers, damaged or missing files or an unwritable cache; FileNotFoundError.
    """
    _package(environment).preflight(environment, options)


def start_up_check(environment: str) -> Provenance | None:
    """Compare what the simulator computes here with what is on record.

    Returns {"warnings": [...], ...} for the provenance; None where the benchmark has no such check.
    """
    return _package(environment).start_up_check(environment)


def _package(environment: str) -> _Package:
    """Import the simulator's package only when it is needed: each costs seconds, and settings for the whole process."""
    name = benchmark_of(environment_named(environment).name).name
    return cast(_Package, importlib.import_module(f"muvla.sim.{name}.simulator"))
