"""%test of the images: everything imports, both simulators render a picture. Prints one line each; exit code 1 if not.

The simulators of paper.lock need a GPU to start (SAPIEN 3.0.0b1 has no CPU renderer): there, and only there, a
renderer that finds no device is reported and not counted, unless a GPU is present.
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
MODULES = ("torch", "transformers", "peft", "safetensors", "pandas", "hydra", "snakemake", "dvc", "huggingface_hub")
CPU_RENDERERS = metadata.version("sapien") != "3.0.0b1"


def imports() -> str:
    for name in MODULES:
        importlib.import_module(name)
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "mani_skill", "sapien"))


def mikasa() -> str:
    import gymnasium
    import mani_skill.envs  # noqa: F401 (registers)
    import mikasa_robo_suite.vla.memory_envs  # noqa: F401 (registers)

    backends = {"sim_backend": "physx_cpu", "render_backend": "sapien_cpu"} if CPU_RENDERERS else {}
    environment = gymnasium.make("RememberColor3-VLA-v0", obs_mode="rgb", num_envs=1, **backends)
    observation, _ = environment.reset(seed=1)
    picture = observation["sensor_data"]["base_camera"]["rgb"].float()
    environment.close()
    return f"{tuple(picture.shape)}, standard deviation {picture.std():.0f} levels" if picture.std() > 5 else ""


def mujoco() -> str:
    import mujoco

    world = "<light pos='0 0 3'/><geom type='box' size='.3 .3 .3' rgba='1 0 0 1'/>"
    model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{world}</worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, 64, 64) as renderer:
        renderer.update_scene(data)
        picture = renderer.render()
    return f"{picture.shape}, standard deviation {picture.std():.0f} levels" if picture.std() > 5 else ""


def main() -> int:
    os.environ["HOME"] = tempfile.mkdtemp()  # nothing of the user's, nothing left behind
    failed = False
    for part in (imports, mikasa, mujoco):
        excused = part is mikasa and not CPU_RENDERERS and not Path("/dev/nvidiactl").exists()
        try:
            result = part()
            problem = "" if result else "the picture is of one colour"
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what the test reports)
            result, problem = "", f"{type(error).__name__}: {error}"
        if excused and problem:
            print(f"selftest: {part.__name__}: not tried to the end, no GPU here ({problem})")
        else:
            print(f"selftest: {part.__name__}: {result or f'FAILED, {problem}'}")
            failed = failed or bool(problem)
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
