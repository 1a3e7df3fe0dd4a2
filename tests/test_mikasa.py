"""The real simulator behind the observation contract: pictures, phases, determinism, and what is said without it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from muvla.benchmark.mikasa import MIKASA
from muvla.sim.mikasa import cup, vulkan
from muvla.sim.mikasa.env import MikasaEnv, _make_raw
from muvla.sim.vector import DeadSimulator, make_vector

SEED = 5


@pytest.fixture(scope="module")
def env():
    env = MikasaEnv("RememberColor3", actions_per_step=8)
    yield env
    env.close()


def some_actions(count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 7)).astype(np.float32)


def test_observations_follow_the_contract(env):
    observation, info = env.reset(seed=SEED)
    assert env.observation_space.contains(observation)
    assert observation["image"].shape == (2, 128, 128, 3)
    assert observation["image"].std(axis=(1, 2, 3)).min() > 10  # neither camera is blind
    x, y, z, roll, pitch, yaw, fingers = observation["proprio"]
    assert -0.3 < x < 0.3
    assert -0.3 < y < 0.3
    assert 0.1 < z < 0.6
    assert abs(roll) > 3  # the hand looks down
    assert fingers == pytest.approx(0.08)
    assert info["instruction"] == "Observe the cube's color, wait, then touch the cube of the same color."
    assert info["goal"] in ("Red", "Lime", "Blue")
    assert (info["phase"], info["steps"], info["executed"], info["success"]) == ("cue", 0, 0, False)
    assert 1 <= info["cue_steps"] <= 5
    assert 1 <= info["empty_steps"] <= 5


def test_same_seed_same_bytes(env):
    def run():
        first, _ = env.reset(seed=SEED)
        later, *_ = env.step(some_actions(8))
        return first["image"].tobytes(), later["image"].tobytes(), later["proprio"].tobytes()

    before = run()
    env.reset(seed=SEED + 1)
    env.step(some_actions(8, 1))
    assert run() == before


def test_actions_have_no_effect_until_the_choice(env):
    observations = {}
    for name, actions in (("still", np.zeros((1, 7), np.float32)), ("wild", np.ones((1, 7), np.float32))):
        env.reset(seed=SEED)
        observations[name], phases = [], []
        for _ in range(env.cue_steps + env.empty_steps + 2):
            phases.append(env.phase)
            observations[name].append(env.step(actions)[0])
    waits = phases.count("cue") + phases.count("empty")
    assert waits == env.cue_steps + env.empty_steps
    same = [
        a["image"].tobytes() == b["image"].tobytes() and a["proprio"].tobytes() == b["proprio"].tobytes()
        for a, b in zip(observations["still"], observations["wild"], strict=True)
    ]
    assert same == [True] * waits + [False] * 2


def test_blind_steps_equal_rendered_steps(env):
    raw = _make_raw(MIKASA.environments["RememberColor3"], "cpu", render=True, light=True)
    raw.reset(seed=SEED)
    env.reset(seed=SEED)
    waits, actions = env.cue_steps + env.empty_steps, some_actions(16)
    for number, action in enumerate(actions):
        pictures, reward, *_ = raw.step((action * (number >= waits))[None])
        if number % 8 == 7:
            blind, blind_reward, *_ = env.step(actions[number - 7 : number + 1])
            for index, camera in enumerate(("base_camera", "hand_camera")):
                rendered = pictures["sensor_data"][camera]["rgb"][0].numpy()
                np.testing.assert_array_equal(blind["image"][index], rendered)
            assert blind_reward == float(reward[0])
            assert env.raw.get_state().numpy().tobytes() == raw.get_state().numpy().tobytes()
    raw.close()


def test_an_episode_ends_by_truncation_and_then_stands_still(env):
    env.reset(seed=SEED)
    executed, truncated = [], False
    while not truncated:
        observation, _, terminated, truncated, info = env.step(np.zeros((8, 7), np.float32))
        executed.append(info["executed"])
        assert not terminated
    assert executed == [8, 8, 8, 1]
    again, *_, truncated, info = env.step(np.ones((1, 7), np.float32))
    assert (info["executed"], info["steps"], truncated) == (0, 25, True)
    np.testing.assert_array_equal(again["image"], observation["image"])


def test_fewer_rows_are_fewer_actions_and_none_sit_out(env):
    env.reset(seed=SEED)
    assert env.step(np.zeros((3, 7), np.float32))[4]["executed"] == 3
    assert env.step(np.zeros((0, 7), np.float32))[4]["executed"] == 0


@pytest.mark.parametrize("actions", [np.zeros(7), np.zeros((9, 7)), np.zeros((1, 6)), [[np.nan] * 7]])
def test_actions_that_make_no_sense_are_refused(env, actions):
    env.reset(seed=SEED)
    with pytest.raises(ValueError, match="actions"):
        env.step(actions)


def test_an_unknown_environment_is_answered_with_the_names():
    with pytest.raises(
        ValueError, match="unknown environment 'RememberColour3': did you mean RememberColor3 .*23 of MIKASA-Robo"
    ):
        MikasaEnv("RememberColour3")


def test_a_missing_mug_is_explained_and_the_stand_in_is_labelled(tmp_path, monkeypatch):
    monkeypatch.setattr("mani_skill.ASSET_DIR", tmp_path)
    with pytest.raises(cup.MissingMug, match=r"mani_skill.utils.download_asset ycb.*standin_mug=true"):
        MikasaEnv("ShellGamePush")
    env = MikasaEnv("ShellGamePush", standin_mug=True)
    observation, info = env.reset(seed=SEED)
    assert env.provenance()["mug"] == "standin"
    assert info["goal"] in ("Left cup", "Center cup", "Right cup")
    while info["phase"] == "cue":
        *_, info = env.step(np.zeros((1, 7)))
    shown, *_ = env.step(np.zeros((1, 7)))
    assert (shown["image"][0] != observation["image"][0]).any(axis=-1).mean() > 0.01  # the cups have come


def test_parallel_simulators_agree_and_a_dead_one_is_named(env):
    vector = make_vector("RememberColor3", 2, actions_per_step=8)
    try:
        observation, info = vector.reset(seed=[SEED, SEED + 1])
        alone, _ = env.reset(seed=SEED)
        np.testing.assert_array_equal(observation["image"][0], alone["image"])
        actions = [some_actions(8), np.zeros((0, 7), np.float32)]
        observation, _, terminated, _, info = vector.step(actions)
        alone, *_ = env.step(actions[0])
        np.testing.assert_array_equal(observation["image"][0], alone["image"])
        np.testing.assert_array_equal(observation["proprio"][0], alone["proprio"])
        assert info["executed"].tolist() == [8, 0]
        assert not terminated.any()
        observation, info = vector.reset(seed=[0, SEED], options={"reset_mask": np.array([False, True])})
        first, _ = env.reset(seed=SEED)
        np.testing.assert_array_equal(observation["image"][0], alone["image"])  # untouched
        np.testing.assert_array_equal(observation["image"][1], first["image"])
        vector.processes[1].kill()
        with pytest.raises(DeadSimulator, match=r"slot 1 \(exit code -9\)"):
            vector.step(actions)
    finally:
        vector.close()


def run_check(**environment):
    command = [sys.executable, "-m", "muvla.sim.mikasa.check", "--frames", "1"]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=800)


def test_no_driver_is_told_in_one_sentence(tmp_path):
    nowhere = str(tmp_path / "nowhere.json")
    result = run_check(VK_ICD_FILENAMES=nowhere, VK_DRIVER_FILES=nowhere)
    assert result.returncode == 1
    assert result.stderr.startswith("Rendering is impossible because no Vulkan driver works here")
    assert "mesa-vulkan-drivers" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_old_driver_is_told_in_one_sentence(monkeypatch):
    old = vulkan.Driver("llvmpipe", "Mesa 22.3.6 (LLVM 15.0.6)", "llvmpipe", "CPU")
    monkeypatch.setattr(vulkan, "drivers", lambda: [old])
    with pytest.raises(vulkan.NoVulkan, match=r"Mesa 22\.3\.6.*too old.*24\.3"):
        vulkan.driver.__wrapped__()


@pytest.mark.slow
def test_the_check_reports_driver_versions_and_speed():
    result = run_check()
    assert result.returncode == 0, result.stderr
    for part in ("vulkan ", "version   mani_skill 3.", "light scene", "shipped scene", "CPU ms: physics"):
        assert part in result.stdout


FIRST = [MIKASA.of_family(family)[0] for family in MIKASA.families]


@pytest.mark.slow
@pytest.mark.parametrize("name", MIKASA.environments)
def test_every_environment_of_the_table_runs(env, name):
    """Each family is looked at in one environment. The module's own keeps the renderer: a first picture takes 7 s."""
    rendered = name in FIRST
    env = MikasaEnv(name, render=rendered, standin_mug=True, actions_per_step=8)
    observation, info = env.reset(seed=SEED)
    assert env.observation_space.contains(observation)
    assert (observation["image"].std(axis=(1, 2, 3)) > 10).all() == rendered
    assert info["instruction"].endswith(".")
    assert (info["cue_steps"] > 0) == name.startswith(("ShellGame", "Remember"))
    assert (info["empty_steps"] > 0) == name.startswith("Remember")
    assert bool(info["goal"]) == (info["cue_steps"] > 0)
    truncated = False
    while not truncated:
        observation, reward, _, truncated, info = env.step(np.zeros((8, 7), np.float32))
        assert np.isfinite(reward)
    assert env.observation_space.contains(observation)
    assert info["steps"] == MIKASA.environments[name].max_steps
    env.close()
