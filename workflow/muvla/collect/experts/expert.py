"""What an expert is: a script that reads the simulator's state and answers with the next action."""

from typing import Any, Protocol

import numpy as np

from muvla.sim.mikasa.env import MikasaEnv


class Expert(Protocol):
    """An expert for one family of tasks; env is a MikasaEnv or a LiberoEnv.

    State it keeps within an episode is cleared when env.steps is 0.
    """

    def act(self, env: Any) -> np.ndarray:
        """(7,) float32 in [-1, 1]: the next action; zeros with an open gripper while actions have no effect."""
        ...

    def distance(self, env: Any) -> float:
        """Metres from the tool to where precision matters: noise on the executed action must fade out there."""
        ...


def tool(env: MikasaEnv) -> np.ndarray:
    """(3,) position of the tool centre in metres."""
    return place(env.raw.agent.tcp)


def place(actor: Any) -> np.ndarray:
    """(3,) position in metres of one of the simulator's actors."""
    return actor.pose.p[0].cpu().numpy()
