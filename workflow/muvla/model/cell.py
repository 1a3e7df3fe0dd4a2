"""One step of the policy, a pure function: (observation, memory_in) -> (action chunk, memory_out).

B rows, V vision tokens of all cameras, m memory tokens, D width, C chunk, A action dimensions, P proprio, S sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from muvla.data.images import Preprocessing
from muvla.model.architecture import Architecture, MemorySettings
from muvla.model.layout import TokenLayout
from muvla.model.lean import Joined, run
from muvla.model.llama import Arrangement, Llama
from muvla.model.memory import Memory
from muvla.model.prompt import Prompt
from muvla.model.vision import Projector, VisionBackbone

STOP_ID = 2


@dataclass(frozen=True)
class StepOutput:
    """Result of one step.

    actions (B, C, A) normalised; memory (B, m, D) as read out, before any update; text (B, D), the last TEXT token;
    patches (B, V, D), vision tokens before the last layer, only when asked for.
    """

    actions: Tensor
    memory: Tensor
    text: Tensor
    patches: Tensor | None = None


@dataclass(frozen=True)
class StepInput:
    """What a step takes beside the memory: tokens before it (B, 2+V, D) and after it (B, n+C*A+1, D), and the rest."""

    before: Tensor
    after: Tensor
    where: Arrangement


class ProprioProjector(nn.Module):
    """proprio (B, P) -> one token (B, D)."""

    def __init__(self, proprio_dim: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(proprio_dim, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ffn = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.ffn(x)


class _MlpResnet(nn.Module):
    def __init__(self, width_in: int, width: int, width_out: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width_in)
        self.fc1 = nn.Linear(width_in, width)
        self.mlp_resnet_blocks = nn.ModuleList(_ResidualBlock(width) for _ in range(2))
        self.layer_norm2 = nn.LayerNorm(width)
        self.fc2 = nn.Linear(width, width_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc1(self.layer_norm1(x)))
        for block in self.mlp_resnet_blocks:
            x = block(x)
        return self.fc2(self.layer_norm2(x))


class ActionHead(nn.Module):
    """hidden (B, C*A, D) -> normalised actions (B, C, A), each chunk step from its own A vectors (spec 1.2)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.chunk = architecture.chunk
        self.model = _MlpResnet(
            architecture.action_dim * architecture.width, architecture.width, architecture.action_dim
        )

    def forward(self, hidden: Tensor) -> Tensor:
        x = hidden.reshape(hidden.shape[0], self.chunk, -1)
        return self.model(x.to(self.model.fc2.weight.dtype))


class Cell(nn.Module):
    """The whole policy. `see` is what does not depend on memory; `step` is one pass of the language model."""

    def __init__(
        self,
        architecture: Architecture,
        settings: MemorySettings,
        *,
        preprocessing: Preprocessing | None = None,
        padded_context: bool = False,
    ) -> None:
        """padded_context: repeat the release's mask of padded rows (TokenLayout)."""
        super().__init__()
        self.architecture = architecture
        self.settings = settings
        self.padded_context = padded_context
        self.vision_backbone = VisionBackbone(architecture, preprocessing)
        self.projector = Projector(architecture.vision_width, architecture.width)
        self.language_model = Llama(architecture)
        self.proprio_projector = ProprioProjector(architecture.proprio_dim, architecture.width)
        self.action_head = ActionHead(architecture)
        self.memory = Memory(settings, architecture.width)
        if architecture.lm_head:  # never run: there so that a released model is complete when it is saved again
            self.lm_head = nn.Linear(architecture.width, architecture.vocab_size, bias=False)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the backbone, and with it of hidden states and of the carried memory."""
        return self.language_model.embed_tokens.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.language_model.embed_tokens.weight.device

    def checkpoint_activations(self, on: bool = True) -> None:
        """Recompute activations of every transformer block in backward, in training, instead of keeping them."""
        self.language_model.checkpointing = self.vision_backbone.checkpointing = on

    def see(self, pictures: Tensor) -> Tensor:
        """See pictures (N, cameras, H, W, 3) uint8: vision tokens (N, V, D). Independent of memory: once per window."""
        return self.projector(self.vision_backbone.features(pictures).flatten(1, 2))

    def step(
        self, vision: Tensor, proprio: Tensor, prompt: Prompt, memory: Tensor, *, patches: bool = False
    ) -> StepOutput:
        """Run one step on vision (B, V, D), proprio (B, P) normalised and memory (B, m, D).

        patches: return the vision tokens before the last layer as well.

        Raises ValueError for vision tokens of another number of cameras.
        """
        seen: list[Tensor] | None = [] if patches else None
        features, memory = self.run(self.prepare(vision[None], proprio[None], [prompt])[0], memory, seen=seen)
        return StepOutput(self.action_head(features), memory, features[:, 0], seen[0] if seen else None)

    def prepare(self, vision: Tensor, proprio: Tensor, prompts: Sequence[Prompt]) -> list[StepInput]:
        """Prepare K steps at once: all that does not depend on memory.

        vision (K, B, V, D), proprio (K, B, P) normalised, K prompts of B rows each.
        Raises ValueError for vision tokens of another number of cameras.
        """
        steps, slots = vision.shape[:2]
        lengths = torch.cat([prompt.lengths for prompt in prompts])  # (K*B,)
        tokens = self.settings.num_mem_tokens
        layout = TokenLayout.of(self.architecture, tokens, lengths, padding_last=self.padded_context)
        if vision.shape[2] != layout.vision:
            raise ValueError(
                f"{vision.shape[2]} vision tokens: {self.architecture.cameras} cameras of "
                f"{self.architecture.patches} patches give {layout.vision}"
            )
        before, after = self.embed(vision, proprio, prompts, layout)
        layouts = [layout.rows(slice(k * slots, (k + 1) * slots)) for k in range(steps if layout.ragged else 1)]
        arranged = [self._arrangement(each) for each in layouts] * (1 if layout.ragged else steps)
        return [StepInput(*parts) for parts in zip(before.unbind(), after.unbind(), arranged, strict=True)]

    def embed(
        self, vision: Tensor, proprio: Tensor, prompts: Sequence[Prompt], layout: TokenLayout
    ) -> tuple[Tensor, Tensor]:
        """Embed what stands before the memory, (K, B, 2+V, D), and after it, (K, B, n+C*A+1, D); layout of K*B rows.

        Action placeholders are zeros: no ground truth enters (spec 1.3).
        """
        table, pad_id = self.language_model.embed_tokens, self.architecture.pad_id
        room = 1 + layout.longest_text
        ids = torch.stack([F.pad(prompt.ids, (0, room - prompt.ids.shape[1]), value=pad_id) for prompt in prompts])
        words = table(ids)  # (K, B, 1+n, D)
        text = words[:, :, 1:]
        if layout.ragged:
            position = torch.arange(layout.longest_text, device=words.device)
            text = text * (position < layout.text_lengths[:, None]).view(*text.shape[:3], 1)
        precise = proprio.to(self.proprio_projector.fc1.weight.dtype)  # float32 in training (spec 1.8)
        state = self.proprio_projector(precise)[:, :, None].to(words.dtype)
        stop = table.weight[STOP_ID].expand(*words.shape[:2], 1, -1)
        before = torch.cat([words[:, :, :1], vision, state], dim=2)
        return before, torch.cat([F.pad(text, (0, 0, 0, layout.actions)), stop], dim=2)

    def run(
        self,
        given: StepInput,
        memory: Tensor,
        layers: list[Joined] | None = None,
        seen: list[Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run one prepared step on memory (B, m, D): what the action head takes, (B, C*A, D), and memory (B, m, D).

        layers: the language model's joined weights, where they pay. Appends to `seen` the vision tokens (B, V, D)
        before the last layer.
        """
        where, tokens = given.where, memory.shape[1]
        x = torch.cat([given.before, memory.to(given.before.dtype), given.after], dim=1)  # (B, S, D)
        x = where.ordered(x)
        before: list[Tensor] | None = None if seen is None else []
        llama = self.language_model
        hidden = run(llama, layers, x, where, before) if layers else llama(x, where, before)  # (B, R, D)
        if seen is not None and before is not None:
            seen.append(before[0][:, 1 : 1 + where.layout.vision])
        return hidden[:, tokens:], hidden[:, :tokens]

    def _arrangement(self, layout: TokenLayout) -> Arrangement:
        sizes = self.architecture
        return Arrangement(layout, self.settings.mask_mode, sizes.width // sizes.heads, sizes.rope_theta)
