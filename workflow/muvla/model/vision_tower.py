"""A ViT with timm's parameter names, as the towers of OpenVLA are (spec 1.1).

Features are the output of the second-to-last block, without the final norm and without class/register tokens; the last
block, the final norm and the attention pool exist only so that released checkpoints load key by key. The mini scale's
towers begin with a stem of small convolutions and know from the start where their patches are; all else is the same.
N pictures, H and W their pixels, P patches, W the tower's width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from muvla.model.architecture import Tower

NORM_EPS = 1e-6  # timm's ViTs
PLACE_SIZE = 2.0  # of the sines that say where a patch is: a third of what detectors' features grow to


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


class Block(nn.Module):
    """A transformer block of a tower, as timm builds it."""

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

    @property
    def tokens(self) -> nn.Module:
        """The layer that decides how large tokens are."""
        return self.proj

    def forward(self, pixels: Tensor) -> Tensor:
        return self.proj(pixels).flatten(2).transpose(1, 2)


class _Stem(nn.Module):
    """Several small convolutions in the place of the one over whole patches: tokens of unit deviation.

    Small towers trained from scratch tell shapes by them, which one linear map of a patch did not give in minutes.
    The first has stride patch / 2**len(stem), the others, of which the last gives the tokens, 2.
    """

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        stride = tower.patch_size // 2 ** len(tower.stem)
        widths = (3, *tower.stem, tower.width)
        strides = (stride, *(2 for _ in tower.stem))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3 if number else stride + 2, step, padding=1)
            for number, (before, after, step) in enumerate(zip(widths, widths[1:], strides, strict=False))
        )
        for convolution in self.convolutions:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")  # type: ignore[arg-type]
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        self.norm = nn.LayerNorm(tower.width, eps=NORM_EPS)

    @property
    def tokens(self) -> nn.Module:
        """The layer that decides how large tokens are."""
        return self.norm

    def forward(self, pixels: Tensor) -> Tensor:
        x = pixels.contiguous(memory_format=torch.channels_last)
        for number, convolution in enumerate(self.convolutions):
            x = convolution(F.gelu(x) if number else x)
        return self.norm(x.flatten(2).transpose(1, 2))


class VisionTower(nn.Module):
    """pixels (N, 3, H, W) normalised -> features (N, P, W)."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = tower
        prefix = int(tower.class_token) + tower.reg_tokens
        self.prefix = prefix
        self.patch_embed = _Stem(tower) if tower.stem else _PatchEmbed(tower)
        if tower.class_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, tower.width))
        if tower.reg_tokens:
            self.reg_token = nn.Parameter(torch.zeros(1, tower.reg_tokens, tower.width))
        positions = tower.patches + (prefix if tower.pos_embed_prefix else 0)
        self.pos_embed = nn.Parameter(
            place_code(tower)[None] if tower.stem else torch.randn(1, positions, tower.width) * 0.02
        )
        self.blocks = nn.ModuleList(Block(tower) for _ in range(tower.depth))
        self.norm = nn.LayerNorm(tower.width, eps=NORM_EPS)
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


def place_code(tower: Tower) -> Tensor:
    """Return sines and cosines of row and column, (P, W), that say where a patch is.

    A table that begins at random, a hundredth of the features' size, never taught a small policy where things are: it
    named what it saw and moved to the median of all places.
    """
    side = tower.image_size // tower.patch_size
    place = torch.linspace(-1, 1, side, dtype=torch.float64)
    # from a quarter of a turn across the picture to two turns
    frequencies = torch.pi / 4 * 8 ** torch.linspace(0, 1, tower.width // 4, dtype=torch.float64)
    angles = place[:, None] * frequencies  # (side, W/4)
    axis = torch.cat([angles.sin(), angles.cos()], dim=1)  # (side, W/2)
    rows, columns = axis[:, None].expand(side, side, -1), axis[None].expand(side, side, -1)
    return PLACE_SIZE * torch.cat([rows, columns], dim=2).flatten(0, 1).float()
