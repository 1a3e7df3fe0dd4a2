"""RememberColor*, RememberShape*, RememberShapeAndColor*: go above the object that was shown, then down to touch it."""

from typing import Any

import numpy as np

from muvla.collect.experts.choice import ChoiceExpert
from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import towards
from muvla.sim.contract import Simulator

ABOVE, TOUCH = 0.10, 0.03  # metres over the object's centre: while crossing, and when there
NEAR, FAR = 0.03, 0.15  # metres in the plane: at touching height within the first, crossing beyond the second
GAIN = 1.0
_COLOURS = ("red", "lime", "blue")


def actors(env: Simulator) -> list[Any]:
    """Return the objects of the episode as the simulator's actors, (n)."""
    raw = env.raw
    found = raw.cubes if env.row.family == "RememberColor" else raw.shape_actors
    return [found[key] for key in sorted(found)]


def names(env: Simulator) -> tuple[str, ...]:
    """Name them, (n): "red cube"; "torus", where all have one colour; "lime t_shape"."""
    raw, family, count = env.raw, env.row.family, range(len(actors(env)))
    if family == "RememberColor":
        return tuple(f"{raw.COLOR_MAPPING[index][0].lower()} cube" for index in count)
    if family == "RememberShape":
        return tuple(str(raw.shape_dict[index]) for index in count)
    entries = [raw.shape_color_dict[index] for index in count]
    return tuple(f"{_COLOURS[entry['color_id']]} {entry['shape']}" for entry in entries)


class RememberExpert(ChoiceExpert):
    """Touches the right object."""

    def actors(self, env: Simulator) -> list[Any]:
        """Return the objects on the table in the choice phase."""
        return actors(env)

    def names(self, env: Simulator) -> tuple[str, ...]:
        """Name them."""
        return names(env)

    def target(self, env: Simulator) -> int:
        """Return the index of the one that was shown."""
        raw = env.raw
        return int((raw.true_color_indices if env.row.family == "RememberColor" else raw.true_shape_indices)[0])

    def phase(self, env: Simulator) -> str:
        """Return the simulator's phase, which the pictures show."""
        return env.phase

    def action(self, env: Simulator, tcp: np.ndarray, thing: np.ndarray) -> np.ndarray:
        """Go down a cone: a learner that is a few centimetres off in the plane still comes down to touch."""
        away = np.hypot(*(thing - tcp)[:2])
        height = np.interp(away, (NEAR, FAR), (TOUCH, ABOVE))
        return towards(tcp, thing + np.array([0, 0, height]), gain=GAIN)

    def distance(self, env: Simulator) -> float:
        """Return metres from the tool to the touching point of the right object."""
        return float(np.linalg.norm(tool(env) - place(actors(env)[self.target(env)]) - (0, 0, TOUCH)))
