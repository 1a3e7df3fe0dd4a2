"""Damaged or incomplete demonstrations are noticed, and the error says what and where."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from muvla.data.rlds import dataset as rlds
from muvla.data.rlds.dataset import RldsDataset, write_dataset
from muvla.data.rlds.example import decode_example, encode_example
from muvla.data.rlds.pictures import decode_picture
from muvla.data.rlds.tfrecord import CorruptRecord, index_records, write_record
from muvla.data.rlds.write import encode_episode
from synthetic_episodes import NAME, make_episode


@pytest.fixture(scope="module")
def two_records(tmp_path_factory):
    directory = write_dataset(tmp_path_factory.mktemp("damage"), NAME, [make_episode(s, 2, 4) for s in range(2)])
    shard = next(directory.glob("*.tfrecord-*"))
    return directory, shard, shard.read_bytes()


@settings(max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_anywhere_is_noticed(two_records, place, flip):
    directory, shard, original = two_records
    position = int(place * len(original))
    damaged = bytearray(original)
    damaged[position] ^= flip
    shard.write_bytes(damaged)
    try:
        with pytest.raises(CorruptRecord) as caught:
            list(RldsDataset(directory))
    finally:
        shard.write_bytes(original)
    start = max(location.offset for location in index_records(shard) if location.offset <= position)
    assert caught.value.offset == start
    assert caught.value.shard == shard
    assert f"byte {start}" in str(caught.value)
    assert shard.name in str(caught.value)


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True))
def test_a_shortened_shard_is_noticed(two_records, place):
    directory, shard, original = two_records
    shard.write_bytes(original[: int(place * len(original))])
    try:
        with pytest.raises(CorruptRecord):
            RldsDataset(directory)
    finally:
        shard.write_bytes(original)


def test_a_shard_cut_after_the_index_was_built_is_noticed(two_records):
    directory, shard, original = two_records
    dataset = RldsDataset(directory)
    try:
        shard.write_bytes(original[:-9])
        assert len(dataset[0]) == 2
        with pytest.raises(CorruptRecord, match="ends inside"):
            dataset[1]
    finally:
        shard.write_bytes(original)


def replace_record(directory: Path, change) -> None:
    """Rewrite the only record with valid checksums but other contents."""
    fields = decode_example(encode_episode(make_episode(0), "proprio"))
    change(fields)
    with open(next(directory.glob("*.tfrecord-*")), "wb") as stream:
        write_record(stream, encode_example(fields))


IMAGE = "steps/observation/image"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fields: fields.pop("steps/action"), "feature steps/action is missing"),
        (lambda fields: fields.pop("steps/observation/wrist_image"), "wrist_image is missing"),
        (lambda fields: fields.pop("steps/language_instruction"), "language_instruction is missing"),
        (lambda fields: fields[IMAGE].pop(), "has 3 entries for 4 frames"),
        (
            lambda fields: fields[IMAGE].__setitem__(2, b"not a picture"),
            "image of frame 2: not a readable PNG",
        ),
        (
            lambda fields: fields[IMAGE].__setitem__(1, fields[IMAGE][1][:-60]),
            "image of frame 1: not a readable PNG",
        ),
        (
            lambda fields: fields.update({"steps/action": np.zeros(27, np.float32)}),
            "does not hold floats, 7 a frame",
        ),
        (lambda fields: fields.update({"steps/action": np.zeros(28, np.int64)}), "does not hold floats"),
        (
            lambda fields: fields.update({"steps/action": np.zeros(21, np.float32)}),
            "4 frames of proprio, 3 of actions",
        ),
    ],
)
def test_a_record_that_lacks_something_says_what_and_where(tmp_path, change, message):
    directory = write_dataset(tmp_path, NAME, [make_episode(0)])
    replace_record(directory, change)
    with pytest.raises(CorruptRecord, match=message) as caught:
        RldsDataset(directory)[0]
    assert caught.value.offset == 0
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_message_that_is_no_example_is_noticed(tmp_path):
    directory = write_dataset(tmp_path, NAME, [make_episode(0)])
    with open(next(directory.glob("*.tfrecord-*")), "wb") as stream:
        write_record(stream, b"\xff" * 20)
    with pytest.raises(CorruptRecord, match=r"tf\.train\.Example"):
        RldsDataset(directory)[0]


def test_incomplete_metadata_is_named(tmp_path):
    directory = write_dataset(tmp_path, NAME, map(make_episode, range(2)), shards=2)
    features, info = directory / "features.json", directory / "dataset_info.json"
    described = json.loads(features.read_text())
    step = described["featuresDict"]["features"]["steps"]["sequence"]["feature"]["featuresDict"]["features"]
    del step["action"]
    original = features.read_text()
    features.write_text(json.dumps(described))
    with pytest.raises(ValueError, match=r"features\.json does not describe steps"):
        RldsDataset(directory)
    features.write_text(original[:50])
    with pytest.raises(ValueError, match="not JSON"):
        RldsDataset(directory)
    features.write_text(original)
    next(directory.glob("*-00001-of-00002")).unlink()
    with pytest.raises(FileNotFoundError, match="lacks 1 of 2 shards"):
        RldsDataset(directory)
    info.write_text("{}")
    with pytest.raises(ValueError, match=r"dataset_info\.json does not describe"):
        RldsDataset(directory)


def test_a_damaged_jpeg_is_noticed():
    pytest.importorskip("simplejpeg", reason="simplejpeg is not installed: JPEG sets cannot be read")
    stream = io.BytesIO()
    picture = Image.fromarray(make_episode(0, size=32).images[0, 0])
    picture.save(stream, format="JPEG", quality=95)
    data = stream.getvalue()
    assert decode_picture(data).shape == (32, 32, 3)
    for damaged in (data[: len(data) // 2], data[:10], data[:2] + b"\xff" * 30):
        with pytest.raises(ValueError, match=r"JPEG|marker|Premature|premature|Quantization"):
            decode_picture(damaged)
    grey = io.BytesIO()
    picture.convert("L").save(grey, format="PNG")
    with pytest.raises(ValueError, match="not RGB"):
        decode_picture(grey.getvalue())


def test_damage_is_reported_and_left_out_only_when_asked(tmp_path):
    directory = write_dataset(tmp_path, NAME, [make_episode(s, 2 + s, 4) for s in range(4)], shards=2)
    shard = sorted(directory.glob("*.tfrecord-*"))[0]
    second = index_records(shard)[1]
    content = bytearray(shard.read_bytes())
    content[second.offset + 20] ^= 1
    shard.write_bytes(content)
    with pytest.raises(CorruptRecord, match=f"byte {second.offset}: the checksum of the payload"):
        RldsDataset(directory, index_folder=tmp_path)
    reported: list[CorruptRecord] = []
    dataset = RldsDataset(directory, index_folder=tmp_path, on_damage=reported.append)
    assert [(error.shard, error.offset) for error in reported] == [(shard, second.offset)]
    assert dataset.lengths == [2, 4, 5]
    assert [len(episode) for episode in dataset] == [2, 4, 5]
    with pytest.raises(CorruptRecord, match=f"byte {second.offset}"):  # the kept index does not hide it
        RldsDataset(directory, index_folder=tmp_path)


def test_a_cut_shard_keeps_its_readable_records_only_when_asked(tmp_path):
    directory = write_dataset(tmp_path, NAME, [make_episode(s, 2, 4) for s in range(3)])
    shard = next(directory.glob("*.tfrecord-*"))
    last = index_records(shard)[-1]
    shard.write_bytes(shard.read_bytes()[: last.offset + 30])
    with pytest.raises(CorruptRecord, match="truncated"):
        RldsDataset(directory, index_folder=tmp_path)
    reported: list[CorruptRecord] = []
    assert len(RldsDataset(directory, on_damage=reported.append)) == 2
    assert [error.offset for error in reported] == [last.offset]


def test_the_index_is_built_once_and_anew_when_a_shard_changes(tmp_path, monkeypatch):
    directory = write_dataset(tmp_path, NAME, [make_episode(s, 2 + s, 4) for s in range(3)])
    first = RldsDataset(directory, index_folder=tmp_path)
    (kept,) = tmp_path.glob("index_*.json")
    monkeypatch.setattr(rlds, "read_encoded", None)  # would raise if anything were read
    again = RldsDataset(directory, index_folder=tmp_path)
    assert again.lengths == first.lengths == [2, 3, 4]
    assert again.fingerprint == first.fingerprint
    monkeypatch.undo()
    kept.write_text("{")
    assert RldsDataset(directory, index_folder=tmp_path).lengths == [2, 3, 4]
    write_dataset(tmp_path, NAME, [make_episode(s, 5, 4) for s in range(2)], overwrite=True)
    assert RldsDataset(directory, index_folder=tmp_path).lengths == [5, 5]
    assert RldsDataset(directory, index_folder="/proc/nowhere").lengths == [5, 5]  # cannot be kept there
