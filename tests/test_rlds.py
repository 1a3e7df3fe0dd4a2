"""Demonstrations on disk: written and read back, and other writers' sets read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muvla.data.episode import Episode, dataset_name, environment_name
from muvla.data.rlds.dataset import RldsDataset, write_dataset
from muvla.data.rlds.example import decode_example, encode_example
from muvla.data.rlds.tfrecord import index_records
from synthetic_episodes import NAME, make_counterfactual, make_episode, make_scene

GOLDEN = Path(__file__).parent / "golden" / "rlds"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "golden" / "rlds"
MIKASA_SETS = ("remember_color_3_vla_v0", "shell_game_push_vla_v0")


def assert_same(left: Episode, right: Episode) -> None:
    assert (left.environment, left.instruction, left.file_path) == (
        right.environment,
        right.instruction,
        right.file_path,
    )
    for name in ("images", "proprio", "actions"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@pytest.mark.parametrize("shards", [1, 2, 3, 9])
def test_order_and_content_survive_any_number_of_shards(tmp_path, shards):
    episodes = [make_episode(seed, frames=2 + seed % 4) for seed in range(5)]
    directory = write_dataset(tmp_path, NAME, iter(episodes), shards=shards)
    dataset = RldsDataset(directory)
    assert len(dataset) == 5
    assert dataset.environment == "RememberColor3"
    assert dataset.counterfactuals is None
    assert len(list(directory.glob("*.tfrecord-*"))) == min(shards, 5)
    for index in (3, 0, 4, 2, 1):
        assert_same(dataset[index], episodes[index])
        proprio, actions = dataset.motion(index)
        np.testing.assert_array_equal(proprio, episodes[index].proprio)
        np.testing.assert_array_equal(actions, episodes[index].actions)
        assert dataset.instruction(index) == episodes[index].instruction
    assert [len(episode) for episode in dataset] == [len(episode) for episode in episodes]


def test_same_episodes_give_the_same_bytes(tmp_path):
    written = [
        write_dataset(
            tmp_path / run,
            NAME,
            map(make_episode, range(3)),
            shards=2,
            counterfactuals=map(make_counterfactual, range(3)),
            scenes=map(make_scene, range(3)),
        )
        for run in ("a", "b")
    ]
    files = [sorted(path.name for path in directory.iterdir()) for directory in written]
    assert files[0] == files[1]
    assert len(files[0]) == 6
    for name in files[0]:
        assert (written[0] / name).read_bytes() == (written[1] / name).read_bytes(), name


def test_an_existing_set_is_kept_unless_told_otherwise(tmp_path):
    directory = write_dataset(tmp_path, NAME, [make_episode(0)])
    with pytest.raises(FileExistsError, match=r"1\.0\.0"):
        write_dataset(tmp_path, NAME, [make_episode(1)])
    assert RldsDataset(directory)[0].file_path == "seed/0"
    write_dataset(tmp_path, NAME, [make_episode(1)], overwrite=True)
    assert RldsDataset(directory)[0].file_path == "seed/1"
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["1.0.0"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_nothing(tmp_path, failure):
    def stream():
        yield make_episode(0)
        raise failure

    with pytest.raises(failure):
        write_dataset(tmp_path, NAME, stream())
    assert not list((tmp_path / NAME).iterdir())
    with pytest.raises(FileNotFoundError, match="no data set in"):
        RldsDataset(tmp_path / NAME)


def test_episodes_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no episode"):
        write_dataset(tmp_path, NAME, [])
    with pytest.raises(ValueError, match="episode 1 has height"):
        write_dataset(tmp_path, NAME, [make_episode(0), make_episode(1, size=9)])
    with pytest.raises(ValueError, match="proprio width 6"):
        write_dataset(tmp_path, NAME, [make_episode(0, proprio=6)])
    with pytest.raises(ValueError, match="same number of frames"):
        Episode(**{**vars(make_episode(0)), "proprio": np.zeros((3, 7), np.float32)})


@settings(max_examples=60)
@given(
    blobs=st.lists(st.binary(max_size=40), max_size=5),
    floats=st.lists(st.floats(width=32, allow_nan=False), max_size=9),
    integers=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9),
)
def test_messages_round_trip(blobs, floats, integers):
    fields = {"a/b": blobs, "f": np.array(floats, np.float32), "i": np.array(integers, np.int64)}
    payload = encode_example(fields)
    back = decode_example(payload)
    assert back["a/b"] == blobs
    np.testing.assert_array_equal(back["f"], fields["f"])
    np.testing.assert_array_equal(back["i"], fields["i"])
    assert encode_example(dict(reversed(list(fields.items())))) == payload


@pytest.mark.parametrize(
    ("environment", "directory"),
    [
        ("RememberColor3", "remember_color_3_vla_v0"),
        ("RememberShapeAndColor3x3", "remember_shape_and_color_3x3_vla_v0"),
        ("ShellGamePush", "shell_game_push_vla_v0"),
        ("RotateLenientPosNeg", "rotate_lenient_pos_neg_vla_v0"),
    ],
)
def test_both_spellings_of_an_environment(environment, directory):
    assert dataset_name(environment) == directory
    assert environment_name(directory) == environment


def test_other_spellings():
    assert environment_name("libero_object_no_noops") == "libero_object_no_noops"
    with pytest.raises(ValueError, match="remember_color_3"):
        dataset_name("remember_color_3")


def reference(name: str) -> Path:
    """The folder of a reference data set: in the repository, or beside it."""
    for root in (GOLDEN, SHARED):
        if (root / name).is_dir():
            return root / name
    pytest.skip(f"the reference data set {name} is not in ../shared/golden/rlds")


def check_golden(name: str, proprio_key: str) -> RldsDataset:
    folder = reference(name)
    dataset = RldsDataset(folder)
    with np.load(folder.with_name(f"{name}.expected.npz"), allow_pickle=False) as expected:
        assert len(dataset) == len({key.split("/")[0] for key in expected.files})
        for index, episode in enumerate(dataset):
            np.testing.assert_array_equal(episode.images[:, 0], expected[f"{index}/image"])
            np.testing.assert_array_equal(episode.images[:, 1], expected[f"{index}/wrist_image"])
            np.testing.assert_array_equal(episode.proprio, expected[f"{index}/{proprio_key}"])
            np.testing.assert_array_equal(episode.actions, expected[f"{index}/action"])
            assert episode.instruction == str(expected[f"{index}/language_instruction"])
    return dataset


@pytest.mark.parametrize("name", MIKASA_SETS)
def test_sets_of_the_original_library_are_read(name):
    assert check_golden(name, "proprio").environment == environment_name(name)


def test_jpeg_sets_of_the_original_library_are_read():
    pytest.importorskip("simplejpeg", reason="simplejpeg is not installed: JPEG sets cannot be read")
    assert check_golden("libero_object_no_noops", "state").proprio_width == 8


@pytest.mark.parametrize("name", MIKASA_SETS)
def test_what_is_written_has_the_layout_of_the_original_library(tmp_path, name):
    original = RldsDataset(reference(name))
    shards = len(list(original.directory.glob("*.tfrecord-*")))
    written = write_dataset(tmp_path, name, original, shards=shards)
    assert sorted(path.name for path in written.iterdir()) == sorted(p.name for p in original.directory.iterdir())
    assert (written / "features.json").read_bytes() == (original.directory / "features.json").read_bytes()
    infos = [json.loads((directory / "dataset_info.json").read_text()) for directory in (written, original.directory)]
    sizes = [int(info["splits"][0].pop("numBytes")) for info in infos]
    assert infos[0] == infos[1]
    assert sizes[0] == sum(p.stat().st_size for p in written.glob("*.tfrecord-*")) - 16 * len(original)
    for index, episode in enumerate(RldsDataset(written)):
        assert_same(episode, original[index])
    theirs, ours = (
        decode_example(
            next(d.glob("*-00000-of-*")).read_bytes()[12:][: index_records(next(d.glob("*-00000-of-*")))[0].length]
        )
        for d in (original.directory, written)
    )
    assert set(theirs) == set(ours)
    for key, values in theirs.items():
        if "image" not in key:  # the same pixels, but another compressor
            np.testing.assert_array_equal(np.asarray(values), np.asarray(ours[key]), err_msg=key)
