"""A file is the old one or the new one, never a part, and nothing is left beside it."""

import json
from pathlib import Path

import pytest

from muvla.files import replacing, write_atomically, write_json


def test_a_file_is_written_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a" / "b.json", {"z": 1, "a": "π"})
    assert json.loads(path.read_text("utf-8")) == {"z": 1, "a": "π"}
    assert path.read_text("utf-8").index('"z"') < path.read_text("utf-8").index('"a"')
    assert write_atomically(path, "new").read_text("utf-8") == "new"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.json"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_stops_in_the_middle_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = write_atomically(tmp_path / "a", "old")

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_an_error_of_the_disk_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match=r"cannot write .*/taken: .*choose another folder"):
        write_atomically(tmp_path / "taken", "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
