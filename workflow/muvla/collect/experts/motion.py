"""How every expert moves: straight towards a point, slower near it (spec simulators: experts)."""

import numpy as np

OPEN, CLOSED = 1.0, -1.0
REACH = 0.1  # metres that a translation of 1 asks for


def wait(grip: float = OPEN) -> np.ndarray:
    """(7,) float32: stay, holding the gripper as said."""
    return np.array([0, 0, 0, 0, 0, 0, grip], np.float32)


def towards(tcp: np.ndarray, target: np.ndarray, *, gain: float, cap: float = 1.0, grip: float = OPEN) -> np.ndarray:
    """(7,) float32: move from `tcp` (3,) to `target` (3,), both in metres; the whole move is scaled down to `cap`."""
    move = gain * (np.asarray(target, np.float64) - np.asarray(tcp, np.float64)) / REACH
    largest = float(np.abs(move).max())
    if largest > cap:
        move *= cap / largest
    action = wait(grip)
    action[:3] = move
    return action
