"""The ShellGame environments: wait for the cups, then touch, push or lift the one that hides the ball."""

from typing import Any

import numpy as np

from muvla.collect.experts.choice import ChoiceExpert
from muvla.collect.experts.expert import fingers_heading, heading, place, tool
from muvla.collect.experts.motion import CLOSED, OPEN, closing, ramp, towards, turned, unit, wrapped
from muvla.sim.contract import Simulator

CUPS = ("left cup", "center cup", "right cup")  # as in the base camera's picture
# metres in z of what the pictures show: cups are parked high above before, and after long cues under the table for one
# step, in which the ball is still to be seen though actions count
LOWEST, HIGHEST = -0.05, 10.0

CROSSING = 0.14  # metres over the table: cups stand 0.106 high
CONE = (0.02, 0.07)  # metres in the plane from where to go down: down within the first, crossing beyond the second
GAIN = 1.5

TOUCH = 0.07  # metres over the cup's centre: within the 0.08 that count, and clear of the cup

BEHIND, PUSH_HEIGHT = 0.115, 0.05  # metres from the cup's centre in -x, where to go down, and over the table
SHORT = 0.05  # metres that the cup stops before the goal's centre: the goal's edge is 0.096 from it
SLOWING = 0.05  # metres before that from which the push slows down
RESTING = (0.0, 0.02)  # metres left with which the tool rests, and moves as fast as it can
STOPPED = 0.01  # metres left with which the push counts as done
CONTACT = 0.085  # metres between the tool and the centre of a cup that it pushes
# The push begins gradually: from none at the first number to all at the second
SIDEWAYS = (0.045, 0.02)  # metres off the cup in y
RAISED = (0.10, 0.07)  # metres over the table
CLEAR = (0.02, 0.04)  # metres behind the cup's centre

# of the stand-in cup: metres from its axis to the handle's outer bar, and of that bar's middle over the table
HANDLE, HANDLE_HEIGHT = 0.0895, 0.06
OVER_HANDLE = 0.125  # metres over the table while crossing, and while the hand turns
ABOVE = (0.01, 0.04)  # metres in the plane from the bar: down within the first, crossing beyond the second
ACROSS = (0.62, 0.77)  # radians that the hand is off: down within the first, crossing beyond the second
LOWERED = (0.09, 0.075)  # metres over the table: the hand begins to close at the first, is closed at the second
NEAR = (0.04, 0.02)  # metres in the plane: likewise
HELD = (0.025, 0.018)  # metres between the fingers, of which the bar takes 0.013: lifting begins, has all its speed
LIFTED = (0.045, 0.065)  # metres from the goal with which the cup rests, and moves: 0.08 are allowed


def cups(env: Simulator) -> list[Any]:
    """Return the three cups as the simulator's actors, in the order of CUPS."""
    return [env.raw.mug_left, env.raw.mug_center, env.raw.mug_right]


def cups_shown(env: Simulator) -> bool:
    """Say whether the last picture shows the cups, which hide the ball."""
    return all(LOWEST < place(cup)[2] < HIGHEST for cup in cups(env))


class ShellGameExpert(ChoiceExpert):
    """What touching and pushing have in common: the choice."""

    def actors(self, env: Simulator) -> list[Any]:
        """Return the cups."""
        return cups(env)

    def names(self, env: Simulator) -> tuple[str, ...]:
        """Name them by place."""
        return CUPS

    def target(self, env: Simulator) -> int:
        """Return the index of the cup that hides the ball."""
        return int(env.raw.cup_with_ball_number[0])

    def phase(self, env: Simulator) -> str:
        """Return "act" once the pictures show the cups."""
        return "act" if cups_shown(env) else "cue"


class ShellGameTouchExpert(ShellGameExpert):
    """Goes over the right cup, and there down until the tool is close enough."""

    def action(self, env: Simulator, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Come down a cone over the cup."""
        height = np.interp(np.hypot(*(thing - tcp)[:2]), CONE, (thing[2] + TOUCH, CROSSING))
        return towards(tcp, np.array([*thing[:2], height]), gain=GAIN, grip=OPEN)

    def distance(self, env: Simulator) -> float:
        """Return metres to where the tool comes to rest."""
        return float(np.linalg.norm(tool(env) - place(cups(env)[self.target(env)]) - (0, 0, TOUCH)))


class ShellGamePushExpert(ShellGameExpert):
    """Closes the hand, goes behind the right cup and pushes it to the goal in +x."""

    def action(self, env: Simulator, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Come down a cone behind the cup; the better the tool stands there, the more of its motion is the push."""
        start = np.array([thing[0] - BEHIND, thing[1]])
        height = np.interp(np.hypot(*(start - tcp[:2])), CONE, (PUSH_HEIGHT, CROSSING))
        ready = ramp(abs(tcp[1] - thing[1]), SIDEWAYS) * ramp(tcp[2], RAISED) * ramp(thing[0] - tcp[0], CLEAR)  # 0 to 1
        left = _left(env, thing)
        push = np.array([tcp[0] + min(left, SLOWING), thing[1], PUSH_HEIGHT])
        action = towards(tcp, (1 - ready) * np.array([*start, height]) + ready * push, gain=GAIN, grip=CLOSED)
        action[:3] *= ramp(left, RESTING)  # a cup that is there needs nothing more, wherever the tool is
        return action

    def moved(self, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Return where the cup (3,) is after the tool, low behind it, has moved to `tcp`."""
        if abs(tcp[1] - thing[1]) < CONTACT and tcp[2] < RAISED[0] and 0 < thing[0] - tcp[0] < CONTACT:
            return np.array([tcp[0] + CONTACT, *thing[1:]])
        return thing

    def distance(self, env: Simulator) -> float:
        """Return 0 when the cup is nearly where it stops, infinity before: noise may push it too far."""
        return 0.0 if _left(env, place(cups(env)[self.target(env)])) < STOPPED else np.inf


class ShellGamePickExpert(ShellGameExpert):
    """Turns the open hand across the handle of the right cup, comes down over it, closes and lifts."""

    def __init__(self) -> None:
        self._carried: np.ndarray | None = None  # metres from the tool to the cup that it holds

    def action(self, env: Simulator, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Turn and come down at once; a cue of five steps leaves no time for one after the other."""
        index = int(np.argmin([np.linalg.norm(place(cup) - thing) for cup in cups(env)]))
        out = heading(cups(env)[index], 0)  # where the handle points
        handle = thing[:2] + HANDLE * unit(out)
        turn = wrapped(out + np.pi / 2 - fingers_heading(env), np.pi)
        away = float(np.linalg.norm(handle - tcp[:2]))
        held = ramp(float(env.raw.agent.robot.get_qpos()[0, -2:].sum()), HELD) * ramp(away, NEAR)
        self._carried = thing - tcp if held > 0 else None
        if held > 0:
            aside = (index - self.target(env)) * env.raw.MIN_DIST
            left = place(env.raw.goal_site) + np.array([0, aside, 0]) - thing
            lift = towards(tcp, tcp + held * left, gain=GAIN, grip=CLOSED)
            lift[:3] *= ramp(float(np.linalg.norm(left)), LIFTED)
            return lift
        high = max(ramp(away, ABOVE), ramp(abs(turn), ACROSS))
        grip = closing(ramp(tcp[2], LOWERED) * ramp(away, NEAR))
        down = np.array([*handle, HANDLE_HEIGHT + high * (OVER_HANDLE - HANDLE_HEIGHT)])
        return turned(towards(tcp, down, gain=GAIN, grip=grip), turn)

    def moved(self, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Return where the cup (3,) is after the tool has moved to `tcp`: with it, once it holds the cup."""
        return thing if self._carried is None else tcp + self._carried

    def distance(self, env: Simulator) -> float:
        """Return metres from the tool to the right cup's axis beyond the handle, in the plane."""
        away = np.linalg.norm((tool(env) - place(cups(env)[self.target(env)]))[:2])
        return max(0.0, float(away) - HANDLE)


def _left(env: Simulator, cup: np.ndarray) -> float:
    """Return metres that a cup at `cup` has still to be pushed; the goal has the same x for all three."""
    return max(0.0, float(place(env.raw.goal_site)[0] - SHORT - cup[0]))
