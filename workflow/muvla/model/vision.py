"""Two ViT towers with timm's parameter names, and the projector into the language model (spec 1.1).

Features are the output of the second-to-last block, without the final norm and without class/register tokens; the
last block, the final norm and the attention pool exist only so that released checkpoints load key by key.
N images, P patches, W tower width, D language width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from muvla.data.images import Normalisation, pack_pixels
from muvla.model.architecture import Architecture, Tower

NORM_EPS = 1e-6  # timm's ViTs


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale_factor = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale_factor


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, p, w = x.shape
        q, k, v = self.qkv(x).view(n, p, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, p, w))


class _Block(nn.Module):
    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(tower.width, eps=NORM_EPS)
        self.attn = _Attention(tower.width, tower.heads)
        self.ls1 = _LayerScale(tower.width) if tower.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(tower.width, eps=NORM_EPS)
        self.mlp = _Mlp(tower.width, tower.mlp_hidden)
        self.ls2 = _LayerScale(tower.width) if tower.layer_scale else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class _AttentionPool(nn.Module):
    """SigLIP's pooling head: its tensors are in every released checkpoint, its output is never used."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(1, 1, tower.width))
        self.q = nn.Linear(tower.width, tower.width)
        self.kv = nn.Linear(tower.width, 2 * tower.width)
        self.proj = nn.Linear(tower.width, tower.width)
        self.norm = nn.LayerNorm(tower.width, eps=NORM_EPS)
        self.mlp = _Mlp(tower.width, tower.mlp_hidden)


class _PatchEmbed(nn.Module):
    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, tower.width, tower.patch_size, tower.patch_size)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.proj(pixels).flatten(2).transpose(1, 2)


class VisionTower(nn.Module):
    """pixels (N, 3, H, W) normalised -> features (N, P, W)."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = tower
        prefix = int(tower.class_token) + tower.reg_tokens
        self.prefix = prefix
        self.patch_embed = _PatchEmbed(tower)
        if tower.class_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, tower.width))
        if tower.reg_tokens:
            self.reg_token = nn.Parameter(torch.zeros(1, tower.reg_tokens, tower.width))
        positions = tower.patches + (prefix if tower.pos_embed_prefix else 0)
        self.pos_embed = nn.Parameter(torch.randn(1, positions, tower.width) * 0.02)
        self.blocks = nn.ModuleList(_Block(tower) for _ in range(tower.depth))
        self.norm = nn.LayerNorm(tower.width, eps=NORM_EPS) if tower.final_norm else nn.Identity()
        if tower.attention_pool:
            self.attn_pool = _AttentionPool(tower)

    def forward(self, pixels: Tensor, checkpointing: bool = False) -> Tensor:
        """checkpointing: recompute each block's activations in backward instead of keeping them."""
        x = self.patch_embed(pixels)
        if not self.tower.pos_embed_prefix:
            x = x + self.pos_embed
        prefix = []
        if self.tower.class_token:
            prefix.append(self.cls_token.expand(len(x), -1, -1))
        if self.tower.reg_tokens:
            prefix.append(self.reg_token.expand(len(x), -1, -1))
        x = torch.cat([*prefix, x], dim=1)
        if self.tower.pos_embed_prefix:
            x = x + self.pos_embed
        for block in list(self.blocks)[:-1]:
            x = checkpoint(block, x, use_reentrant=False) if checkpointing else block(x)
        return x[:, self.prefix :]


class VisionBackbone(nn.Module):
    """pixels (N, 6 * cameras, H, W), per camera [tower 0 RGB, tower 1 RGB] -> (N, cameras * P, W0 + W1)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.cameras = architecture.cameras
        self.checkpointing = False
        self.featurizer = VisionTower(architecture.towers[0])
        self.fused_featurizer = VisionTower(architecture.towers[1])

    def forward(self, pixels: Tensor) -> Tensor:
        n, channels, height, width = pixels.shape
        if channels != 6 * self.cameras:
            raise ValueError(f"pixels have {channels} channels: {self.cameras} cameras need {6 * self.cameras}")
        per_camera = pixels.view(n * self.cameras, 6, height, width)
        recompute = self.checkpointing and self.training and torch.is_grad_enabled()
        parts = [
            tower(per_camera[:, 3 * number : 3 * number + 3], recompute)
            for number, tower in enumerate((self.featurizer, self.fused_featurizer))
        ]
        features = torch.cat(parts, dim=2)
        return features.view(n, -1, features.shape[2])


class Projector(nn.Module):
    """features (..., W0 + W1) -> (..., D); exact GELU."""

    def __init__(self, vision_width: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(vision_width, 4 * vision_width)
        self.fc2 = nn.Linear(4 * vision_width, width)
        self.fc3 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(F.gelu(self.fc2(F.gelu(self.fc1(x)))))


@torch.no_grad()
def tower_features(vision: VisionBackbone, images: np.ndarray, normalisation: Normalisation) -> Tensor:
    """images (N, cameras, S, S, 3) uint8 -> features (N, cameras, P, W0+W1): frozen towers run once per frame."""
    parts = []
    weights = vision.featurizer.pos_embed
    for start in range(0, len(images), 256):
        pixels = torch.from_numpy(pack_pixels(images[start : start + 256], normalisation)).to(weights)
        n, channels, height, width = pixels.shape
        per_camera = pixels.reshape(n * channels // 6, 6, height, width)
        features = torch.cat([vision.featurizer(per_camera[:, :3]), vision.fused_featurizer(per_camera[:, 3:])], dim=2)
        parts.append(features.view(n, channels // 6, *features.shape[1:]))
    return torch.cat(parts)
