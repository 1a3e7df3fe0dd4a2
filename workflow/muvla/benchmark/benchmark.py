"""The record that describes a benchmark, and the lookup of benchmarks, environments and data sets by name.

A module of this package that is called `libero` defines `LIBERO: Benchmark`; nothing else registers it. The simulator
of the benchmark is the package of the same name in muvla.sim.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np

import muvla.benchmark


@dataclass(frozen=True)
class Environment:
    """One environment of MIKASA-Robo, one task of LIBERO.

    Attributes:
        name: as everywhere in this project ("RememberColor3", "libero_spatial/3").
        family: environments that share an instruction and an expert; of LIBERO, the suite.
        max_steps: simulator steps until truncation (after the settling ones).
        dataset: directory of its demonstrations.
        objects: how many objects an episode chooses from; None where success is no such choice.
    """

    name: str
    family: str
    max_steps: int
    dataset: str
    objects: int | None = None


@dataclass(frozen=True)
class Part:
    """Consecutive numbers of an action or a robot state: how many, and what vla-eval (specs.py) calls their format."""

    size: int
    format: str


@dataclass(frozen=True)
class Wire:
    """What a policy behind vla-eval's protocol sees and answers; a server's declared specs are checked against it.

    Attributes:
        cameras: keys of the third-person and the wrist picture among an observation's images.
        state_key: key of the robot state in an observation.
        state: the robot state's format.
        action: the parts of an action, in the order of its 7 numbers, as the simulator takes them.
    """

    cameras: tuple[str, str]
    state_key: str
    state: Part
    action: Mapping[str, Part]


@dataclass(frozen=True)
class Benchmark:
    """Everything that the rest of the code must know to tell one benchmark from another.

    Attributes:
        name: of its module here, its package in muvla.sim, and the prefix of joint statistics ("libero").
        title: as printed ("LIBERO").
        example: an environment's name, to show how they are spelt.
        environments: by name, in the order of the paper's table.
        datasets: pattern of the names of its data sets: published ones and those collected here.
        cameras: the simulator's names of the third-person and the wrist camera, in this order.
        picture_size: height and width of the simulator's pictures.
        proprio_width: numbers in a robot state, P.
        proprio_key: the feature of the data sets that holds the robot state.
        action_bound: largest magnitude that the simulator's action space admits.
        action_mask: which action dimensions joint statistics normalise; None: all of them.
        standardise: (..., 7) actions as stored -> as the policy learns them.
        command: (..., 7) actions of the policy, un-normalised -> what the simulator gets.
        first_seed: of an evaluation's first episode.
        stored_states: number of initial states per environment, which seeds then count; None: any seed is one.
        simulator_options: which of the settings of an evaluation or a collection its simulator has.
        light_mesh: whether its pictures are of the light scene where nothing else is said.
        start_method: how simulator processes start. "forkserver" imports muvla.sim.<name>.preload once for all of them;
            "spawn" is for renderers that do not survive a fork.
        one_a_process: a process can hold one simulator in its life, so each gets a process of its own.
        check: the command that says whether the simulator works on this machine.
        instructions: whole instructions that the mini tokenizer knows.
        words: further words that it knows.
        wire: its conventions towards policies behind vla-eval's protocol.
    """

    name: str
    title: str
    example: str
    environments: Mapping[str, Environment]
    datasets: str
    cameras: tuple[str, str]
    picture_size: int
    proprio_width: int
    proprio_key: str
    action_bound: float
    action_mask: tuple[bool, ...] | None
    standardise: Callable[[np.ndarray], np.ndarray]
    command: Callable[[np.ndarray], np.ndarray]
    first_seed: int
    stored_states: int | None
    simulator_options: tuple[str, ...]
    light_mesh: bool
    start_method: str
    one_a_process: bool
    check: str
    instructions: tuple[str, ...]
    words: str
    wire: Wire

    def draws_light(self, asked: bool | None) -> bool:
        """Say whether the light scene is drawn; asked: what the options say, null where they say nothing."""
        return self.light_mesh if asked is None else asked

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families, in the order of the environments."""
        return tuple(dict.fromkeys(environment.family for environment in self.environments.values()))

    def of_family(self, family: str) -> tuple[str, ...]:
        """Names of the environments of `family`, in order."""
        return tuple(name for name, environment in self.environments.items() if environment.family == family)

    def select_options(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of `settings` that this benchmark's simulator has."""
        return {name: settings[name] for name in self.simulator_options if name in settings}


@cache
def benchmarks() -> Mapping[str, Benchmark]:
    """Return every benchmark by its name."""
    found = {}
    for module in pkgutil.iter_modules(muvla.benchmark.__path__):
        if module.name != "benchmark":
            record = getattr(importlib.import_module(f"muvla.benchmark.{module.name}"), module.name.upper())
            found[record.name] = record
    return found


def benchmark_of(name: str) -> Benchmark:
    """Return the benchmark of an environment, a task or a data set.

    Use nothing else for this; a name that merely looks like one of a benchmark's belongs to none.
    Raises ValueError for an unknown name, with the nearest known ones.
    """
    for benchmark in benchmarks().values():
        if name in benchmark.environments or re.fullmatch(benchmark.datasets, name):
            return benchmark
    raise _unknown(name)


def environment_named(name: str) -> Environment:
    """Return the environment or task called `name`. Raises ValueError with the nearest known names."""
    for benchmark in benchmarks().values():
        if name in benchmark.environments:
            return benchmark.environments[name]
    raise _unknown(name)


def require_options(environment: str, settings: object) -> None:
    """Raise ValueError for options of other benchmarks' simulators that `settings` sets.

    settings: a dataclass of options that may hold any of them; whatever is not its field's default counts as set.
    """
    own = benchmark_of(environment)
    owners = {name: other.title for other in benchmarks().values() for name in other.simulator_options}
    for field in dataclasses.fields(cast("Any", settings)):
        value = getattr(settings, field.name)
        if field.name in owners and field.name not in own.simulator_options and value != field.default:
            raise ValueError(
                f"{environment} has no {field.name}, which is an option of {owners[field.name]}: leave it out"
            )


def benchmarks_of_width(proprio_width: int) -> list[Benchmark]:
    """Return the benchmarks whose robot state has so many numbers: all that a checkpoint's tensors tell."""
    return [benchmark for benchmark in benchmarks().values() if benchmark.proprio_width == proprio_width]


def _unknown(name: str) -> ValueError:
    known = [environment for benchmark in benchmarks().values() for environment in benchmark.environments]
    close = difflib.get_close_matches(name, known, n=3)
    meant = f": did you mean {' or '.join(close)}?" if close else "."
    kinds = "; ".join(
        f"{len(benchmark.environments)} of {benchmark.title}, spelt like {benchmark.example} "
        f"({', '.join(benchmark.families)})"
        for benchmark in benchmarks().values()
    )
    return ValueError(f"unknown environment {name!r}{meant} There are {kinds}")
