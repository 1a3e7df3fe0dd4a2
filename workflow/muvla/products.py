"""Compute torch's float32 matrix products on the CPU by numpy's OpenBLAS, where the arithmetic is held (cpu.py).

Of MKL, which torch brings, Intel's and AMD's processors share only the code for SSE2, with which a training takes 1.8
times as long. OpenBLAS, held to its Haswell kernels, rounds alike on both and is as fast as MKL at its best
(benchmarks/results.md). torch's dispatcher asks these functions in place of its own, in backward passes too. Whatever
computes with torch imports this module: muvla.model and muvla.sim.mikasa.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from muvla import cpu

KEY = "CPU"  # the dispatcher's name for what runs there, below autograd
_library = torch.library.Library("aten", "IMPL")  # what it registers is gone when it is
_own: dict[str, Any] = {}  # torch's kernels, for other types of numbers


def install() -> None:
    """Take over torch's products, unless this process's arithmetic is free or it is done already."""
    if _own or cpu.state() == "native":
        return
    replaced: dict[str, Callable[..., Tensor]] = {"mm": _plain, "bmm": _plain, "addmm": _biased, "baddbmm": _biased}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch announces every kernel that is replaced
        for name, function in replaced.items():
            _own[name] = torch.library.get_kernel(f"aten::{name}", KEY)
            _library.impl(name, partial(function, name), KEY, with_keyset=True)


@contextmanager
def flushed() -> Iterator[None]:
    """Let numbers below 1e-38 become zero in this thread, unless the arithmetic is free.

    Attention that has become sure of itself is full of them, and products of such numbers took 4 times as long. Only
    while a policy computes: a simulator or somebody else's library may want them.
    """
    before = not (torch.tensor(1e-30) * 1e-10).item()
    torch.set_flush_denormal(before or cpu.state() != "native")
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _product(x: Tensor, y: Tensor) -> Tensor:
    return torch.from_numpy(np.matmul(x.numpy(force=True), y.numpy(force=True)))


def _plain(name: str, keys: Any, x: Tensor, y: Tensor) -> Tensor:
    """Compute mm or bmm."""
    return _product(x, y) if x.dtype == y.dtype == torch.float32 else _own[name].call_boxed(keys, x, y)


def _biased(name: str, keys: Any, bias: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Compute addmm or baddbmm."""
    if x.dtype == y.dtype == bias.dtype == torch.float32:
        return _added(bias, _product(x, y), beta, alpha)
    return _own[name].call_boxed(keys, bias, x, y, beta=beta, alpha=alpha)


def _added(bias: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """Return beta * bias + alpha * product; a bias times 0 is left out, whatever it holds."""
    if alpha != 1:
        product.mul_(alpha)
    return product.add_(bias, alpha=beta) if beta else product


install()
