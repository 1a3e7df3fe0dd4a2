"""From pictures as the simulator gives them to vision features: the only path there is (spec 1.1).

N pictures, H and W their pixels, S the side that the towers take, P patches, W0 and W1 tower widths, D language width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from muvla.data.images import Normalisation, Preprocessing, center_crop, resize_lanczos3
from muvla.model.architecture import Architecture
from muvla.model.vision_tower import VisionTower


class VisionBackbone(nn.Module):
    """Both towers, and what is done to pictures before they see them."""

    def __init__(self, architecture: Architecture, preprocessing: Preprocessing | None = None) -> None:
        super().__init__()
        self.image_size = architecture.image_size
        self.preprocessing = preprocessing or Preprocessing()
        self.checkpointing = False
        self.featurizer = VisionTower(architecture.towers[0])
        self.fused_featurizer = VisionTower(architecture.towers[1])

    def features(self, pictures: Tensor) -> Tensor:
        """Run the towers on pictures as the simulator gives them.

        pictures (N, cameras, H, W, 3) uint8 on any device -> (N, cameras, P, W0+W1)

        Raises:
            ValueError: other shapes or types.
        """
        return self(self.pixels(pictures).flatten(0, 1)).unflatten(0, pictures.shape[:2])

    def pixels(self, pictures: Tensor) -> Tensor:
        """Resize, crop, normalise and pack pictures (N, cameras, H, W, 3) uint8: (N, cameras, 6, S, S).

        Training pictures have their size and are not cropped again: they stay on their device.
        """
        if pictures.ndim != 5 or pictures.shape[-1] != 3 or pictures.dtype != torch.uint8:
            raise ValueError(
                f"pictures must be (N, cameras, H, W, 3) uint8, not {tuple(pictures.shape)} {pictures.dtype}"
            )
        size, crop = self.image_size, self.preprocessing.center_crop
        if pictures.shape[2:4] != (size, size) or crop:
            resized = resize_lanczos3(pictures.cpu().numpy(), size)
            pictures = torch.from_numpy(center_crop(resized) if crop else resized)
        weights = self.featurizer.pos_embed
        packed = pack_pixels(pictures.to(weights.device).flatten(0, 1), self.preprocessing.normalisation)
        return packed.to(weights.dtype).unflatten(0, pictures.shape[:2])

    def forward(self, pixels: Tensor) -> Tensor:
        """Run both towers on pixels (N, 6, S, S) of one camera each: (N, P, W0+W1)."""
        recompute = self.checkpointing and self.training and torch.is_grad_enabled()
        towers = (self.featurizer, self.fused_featurizer)
        parts = [tower(pixels[:, 3 * i : 3 * i + 3], recompute) for i, tower in enumerate(towers)]
        return torch.cat(parts, dim=2)


def pack_pixels(pictures: Tensor, normalisation: Normalisation) -> Tensor:
    """Normalise pictures (N, S, S, 3) uint8 once for each tower: (N, 6, S, S) float32, tower 0's RGB first (spec 1.1).

    The same numbers on every device: CUDA would multiply by a rounded 1/255 if it were not a tensor.
    """
    means, stds = (
        torch.tensor(rows, dtype=torch.float32, device=pictures.device)[:, :, None, None]
        for rows in (normalisation.means, normalisation.stds)
    )  # (towers, 3, 1, 1)
    levels = pictures.permute(0, 3, 1, 2).contiguous() / torch.tensor(255.0, device=pictures.device)  # (N, 3, S, S)
    return ((levels[:, None] - means) / stds).flatten(1, 2)


class Projector(nn.Module):
    """features (..., W0 + W1) -> (..., D); exact GELU."""

    def __init__(self, vision_width: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(vision_width, 4 * vision_width)
        self.fc2 = nn.Linear(4 * vision_width, width)
        self.fc3 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(F.gelu(self.fc2(F.gelu(self.fc1(x)))))
