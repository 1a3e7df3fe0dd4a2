"""`python -m muvla.sim.mikasa.check`: can this machine render MIKASA-Robo, with what, and how fast?

Prints the Vulkan driver, versions and, for the light and the shipped scene, steps per CPU second with both pictures and
the CPU milliseconds of a step's physics and of each camera's picture. Where rendering is impossible it says in one
sentence why and what to do, and exits with code 1.
"""

import argparse
import importlib.metadata
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial

import numpy as np

from muvla.benchmark.mikasa import MIKASA
from muvla.options import whole_number
from muvla.sim.mikasa.vulkan import NoPhysics, NoVulkan, driver, drivers

PACKAGES = ("mikasa-robo-suite", "mani_skill", "sapien", "torch", "gymnasium", "numpy")


@dataclass(frozen=True)
class Speed:
    """What a simulator costs, in CPU time of its process with all its threads."""

    steps_per_second: float  # of CPU time, with both pictures
    physics_ms: float  # a step without pictures
    camera_ms: dict[str, float]  # one picture


def measure(environment: str, backend: str, light_mesh: bool, frames: int) -> Speed:
    """Time `frames` steps with both pictures in this process and, on the CPU backend, what each part of them costs."""
    import torch

    from muvla.sim.mikasa.env import MikasaEnv

    torch.set_num_threads(1)
    env = MikasaEnv(environment, backend=backend, light_mesh=light_mesh)
    action = np.zeros((1, 7), np.float32)

    def step() -> None:
        if env.steps >= env.max_steps:
            env.reset(seed=0)
        env.step(action)

    def seconds(work: Callable[[], object]) -> float:
        began = time.process_time()
        for _ in range(frames):
            work()
        return (time.process_time() - began) / frames

    env.reset(seed=0)
    step()  # the first pictures compile the shaders
    step()
    whole = seconds(step)
    cameras = {}
    if backend == "cpu":
        cameras = {camera: 1000 * seconds(partial(env.pictures, (camera,))) for camera in MIKASA.cameras}
    env.rendering = False
    physics = 1000 * seconds(step)
    env.close()
    return Speed(1 / whole, physics, cameras)


def _sentence(error: Exception) -> str:
    """Say in one sentence why rendering is impossible and what to do."""
    if isinstance(error, NoVulkan | NoPhysics):
        return str(error)
    if isinstance(error, BrokenProcessPool):
        return (
            "Rendering is impossible because the renderer crashed its process: use Mesa >= 24.3 on a CPU or a current "
            "GPU driver, and leave 2 GB of memory free."
        )
    text = " ".join(str(error).split())
    if isinstance(error, ImportError | OSError) and ".so" in text:
        return (
            f"Rendering is impossible because a system library is missing ({text}): on Debian run `apt-get install "
            "libvulkan1 libx11-6 libegl1 libgl1 libgles2 libglib2.0-0`."
        )
    if isinstance(error, ImportError):
        return f"Rendering is impossible because a Python package is missing ({text}): run `make setup`."
    return f"Rendering is impossible because the simulator failed ({text})."


def check(environment: str, backend: str, frames: int) -> None:
    """Print drivers, versions and speed. Raises whatever makes rendering impossible."""
    kind = "CPU" if backend == "cpu" else "discrete GPU"
    for entry in drivers():
        print(f"vulkan    {entry.name}: {entry.description}; {entry.device} ({entry.kind})")
    print(f"used      {driver(kind).device}")
    for package in PACKAGES:
        print(f"version   {package} {importlib.metadata.version(package)}")
    # In a process of its own, so that a crash in the driver becomes a sentence too.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for light, name in ((True, "light"), (False, "shipped")):
            speed = pool.submit(measure, environment, backend, light, frames).result()
            parts = {"physics": speed.physics_ms, **speed.camera_ms}
            told = ", ".join(f"{part} {ms:.1f}" for part, ms in parts.items())
            print(
                f"speed     {name} scene: {speed.steps_per_second:.1f} steps per CPU second; CPU ms: {told}", flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m muvla.sim.mikasa.check", description=__doc__)
    parser.add_argument("--environment", default="RememberColor3", help="default RememberColor3")
    parser.add_argument("--backend", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--frames", type=whole_number(1), default=40, help="steps timed in each scene (default 40)")
    options = parser.parse_args()
    try:
        check(options.environment, options.backend, options.frames)
    except Exception as error:  # noqa: BLE001  whatever it is, the user gets one sentence
        raise SystemExit(_sentence(error)) from None


if __name__ == "__main__":
    main()
