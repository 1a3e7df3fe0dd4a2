"""π0.5's action expert: blocks that attend to the language model's keys and values, steered by the flow's time.

openpi's design with our names: the time enters through the norms alone (adaRMS), the state is part of the prompt, and
the language model never sees the actions. Its keys are in the order of lean.py: component i of a head beside i + d/2.
N rows (1 for what all rows share), S tokens of the language model, C chunk, A action dimensions, W width of the expert,
D width of the language model, H heads, d their width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from muvla.model.architecture import Architecture
from muvla.model.attention_gradient import Attention, Sight
from muvla.model.lean import Norm
from muvla.model.llama import Mlp

PERIODS = (4e-3, 4.0)  # of the sines that say what time it is, shortest and longest (openpi)


@dataclass(frozen=True)
class FlowSettings:
    """Sizes of the expert, whose layers and heads are the language model's; steps: of the denoising."""

    width: int
    mlp_hidden: int
    steps: int = 10


@dataclass(frozen=True)
class Prefix:
    """What the expert sees of an observation: keys and values (N, S, 2D) of every layer, and who stands where."""

    keys: list[Tensor]
    sight: Sight

    def repeated(self, times: int) -> Prefix:
        """Repeat all rows, one copy after the other."""
        if times == 1:
            return self
        sight = self.sight
        bias = None if sight.bias is None else _repeated(sight.bias, times)
        queries, keys = _repeated(sight.query_turns, times), _repeated(sight.key_turns, times)
        return Prefix([_repeated(each, times) for each in self.keys], Sight(queries, keys, sight.blocks, bias))


class AdaptiveNorm(nn.Module):
    """adaRMS: a root-mean-square norm whose scale and shift, and the gate of what follows, depend on the time."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.modulation = nn.Linear(width, 3 * width)
        self.eps = eps

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C, W), condition (N or 1, W) -> normed (N, C, W), gate (N or 1, 1, W)."""
        scale, shift, gate = self.modulation(condition)[:, None].chunk(3, dim=-1)
        return Norm.apply(x, self.eps) * (1 + scale) + shift, gate


class ExpertLayer(nn.Module):
    """One block of the expert; its heads are those of the language model's block beside it."""

    def __init__(self, architecture: Architecture, flow: FlowSettings) -> None:
        super().__init__()
        inner, width, eps = architecture.width, flow.width, architecture.rms_norm_eps
        self.heads = architecture.heads
        self.attention_norm, self.mlp_norm = AdaptiveNorm(width, eps), AdaptiveNorm(width, eps)
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.o_proj = nn.Linear(inner, width, bias=False)
        self.mlp = Mlp(width, flow.mlp_hidden)

    def forward(self, x: Tensor, condition: Tensor, seen: Tensor, sight: Sight) -> Tensor:
        """x (N, C, W), seen (N, S, 2D) -> (N, C, W). Actions see one another and all that the prefix holds."""
        y, gate = self.attention_norm(x, condition)
        queries = self.q_proj(y) * (self.q_proj.out_features // self.heads) ** -0.5
        own = torch.cat([self.k_proj(y), self.v_proj(y)], dim=-1)
        # the actions come first: padding of other rows then moves no key, and sums keep their order
        keys = torch.cat([own, seen], dim=1)  # (N, C+S, 2D)
        x = x + gate * self.o_proj(Attention.apply(queries, keys, sight, self.heads))
        y, gate = self.mlp_norm(x, condition)
        return x + gate * self.mlp(y)


class ActionExpert(nn.Module):
    """The flow's velocity at noisy actions, and its integration."""

    def __init__(self, architecture: Architecture, flow: FlowSettings) -> None:
        super().__init__()
        self.flow = flow
        width = flow.width
        self.action_in = nn.Linear(architecture.action_dim, width)
        self.time_in, self.time_out = nn.Linear(width, width), nn.Linear(width, width)
        self.layers = nn.ModuleList(ExpertLayer(architecture, flow) for _ in range(architecture.layers))
        self.norm = AdaptiveNorm(width, architecture.rms_norm_eps)
        self.action_out = nn.Linear(width, architecture.action_dim)

    def forward(self, actions: Tensor, time: Tensor, prefix: Prefix) -> Tensor:
        """Compute the velocity (N, C, A), from actions towards noise. actions (N, C, A) at time (N or 1,), 1: noise."""
        condition = F.silu(self.time_out(F.silu(self.time_in(time_code(time, self.flow.width)))))
        x = self.action_in(actions)
        for layer, seen in zip(self.layers, prefix.keys, strict=True):
            x = layer(x, condition, seen, prefix.sight)
        return self.action_out(self.norm(x, condition)[0])

    def denoise(self, noise: Tensor, prefix: Prefix) -> Tensor:
        """Follow the flow from noise (N, C, A) at time 1 to actions at time 0, in equal steps of Euler's method."""
        steps = self.flow.steps
        actions = noise
        for number in range(steps):
            time = noise.new_full((1,), 1 - number / steps)
            actions = actions - self(actions, time, prefix) / steps
        return actions

    @torch.no_grad()
    def reset(self) -> None:
        """Draw weights: N(0, 1/fan_in), outputs into the residual stream scaled by 1/sqrt(2 * layers).

        The norms begin as plain ones. Their gates begin at 1, where openpi's begin at 0: its expert comes pretrained.
        """
        deep = 2 * len(self.layers)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2 and "modulation" not in name:
                outwards = "o_proj" in name or "down_proj" in name
                parameter.normal_(0, 1 / math.sqrt(parameter.shape[1] * (deep if outwards else 1)))
            else:
                parameter.zero_()
        for module in self.modules():
            if isinstance(module, AdaptiveNorm):
                module.modulation.bias.chunk(3)[2].fill_(1)


def time_code(time: Tensor, width: int) -> Tensor:
    """Return sines and cosines of time (N,), in [0, 1]: (N, width)."""
    shortest, longest = PERIODS
    share = torch.linspace(0, 1, width // 2, dtype=torch.float64)
    angles = time.double()[:, None].cpu() * 2 * math.pi / (shortest * (longest / shortest) ** share)
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(time)


def _repeated(x: Tensor, times: int) -> Tensor:
    return x if len(x) == 1 else x.repeat(times, *(1 for _ in x.shape[1:]))
