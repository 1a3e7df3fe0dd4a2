"""A flow-matching policy without memory: (observation, noise) -> action chunk. π0.5's place at the mini scale.

The prompt is BOS | vision of all cameras | STATE | TEXT: what the base's language model knows, with the robot state as
digits where the base had its proprio token. All of it sees all of it, and none of it sees the actions.
B rows, V vision tokens, P proprio, n tokens of a row's text, S = 1 + V + 3P + n, C chunk, A action dimensions, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from muvla.data.images import Preprocessing
from muvla.model.architecture import Architecture, MemorySettings
from muvla.model.attention_gradient import Attention, Sight
from muvla.model.cell import Cell, StepOutput
from muvla.model.flow.expert import ActionExpert, FlowSettings, Prefix
from muvla.model.lean import Gate, Norm, join
from muvla.model.llama import Layer, Llama, complex_turns, rotary_angles
from muvla.model.mask import Block
from muvla.model.memory import Memory
from muvla.model.prompt import Prompt
from muvla.model.vision import Projector, VisionBackbone

BINS = 256  # of each number of the state (openpi)
DIGITS = 3  # that a bin takes in the prompt


@dataclass(frozen=True)
class Read:
    """What the language model makes of an observation.

    prefix: for the expert; text (B, D): the last TEXT token after the final norm; patches (B, V, D): vision tokens
    before the last layer.
    """

    prefix: Prefix
    text: Tensor
    patches: Tensor


class FlowCell(nn.Module):
    """The whole policy. digits: ids of the tokens 0 to 9. It computes in float32."""

    def __init__(
        self,
        architecture: Architecture,
        flow: FlowSettings,
        digits: Sequence[int],
        *,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        super().__init__()
        self.architecture, self.flow, self.digits = architecture, flow, tuple(digits)
        self.settings = MemorySettings()
        self.vision_backbone = VisionBackbone(architecture, preprocessing)
        self.projector = Projector(architecture.vision_width, architecture.width)
        self.language_model = Llama(architecture)
        self.expert = ActionExpert(architecture, flow)
        self.memory = Memory(self.settings, architecture.width)  # of no tokens

    @property
    def device(self) -> torch.device:
        return self.language_model.embed_tokens.weight.device

    def step(
        self, vision: Tensor, proprio: Tensor, prompt: Prompt, noise: Tensor, *, patches: bool = False
    ) -> StepOutput:
        """Denoise a chunk. vision (B, V, D), proprio (B, P) normalised, noise (B, C, A) standard normal.

        patches: return the vision tokens before the last layer as well.
        Raises ValueError for vision tokens of another number of cameras.
        """
        read = self.read(vision, proprio, prompt)
        actions = self.expert.denoise(noise, read.prefix)
        return StepOutput(actions, self.memory.start(len(vision)), read.text, read.patches if patches else None)

    def read(self, vision: Tensor, proprio: Tensor, prompt: Prompt) -> Read:
        """Run the language model on an observation; arguments and errors as of `step`."""
        sizes, llama = self.architecture, self.language_model
        if vision.shape[1] != sizes.cameras * sizes.patches:
            raise ValueError(
                f"{vision.shape[1]} vision tokens: {sizes.cameras} cameras of {sizes.patches} patches give "
                f"{sizes.cameras * sizes.patches}"
            )
        words = llama.embed_tokens(torch.cat([prompt.ids[:, :1], self.state(proprio), prompt.ids[:, 1:]], dim=1))
        x = torch.cat([words[:, :1], vision, words[:, 1:]], dim=1)  # (B, S, D)
        lengths = x.shape[1] - (prompt.ids.shape[1] - 1) + prompt.lengths  # (B,)
        within, towards = self._sights(x.shape[1], lengths)
        rows, width = torch.arange(len(x), device=x.device), x.shape[-1]
        layers = [join(layer) for layer in llama.layers if isinstance(layer, Layer)]
        keys: list[Tensor] = []
        before = x
        for number, weights in enumerate(layers):
            y, own = Norm.apply(x, llama.norm.eps), None
            if number + 1 == len(layers):  # only the last TEXT token is read of it
                before, last = x, lengths - 1
                x, own = x[rows, last][:, None], F.linear(y, weights.qkv[width:])  # (B, 1, D), (B, S, 2D)
                keys.append(own)
                y = F.linear(y[rows, last][:, None], weights.qkv[:width])
                turns = within.key_turns.expand(len(x), -1, -1, -1)[rows, last][:, None]
                within = Sight(turns, within.key_turns, (Block(1, before.shape[1]),), within.bias)
            else:
                y = F.linear(y, weights.qkv)  # (B, S, 3D)
                keys.append(y[..., width:])
            x = x + F.linear(Attention.apply(y, own, within, llama.heads), weights.out)
            x = x + F.linear(Gate.apply(F.linear(Norm.apply(x, llama.norm.eps), weights.gate_up)), weights.down)
        patches = before[:, 1 : 1 + vision.shape[1]]
        return Read(Prefix(keys, towards), llama.norm(x)[:, 0], patches)

    def state(self, proprio: Tensor) -> Tensor:
        """Spell each number (B, P), from -1 to 1, as the three digits of its bin: ids (B, 3P)."""
        bins = ((proprio + 1) * (BINS / 2)).floor().clamp(0, BINS - 1).long()
        places = torch.stack([bins // 100, bins // 10 % 10, bins % 10], dim=-1)  # (B, P, DIGITS)
        return torch.tensor(self.digits, device=proprio.device)[places].flatten(1)

    def _sights(self, longest: int, lengths: Tensor) -> tuple[Sight, Sight]:
        """Say what the prompt sees, itself, and what the actions see, themselves and the prompt; lengths (B,) of it."""
        sizes, chunk = self.architecture, self.architecture.chunk
        device = lengths.device
        same = int(lengths.min()) == longest
        begin = lengths[:1] if same else lengths  # where each row's actions stand, after its own prompt
        prompt = torch.arange(longest, device=device)[None]  # (1, S)
        actions = begin[:, None] + torch.arange(chunk, device=device)  # (1 or B, C)
        both = torch.cat([actions, prompt.expand(len(actions), -1)], dim=1)  # (1 or B, C+S)
        angles = (rotary_angles(each, sizes.width // sizes.heads, sizes.rope_theta) for each in (prompt, actions, both))
        turns = [complex_turns(each) for each in angles]
        bias = None
        if not same:
            bias = torch.zeros(len(lengths), longest, device=device)
            bias.masked_fill_(prompt >= lengths[:, None], torch.finfo(torch.float32).min)
        within = Sight(turns[0], turns[0], (Block(longest, longest),), bias)
        shown = None if bias is None else F.pad(bias, (chunk, 0))
        return within, Sight(turns[1], turns[2], (Block(chunk, chunk + longest),), shown)


AnyCell = Cell | FlowCell
