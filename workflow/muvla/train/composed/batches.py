"""From frames of demonstrations to the tensors of one window. K steps, B slots; letters else as in model/window.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from muvla.data.statistics import Statistics
from muvla.data.text import Tokenizer
from muvla.files import Json
from muvla.model.auxiliary import NOTHING, Aids
from muvla.model.prompt import Prompt, prompts
from muvla.model.window import WindowBatch
from muvla.train.composed.frames import Frames
from muvla.train.composed.scenes import Contents
from muvla.train.composed.streams import Step, Streams


@dataclass(frozen=True)
class Batcher:
    """Turns steps of streams into windows.

    features (N, cameras, P, W0+W1): of all frames, from frozen towers; None: windows hold pictures, for towers that are
    trained along.
    """

    frames: Frames
    contents: Contents
    statistics: Statistics
    tokenizer: Tokenizer
    features: Tensor | None = None
    first_observation: bool = False
    words: dict[str, list[int]] = field(init=False)  # ids of the words of every name

    def __post_init__(self) -> None:
        names = {name for row in self.frames.rows if row.chooses for name in row.objects}
        object.__setattr__(self, "words", {n: [self.tokenizer.word_id(w) for w in n.split()] for n in sorted(names)})

    def steps(self, drawn: Sequence[Sequence[Step]], fade: float = 1.0) -> WindowBatch:
        """Make a window of K steps of B frames each, under their tasks' own prompts; fade: of the aids."""
        flat = [step for row in drawn for step in row]
        labels = np.stack([self.frames.label(step.frame, step.row, step.target) for step in flat])
        first = torch.tensor([[step.is_first for step in row] for row in drawn])
        instructions = [[self.frames.rows[step.row].instruction for step in row] for row in drawn]
        return self.batch(flat, labels, [prompts(self.tokenizer, row) for row in instructions], first, fade)

    def batch(
        self, flat: Sequence[Step], labels: np.ndarray, prompts: list[Prompt], first: Tensor, fade: float = 1.0
    ) -> WindowBatch:
        """Make a window. flat: K*B steps, step-major; labels (K*B, C, A) as recorded; first (K, B) bool."""
        shape = tuple(first.shape)
        index = np.array([step.frame for step in flat])
        proprio = self.statistics.proprio.normalise(self.frames.proprio[index])
        actions = self.statistics.action.normalise(labels.astype(np.float32))
        acts = [self.frames.rows[step.row].acts for step in flat]
        images, picture, drawn = None, None, []
        if self.features is None:
            unique, first_of, inverse = np.unique(index, return_index=True, return_inverse=True)
            images = torch.from_numpy(self.frames.images[unique])
            picture = torch.from_numpy(inverse).view(shape)
            drawn = [(flat[number].row, flat[number].frame) for number in first_of.tolist()]
        return WindowBatch(
            proprio=torch.from_numpy(proprio.astype(np.float32)).view(*shape, -1),
            actions=torch.from_numpy(actions.astype(np.float32)).view(*shape, *actions.shape[1:]),
            is_first=first,
            prompts=prompts,
            images=images,
            features=None if self.features is None else self._features(flat).unflatten(0, shape),
            picture=picture,
            aids=Aids(
                words=self._words(flat).unflatten(0, shape),
                places=self._places(flat).unflatten(0, shape),
                rehearsed=torch.tensor([step.rehearsed for step in flat]).view(shape),
                fade=fade,
                seen=self.contents.seen(drawn) if drawn else None,
            ),
            acted=None if all(acts) else torch.tensor(acts).view(shape),
        )

    def _features(self, flat: Sequence[Step]) -> Tensor:
        """Look up the features of each step's pictures, (len(flat), V, W0+W1)."""
        assert self.features is not None
        found = self.features[torch.tensor([step.frame for step in flat])]
        if self.first_observation:  # the episode's first third-person picture as one more camera (spec 5)
            opening = self.features[torch.tensor([step.first_frame for step in flat]), :1]
            found = torch.cat([found, opening], dim=1)
        return found.flatten(1, 2)

    def _words(self, flat: Sequence[Step]) -> Tensor:
        """Look up the words that name each step's object, (len(flat), W), NOTHING in what is left."""
        rows = [(self.frames.rows[step.row], step.target) for step in flat]
        names = [self.words[row.objects[target]] if row.chooses else [] for row, target in rows]
        longest = max((len(each) for each in self.words.values()), default=1)
        return torch.tensor([[*each, *[NOTHING] * (longest - len(each))] for each in names])

    def _places(self, flat: Sequence[Step]) -> Tensor:
        """Look up the patches in which each step's object is seen, (len(flat), cameras)."""
        found = np.stack([self.contents.places(step.row, step.frame, step.target) for step in flat])
        if self.first_observation:
            found = np.pad(found, ((0, 0), (0, 1)), constant_values=NOTHING)
        return torch.from_numpy(found)


@dataclass
class ComposedSource:
    """Windows of the mini scale, whose frames and features lie in memory; progress in [0, 1] sets the stage."""

    batcher: Batcher
    streams: Streams
    steps: int

    def next_window(self, progress: float) -> WindowBatch:
        drawn = [self.streams.next_step(progress) for _ in range(self.steps)]
        batch = self.batcher.steps(drawn, self.streams.aids.left(progress))
        return replace(batch, horizon=self.streams.stage(progress).horizon)

    def state(self) -> list[Json]:
        return [self.streams.state()]

    def restore(self, state: list[Json]) -> None:
        self.streams.restore(state[0])

    def close(self) -> None:
        """Nothing to stop."""
