"""ManiSkill and the suite, loaded: imported where an environment is made, for it takes seconds."""

import gc

import mani_skill.envs  # noqa: F401
import mikasa_robo_suite.vla.memory_envs  # noqa: F401

# mani_skill collects garbage whenever it builds a scene, 0.1 to 0.4 s each: not among what is loaded by now, whose
# pages processes of a fork server share.
gc.freeze()
