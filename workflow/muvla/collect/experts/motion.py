"""How every expert of MIKASA-Robo moves: straight towards a point, slower near it, and the hand about the vertical."""

import numpy as np

OPEN, CLOSED = 1.0, -1.0
REACH = 0.1  # metres that a translation of 1 asks for
TURN = 0.1  # radians that a rotation of 1 asks for, of which the hand turns 0.04 in a step


def wait(grip: float = OPEN) -> np.ndarray:
    """Return the action that stays in place with the gripper at `grip`, (7,) float32."""
    return np.array([0, 0, 0, 0, 0, 0, grip], np.float32)


def towards(tcp: np.ndarray, target: np.ndarray, *, gain: float, cap: float = 1.0, grip: float = OPEN) -> np.ndarray:
    """Return the action that moves from `tcp` to `target`, (3,) in metres each, as (7,) float32.

    The whole move is scaled down to `cap`.
    """
    move = gain * (np.asarray(target, np.float64) - np.asarray(tcp, np.float64)) / REACH
    largest = float(np.abs(move).max())
    if largest > cap:
        move *= cap / largest
    action = wait(grip)
    action[:3] = move
    return action


def ramp(value: float, ends: tuple[float, float]) -> float:
    """Rise linearly from 0 at the first of `ends` to 1 at the second, on either side constant."""
    return float(np.clip((value - ends[0]) / (ends[1] - ends[0]), 0, 1))


def closing(share: float) -> float:
    """Return the gripper's command that is closed by `share`, from 0 for OPEN to 1 for CLOSED."""
    return OPEN + (CLOSED - OPEN) * share


def unit(angle: float) -> np.ndarray:
    """Return the vector (2,) of length 1 with a heading in radians."""
    return np.array([np.cos(angle), np.sin(angle)])


def turned(action: np.ndarray, angle: float) -> np.ndarray:
    """Return the action with the hand turning by `angle`, radians counter-clockwise seen from above; it points down."""
    action = action.copy()
    action[5] = -np.clip(angle / TURN, -1, 1)
    return action


def wrapped(angle: float, period: float) -> float:
    """Bring an angle into (-period / 2, period / 2]."""
    return period / 2 - (period / 2 - angle) % period
