"""What is executed in place of an expert's actions: noise, shoves and a late gripper, all of one seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from muvla.collect.demonstration import SHOVE_LOW, SHOVED, Executed, Manner

FORWARD = np.array([0.5, 0, 0, 0, 0, 0, 1], np.float32)
QUIET = Manner(noise=0.3, rotation_noise=0.0, quiet_distance=0.02, hold_steps=8)
FAR, NEAR = 0.1, 0.01  # metres to where precision matters


def executed(manner: Manner, distance: float, frames: int = 400, seed: int = 1) -> np.ndarray:
    """(frames, 7)"""
    disturbed = Executed(seed, manner)
    return np.stack([disturbed.before(FORWARD, distance) for _ in range(frames)])


def test_noise_keeps_away_from_where_precision_matters() -> None:
    assert (executed(QUIET, NEAR) == FORWARD).all()
    assert 0.2 < executed(QUIET, FAR)[:, 1].std() < 0.4


def test_shoves_come_as_often_as_asked_and_everywhere() -> None:
    found = executed(Manner(**vars(QUIET) | {"shoves": 0.04}), NEAR)
    shoved = (found[:, :3] != FORWARD[:3]).any(axis=1)
    assert 0.04 < shoved.mean() < 0.04 * SHOVED
    lengths = np.diff(np.flatnonzero(np.diff(shoved.astype(int), prepend=0, append=0)))[::2]
    assert 1 <= lengths.min() < lengths.max() <= 2 * SHOVED, "two may follow each other"
    assert (found[shoved, :3] >= SHOVE_LOW).all()
    assert (found[:, 3:] == FORWARD[3:]).all(), "neither rotation nor gripper is shoved"


def test_every_other_demonstration_is_left_alone() -> None:
    manner = Manner(0.3, 0.1, 0.02, 8, 6, 0.04, "odd")
    assert (executed(manner, FAR, seed=2) == FORWARD).all()
    assert (executed(manner, FAR, seed=3) != FORWARD).any()
    np.testing.assert_array_equal(
        executed(manner, FAR, seed=3), executed(Manner(0.3, 0.1, 0.02, 8, 6, 0.04), FAR, seed=3)
    )


@given(st.integers(0, 2**31 - 1), st.floats(0, 1), st.integers(0, 8), st.floats(0, 1))
def test_one_seed_decides_all_and_no_action_leaves_its_range(seed: int, shoves: float, lag: int, noise: float) -> None:
    manner = Manner(noise, 0.1, 0.02, 8, lag, shoves)
    first, second = (executed(manner, FAR, 20, seed) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() <= 1


def test_after_the_success_the_tool_is_carried_upwards_and_then_rests() -> None:
    disturbed = Executed(3, Manner(**vars(QUIET) | {"shoves": 1.0}))
    disturbed.succeeded()
    frames = np.stack([disturbed.after(FORWARD, held) for held in range(1, 9)])
    away = frames[:3] - FORWARD
    assert (away == away[0]).all()
    assert away[0, 2] > 0
    assert (frames[3:] == FORWARD).all()
