"""A policy that acts: interventions on its memory, and several environments at once."""

from pathlib import Path

import numpy as np
import pytest

from made_up import INSTRUCTION, write_checkpoint
from muvla.evaluate.policy import Policy
from muvla.model.architecture import MemorySettings


def looked(policy: Policy, steps: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    slots = len(policy.forwards)
    answers = []
    for t in range(steps):
        images = rng.integers(0, 256, (slots, 2, 32, 32, 3), dtype=np.uint8)
        proprio = rng.normal(size=(slots, 7)).astype(np.float32)
        first, active = np.full(slots, t == 0), np.ones(slots, bool)
        answers.append(policy.act(images, proprio, [INSTRUCTION] * slots, first, active))
    return answers


def test_interventions_change_what_is_read(folder: Path) -> None:
    answers = {
        name: looked(Policy(folder, slots=1, memory=name), 3) for name in ("active", "zero", "noise", "freeze_first")
    }
    assert not np.allclose(answers["active"][0], answers["zero"][0])
    assert not np.allclose(answers["active"][0], answers["noise"][0])
    # frozen after the first forward: the second reads the same memory, the third does not
    assert np.allclose(answers["active"][1], answers["freeze_first"][1])
    assert not np.allclose(answers["active"][2], answers["freeze_first"][2])


def test_slots_do_not_touch_each_other(folder: Path) -> None:
    together, alone = Policy(folder, slots=2), Policy(folder, slots=1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 2, 2, 32, 32, 3), dtype=np.uint8)
    proprio = rng.normal(size=(3, 2, 7)).astype(np.float32)
    first = [np.array([True, True]), np.array([False, False]), np.array([True, False])]  # slot 0 begins anew
    active = [np.array([True, True]), np.array([False, True]), np.array([True, True])]  # and sits out once
    for t in range(3):
        answer = together.act(images[t], proprio[t], [INSTRUCTION] * 2, first[t], active[t])
        own = alone.act(images[t, 1:], proprio[t, 1:], [INSTRUCTION], first[t][1:], active[t][1:])
        np.testing.assert_allclose(answer[1], own[0], atol=1e-5)
        assert (answer[0] == 0).all() == (not active[t][0])
    assert together.forwards.tolist() == [1, 3]
    assert together.memory_updates.tolist() == [1, 3]


def test_a_memoryless_policy_has_no_memory_to_intervene_in(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "oft", MemorySettings())
    with pytest.raises(ValueError, match="has no memory"):
        Policy(folder, slots=1, memory="zero")
