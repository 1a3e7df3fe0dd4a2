"""TakeItBack: grasp the cube, drag it to the target, and when the target changes colour drag it back."""

import numpy as np

from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import CLOSED, OPEN, towards, wait
from muvla.sim.contract import Simulator

ABOVE, GRASP, DRAG = 0.075, 0.02, 0.03  # metres over the table
ALIGNED = 0.012  # metres in the plane within which to go down
DOWN = 0.006  # metres in height at which the hand closes
CLOSING_STEPS = 3
SHORT = 0.06  # metres to stop before the target's centre in x: beyond, the arm stalls at its reach
REACH_GAIN, DRAG_GAIN, DRAG_CAP = 1.0, 0.7, 0.4


class TakeItBackExpert:
    """Never lets go of the cube until it is back."""

    def __init__(self) -> None:
        self._closing = 0

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32."""
        if env.steps == 0:
            self._closing = 0
        raw, tcp, cube = env.raw, tool(env), place(env.raw.cube)
        if self._closing == 0:
            aligned = np.hypot(*(cube - tcp)[:2]) < ALIGNED
            if not (aligned and tcp[2] < GRASP + DOWN):
                target = np.array([cube[0], cube[1], GRASP if aligned else ABOVE])
                return towards(tcp, target, gain=REACH_GAIN, grip=OPEN)
        if self._closing < CLOSING_STEPS:
            self._closing += 1
            return wait(CLOSED)
        if bool(raw.goal_reached_status[0]):
            end = place(raw.initial_region)
        else:
            end = place(raw.goal_region) - np.array([SHORT, 0, 0])
        return towards(tcp, np.array([end[0], end[1], DRAG]), gain=DRAG_GAIN, cap=DRAG_CAP, grip=CLOSED)

    def distance(self, env: Simulator) -> float:
        """Return metres to the cube in the plane; 0 once it is grasped."""
        return 0.0 if self._closing else float(np.hypot(*(tool(env) - place(env.raw.cube))[:2]))
