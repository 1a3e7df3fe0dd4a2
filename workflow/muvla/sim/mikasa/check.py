"""`python -m muvla.sim.mikasa.check`: can this machine render MIKASA-Robo, with what, and how fast?

Prints the Vulkan driver, versions, and steps a second with the shipped and with the light wrist-camera mesh. Where
rendering is impossible it says in one sentence why and what to do, and exits with code 1.
"""

import argparse
import importlib.metadata
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from muvla.sim.mikasa.vulkan import NoVulkan, driver, drivers

PACKAGES = ("mikasa-robo-suite", "mani_skill", "sapien", "torch", "gymnasium", "numpy")


def frames_per_second(environment: str, backend: str, light_mesh: bool, frames: int) -> float:
    """Measure simulator steps with both pictures per second, in this process."""
    import torch

    from muvla.sim.mikasa.env import MikasaEnv

    torch.set_num_threads(1)
    env = MikasaEnv(environment, backend=backend, light_mesh=light_mesh)
    action = np.zeros((1, 7), np.float32)
    env.reset(seed=0)
    env.step(action)  # the first pictures compile the shaders
    env.reset(seed=0)
    began, done = time.monotonic(), 0
    while done < frames:
        done += env.step(action)[4]["executed"]
        if env.steps >= env.max_steps:
            env.reset(seed=0)
    seconds = time.monotonic() - began
    env.close()
    return done / seconds


def _sentence(error: Exception) -> str:
    """Say in one sentence why rendering is impossible and what to do."""
    if isinstance(error, NoVulkan):
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
            rate = pool.submit(frames_per_second, environment, backend, light, frames).result()
            print(f"speed     {rate:.1f} steps a second with both cameras, {name} wrist-camera mesh", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m muvla.sim.mikasa.check", description=__doc__)
    parser.add_argument("--environment", default="RememberColor3", help="default RememberColor3")
    parser.add_argument("--backend", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--frames", type=int, default=40, help="steps timed with each mesh (default 40)")
    options = parser.parse_args()
    try:
        check(options.environment, options.backend, options.frames)
    except Exception as error:  # noqa: BLE001  whatever it is, the user gets one sentence
        raise SystemExit(_sentence(error)) from None


if __name__ == "__main__":
    main()
