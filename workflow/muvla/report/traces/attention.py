"""Where memory and actions look: python -m muvla.report.traces.attention --trace FILE.npz --output NAME [--layer N]

Each step's attention of the memory queries and of the action queries to the patches of each camera, laid over what
the policy saw (spec 10). Mean over layers and heads, as the page words it, not the rollout through layers that a
development text describes (spec D12). Writes <output>.png and .pdf, a sheet of chosen steps, and <output>.gif, all of
them. The same trace gives the same bytes.
"""

import argparse
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from muvla.records.frames import chosen_steps
from muvla.records.trace import Trace, read_trace
from muvla.report.command import written
from muvla.report.drawing import DPI, NOTE, PHASES, WIDTH, head_and_foot, pictures
from muvla.report.traces.animation import animation

OPACITY = 0.75  # of the strongest patch; a patch without attention leaves its pixels as they are

COLUMNS = 8
HEAD, FOOT, LEFT = 0.7, 0.6, 0.085  # inches, but LEFT, which is a share of the width
GAP = 0.012  # between tiles, a share of the width
QUERIES = {"MEM": "memory", "ACTION": "actions"}
CAMERAS = {"image": "base camera", "wrist_image": "wrist camera", "first_image": "first picture"}


def layers_mean(trace: Trace, layer: int | None) -> np.ndarray:
    """(T, Q, C, P): attention of one layer, or the mean over all. Raises ValueError for a layer that is not there."""
    layers = trace.attention.shape[1]
    if layer is None:
        return trace.attention.mean(axis=1)
    if not 0 <= layer < layers:
        raise ValueError(f"there is no layer {layer}: the policy has 0 to {layers - 1}")
    return trace.attention[:, layer]


def seen_by(trace: Trace, step: int, camera: int) -> np.ndarray:
    """(H, W, 3): the picture of forward `step` behind the tokens of a camera of the policy."""
    if trace.cameras[camera] == "first_image":
        return trace.frames[0, 0]
    return trace.frames[step, camera]


def tiles(trace: Trace, attention: np.ndarray, step: int) -> list[list[np.ndarray]]:
    """For each camera: its picture, and the picture under the attention of each kind of queries.

    attention: (T, Q, C, P). Colours reach from none to the strongest patch of the step, of all cameras together, for
    each kind of queries on its own.
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


def looks(trace: Trace) -> list[str]:
    """What the pictures of one camera are of, before the camera's name: itself, and who attends to it."""
    return ["", *(f"{QUERIES[name]} to " for name in trace.queries.tolist())]


def contact_sheet(trace: Trace, layer: int | None) -> Figure:
    """Draw chosen steps side by side: for each camera what it saw and each kind of queries' attention over it."""
    attention = layers_mean(trace, layer)
    steps = chosen_steps(trace.phases.tolist(), COLUMNS)
    labels = looks(trace)
    rows = len(labels) * len(trace.cameras)
    tile = (0.99 - LEFT - (COLUMNS - 1) * GAP) / COLUMNS * WIDTH  # inches
    pitch = tile + GAP * WIDTH
    height = HEAD + rows * pitch + FOOT
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    for column, step in enumerate(steps):
        left = LEFT * WIDTH + column * pitch
        phase = str(trace.phases[step])
        colour = PHASES.get(phase, NOTE)
        figure.text((left + tile / 2) / WIDTH, 1 - (HEAD - 0.06) / height, f"{phase}, step {trace.steps[step]}",
                    ha="center", va="bottom", fontsize=9, color=colour)  # fmt: skip
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
                axes.text(0.03, 0.04, f"{100 * share:.0f} %", transform=axes.transAxes, fontsize=7.5, color="white",
                          bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 1.2})  # fmt: skip
    for row in range(rows):
        middle = height - HEAD - row * pitch - tile / 2
        label = labels[row % len(labels)] + CAMERAS[str(trace.cameras[row // len(labels)])]
        figure.text(LEFT - 0.008, middle / height, "\n".join(textwrap.wrap(label, 10)),
                    ha="right", va="center", fontsize=8.5, linespacing=1.15)  # fmt: skip
    head_and_foot(figure, trace.title, caption(trace, layer))
    return figure


def caption(trace: Trace, layer: int | None) -> str:
    """Say what is drawn: which attention, how it was averaged, how colours are scaled, and where it comes from."""
    which = "all layers" if layer is None else f"the heads of layer {layer}"
    mean = f"mean over {which} and heads" if layer is None else f"mean over {which}"
    told = {"MEM": "all memory tokens", "ACTION": "all action placeholders"}
    queries = " or ".join(told[name] for name in trace.queries.tolist())
    return (
        f"Softmax attention to each patch, {mean} and over {queries} (no rollout through layers). Brightest: the "
        f"step's strongest patch of all cameras. Numbers: share of the attention that this camera gets. {trace.origin}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.traces.attention", description=__doc__)
    parser.add_argument("--trace", type=Path, required=True, help=".npz of python -m muvla.trace")
    parser.add_argument("--output", type=Path, required=True, help="the pictures' name without their ending")
    parser.add_argument("--layer", type=int, help="one layer, from 0 on, instead of the mean over all")
    options = parser.parse_args(arguments)

    def make() -> dict[Path, bytes]:
        trace = read_trace(options.trace)
        drawn = pictures(lambda: contact_sheet(trace, options.layer))
        attention = layers_mean(trace, options.layer)
        heads = [f"{phase}, step {step}" for phase, step in zip(trace.phases, trace.steps, strict=True)]
        columns = [f"{look}pictures" for look in looks(trace)]
        drawn["gif"] = animation(partial(tiles, trace, attention), heads, columns)
        return {Path(f"{options.output}.{kind}"): content for kind, content in drawn.items()}

    return written(make)


if __name__ == "__main__":
    sys.exit(main())


def patch_of_pixels(size: int, side: int, view: float) -> np.ndarray:
    """(size,) whole numbers: the row (or column) of patches that each pixel lies in, -1 outside of what is seen.

    `side` patches in a row cover the centre of the picture, `view` of its width (1: all of it; the paper's policies
    see sqrt(0.9), spec 6.4). A pixel belongs to the patch that its middle lies in.
    """
    place = ((np.arange(size) + 0.5) / size - (1 - view) / 2) / view  # 0 to 1 within what is seen
    patch = np.floor(place * side).astype(int)
    return np.where((place >= 0) & (place < 1), patch, -1)


def spread(weights: np.ndarray, height: int, width: int, view: float) -> np.ndarray:
    """weights (P,), row by row of a square grid -> (height, width), each pixel its patch's, 0 outside of the view."""
    side = round(len(weights) ** 0.5)
    grid = np.zeros((side + 1, side + 1))  # the last row and column, index -1: outside
    grid[:side, :side] = weights.reshape(side, side)
    rows, columns = patch_of_pixels(height, side, view), patch_of_pixels(width, side, view)
    return grid[rows[:, None], columns[None]]


def overlay(picture: np.ndarray, weights: np.ndarray, view: float) -> np.ndarray:
    """picture (H, W, 3) uint8 and weights (P,) from 0 to 1 -> (H, W, 3) uint8: brighter and denser with the weight."""
    height, width = picture.shape[:2]
    strength = spread(weights, height, width, view)[..., None]  # (H, W, 1)
    colour = 255 * colormaps["plasma"](strength[..., 0])[..., :3]
    opacity = OPACITY * np.sqrt(strength)  # a patch of a tenth of the strongest is still to be seen
    return np.rint((1 - opacity) * picture + opacity * colour).astype(np.uint8)
