"""Many simulators at once: a process each, behind gymnasium's AsyncVectorEnv (spec simulators: physx_cpu)."""

import multiprocessing
import os
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from muvla.sim import camera_mesh, cup
from muvla.sim.environments import environment_named
from muvla.sim.interrupts import deaf_children
from muvla.sim.mikasa import BACKENDS, MikasaEnv
from muvla.sim.observation import action_space, observation_space
from muvla.sim.vulkan import driver

# The server imports the simulator once (3 s of CPU) and forks; a slot still pays 7 s for its first picture.
CONTEXT = "forkserver"
PRELOAD = ["muvla.sim.preload"]


class DeadSimulator(RuntimeError):
    """A simulator's process ended without an answer."""


class _Spaces(gymnasium.Env):
    """What gymnasium asks of a first environment in the parent: its spaces. A real one would cost seconds and 1 GB."""

    def __init__(self, actions_per_step: int) -> None:
        self.observation_space, self.action_space = observation_space(), action_space(actions_per_step)


class _Slot:
    """Makes the environment of one slot in its own process."""

    def __init__(self, environment: str, options: dict[str, Any]) -> None:
        self.environment, self.options, self.parent = environment, options, os.getpid()

    def __call__(self) -> gymnasium.Env:
        if os.getpid() == self.parent:
            return _Spaces(self.options.get("actions_per_step", 1))
        import torch

        torch.set_num_threads(1)  # the cores belong to the other simulators
        return MikasaEnv(self.environment, **self.options)


class MikasaVector(AsyncVectorEnv):
    """AsyncVectorEnv whose dead processes are named, instead of ending in a broken pipe."""

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
            f"the simulator process of slot {', '.join(dead) or 'unknown'} died. `python -m muvla.sim.check` says "
            "whether the simulator works; if it does, memory may be short: each process takes 1.2 GB."
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
        return self._guard("step_wait", *args, **kwargs)

    def call_wait(self, *args: Any, **kwargs: Any) -> Any:
        """As gymnasium's; raises DeadSimulator."""
        return self._guard("call_wait", *args, **kwargs)


def require(environment: str, options: dict[str, Any]) -> None:
    """Raise here, before processes are started, what would end each of them; make the files that they share.

    Raises ValueError for an unknown name, cup.MissingMug, vulkan.NoVulkan, RuntimeError for an unwritable cache.
    """
    row, backend = environment_named(environment), options.get("backend", "cpu")
    if backend not in BACKENDS:
        raise ValueError(f"unknown simulator backend {backend!r}; there are: {', '.join(BACKENDS)}")
    if options.get("render", True):
        driver("CPU" if backend == "cpu" else "discrete GPU")
    camera_mesh.robot_description(options.get("light_mesh", True))
    if row.family == "ShellGame":
        cup.choose(environment, options.get("standin_mug", False))


def make_vector(environment: str, slots: int, *, context: str = CONTEXT, **options: Any) -> MikasaVector:
    """`slots` simulators of one environment, a process each; options as MikasaEnv's.

    Nothing resets by itself: reset(seed=[...], options={"reset_mask": np.array([...], bool)}) begins an episode in the
    slots of the mask; a slot sits out a step() when its actions are NaN. provenance: call("provenance")[0].
    Raises ValueError for unknown names or no slot, cup.MissingMug, vulkan.NoVulkan, all before a process is started;
    DeadSimulator when one ends, then or later.
    """
    if slots < 1:
        raise ValueError(f"{slots} simulators; there must be at least one")
    require(environment, options)
    if context == "forkserver":
        multiprocessing.set_forkserver_preload(PRELOAD)
    with deaf_children():
        return MikasaVector(
            [_Slot(environment, options) for _ in range(slots)],
            shared_memory=True,
            context=context,
            autoreset_mode=AutoresetMode.DISABLED,
        )
