"""TakeItBack: grasp the cube, drag it to the target, and when the target changes colour drag it back."""

import numpy as np

from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import closing, ramp, towards
from muvla.sim.contract import Simulator

ABOVE = 0.055  # metres over the cube's centre while crossing
CONE = (0.01, 0.04)  # metres in the plane from the cube: down within the first, crossing beyond the second
CLOSING = (0.02, 0.008)  # metres between tool and cube: the hand begins to close at the first, is closed at the second
# metres between the fingers, and between tool and cube: the drag begins at the first, has all its speed at the second
GRASPED, HELD = (0.052, 0.043), (0.03, 0.02)
DRAG = 0.03  # metres over the table
SHORT = 0.06  # metres to stop before the target's centre in x: beyond, the arm stalls at its reach
REACH_GAIN, DRAG_GAIN, DRAG_CAP = 1.0, 0.7, 0.4


class TakeItBackExpert:
    """Never lets go of the cube until it is back; the action is a function of what pictures and proprio show."""

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32."""
        tcp, cube = tool(env), place(env.raw.cube)
        height = np.interp(np.hypot(*(cube - tcp)[:2]), CONE, (0, ABOVE))
        grip = closing(ramp(_off(env), CLOSING))
        reach = towards(tcp, cube + np.array([0, 0, height]), gain=REACH_GAIN, grip=grip)
        drag = towards(tcp, np.array([*_end(env), DRAG]), gain=DRAG_GAIN, cap=DRAG_CAP, grip=grip)
        held = _held(env)
        return np.asarray((1 - held) * reach + held * drag, np.float32)

    def distance(self, env: Simulator) -> float:
        """Return metres to the cube, or of the cube held to where it goes."""
        return float(np.linalg.norm(place(env.raw.cube)[:2] - _end(env))) if _held(env) == 1 else _off(env)


def _off(env: Simulator) -> float:
    """Return metres between tool and cube."""
    return float(np.linalg.norm(tool(env) - place(env.raw.cube)))


def _held(env: Simulator) -> float:
    """Say how surely the fingers hold the cube, 0 to 1."""
    fingers = float(env.raw.agent.robot.get_qpos()[0, -2:].sum())
    return ramp(fingers, GRASPED) * ramp(_off(env), HELD)


def _end(env: Simulator) -> np.ndarray:
    """Return where to drag the cube, (2,) metres: to the target until the picture shows its other colour, then back."""
    if place(env.raw.changed_goal_region)[2] < 1:
        return place(env.raw.initial_region)[:2]
    return place(env.raw.goal_region)[:2] - (SHORT, 0)
