"""A checkpoint that acts: batches of observations in, action chunks out, the memory inside, one row per slot.

N slots, n of them active, C chunk, A action dimensions, m memory tokens, D width, P proprio, V vision tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from muvla.checkpoint import StoredPolicy, load_any
from muvla.data.episode import CAMERAS
from muvla.evaluate.acting import Facts
from muvla.model.flow.cell import AnyCell, FlowCell
from muvla.model.prompt import prompts
from muvla.products import flushed
from muvla.records.episode import MEMORIES


class Policy:
    """Act for `slots` environments at once. `forwards` and `memory_updates` count per slot since its last reset.

    memory: what each forward reads (spec 6.4). "active": the policy's own; "zero": zeros; "noise": fresh standard
    Gaussian numbers before every forward (the paper does not state its scale; 1 per component is our choice, the size
    that the final norm gives a memory token); "freeze_first": the memory after the first forward, for good.
    """

    def __init__(
        self,
        checkpoint: StoredPolicy | str | Path,
        *,
        slots: int,
        memory: str = "active",
        seed: int = 0,
        precision: str = "float32",
        device: str = "cpu",
        environment: str | None = None,
        like: Policy | None = None,
    ) -> None:
        """Load the checkpoint, or its folder.

        environment: decides only where the checkpoint was normalised by each data set's own statistics.
        like: its weights are used where it came from the same folder with the same precision and device.

        Raises:
            CheckpointError, FileNotFoundError or ValueError: naming the file or the argument that is missing or wrong.
        """
        if memory not in MEMORIES:
            raise ValueError(f"memory is {memory!r}: choose one of {', '.join(MEMORIES)}")
        if precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is {precision!r}: choose float32 or bfloat16")
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device=cuda, but this machine shows torch no GPU; use device=cpu")
        stored = checkpoint if isinstance(checkpoint, StoredPolicy) else StoredPolicy(checkpoint)
        self.source = (stored.folder, precision, device)
        self.stored: StoredPolicy
        self.cell: AnyCell
        if like is not None and like.source == self.source:
            self.stored, self.cell = like.stored, like.cell
        else:
            self.stored, self.cell = stored, load_any(stored, dtype=getattr(torch, precision)).to(device)
        self.settings = self.cell.settings
        if memory != "active" and not self.settings.num_mem_tokens:
            raise ValueError(
                f"{self.stored.folder} has no memory, so memory={memory!r} means nothing; use memory=active"
            )
        self.statistics = self.stored.normalisation(environment)
        self.tokenizer = self.stored.tokenizer
        self.intervention = memory
        self.generator = torch.Generator().manual_seed(seed)
        self.memory = self.cell.memory.start(slots).detach().clone()  # (N, m, D)
        self.opening: Tensor | None = None  # (N, P, W0+W1) of each episode's first picture, for a third camera
        self.seeds = [seed] * slots  # of each slot's episode
        self.forwards = np.zeros(slots, np.int64)
        self.memory_updates = np.zeros(slots, np.int64)

    @property
    def replans_every_step(self) -> bool:
        """Receding horizon where there is memory, else open loop: the release's rule (spec 6.4)."""
        return self.settings.num_mem_tokens > 0

    @property
    def facts(self) -> Facts:
        """What records say of it."""
        chunk = self.cell.architecture.chunk
        return Facts(
            name=str(self.stored.folder),
            benchmark=self.statistics.benchmark,
            sha256=self.stored.sha256,
            num_mem_tokens=self.settings.num_mem_tokens,
            width=self.cell.architecture.width,
            chunk=chunk,
            per_forward=1 if self.replans_every_step else chunk,
            step=self.stored.step,
            provenance=self.stored.provenance,
            averaged=self.statistics.key if self.statistics.averaged else "",
        )

    def begin_episode(self, slot: int, seed: int) -> None:
        """Hear that an episode of this seed begins in the slot: its noise depends on nothing else."""
        self.seeds[slot] = seed

    def end_episode(self, slot: int, *, success: bool, steps: int) -> None:
        """Do nothing: the slot's memory starts anew with its next episode."""

    @torch.inference_mode()
    @flushed()
    def act(
        self,
        images: np.ndarray,
        proprio: np.ndarray,
        instructions: Sequence[str],
        is_first: np.ndarray,
        active: np.ndarray,
    ) -> np.ndarray:
        """Run one forward of every active slot, from observations as the simulator gives them to its commands.

        images (N, 2, H, W, 3) uint8, proprio (N, P), is_first and active (N,) bool -> commands (N, C, A) float32

        Slots with is_first start from the initial memory; slots that are not active are neither run nor changed, and
        get zeros.

        Raises:
            ValueError: observations of other cameras or another robot state than the policy was trained on; NaN or
            infinity in the robot state or in the actions.
        """
        self._require(images, proprio)
        rows = np.flatnonzero(active)
        self._require_finite("the simulator's robot state (proprio)", proprio[rows], rows)
        if isinstance(self.cell, FlowCell) and len(rows) > 1:  # one by one: the same bytes for any number of slots
            alone = np.eye(len(active), dtype=bool)
            chunks = {row: self.act(images, proprio, instructions, is_first, alone[row])[row] for row in rows.tolist()}
            idle = np.zeros_like(chunks[rows[0]])
            return np.stack([chunks.get(row, idle) for row in range(len(active))])
        index = torch.from_numpy(rows).to(self.cell.device)
        first = torch.from_numpy(is_first[rows]).to(self.cell.device)
        self.forwards[is_first & active] = self.memory_updates[is_first & active] = 0
        features = self._features(torch.from_numpy(images[rows]), index, first)
        normal = self.statistics.proprio.normalise(proprio[rows].astype(np.float64)).astype(np.float32)
        state = torch.from_numpy(normal).to(self.cell.device)
        prompt = prompts(self.tokenizer, [instructions[row] for row in rows.tolist()]).to(self.cell.device)
        memory_in = self._intervened(self.cell.memory.reset(self.memory[index], first), index)
        vision = self.cell.projector(features)
        if isinstance(self.cell, FlowCell):
            output = self.cell.step(vision, state, prompt, self._noise(rows).to(self.cell.device))
        else:
            output = self.cell.step(vision, state, prompt, memory_in)
        self._remember(index, memory_in, output.memory)
        self.forwards[rows] += 1
        commands = np.zeros((len(images), *output.actions.shape[1:]), np.float32)
        actions = self.statistics.action.unnormalise(output.actions.double().cpu().numpy())
        self._require_finite(f"the action chunk of {self.stored.folder}", actions, rows)
        commands[rows] = self.statistics.benchmark.command(actions)
        return commands

    def _require(self, images: np.ndarray, proprio: np.ndarray) -> None:
        if images.ndim != 5 or images.shape[1] != len(CAMERAS) or images.shape[4] != 3 or images.dtype != np.uint8:
            raise ValueError(
                f"the policy expects {len(CAMERAS)} cameras, {' and '.join(CAMERAS)}: pictures must be "
                f"(N, {len(CAMERAS)}, H, W, 3) uint8, not {images.shape} {images.dtype}"
            )
        width = self.cell.architecture.proprio_dim
        if proprio.shape != (len(images), width):
            raise ValueError(
                f"proprio must be ({len(images)}, {width}), not {proprio.shape}: is it the right benchmark?"
            )

    def _require_finite(self, what: str, values: np.ndarray, rows: np.ndarray) -> None:
        """Raise ValueError for NaN or infinity in `values` (n, ...), which belong to the slots `rows`."""
        wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if wrong.any():
            raise ValueError(f"{what} holds NaN or infinity in slot {rows[wrong.argmax()]}")

    def _features(self, images: Tensor, index: Tensor, first: Tensor) -> Tensor:
        """See this step's pictures (n, 2, H, W, 3), and the episode's first where wanted: features (n, V, W0+W1)."""
        features = self.cell.vision_backbone.features(images)  # (n, 2, P, W0+W1)
        if self.cell.architecture.cameras == 3:
            if self.opening is None:
                self.opening = features.new_zeros(len(self.memory), *features.shape[2:])
            self.opening[index] = torch.where(first[:, None, None], features[:, 0], self.opening[index])
            features = torch.cat([features, self.opening[index][:, None]], dim=1)
        return features.flatten(1, 2)

    def _noise(self, rows: np.ndarray) -> Tensor:
        """Draw what a flow begins with, by each row's seed and how many chunks its episode had: (n, C, A)."""
        sizes = self.cell.architecture
        generators = [np.random.default_rng([self.seeds[row], int(self.forwards[row])]) for row in rows.tolist()]
        shape = sizes.chunk, sizes.action_dim
        return torch.from_numpy(np.stack([each.standard_normal(shape, np.float32) for each in generators]))

    def _intervened(self, memory: Tensor, index: Tensor) -> Tensor:
        if self.intervention == "zero":
            return torch.zeros_like(memory)
        if self.intervention == "noise":
            return torch.randn(memory.shape, generator=self.generator).to(memory)
        return memory

    def _remember(self, index: Tensor, memory_in: Tensor, memory_out: Tensor) -> None:
        if not self.settings.num_mem_tokens:
            return
        following = self.cell.memory.update(memory_in, memory_out)
        if self.intervention == "freeze_first":
            begun = torch.from_numpy(self.forwards[index.cpu().numpy()] == 0).to(index.device)
            following = torch.where(begun[:, None, None], following, memory_in)
        self.memory[index] = following
        self.memory_updates[index.cpu().numpy()] += 1
