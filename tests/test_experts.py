"""The scripted experts in the real simulator, without pictures: they succeed, wait, and can point at every object."""

import sys

import numpy as np
import pytest

from muvla.benchmark.mikasa import MIKASA
from muvla.collect.experts import __main__ as command
from muvla.collect.experts import expert_for
from muvla.collect.experts.expert import place, tool
from muvla.collect.experts.motion import towards
from muvla.collect.experts.remember import RememberExpert
from muvla.collect.experts.shell_game import SHORT, ShellGamePickExpert, ShellGamePushExpert
from muvla.sim.mikasa.env import MikasaEnv

TOUCH = 0.05  # metres: what the environments count as touching


@pytest.mark.parametrize(
    "name",
    [
        "RememberColor3",
        "RememberColor9",
        "RememberShape9",
        "RememberShapeAndColor5x3",
        "InterceptMedium",
        "TakeItBack",
        "ShellGamePush",
        "ShellGamePick",
        "InterceptGrabSlow",
        "InterceptGrabFast",
        "RotateLenientPos",
        "RotateStrictPos",
    ],
)
def test_the_expert_succeeds(name):
    env = MikasaEnv(name, render=False, standin_mug=True)
    results = [command.episode(env, seed) for seed in range(4)]
    env.close()
    assert [success for success, _, _ in results] == [True] * 4
    assert max(steps for _, steps, _ in results) < env.max_steps


def test_the_expert_touches_whichever_object_it_is_told_to():
    env = MikasaEnv("RememberColor3", render=False)
    expert = RememberExpert()
    for index in range(3):
        env.reset(seed=1)
        success, truncated = False, False
        assert expert.names(env) == ("red cube", "lime cube", "blue cube")
        assert expert.names(env)[expert.target(env)] == f"{env.goal.lower()} cube"
        while not (success or truncated):
            *_, truncated, info = env.step(expert.act_towards(env, index)[None])
            success = info["success"]
        assert np.linalg.norm(tool(env) - place(expert.actors(env)[index])) < TOUCH
        assert success == (index == expert.target(env))
    env.close()


@pytest.mark.parametrize("name", ["RememberShape5", "RememberShapeAndColor3x2"])
def test_names_and_plans_cover_every_object(name):
    env = MikasaEnv(name, render=False)
    expert = RememberExpert()
    env.reset(seed=2)
    names, target = expert.names(env), expert.target(env)
    assert len(names) == len(expert.actors(env)) == {"RememberShape5": 5, "RememberShapeAndColor3x2": 6}[name]
    assert len(set(names)) == len(names)
    assert env.goal.lower() == names[target]
    waiting = np.tile(np.array([0, 0, 0, 0, 0, 0, 1], np.float32), (len(names), 8, 1))
    np.testing.assert_array_equal(expert.plans(env), waiting)
    while env.phase != "act":
        env.step(np.zeros((1, 7)))
    plans = expert.plans(env)
    for index in range(len(names)):
        np.testing.assert_allclose(plans[index, 0], expert.act_towards(env, index), atol=1e-6)
    np.testing.assert_allclose(expert.act(env), plans[target, 0], atol=1e-6)
    env.close()


def test_the_choice_of_a_cup_begins_with_the_picture_that_shows_the_cups():
    env = MikasaEnv("ShellGamePush", render=False, standin_mug=True)
    expert = ShellGamePushExpert()
    env.reset(seed=0)  # its cue of four steps leaves the cups under the table for a fifth
    assert env.cue_steps == 4
    while env.phase != "act":
        env.step(np.zeros((1, 7)))
    for phase in ("cue", "act"):
        assert expert.phase(env) == phase
        plans = expert.plans(env)
        assert plans.shape == (3, 8, 7)
        np.testing.assert_allclose(expert.act(env), plans[expert.target(env), 0], atol=1e-6)
        assert (np.ptp(plans[:, 0, 1]) > 1) == (phase == "act")  # cups to the left and to the right
        env.step(np.zeros((1, 7)))
    env.close()


def test_the_push_slows_down_without_a_jump_and_ends_before_the_goal():
    env = MikasaEnv("ShellGamePush", render=False, standin_mug=True)
    env.reset(seed=1)
    expert, goal, rng = ShellGamePushExpert(), place(env.raw.goal_site), np.random.default_rng(0)

    def push(left):  # metres before where the cup stops
        cup = np.array([goal[0] - SHORT - left, 0, 0.05])
        return expert.action(env, cup + np.array([-0.08, 0, 0]), cup)[0]

    speeds = [push(left) for left in np.linspace(0.06, -0.06, 50)]
    assert speeds[0] > 0.7
    assert np.diff(speeds).max() <= 1e-6
    assert speeds[-25:] == [0] * 25
    for _ in range(500):
        cup = np.array([goal[0] - rng.uniform(0.04, 0.2), rng.uniform(-0.2, 0.2), 0.05])
        tcp = cup + rng.uniform((-0.2, -0.1, -0.03), (0.1, 0.1, 0.2))
        near = expert.action(env, tcp + rng.uniform(-1e-4, 1e-4, 3), cup + rng.uniform(-1e-4, 1e-4, 3))
        np.testing.assert_allclose(near, expert.action(env, tcp, cup), atol=0.05)
    env.close()


def test_moves_keep_their_direction_when_they_are_capped():
    action = towards(np.zeros(3), np.array([0.4, -0.2, 0.1]), gain=1.0, cap=0.5)
    np.testing.assert_allclose(action, [0.5, -0.25, 0.125, 0, 0, 0, 1], atol=1e-6)


def test_a_plan_that_lifts_a_cup_takes_it_along():
    env = MikasaEnv("ShellGamePick", render=False, standin_mug=True)
    expert = ShellGamePickExpert()
    env.reset(seed=2)
    right, truncated = expert.target(env), False
    while not (0.07 < place(expert.actors(env)[right])[2] < 1 or truncated):  # it stands at 0.053
        *_, truncated, _ = env.step(expert.act(env)[None])
    assert not truncated
    plans = expert.plans(env)
    np.testing.assert_allclose(plans[right, 0], expert.act(env), atol=1e-6)
    assert plans[right, 0, 2] > 0.5  # up, with all its speed
    assert np.abs(plans[right, -1, :3]).max() < plans[right, 0, 2] / 2  # nearly there: within 0.065 of the goal
    assert (plans[right, :, 6] == -1).all()
    others = np.delete(plans, right, axis=0)
    assert (others[:, 0, 6] > -1).all()  # towards the others an open hand
    env.close()


@pytest.mark.parametrize("environment", MIKASA.environments)
def test_every_environment_of_mikasa_robo_has_an_expert(environment):
    assert callable(expert_for(environment).act)


def test_an_environment_without_an_expert_is_refused():
    for name in ("libero_goal/0", "libero_90/1"):
        with pytest.raises(ValueError, match=f"no scripted expert for {name}; there are for: ShellGameTouch"):
            expert_for(name)


def test_the_command_reports_success_over_seeds(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["experts", "RememberColor3", "--seeds", "2"])
    command.main()
    assert capsys.readouterr().out.startswith("RememberColor3: 2/2 (")
