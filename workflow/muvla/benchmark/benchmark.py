"""What differs between the two benchmarks: simulator options, proprio widths, commands (spec 3.2, 6.4, 6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from muvla.benchmark.libero import is_libero

MIKASA_OPTIONS = ("backend", "light_mesh", "standin_mug", "phases", "unseen_colours")
LIBERO_OPTIONS = ("reset_rule", "placement", "reflections")


def proprio_width(name: str) -> int:
    """8 for a LIBERO task, 7 for a MIKASA-Robo environment."""
    return 8 if is_libero(name) else 7


def options_for(environment: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the `given` options that the environment's simulator has."""
    own = LIBERO_OPTIONS if is_libero(environment) else MIKASA_OPTIONS
    return {name: given[name] for name in own if name in given}


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
