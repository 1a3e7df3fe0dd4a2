"""The protocol of a scripted expert, which reads the simulator's state and returns the next action."""

from typing import Any, Protocol

import numpy as np

from muvla.sim.contract import Simulator


class Expert(Protocol):
    """An expert for one family of tasks.

    It reads the state of env.raw. An expert that keeps state within an episode clears it when env.steps is 0.
    """

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32 in [-1, 1]; zeros with an open gripper while actions have no effect."""
        ...

    def distance(self, env: Simulator) -> float:
        """Return metres from the tool to where precision matters: no noise is added to actions close to it."""
        ...


def tool(env: Simulator) -> np.ndarray:
    """Return the position of the tool centre, (3,) in metres."""
    return place(env.raw.agent.tcp)


def place(actor: Any) -> np.ndarray:
    """Return the position of one of the simulator's actors, (3,) in metres."""
    return actor.pose.p[0].cpu().numpy()


def heading(actor: Any, axis: int) -> float:
    """Return where an actor's own axis (0 x, 1 y, 2 z) points in the plane: radians from x, counter-clockwise."""
    x, y = actor.pose.to_transformation_matrix()[0, :2, axis].cpu().numpy().astype(np.float64)
    return float(np.arctan2(y, x))


def fingers_heading(env: Simulator) -> float:
    """Return the heading of the line along which the fingers close, as `heading` does; a half turn changes nothing."""
    return heading(env.raw.agent.tcp, 1)
