"""LIBERO's data: names, joint statistics with the gripper's mask, streams over four suites (spec 3.2-3.4)."""

from pathlib import Path

import numpy as np
import pytest

from muvla.benchmark.libero import LIBERO
from muvla.data.compute_statistics import compute_statistics, joint_entry
from muvla.data.episode import Episode, dataset_name, environment_name
from muvla.data.rlds.dataset import RldsDataset, write_dataset
from muvla.data.statistics import parse_statistics
from muvla.train.composed.frames import load_frames
from muvla.train.recorded.reader import Pictures, Reader
from muvla.train.recorded.streams import EpisodeStreams

SUITES = [f"libero_{name}_no_noops" for name in ("spatial", "object", "goal", "10")]
LENGTH = 6


def episode(suite: int, number: int) -> Episode:
    rng = np.random.default_rng((suite, number))
    actions = rng.uniform(-1, 1, (LENGTH, 7)).astype(np.float32)
    actions[:, 6] = np.where(np.arange(LENGTH) < 3, -1, 1)  # open, then closed, as stored
    return Episode(
        environment=SUITES[suite],
        instruction=f"pick up the bowl {suite}",
        images=np.full((LENGTH, 2, 16, 16, 3), 40 * suite, np.uint8),
        proprio=(rng.normal(size=(LENGTH, 8)) + suite).astype(np.float32),
        actions=actions,
        file_path=f"{suite}/{number}",
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for suite, name in enumerate(SUITES):
        write_dataset(tmp_path, name, [episode(suite, number) for number in range(3)])
    return tmp_path


def test_names_go_both_ways() -> None:
    for environment, dataset in (
        ("libero_object/3", "libero_object_task_3_scripted"),
        ("libero_10/0", "libero_10_task_0_scripted"),
        ("libero_object_no_noops", "libero_object_no_noops"),
        ("RememberColor3", "remember_color_3_vla_v0"),
    ):
        assert dataset_name(environment) == dataset
        assert environment_name(dataset) == environment


def test_statistics_are_joint_and_leave_the_gripper_alone(root: Path) -> None:
    datasets = [RldsDataset(root / name) for name in SUITES]
    entry = joint_entry(compute_statistics(datasets), LIBERO)
    body = entry["libero_combined"]
    assert body["action"]["mask"] == [True] * 6 + [False]
    assert (body["action"]["min"][6], body["action"]["max"][6]) == (0.0, 1.0)  # 1 open, 0 closed
    everything = np.concatenate([dataset.motion(i)[0] for dataset in datasets for i in range(3)])
    np.testing.assert_allclose(body["proprio"]["q99"], np.quantile(everything, 0.99, axis=0), rtol=1e-5)
    assert body["num_transitions"] == 4 * 3 * LENGTH


def test_streams_take_turns_over_four_suites(root: Path) -> None:
    datasets = [RldsDataset(root / name) for name in SUITES]
    statistics = parse_statistics(joint_entry(compute_statistics(datasets), LIBERO))
    streams = EpisodeStreams([d.lengths for d in datasets], slots=8, first=0, total=8, seed=0)
    reader = Reader(datasets, [statistics] * 4, Pictures(size=16, augmented=False), chunk=8)
    seen: list[int] = []
    for _ in range(40):
        steps = [streams.next_step() for _ in range(LENGTH)]
        window = reader[(steps, None)]
        assert window.is_first[0].all()  # all episodes are as long as the window
        assert not window.is_first[1:].any()
        suites = window.images[0, :, 0, 0, 0, 0] // 40
        assert (window.images[:, :, 0, 0, 0, 0] // 40 == suites).all()  # a slot stays in its episode
        assert [int(text[-1]) for text in window.instructions[0]] == suites.tolist()
        np.testing.assert_array_equal(window.actions[:, :, 0, 6], (np.arange(LENGTH) < 3)[:, None] * np.ones(8))
        assert window.proprio.shape == (LENGTH, 8, 8)
        seen.extend(suites.tolist())
    shares = np.bincount(seen, minlength=4) / len(seen)
    assert np.abs(shares - 0.25).max() < 0.1


def test_the_mini_table_of_frames_standardises_the_gripper(root: Path) -> None:
    frames = load_frames(root, SUITES[:1], image_size=16, chunk=8, held_out=0)
    assert set(frames.rows[0].labels[:, 0, :, 6].ravel().tolist()) == {0.0, 1.0}
    assert frames.rows[0].labels[0, 0, 0, 6] == 1.0  # begins open
