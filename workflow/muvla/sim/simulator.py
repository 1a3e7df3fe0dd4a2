"""One simulator by the name of its environment, MIKASA-Robo's or LIBERO's, with the options that it understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from muvla.benchmark.libero import is_libero, libero_task
from muvla.benchmark.mikasa import environment_named
from muvla.sim.libero import assets as libero_assets
from muvla.sim.observation import action_space, observation_space


def known_environment(name: str) -> str:
    """`name`, if there is such an environment or task. Raises ValueError saying what there is."""
    if is_libero(name):
        return libero_task(name).name
    try:
        return environment_named(name).name
    except ValueError as error:
        raise ValueError(f"{error}; LIBERO's tasks are spelt like libero_spatial/3") from None


def make_simulator(environment: str, **options: Any) -> gymnasium.Env:
    """The environment in this process; options as LiberoEnv's or MikasaEnv's. Raises what their constructors raise."""
    if is_libero(environment):
        from muvla.sim.libero.env import LiberoEnv

        return LiberoEnv(environment, **options)
    from muvla.sim.mikasa.env import MikasaEnv

    return MikasaEnv(environment, **options)


def spaces(environment: str, actions_per_step: int) -> tuple[gymnasium.Space, gymnasium.Space]:
    """(observation space, action space) without making the environment."""
    if is_libero(environment):
        from muvla.sim.libero.env import PROPRIO, SIZE

        return observation_space(SIZE, PROPRIO), action_space(actions_per_step, bound=np.inf)
    return observation_space(), action_space(actions_per_step)


def require(environment: str, options: Mapping[str, Any]) -> None:
    """Raise here, before processes are started, what would end each of them; make the files that they share.

    Raises ValueError for an unknown name or option, cup.MissingMug, vulkan.NoVulkan, libero_assets.AlteredAssets,
    FileNotFoundError for missing ones, RuntimeError for an unwritable cache.
    """
    known_environment(environment)
    if is_libero(environment):
        from muvla.sim.libero.env import check_options

        check_options(options)
        libero_assets.verify()
        return
    from muvla.sim.mikasa import camera_mesh, cup, novelty
    from muvla.sim.mikasa.env import BACKENDS
    from muvla.sim.mikasa.vulkan import driver, require_backend

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
