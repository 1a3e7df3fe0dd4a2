"""The mark of a complete record file: what it is refused for, and which later changes it notices."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from muvla.records.file import RecordFile, RecordsError, provenance_path
from muvla.records.mark import marked_cells, marked_records, write_mark
from synthetic_records import provenance, record, write_cell


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def unchanged(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("outcomes", "asked", "damage", "told"),
    [
        ([True] * 30, 50, unchanged, "20 of 50 episodes have no outcome, first seed 4242424272"),
        ([True, None, False], None, unchanged, "1 of 3 episodes have no outcome, .*1 ended in an error"),
        ([True, False, None], 2, unchanged, "is not complete: 1 ended in an error"),
        ([True, False, True], 2, cut, "is not complete: its last line was cut off"),
    ],
)
def test_records_that_are_not_complete_get_no_mark(
    tmp_path: Path, outcomes: list[bool | None], asked: int | None, damage: Callable[[Path], None], told: str
) -> None:
    path = write_cell(tmp_path, "m64_k2", "RememberColor3", outcomes, asked=asked)
    damage(path)
    with pytest.raises(RecordsError, match=told):
        write_mark(path)
    assert not path.with_suffix(".done").exists()


def test_an_episode_that_was_run_again_after_an_error_counts_once(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "m64_k2", "RememberColor3", [True, False, None], control="zero")
    given = provenance(episodes=3)
    with RecordFile(path, given) as file:
        file.append(record(given["settings"], 2, True))
    assert len(path.read_text().splitlines()) == 4
    mark = write_mark(path)
    assert json.loads(mark.read_text())["episodes"] == 3
    (cell,) = marked_cells([mark])
    assert (cell.episodes, cell.successes) == (3, 2)


def edit(path: Path, **settings: object) -> None:
    content = json.loads(provenance_path(path).read_text())
    content["settings"] |= settings
    provenance_path(path).write_text(json.dumps(content))


def test_settings_that_were_edited_or_deleted_are_noticed(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "m64_k2", "RememberColor3", [True, False])
    whole = provenance_path(path).read_bytes()
    mark = write_mark(path)
    edit(path, scale="paper")
    with pytest.raises(RecordsError, match="RememberColor3.provenance.json was changed after its evaluation"):
        marked_records(mark)
    provenance_path(path).unlink()
    with pytest.raises(RecordsError, match="its settings are unknown; restore it, or delete RememberColor3.jsonl and"):
        marked_records(mark)
    assert mark.is_file()
    provenance_path(path).write_bytes(whole)
    assert marked_records(mark) == path


def test_another_run_with_the_same_settings_leaves_the_mark_valid(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "m64_k2", "RememberColor3", [True, False])
    mark = write_mark(path)
    given = provenance(episodes=2)
    given["run"]["commit"] = "f" * 40
    with RecordFile(path, given):
        pass
    assert len(json.loads(provenance_path(path).read_text())["runs"]) == 2
    assert marked_records(mark) == path


def test_a_mark_of_an_earlier_version_needs_the_provenance_only_to_be_there(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "m64_k2", "RememberColor3", [True, False])
    mark = write_mark(path)
    content = json.loads(mark.read_text())
    del content["settings_sha256"]
    mark.write_text(json.dumps(content))
    edit(path, scale="paper")
    assert marked_records(mark) == path
    provenance_path(path).unlink()
    with pytest.raises(RecordsError, match="its settings are unknown"):
        marked_records(mark)
