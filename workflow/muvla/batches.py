"""From frames of demonstrations to the tensors of one window. K steps, B slots; letters else as in model/window.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muvla.data.frames import Frames
from muvla.data.images import Normalisation, pack_pixels
from muvla.data.statistics import Statistics
from muvla.data.streams import Step, Streams
from muvla.data.text import Tokenizer
from muvla.model.cell import Prompt
from muvla.model.vision import VisionBackbone
from muvla.model.window import WindowBatch


def prompts(tokenizer: Tokenizer, instructions: Sequence[str]) -> Prompt:
    """Tokenise and pad on the right: ids (B, L), lengths (B,) without BOS."""
    return padded(tokenizer, [tokenizer.encode(text) for text in instructions])


def padded(tokenizer: Tokenizer, encoded: Sequence[list[int]]) -> Prompt:
    """Rows of ids, BOS first -> ids (B, L), lengths (B,) without BOS."""
    ids = torch.full((len(encoded), max(map(len, encoded))), tokenizer.pad_id)
    for row, tokens in zip(ids, encoded, strict=True):
        row[: len(tokens)] = torch.tensor(tokens)
    return Prompt(ids, torch.tensor([len(tokens) - 1 for tokens in encoded]))


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


@dataclass(frozen=True)
class Batcher:
    """features (N, cameras, P, W) of all frames; turns steps of streams into a WindowBatch."""

    frames: Frames
    features: Tensor
    statistics: Statistics
    tokenizer: Tokenizer
    first_observation: bool = False

    def window(self, streams: Streams, steps: int, progress: float) -> WindowBatch:
        """The next `steps` steps of every stream."""
        return self.steps([streams.next_step(progress) for _ in range(steps)])

    def steps(self, drawn: Sequence[Sequence[Step]]) -> WindowBatch:
        """drawn: K steps of B frames each, under their tasks' own prompts."""
        flat = [step for row in drawn for step in row]
        labels = np.stack([self.frames.label(step.frame, step.row, step.target) for step in flat])
        first = torch.tensor([[step.is_first for step in row] for row in drawn])
        instructions = [[self.frames.rows[step.row].instruction for step in row] for row in drawn]
        return self.batch(flat, labels, [prompts(self.tokenizer, row) for row in instructions], first)

    def words(self, flat: Sequence[Step]) -> Tensor:
        """(len(flat),) id of the word that names each step's object; -100 where nothing is chosen."""
        rows = [(self.frames.rows[step.row], step.target) for step in flat]
        ids = [self.tokenizer.word_id(row.word(j)) if len(row.objects) > 1 else -100 for row, j in rows]
        return torch.tensor(ids)

    def batch(self, flat: Sequence[Step], labels: np.ndarray, prompts: list[Prompt], first: Tensor) -> WindowBatch:
        """flat: K*B steps, step-major; labels (K*B, C, A) as recorded; one prompt a step; first (K, B) bool."""
        shape = tuple(first.shape)
        index = torch.tensor([step.frame for step in flat])
        features = self.features[index]
        if self.first_observation:  # the episode's first third-person picture as one more camera (spec 5)
            opening = self.features[torch.tensor([step.first_frame for step in flat]), :1]
            features = torch.cat([features, opening], dim=1)
        proprio = self.statistics.proprio.normalise(self.frames.proprio[index.numpy()])
        actions = self.statistics.action.normalise(labels.astype(np.float32))
        return WindowBatch(
            proprio=torch.from_numpy(proprio.astype(np.float32)).view(*shape, -1),
            actions=torch.from_numpy(actions.astype(np.float32)).view(*shape, *actions.shape[1:]),
            is_first=first,
            prompts=prompts,
            words=self.words(flat).view(shape),
            features=features.flatten(1, 2).view(*shape, -1, features.shape[-1]),
        )
