"""ShellGameTouch and ShellGamePush: wait for the cups, then touch, or push forward, the one that hides the ball."""

from typing import Any

import numpy as np

from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import CLOSED, OPEN, towards, wait
from muvla.sim.contract import Simulator

NEAR = 0.03  # metres in the plane within which to go down
ABOVE = 0.14  # metres over the table while crossing: cups stand 0.106 high
TOUCH = 0.075  # metres over the cup's centre: within the 0.08 that count, and clear of the cup
TOUCH_GAIN = 1.0
BEHIND, PUSH_HEIGHT = 0.115, 0.05  # metres from the cup's centre in -x, and over the table
PUSH_STEP, PUSH_GAIN, PUSH_CAP = 0.05, 0.9, 0.6
ARRIVED = 0.03  # metres in x between cup and goal that end the push


def _cup(env: Simulator) -> Any:
    raw = env.raw
    return (raw.mug_left, raw.mug_center, raw.mug_right)[int(raw.cup_with_ball_number[0])]


class ShellGameTouchExpert:
    """Goes over the right cup with an open hand, then down until the tool is close enough."""

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32; zeros with an open gripper while the ball is shown."""
        if env.phase != "act":
            return wait()
        tcp, cup = tool(env), place(_cup(env))
        near = np.hypot(*(cup - tcp)[:2]) < NEAR
        return towards(tcp, cup + np.array([0, 0, TOUCH if near else ABOVE]), gain=TOUCH_GAIN, grip=OPEN)

    def distance(self, env: Simulator) -> float:
        """Return metres to the touching point; infinite while the cups are away."""
        return float(np.linalg.norm(tool(env) - place(_cup(env)) - (0, 0, TOUCH)))


class ShellGamePushExpert:
    """Closes the hand, goes behind the right cup and pushes it to the goal in +x."""

    def __init__(self) -> None:
        self._pushing = False

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32; zeros with an open gripper while the ball is shown."""
        if env.steps == 0:
            self._pushing = False
        if env.phase != "act":
            return wait()
        tcp, cup, goal = tool(env), place(_cup(env)), place(env.raw.goal_site)
        start = np.array([cup[0] - BEHIND, cup[1], PUSH_HEIGHT])
        if not self._pushing:
            plane = float(np.hypot(*(start - tcp)[:2]))
            self._pushing = plane < NEAR and tcp[2] < PUSH_HEIGHT + NEAR
            target = start if plane < NEAR else np.array([start[0], start[1], ABOVE])
            return towards(tcp, target, gain=PUSH_GAIN, grip=CLOSED)
        if goal[0] - cup[0] < ARRIVED:
            return wait(CLOSED)
        target = np.array([tcp[0] + PUSH_STEP, cup[1], PUSH_HEIGHT])
        return towards(tcp, target, gain=PUSH_GAIN, cap=PUSH_CAP, grip=CLOSED)

    def distance(self, env: Simulator) -> float:
        """Return metres to the start of the push; 0 during it."""
        if self._pushing:
            return 0.0
        cup = place(_cup(env))
        return float(np.linalg.norm(tool(env) - (cup[0] - BEHIND, cup[1], PUSH_HEIGHT)))
