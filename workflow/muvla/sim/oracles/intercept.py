"""InterceptSlow / Medium / Fast: wait beside the ball's path with a closed hand, then strike it towards the target."""

import numpy as np

from muvla.sim.mikasa import MikasaEnv
from muvla.sim.oracles.motion import CLOSED, towards, wait
from muvla.sim.oracles.oracle import place, tool

HEIGHT = 0.03  # metres over the table
BEHIND = 0.07  # metres in -x from the ball's path
DRIFT = 0.2  # seconds of the ball's own motion along y between the strike and the target
LEAD = 0.08  # seconds from the first move of the strike to the touch
GAIN = 1.0
STRIKE = 0.1  # metres in +x asked for at each step of the strike


class InterceptOracle:
    """Strikes in +x where the ball, which keeps its motion along y, will drift onto the target."""

    def __init__(self) -> None:
        self._strike_y: float | None = None

    def act(self, env: MikasaEnv) -> np.ndarray:
        """(7,) float32."""
        if env.steps == 0:
            self._strike_y = None
        tcp, ball, goal = tool(env), place(env.raw.ball), place(env.raw.goal_region)
        if self._strike_y is None:
            x, y = self._meeting(env)
            velocity = float(env.raw.ball.linear_velocity[0, 1])
            if y - float(ball[1]) > LEAD * velocity:
                return towards(tcp, np.array([x - BEHIND, y, HEIGHT]), gain=GAIN, grip=CLOSED)
            self._strike_y = y
        if tcp[0] > goal[0]:
            return wait(CLOSED)
        return towards(tcp, np.array([tcp[0] + STRIKE, self._strike_y, HEIGHT]), gain=GAIN, grip=CLOSED)

    def distance(self, env: MikasaEnv) -> float:
        """Metres to the waiting place, in the plane; 0 during the strike."""
        if self._strike_y is not None:
            return 0.0
        x, y = self._meeting(env)
        return float(np.hypot(*(tool(env)[:2] - (x - BEHIND, y))))

    @staticmethod
    def _meeting(env: MikasaEnv) -> tuple[float, float]:
        """Where on the ball's path to strike it, x and y in metres."""
        ball, goal = place(env.raw.ball), place(env.raw.goal_region)
        velocity = env.raw.ball.linear_velocity[0].cpu().numpy()
        y = float(goal[1] - DRIFT * velocity[1])
        # Only the near future counts: a ball that has almost stopped would be met where it never comes.
        seconds = float(np.clip((y - ball[1]) / max(float(velocity[1]), 1e-3), 0, 3))
        return float(ball[0] + velocity[0] * seconds), y
