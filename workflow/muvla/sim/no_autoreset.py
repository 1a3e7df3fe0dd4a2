"""Vectors of environments without automatic reset, for gymnasium 1.x and the paper's 0.29.1 (spec 0).

gymnasium 1.x has AutoresetMode.DISABLED and a reset mask. 0.29.1 has neither: it resets truncated slots without a seed,
and every slot at once. There each environment is wrapped so that it behaves as in 1.x.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import vector

from muvla.sim.contract import Info, Observation, Simulator

BUILT_IN = hasattr(vector, "AutoresetMode")
ARGUMENTS: dict[str, Any] = {"autoreset_mode": vector.AutoresetMode.DISABLED} if BUILT_IN else {}
_TRUNCATED = "hidden_truncation"


class ResetByMask(gymnasium.Env[Observation, np.ndarray]):
    """Skip resets whose mask excludes this `slot`, and hide truncation from gymnasium.

    env: one of ours, whose terminated is always False.
    """

    def __init__(self, env: Simulator, slot: int) -> None:
        self.env, self.slot = env, slot
        self.observation_space, self.action_space = env.observation_space, env.action_space
        assert isinstance(env.observation_space, gymnasium.spaces.Dict)
        spaces = env.observation_space.items()
        self._last = {name: np.zeros(space.shape or (), space.dtype) for name, space in spaces}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Reset the environment if options["reset_mask"] (slots,) bool includes this slot."""
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        if mask is not None and not mask[self.slot]:
            return self._last, {}
        self._last, info = self.env.reset(seed=seed, options=options)
        return self._last, info

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, Info]:
        """Step the environment; truncation travels in info, from where return_truncation() takes it."""
        self._last, reward, terminated, truncated, info = self.env.step(action)
        return self._last, reward, terminated, False, {**info, _TRUNCATED: truncated}

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def __getattr__(self, name: str) -> Any:
        """Hand over what the vector's call() asks for, such as provenance."""
        return getattr(self.env, name)


def without_autoreset(env: Simulator, slot: int) -> gymnasium.Env[Observation, np.ndarray]:
    """Wrap `env` where gymnasium would reset it automatically."""
    return env if BUILT_IN else ResetByMask(env, slot)


def return_truncation(answer: Any) -> Any:
    """Move the truncation (slots,) bool from info to its place in the answer of a vector's step_wait()."""
    if BUILT_IN:
        return answer
    observation, reward, terminated, _, info = answer
    truncated = info.pop(_TRUNCATED)
    del info["_" + _TRUNCATED]
    return observation, reward, terminated, truncated.astype(bool), info
