"""What frozen towers make of every frame: computed once a base, kept beside the demonstrations for the next variant.

N frames, P patches of a camera, W0, W1 widths of the towers, S picture side.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from muvla.files import replacing
from muvla.model.vision import VisionBackbone

BLOCK = 256  # frames that go through the towers together


@torch.no_grad()
def frozen_features(vision: VisionBackbone, images: np.ndarray) -> Tensor:
    """Run frozen towers once per frame: images (N, cameras, S, S, 3) uint8 -> features (N, cameras, P, W0+W1)."""
    first = vision.features(torch.from_numpy(images[:BLOCK]))
    features = first.new_empty(len(images), *first.shape[1:])  # in place: they are gigabytes
    for start in range(0, len(images), BLOCK):
        features[start : start + BLOCK] = vision.features(torch.from_numpy(images[start : start + BLOCK]))
    return features


def kept_features(vision: VisionBackbone, images: np.ndarray, data: Path) -> Tensor:
    """Return frozen_features(vision, images), from a file below `data` where one is there; else such a file is made.

    Its name, features/<hash>.npy, is that of towers and pictures. The last block is computed again and compared: where
    other code or another machine gives other numbers, the file is made anew.
    """
    path = data / "features" / f"{_key(vision, images)}.npy"
    if (kept := _read(vision, images, path)) is not None:
        return kept
    features = frozen_features(vision, images)
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, features.numpy(), allow_pickle=False)
    except OSError as error:  # a read-only folder, a full disk: the next training computes them again
        print(f"features are not kept: {error}", file=sys.stderr)
    return features


def _key(vision: VisionBackbone, images: np.ndarray) -> str:
    digest = hashlib.sha256(images.data)
    for name, tensor in sorted(vision.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()[:16]


def _read(vision: VisionBackbone, images: np.ndarray, path: Path) -> Tensor | None:
    """Return the kept features; None where there are none, or not those that this program computes here."""
    try:
        kept = torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None
    last = slice((len(images) - 1) // BLOCK * BLOCK, None)
    again = frozen_features(vision, images[last])
    whole = len(kept) == len(images) and kept.dtype == again.dtype and kept.shape[1:] == again.shape[1:]
    return kept if whole and torch.equal(kept[last], again) else None
