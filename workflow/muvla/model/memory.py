"""The memory bank: what a slot starts from, and how one step's memory becomes the next one's (spec 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from muvla.model.architecture import MemorySettings


class Memory(nn.Module):
    """`initial_memory` (m, D), learned; the state itself belongs to whoever runs the steps."""

    def __init__(self, settings: MemorySettings, width: int) -> None:
        super().__init__()
        self.settings = settings
        self.initial_memory = nn.Parameter(torch.randn(settings.num_mem_tokens, width) * 0.02)

    def start(self, batch: int) -> Tensor:
        """Put every slot at the initial memory: (B, m, D), with its gradient."""
        return self.initial_memory.expand(batch, -1, -1)

    def reset(self, memory: Tensor, is_first: Tensor) -> Tensor:
        """Restart slots that begin an episode from `initial_memory`; their past gets no gradient.

        memory (B, m, D), is_first (B,) bool -> (B, m, D)
        """
        return torch.where(is_first[:, None, None], self.start(memory.shape[0]).to(memory.dtype), memory)

    def update(self, memory_in: Tensor, memory_out: Tensor) -> Tensor:
        """Make the next step's memory (B, m, D): the read-out itself (tbptt), or a detached moving average (ema)."""
        if self.settings.memory_update == "tbptt":
            return memory_out
        alpha = self.settings.ema_alpha
        return alpha * memory_out.detach() + (1.0 - alpha) * memory_in.detach()


def token_norms(memory: Tensor) -> Tensor:
    """Measure the L2 norm of each token: (..., m, D) -> (..., m)."""
    return memory.norm(dim=-1)


def token_distances(memory: Tensor, before: Tensor) -> Tensor:
    """Measure how far each token turned, 1 - cos: M_t and M_{t-1}, both (..., m, D) -> (..., m)."""
    return 1 - torch.nn.functional.cosine_similarity(memory, before, dim=-1)
