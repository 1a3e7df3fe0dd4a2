"""The observation and action contract of every simulator: types, spaces, and proprioception."""

from typing import Any

import gymnasium
import numpy as np

CAMERAS = 2  # third person, then wrist
ACTION_DIMS = 7

Observation = dict[str, np.ndarray]
Info = dict[str, Any]  # as gymnasium types it; the keys are listed in MikasaEnv


def observation_space(size: int, proprio: int) -> gymnasium.spaces.Dict:
    """Return the space of image (2, size, size, 3) uint8 and proprio (proprio,) float32."""
    return gymnasium.spaces.Dict(
        image=gymnasium.spaces.Box(0, 255, (CAMERAS, size, size, 3), np.uint8),
        proprio=gymnasium.spaces.Box(-np.inf, np.inf, (proprio,), np.float32),
    )


def action_space(actions_per_step: int, bound: float) -> gymnasium.spaces.Box:
    """Return the space of (actions_per_step, 7) float32 in [-bound, bound]."""
    return gymnasium.spaces.Box(-bound, bound, (actions_per_step, ACTION_DIMS), np.float32)


def roll_pitch_yaw(quaternion: np.ndarray) -> np.ndarray:
    """Angles in radians, (3,) float32, of a quaternion (w, x, y, z), by the suite's own formula (spec 3.1)."""
    w, x, y, z = np.asarray(quaternion, np.float64) / max(float(np.linalg.norm(quaternion)), 1e-8)
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return np.array([roll, pitch, yaw], np.float32)


def proprioception(tool_pose: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(7,) float32 of the tool's pose (7,) x y z w x y z, in metres, and all joints (9,), fingers last (spec 3.1)."""
    parts = [tool_pose[:3], roll_pitch_yaw(tool_pose[3:]), joints[-2:].sum(keepdims=True)]
    return np.concatenate(parts).astype(np.float32)


def axis_angle(quaternion: np.ndarray) -> np.ndarray:
    """Rotation vector in radians, (3,) float64, of a quaternion (x, y, z, w) as LIBERO's data has it (spec 6.6).

    The angle is 2 arccos(w) in [0, 2 pi], not the shorter way round; 0 where the axis is undefined.
    """
    w = float(np.clip(quaternion[3], -1, 1))
    sine = np.sqrt(1 - w * w)
    if np.isclose(sine, 0):
        return np.zeros(3)
    return np.asarray(quaternion[:3], np.float64) * 2 * np.arccos(w) / sine


def given_actions(action: np.ndarray, most: int) -> np.ndarray:
    """The rows before the first that is all NaN, (<= most, 7) float32. Raises ValueError for any other shape or NaN."""
    actions = np.asarray(action, np.float32)
    if actions.ndim != 2 or actions.shape[1] != ACTION_DIMS or not 1 <= len(actions) <= most:
        raise ValueError(f"actions of shape {actions.shape}; expected (1 to {most}, {ACTION_DIMS})")
    absent = np.isnan(actions).all(axis=1)
    given = actions[: int(absent.argmax())] if absent.any() else actions
    if not np.isfinite(given).all():
        raise ValueError(f"actions hold NaN or infinity: {given.tolist()}")
    return given
