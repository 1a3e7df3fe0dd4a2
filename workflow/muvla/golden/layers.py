"""Hashes and a few numbers of what an episode and a training compute here.

B slots, K steps of a window, C chunk, A action dimensions, m memory tokens, D width.
"""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np
import torch

from muvla.benchmark.mikasa import MIKASA
from muvla.data.text import Tokenizer
from muvla.files import Json
from muvla.model.auxiliary import Aids, Weights
from muvla.model.cell import Cell
from muvla.model.prompt import prompts
from muvla.model.window import Window, WindowBatch
from muvla.options import read
from muvla.products import flushed
from muvla.sim.simulator import make_simulator
from muvla.train.composed.base import mini_architecture, new_cell
from muvla.train.composed.scale import ComposedScale
from muvla.train.optimiser import Optimiser
from muvla.train.settings import TrainSettings

SEED = 0
POLICY = ["variant=m64_k2"]
# Smaller, so that a hundred updates take seconds.
TRAINED = [*POLICY, *(f"scale.architecture.{size}" for size in ("width=64", "layers=2", "mlp_hidden=128"))]
ACTIONS = 5  # between two pictures
UPDATES, SLOTS = 100, 3
DIGITS = 6  # significant ones, of the numbers shown where hashes differ

# One environment of each of the nine families; Rotate's lenient and strict ones differ in their number of steps.
ENVIRONMENTS = list({(row.family, row.max_steps): name for name, row in MIKASA.environments.items()}.values())


class _Digest:
    """A SHA-256 over arrays, in the order in which they come."""

    def __init__(self) -> None:
        self.sha = hashlib.sha256()

    def add(self, *arrays: np.ndarray) -> None:
        for array in arrays:
            self.sha.update(np.ascontiguousarray(array).tobytes())

    def layer(self, *numbers: float) -> Json:
        """Return {"sha256", "numbers"}."""
        return {"sha256": self.sha.hexdigest()[:16], "numbers": [float(f"{one:.{DIGITS}g}") for one in numbers]}


def episode(environment: str) -> Json:
    """Run one episode of fixed random actions in the light scene and let an untrained policy see it.

    Returns {"physics", "picture", "policy"}: states, pictures after every fifth step, action chunks and memories. The
    policy sees those very pictures, so where they differ, its layer does too.
    """
    physics, picture, policy = _Digest(), _Digest(), _Digest()
    rng = np.random.default_rng(SEED)
    cell = _cell(read(TrainSettings, POLICY)).eval()
    memory = cell.memory.start(1).detach()  # (1, m, D)
    with contextlib.closing(make_simulator(environment, standin_mug=True, actions_per_step=ACTIONS)) as env:
        observation, info = env.reset(seed=SEED)
        truncated = False
        while True:
            physics.add(env.raw.get_state().numpy(), observation["proprio"])
            picture.add(observation["image"])
            actions, memory = _act(cell, observation, info["instruction"], memory)
            policy.add(actions, memory.numpy())
            if truncated:
                break
            given = rng.uniform(-1, 1, (ACTIONS, 7)).astype(np.float32)
            observation, _, _, truncated, info = env.step(given)
    return {
        "physics": physics.layer(*observation["proprio"][:3]),
        "picture": picture.layer(*observation["image"].mean(axis=(1, 2, 3))),
        "policy": policy.layer(*actions[0, 0, :3], np.abs(memory.numpy()).mean()),
    }


@flushed()
def training() -> Json:
    """Train a policy a hundred updates on made-up pictures, towers included.

    Returns {"training"}: every loss and the final weights.
    """
    settings = read(TrainSettings, TRAINED)
    assert isinstance(settings.scale, ComposedScale)
    window = Window(_cell(settings).train(), Weights(**vars(settings.scale.auxiliary)))
    optimiser = Optimiser(window, settings.scale.memory_training.optimiser, UPDATES)
    rng = np.random.default_rng(SEED)
    memory = window.cell.memory.start(SLOTS).detach()
    digest, losses = _Digest(), []
    for update in range(UPDATES):
        output = window(_window(rng, settings.memory.window, fresh=update % 3 == 0), memory)
        optimiser.step(output.loss)
        memory = output.memory
        losses.append(output.loss.item())
    digest.add(np.array(losses), *(weights.detach().numpy() for weights in window.parameters()))
    return {"training": digest.layer(losses[0], losses[9], losses[-1])}


def _cell(settings: TrainSettings) -> Cell:
    """Draw a policy's weights."""
    assert isinstance(settings.scale, ComposedScale)
    torch.manual_seed(SEED)
    return new_cell(mini_architecture(settings.scale), settings.memory)


@torch.no_grad()
@flushed()
def _act(
    cell: Cell, observation: dict[str, np.ndarray], instruction: str, memory: torch.Tensor
) -> tuple[np.ndarray, torch.Tensor]:
    """Run one step on an observation: actions (1, C, A), memory (1, m, D)."""
    vision = cell.see(torch.from_numpy(observation["image"])[None])
    proprio = torch.from_numpy(observation["proprio"])[None]
    output = cell.step(vision, proprio, prompts(Tokenizer.mini(), [instruction]), memory)
    return output.actions.numpy(), cell.memory.update(memory, output.memory)


def _window(rng: np.random.Generator, steps: int, fresh: bool) -> WindowBatch:
    """Make up a window of SLOTS slots; fresh: their episodes begin."""
    tokenizer = Tokenizer.mini()
    instruction = MIKASA.instructions[0]
    is_first = torch.zeros(steps, SLOTS, dtype=torch.bool)
    is_first[0] = fresh
    return WindowBatch(
        images=torch.from_numpy(rng.integers(256, size=(steps, SLOTS, 2, 64, 64, 3), dtype=np.uint8)),
        proprio=torch.from_numpy(rng.uniform(-1, 1, (steps, SLOTS, 7)).astype(np.float32)),
        actions=torch.from_numpy(rng.uniform(-1, 1, (steps, SLOTS, 8, 7)).astype(np.float32)),
        is_first=is_first,
        prompts=[prompts(tokenizer, [instruction] * SLOTS)] * steps,
        aids=Aids(
            words=torch.full((steps, SLOTS, 1), tokenizer.word_id("red")),
            places=torch.zeros(steps, SLOTS, 2, dtype=torch.int64),
            rehearsed=~is_first,
        ),
    )
