"""LIBERO in the real simulator: the contract, what decides an episode, all tasks, experts (spec 6.6).

One environment a process: a second one spoils the first one's pictures. So what looks runs in a fresh process; what
does not look shares one.
"""

import ctypes.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fresh_process import apart, pool
from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.benchmark.libero import LIBERO, TABLE_SUITES
from muvla.collect.demonstration import Manner, demonstrate
from muvla.sim.libero.env import SETTLING, WAIT, LiberoEnv, axis_angle
from muvla.sim.simulator import preflight

GOLDEN = Path(__file__).parent / "golden" / "normalisation.npz"
OPEN = np.array([[0, 0, 0, 0, 0, 0, -1]], np.float32)


def test_names_say_what_there_is() -> None:
    assert environment_named("libero_90/89").max_steps == 400
    assert sum(len(LIBERO.of_family(name)) for name in TABLE_SUITES) == 40
    for name, told in (
        ("libero_spatial/10", "did you mean libero_spatial/1 or"),
        ("libero_colour/0", r"libero_spatial, libero_object, libero_goal"),
        ("libero_spatial", "spelt like libero_spatial/3"),
        ("RememberColour3", "did you mean RememberColor3 or"),
    ):
        with pytest.raises(ValueError, match=told):
            environment_named(name)
    with pytest.raises(ValueError, match="reset_rule is 'once'"):
        preflight("libero_object/0", {"reset_rule": "once"})
    given = {"backend": "cpu", "reset_rule": "release"}
    assert benchmark_of("libero_object/0").select_options(given) == {"reset_rule": "release"}
    assert benchmark_of("RememberColor3").select_options(given) == {"backend": "cpu"}


@pytest.fixture(scope="module")
def unseen() -> Iterator[Callable[..., Any]]:
    """Calls a function in the one process of the environments that show nothing."""
    with pool() as process:
        yield lambda function, *arguments: process.submit(function, *arguments).result()


def test_rotations_are_the_checkpoints_rotations() -> None:
    with np.load(GOLDEN) as golden:
        for quaternion, expected in zip(golden["libero_quat_xyzw"], golden["libero_axis_angle"], strict=True):
            np.testing.assert_allclose(axis_angle(quaternion), expected, atol=1e-6)


def episode_of_the_contract() -> dict[str, Any]:
    # what a cluster's scheduler sets for CUDA does not keep the CPU from drawing
    os.environ |= {"CUDA_VISIBLE_DEVICES": "GPU-5f3a2b", "MUJOCO_EGL_DEVICE_ID": "0"}
    env = LiberoEnv("libero_object/0", actions_per_step=8)
    found: dict[str, Any] = {}
    for name, arguments in (("step", (OPEN,)), ("no_seed", ())):
        try:
            env.step(*arguments) if name == "step" else env.reset()
        except (RuntimeError, ValueError) as error:
            found[name] = str(error)
    for seed in (-1, 50):
        try:
            env.reset(seed=seed)
        except ValueError as error:
            found[seed] = str(error)
    first, info = env.reset(seed=3)
    found["fits"] = env.observation_space.contains(first)
    found["spread"] = first["image"].std(axis=(1, 2, 3)).tolist()
    found["instruction"] = info["instruction"]
    looked = []
    render = env.raw.sim.render
    env.raw.sim.render = lambda *a, **k: looked.append(k["camera_name"]) or render(*a, **k)
    for actions in (np.repeat(OPEN, 8, axis=0), OPEN, np.zeros((0, 7), np.float32)):
        observation, _, terminated, truncated, info = env.step(actions)
        found.setdefault("steps", []).append((info["executed"], info["steps"], terminated, truncated))
    found["looked"] = list(looked)
    down = np.array([[0, 0, -1, 0, 0, 0, 1]] * 8, np.float32)
    before = observation["proprio"]
    for _ in range(3):
        observation, _, _, _, _ = env.step(down)
    found["moved"] = (observation["proprio"] - before).tolist()
    again, _ = env.reset(seed=3)
    found["same"] = bool((again["image"] == first["image"]).all() and (again["proprio"] == first["proprio"]).all())
    found["provenance"] = env.provenance()
    start, _ = env.reset(seed=0)
    found["pictures"] = start["image"], start["proprio"]
    env.close()
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def found(home: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in [name for name in os.environ if name.startswith("XDG_")]:
            patch.delenv(name)
        return apart(episode_of_the_contract)


@pytest.mark.slow
def test_the_contract_on_libero_object(found: dict[str, Any]) -> None:
    assert "before reset" in found["step"]
    assert "needs a seed" in found["no_seed"]
    assert "no initial state -1" in found[-1]
    assert "0 to 49" in found[50]
    assert found["fits"]
    assert min(found["spread"]) > 10
    assert found["instruction"] == "pick up the alphabet soup and place it in the basket"
    assert found["steps"] == [(8, 8, False, False), (1, 9, False, False), (0, 9, False, False)]
    assert found["looked"] == ["agentview", "robot0_eye_in_hand"] * 2  # eight actions are one look, sitting out none
    assert found["moved"][2] < -0.05
    assert abs(found["moved"][0]) < 0.02
    assert found["moved"][6] < -0.02  # +1 closes
    assert found["same"]
    assert found["provenance"]["mujoco"] == "3.8.0"
    assert found["provenance"]["renderer"]


def upstream_pictures() -> tuple[np.ndarray, np.ndarray]:
    """What the suite's own environment shows of episode 0 after the waiting steps, by its own loop."""
    from muvla.sim.libero.package import environments, stored_states, task_files

    bddl, states, _ = task_files(environment_named("libero_object/0"))
    env = environments().OffScreenRenderEnv(bddl_file_name=str(bddl), camera_heights=256, camera_widths=256)
    env.seed(0)
    env.reset()
    env.set_init_state(stored_states(states)[0])
    for _ in range(SETTLING):
        raw, _, _, _ = env.step(WAIT)
    pictures = np.stack([raw["agentview_image"], raw["robot0_eye_in_hand_image"]])[:, ::-1, ::-1]
    proprio = np.concatenate([raw["robot0_eef_pos"], axis_angle(raw["robot0_eef_quat"]), raw["robot0_gripper_qpos"]])
    return pictures.copy(), proprio.astype(np.float32)


@pytest.mark.slow
def test_nothing_is_written_to_the_home_folder(found: dict[str, Any], home: Path) -> None:
    assert list(home.iterdir()) == []


@pytest.mark.slow
def test_looking_on_demand_shows_what_upstream_shows(found: dict[str, Any]) -> None:
    """Whatever the process showed before: these are the pictures of its third reset."""
    for mine, theirs in zip(found["pictures"], apart(upstream_pictures), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def states_of(rule: str, seeds: tuple[int, ...]) -> list[bytes]:
    env = LiberoEnv("libero_spatial/0", reset_rule=rule, render=False)
    found = []
    for seed in seeds:
        env.reset(seed=seed)
        found.append(env.state().tobytes())
    env.close()
    return found


@pytest.mark.slow
def test_only_the_release_rule_depends_on_earlier_episodes(unseen: Callable[..., Any]) -> None:
    """libero_spatial has a cabinet and a stove, which every reset places anew."""
    in_order = {rule: unseen(states_of, rule, (0, 1)) for rule in ("episode", "release")}
    alone = {rule: unseen(states_of, rule, (1,)) for rule in in_order}
    assert in_order["episode"][1] == alone["episode"][0]
    assert in_order["release"][1] != alone["release"][0]
    assert in_order["episode"][0] == in_order["release"][0]  # nothing came before


def make_tasks(names: list[str]) -> list[tuple[str, int, bool]]:
    """(instruction, initial states, whether they fit) of each task, after one step from a stored state."""
    found = []
    for name in names:
        env = LiberoEnv(name, render=False)
        sim = env.raw.sim
        fits = env.states.shape[1] == 1 + sim.model.nq + sim.model.nv
        env.raw.set_init_state(env.states[-1])
        env.raw.step(WAIT)
        found.append((env.instruction, len(env.states), fits and bool(np.isfinite(env.state()).all())))
        env.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("suite", TABLE_SUITES)
def test_every_task_of_the_table_can_be_made(unseen: Callable[..., Any], suite: str) -> None:
    made = unseen(make_tasks, list(LIBERO.of_family(suite)))
    assert len({instruction for instruction, _, _ in made}) == 10
    assert all(states == 50 and fits for _, states, fits in made)


@pytest.mark.slow
def test_a_task_of_libero_90_can_be_made(unseen: Callable[..., Any]) -> None:
    ((instruction, states, fits),) = unseen(make_tasks, ["libero_90/37"])
    assert instruction
    assert states == 50
    assert fits


def demonstrated(task: str) -> tuple[bool, np.ndarray, np.ndarray, tuple[int, ...]]:
    env = LiberoEnv(task, placement="sampled", render=False)
    manner = Manner(noise=0.3, rotation_noise=0.1, quiet_distance=0.02, hold_steps=8, grip_lag=6, shoves=0.04)
    made = demonstrate(env, 1, manner)
    env.close()
    assert made.episode is not None
    return made.success, made.episode.actions, made.episode.proprio, made.episode.images.shape


@pytest.mark.slow
@pytest.mark.parametrize("task", ["libero_object/1", "libero_spatial/0", "libero_goal/6", "libero_10/0"])
def test_the_expert_picks_and_places(unseen: Callable[..., Any], task: str) -> None:
    success, actions, proprio, shape = unseen(demonstrated, task)
    assert success
    assert shape == (len(actions), 2, 256, 256, 3)
    assert proprio.shape == (len(actions), 8)
    assert np.abs(actions).max() <= 1
    assert set(actions[:, 6].tolist()) == {-1.0, 1.0}
    # Many a frame shows the open hand where it is to close: the executed gripper lags.
    assert ((actions[:, 6] > 0) & (proprio[:, 6] - proprio[:, 7] > 0.075)).sum() >= 2
    # The hand is kept upright: asked rotations undo those of noise and contact, and are never exactly zero, which
    # would hold the orientation as no policy can.
    assert actions[:, 3:6].any(axis=1).all()
    turned = proprio[:, 3:6] - proprio[0, 3:6]
    assert np.abs(turned).max() < 0.35


@pytest.mark.skipif(ctypes.util.find_library("OSMesa") is not None, reason="this machine has OSMesa")
@pytest.mark.slow
def test_without_an_opengl_library_one_sentence_says_what_to_install() -> None:
    code = "from muvla.sim.libero.env import LiberoEnv; LiberoEnv('libero_object/0')"
    environment = {**os.environ, "MUJOCO_GL": "osmesa"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "NoOpenGL: LIBERO cannot render with MUJOCO_GL=osmesa" in result.stderr
    assert "apt-get install libosmesa6" in result.stderr
