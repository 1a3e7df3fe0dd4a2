"""The expert of LIBERO's pick-and-place tasks: over the object, down a cone, grasp, up, across, down, open.

The task's goal says what to pick and where to place it. The yaw stays as it is. Every decision follows from the present
state, none from a counter, so that a policy without memory can learn it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muvla.sim.contract import Simulator

REACH = 0.05  # metres that a translation of 1 asks for
OPEN, CLOSED = -1.0, 1.0
GAIN = 3.0
CONE = (0.006, 0.025)  # metres in the plane: at grasping height within the first, crossing beyond the second
ABOVE = 0.08  # metres over the grasp while crossing
THERE = 0.010  # metres: near enough to close
WIDE, STILL = 0.070, 0.004  # metres between the open fingers; metres a second of fingers that have closed
LOST = 0.09  # metres from tool to grasp: the object is not in the hand
DROP = 0.03  # metres in the plane within which the load is lowered
PUT = 0.02  # metres in height within which it is let go


@dataclass(frozen=True)
class Grip:
    """Where to grasp and how high to carry, in metres.

    Attributes:
        grasp: (3,) position of the tool relative to the object's centre.
        floor: lowest height of the tool above the surface.
        carry: height over the goal's centre while crossing.
        release: the same when letting go.
    """

    grasp: tuple[float, float, float]
    floor: float
    carry: float
    release: float


GRIPS = {
    "libero_object": Grip((0.0, 0.0, 0.0), 0.012, 0.22, 0.13),
    "libero_spatial": Grip((0.0, 0.05, 0.03), 0.0, 0.15, 0.07),
}


class PickPlaceExpert:
    """Places one object in or on another, as the task's goal says."""

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32 in [-1, 1]."""
        tool, grasp, load, goal = self._places(env)
        grip = GRIPS[env.row.family]
        width, speed = self._fingers(env)
        if self._holds(env):
            aim = goal + (tool - load)  # where the tool is when the load is over the goal
            away = float(np.linalg.norm((aim - tool)[:2]))
            high = goal[2] + grip.carry
            low = goal[2] + grip.release
            if away > DROP:
                # up first, then across: the nearer to carrying height, the faster
                rise = float(np.clip(1 - (high - load[2]) / 0.12, 0, 1))
                target = np.array([*(tool[:2] + rise * (aim - tool)[:2]), tool[2] + high - load[2]])
                return self._move(tool, target, CLOSED)
            if load[2] - low > PUT:
                return self._move(tool, np.array([*aim[:2], tool[2] + low - load[2]]), CLOSED)
            return self._move(tool, tool, OPEN)
        if self._over_goal(env):
            return self._move(tool, tool + (0, 0, REACH), OPEN)
        offset = float(np.linalg.norm((grasp - tool)[:2]))
        if offset < THERE and abs(grasp[2] - tool[2]) < THERE:
            return self._move(tool, grasp, CLOSED)
        if width < WIDE and offset < 2 * THERE and speed > STILL:
            return self._move(tool, grasp, CLOSED)
        height = float(np.interp(offset, CONE, (0.0, ABOVE)))
        return self._move(tool, grasp + (0, 0, height), OPEN)

    def distance(self, env: Simulator) -> float:
        """Return metres to the grasp, or to the place of release while holding."""
        tool, grasp, load, goal = self._places(env)
        if self._holds(env):
            return float(np.linalg.norm((goal - load)[:2]))
        return float(np.linalg.norm(grasp - tool))

    def _places(self, env: Simulator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return positions (3,) in metres: the tool, where it must be to grasp, the object, the goal."""
        _, thing, place = env.raw.env.parsed_problem["goal_state"][0]
        grip = GRIPS[env.row.family]
        load = _position(env, thing)
        grasp = load + grip.grasp
        if grip.floor:
            grasp[2] = max(grasp[2], grip.floor)
        goal = _position(env, place.removesuffix("_contain_region"))
        return _tool(env), grasp, load, goal

    def _holds(self, env: Simulator) -> bool:
        """Say whether the fingers have closed on something, and the object is there."""
        tool, grasp, _, _ = self._places(env)
        width, speed = self._fingers(env)
        return bool(0.001 < width < WIDE and speed < STILL and np.linalg.norm(grasp - tool) < LOST / 3)

    def _over_goal(self, env: Simulator) -> bool:
        _, _, load, goal = self._places(env)
        return bool(np.linalg.norm((goal - load)[:2]) < 2 * DROP)

    def _fingers(self, env: Simulator) -> tuple[float, float]:
        """Return metres between the fingers, and their speed in metres a second."""
        data, robot = env.raw.sim.data, env.raw.robots[0]
        width = float(np.abs(data.qpos[robot._ref_gripper_joint_pos_indexes]).sum())
        return width, float(np.abs(data.qvel[robot._ref_gripper_joint_vel_indexes]).max())

    @staticmethod
    def _move(tool: np.ndarray, target: np.ndarray, grip: float) -> np.ndarray:
        action = np.zeros(7, np.float32)
        action[:3] = np.clip(GAIN * (target - tool) / REACH, -1, 1)
        action[6] = grip
        return action


def _position(env: Simulator, name: str) -> np.ndarray:
    sim = env.raw.sim
    return np.array(sim.data.body_xpos[env.raw.env.obj_body_id[name]])


def _tool(env: Simulator) -> np.ndarray:
    sim = env.raw.sim
    return np.array(sim.data.site_xpos[env.raw.robots[0].eef_site_id])
