"""One simulator by the name of its environment, whichever benchmark that belongs to.

muvla.sim.<benchmark>.simulator has three functions: `make`, `preflight` and `start_up_check`, described below.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, cast

import gymnasium
import numpy as np

from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.sim.observation import Info, Observation, action_space, observation_space


class Simulator(Protocol):
    """What every simulator has beside gymnasium.Env's methods; it is a gymnasium.Env."""

    environment: str
    max_steps: int
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]

    @property
    def steps(self) -> int:
        """Simulator steps since reset."""
        ...

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Begin the episode that `seed` names."""
        ...

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, Info]:
        """Run the actions (A, 7) before the first row of NaN; terminated is always False."""
        ...

    def provenance(self) -> dict[str, Any]:
        """What pictures and physics depend on: versions, renderer, options."""
        ...

    def close(self) -> None:
        """Free the scene."""
        ...


class _Package(Protocol):
    def make(self, environment: str, **options: Any) -> Simulator: ...

    def preflight(self, environment: str, options: Mapping[str, Any]) -> None: ...

    def start_up_check(self, environment: str) -> dict[str, Any] | None: ...


def make_simulator(environment: str, **options: Any) -> Simulator:
    """Make the simulator in this process; options as its constructor's. Raises what the constructor raises."""
    return _package(environment).make(environment, **options)


def preflight(environment: str, options: Mapping[str, Any]) -> None:
    """Fail in the parent instead of in every worker; create shared files.

    Raises ValueError for an unknown name or option, and what the benchmark's own preflight raises: RuntimeErrors for
    missing drivers, damaged or missing files or an unwritable cache; FileNotFoundError.
    """
    _package(environment).preflight(environment, options)


def start_up_check(environment: str) -> dict[str, Any] | None:
    """Compare what the simulator computes here with what is on record: {"warnings": [...], ...}; None: no check."""
    return _package(environment).start_up_check(environment)


def spaces(environment: str, actions_per_step: int) -> tuple[gymnasium.spaces.Dict, gymnasium.spaces.Box]:
    """Return (observation space, action space) without making the environment."""
    benchmark = benchmark_of(environment)
    observation = observation_space(benchmark.picture_size, benchmark.proprio_width)
    return observation, action_space(actions_per_step, benchmark.action_bound)


def _package(environment: str) -> _Package:
    """Import the simulator's package only when it is needed: each costs seconds, and settings for the whole process."""
    name = benchmark_of(environment_named(environment).name).name
    return cast(_Package, importlib.import_module(f"muvla.sim.{name}.simulator"))
