"""Sizes of a policy. Mini and paper scale are two values of the same dataclass (spec 1.1, 1.2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tower:
    """One timm-style ViT.

    pos_embed_prefix: the position table also covers class/register tokens. stem: channels of the convolutions that
    come before the one that gives a token for every patch; none in timm's towers.
    """

    image_size: int
    patch_size: int
    width: int
    depth: int
    heads: int
    mlp_hidden: int
    class_token: bool = False
    reg_tokens: int = 0
    pos_embed_prefix: bool = False
    layer_scale: bool = False
    attention_pool: bool = False
    stem: tuple[int, ...] = ()

    @property
    def patches(self) -> int:
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes tensor shapes, except the memory's (see `MemorySettings`)."""

    towers: tuple[Tower, ...]
    cameras: int
    width: int  # D, Llama's hidden size
    layers: int
    heads: int
    mlp_hidden: int
    vocab_size: int
    proprio_dim: int  # 7 MIKASA, 8 LIBERO
    action_dim: int = 7
    chunk: int = 8
    pad_id: int = 32000
    rms_norm_eps: float = 1e-6  # transformers' default, not Llama-2's 1e-5: text_config omits it (spec 1.1)
    rope_theta: float = 10000.0
    lm_head: bool = False  # keep the unused output embedding: only what trains from a release and saves like one

    @property
    def image_size(self) -> int:
        return self.towers[0].image_size

    @property
    def patches(self) -> int:
        """Vision tokens of one camera: the towers are concatenated along channels, not along tokens."""
        return self.towers[0].patches

    @property
    def vision_width(self) -> int:
        return sum(tower.width for tower in self.towers)

    @property
    def action_tokens(self) -> int:
        return self.chunk * self.action_dim


@dataclass(frozen=True)
class MemorySettings:
    """The five keys of memory_meta.json (spec 12.5). `num_mem_tokens=0` is a memoryless policy."""

    num_mem_tokens: int = 0
    memory_update: str = "tbptt"
    ema_alpha: float = 0.1
    tbptt_length: int = 1
    attention_mask_mode: str = "custom"

    def __post_init__(self) -> None:
        if self.memory_update not in ("tbptt", "ema"):
            raise ValueError(f"memory_update is {self.memory_update!r}: choose 'tbptt' or 'ema'")
        if self.attention_mask_mode not in ("custom", "full"):
            raise ValueError(f"attention_mask_mode is {self.attention_mask_mode!r}: choose 'custom' or 'full'")
        if not 0.0 <= self.ema_alpha <= 1.0:
            raise ValueError(f"ema_alpha is {self.ema_alpha}: it must lie in [0, 1]")
        if self.num_mem_tokens < 0 or self.tbptt_length < 1:
            raise ValueError("num_mem_tokens must be >= 0 and tbptt_length >= 1")

    @property
    def window(self) -> int:
        """Steps of one backward pass: EMA detaches at every step, so its window is 1 (spec 2.3)."""
        return self.tbptt_length if self.memory_update == "tbptt" and self.num_mem_tokens else 1

    @property
    def mask_mode(self) -> str:
        """Without memory the attention is OpenVLA-OFT's, whatever the setting says (spec 1.6)."""
        return self.attention_mask_mode if self.num_mem_tokens else "full"


OPENVLA_7B = Architecture(
    towers=(
        Tower(224, 14, 1024, 24, 16, 4096, class_token=True, reg_tokens=4, layer_scale=True),
        Tower(224, 14, 1152, 27, 16, 4304, attention_pool=True),
    ),
    cameras=2,
    width=4096,
    layers=32,
    heads=32,
    mlp_hidden=11008,
    vocab_size=32064,
    proprio_dim=7,
)
