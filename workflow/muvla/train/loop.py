"""The loop over updates of one variant; everything that differs between scales was decided before (start.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from tqdm import tqdm

from muvla.model.attention import attention_blocks
from muvla.model.window import Window, WindowBatch, WindowOutput
from muvla.train.episode_watch import EpisodeWatch
from muvla.train.metrics import Metrics, memory_metrics
from muvla.train.optimiser import Optimiser
from muvla.train.parallel import Group
from muvla.train.start import Budget, Start
from muvla.train.state import TrainingState


class Loop:
    """Windows, gradients, updates; metrics and saved states on the way."""

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
        self.watch: EpisodeWatch | None = None
        if group.leads and self.training.metrics.get("episode_every", 0) and self.cell.settings.num_mem_tokens:
            self.watch = EpisodeWatch()
        path = Path(f"{output}.state.pt")
        self.state = TrainingState(path, self.window, self.optimiser, self.source, group, self.watch)

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
            memory, measured = self._update(wrapped, update, memory, metrics)
            if measured is not None and metrics is not None:
                metrics.write(update=update + 1, **measured)
                progress.set_postfix(loss=f"{measured['loss']:.3f}")
            episodes = training.metrics.get("episode_every", 0)
            if metrics is not None and self.watch and (update + 1) % episodes == 0 and (seen := self.watch.take()):
                metrics.episode(update + 1, seen)
            last = update + 1 == budget.updates
            if training.checkpoint_every and (update + 1) % training.checkpoint_every == 0 and not last:
                write(Path(f"{self.output}--{update + 1}_chkpt"), update + 1)
            if (update + 1) % training.save_every == 0 and not last:
                self.state.save(update + 1, memory)
        if metrics is not None:
            metrics.close()

    def _update(
        self, wrapped: nn.Module, update: int, memory: Tensor, metrics: Metrics | None
    ) -> tuple[Tensor, dict[str, float] | None]:
        """Some windows, their mean gradient, one step of the optimiser: the memory the last window leaves, and what was
        measured when it is due."""
        every, windows = self.training.metrics, self.budget.accumulate
        due = (update + 1) % every.every == 0
        watch = due and bool(every.memory_every) and (update + 1) % every.memory_every == 0
        outputs: list[WindowOutput] = []
        for number in range(windows):
            batch = self.source.next_window(update / self.budget.updates)
            attention = every.get("attention_every", 0)
            if metrics is not None and attention and number == 0 and (update + 1) % attention == 0:
                metrics.heatmap(update + 1, *self._attention(batch, memory))
            with self.group.reducing(wrapped, number == windows - 1):
                with torch.autocast(self.group.device.type, torch.bfloat16, enabled=self.training.precision.autocast):
                    output = wrapped(batch, memory, watch)
                self.optimiser.backward(output.loss / windows, add=number > 0)
            if self.watch:
                self.watch.see(batch, output.read_out)
            memory = output.memory
            outputs.append(output)
        measured = self._measured(outputs, watch) if due else None
        self.optimiser.update()
        if measured is not None:
            measured |= {
                "lr": self.optimiser.lr,
                "mem_tokens_mean_norm": memory.float().norm(dim=-1).mean().item() if memory.numel() else 0.0,
                "initial_memory_param_norm": self.cell.memory.initial_memory.norm().item(),
            }
            measured = self.group.mean(measured)
        return memory, measured

    def _measured(self, outputs: list[WindowOutput], watched: bool) -> dict[str, float]:
        """After backward and before the update: means over its windows."""

        def mean(value: Callable[[WindowOutput], Tensor]) -> float:
            return sum(value(output).item() for output in outputs) / len(outputs)

        measured = {
            "loss": mean(lambda output: output.action_loss),
            "naming_loss": mean(lambda output: output.naming_loss),
            "curr_action_l1": mean(lambda output: output.errors[..., 0, :].mean()),
            "next_actions_l1": mean(lambda output: output.errors[..., 1:, :].mean()),
            "gradient_norm": self.optimiser.gradient_norm(),
        }
        return measured | memory_metrics(self.cell, outputs) if watched else measured

    @torch.no_grad()
    def _attention(self, batch: WindowBatch, memory: Tensor) -> tuple[list[str], Tensor]:
        """Of the window's first step, with the weights as they are before its update."""
        with torch.autocast(self.group.device.type, torch.bfloat16, enabled=self.training.precision.autocast):
            vision = self.window.vision(batch)[: self.budget.slots]
            memory_in = self.cell.memory.reset(memory, batch.is_first[0])
            return attention_blocks(self.cell, vision, batch.proprio[0], batch.prompts[0], memory_in)

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
