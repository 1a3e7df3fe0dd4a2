"""The loop over updates of a variant or of the base; what differs between scales was decided before (start.py).

K steps of a window, B slots, m memory tokens, D width, C chunk, A action dimensions, G groups of tokens.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from muvla.model.attention import attention_blocks
from muvla.model.cell import Cell
from muvla.model.window import WindowBatch, WindowOutput
from muvla.train.episode_watch import EpisodeWatch
from muvla.train.metrics import Metrics, memory_metrics
from muvla.train.optimiser import Optimiser
from muvla.train.parallel import Group
from muvla.train.scale import OptimiserSettings
from muvla.train.settings import TrainSettings, deciding
from muvla.train.start import Budget, Start
from muvla.train.state import TrainingState


class Loop:
    """Draws windows, updates the weights, and writes metrics and saved states on the way."""

    def __init__(
        self, settings: TrainSettings, group: Group, budget: Budget, start: Start, output: Path, base: str | None
    ) -> None:
        """base: hash of the checkpoint that is trained on from, as the first process knows it."""
        self.name, self.training = settings.variant.name, settings.training
        self.group, self.budget, self.output = group, budget, output
        self.window, self.source, self.held_out = start.window, start.source, start.held_out
        self.cell = start.cell
        self.cell.train()
        self.optimiser = Optimiser(self.window, optimiser_settings(settings), budget.updates)
        self.watch: EpisodeWatch | None = None
        if group.leads and self.training.metrics.episode_every and self.cell.settings.num_mem_tokens:
            self.watch = EpisodeWatch()
        path = Path(f"{output}.state.pt")
        made_with = {**deciding(dataclasses.asdict(settings)), "data": start.inputs, "base": base}
        self.state = TrainingState(
            path, self.window, self.optimiser, self.source, group, self.watch, made_with=made_with
        )

    def run(self, write: Callable[[Path, int], None]) -> None:
        """Make all updates that are not done yet. write(folder, step) saves a checkpoint on the way."""
        training, budget, group = self.training, self.budget, self.group
        wrapped = group.wrap(self.window)
        begun = self.state.path.is_file()
        done, memory = self.state.restore(self.cell.memory.start(budget.slots).detach())  # memory (B, m, D)
        if self.name == "base" and not begun:
            self.state.save(0, memory)  # its towers took minutes and are not trained again
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
            due = self.watch and (update + 1) % training.metrics.episode_every == 0
            if metrics is not None and self.watch and due and (episode := self.watch.take()):
                metrics.episode(update + 1, episode)
            last = update + 1 == budget.updates
            if metrics is not None and self.held_out and self._due(update + 1, last):
                metrics.write(update=update + 1, **self.held_out())
            if training.checkpoint_every and (update + 1) % training.checkpoint_every == 0 and not last:
                write(Path(f"{self.output}--{update + 1}_chkpt"), update + 1)
            if (update + 1) % training.save_every == 0 and not last:
                self.state.save(update + 1, memory)
        if metrics is not None:
            metrics.close()

    def _due(self, update: int, last: bool) -> bool:
        """Say whether held-out episodes are measured after this update."""
        every = self.training.metrics.held_out_every
        return last or bool(every and update % every == 0)

    def _update(
        self, wrapped: nn.Module, update: int, memory: Tensor, metrics: Metrics | None
    ) -> tuple[Tensor, dict[str, float] | None]:
        """Make one update from the mean gradient of its windows.

        Returns the memory (B, m, D) that the last window leaves, and the measured numbers when they are due.
        """
        every, windows = self.training.metrics, self.budget.accumulate
        due = (update + 1) % every.every == 0
        measure_memory = due and bool(every.memory_every) and (update + 1) % every.memory_every == 0
        measure_attention = bool(every.attention_every) and (update + 1) % every.attention_every == 0
        outputs: list[WindowOutput] = []
        for number in range(windows):
            batch = self.source.next_window(update / self.budget.updates)
            if metrics is not None and measure_attention and number == 0:
                metrics.heatmap(update + 1, *self._attention(batch, memory))
            with self.group.reducing(wrapped, number == windows - 1):
                with torch.autocast(self.group.device.type, torch.bfloat16, enabled=self.training.autocast):
                    output = wrapped(batch, memory, measure_memory)
                self.optimiser.backward(output.loss / windows, add=number > 0)
            if self.watch:
                self.watch.see(batch, output.read_out)
            memory = output.memory
            outputs.append(output)
        measured = self._measured(outputs, measure_memory) if due else None
        self.optimiser.update()
        if measured is not None:
            measured |= {
                "lr": self.optimiser.lr,
                "mem_tokens_mean_norm": memory.float().norm(dim=-1).mean().item() if memory.numel() else 0.0,
                "initial_memory_param_norm": self.cell.memory.initial_memory.norm().item(),
            }
            measured = self.group.mean(measured)
        return memory, measured

    def _measured(self, outputs: list[WindowOutput], with_memory: bool) -> dict[str, float]:
        """Means over an update's windows. Call between backward() and the optimiser's update."""

        def mean(value: Callable[[WindowOutput], Tensor]) -> float:
            return sum(value(output).item() for output in outputs) / len(outputs)

        measured = {
            "loss": mean(lambda output: output.action_loss),
            "curr_action_l1": mean(lambda output: output.errors[..., 0, :].mean()),
            "next_actions_l1": mean(lambda output: output.errors[..., 1:, :].mean()),
            "gradient_norm": self.optimiser.gradient_norm(),
        }
        if not math.isfinite(measured["gradient_norm"]):
            raise self.optimiser.diverged("the gradient", measured["gradient_norm"])
        for name in outputs[0].auxiliary:
            parts = [output.auxiliary[name] for output in outputs]
            measured[name] = torch.stack(parts).mean().item()
        return measured | memory_metrics(self.cell, outputs) if with_memory else measured

    @torch.no_grad()
    def _attention(self, batch: WindowBatch, memory: Tensor) -> tuple[list[str], Tensor]:
        """Names and attention shares (G, G) of the token groups, at the window's first step before its update."""
        assert isinstance(self.cell, Cell)  # settings refuse to measure another's
        with torch.autocast(self.group.device.type, torch.bfloat16, enabled=self.training.autocast):
            vision = self.window.vision(batch)[: self.budget.slots]
            memory_in = self.cell.memory.reset(memory, batch.is_first[0])
            return attention_blocks(self.cell, vision, batch.proprio[0], batch.prompts[0], memory_in)

    def _metrics(self, done: int) -> Metrics | None:
        if not self.group.leads:
            return None
        board = Path(f"{self.output}.tensorboard") if self.training.metrics.tensorboard else None
        return Metrics(Path(f"{self.output}.metrics.jsonl"), keep_before=done, tensorboard=board)


def optimiser_settings(settings: TrainSettings) -> OptimiserSettings:
    """Return the scale's optimiser; with match_release, under the schedule of the release's command for the variant."""
    optimiser = settings.training.optimiser
    if settings.match_release:
        return dataclasses.replace(optimiser, schedule=settings.variant.released_schedule)
    return optimiser
