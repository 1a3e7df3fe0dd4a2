"""MIKASA-Robo behind the project's observation contract: one gymnasium.Env, one episode at a time (spec 6.1-6.4).

Letters: A actions in one call, H W picture height and width.
"""

import importlib.metadata
import os
from typing import Any

import gymnasium
import numpy as np

from muvla.benchmark.benchmark import Environment, environment_named
from muvla.benchmark.mikasa import MIKASA
from muvla.sim.mikasa import camera_mesh, cup, novelty
from muvla.sim.mikasa.vulkan import require_backend
from muvla.sim.observation import Info, Observation, action_space, given_actions, observation_space, proprioception

# Read when the renderer starts: by default it starts a thread per core in every process, and one is the cheapest
# (60 ms of CPU a step; 74 with two, 92 with none).
os.environ.setdefault("LP_NUM_THREADS", "1")

BACKENDS = {"cpu": ("physx_cpu", "sapien_cpu"), "gpu": ("gpu", "gpu")}
_PALETTE = ("Red", "Lime", "Blue")  # RememberShapeAndColor names its colours by number only
_CUPS = ("Left cup", "Center cup", "Right cup")


def _make_raw(environment: Environment, backend: str, render: bool, unseen_colours: int | None = None) -> Any:
    """The suite's environment, constructed directly: its gym.make would start downloads when an asset is missing."""
    import mani_skill.envs  # noqa: F401
    import mikasa_robo_suite.vla.memory_envs  # noqa: F401
    from mani_skill.utils.registration import REGISTERED_ENVS

    physics, renderer = BACKENDS[backend]
    return novelty.recoloured(REGISTERED_ENVS[f"{environment.name}-VLA-v0"].cls, unseen_colours)(
        num_envs=1,
        obs_mode="rgb" if render else "state_dict",  # a process's first picture alone costs 7 s
        control_mode="pd_ee_delta_pose",
        sim_backend=physics,
        render_backend=renderer,
        render_mode="rgb_array",
        reward_mode="normalized_dense",
    )


class MikasaEnv(gymnasium.Env[Observation, np.ndarray]):
    """One MIKASA-Robo environment.

    Observation: image (2, 128, 128, 3) uint8, base then wrist camera; proprio (7,) float32, tool centre x y z in
    metres, roll pitch yaw in radians, sum of the two finger joints in metres.
    Action: (actions_per_step, 7) in [-1, 1]: translation (0.1 m), rotation, gripper (+1 open). step() runs them in a
    row (fewer rows, or NaN in the last ones, for fewer actions), stops early at success or truncation, and renders
    once, at the end: a picture costs ten times the physics.
    During the cue and empty phases actions have no effect (all 7 dims are zeroed), as in the suite's own wrapper.
    info: instruction, success (of any action run by this call), steps (of the episode), executed (of this call), phase
    "cue" | "empty" | "act", cue_steps, empty_steps, goal (what has to be touched, "" if the task has no such thing).

    backend: "cpu", or "gpu" for CUDA physics and rendering. light_mesh: see sim/camera_mesh.py. standin_mug: allow
    sim/cup.py's cup where the YCB mug is not installed. phases: fix cue and empty phases to this many steps each;
    max_steps then grows by 2 * phases - 10 (spec 6.3). unseen_colours: of RememberColor, so many are
    replaced (sim/novelty.py). render: False leaves the pictures black (physics is the same), to look at state only.
    Raises ValueError for an unknown environment, backend or size; cup.MissingMug; NoVulkan where the backend
    cannot run; RuntimeError when rendering fails.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        environment: str,
        *,
        backend: str = "cpu",
        light_mesh: bool = True,
        standin_mug: bool = False,
        actions_per_step: int = 1,
        phases: int | None = None,
        unseen_colours: int | None = None,
        render: bool = True,
    ) -> None:
        self.row = environment_named(environment)
        if backend not in BACKENDS:
            raise ValueError(f"unknown simulator backend {backend!r}; there are: {', '.join(BACKENDS)}")
        require_backend(backend)
        novelty.require(self.row, phases, unseen_colours)
        if actions_per_step < 1:
            raise ValueError(f"actions_per_step is {actions_per_step}; it must be at least 1")
        self.actions_per_step = actions_per_step
        self.environment, self.backend, self.light_mesh, self.rendering = environment, backend, light_mesh, render
        self.max_steps = novelty.lengthened(self.row.max_steps, phases)
        self._novelty = novelty.provenance(phases, unseen_colours)
        self._mug, self._assets = "", None
        if self.row.family == "ShellGame":
            self._mug, self._assets = cup.choose(environment, standin_mug)
        self._urdf = camera_mesh.robot_description(light_mesh)
        self._point_at_files()
        try:
            self.raw = _make_raw(self.row, backend, render, unseen_colours)
        except RuntimeError as error:
            raise RuntimeError(
                f"the simulator could not start ({error}). `python -m muvla.sim.mikasa.check` says what is missing."
            ) from error
        if phases is not None:
            self.raw.CUE_PHASE_STEPS = self.raw.EMPTY_PHASE_STEPS = [phases, phases]
        if backend == "cpu":
            # Everything of a step but the pictures: those are taken by _observation, once a call. On a GPU the suite's
            # pose commits hang on rendering every step (spec 8, P19), so nothing is skipped there.
            self.raw._get_obs_with_sensor_data = lambda info, **_: self.raw._get_obs_state_dict(info)
        self.observation_space = observation_space(MIKASA.picture_size, MIKASA.proprio_width)
        self.action_space = action_space(actions_per_step, MIKASA.action_bound)
        self._last: Observation | None = None
        self._instruction = ""

    def _point_at_files(self) -> None:
        """ShellGame rebuilds its scene at every reset, so class-wide paths are set whenever they may be read."""
        import mikasa_robo_suite.vla.memory_envs  # noqa: F401
        from mani_skill.agents.robots.panda.panda_wristcam import PandaWristCam

        PandaWristCam.urdf_path = str(self._urdf)
        if self._assets is not None:
            cup.read_from(self._assets)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Begin the episode that `seed` names. Raises ValueError without a seed: every episode here has one."""
        if seed is None:
            raise ValueError("reset() needs a seed: an episode without one cannot be repeated")
        self._point_at_files()
        raw, info = self.raw.reset(seed=int(seed))
        instruction = info["language_instruction"]  # a list in Rotate, whose instruction names an angle
        self._instruction = instruction if isinstance(instruction, str) else str(instruction[0])
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
        raw, success, executed, reward = None, False, 0, 0.0
        for row in given_actions(action, self.actions_per_step):
            if self.steps >= self.max_steps or success:
                break
            if self.phase != "act":
                row = np.zeros_like(row)
            raw, value, _, _, raw_info = self.raw.step(np.clip(row, -1, 1)[None])
            if self.backend == "gpu":
                self.raw.render()
            executed, reward, success = executed + 1, float(value[0]), bool(raw_info["success"][0])
        if raw is not None:
            self._last = self._observation(raw)
        info = self._info(success=success, executed=executed)
        return self._last, reward, False, self.steps >= self.max_steps, info

    def close(self) -> None:
        """Free the scene."""
        self.raw.close()

    @property
    def steps(self) -> int:
        """Simulator steps since reset."""
        return int(self.raw.elapsed_steps[0])

    @property
    def cue_steps(self) -> int:
        """Steps during which the cue is shown, 0 where there is none."""
        return int(self.raw.cue_steps_per_env[0]) if hasattr(self.raw, "cue_steps_per_env") else 0

    @property
    def empty_steps(self) -> int:
        """Steps between the cue and the choice, 0 where there are none."""
        return int(self.raw.empty_steps_per_env[0]) if hasattr(self.raw, "empty_steps_per_env") else 0

    @property
    def phase(self) -> str:
        """What the next action meets: "cue" and "empty" swallow it, "act" does not."""
        if self.steps < self.cue_steps:
            return "cue"
        return "empty" if self.steps < self.cue_steps + self.empty_steps else "act"

    @property
    def goal(self) -> str:
        """What must be touched, e.g. "Red", "torus", "Lime cube", "Left cup"; "" where nothing is chosen."""
        raw = self.raw
        if self.row.family == "ShellGame":
            return _CUPS[int(raw.cup_with_ball_number[0])]
        if self.row.family == "RememberColor":
            return str(raw.COLOR_MAPPING[int(raw.true_color_indices[0])][0])
        if self.row.family == "RememberShape":
            return str(raw.shape_dict[int(raw.true_shape_indices[0])])
        if self.row.family == "RememberShapeAndColor":
            entry = raw.shape_color_dict[int(raw.true_shape_indices[0])]
            return f"{_PALETTE[entry['color_id']]} {entry['shape']}"
        return ""

    def _observation(self, raw: dict[str, Any]) -> Observation:
        proprio = proprioception(raw["extra"]["tcp_pose"][0].cpu().numpy(), raw["agent"]["qpos"][0].cpu().numpy())
        image = np.zeros((len(MIKASA.cameras), MIKASA.picture_size, MIKASA.picture_size, 3), np.uint8)  # (2, H, W, 3)
        if self.rendering:
            sensors = raw["sensor_data"] if self.backend == "gpu" else self.raw._get_obs_sensor_data()
            for index, camera in enumerate(MIKASA.cameras):
                image[index] = sensors[camera]["rgb"][0].cpu().numpy()
        return {"image": image, "proprio": proprio}

    def _info(self, *, success: bool, executed: int) -> Info:
        return {
            "instruction": self._instruction,
            "success": success,
            "steps": self.steps,
            "executed": executed,
            "phase": self.phase,
            "cue_steps": self.cue_steps,
            "empty_steps": self.empty_steps,
            "goal": self.goal,
        }

    def provenance(self) -> dict[str, Any]:
        """What the pictures and the physics of this environment depend on: versions, driver, meshes, backend."""
        from muvla.sim.mikasa.vulkan import driver

        packages = {
            "mani_skill": "mani_skill",
            "sapien": "sapien",
            "mikasa": "mikasa-robo-suite",
            "torch": "torch",
        }
        found = driver("CPU" if self.backend == "cpu" else "discrete GPU")
        return {
            **{key: importlib.metadata.version(package) for key, package in packages.items()},
            "gymnasium": gymnasium.__version__,
            "backend": self.backend,
            "vulkan_driver": found.description,
            "vulkan_device": found.device,
            "light_mesh": self.light_mesh,
            "camera_mesh_sha256": camera_mesh.mesh_sha256(self.light_mesh),
            "mug": self._mug,
            **self._novelty,
        }
