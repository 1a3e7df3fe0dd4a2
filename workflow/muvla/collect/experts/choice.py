"""Experts that choose one of several objects, and can plan towards each of them (spec 14).

Letters: n objects, C steps of a plan.
"""

import abc
from typing import Any

import numpy as np

from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import REACH, wait
from muvla.sim.contract import Simulator

ADVANCE = 0.34  # share of a commanded translation that the tool covers within one step


class ChoiceExpert(abc.ABC):
    """Acts on the right object; its action is a function of the state and of the object chosen."""

    @abc.abstractmethod
    def actors(self, env: Simulator) -> list[Any]:
        """Return the simulator's actors that can be chosen, (n)."""

    @abc.abstractmethod
    def names(self, env: Simulator) -> tuple[str, ...]:
        """Name each of them as data.scene.Scene does, (n)."""

    @abc.abstractmethod
    def target(self, env: Simulator) -> int:
        """Return the index of the right one, which the simulator knows from the reset on."""

    @abc.abstractmethod
    def phase(self, env: Simulator) -> str:
        """Return "cue", "empty" or "act", as the last picture shows it."""

    @abc.abstractmethod
    def action(self, env: Simulator, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Return the action (7,) float32 for the tool at `tcp` and the chosen object at `thing`, (3,) metres each."""

    def moved(self, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Return where the object (3,) is after the tool has moved to `tcp`."""
        return thing

    def act(self, env: Simulator) -> np.ndarray:
        """Return the action towards the right object, (7,) float32."""
        return self.act_towards(env, self.target(env))

    def act_towards(self, env: Simulator, index: int) -> np.ndarray:
        """Return the action towards object `index`, (7,) float32; zeros with an open gripper before the choice."""
        if self.phase(env) != "act":
            return wait()
        return self.action(env, tool(env), place(self.actors(env)[index]))

    def plans(self, env: Simulator, steps: int = 8) -> np.ndarray:
        """Return the next actions towards every object, (n, steps, 7) float32.

        The first is act_towards; the others assume that the tool moves by ADVANCE of the commanded translation, as was
        measured.
        """
        things = self.actors(env)
        if self.phase(env) != "act":
            return np.tile(wait(), (len(things), steps, 1))
        plans = []
        for actor in things:
            tcp, thing, plan = tool(env).astype(np.float64), place(actor).astype(np.float64), []
            for _ in range(steps):
                plan.append(self.action(env, tcp, thing))
                tcp = tcp + ADVANCE * REACH * plan[-1][:3]
                thing = self.moved(tcp, thing)
            plans.append(plan)
        return np.array(plans, np.float32)
