"""The figure of the method: which steps a loss teaches, through K steps of back-propagation or a detached average.

What is drawn is what autograd says of muvla.model.memory, whose update carries the memory from step to step.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from muvla.checkpoint.stored import StoredPolicy
from muvla.model.architecture import MemorySettings
from muvla.model.memory import Memory
from muvla.report.drawing import BLUE, DPI, INK, LINES, NOTE, SKY, VERMILION, WIDTH, head_and_foot, scalable_pictures
from muvla.report.runner import Contents

STEPS = 8
ROW, HEAD, FOOT = 1.75, 0.55, 0.75  # inches


def taught(settings: MemorySettings, steps: int = STEPS) -> np.ndarray:
    """Say whether the loss of step j reaches the computation of step i, (steps, steps) bool, [i, j].

    The memory goes through muvla.model.memory as in training: it is detached where a window of `settings.window` steps
    begins. In place of the policy each step adds a weight of its own.
    """
    memory = Memory(settings, width=2)
    weights = [torch.zeros(1, requires_grad=True) for _ in range(steps)]
    state = memory.start(1)
    reaches = np.zeros((steps, steps), dtype=bool)
    for step in range(steps):
        if step % settings.window == 0:
            state = state.detach()
        read = state + weights[step]  # (1, m, 2): the step's read-out, from which its actions come
        found = torch.autograd.grad(read.sum(), weights, retain_graph=True, allow_unused=True)
        reaches[:, step] = [one is not None for one in found]
        state = memory.update(state, read)
    return reaches


def describe(settings: MemorySettings) -> str:
    """Name the update as the figure's rows do."""
    if settings.memory_update == "ema":
        return f"moving average, α = {settings.ema_alpha:g}, detached"
    return f"back-propagation through K = {settings.tbptt_length} steps"


def draw_steps(axes: Axes, settings: MemorySettings, reaches: np.ndarray) -> None:
    """Draw the steps with the memory that goes forward, and beneath it the gradients that come back."""
    steps = len(reaches)
    axes.set_xlim(-0.6, steps - 0.1)
    axes.set_ylim(-1.15, 1.0)
    axes.axis("off")
    for step in range(steps):
        shape = FancyBboxPatch((step - 0.28, -0.28), 0.56, 0.56, boxstyle="round,pad=0,rounding_size=0.08")
        shape.set(facecolor="#F3F5F7", edgecolor=INK, linewidth=0.9)
        axes.add_patch(shape)
        axes.text(step, 0, f"t+{step}" if step else "t", ha="center", va="center", fontsize=8.5)
        axes.text(step, 0.62, "loss", ha="center", va="bottom", fontsize=7.5, color=NOTE)
        _arrow(axes, (step, 0.3), (step, 0.6), NOTE, 7)
        if step + 1 < steps:
            _arrow(axes, (step + 0.29, 0.08), (step + 0.71, 0.08), BLUE, 10)
            if reaches[step, step + 1]:
                _arrow(axes, (step + 0.72, -0.12), (step + 0.28, -0.12), VERMILION, 10)
            else:
                axes.plot([step + 0.5] * 2, [-0.3, -0.02], color=VERMILION, linewidth=2.2)
    window = settings.window if settings.memory_update == "tbptt" else 1
    for start in range(0, steps, window):
        left, right = start - 0.36, min(start + window, steps) - 1 + 0.36
        axes.plot([left, left, right, right], [-0.48, -0.58, -0.58, -0.48], color=NOTE, linewidth=1)
    named, middle = ("one window", min(window, steps) / 2 - 0.5) if window > 1 else ("every step on its own", 0.2)
    axes.text(middle, -0.68, named, ha="center", va="top", fontsize=8, color=NOTE)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, size: float) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=size, color=colour, linewidth=1.5))


def draw_reach(axes: Axes, reaches: np.ndarray, *, named: bool) -> None:
    """Draw a square for every pair of steps, filled where the column's loss teaches the row's step."""
    steps = len(reaches)
    for row in range(steps):
        for column in range(steps):
            colour = VERMILION if reaches[row, column] else "white"
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor=LINES, linewidth=0.7))
    axes.set_xlim(0, steps)
    axes.set_ylim(steps, 0)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_ylabel("step", fontsize=8, color=NOTE)
    if named:
        axes.set_title("which step each loss teaches", fontsize=8.5, color=NOTE)
    axes.set_xlabel("loss at step", fontsize=8, color=NOTE, labelpad=2)
    for spine in axes.spines.values():
        spine.set(visible=True, color=SKY)


def draw_method(variants: Sequence[tuple[str, MemorySettings]], title: str, words: str) -> Figure:
    """Draw a row for each variant."""
    height = HEAD + ROW * len(variants) + FOOT
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    for place, (variant, settings) in enumerate(variants):
        reaches = taught(settings)
        bottom = (height - HEAD - ROW * (place + 1)) / height
        axes = figure.add_axes((0.02, bottom, 0.78, (ROW - 0.3) / height))
        draw_steps(axes, settings, reaches)
        figure.text(0.02, bottom + (ROW - 0.22) / height, f"{variant}: {describe(settings)}", fontsize=10)
        matrix = figure.add_axes((0.83, bottom + 0.25 / height, 0.15, (ROW - 0.55) / height))
        draw_reach(matrix, reaches, named=place == 0)
    head_and_foot(figure, title, words)
    return figure


def figure_method(*, checkpoints: Sequence[str]) -> Contents:
    """Draw where gradients flow in the policies of the folders `checkpoints`, as .svg, .png and .pdf.

    Raises CheckpointError, ValueError or FileNotFoundError naming what is missing or wrong in a folder.
    """
    variants = [(Path(folder).name, StoredPolicy(folder).memory) for folder in checkpoints]
    title = "How the memory is trained: where gradients flow"
    rows = "; ".join(f"{variant}: {describe(settings)}" for variant, settings in variants)
    words = (
        f"{rows}. Blue: the memory, carried from step to step, over the ends of windows too. Orange: gradients of a "
        "later step's loss that reach an earlier step; a bar where they are cut. The squares are what autograd finds: "
        "filled where the loss of the column's step teaches the computation of the row's."
    )
    return scalable_pictures(lambda: draw_method(variants, title, words), title, words)
