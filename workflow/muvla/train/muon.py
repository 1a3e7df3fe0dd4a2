"""Muon, in a precision that the processor has.

torch.optim.Muon orthogonalises in bfloat16 everywhere. A processor without it emulates it, which takes longer than
forward and backward of the mini scale together (benchmarks/results.md). Rule, coefficients and saved state are torch's.
n matrices of one shape, R their shorter and C their longer side.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Muon(torch.optim.Muon):
    """torch.optim.Muon, with equal shapes in one product, in float32 on the CPU and in bfloat16 elsewhere."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every matrix that has a gradient; closure is run first, and its loss returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike: dict[tuple[object, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    kind = (tuple(sorted(matrix.shape)), matrix.dtype, matrix.device)
                    alike[kind].append((matrix, self._momentum(matrix, matrix.grad, group)))
            for pairs in alike.values():
                flat = [_flat(momentum).to(_precision(momentum)) for _, momentum in pairs]
                updates = orthogonalised(torch.stack(flat), group["ns_coefficients"], group["ns_steps"], group["eps"])
                for (matrix, _), update in zip(pairs, updates, strict=True):
                    rows, columns = matrix.shape
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    rate = group["lr"] * math.sqrt(max(1.0, rows / columns))
                    matrix.add_(update.T if rows > columns else update, alpha=-rate)
        return loss

    def _momentum(self, matrix: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        """Advance the matrix's momentum and return what is to be orthogonalised."""
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer: Tensor = state["momentum_buffer"]
        buffer.lerp_(gradient, 1 - group["momentum"])
        return gradient.lerp(buffer, group["momentum"]) if group["nesterov"] else buffer


def orthogonalised(matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Move the singular values of each matrix (n, R, C), R <= C, towards 1 by `steps` Newton-Schulz iterations."""
    a, b, c = coefficients
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=eps)  # (n, R, C)
    for _ in range(steps):
        gram = x @ x.mT  # (n, R, R)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _flat(matrix: Tensor) -> Tensor:
    return matrix.T if matrix.shape[0] > matrix.shape[1] else matrix


def _precision(matrix: Tensor) -> torch.dtype:
    """float32 on the CPU: few processors multiply bfloat16 themselves. (Not less than the matrix has.)"""
    return torch.promote_types(matrix.dtype, torch.float32) if matrix.device.type == "cpu" else torch.bfloat16
