"""The figure of the architecture: one step of the policy, with the true numbers of its scale."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from muvla.report.drawing import DPI, INK, VERMILION, WIDTH, head_and_foot, scalable_pictures
from muvla.report.drawings.sequence import Sequence, read_sequence, share
from muvla.report.runner import Contents

HEIGHT = 4.9
WIDE, GAP = 100.0, 0.5  # of the drawing, in its own units
NEEDED = {"BOS": 4.6, "PROPRIO": 7.2, "MEM": 9.0, "STOP": 5.0}  # widths of their words, by the groups' short names
INPUT, TOKENS, MODEL, OUTPUT = (1.0, 8.0), (14.0, 19.5), (23.5, 29.5), (34.0, 40.5)  # bottom and top of each layer
BOX = "#F3F5F7"


def box(axes: Axes, left: float, right: float, layer: tuple[float, float], text: str, colour: str, ink: str) -> None:
    """Draw a rounded box with text in the middle."""
    bottom, top = layer
    shape = FancyBboxPatch(
        (left + 0.3, bottom), right - left - 0.6, top - bottom, boxstyle="round,pad=0,rounding_size=0.7"
    )
    shape.set(facecolor=colour, edgecolor=INK, linewidth=0.9)
    axes.add_patch(shape)
    axes.text((left + right) / 2, (bottom + top) / 2, text, ha="center", va="center", fontsize=8.3, color=ink)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK, bend: float = 0) -> None:
    """Draw an arrow; bend: how far it is bowed."""
    style = f"arc3,rad={bend}"
    axes.add_patch(
        FancyArrowPatch(start, end, connectionstyle=style, arrowstyle="-|>", mutation_scale=11, color=colour)
    )


def places(sequence: Sequence) -> list[tuple[float, float]]:
    """Return left and right of every group of the sequence."""
    shares = {group.short: share(group) for group in sequence.groups}
    room = WIDE - GAP * (len(shares) - 1)
    # Groups of few tokens get what their words need, the others share the rest.
    needed = {
        name: width
        for name, width in NEEDED.items()
        if name in shares and shares[name] / sum(shares.values()) * room < width
    }
    unit = (room - sum(needed.values())) / sum(width for name, width in shares.items() if name not in needed)
    found, left = [], 0.0
    for name, width in shares.items():
        right = left + needed.get(name, width * unit)
        found.append((left, right))
        left = right + GAP
    return found


def inputs(sequence: Sequence) -> dict[str, str]:
    """Say what the tokens of a group are made of, by its short name."""
    sizes, memory = sequence.architecture, sequence.memory
    return {
        "PROPRIO": f"{sizes.proprio_dim}\nnumbers",
        "MEM": f"memory\n$M_{{t-1}}$\n{memory.num_mem_tokens} × {sizes.width}",
        "TEXT": "prompt with the\ninstruction",
        "ACTION": f"zeros, {sizes.chunk} × {sizes.action_dim}",
    }


def draw_architecture(sequence: Sequence, title: str, words: str) -> Figure:
    """Draw inputs, tokens, language model and outputs from bottom to top."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0.02, 0.13, 0.96, 0.79))
    axes.set_xlim(-0.5, WIDE + 0.5)
    axes.set_ylim(-0.5, 41.5)
    axes.axis("off")
    sizes, spots = sequence.architecture, places(sequence)
    where = {group.short: spot for group, spot in zip(sequence.groups, spots, strict=True)}
    for group, (left, right) in zip(sequence.groups, spots, strict=True):
        box(axes, left, right, TOKENS, f"{group.short}\n{group.count}", group.colour, "black")
        arrow(axes, ((left + right) / 2, TOKENS[1]), ((left + right) / 2, MODEL[0]))
    cameras = [spot for name, spot in where.items() if name.startswith("CAM")]
    left, right = cameras[0][0], cameras[-1][1]
    towers = " + ".join(f"{tower.width}" for tower in sizes.towers)
    seen = (
        f"{sizes.cameras} pictures of {sizes.image_size} × {sizes.image_size} pixels\n"
        f"{len(sizes.towers)} vision tower{'s' if len(sizes.towers) > 1 else ''}, {towers} wide,\n"
        f"patches of {sizes.towers[0].patch_size}; projector to {sizes.width}"
    )
    box(axes, left, right, INPUT, seen, BOX, INK)
    for low, high in cameras:
        arrow(axes, ((low + high) / 2, INPUT[1]), ((low + high) / 2, TOKENS[0]))
    for name, text in inputs(sequence).items():
        if name in where:
            middle = sum(where[name]) / 2
            box(axes, *where[name], INPUT, text, BOX, INK)
            arrow(axes, (middle, INPUT[1]), (middle, TOKENS[0]), VERMILION if name == "MEM" else INK)
    model = f"language model: {sizes.layers} layers, {sizes.width} wide, {sizes.heads} heads; no causal mask"
    box(axes, 0, WIDE, MODEL, model, "#E8EEF4", INK)
    outputs(axes, sequence, where)
    head_and_foot(figure, title, words)
    return figure


def outputs(axes: Axes, sequence: Sequence, where: dict[str, tuple[float, float]]) -> None:
    """Draw the memory that goes on to the next step, and the actions."""
    sizes = sequence.architecture
    left, right = where["ACTION"]
    box(axes, left, right, OUTPUT, f"action head\n{sizes.chunk} actions of {sizes.action_dim}", BOX, INK)
    arrow(axes, ((left + right) / 2, MODEL[1]), ((left + right) / 2, OUTPUT[0]))
    if "MEM" not in where:
        return
    left, right = where["MEM"]
    middle, (low, high) = (left + right) / 2, OUTPUT
    box(axes, left, right, OUTPUT, f"memory $M_t$\n{sequence.memory.num_mem_tokens} × {sizes.width}", BOX, INK)
    arrow(axes, (middle, MODEL[1]), (middle, low), VERMILION)
    start = where["TEXT"]
    axes.text(sum(start) / 2, (low + high) / 2, "to step t+1", ha="center", va="center", fontsize=9, color=VERMILION)
    arrow(axes, (right - 0.2, (low + high) / 2 + 1.8), (start[1] - 0.5, (low + high) / 2 + 1.8), VERMILION)


def figure_architecture(*, checkpoint: str, scale: str) -> Contents:
    """Draw the architecture as .svg, .png and .pdf. The same checkpoint gives the same bytes.

    Raises as read_sequence does.
    """
    sequence = read_sequence(Path(checkpoint))
    title = f"One step of the policy ({scale} scale): {sequence.sizes}"
    groups = ", ".join(f"{group.short} {group.count}" for group in sequence.groups)
    words = (
        f"The sequence, with the tokens of each group, for the longest instruction: {groups}. The memory's tokens pass "
        "through the same attention as all others; what the last layer makes of them is the memory of the next step. "
        "The action head reads one place to the left of each placeholder."
    )
    return scalable_pictures(lambda: draw_architecture(sequence, title, words), title, words)
