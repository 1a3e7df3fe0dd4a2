"""Many simulators at once: a process each, behind gymnasium's AsyncVectorEnv (spec simulators: physx_cpu)."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv

from muvla.benchmark.benchmark import benchmark_of
from muvla.sim import no_autoreset
from muvla.sim.interrupts import ignore_sigint_in_children
from muvla.sim.simulator import make_simulator, preflight, spaces


class DeadSimulator(RuntimeError):
    """A simulator's process ended without an answer."""


class _Spaces(gymnasium.Env):
    """What gymnasium asks of a first environment in the parent: its spaces. A real one would cost seconds and 1 GB."""

    def __init__(self, environment: str, actions_per_step: int) -> None:
        self.observation_space, self.action_space = spaces(environment, actions_per_step)


class _Slot:
    """Makes the environment of one slot in its own process."""

    def __init__(self, environment: str, options: dict[str, Any], slot: int) -> None:
        self.environment, self.options, self.slot, self.parent = environment, options, slot, os.getpid()

    def __call__(self) -> gymnasium.Env:
        if os.getpid() == self.parent:
            return _Spaces(self.environment, self.options.get("actions_per_step", 1))
        import torch

        torch.set_num_threads(1)  # the cores belong to the other simulators
        return no_autoreset.by_hand(make_simulator(self.environment, **self.options), self.slot)


class SimulatorVector(AsyncVectorEnv):
    """AsyncVectorEnv that names dead processes, instead of ending in a broken pipe.

    check: the command that says whether the simulator works on this machine, for the error.
    """

    def __init__(self, slots: Sequence[Callable[[], gymnasium.Env]], *, check: str, **options: Any) -> None:
        self.check = check
        super().__init__(slots, **options)

    def _guard(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(), name)(*args, **kwargs)
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise self._death() from error

    def _death(self) -> DeadSimulator:
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
        self._guard("_check_spaces")

    def reset_async(self, *args: Any, **kwargs: Any) -> None:
        """As gymnasium's; raises DeadSimulator."""
        self._guard("reset_async", *args, **kwargs)

    def reset_wait(self, *args: Any, **kwargs: Any) -> Any:
        """As gymnasium's; raises DeadSimulator."""
        return self._guard("reset_wait", *args, **kwargs)

    def step_async(self, actions: np.ndarray) -> None:
        """As gymnasium's; raises DeadSimulator."""
        self._guard("step_async", actions)

    def step_wait(self, *args: Any, **kwargs: Any) -> Any:
        """As gymnasium's; raises DeadSimulator."""
        return no_autoreset.told(self._guard("step_wait", *args, **kwargs))

    def call_wait(self, *args: Any, **kwargs: Any) -> Any:
        """As gymnasium's; raises DeadSimulator."""
        return self._guard("call_wait", *args, **kwargs)


def make_vector(environment: str, slots: int, *, context: str | None = None, **options: Any) -> SimulatorVector:
    """Start `slots` simulators of one environment, a process each; options as their constructor's.

    Nothing resets by itself: reset(seed=[...], options={"reset_mask": np.array([...], bool)}) begins an episode in the
    slots of the mask; a slot sits out a step() when its actions are NaN. provenance: call("provenance")[0].
    context: how processes start; None: as the benchmark's simulator needs it.
    Raises ValueError for no slot and what simulator.preflight raises, all before a process is started; DeadSimulator
    when one ends, then or later.
    """
    if slots < 1:
        raise ValueError(f"{slots} simulators; there must be at least one")
    preflight(environment, options)
    benchmark = benchmark_of(environment)
    context = context or benchmark.start_method
    if context == "forkserver":
        # The server imports the simulator once (3 s of CPU) and forks; a slot still pays 7 s for its first picture.
        multiprocessing.set_forkserver_preload([f"muvla.sim.{benchmark.name}.preload"])
    with ignore_sigint_in_children():
        return SimulatorVector(
            [_Slot(environment, options, slot) for slot in range(slots)],
            check=benchmark.check,
            shared_memory=True,
            context=context,
            **no_autoreset.ARGUMENTS,
        )
