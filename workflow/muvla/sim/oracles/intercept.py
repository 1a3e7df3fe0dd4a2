"""InterceptSlow / Medium / Fast: wait beside the ball's path with a closed hand, then strike it towards the target."""

import numpy as np

from muvla.sim.mikasa import MikasaEnv
from muvla.sim.oracles.motion import CLOSED, towards, wait
from muvla.sim.oracles.oracle import place, tool

HEIGHT = 0.03  # metres over the table
BEHIND = 0.07  # metres in -x from the point where the ball's path crosses the target's y
LEAD = 0.22  # seconds before the ball is there at which to strike
GAIN = 1.0
STRIKE = 0.1  # metres in +x asked for at each step of the strike


class InterceptOracle:
    """Strikes in +x, following the ball's y, when the ball passes in front of the target."""

    def __init__(self) -> None:
        self._striking = False

    def act(self, env: MikasaEnv) -> np.ndarray:
        """(7,) float32."""
        if env.steps == 0:
            self._striking = False
        tcp, ball, goal = tool(env), place(env.raw.ball), place(env.raw.goal_region)
        velocity = env.raw.ball.linear_velocity[0].cpu().numpy()
        seconds = (goal[1] - ball[1]) / max(float(velocity[1]), 1e-3)
        self._striking = self._striking or 0 < seconds < LEAD
        if self._striking:
            target = np.array([tcp[0] + STRIKE, ball[1], HEIGHT])
            return towards(tcp, target, gain=GAIN, grip=CLOSED) if tcp[0] < goal[0] else wait(CLOSED)
        # Only the near future counts: a ball that rolls slowly would be met where it never comes.
        crossing = ball[0] + velocity[0] * float(np.clip(seconds, 0, 3))
        return towards(tcp, np.array([crossing - BEHIND, goal[1], HEIGHT]), gain=GAIN, grip=CLOSED)

    def distance(self, env: MikasaEnv) -> float:
        """Metres to the waiting place, in the plane; 0 during the strike."""
        if self._striking:
            return 0.0
        ball, goal = place(env.raw.ball), place(env.raw.goal_region)
        return float(np.hypot(*(tool(env)[:2] - (ball[0] - BEHIND, goal[1]))))
