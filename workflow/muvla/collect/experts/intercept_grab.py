"""InterceptGrabSlow / Medium / Fast: fly along over the rolling ball, come down on it and close the hand."""

import numpy as np

from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import CLOSED, closing, ramp, towards, wait
from muvla.sim.contract import Simulator

OVER = 0.075  # metres over the table while it flies along: the fingers are clear of the ball, which is 0.04 high
GRASP = 0.02  # metres over the table: the ball's centre
MEET = -0.25  # metres in y where to wait for the ball
MEET_BY = 24  # steps after which it waits no longer, so that a slow ball is met earlier on its way
STEP = 0.05  # seconds
START = 0.35  # seconds before the ball arrives when the hand sets off
LEAD = 0.10  # seconds by which the hand aims ahead of the ball: what it lags behind a moving target
ABOVE = (0.012, 0.03)  # metres in the plane from the ball: down within the first, over it beyond the second
CLOSING = (0.025, 0.015)  # metres between tool and ball: the hand begins to close at the first, is closed at the second
GAIN = 1.0


class InterceptGrabExpert:
    """Its fingers come down before and behind the ball."""

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32."""
        if bool(env.raw.agent.is_grasping(env.raw.ball)[0]):
            return wait(CLOSED)
        tcp, ball = tool(env), place(env.raw.ball)
        velocity = env.raw.ball.linear_velocity[0, :2].cpu().numpy()
        pace = max(float(velocity[1]), 1e-3)
        meet = min(MEET, float(ball[1]) + (MEET_BY - env.steps) * STEP * pace)
        seconds = (meet - float(ball[1])) / pace
        if seconds > START:
            return towards(tcp, np.array([ball[0] + seconds * velocity[0], meet, OVER]), gain=GAIN)
        high = ramp(float(np.linalg.norm((ball - tcp)[:2])), ABOVE)
        grip = closing(ramp(self.distance(env), CLOSING))
        aim = ball[:2] + LEAD * velocity
        return towards(tcp, np.array([*aim, GRASP + high * (OVER - GRASP)]), gain=GAIN, grip=grip)

    def distance(self, env: Simulator) -> float:
        """Return metres between tool and ball."""
        return float(np.linalg.norm(tool(env) - place(env.raw.ball)))
