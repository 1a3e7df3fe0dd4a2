"""MIKASA-Robo behind the simulators' contract (spec 6.1-6.4).

Letters: A actions in one call, H W picture height and width.
"""

import importlib.metadata
import os
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from muvla.benchmark.benchmark import Environment
from muvla.benchmark.mikasa import MIKASA
from muvla.sim.contract import Observation, Provenance, Ran, Simulator, SimulatorError
from muvla.sim.mikasa import cup, light_scene, novelty, shaders
from muvla.sim.mikasa.vulkan import require_backend

# Read when the renderer starts: by default it starts a thread per core in every process, and one is the cheapest
# (60 ms of CPU a step; 74 with two, 92 with none).
os.environ.setdefault("LP_NUM_THREADS", "1")

BACKENDS = {"cpu": ("physx_cpu", "sapien_cpu"), "gpu": ("gpu", "gpu")}
_PALETTE = ("Red", "Lime", "Blue")  # RememberShapeAndColor names its colours by number only
_CUPS = ("Left cup", "Center cup", "Right cup")


def roll_pitch_yaw(quaternion: np.ndarray) -> np.ndarray:
    """Return angles in radians, (3,) float32, of a quaternion (w, x, y, z), by the suite's own formula (spec 3.1)."""
    w, x, y, z = np.asarray(quaternion, np.float64) / max(float(np.linalg.norm(quaternion)), 1e-8)
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return np.array([roll, pitch, yaw], np.float32)


def proprioception(tool_pose: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Return (7,) float32 of the tool's x y z w x y z in metres (7,) and the joints (9,), fingers last (spec 3.1)."""
    parts = [tool_pose[:3], roll_pitch_yaw(tool_pose[3:]), joints[-2:].sum(keepdims=True)]
    return np.concatenate(parts).astype(np.float32)


def _make_raw(environment: Environment, backend: str, render: bool, unseen: int | None = None, *, light: bool) -> Any:
    """Construct the suite's environment directly: its gym.make would start downloads when an asset is missing."""
    from mani_skill.utils.registration import REGISTERED_ENVS

    import muvla.sim.mikasa.suite  # noqa: F401

    physics, renderer = BACKENDS[backend]
    made = novelty.recoloured(REGISTERED_ENVS[f"{environment.name}-VLA-v0"].cls, unseen)
    cameras = {"sensor_configs": shaders.light_cameras()} if light and backend == "cpu" else {}
    return (light_scene.lightened(made) if light else made)(
        num_envs=1,
        obs_mode="rgb" if render else "state_dict",
        control_mode="pd_ee_delta_pose",
        sim_backend=physics,
        render_backend=renderer,
        render_mode="rgb_array",
        reward_mode="normalized_dense",
        **cameras,
    )


class MikasaEnv(Simulator):
    """Run one MIKASA-Robo environment.

    proprio (7,): tool centre x y z in metres, roll pitch yaw in radians, sum of the two finger joints in metres.
    Actions are in [-1, 1]: translation (0.1 m), rotation, gripper (+1 open). During the cue and empty phases they have
    no effect (all 7 dims are zeroed), as in the suite's own wrapper.

    Args:
        backend: "cpu", or "gpu" for CUDA physics and rendering.
        light_mesh: draw the light scene (light_scene.py).
        standin_mug: allow the cup of cup.py where the YCB mug is not installed.
        phases: steps of the cue phase and of the empty phase; max_steps grows by 2 * phases - 10 (spec 6.3).
        unseen_colours: how many colours of RememberColor are replaced (novelty.py).
        render: False leaves the pictures black and saves their cost; the physics is the same.

    Raises:
        ValueError: an unknown environment, backend or number.
        cup.MissingMug: no mug, and no stand-in allowed.
        vulkan.NoVulkan, vulkan.NoPhysics: the backend cannot run here.
        SimulatorError: rendering fails.
    """

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
        super().__init__(environment, actions_per_step)
        if backend not in BACKENDS:
            raise ValueError(f"unknown simulator backend {backend!r}; there are: {', '.join(BACKENDS)}")
        require_backend(backend)
        novelty.require(self.row, phases, unseen_colours)
        self.backend, self.light_mesh, self.rendering = backend, light_mesh, render
        self.max_steps = novelty.lengthened(self.row.max_steps, phases)
        self._novelty = novelty.provenance(phases, unseen_colours)
        self._mug, self._assets = "", None
        if self.row.family == "ShellGame":
            self._mug, self._assets = cup.choose(environment, standin_mug)
        self._urdf = light_scene.robot_description(light_mesh)
        self._point_at_files()
        try:
            self.raw = _make_raw(self.row, backend, render, unseen_colours, light=light_mesh)
        except RuntimeError as error:
            raise SimulatorError(
                f"the simulator could not start ({error}). `python -m muvla.sim.mikasa.check` says what is missing."
            ) from error
        if phases is not None:
            self.raw.CUE_PHASE_STEPS = self.raw.EMPTY_PHASE_STEPS = [phases, phases]
        if backend == "cpu":
            # Everything of a step but the pictures: those are taken by _observation, once a call. On a GPU the suite's
            # pose commits hang on rendering every step (spec 8, P19), so nothing is skipped there.
            self.raw._get_obs_with_sensor_data = lambda info, **_: self.raw._get_obs_state_dict(info)

    def _point_at_files(self) -> None:
        """ShellGame rebuilds its scene at every reset, so class-wide paths are set whenever they may be read."""
        import mikasa_robo_suite.vla.memory_envs  # noqa: F401
        from mani_skill.agents.robots.panda.panda_wristcam import PandaWristCam

        PandaWristCam.urdf_path = str(self._urdf)
        if self._assets is not None:
            cup.read_from(self._assets)

    def _begin(self, seed: int) -> Any:
        self._point_at_files()
        raw, info = self.raw.reset(seed=seed)
        instruction = info["language_instruction"]  # a list in Rotate, whose instruction names an angle
        self.instruction = instruction if isinstance(instruction, str) else str(instruction[0])
        return raw

    def _run(self, rows: np.ndarray) -> Ran:
        executed, success = 0, False
        while executed < len(rows) and not success:
            row = rows[executed]
            action = row if self.phase == "act" else np.zeros_like(row)
            raw, reward, _, _, info = self.raw.step(np.clip(action, -1, 1)[None])
            if self.backend == "gpu":
                self.raw.render()
            executed, success = executed + 1, bool(info["success"][0])
        return Ran(raw, executed, success, float(reward[0]))

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
        if not self.rendering:
            image = np.zeros(
                (len(MIKASA.cameras), MIKASA.picture_size, MIKASA.picture_size, 3), np.uint8
            )  # (2, H, W, 3)
        elif self.backend == "cpu":
            image = self.pictures(MIKASA.cameras)
        else:
            image = np.stack([raw["sensor_data"][camera]["rgb"][0].cpu().numpy() for camera in MIKASA.cameras])
        return {"image": image, "proprio": proprio}

    def pictures(self, cameras: Sequence[str]) -> np.ndarray:
        """Render `cameras` on the CPU, fetching nothing but the colour: (cameras, H, W, 3) uint8."""
        for thing in self.raw._hidden_objects:  # goal sites, for people only
            thing.hide_visual()
        self.raw.scene.update_render(update_human_render_cameras=False)
        sensors = [self.raw.scene.sensors[camera] for camera in cameras]
        for sensor in sensors:
            sensor.capture()
        return np.stack([sensor.camera.get_picture("Color")[0][0, ..., :3].numpy() for sensor in sensors])

    def provenance(self) -> Provenance:
        """Say what pictures and physics depend on: versions, driver, meshes, backend."""
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
            "camera_mesh_sha256": light_scene.mesh_sha256(self.light_mesh),
            "mug": self._mug,
            **self._novelty,
        }
