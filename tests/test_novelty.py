"""The generalisation probes in the real simulator: longer delays, unseen colours (spec 10)."""

from muvla.sim.mikasa.env import MikasaEnv

SEED = 5


def test_fixed_phases_lengthen_the_episode():
    env = MikasaEnv("RememberColor3", phases=7, render=False)
    _, info = env.reset(seed=SEED)
    assert (info["cue_steps"], info["empty_steps"], env.max_steps) == (7, 7, 29)


def test_unseen_colours_take_the_place_of_the_first_ones():
    env = MikasaEnv("RememberColor5", unseen_colours=2, render=False)
    names = [name for name, _ in env.raw.COLOR_MAPPING.values()][:5]
    env.close()
    assert names == ["Pink", "Orange", "Blue", "Yellow", "Magenta"]
    from mani_skill.utils.registration import REGISTERED_ENVS  # which env.py has loaded

    usual = REGISTERED_ENVS["RememberColor5-VLA-v0"].cls
    assert usual.COLOR_MAPPING[0][0] == "Red", "other environments of the process keep theirs"
    assert list(env.raw.color_dict[0] * 255) == [*env.provenance()["unseen_colours"]["Pink"], 255]
