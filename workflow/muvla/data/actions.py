"""Actions between data set, policy and simulator: gripper signs and clipping (spec 3.2, 6.4, 6.6)."""

from __future__ import annotations

import numpy as np


def standardise_libero_gripper(actions: np.ndarray) -> np.ndarray:
    """(..., 7) as stored (-1 open ... +1 close) -> the same with the gripper as 1 open ... 0 closed.

    To be done when a LIBERO set is loaded, before statistics are taken and before normalising.
    """
    standardised = actions.copy()
    standardised[..., -1] = 1 - np.clip(actions[..., -1], 0, 1)
    return standardised


def mikasa_command(actions: np.ndarray) -> np.ndarray:
    """(..., 7) un-normalised -> what the simulator gets: clipped to [-1, 1], the gripper like the rest."""
    return np.clip(actions, -1, 1)


def libero_command(actions: np.ndarray) -> np.ndarray:
    """(..., 7) un-normalised -> what the simulator gets: gripper -1 open or +1 closed, no clip.

    A gripper of exactly 0.5 becomes 0 (spec 13.6).
    """
    command = actions.copy()
    command[..., -1] = -np.sign(2 * actions[..., -1] - 1)
    return command
