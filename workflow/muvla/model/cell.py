"""One step of the policy, a pure function: (observation, memory_in) -> (action chunk, memory_out).

B rows, V vision tokens of all cameras, m memory tokens, D width, C chunk, A action dimensions, P proprio, S sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaModel

from muvla.data.images import Preprocessing
from muvla.model.architecture import Architecture, MemorySettings
from muvla.model.layout import TokenLayout
from muvla.model.mask import additive, allowed, require_mask_honoured
from muvla.model.memory import Memory
from muvla.model.prompt import Prompt
from muvla.model.vision import Projector, VisionBackbone

STOP_ID = 2


@dataclass(frozen=True)
class StepOutput:
    """Result of one step.

    actions (B, C, A) normalised; memory (B, m, D) as read out, before any update; text (B, D), the last TEXT token.
    """

    actions: Tensor
    memory: Tensor
    text: Tensor


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
        """padded_context: repeat the release's mask of padded rows (mask.allowed)."""
        super().__init__()
        require_mask_honoured()
        self.architecture = architecture
        self.settings = settings
        self.padded_context = padded_context
        self.vision_backbone = VisionBackbone(architecture, preprocessing)
        self.projector = Projector(architecture.vision_width, architecture.width)
        self.language_model = LlamaModel(
            LlamaConfig(
                hidden_size=architecture.width,
                intermediate_size=architecture.mlp_hidden,
                num_hidden_layers=architecture.layers,
                num_attention_heads=architecture.heads,
                num_key_value_heads=architecture.heads,
                vocab_size=architecture.vocab_size,
                pad_token_id=architecture.pad_id,
                rms_norm_eps=architecture.rms_norm_eps,
                rope_theta=architecture.rope_theta,
                max_position_embeddings=2048,
                attn_implementation="sdpa",
            )
        )
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
        if on:
            self.language_model.gradient_checkpointing_enable({"use_reentrant": False})
        else:
            self.language_model.gradient_checkpointing_disable()
        self.vision_backbone.checkpointing = on

    def see(self, pictures: Tensor) -> Tensor:
        """See pictures (N, cameras, H, W, 3) uint8: vision tokens (N, V, D). Independent of memory: once per window."""
        return self.projector(self.vision_backbone.features(pictures).flatten(1, 2))

    def step(self, vision: Tensor, proprio: Tensor, prompt: Prompt, memory: Tensor) -> StepOutput:
        """Run one step on vision (B, V, D), proprio (B, P) normalised and memory (B, m, D).

        Raises ValueError for vision tokens of another number of cameras.
        """
        hidden, layout = self.hidden(vision, proprio, prompt, memory)
        rows = torch.arange(len(hidden), device=hidden.device)[:, None]
        features = hidden[rows, layout.read_out()]  # (B, C*A, D)
        return StepOutput(self.action_head(features), hidden[:, layout.memory_slice], features[:, 0])

    def hidden(self, vision: Tensor, proprio: Tensor, prompt: Prompt, memory: Tensor) -> tuple[Tensor, TokenLayout]:
        """Compute hidden states after the final norm, (B, S, D), and where each token stands; arguments as step."""
        layout = TokenLayout.of(self.architecture, memory.shape[1], prompt.lengths)
        if vision.shape[1] != layout.vision:
            raise ValueError(
                f"{vision.shape[1]} vision tokens: {self.architecture.cameras} cameras of "
                f"{self.architecture.patches} patches give {layout.vision}"
            )
        embeddings = self.embed(vision, proprio, prompt, memory, layout)
        mask = allowed(layout, self.settings.mask_mode, padded_context=self.padded_context)
        output = self.language_model(
            inputs_embeds=embeddings,
            attention_mask=additive(mask, embeddings.dtype),
            position_ids=torch.arange(layout.length, device=embeddings.device)[None],
            use_cache=False,
        )
        return output.last_hidden_state, layout

    def embed(self, vision: Tensor, proprio: Tensor, prompt: Prompt, memory: Tensor, layout: TokenLayout) -> Tensor:
        """Assemble the input sequence (B, S, D). Action placeholders are zeros: no ground truth enters (spec 1.3)."""
        table = self.language_model.embed_tokens
        words = table(prompt.ids)  # (B, L, D)
        position = torch.arange(words.shape[1] - 1, device=words.device)
        text = words[:, 1:] * (position[None] < prompt.lengths[:, None])[..., None]
        precise = proprio.to(self.proprio_projector.fc1.weight.dtype)  # float32 in training (spec 1.8)
        proprio_token = self.proprio_projector(precise)[:, None].to(words.dtype)
        context = torch.cat([words[:, :1], vision, proprio_token, memory.to(words.dtype), text], dim=1)
        context = context[:, : 1 + layout.prefix + layout.longest_text]
        sequence = F.pad(context, (0, 0, 0, layout.length - context.shape[1]))
        stop = F.one_hot(layout.row_lengths - 1, layout.length).to(words.dtype)  # (B, S)
        return sequence + stop[..., None] * table.weight[STOP_ID]
