"""Asks whether SAPIEN can work here: the Vulkan driver that it renders with, and PhysX for GPUs."""

import ctypes
import ctypes.util
import importlib.metadata
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from muvla.sim.contract import SimulatorError

GPU_ONLY = "3.0.0b1"  # the paper's SAPIEN, of containers/paper.lock (spec 0): it has no renderer for CPUs

_APPLICATION_INFO, _INSTANCE_INFO = 0, 1  # VkStructureType
_PROPERTIES_2, _DRIVER_PROPERTIES = 1000059001, 1000196000
_VERSION_1_1 = (1 << 22) | (1 << 12)  # the first version with vkGetPhysicalDeviceProperties2
_KINDS = {0: "other", 1: "integrated GPU", 2: "discrete GPU", 3: "virtual GPU", 4: "CPU"}
_MESA_NEEDED = (24, 3)


class NoVulkan(SimulatorError):
    """Rendering is impossible; the message is one sentence that says why and what to do."""


class NoPhysics(SimulatorError):
    """PhysX for GPUs is missing; the message is one sentence that says where and what to do."""


class _ApplicationInfo(ctypes.Structure):
    _fields_ = [
        ("sType", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("pApplicationName", ctypes.c_char_p),
        ("applicationVersion", ctypes.c_uint32),
        ("pEngineName", ctypes.c_char_p),
        ("engineVersion", ctypes.c_uint32),
        ("apiVersion", ctypes.c_uint32),
    ]


class _InstanceInfo(ctypes.Structure):
    _fields_ = [
        ("sType", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("pApplicationInfo", ctypes.POINTER(_ApplicationInfo)),
        ("enabledLayerCount", ctypes.c_uint32),
        ("ppEnabledLayerNames", ctypes.c_void_p),
        ("enabledExtensionCount", ctypes.c_uint32),
        ("ppEnabledExtensionNames", ctypes.c_void_p),
    ]


class _DriverProperties(ctypes.Structure):
    _fields_ = [
        ("sType", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("driverID", ctypes.c_int),
        ("driverName", ctypes.c_char * 256),
        ("driverInfo", ctypes.c_char * 256),
        ("conformance", ctypes.c_uint8 * 4),
    ]


class _DeviceProperties(ctypes.Structure):
    _fields_ = [
        ("sType", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("apiVersion", ctypes.c_uint32),
        ("driverVersion", ctypes.c_uint32),
        ("vendorID", ctypes.c_uint32),
        ("deviceID", ctypes.c_uint32),
        ("deviceType", ctypes.c_int),
        ("deviceName", ctypes.c_char * 256),
        ("rest", ctypes.c_uint8 * 2048),  # more than the limits and sparse properties of any version
    ]


@dataclass(frozen=True)
class Driver:
    """name: "llvmpipe"; description: "Mesa 25.0.7 (LLVM 15.0.6)"; device: its own name; kind: "CPU", "discrete GPU"."""

    name: str
    description: str
    device: str
    kind: str

    @property
    def mesa(self) -> tuple[int, int] | None:
        """(major, minor) of Mesa, None for other drivers."""
        found = re.match(r"Mesa (\d+)\.(\d+)", self.description)
        return (int(found[1]), int(found[2])) if found else None


def _loader() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libvulkan.so.1")
    except OSError as error:
        raise NoVulkan(
            f"Rendering is impossible because the Vulkan loader is missing ({error}): install it with "
            "`apt-get install libvulkan1`."
        ) from None


def drivers() -> list[Driver]:
    """List every Vulkan device, in the loader's order. Raises NoVulkan when there is no loader or no device."""
    vulkan = _loader()
    application = _ApplicationInfo(sType=_APPLICATION_INFO, apiVersion=_VERSION_1_1)
    request = _InstanceInfo(sType=_INSTANCE_INFO, pApplicationInfo=ctypes.pointer(application))
    instance, count = ctypes.c_void_p(), ctypes.c_uint32()
    code = vulkan.vkCreateInstance(ctypes.byref(request), None, ctypes.byref(instance))
    if code == 0:
        vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    if code != 0 or count.value == 0:
        raise NoVulkan(
            f"Rendering is impossible because no Vulkan driver works here (loader code {code}, {count.value} devices): "
            "install Mesa >= 24.3 (on Debian bookworm `apt-get install -t bookworm-backports mesa-vulkan-drivers`) and "
            "check that VK_ICD_FILENAMES, VK_DRIVER_FILES are unset or name its existing .json file."
        )
    handles = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    found = []
    for handle in handles[: count.value]:
        driver = _DriverProperties(sType=_DRIVER_PROPERTIES)
        device = _DeviceProperties(sType=_PROPERTIES_2, pNext=ctypes.cast(ctypes.pointer(driver), ctypes.c_void_p))
        vulkan.vkGetPhysicalDeviceProperties2(ctypes.c_void_p(handle), ctypes.byref(device))
        found.append(
            Driver(
                driver.driverName.decode(errors="replace"),
                driver.driverInfo.decode(errors="replace"),
                device.deviceName.decode(errors="replace"),
                _KINDS.get(device.deviceType, "other"),
            )
        )
    vulkan.vkDestroyInstance(instance, None)
    return found


@cache
def driver(kind: str = "CPU") -> Driver:
    """Return the driver that the simulator will use: the first device of `kind`, else the first of any.

    Raises NoVulkan when there is none, or when it is a Mesa too old for SAPIEN (needs 24.3).
    """
    found = drivers()
    chosen = next((entry for entry in found if entry.kind == kind), found[0])
    if chosen.kind == "CPU" and chosen.mesa is not None and chosen.mesa < _MESA_NEEDED:
        raise NoVulkan(
            f"Rendering is impossible because {chosen.description} is too old for SAPIEN on a CPU: install Mesa >= "
            "24.3 (on Debian bookworm `apt-get install -t bookworm-backports mesa-vulkan-drivers`)."
        )
    return chosen


def require_backend(backend: str) -> None:
    """Raise NoVulkan for "cpu" with the paper's SAPIEN and for "gpu" without a GPU, NoPhysics without PhysX for it."""
    if backend == "cpu":
        if importlib.metadata.version("sapien") == GPU_ONLY:
            raise NoVulkan(
                f"Rendering is impossible because SAPIEN {GPU_ONLY} (containers/paper.lock) renders on GPUs only: use "
                "backend=gpu on a machine with a GPU, or the packages of containers/requirements.lock."
            )
        return
    import torch

    if not torch.cuda.is_available():
        raise NoVulkan(
            "Rendering is impossible because backend=gpu finds no GPU that CUDA can use: check `nvidia-smi` (in an "
            "image, `apptainer exec --nv`), or use backend=cpu with the packages of containers/requirements.lock."
        )
    _require_physics()


def _require_physics() -> None:
    """Raise NoPhysics where SAPIEN would download PhysX for GPUs in the middle of a run (spec 8, P10)."""
    import sapien.physx

    library = Path.home() / ".sapien" / "physx" / sapien.physx.version() / "libPhysXGpu_64.so"
    if not library.exists():
        raise NoPhysics(
            f"Simulation is impossible because backend=gpu needs PhysX for GPUs, and {library} is missing: fetch it "
            f"once, where there is network (236 MB from GitHub), with `rm -f {library}; python -c 'import "
            "sapien.physx; sapien.physx.enable_gpu()'` (without a GPU it ends in an error about libcuda.so after "
            '"Download complete.", which does not matter), or use an image that has it and a HOME that can be written.'
        )
