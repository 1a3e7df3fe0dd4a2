"""Vectors in which nothing resets by itself, with gymnasium 1.x and with the paper's 0.29.1 (spec 0).

gymnasium 1.x has this as AutoresetMode.DISABLED with a reset mask. The processes of 0.29.1 know neither: they reset
what is truncated, without a seed, and reset every slot. There each environment is wrapped to do as 1.x does.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import vector

BUILT_IN = hasattr(vector, "AutoresetMode")
ARGUMENTS: dict[str, Any] = {"autoreset_mode": vector.AutoresetMode.DISABLED} if BUILT_IN else {}
_ENDED = "truncated_by_hand"


class ByHand(gymnasium.Env):
    """The environment of slot number `slot`: sits out a reset whose mask leaves it out, and hides its truncation.

    env: one of ours, whose terminated is always False.
    """

    def __init__(self, env: Any, slot: int) -> None:
        self.env, self.slot = env, slot
        self.observation_space, self.action_space = env.observation_space, env.action_space
        spaces = env.observation_space.spaces.items()
        self._last = {name: np.zeros(space.shape, space.dtype) for name, space in spaces}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """As the environment's; options["reset_mask"] (slots,) bool says which slots begin an episode."""
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        if mask is not None and not mask[self.slot]:
            return self._last, {}
        self._last, info = self.env.reset(seed=seed, options=options)
        return self._last, info

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """As the environment's, but never truncated: told() puts that back."""
        self._last, reward, terminated, truncated, info = self.env.step(action)
        return self._last, reward, terminated, False, {**info, _ENDED: truncated}

    def close(self) -> None:
        """As the environment's."""
        self.env.close()

    def __getattr__(self, name: str) -> Any:
        """What the vector's call() asks for, such as provenance."""
        return getattr(self.env, name)


def by_hand(env: Any, slot: int) -> Any:
    """`env`, wrapped where gymnasium would reset it by itself."""
    return env if BUILT_IN else ByHand(env, slot)


def told(answer: Any) -> Any:
    """The answer of a vector's step_wait() with the truncation in its place, (slots,) bool."""
    if BUILT_IN:
        return answer
    observation, reward, terminated, _, info = answer
    truncated = info.pop(_ENDED)
    del info["_" + _ENDED]
    return observation, reward, terminated, truncated.astype(bool), info
