"""Checkpoint folders and demonstrations made in seconds, for tests of what reads them."""

from pathlib import Path

import numpy as np
import torch

import tiny
from muvla import checkpoint
from muvla.checkpoint.config_files import preprocessor
from muvla.checkpoint.flow import digit_ids
from muvla.data.episode import Counterfactual, Episode, dataset_name
from muvla.data.rlds.dataset import write_dataset
from muvla.data.scene import Scene
from muvla.data.text import Tokenizer
from muvla.model.architecture import MemorySettings
from muvla.model.flow.cell import FlowCell
from muvla.model.flow.expert import FlowSettings
from muvla.train.flow.start import flow_from

INSTRUCTION = "Observe the cube's color, wait, then touch the cube of the same color."
BOUNDS = {"q01": [-1.0] * 7, "q99": [1.0] * 7}
CAMERA = np.array([[0.25, 0, 0, 0.5], [0, 0.25, 0, 0.5], [0, 0, 0, 1]], np.float32)  # sees x, y from -2 to 2
MEMORY = MemorySettings(num_mem_tokens=3, tbptt_length=2)


def write_flow_checkpoint(folder: Path) -> FlowCell:
    """A random tiny flow-matching policy; returns it as it was before it was rounded for the file."""
    flow, sizes = FlowSettings(width=8, mlp_hidden=16, steps=10), tiny.ARCHITECTURE
    cell = flow_from(tiny.cell(MemorySettings()), flow, digit_ids(Tokenizer.mini()), cameras=2)
    with torch.no_grad():
        for name, parameter in cell.expert.named_parameters():
            if "modulation" in name:  # no time would matter otherwise
                parameter.add_(torch.randn_like(parameter) * 0.3)
    checkpoint.save(
        cell.eval(),
        folder,
        step=7,
        files={
            "dataset_statistics.json": {"mikasa_combined": {"action": BOUNDS, "proprio": BOUNDS}},
            "preprocessor_config.json": preprocessor(sizes),
            "tokenizer.json": Tokenizer.mini().as_json(),
        },
    )
    return cell


def write_checkpoint(folder: Path, settings: MemorySettings = MEMORY, seed: int = 0) -> Path:
    """A random tiny policy in the released layout."""
    cell = tiny.cell(settings, seed)
    checkpoint.save(
        cell,
        folder,
        step=1,
        files={
            "dataset_statistics.json": {"mikasa_combined": {"action": BOUNDS, "proprio": BOUNDS}},
            "preprocessor_config.json": preprocessor(cell.architecture),
            "tokenizer.json": Tokenizer.mini().as_json(),
        },
    )
    return folder


def write_demonstrations(root: Path, environment: str = "RememberColor3", episodes: int = 6) -> Path:
    """Noise for pictures, but the right structure: cue, empty and choice frames, three colours, plans and scenes."""
    names = ("red cube", "lime cube", "blue cube")
    shown: list[Episode] = []
    others: list[Counterfactual] = []
    scenes: list[Scene] = []
    for seed in range(episodes):
        rng = np.random.default_rng(seed)
        cue, empty, choice = 1 + seed % 3, 1 + seed % 2, 5
        frames = cue + empty + choice
        plans = rng.uniform(-1, 1, (frames, 3, 8, 7)).astype(np.float32)
        plans[: cue + empty] = 0
        target = seed % 3
        shown.append(
            Episode(
                environment=environment,
                instruction=INSTRUCTION,
                images=rng.integers(0, 256, (frames, 2, 64, 64, 3), dtype=np.uint8),
                proprio=rng.normal(size=(frames, 7)).astype(np.float32),
                actions=plans[:, target, 0],
                file_path=f"{environment}/seed-{seed}",
            )
        )
        positions = rng.normal(size=(3, 3)).astype(np.float32)
        others.append(Counterfactual(seed, True, cue, empty, target, names, positions, plans))
        visible = np.repeat(np.arange(frames)[:, None] >= cue + empty, 3, axis=1)
        scenes.append(Scene(names, np.tile(positions, (frames, 1, 1)), visible, np.tile(CAMERA, (frames, 2, 1, 1))))
    write_dataset(root, dataset_name(environment), shown, counterfactuals=others, scenes=scenes)
    (root / dataset_name(environment) / "collection.json").write_text("{}\n")
    return root
