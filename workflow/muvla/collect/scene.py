"""What a learner of vision may be told about a frame: objects, places, cameras (data/scene.py)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from muvla.benchmark.benchmark import benchmark_of
from muvla.benchmark.libero import LIBERO
from muvla.benchmark.mikasa import MIKASA
from muvla.collect import libero_scene
from muvla.collect.experts.expert import place
from muvla.collect.experts.remember import actors, names
from muvla.collect.experts.shell_game import CUPS, HIGHEST, LOWEST, cups
from muvla.data.scene import Scene
from muvla.sim.contract import Simulator


def objects(env: Simulator) -> dict[str, Any]:
    """Return every object of an episode of MIKASA-Robo by name, as the simulator's actor."""
    raw, family = env.raw, env.row.family
    if family.startswith("Remember"):
        return dict(zip(names(env), actors(env), strict=True))
    if family == "ShellGame":
        return {"red ball": raw.red_ball, **dict(zip(CUPS, cups(env), strict=True))}
    if family == "Intercept":
        return {"red ball": raw.ball, "red target": raw.goal_region}
    if family == "InterceptGrab":
        return {"red ball": raw.ball}
    if family == "TakeItBack":
        return {
            "lime cube": raw.cube,
            "red target": raw.goal_region,
            "violet target": raw.changed_goal_region,
            "blue target": raw.initial_region,  # never in a picture: where the cube must come back to
        }
    return {"blue peg": raw.peg}  # Rotate


def _visible(env: Simulator, things: dict[str, Any], positions: np.ndarray) -> np.ndarray:
    """Say which of the objects (n, 3) the task shows, (n,) bool."""
    shown = (positions[:, 2] > LOWEST) & (positions[:, 2] < HIGHEST)
    shown &= [all(thing is not hidden for hidden in env.raw._hidden_objects) for thing in things.values()]
    if env.row.family == "ShellGame":  # the cups cover the ball
        shown[0] = not shown[1:].any()
    return shown


def _projections(env: Simulator) -> np.ndarray:
    """Return the cameras' matrices as in data.scene.Scene, (cameras, 3, 4) float32."""
    matrices = []
    for name in MIKASA.cameras:
        camera = env.raw.scene.sensors[name].camera
        inner, outer = (found[0].numpy() for found in (camera.get_intrinsic_matrix(), camera.get_extrinsic_matrix()))
        matrices.append(np.diag([1 / camera.width, 1 / camera.height, 1]) @ inner @ outer)
    return np.stack(matrices).astype(np.float32)


@dataclass(frozen=True)
class SceneFrame:
    """One frame of a Scene: its fields without T."""

    names: tuple[str, ...]
    positions: np.ndarray
    visible: np.ndarray
    cameras: np.ndarray


def observe(env: Simulator) -> SceneFrame:
    """Return the scene behind the simulator's last picture."""
    if benchmark_of(env.environment) is LIBERO:
        called, positions = tuple(libero_scene.names(env).values()), libero_scene.positions(env)
        return SceneFrame(called, positions, np.ones(len(positions), bool), libero_scene.projections(env))
    things = objects(env)
    positions = np.stack([place(thing) for thing in things.values()]).astype(np.float32)
    return SceneFrame(tuple(things), positions, _visible(env, things, positions), _projections(env))


def assemble(frames: list[SceneFrame]) -> Scene:
    """Join the frames of one episode."""
    return Scene(
        names=frames[0].names,
        positions=np.stack([frame.positions for frame in frames]),
        visible=np.stack([frame.visible for frame in frames]),
        cameras=np.stack([frame.cameras for frame in frames]),
    )
