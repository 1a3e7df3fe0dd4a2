"""RememberColor*, RememberShape*, RememberShapeAndColor*: go above the object that was shown, then down to touch it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import REACH, towards, wait
from muvla.sim.contract import Simulator

ABOVE, TOUCH = 0.10, 0.03  # metres over the object's centre: while crossing, and when there
NEAR, FAR = 0.03, 0.15  # metres in the plane: at touching height within the first, crossing beyond the second
GAIN = 1.0
ADVANCE = 0.34  # share of a commanded translation that the tool covers within one step
_COLOURS = ("Red", "Lime", "Blue")


@dataclass(frozen=True)
class Candidates:
    """The objects on the table in the choice phase.

    target: index of the object that was shown. colours, shapes: names per object, "" where the task does not vary them.
    positions: (n, 3) float32, metres, as laid out when the choice begins.
    """

    target: int
    colours: tuple[str, ...]
    shapes: tuple[str, ...]
    positions: np.ndarray


def _actors(env: Simulator) -> list[Any]:
    raw = env.raw
    actors = raw.cubes if env.row.family == "RememberColor" else raw.shape_actors
    return [actors[key] for key in sorted(actors)]


def candidates(env: Simulator) -> Candidates:
    """Return the objects of this episode, which the simulator knows from the reset on."""
    raw, family, count = env.raw, env.row.family, len(_actors(env))
    blank = ("",) * count
    if family == "RememberColor":
        target, shapes = int(raw.true_color_indices[0]), blank
        colours = tuple(str(raw.COLOR_MAPPING[index][0]) for index in range(count))
    elif family == "RememberShape":
        target, colours = int(raw.true_shape_indices[0]), blank
        shapes = tuple(str(raw.shape_dict[index]) for index in range(count))
    else:
        target, entries = int(raw.true_shape_indices[0]), raw.shape_color_dict
        colours = tuple(_COLOURS[entries[index]["color_id"]] for index in range(count))
        shapes = tuple(str(entries[index]["shape"]) for index in range(count))
    positions = np.stack([raw.initial_poses[key][0].cpu().numpy() for key in range(count)]).astype(np.float32)
    return Candidates(target, colours, shapes, positions)


class RememberExpert:
    """Touches the right object, and plans how to touch any other."""

    def act(self, env: Simulator) -> np.ndarray:
        """Return the action towards the object that was shown, (7,) float32."""
        return self.act_towards(env, candidates(env).target)

    def act_towards(self, env: Simulator, index: int) -> np.ndarray:
        """Return the action towards object `index`, (7,) float32; zeros with an open gripper before the choice."""
        if env.phase != "act":
            return wait()
        return self._action(tool(env), place(_actors(env)[index]))

    def plans(self, env: Simulator, steps: int = 8) -> np.ndarray:
        """Return the next actions towards every object on the table, (n, steps, 7) float32.

        The first is act_towards; the others assume that the tool moves by ADVANCE of the commanded translation, as was
        measured.
        """
        if env.phase != "act":
            return np.tile(wait(), (len(_actors(env)), steps, 1))
        plans = []
        for actor in _actors(env):
            tcp, thing, plan = tool(env).astype(np.float64), place(actor), []
            for _ in range(steps):
                plan.append(self._action(tcp, thing))
                tcp = tcp + ADVANCE * REACH * plan[-1][:3]
            plans.append(plan)
        return np.array(plans, np.float32)

    def distance(self, env: Simulator) -> float:
        """Return metres from the tool to the touching point of the right object."""
        return float(np.linalg.norm(tool(env) - place(_actors(env)[candidates(env).target]) - (0, 0, TOUCH)))

    @staticmethod
    def _action(tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        # Down a cone: a learner that is a few centimetres off in the plane still comes down to touch.
        away = np.hypot(*(thing - tcp)[:2])
        height = np.interp(away, (NEAR, FAR), (TOUCH, ABOVE))
        return towards(tcp, thing + np.array([0, 0, height]), gain=GAIN)
