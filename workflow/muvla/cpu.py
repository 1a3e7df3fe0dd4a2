"""One arithmetic on every x86-64 CPU with AVX2, chosen before the libraries look at the processor.

torch, oneDNN, MKL, OpenBLAS, numpy and Mesa pick kernels by what the processor can do and by who made it, and other
kernels round differently, which can decide an episode. `import muvla` therefore calls `hold`, before any of them is
loaded. What it sets overrides the user's settings, and processes started later inherit it. Computations on a GPU, and
so the paper's scale, are not held; MUVLA_CPU=native frees everything else, for speed (docs/results.md has the price).
"""

import os
import sys
import warnings
from collections.abc import Iterable, Mapping, MutableMapping
from typing import TypeVar

Record = TypeVar("Record")
VARIABLE = "MUVLA_CPU"  # "native": nothing is held; a process tells those that it starts
FREE = {"scale=paper", "device=cuda", "backend=gpu"}  # options of commands that compute on a GPU
NEEDED = {"avx2", "fma"}  # flags of the processor; to force these kernels on one without them would crash it
HELD = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch: convolutions, GELU, bfloat16
    "MKL_CBWR": "COMPATIBLE",  # torch: products and exponentials; the only code that Intel's and AMD's CPUs share
    "OPENBLAS_CORETYPE": "Haswell",  # numpy, scipy: products
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # numpy: exponentials, powers, angles
    "GALLIUM_OVERRIDE_CPU_CAPS": "avx",  # Mesa: AVX and AVX2, not AVX-512
    "LP_NATIVE_VECTOR_WIDTH": "256",  # bits; Mesa
    # Threads decide the order of sums. A command's option `threads` replaces this for torch.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MKL_DYNAMIC": "FALSE",  # as many threads as were asked for, on fewer cores, too
    "OPENBLAS_NUM_THREADS": "1",
}
READERS = ("numpy", "torch")  # modules that read them when they are imported
_late: list[str] = []  # those of them that were there before `hold`


def hold() -> None:
    """Set HELD in this process's environment, or take it back where a parent set it and nothing is to be held.

    Warns where that comes too late, or where the processor lacks AVX2 and nothing can be held. Raises ValueError for a
    MUVLA_CPU of no meaning.
    """
    if wants_native(sys.argv):
        release(os.environ)
    elif missing := NEEDED - flags():
        release(os.environ)
        warnings.warn(f"this processor lacks {', '.join(sorted(missing))}: expect other episodes here", stacklevel=3)
    else:
        _late.extend(loaded_too_early())
        if _late:
            warnings.warn(
                f"{' and '.join(_late)} came before muvla and may round as this processor likes: import muvla first, "
                f"or set {VARIABLE}=native",
                stacklevel=3,
            )
        os.environ.update(HELD)


def wants_native(arguments: Iterable[str]) -> bool:
    """Say whether a command line or MUVLA_CPU frees this process. Raises ValueError for a MUVLA_CPU of no meaning."""
    value = os.environ.get(VARIABLE, "")
    if value not in ("", "native"):
        raise ValueError(f"{VARIABLE} is {value!r}: leave it out, or set it to native")
    return value == "native" or not FREE.isdisjoint(arguments)


def release(environment: MutableMapping[str, str]) -> None:
    """Take back what a parent process has set, and tell those that this one starts."""
    environment[VARIABLE] = "native"
    for name, value in HELD.items():
        if environment.get(name) == value:
            del environment[name]


def state() -> str:
    """Return "AVX2" where everything is held to it, "native" where nothing is, for the provenance."""
    if os.environ.get(VARIABLE) == "native":
        return "native"
    return "AVX2, but numpy or torch came first" if _late else "AVX2"


def flags() -> set[str]:
    """Return the flags of this machine's first processor; none where the system does not list them."""
    return set(_listed("flags").split())


def maker() -> str:
    """Return who made the processor, as it says itself ("GenuineIntel", "AuthenticAMD"); "" where nothing says so."""
    return _listed("vendor_id")


def of_maker(records: Mapping[str, Record]) -> Record | None:
    """Return what is on record for processors of this one's maker, else what is on record first."""
    return records.get(maker(), next(iter(records.values()), None))


def _listed(name: str) -> str:
    """Return what the system says of its first processor under `name`."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
    except OSError:
        return ""


def loaded_too_early() -> list[str]:
    """Return the modules that were imported before anybody had set what they read."""
    if all(os.environ.get(name) == value for name, value in HELD.items()):
        return []
    return [name for name in READERS if name in sys.modules]
