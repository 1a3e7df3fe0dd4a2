"""The expert of LIBERO's pick-and-place tasks: over the object, down a cone, grasp, up, across, down, open.

The task's goal (BDDL) says what goes in or on what; several things go one after the other. The hand is kept upright,
its fingers closing along y. Every decision follows from the present state, none from a counter, so that a policy
without memory can learn it.

robosuite's controller holds the hand's orientation only while the asked rotation is exactly zero; anything else, were
it 1e-9, makes the present orientation the new aim. A policy is never exactly zero, so its hand turns with every push (8
degrees within 50 steps where the exact zero gave 4). Hence the expert turns back, and shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muvla.benchmark.libero import LIBERO
from muvla.sim.contract import Simulator

REACH, TURN = 0.05, 0.5  # metres and radians that an action of 1 asks for
UPRIGHT = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])  # orientation of the hand
OPEN, CLOSED = -1.0, 1.0
# Slow near its aim: at 3 it came on at full speed until 2 cm before, and whole chunks missed (docs/libero.md).
GAIN = 1.2
# Height of the tool over the grasp, by its distance in the plane: down, beside, and crossing the table.
CONE = (0.006, 0.025, 0.10)
BESIDE = 0.08
THERE = 0.010  # metres: near enough to close
WIDE, STILL = 0.070, 0.004  # metres between the open fingers; metres a second of fingers that have closed
LOST = 0.045  # metres from tool to grasp: the object is not in the hand
DROP = 0.03  # metres in the plane within which the load is lowered
PUT = 0.02  # metres in height within which it is let go
OVER = 0.02  # metres over what stands on the table while carrying, and over the place when letting go
PALM = 0.034  # metres from the tool up to the palm, which is HAND (x, y) metres wide to either side
HAND = (0.037, 0.105)
DEPTH = 0.028  # metres below its top in which an object is grasped, or at its middle
FLOOR = 0.012  # metres of the tool over what the object stands on
RIM = 0.004  # metres from a bowl's outside to where its rim is grasped
RISING = 0.12  # metres of height over which crossing begins

# What the fingers cannot hold this way (mugs, pots, a book), or what is more than picking and placing (drawers, doors,
# a stove's knob, a push, a bottle laid in a rack).
WITHOUT = {
    "libero_spatial": (4,),  # in a drawer, too narrow for the hand
    "libero_goal": (0, 3, 5, 7, 9),
    "libero_10": (2, 3, 4, 5, 6, 8, 9),
}
TASKS = tuple(
    task
    for suite in ("libero_object", "libero_spatial", "libero_goal", "libero_10")
    for number, task in enumerate(LIBERO.of_family(suite))
    if number not in WITHOUT.get(suite, ())
)


@dataclass(frozen=True)
class Box:
    """What something solid fills, in metres: low and high corner, (3,) each."""

    low: np.ndarray
    high: np.ndarray

    @property
    def middle(self) -> np.ndarray:
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Place:
    """Where an object goes, in metres: centre, height it will stand at, height of the rim around it."""

    centre: np.ndarray
    surface: float
    rim: float


class PickPlaceExpert:
    """Places objects in or on others, as the task's goal says."""

    def act(self, env: Simulator) -> np.ndarray:
        """Return the next action, (7,) float32 in [-1, 1]."""
        action = self._moves(env)
        action[3:6] = np.clip(_turned(env) / TURN, -1, 1)
        return action

    def _moves(self, env: Simulator) -> np.ndarray:
        """Return the action but for its rotation."""
        tool, thing, place = _tool(env), *_next(env)
        load, goal = _box(env, thing), _place(env, place)
        if _holds(env, thing):
            return _carry(tool, load, goal, _clear(env, thing))
        if _inside(load, goal):  # all is done: away, and rest
            return _move(tool, np.array([*tool[:2], max(tool[2], goal.rim + RISING)]), OPEN)
        grasp = _grasp(env, thing)
        offset = float(np.linalg.norm((grasp - tool)[:2]))
        width, speed = _fingers(env)
        if offset < THERE and abs(grasp[2] - tool[2]) < THERE:
            return _move(tool, grasp, CLOSED)
        if width < WIDE and offset < 2 * THERE and speed > STILL:
            return _move(tool, grasp, CLOSED)
        crossing = max(BESIDE, _clear(env, thing) - grasp[2])
        height = float(np.interp(offset, CONE, (0.0, BESIDE, crossing)))
        # from below (out of a basket): up first, then across
        rise = float(np.clip(1 - (grasp[2] + height - tool[2]) / RISING, 0, 1))
        return _move(tool, np.array([*(tool[:2] + rise * (grasp - tool)[:2]), grasp[2] + height]), OPEN)

    def distance(self, env: Simulator) -> float:
        """Return metres to the grasp, or to the place of release while holding."""
        thing, place = _next(env)
        if _holds(env, thing):
            return float(np.linalg.norm((_place(env, place).centre - _box(env, thing).middle)[:2]))
        return float(np.linalg.norm(_grasp(env, thing) - _tool(env)))


def _carry(tool: np.ndarray, load: Box, goal: Place, clear: float) -> np.ndarray:
    """Return the action with the load in the hand; clear: height of what stands in the way."""
    aim = goal.centre + (tool - load.middle)  # where the tool is when the load is over the goal
    away = float(np.linalg.norm((aim - tool)[:2]))
    if away > DROP:
        # up first, then across: the nearer to carrying height, the faster
        lift = max(clear, goal.rim + OVER) - load.low[2]
        rise = float(np.clip(1 - lift / RISING, 0, 1))
        return _move(tool, np.array([*(tool[:2] + rise * (aim - tool)[:2]), tool[2] + lift]), CLOSED)
    # as low as the place allows, and the palm over its rim
    down = max(goal.surface + OVER - load.low[2], goal.rim - PUT - tool[2])
    if down < -PUT:
        return _move(tool, np.array([*aim[:2], tool[2] + down]), CLOSED)
    return _move(tool, tool, OPEN)


def _next(env: Simulator) -> tuple[str, str]:
    """Return what goes where now: what is in the hand, else the first of the goal that is not done, else the last."""
    goals = [(thing, place) for _, thing, place in env.raw.env.parsed_problem["goal_state"]]
    for thing, place in goals:
        if _holds(env, thing):
            return thing, place
    for thing, place in goals:
        if not _inside(_box(env, thing), _place(env, place)):
            return thing, place
    return goals[-1]


def _inside(load: Box, goal: Place) -> bool:
    """Say whether a thing is over its place, or in it, and no higher than it is let go."""
    away = float(np.linalg.norm((goal.centre - load.middle)[:2]))
    return away < 2 * DROP and load.low[2] < max(goal.surface, goal.rim - load.high[2] + load.low[2]) + 3 * PUT


def _grasp(env: Simulator, thing: str) -> np.ndarray:
    """Return where the tool must be to grasp it, (3,) in metres."""
    box = _box(env, thing)
    size = box.high - box.low
    grasp = box.middle
    if size[1] > WIDE:  # wider than the hand: a bowl, by its rim
        grasp[1] = box.high[1] - RIM
        grasp[2] = box.high[2] - 0.022
        return grasp
    grasp[2] = max(grasp[2], box.high[2] - DEPTH, box.low[2] + FLOOR)
    # Beside something tall the palm would come down on it: along x, as far as the object is long.
    most = max(0.0, size[0] / 2 - HAND[0] / 3)
    for other in _others(env, thing):
        beside = min(other.high[1], grasp[1] + HAND[1]) - max(other.low[1], grasp[1] - HAND[1]) > 0
        if other.high[2] > grasp[2] + PALM and beside:
            if other.middle[0] > grasp[0]:
                grasp[0] += np.clip(other.low[0] - HAND[0] - grasp[0], -most, 0)
            else:
                grasp[0] += np.clip(other.high[0] + HAND[0] - grasp[0], 0, most)
    return grasp


def _others(env: Simulator, thing: str) -> list[Box]:
    """Return the boxes of all other objects, not of fixtures."""
    return [_box(env, name) for name in env.raw.env.objects_dict if name != thing]


def _clear(env: Simulator, thing: str) -> float:
    """Return the height over all other objects, in metres."""
    return max((box.high[2] for box in _others(env, thing)), default=0.0) + OVER


def _holds(env: Simulator, thing: str) -> bool:
    """Say whether the fingers have closed on something, and the object is there."""
    width, speed = _fingers(env)
    near = bool(np.linalg.norm(_grasp(env, thing) - _tool(env)) < LOST)
    return near and 0.001 < width < WIDE and speed < STILL


def _place(env: Simulator, name: str) -> Place:
    """Return the place that a goal names: an object, or a region of one."""
    raw = env.raw.env
    if name in raw.obj_body_id:
        box = _box(env, name)
        hollow = name.startswith("akita_black_bowl")
        return Place(box.middle, box.low[2] if hollow else box.high[2], box.high[2])
    centre = np.array(env.raw.sim.data.get_site_xpos(name))
    if name.endswith("contain_region"):
        box = _box(env, raw.object_sites_dict[name].parent_name)
        return Place(centre, box.low[2], box.high[2])
    return Place(centre, centre[2], centre[2])


def _box(env: Simulator, name: str) -> Box:
    """Return the box around an object's solid parts as it stands now."""
    model, data = env.raw.sim.model._model, env.raw.sim.data._data
    root = env.raw.env.obj_body_id[name]
    bodies = np.flatnonzero(model.body_rootid == model.body_rootid[root])
    solid = (model.geom_contype > 0) | (model.geom_conaffinity > 0)
    geoms = np.flatnonzero(np.isin(model.geom_bodyid, bodies) & solid)
    turned = data.geom_xmat[geoms].reshape(-1, 3, 3)
    middles = data.geom_xpos[geoms] + np.einsum("gij,gj->gi", turned, model.geom_aabb[geoms, :3])
    halves = np.einsum("gij,gj->gi", np.abs(turned), model.geom_aabb[geoms, 3:])
    return Box((middles - halves).min(0), (middles + halves).max(0))


def _fingers(env: Simulator) -> tuple[float, float]:
    """Return metres between the fingers, and their speed in metres a second."""
    data, robot = env.raw.sim.data, env.raw.robots[0]
    width = float(np.abs(data.qpos[robot._ref_gripper_joint_pos_indexes]).sum())
    return width, float(np.abs(data.qvel[robot._ref_gripper_joint_vel_indexes]).max())


def _move(tool: np.ndarray, target: np.ndarray, grip: float) -> np.ndarray:
    action = np.zeros(7, np.float32)
    action[:3] = np.clip(GAIN * (target - tool) / REACH, -1, 1)
    action[6] = grip
    return action


def _turned(env: Simulator) -> np.ndarray:
    """Return the rotation back to upright, (3,): its axis times radians, in the world's frame."""
    site = env.raw.sim.data.site_xmat[env.raw.robots[0].eef_site_id].reshape(3, 3)
    back = UPRIGHT @ site.T
    # small angles, which these are: the sine for the angle
    return np.array([back[2, 1] - back[1, 2], back[0, 2] - back[2, 0], back[1, 0] - back[0, 1]]) / 2


def _tool(env: Simulator) -> np.ndarray:
    sim = env.raw.sim
    return np.array(sim.data.site_xpos[env.raw.robots[0].eef_site_id])
