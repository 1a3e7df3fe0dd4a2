"""Demonstrations as people come by them: versions, links, read-only folders, and faults found in the first pass."""

import gzip
import json
from pathlib import Path

import pytest

from made_up import write_demonstrations
from muvla.data import compute_statistics
from muvla.data.compute_statistics import cached_statistics
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.rlds.example import decode_example, encode_example
from muvla.data.rlds.tfrecord import CorruptRecord, index_records, read_record, write_record
from muvla.files import write_json
from muvla.train.composed.frames import load_frames


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    write_demonstrations(tmp_path, episodes=2)
    return tmp_path / "remember_color_3_vla_v0"


def test_versions_are_numbers_and_what_is_none_is_said(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("1.9.0", "1.10.0", "backup"):
        (dataset / name).symlink_to(dataset / "1.0.0")
    assert RldsDataset(dataset).directory.name == "1.10.0"
    assert f"{dataset}: backup is no version and is ignored; 1.10.0 is read" in capsys.readouterr().err
    for name in ("1.9.0", "1.10.0"):
        (dataset / name).unlink()
    (dataset / "1.0.0").rename(dataset / "old")
    with pytest.raises(
        FileNotFoundError, match=r"neither it nor a version inside holds .*old is no version like 1.0.0"
    ):
        RldsDataset(dataset)


def test_a_data_set_is_called_as_its_link(dataset: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk7" / "rc3"
    elsewhere.parent.mkdir()
    dataset.rename(elsewhere)
    dataset.symlink_to(elsewhere)
    assert RldsDataset(dataset).environment == "RememberColor3"


def test_statistics_of_a_folder_that_only_others_may_write_are_computed(dataset: Path, monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(compute_statistics, "write_json", refused)  # root may write everywhere
    body = cached_statistics([RldsDataset(dataset)], dataset.parent)
    assert body["num_trajectories"] == 2
    assert not list(dataset.parent.glob("*statistics*"))


def rewrite(dataset: Path, change) -> tuple[Path, int]:
    """Change the second record; return its shard and its byte."""
    (shard,) = dataset.glob("1.0.0/*.tfrecord-*")
    payloads = [read_record(shard, location) for location in index_records(shard)]
    fields = decode_example(payloads[1])
    change(fields)
    with shard.open("wb") as stream:
        write_record(stream, payloads[0])
        place = write_record(stream, encode_example(fields)).offset
    return shard, place


@pytest.mark.parametrize("instruction", [b"", b"  \n"])
def test_an_empty_instruction_is_found_in_the_first_pass(dataset: Path, instruction: bytes) -> None:
    def emptied(fields: dict) -> None:
        fields["steps/language_instruction"] = [instruction] * len(fields["steps/language_instruction"])

    shard, place = rewrite(dataset, emptied)
    with pytest.raises(CorruptRecord, match=rf"{shard.name} at byte {place}: steps/language_instruction is empty"):
        load_frames(dataset.parent, ["RememberColor3"], image_size=16, chunk=8, held_out=1)


@pytest.mark.parametrize("size", ["-1", "0"])
def test_pictures_without_a_size_are_refused_by_the_file_that_says_so(dataset: Path, size: str) -> None:
    file = dataset / "1.0.0" / "features.json"
    described = json.loads(file.read_text())
    step = described["featuresDict"]["features"]["steps"]["sequence"]["feature"]["featuresDict"]["features"]
    for camera in ("image", "wrist_image"):
        step["observation"]["featuresDict"]["features"][camera]["image"]["shape"]["dimensions"] = [size, size, "3"]
    write_json(file, described)
    with pytest.raises(ValueError, match=r"features.json does not describe .*sizes must be fixed and at least 1"):
        RldsDataset(dataset)


def test_pointers_and_archives_are_called_what_they_are(dataset: Path) -> None:
    (shard,) = dataset.glob("1.0.0/*.tfrecord-*")
    whole = shard.read_bytes()
    shard.write_bytes(gzip.compress(whole))
    with pytest.raises(CorruptRecord, match=r"tfrecord-00000-of-00001 at byte 0: it is compressed with gzip.*gunzip"):
        RldsDataset(dataset)
    for file in (shard, dataset / "1.0.0" / "dataset_info.json"):
        file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
        with pytest.raises(ValueError, match=rf"{file.name}.* is a git-lfs pointer"):
            RldsDataset(dataset)
        shard.write_bytes(whole)
