"""RotateLenient*: push one end of the peg sideways. RotateStrict*: grasp it in its middle and turn the hand."""

import numpy as np

from muvla.collect.experts.expert import fingers_heading, heading, place, tool
from muvla.collect.experts.motion import CLOSED, closing, ramp, towards, turned, unit, wrapped
from muvla.sim.contract import Simulator

HALF_LENGTH = 0.12  # metres of the peg, which is 0.05 wide and high
LOW, HIGH = 0.025, 0.10  # metres over the table: of the peg's middle, and while crossing
GAIN = 1.2

LEVER = 0.105  # metres from the peg's centre along it, where to push
BEHIND, TOUCHING = 0.07, 0.04  # metres from the peg's middle line: where to go down, and while pushing
BESIDE = (0.02, 0.06)  # metres in the plane from where to go down: down within the first, crossing beyond the second
LIFTED = (0.07, 0.09)  # metres over the table: it crosses only above the first, at full speed above the second
PUSH = 0.06  # metres asked for at each step of the push
SLOWING = 0.35  # radians left from which the push slows down
RESTING = (0.02, 0.05)  # radians left with which the tool rests, and moves: 0.1 are allowed
# The push begins gradually: from none at the first number to all at the second
ASIDE = (0.05, 0.02)  # metres off along the peg
RAISED = (0.07, 0.04)  # metres over the table
CLEAR = (0.02, 0.035)  # metres from the peg's middle line

OVER = (0.01, 0.04)  # metres in the plane from the centre: down within the first, crossing beyond the second
ACROSS = (0.3, 0.5)  # radians that the hand is off: down within the first, crossing beyond the second
CLOSING = (0.35, 0.25)  # radians off: the hand begins to close at the first, is closed at the second
GRASPING = (0.04, 0.03)  # and metres over the table
FREE = (-2.0, 3.5)  # radians that the hand can turn from where it starts: the last joint's limits, with some to spare


def _left(env: Simulator) -> float:
    """Return radians that the peg must still turn, counter-clockwise seen from above."""
    return float(env.raw.angle_diff[0])


def _way(env: Simulator, angle: float) -> np.ndarray:
    """Return the direction (2,) in which an end with that heading must go."""
    return unit(angle + np.sign(_left(env)) * np.pi / 2)


class RotateLenientExpert:
    """Pushes with a closed hand the end on whose way the arm reaches best; the peg turns about its other end."""

    def __init__(self) -> None:
        self._end = 0.0  # radians from the peg's own heading to the end that is pushed: 0 or pi

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32."""
        if env.steps == 0:
            self._end = min((0.0, np.pi), key=lambda end: self._farthest(env, end))
        tcp, left = tool(env), _left(env)
        angle = heading(env.raw.peg, 0) + self._end
        along, way = unit(angle), _way(env, angle)
        end = place(env.raw.peg)[:2] + LEVER * along
        start = end - BEHIND * way
        away = ramp(float(np.linalg.norm(start - tcp[:2])), BESIDE)
        across = (1 - away * (1 - ramp(tcp[2], LIFTED))) * (start - tcp[:2])  # up first
        approach = np.array([*tcp[:2] + across, LOW + away * (HIGH - LOW)])
        aside, clear = float((tcp[:2] - end) @ along), float((end - tcp[:2]) @ way)
        ready = ramp(abs(aside), ASIDE) * ramp(tcp[2], RAISED) * ramp(clear, CLEAR)  # 0 to 1
        push = np.array([*tcp[:2] - aside * along + PUSH * min(1.0, abs(left) / SLOWING) * way, LOW])
        action = towards(tcp, (1 - ready) * approach + ready * push, gain=GAIN, grip=CLOSED)
        action[:3] *= ramp(abs(left), RESTING)
        return action

    def distance(self, env: Simulator) -> float:
        """Return 0 when the peg has nearly turned enough, infinity before."""
        return 0.0 if abs(_left(env)) < SLOWING else np.inf

    @staticmethod
    def _farthest(env: Simulator, end: float) -> float:
        """Return the largest x, in metres, where the tool would have to be: the arm reaches to about 0.14."""
        centre, angle = place(env.raw.peg)[:2], heading(env.raw.peg, 0) + end
        start = centre + LEVER * unit(angle) - BEHIND * _way(env, angle)
        pivot = centre - HALF_LENGTH * unit(angle)
        angles = angle + np.linspace(0, _left(env), 9)
        push = [pivot + (HALF_LENGTH + LEVER) * unit(at) - TOUCHING * _way(env, at) for at in angles]
        return max(float(point[0]) for point in (start, *push))


class RotateStrictExpert:
    """Turns its hand across the peg, by the shorter way that leaves it free to turn on, closes it and turns on."""

    def __init__(self) -> None:
        self._across = 0.0  # radians: the fingers' heading when the hand is across the peg

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32."""
        tcp, left, hand = tool(env), _left(env), fingers_heading(env)
        if env.steps == 0:
            off = wrapped(heading(env.raw.peg, 0) + np.pi / 2 - hand, np.pi)
            ways = (off, off - np.copysign(np.pi, off))
            self._across = hand + min(ways, key=lambda way: (not _free(way, way + left), abs(way)))
        if bool(env.raw.agent.is_grasping(env.raw.peg)[0]):
            return turned(towards(tcp, np.array([*tcp[:2], LOW]), gain=GAIN, grip=CLOSED), left)
        turn = wrapped(self._across - hand, 2 * np.pi)
        centre = place(env.raw.peg)[:2]
        high = max(ramp(float(np.linalg.norm(centre - tcp[:2])), OVER), ramp(abs(turn), ACROSS))
        grip = closing(ramp(tcp[2], GRASPING) * ramp(abs(turn), CLOSING))
        reach = towards(tcp, np.array([*centre, LOW + high * (HIGH - LOW)]), gain=GAIN, grip=grip)
        return turned(reach, turn)

    def distance(self, env: Simulator) -> float:
        """Return metres between the tool and the peg's centre, in the plane."""
        return float(np.linalg.norm((tool(env) - place(env.raw.peg))[:2]))


def _free(*angles: float) -> bool:
    """Say whether the hand can turn to all of these angles from where it starts."""
    return all(FREE[0] < angle < FREE[1] for angle in angles)
