"""MIKASA-Robo's entry points for muvla.sim.simulator."""

from typing import Any

from muvla.benchmark.benchmark import environment_named
from muvla.sim.contract import Options
from muvla.sim.installed import require_installed
from muvla.sim.mikasa import cup, light_scene, novelty
from muvla.sim.mikasa.env import BACKENDS, MikasaEnv
from muvla.sim.mikasa.vulkan import driver, require_backend


def make(environment: str, **options: Any) -> MikasaEnv:
    """Make the environment in this process. Raises as MikasaEnv."""
    return MikasaEnv(environment, **options)


def preflight(environment: str, options: Options) -> None:
    """Check names, options, Vulkan and the mug; make the light scene's meshes.

    Raises ValueError, ForeignPackage, cup.MissingMug, vulkan.NoVulkan, vulkan.NoPhysics; SimulatorError for a cache
    that cannot be written.
    """
    row, backend = environment_named(environment), options.get("backend", "cpu")
    if backend not in BACKENDS:
        raise ValueError(f"unknown simulator backend {backend!r}; there are: {', '.join(BACKENDS)}")
    for package, distribution in (("mani_skill", "mani_skill"), ("mikasa_robo_suite", "mikasa-robo-suite")):
        require_installed(package, distribution)
    novelty.require(row, options.get("phases"), options.get("unseen_colours"))
    require_backend(backend)
    if options.get("render", True):
        driver("CPU" if backend == "cpu" else "discrete GPU")
    light_scene.robot_description(options.get("light_mesh", True))
    if row.family == "ShellGame":
        cup.choose(environment, options.get("standin_mug", False))


def start_up_check(environment: str) -> None:
    """Nothing is on record: MIKASA-Robo's pictures differ between renderers, which its provenance names."""
