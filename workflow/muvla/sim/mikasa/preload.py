"""Imported by the server that simulator processes are forked from, so that each of them starts with this done."""

import gc

import mani_skill.envs  # noqa: F401
import mikasa_robo_suite.vla.memory_envs  # noqa: F401

import muvla.sim.mikasa.env  # noqa: F401

# mani_skill collects garbage whenever it builds a scene: not among these, whose pages the processes share.
gc.freeze()
