"""From frames of demonstrations to the tensors of one window. K steps, B slots; letters else as in model/window.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muvla.data.statistics import Statistics
from muvla.data.text import Tokenizer
from muvla.files import Json
from muvla.model.prompt import Prompt, prompts
from muvla.model.window import WindowBatch
from muvla.train.composed.frames import Frames
from muvla.train.composed.streams import Step, Streams


@dataclass(frozen=True)
class Batcher:
    """Turns steps of streams into windows. features (N, cameras, P, W0+W1): of all frames."""

    frames: Frames
    features: Tensor
    statistics: Statistics
    tokenizer: Tokenizer
    first_observation: bool = False

    def window(self, streams: Streams, steps: int, progress: float) -> WindowBatch:
        """Take the next `steps` steps of every stream."""
        return self.steps([streams.next_step(progress) for _ in range(steps)])

    def steps(self, drawn: Sequence[Sequence[Step]]) -> WindowBatch:
        """Make a window of K steps of B frames each, under their tasks' own prompts."""
        flat = [step for row in drawn for step in row]
        labels = np.stack([self.frames.label(step.frame, step.row, step.target) for step in flat])
        first = torch.tensor([[step.is_first for step in row] for row in drawn])
        instructions = [[self.frames.rows[step.row].instruction for step in row] for row in drawn]
        return self.batch(flat, labels, [prompts(self.tokenizer, row) for row in instructions], first)

    def words(self, flat: Sequence[Step]) -> Tensor:
        """Look up the id of the word that names each step's object, (len(flat),); -100 where nothing is chosen."""
        rows = [(self.frames.rows[step.row], step.target) for step in flat]
        ids = [self.tokenizer.word_id(row.word(j)) if len(row.objects) > 1 else -100 for row, j in rows]
        return torch.tensor(ids)

    def batch(self, flat: Sequence[Step], labels: np.ndarray, prompts: list[Prompt], first: Tensor) -> WindowBatch:
        """Make a window. flat: K*B steps, step-major; labels (K*B, C, A) as recorded; first (K, B) bool."""
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


@dataclass
class ComposedSource:
    """Windows of the mini scale, whose frames and features lie in memory; progress in [0, 1] sets episode lengths."""

    batcher: Batcher
    streams: Streams
    steps: int

    def next_window(self, progress: float) -> WindowBatch:
        return self.batcher.window(self.streams, self.steps, progress)

    def state(self) -> list[Json]:
        return [self.streams.state()]

    def restore(self, state: list[Json]) -> None:
        self.streams.restore(state[0])

    def close(self) -> None:
        """Nothing to stop."""
