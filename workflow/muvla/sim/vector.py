"""Many simulators at once, a process each, behind gymnasium's AsyncVectorEnv; a single one in this process."""

import contextlib
import multiprocessing.connection
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from muvla.benchmark.benchmark import benchmark_of
from muvla.sim import no_autoreset
from muvla.sim.contract import Options, SimulatorError, spaces
from muvla.sim.interrupts import ignore_sigint_in_children
from muvla.sim.simulator import make_simulator, preflight


class DeadSimulator(SimulatorError):
    """A simulator's process ended without an answer."""


class _Spaces(gymnasium.Env):
    """The spaces that gymnasium reads in the parent from a first environment: a real one costs seconds and 1 GB."""

    def __init__(self, environment: str, actions_per_step: int) -> None:
        self.observation_space, self.action_space = spaces(benchmark_of(environment), actions_per_step)


class _Slot:
    """Make the environment of one slot in its own process."""

    def __init__(self, environment: str, options: Options, slot: int) -> None:
        self.environment, self.options, self.slot, self.parent = environment, options, slot, os.getpid()

    def __call__(self) -> gymnasium.Env:
        if os.getpid() == self.parent:
            return _Spaces(self.environment, self.options.get("actions_per_step", 1))
        torch.set_num_threads(1)  # the cores belong to the other simulators
        return no_autoreset.without_autoreset(make_simulator(self.environment, **self.options), self.slot)


class SimulatorVector(AsyncVectorEnv):
    """AsyncVectorEnv that names dead processes, instead of ending in a broken pipe.

    check: the command that says whether the simulator works on this machine, for the error.
    """

    def __init__(self, slots: Sequence[Callable[[], gymnasium.Env]], *, check: str, **options: Any) -> None:
        self.check = check
        super().__init__(slots, **options)

    @contextlib.contextmanager
    def _naming_the_dead(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise self._death() from error

    def _death(self) -> DeadSimulator:
        # The pipe is broken before the exit code is known, on a busy machine by seconds.
        multiprocessing.connection.wait([process.sentinel for process in self.processes], timeout=30)
        for process in self.processes:
            process.join(timeout=0.5)
        dead = [f"{slot} (exit code {p.exitcode})" for slot, p in enumerate(self.processes) if not p.is_alive()]
        for process in self.processes:
            process.terminate()
        for pipe in self.parent_pipes:
            if pipe is not None:
                pipe.close()
        self.closed = True
        return DeadSimulator(
            f"the simulator process of slot {', '.join(dead) or 'unknown'} died. `{self.check}` "
            "says whether the simulator works; if it does, memory may be short: each process takes 1.2 GB."
        )

    def _check_spaces(self) -> None:
        with self._naming_the_dead():
            super()._check_spaces()

    def reset_async(
        self, seed: int | list[int | None] | None = None, options: dict[str, np.ndarray] | None = None
    ) -> None:
        """Do as gymnasium's. Raises DeadSimulator."""
        with self._naming_the_dead():
            super().reset_async(seed=seed, options=options)

    def reset_wait(self, timeout: float | None = None) -> Any:  # gymnasium's own type is wrong for dictionaries
        """Do as gymnasium's. Raises DeadSimulator."""
        with self._naming_the_dead():
            return super().reset_wait(timeout)

    def step_async(self, actions: np.ndarray | Sequence[np.ndarray]) -> None:
        """Do as gymnasium's. Raises DeadSimulator."""
        with self._naming_the_dead():
            super().step_async(actions)  # type: ignore[arg-type]  # gymnasium iterates over them

    def step_wait(self, timeout: float | None = None) -> Any:
        """Do as gymnasium's. Raises DeadSimulator."""
        with self._naming_the_dead():
            return no_autoreset.return_truncation(super().step_wait(timeout))

    def call_wait(self, timeout: float | None = None) -> tuple[Any, ...]:
        """Do as gymnasium's. Raises DeadSimulator."""
        with self._naming_the_dead():
            return tuple(super().call_wait(timeout))


class LocalSimulator(SyncVectorEnv):
    """A vector of one simulator in this process, behind the interface of SimulatorVector.

    MIKASA-Robo's steps are many small operations of torch, which cost a tenth less in inference mode.
    """

    def __init__(self, environment: str, options: Options) -> None:
        with torch.inference_mode():
            simulator = make_simulator(environment, **options)
        super().__init__([lambda: no_autoreset.without_autoreset(simulator, 0)], copy=False, **no_autoreset.ARGUMENTS)

    def reset(self, **arguments: Any) -> Any:  # gymnasium's own type is wrong for dictionaries
        """Do as gymnasium's. Raises what the simulator raises."""
        with torch.inference_mode():
            return super().reset(**arguments)

    def step(self, actions: Any) -> Any:
        """Do as gymnasium's. Raises what the simulator raises."""
        with torch.inference_mode():
            return no_autoreset.return_truncation(super().step(actions))


Simulators = SimulatorVector | LocalSimulator


def make_vector(environment: str, slots: int, *, context: str | None = None, **options: Any) -> Simulators:
    """Start `slots` simulators of one environment; options as their constructor's.

    Several run in a process each. A single one runs in this process, which saves the start of another one and copies,
    unless the benchmark's needs its own: where a driver crashes, this process ends.

    Nothing resets by itself: reset(seed=[...], options={"reset_mask": np.array([...], bool)}) begins an episode in the
    slots of the mask; step() takes the actions of each slot, (0 to A, 7), and a slot without rows sits out.
    provenance: call("provenance")[0].
    context: how processes start; None: as the benchmark's simulator needs it.
    Raises ValueError for no slot and what simulator.preflight raises, all before a process is started; DeadSimulator
    when one ends, then or later.
    """
    if slots < 1:
        raise ValueError(f"{slots} simulators; there must be at least one")
    preflight(environment, options)
    benchmark = benchmark_of(environment)
    if slots == 1 and not benchmark.one_a_process:
        return LocalSimulator(environment, options)
    context = context or benchmark.start_method
    if context == "forkserver":
        # The server imports the simulator once (3 s of CPU) and forks.
        multiprocessing.set_forkserver_preload([f"muvla.sim.{benchmark.name}.preload"])
    with ignore_sigint_in_children():
        return SimulatorVector(
            [_Slot(environment, options, slot) for slot in range(slots)],
            check=benchmark.check,
            shared_memory=True,
            context=context,
            **no_autoreset.ARGUMENTS,
        )
