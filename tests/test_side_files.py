"""What lies beside the demonstrations: counterfactual plans and scenes, written and read back."""

from __future__ import annotations

import numpy as np
import pytest

from muvla.data.episode import Counterfactual
from muvla.data.rlds.dataset import RldsDataset, write_dataset
from muvla.data.scene import Scene
from synthetic_episodes import NAME, make_counterfactual, make_episode, make_scene


def test_counterfactuals_of_unequal_sizes_come_back(tmp_path):
    frames, objects = (3, 5, 2), (3, 9, 5)
    items = [make_counterfactual(seed, frames[seed], objects[seed]) for seed in range(3)]
    episodes = [make_episode(seed, frames[seed]) for seed in range(3)]
    read = RldsDataset(write_dataset(tmp_path, NAME, episodes, counterfactuals=items, shards=2)).counterfactuals
    assert read is not None
    assert len(read) == 3
    for item, back in zip(items, read, strict=True):
        for name in ("seed", "success", "cue_steps", "empty_steps", "target", "names"):
            assert getattr(item, name) == getattr(back, name), name
        np.testing.assert_array_equal(item.positions, back.positions)
        np.testing.assert_array_equal(item.plans_to, back.plans_to)


def test_scenes_of_unequal_sizes_come_back(tmp_path):
    frames, objects = (3, 5, 2), (3, 9, 1)
    items = [make_scene(seed, frames[seed], objects[seed]) for seed in range(3)]
    episodes = [make_episode(seed, frames[seed]) for seed in range(3)]
    dataset = RldsDataset(write_dataset(tmp_path, NAME, episodes, scenes=items))
    assert dataset.counterfactuals is None
    for index, item in enumerate(items):
        back = dataset.scenes[index]
        assert back.names == item.names
        for name in ("positions", "visible", "cameras"):
            np.testing.assert_array_equal(getattr(item, name), getattr(back, name))
    assert RldsDataset(write_dataset(tmp_path / "without", NAME, episodes)).scenes == [None] * 3


def test_foreign_scenes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="scenes of"):
        write_dataset(tmp_path, NAME, [make_episode(0, 4)], scenes=[make_scene(0, 5)])
    with pytest.raises(ValueError, match="do not fit"):
        Scene(**{**vars(make_scene(0)), "names": ("red cube",)})
    one = write_dataset(tmp_path / "one", NAME, [make_episode(0)], scenes=[make_scene(0)])
    two = write_dataset(tmp_path / "two", NAME, map(make_episode, range(2)))
    for content in (one / "scenes.npz").read_bytes(), (one / "scenes.npz").read_bytes()[:-40]:
        (two / "scenes.npz").write_bytes(content)
        with pytest.raises(ValueError, match="cannot be used"):
            assert RldsDataset(two).scenes


def test_a_camera_looking_down_puts_what_is_in_front_of_it_into_the_middle(tmp_path):
    down = np.array([[0.5, 0, -0.5, 0.5], [0, -0.5, -0.5, 0.5], [0, 0, -1, 1]], np.float32)  # from 1 m up, 90 degrees
    positions = np.array([[[0, 0, 0], [1, 1, 0], [0, 0, 3]]], np.float32)
    seen = Scene(("a", "b", "c"), positions, np.ones((1, 3), bool), down[None, None]).projected()
    np.testing.assert_allclose(seen[0, 0, :2], [[0.5, 0.5, 1], [1, 0, 1]])
    assert seen[0, 0, 2, 2] < 0  # behind it


def test_counterfactuals_may_be_gathered_while_the_episodes_stream(tmp_path):
    gathered: list[Counterfactual] = []

    def stream():
        for seed in range(3):
            gathered.append(make_counterfactual(seed))
            yield make_episode(seed)

    read = RldsDataset(write_dataset(tmp_path, NAME, stream(), counterfactuals=gathered)).counterfactuals
    assert read is not None
    assert [item.seed for item in read] == [0, 1, 2]


def test_foreign_counterfactuals_are_refused(tmp_path):
    with pytest.raises(ValueError, match="counterfactuals of"):
        write_dataset(tmp_path, NAME, [make_episode(0, 4)], counterfactuals=[make_counterfactual(0, 5)])
    with pytest.raises(ValueError, match="do not fit"):
        Counterfactual(**{**vars(make_counterfactual(0)), "target": 3})
    one = write_dataset(tmp_path / "one", NAME, [make_episode(0)], counterfactuals=[make_counterfactual(0)])
    two = write_dataset(tmp_path / "two", NAME, map(make_episode, range(2)))
    (two / "counterfactuals.npz").write_bytes((one / "counterfactuals.npz").read_bytes())
    with pytest.raises(ValueError, match="1 episodes, the records 2"):
        assert RldsDataset(two).counterfactuals
    (two / "counterfactuals.npz").write_bytes((one / "counterfactuals.npz").read_bytes()[:-40])
    with pytest.raises(ValueError, match="cannot be used"):
        assert RldsDataset(two).counterfactuals
