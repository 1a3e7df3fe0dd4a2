"""Attention to patches, laid over the pictures that they are patches of."""

import numpy as np
from matplotlib import colormaps

OPACITY = 0.75  # of the strongest patch; a patch without attention leaves its pixels as they are


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
