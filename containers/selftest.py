"""%test of the images: everything imports, a box falls, both simulators render. One line each; exit code 1 if not.

The simulator of paper.lock needs a GPU to start (SAPIEN 3.0.0b1 has no CPU renderer): on a machine without one its
picture is not tried, and the line says so. Its imports and its physics are tried everywhere.
"""

import importlib
import os
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("PYOPENGL_PLATFORM", os.environ["MUJOCO_GL"])
os.environ.setdefault("MS_SKIP_ASSET_DOWNLOAD_PROMPT", "1")
MODULES = (
    *("torch", "transformers", "peft", "safetensors", "tokenizers", "huggingface_hub", "hydra", "snakemake", "dvc"),
    # what is compiled against numpy, or asks for a range of it
    *("pandas", "scipy.stats", "statsmodels.api", "matplotlib.pyplot", "h5py", "numba", "cv2", "toppra", "simplejpeg"),
    *("snakemake_executor_plugin_slurm", "mplib", "fast_simplification", "pytorch_kinematics"),
    *("sapien", "mani_skill.envs", "mikasa_robo_suite.vla.memory_envs", "mujoco", "robosuite", "bddl"),
)
VERSIONS = ("torch", "transformers", "numpy", "pandas", "mani_skill", "sapien")
NEEDS_GPU = metadata.version("sapien") == "3.0.0b1"
GPU = Path("/dev/nvidiactl").exists()


def imports() -> str:
    for name in MODULES:
        importlib.import_module(name)
    return f"{len(MODULES)} modules; " + ", ".join(f"{name} {metadata.version(name)}" for name in VERSIONS)


def seen(shape: tuple[int, ...], deviation: float) -> str:
    if deviation <= 5:  # levels of 255
        raise RuntimeError("the picture is of one colour")
    return f"{shape}, standard deviation {deviation:.0f} levels"


def physics() -> str:
    import sapien
    import sapien.physx

    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])  # no renderer: this runs wherever the image runs
    builder = scene.create_actor_builder()
    builder.set_initial_pose(sapien.Pose([0, 0, -1]))
    builder.add_box_collision(half_size=[1, 1, 1])
    builder.build_static(name="ground")
    builder = scene.create_actor_builder()
    builder.set_initial_pose(sapien.Pose([0, 0, 0.5]))
    builder.add_box_collision(half_size=[0.1, 0.1, 0.1])
    box = builder.build(name="box")
    for _ in range(200):
        scene.step()
    height = float(box.pose.p[2])
    if abs(height - 0.1) > 0.005:
        raise RuntimeError(f"a box of half size 0.1 m came to rest {height:.3f} m above the ground")
    return f"a box of half size 0.1 m rests {height:.3f} m above the ground"


def mikasa() -> str:
    if NEEDS_GPU and not GPU:
        return "not tried, no GPU here (SAPIEN 3.0.0b1 renders on GPUs only)"
    import gymnasium
    import mani_skill.envs  # noqa: F401 (registers)
    import mikasa_robo_suite.vla.memory_envs  # noqa: F401 (registers)

    backends = {} if NEEDS_GPU else {"sim_backend": "physx_cpu", "render_backend": "sapien_cpu"}
    environment = gymnasium.make("RememberColor3-VLA-v0", obs_mode="rgb", num_envs=1, **backends)
    observation, _ = environment.reset(seed=1)
    picture = observation["sensor_data"]["base_camera"]["rgb"].float()
    environment.close()
    return seen(tuple(picture.shape), float(picture.std()))


def mujoco() -> str:
    import mujoco

    world = "<light pos='0 0 3'/><geom type='box' size='.3 .3 .3' rgba='1 0 0 1'/>"
    model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{world}</worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, 64, 64) as renderer:
        renderer.update_scene(data)
        picture = renderer.render()
    return seen(picture.shape, float(picture.std()))


def main() -> int:
    os.environ["HOME"] = tempfile.mkdtemp()  # nothing of the user's, nothing left behind
    failed = False
    for part in (imports, physics, mikasa, mujoco):
        try:
            line = part()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what the test reports)
            failed, line = True, f"FAILED, {type(error).__name__}: {error}"
        print(f"selftest: {part.__name__}: {line}", flush=True)
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
