"""`python -m muvla.train variant=m64_k2`: the base, or one variant from it, in windows of K steps (spec 2, 4).

Options: config/muvla/train.yaml, scale/*.yaml and variant/*.yaml. A run that was interrupted goes on from its last
saved state when the same command is given again. plan=true prints what a run will cost. Several processes:
`torchrun --nproc-per-node 8 -m muvla.train scale=paper ...` (docs/paper-scale.md).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from tqdm import tqdm

from muvla.base import preprocessor, train_base
from muvla.budget import Budget
from muvla.data.episode import dataset_name
from muvla.metrics import Metrics, memory_metrics
from muvla.model import checkpoint
from muvla.model.attention import attention_blocks
from muvla.model.window import Window, WindowBatch
from muvla.optimiser import Optimiser
from muvla.parallel import Group, joined
from muvla.plan import plan
from muvla.provenance import describe_run, file_sha256
from muvla.start import Start, environments, memory_settings, start
from muvla.training_state import TrainingState

__all__ = ["preprocessor", "train"]

CONFIG = str(Path(__file__).resolve().parents[2] / "config" / "muvla")


@hydra.main(version_base=None, config_path=CONFIG, config_name="train")
def main(config: DictConfig) -> None:
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    try:
        train(config)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def train(config: DictConfig) -> None:
    """Train what `config` names and write it to config.output: a checkpoint folder, provenance.json last."""
    if config.plan:
        print("\n".join(plan(config)))
        return
    output = Path(config.output)
    if (output / "provenance.json").is_file():
        print(f"{output} is already trained; remove it to train it again")
        return
    began = time.monotonic()
    if config.variant.name == "base":
        _base(config, output, began)
        return
    with joined(config.device) as group:
        _variant(config, group, output, began)


def _base(config: DictConfig, output: Path, began: float) -> None:
    if config.scale.memory_training.data != "composed":
        raise ValueError(f"scale {config.scale.name} has no base of ours: it starts from base={config.base}")
    cell, files = train_base(config)
    inputs = {name: file_sha256(Path(config.data) / dataset_name(name) / "collection.json")
              for name in environments(config)}  # fmt: skip
    checkpoint.save(
        cell,
        output,
        step=config.scale.grounding.updates,
        files=files,
        provenance=_provenance(config, inputs, None, began),
    )
    print(f"{config.variant.name}: {output}")


def _variant(config: DictConfig, group: Group, output: Path, began: float) -> None:
    settings = memory_settings(config)
    training = config.scale.memory_training
    if training.processes not in (None, group.world):
        raise ValueError(
            f"scale {config.scale.name} is meant for {training.processes} processes, here are {group.world}: start "
            f"them with torchrun, or say scale.memory_training.processes={group.world} for updates of fewer frames"
        )
    budget = Budget.of(config.budget, training, settings, group.world)
    ready = start(config, settings, budget, group)
    run = _Run(config, group, budget, ready, output)
    base = checkpoint.sha256(config.base) if group.leads else None

    def write(folder: Path, step: int) -> None:
        if group.leads:
            checkpoint.save(
                ready.cell,
                folder,
                step=step,
                files=ready.files,
                config=ready.config,
                copies=ready.copies,
                provenance=_provenance(config, ready.inputs, base, began),
            )
        group.wait()

    try:
        run.go(write)
    finally:
        ready.source.close()
    write(output, budget.updates)
    if group.leads:
        run.state.path.unlink(missing_ok=True)
        print(f"{config.variant.name}: {output}")


class _Run:
    """The loop over updates; everything that differs between scales was decided before."""

    def __init__(self, config: DictConfig, group: Group, budget: Budget, ready: Start, output: Path) -> None:
        self.training, self.group, self.budget, self.cell, self.output = (
            config.scale.memory_training, group, budget, ready.cell, output,
        )  # fmt: skip
        self.name = config.variant.name
        self.source = ready.source
        self.cell.train()
        self.window = Window(self.cell, self.training.naming)
        settings = OmegaConf.create({**self.training.optimiser, "schedule": schedule_of(config)})
        self.optimiser = Optimiser(self.window, settings, budget.updates)
        self.state = TrainingState(Path(f"{output}.state.pt"), self.window, self.optimiser, self.source, group)

    def go(self, write: Callable[[Path, int], None]) -> None:
        """All updates that are not done yet. write(folder, step) saves a checkpoint on the way."""
        training, budget, group = self.training, self.budget, self.group
        wrapped = group.wrap(self.window)
        done, memory = self.state.restore(self.cell.memory.start(budget.slots).detach())
        metrics = self._metrics(done)
        progress = tqdm(
            range(done, budget.updates),
            initial=done,
            total=budget.updates,
            desc=self.name,
            unit="update",
            disable=not group.leads,
        )
        for update in progress:
            batch = self.source.next_window(update / budget.updates)
            every = training.metrics.get("attention_every", 0)
            if metrics is not None and every and (update + 1) % every == 0:
                metrics.heatmap(update + 1, *self._attention(batch, memory))
            memory, measured = self._update(wrapped, batch, update, memory)
            if measured is not None and metrics is not None:
                metrics.write(update=update + 1, **measured)
                progress.set_postfix(loss=f"{measured['loss']:.3f}")
            last = update + 1 == budget.updates
            if training.checkpoint_every and (update + 1) % training.checkpoint_every == 0 and not last:
                write(Path(f"{self.output}--{update + 1}_chkpt"), update + 1)
            if (update + 1) % training.save_every == 0 and not last:
                self.state.save(update + 1, memory)
        if metrics is not None:
            metrics.close()

    @torch.no_grad()
    def _attention(self, batch: WindowBatch, memory: Tensor) -> tuple[list[str], Tensor]:
        """Of the window's first step, with the weights as they are before its update."""
        with torch.autocast(self.group.device.type, torch.bfloat16, enabled=self.training.precision.autocast):
            vision = self.window.vision(batch)[: self.budget.slots]
            memory_in = self.cell.memory.reset(memory, batch.is_first[0])
            return attention_blocks(self.cell, vision, batch.proprio[0], batch.prompts[0], memory_in)

    def _update(
        self, wrapped: nn.Module, batch: WindowBatch, update: int, memory: Tensor
    ) -> tuple[Tensor, dict[str, float] | None]:
        """One window and one step of the optimiser: the memory it leaves, and what was measured when it is due."""
        every = self.training.metrics
        due = (update + 1) % every.every == 0
        watch = due and bool(every.memory_every) and (update + 1) % every.memory_every == 0
        with torch.autocast(self.group.device.type, torch.bfloat16, enabled=self.training.precision.autocast):
            output = wrapped(batch, memory, watch)
        self.optimiser.backward(output.loss)
        measured: dict[str, float] | None = None
        if due:
            measured = {
                "loss": output.action_loss.item(),
                "naming_loss": output.naming_loss.item(),
                "curr_action_l1": output.errors[..., 0, :].mean().item(),
                "next_actions_l1": output.errors[..., 1:, :].mean().item(),
                "gradient_norm": self.optimiser.gradient_norm(),
            }
            if watch:
                measured |= memory_metrics(self.cell, output)
        self.optimiser.update()
        if measured is not None:
            state = output.memory
            measured |= {
                "lr": self.optimiser.lr,
                "mem_tokens_mean_norm": state.float().norm(dim=-1).mean().item() if state.numel() else 0.0,
                "initial_memory_param_norm": self.cell.memory.initial_memory.norm().item(),
            }
            measured = self.group.mean(measured)
        return output.memory, measured

    def _metrics(self, done: int) -> Metrics | None:
        if not self.group.leads:
            return None
        board = Path(f"{self.output}.tensorboard") if self.training.metrics.tensorboard else None
        return Metrics(Path(f"{self.output}.metrics.jsonl"), keep_before=done, tensorboard=board)


def schedule_of(config: DictConfig) -> str:
    """The scale's schedule; with match_release the one that the release's command for this variant names."""
    if config.match_release:
        return config.variant.released_schedule
    return config.scale.memory_training.optimiser.get("schedule", "cosine")


def _provenance(
    config: DictConfig, data: dict[str, str], base: str | None, began: float
) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: describe_run(
        command="muvla.train",
        config=OmegaConf.to_container(config, resolve=True),
        checkpoint=checkpoint.sha256(folder),
        data=data,
        base=base,
        seconds=round(time.monotonic() - began, 1),
    )


if __name__ == "__main__":
    main()
