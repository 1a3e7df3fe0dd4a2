"""What the mini vision towers learn before any language: the colours and edges of what is in each patch.

The paper's towers come pretrained (DINOv2, SigLIP); these start from random weights, and a policy trained end to end
on them did not begin to tell colours apart within minutes (spec 14). Targets are computed from the pictures alone,
in cells of 1/4 patch: a saturation-weighted hue histogram, and a histogram of oriented gradients.
N pictures, S side in pixels, P patches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

HUES, ORIENTATIONS, CELLS = 12, 8, 4  # bins, bins, cells per side of a patch


def targets(images: Tensor, patch: int) -> Tensor:
    """Compute targets of every patch: images (N, 3, S, S) in [0, 1] -> (N, P, (HUES + ORIENTATIONS) * CELLS**2)."""
    histograms = torch.cat([_hues(images), _orientations(images)], dim=1)  # (N, bins, S, S)
    cells = F.avg_pool2d(histograms, patch // CELLS)
    n, bins, side, _ = cells.shape
    grid = cells.view(n, bins, side // CELLS, CELLS, side // CELLS, CELLS)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(n, (side // CELLS) ** 2, bins * CELLS**2)


def _hues(images: Tensor) -> Tensor:
    red, green, blue = images.unbind(1)
    largest, smallest = images.amax(1), images.amin(1)
    chroma = largest - smallest
    scale = chroma + 1e-6
    hue = torch.where(
        largest == red,
        ((green - blue) / scale) % 6,
        torch.where(largest == green, (blue - red) / scale + 2, (red - green) / scale + 4),
    )
    return _soft_bins(hue * (HUES / 6), HUES) * chroma[:, None]


def _orientations(images: Tensor) -> Tensor:
    grey = images.mean(1, keepdim=True)
    across = F.pad(grey[..., 2:] - grey[..., :-2], (1, 1))
    down = F.pad(grey[..., 2:, :] - grey[..., :-2, :], (0, 0, 1, 1))
    angle = torch.atan2(down, across)[:, 0] % torch.pi / torch.pi * ORIENTATIONS
    return _soft_bins(angle, ORIENTATIONS) * (across**2 + down**2).sqrt()


def _soft_bins(values: Tensor, bins: int) -> Tensor:
    """values (N, S, S) in [0, bins), circular -> (N, bins, S, S): weights of the two nearest bins."""
    centres = torch.arange(bins, dtype=values.dtype).view(1, -1, 1, 1)
    distance = ((values[:, None] - centres + bins / 2) % bins - bins / 2).abs()
    return (1 - distance).clamp(min=0)
