"""Sizes that a pretrained base would have: features and their projections of mean 0 and deviation 1 on real pictures.

Muon moves a matrix by the same amount whatever it multiplies. Trained detectors leave features of deviation 2 around a
mean of 7: after 150 updates the projector had made of that a constant hundred times the size of a word's embedding, in
which neither the named object nor its place could be told.
N pictures of frames, P patches, W width of a tower.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from muvla.model.auxiliary import Detector
from muvla.model.vision import Projector, VisionBackbone
from muvla.model.vision_tower import Block, VisionTower


@torch.no_grad()
def standardise_towers(vision: VisionBackbone, detector: Detector, pictures: Tensor) -> None:
    """Scale each tower so that its features have mean 0 and deviation 1; the detector reads the same from them.

    pictures (N, cameras, S, S, 3) uint8
    """
    towers = (vision.featurizer, vision.fused_featurizer)
    widths = [tower.tower.width for tower in towers]
    features = vision.features(pictures).split(widths, dim=-1)
    columns = detector.heads.weight.split(widths, dim=1)  # views: what they are set to stays in the detector
    for tower, found, weight in zip(towers, features, columns, strict=True):
        mean = found.flatten(0, -2).mean(0)  # (W,)
        deviation = (found - mean).std()
        detector.heads.bias.add_(weight @ mean)
        weight.mul_(deviation)
        _scale(tower, mean, deviation)


def _scale(tower: VisionTower, mean: Tensor, deviation: Tensor) -> None:
    """Change a tower's features to (features - mean) / deviation: every term of their sum, and an offset of the last.

    Norms within do not notice the scale, and the offset comes after them.
    """
    terms = [tower.pos_embed, *tower.patch_embed.tokens.parameters()]
    offset = tower.pos_embed
    for block in list(tower.blocks)[:-1]:
        assert isinstance(block, Block)
        terms += [*block.attn.proj.parameters(), *block.mlp.fc2.parameters()]
        offset = block.mlp.fc2.bias
    for term in terms:
        term.div_(deviation)
    offset.sub_(mean / deviation)


@torch.no_grad()
def standardise_projector(projector: Projector, vision: VisionBackbone, pictures: Tensor) -> None:
    """Set scale and offset so that each layer's outputs have mean 0, deviation 1 on pictures (N, cameras, S, S, 3)."""
    picked = vision.features(pictures).flatten(0, -2)
    layers = (projector.fc1, projector.fc2, projector.fc3)
    mean, deviation = picked.mean(0), picked.std(0) + 0.05
    layers[0].weight /= deviation
    layers[0].bias.copy_(-(layers[0].weight @ mean))
    x = picked
    for number, layer in enumerate(layers):
        x = layer(x)
        if number:
            mean, deviation = x.mean(0), x.std(0)
            layer.weight /= deviation[:, None]
            layer.bias.copy_((layer.bias - mean) / deviation)
            x = (x - mean) / deviation
        x = F.gelu(x)
