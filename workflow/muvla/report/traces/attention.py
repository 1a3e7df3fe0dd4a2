"""The figure of where memory and actions attend.

Each step's attention of the memory queries and of the action queries to the patches of each camera, laid over what the
policy saw (spec 10). Mean over layers and heads, as the project page words it, not the rollout through layers that a
development text describes (spec D12).
"""

import textwrap
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from muvla.records.frames import key_steps
from muvla.records.trace import Trace, read_trace
from muvla.report.drawing import DPI, NOTE, PHASES, WIDTH, head_and_foot, pictures
from muvla.report.runner import Contents
from muvla.report.traces.animation import animation

OPACITY = 0.75  # of the strongest patch; a patch without attention leaves its pixels as they are

COLUMNS = 8
HEAD, FOOT, LEFT = 0.7, 0.6, 0.085  # inches, but LEFT, which is a share of the width
GAP = 0.012  # between tiles, a share of the width
QUERIES = {"MEM": "memory", "ACTION": "actions"}
CAMERAS = {"image": "base camera", "wrist_image": "wrist camera", "first_image": "first picture"}


def patch_of_pixels(size: int, side: int, view: float) -> np.ndarray:
    """Return the row (or column) of patches that each pixel lies in, (size,) whole numbers, -1 outside of the view.

    `side` patches in a row cover the centre of the picture, `view` of its width (1: all of it; the paper's policies
    see sqrt(0.9), spec 6.4). A pixel belongs to the patch that its middle lies in.
    """
    place = ((np.arange(size) + 0.5) / size - (1 - view) / 2) / view  # 0 to 1 within what is seen
    patch = np.floor(place * side).astype(int)
    return np.where((place >= 0) & (place < 1), patch, -1)


def spread(weights: np.ndarray, height: int, width: int, view: float) -> np.ndarray:
    """Give each pixel the weight of its patch, 0 outside of the view: weights (P,), row by row -> (height, width)."""
    side = round(len(weights) ** 0.5)
    grid = np.zeros((side + 1, side + 1))  # the last row and column, index -1: outside
    grid[:side, :side] = weights.reshape(side, side)
    rows, columns = patch_of_pixels(height, side, view), patch_of_pixels(width, side, view)
    return grid[rows[:, None], columns[None]]


def overlay(picture: np.ndarray, weights: np.ndarray, view: float) -> np.ndarray:
    """Lay weights (P,) from 0 to 1 over a picture (H, W, 3) uint8: brighter and denser with the weight."""
    height, width = picture.shape[:2]
    strength = spread(weights, height, width, view)[..., None]  # (H, W, 1)
    colour = 255 * colormaps["plasma"](strength[..., 0])[..., :3]
    opacity = OPACITY * np.sqrt(strength)  # a patch of a tenth of the strongest is still to be seen
    return np.rint((1 - opacity) * picture + opacity * colour).astype(np.uint8)


def mean_attention(trace: Trace) -> np.ndarray:
    """Average the attention over layers, (T, L, Q, C, P) -> (T, Q, C, P)."""
    mean: np.ndarray = trace.attention.mean(axis=1)
    return mean


def seen_by(trace: Trace, step: int, camera: int) -> np.ndarray:
    """Return the picture (H, W, 3) of forward pass `step` that a camera of the policy saw."""
    if trace.cameras[camera] == "first_image":
        return trace.frames[0, 0]
    return trace.frames[step, camera]


def tiles(trace: Trace, attention: np.ndarray, step: int) -> list[list[np.ndarray]]:
    """Return for each camera its picture, and the picture under the attention of each kind of queries.

    attention: (T, Q, C, P). For each kind of queries, colours reach from none to the strongest patch of the step over
    all cameras.
    """
    found = []
    for camera in range(len(trace.cameras)):
        picture = seen_by(trace, step, camera)
        strongest = [max(float(attention[step, query].max()), 1e-12) for query in range(len(trace.queries))]
        layers = [
            overlay(picture, attention[step, query, camera] / strongest[query], trace.view)
            for query in range(len(trace.queries))
        ]
        found.append([picture, *layers])
    return found


def labels_of(trace: Trace) -> list[str]:
    """Label the pictures of one camera, before the camera's name: itself, and who attends to it."""
    return ["", *(f"{QUERIES[name]} to " for name in trace.queries.tolist())]


def contact_sheet(trace: Trace) -> Figure:
    """Draw chosen steps side by side: for each camera what it saw and each kind of queries' attention over it."""
    attention = mean_attention(trace)
    steps = key_steps(trace.phases.tolist(), COLUMNS)
    labels = labels_of(trace)
    rows = len(labels) * len(trace.cameras)
    tile = (0.99 - LEFT - (COLUMNS - 1) * GAP) / COLUMNS * WIDTH  # inches
    pitch = tile + GAP * WIDTH
    height = HEAD + rows * pitch + FOOT
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    for column, step in enumerate(steps):
        left = LEFT * WIDTH + column * pitch
        phase = str(trace.phases[step])
        colour = PHASES.get(phase, NOTE)
        figure.text(
            (left + tile / 2) / WIDTH,
            1 - (HEAD - 0.06) / height,
            f"{phase}, step {trace.steps[step]}",
            ha="center",
            va="bottom",
            fontsize=9,
            color=colour,
        )
        column_of = [picture for camera in tiles(trace, attention, step) for picture in camera]
        for row, picture in enumerate(column_of):
            bottom = height - HEAD - row * pitch - tile
            axes = figure.add_axes((left / WIDTH, bottom / height, tile / WIDTH, tile / height))
            axes.imshow(picture, interpolation="nearest", aspect="auto")
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_visible(True)
                spine.set_color(colour)
                spine.set_linewidth(1.6)
            if query := row % len(labels):
                share = attention[step, query - 1, row // len(labels)].sum()
                axes.text(
                    0.03,
                    0.04,
                    f"{100 * share:.0f} %",
                    transform=axes.transAxes,
                    fontsize=7.5,
                    color="white",
                    bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 1.2},
                )
    for row in range(rows):
        middle = height - HEAD - row * pitch - tile / 2
        label = labels[row % len(labels)] + CAMERAS[str(trace.cameras[row // len(labels)])]
        figure.text(
            LEFT - 0.008,
            middle / height,
            "\n".join(textwrap.wrap(label, 10)),
            ha="right",
            va="center",
            fontsize=8.5,
            linespacing=1.15,
        )
    head_and_foot(figure, trace.title, caption(trace))
    return figure


def caption(trace: Trace) -> str:
    """Say what is drawn: which attention, how it was averaged, how colours are scaled, and where it comes from."""
    names = {"MEM": "all memory tokens", "ACTION": "all action placeholders"}
    queries = " or ".join(names[name] for name in trace.queries.tolist())
    return (
        f"Softmax attention to each patch, mean over all layers and heads and over {queries} (no rollout through "
        "layers). Brightest: the step's strongest patch of all cameras. Numbers: share of the attention that this "
        f"camera gets. {trace.origin}"
    )


def figure_attention(*, trace: Path) -> Contents:
    """Draw the attention of a traced episode: chosen steps as .png and .pdf, all of them as .gif.

    The same trace gives the same bytes. Raises FileNotFoundError, or ValueError for a wrong file.
    """
    read = read_trace(trace)
    heads = [f"{phase}, step {step}" for phase, step in zip(read.phases, read.steps, strict=True)]
    columns = [f"{label}pictures" for label in labels_of(read)]
    moving = animation(partial(tiles, read, mean_attention(read)), heads, columns)
    return {**pictures(lambda: contact_sheet(read)), ".gif": moving}
