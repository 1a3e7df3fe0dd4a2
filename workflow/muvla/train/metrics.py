"""Training metrics (spec 4.8): JSON lines, readable while the training runs, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from muvla.model.flow.cell import AnyCell
from muvla.model.window import WindowOutput
from muvla.train.episode_watch import Episode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Our names in the lines -> the release's in TensorBoard, whose writer turns spaces into underscores.
TAGS = {
    "loss": "VLA_Train/Loss",
    "curr_action_l1": "VLA_Train/Curr_Action_L1_Loss",
    "next_actions_l1": "VLA_Train/Next_Actions_L1_Loss",
    "lr": "VLA_Train/Learning_Rate",
    "gradient_norm": "VLA_Train/Gradient_Norm",
}
CELL = 24  # pixels of one pair in the heat-map


class Metrics:
    """Write metrics to `path`, one line an update; after a resume, drop the lines of updates to be made again."""

    def __init__(self, path: Path, *, keep_before: int | None = None, tensorboard: Path | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept: list[str] = []
        if keep_before is not None and path.is_file():
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            kept = [line for line in lines if json.loads(line)["update"] <= keep_before]
        self._file = path.open("w", buffering=1)
        self._file.writelines(kept)
        self._board: Any = None
        if tensorboard is not None:
            from tensorboardX import SummaryWriter

            self._board = SummaryWriter(str(tensorboard), purge_step=(keep_before or 0) + 1)

    def write(self, **values: float | int | str) -> None:
        self._file.write(json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if name != "update" and isinstance(value, float):
                    self._board.add_scalar(TAGS.get(name, f"mu-VLA_Memory/{name}"), value, values["update"])
            self._board.flush()

    def heatmap(self, update: int, names: list[str], shares: Tensor) -> None:
        """Write the attention shares (G, G) between token groups: a number a pair, and a picture for TensorBoard."""
        pairs = {
            f"{names[q]}_to_{names[k]}_frac": shares[q, k].item() for q in range(len(names)) for k in range(len(names))
        }
        self._file.write(
            json.dumps({"update": update} | {name: round(value, 6) for name, value in pairs.items()}) + "\n"
        )
        if self._board is not None:
            for name, value in pairs.items():
                self._board.add_scalar(f"mu-VLA_Attention/{name}", value, update)
            picture = shares.float().cpu().numpy().repeat(CELL, 0).repeat(CELL, 1)
            self._board.add_image("mu-VLA_Attention/block_attention_heatmap", picture, update, dataformats="HW")
            self._board.flush()

    def episode(self, update: int, episode: Episode) -> None:
        """Write slot 0's last whole episode: numbers as a line; curves and key frames for TensorBoard."""
        self._file.write(json.dumps({"update": update} | episode.line()) + "\n")
        if self._board is not None:
            self._board.add_figure("mu-VLA_Memory/episode_mem_norms", _curves(episode.norms, 0), update)
            self._board.add_figure("mu-VLA_Memory/episode_cosine_distance", _curves(episode.distances, 1), update)
            if episode.shown:
                strip = episode.pictures.transpose(1, 0, 2, 3).reshape(episode.pictures.shape[1], -1, 3)
                self._board.add_image("mu-VLA_Memory/episode_rollout", strip, update, dataformats="HWC")
            else:
                reason = f"skipped: {len(episode.norms)} steps"
                self._board.add_text("mu-VLA_Memory/episode_rollout", reason, update)
            self._board.flush()

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def _curves(values: Tensor, first: int) -> Figure:
    """Draw values (T, m) of steps `first`, first + 1, ...: a pale line for every token, a dark one for their mean."""
    from matplotlib.figure import Figure  # seconds that only TensorBoard needs

    figure = Figure(figsize=(6, 3))
    axes = figure.add_subplot()
    steps = range(first, first + len(values))
    axes.plot(steps, values.numpy(), color="C0", alpha=0.2, linewidth=0.8)
    axes.plot(steps, values.mean(dim=1).numpy(), color="C0", linewidth=2)
    axes.set_xlabel("step")
    return figure


def memory_metrics(cell: AnyCell, outputs: Sequence[WindowOutput]) -> dict[str, float]:
    """Return memory gradient norms. Call between backward() and optimizer.step(). Empty for memoryless policies.

    Gradients are those of the update's mean loss. The memory output of a step has one when a later step of the window
    read it: the last step's never does, and under EMA none does (the release reports none at all, spec 9.1 B7). Norms
    are taken over all numbers of one slot, then mean and maximum over slots and steps.
    """
    if not outputs[-1].memory.numel():
        return {}
    found: dict[str, float] = {}
    if (gradient := cell.memory.initial_memory.grad) is not None:
        found["initial_memory_grad_norm"] = gradient.norm().item()
    read = [tensor for output in outputs for tensor in output.memory_in]
    written = [tensor for output in outputs for tensor in output.memory_out]
    for name, tensors in (("mem_input_grad_norm", read), ("mem_output_grad_norm", written)):
        gradients = [tensor.grad for tensor in tensors if tensor.grad is not None]
        if gradients:
            norms = torch.stack([gradient.float().flatten(1).norm(dim=1) for gradient in gradients])
            found |= {f"{name}_mean": norms.mean().item(), f"{name}_max": norms.max().item()}
    return found
