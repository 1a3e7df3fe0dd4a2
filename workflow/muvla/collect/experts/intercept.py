"""InterceptSlow / Medium / Fast: wait beside the ball's path with a closed hand, then strike it towards the target."""

from dataclasses import dataclass

import numpy as np

from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import CLOSED, ramp, towards, wait
from muvla.sim.contract import Simulator

HEIGHT = 0.03  # metres over the table
BEHIND = 0.07  # metres from the ball, against the direction of the strike
SPEED = 0.7  # metres a second of the ball along the strike, just after it
GRAZE = 0.9  # share of its motion across the strike that the ball keeps
ANGLES = np.radians(np.arange(-20, 56))  # strikes from +x towards +y; a steeper one would wait in the ball's way
LEAD = 0.08  # seconds from the first move of the strike to the touch
MEET_BY = 36  # steps after which too few are left for the ball to get to the target
SQUARE = 0.2  # seconds: share of the ball's own motion along y that brings it to the target after a strike along x
STEP = 0.05  # seconds
GAIN = 1.0
STRIDE = 0.1  # metres asked for at each step of the strike
GONE = (
    0.12,
    0.18,
)  # metres between tool and ball after the touch: the strike slackens from the first, rests at the second


@dataclass(frozen=True)
class Strike:
    """A straight line: from `start` (2,) metres along the unit vector `along` (2,), over `length` metres."""

    start: np.ndarray
    along: np.ndarray
    length: float
    seconds_left: float


class InterceptExpert:
    """Waits behind the ball's path, then hits so that the ball, with the motion it keeps, runs over the target."""

    def __init__(self) -> None:
        self._strike: Strike | None = None

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32."""
        if env.steps == 0:
            self._strike = None
        tcp = tool(env)
        if self._strike is None:
            plan = self._plan(env)
            if plan.seconds_left > LEAD:
                return towards(tcp, np.array([*plan.start, HEIGHT]), gain=GAIN, grip=CLOSED)
            self._strike = plan
        strike = self._strike
        done = float((tcp[:2] - strike.start) @ strike.along)
        stride = float(np.clip(strike.length - done, 0, STRIDE))
        hit = towards(tcp, np.array([*strike.start + (done + stride) * strike.along, HEIGHT]), gain=GAIN, grip=CLOSED)
        gone = ramp(float(np.linalg.norm(place(env.raw.ball)[:2] - tcp[:2])), GONE)
        return np.asarray((1 - gone) * hit + gone * wait(CLOSED), np.float32)

    def distance(self, env: Simulator) -> float:
        """Return metres to the waiting place, in the plane; 0 during the strike."""
        return 0.0 if self._strike is not None else float(np.linalg.norm(tool(env)[:2] - self._plan(env).start))

    @staticmethod
    def _plan(env: Simulator) -> Strike:
        """Plan the strike for the ball's present motion."""
        ball, goal = place(env.raw.ball)[:2].astype(np.float64), place(env.raw.goal_region)[:2].astype(np.float64)
        velocity = env.raw.ball.linear_velocity[0, :2].cpu().numpy().astype(np.float64)
        pace = max(float(velocity[1]), 1e-3)
        # Best is to hit it along x just before the target; a slow ball has to be met earlier and sent further.
        best = (goal[1] - SQUARE * pace - ball[1]) / pace
        seconds = max(0.0, min(best, (MEET_BY - env.steps) * STEP))
        meeting = ball + seconds * velocity
        way = goal - meeting
        alongs = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)  # (angles, 2)
        share = (alongs @ velocity)[:, None] * alongs
        after = SPEED * alongs + GRAZE * (velocity - share)
        wide = np.abs(after[:, 0] * way[1] - after[:, 1] * way[0]) / np.linalg.norm(after, axis=1)  # metres off
        along = alongs[int(wide.argmin())]
        return Strike(meeting - BEHIND * along, along, float(np.linalg.norm(way)), seconds)
