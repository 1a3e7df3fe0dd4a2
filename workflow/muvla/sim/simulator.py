"""One simulator by the name of its environment, MIKASA-Robo's or LIBERO's, with the options that it understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from muvla.sim import libero_assets
from muvla.sim.environments import environment_named
from muvla.sim.observation import action_space, observation_space
from muvla.sim.suites import is_libero, libero_task

MIKASA_OPTIONS = ("backend", "light_mesh", "standin_mug", "phases", "unseen_colours")
LIBERO_OPTIONS = ("reset_rule", "placement", "reflections")


def known_environment(name: str) -> str:
    """`name`, if there is such an environment or task. Raises ValueError saying what there is."""
    if is_libero(name):
        return libero_task(name).name
    try:
        return environment_named(name).name
    except ValueError as error:
        raise ValueError(f"{error}; LIBERO's tasks are spelt like libero_spatial/3") from None


def proprio_width(name: str) -> int:
    """8 for a LIBERO task, 7 for a MIKASA-Robo environment."""
    return 8 if is_libero(name) else 7


def options_for(environment: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the `given` options that the environment's simulator has."""
    own = LIBERO_OPTIONS if is_libero(environment) else MIKASA_OPTIONS
    return {name: given[name] for name in own if name in given}


def make_simulator(environment: str, **options: Any) -> gymnasium.Env:
    """The environment in this process; options as LiberoEnv's or MikasaEnv's. Raises what their constructors raise."""
    if is_libero(environment):
        from muvla.sim.libero import LiberoEnv

        return LiberoEnv(environment, **options)
    from muvla.sim.mikasa import MikasaEnv

    return MikasaEnv(environment, **options)


def spaces(environment: str, actions_per_step: int) -> tuple[gymnasium.Space, gymnasium.Space]:
    """(observation space, action space) without making the environment."""
    if is_libero(environment):
        from muvla.sim.libero import PROPRIO, SIZE

        return observation_space(SIZE, PROPRIO), action_space(actions_per_step, bound=np.inf)
    return observation_space(), action_space(actions_per_step)


def require(environment: str, options: Mapping[str, Any]) -> None:
    """Raise here, before processes are started, what would end each of them; make the files that they share.

    Raises ValueError for an unknown name or option, cup.MissingMug, vulkan.NoVulkan, libero_assets.AlteredAssets,
    FileNotFoundError for missing ones, RuntimeError for an unwritable cache.
    """
    known_environment(environment)
    if is_libero(environment):
        from muvla.sim.libero import check_options

        check_options(options)
        libero_assets.verify()
        return
    from muvla.sim import camera_mesh, cup, novelty
    from muvla.sim.backend import require_backend
    from muvla.sim.mikasa import BACKENDS
    from muvla.sim.vulkan import driver

    row, backend = environment_named(environment), options.get("backend", "cpu")
    if backend not in BACKENDS:
        raise ValueError(f"unknown simulator backend {backend!r}; there are: {', '.join(BACKENDS)}")
    novelty.require(row, options.get("phases"), options.get("unseen_colours"))
    require_backend(backend)
    if options.get("render", True):
        driver("CPU" if backend == "cpu" else "discrete GPU")
    camera_mesh.robot_description(options.get("light_mesh", True))
    if row.family == "ShellGame":
        cup.choose(environment, options.get("standin_mug", False))
