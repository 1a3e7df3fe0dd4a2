"""A vector of simulators resets nothing by itself, whichever gymnasium is installed: 1.x, or the paper's 0.29.1."""

import gymnasium
import numpy as np
import pytest

from muvla.sim import no_autoreset
from muvla.sim.mikasa import vulkan as backend
from muvla.sim.mikasa.vulkan import NoPhysics, NoVulkan
from muvla.sim.vector import SimulatorVector

SLOTS = 2


class Counter(gymnasium.Env):
    """Shows its seed and its steps; is over after two."""

    observation_space = gymnasium.spaces.Dict(seen=gymnasium.spaces.Box(0, 99, (2,), np.float32))
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    seed = steps = 0

    def _look(self):
        return {"seen": np.array([self.seed, self.steps], np.float32)}, {"success": False, "steps": self.steps}

    def reset(self, *, seed=None, options=None):
        if seed is None:
            raise ValueError("a reset that nobody asked for")
        self.seed, self.steps = seed, 0
        return self._look()

    def step(self, action):
        self.steps += 1
        observation, info = self._look()
        return observation, 0.0, False, self.steps >= 2, info

    def provenance(self):
        return "a counter"


@pytest.mark.parametrize("built_in", [True, False], ids=["gymnasium's", "by hand"])
def test_nothing_resets_by_itself(built_in, monkeypatch):
    if built_in and not no_autoreset.BUILT_IN:
        pytest.skip("this gymnasium resets by itself")
    monkeypatch.setattr(no_autoreset, "BUILT_IN", built_in)
    makers = [lambda slot=slot: no_autoreset.without_autoreset(Counter(), slot) for slot in range(SLOTS)]
    vector = SimulatorVector(
        makers, check="", shared_memory=True, context="fork", **(no_autoreset.ARGUMENTS if built_in else {})
    )
    try:
        vector.reset(seed=[5, 6])
        still = np.zeros((SLOTS, 1), np.float32)
        assert vector.step(still)[3].tolist() == [False, False]
        observation, _, terminated, truncated, info = vector.step(still)
        assert truncated.tolist() == [True, True]
        assert not terminated.any()
        assert observation["seen"].tolist() == [[5, 2], [6, 2]]
        assert sorted(name for name in info if not name.startswith("_")) == ["steps", "success"]
        observation, info = vector.reset(seed=[7, 8], options={"reset_mask": np.array([False, True])})
        assert observation["seen"].tolist() == [[5, 2], [8, 0]]
        assert info["_steps"].tolist() == [False, True]
        assert vector.step(still)[3].tolist() == [True, False]
        assert vector.call("provenance") == ("a counter", "a counter")
    finally:
        vector.close()


def test_the_papers_sapien_is_refused_on_a_cpu(monkeypatch):
    monkeypatch.setattr(backend.importlib.metadata, "version", lambda name: {"sapien": backend.GPU_ONLY}[name])
    with pytest.raises(NoVulkan, match=r"3\.0\.0b1 .* renders on GPUs only: use backend=gpu"):
        backend.require_backend("cpu")


def test_physx_for_gpus_is_not_downloaded_in_the_middle_of_a_run(monkeypatch, tmp_path):
    import sapien.physx
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("HOME", str(tmp_path))
    place = tmp_path / ".sapien/physx" / sapien.physx.version()
    with pytest.raises(NoPhysics, match=rf"{place}/libPhysXGpu_64\.so is missing: fetch it once"):
        backend.require_backend("gpu")
    assert not place.exists()
    place.mkdir(parents=True)
    (place / "libPhysXGpu_64.so").touch()
    backend.require_backend("gpu")
