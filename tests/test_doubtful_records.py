"""What a table does with bad records: an error that says what to do, or a mark in the cell; never a silent number."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from muvla.records.file import RecordFile, RecordsError, provenance_path
from muvla.records.mark import write_mark
from muvla.report.runner import Contents
from muvla.report.tables.table import table
from synthetic_records import RULES, TABLE_MIKASA, cells, lines_of, provenance, record, save, write_cell


def table_1(marks: list[Path]) -> Contents:
    return table(records=marks, published=TABLE_MIKASA, environments=TABLE_MIKASA, statistics=RULES)


def cell(records: Path, output: Path) -> dict[str, str]:
    """The one cell that was run, from the written csv."""
    save(table_1(cells(records)), output)
    (found,) = [line for line in lines_of(output.with_suffix(".csv")) if line["episodes"]]
    return found


def test_a_truncated_last_line_is_not_counted_and_marked(tmp_path: Path) -> None:
    path = write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, False, True])
    path.write_bytes(path.read_bytes()[:-9])
    found = cell(tmp_path / "records", tmp_path / "table")
    assert (found["episodes"], found["successes"], found["marks"]) == ("2", "1", "ix")
    assert "was cut off" in (tmp_path / "table.html").read_text("utf-8")
    assert r"\textsuperscript{ix}" in (tmp_path / "table.tex").read_text("utf-8")


def test_fewer_episodes_than_asked_are_marked(tmp_path: Path) -> None:
    write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, False], asked=50)
    found = cell(tmp_path / "records", tmp_path / "table")
    assert (found["episodes"], found["marks"]) == ("2", "i")


def test_errors_are_neither_successes_nor_failures_and_marked(tmp_path: Path) -> None:
    write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, None, False])
    found = cell(tmp_path / "records", tmp_path / "table")
    assert (found["episodes"], found["successes"], found["marks"]) == ("2", "1", "e")


def test_a_cell_answered_by_two_commits_is_marked(tmp_path: Path) -> None:
    path = write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, False])
    later = provenance(episodes=3)
    later["run"]["commit"] = "f" * 40
    with RecordFile(path, later) as file:
        file.append(record(later["settings"], 2, True))
    found = cell(tmp_path / "records", tmp_path / "table")
    assert (found["episodes"], found["marks"]) == ("3", "p")
    assert "ffffffffffff" in (tmp_path / "table.tex").read_text("utf-8")


def doubled(path: Path) -> None:
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[0])


def of_another_environment(path: Path) -> None:
    line = json.loads(path.read_text("utf-8").splitlines()[0])
    path.write_text(json.dumps({**line, "environment": "RememberColor5"}) + "\n", "utf-8")


def of_another_seed(path: Path) -> None:
    content = json.loads(provenance_path(path).read_text("utf-8"))
    content["settings"]["base_seed"] += 1
    provenance_path(path).write_text(json.dumps(content), "utf-8")


def without_provenance(path: Path) -> None:
    provenance_path(path).unlink()


def in_another_folder(path: Path) -> None:
    path.parent.rename(path.parents[1] / "m65_k2")


def of_another_name(path: Path) -> None:
    provenance_path(path).rename(provenance_path(path.with_name("libero_nowhere.jsonl")))
    path.rename(path.with_name("libero_nowhere.jsonl"))


def of_two_checkpoints(path: Path) -> None:
    write_cell(path.parents[1], "m64_k2", "RememberColor9", [True], checkpoint_sha256="e" * 64)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (doubled, "RememberColor3.jsonl, line 4: seed 4242424242 again; delete one of its two lines"),
        (of_another_environment, "environment is 'RememberColor5' where the provenance says 'RememberColor3'"),
        (of_another_seed, "is not base_seed"),
        (without_provenance, "so its settings are unknown"),
        (in_another_folder, "its provenance says m64_k2, RememberColor3"),
        (of_another_name, "its provenance says m64_k2, RememberColor3"),
        (of_two_checkpoints, "a column shows one policy; evaluate the older of the two again"),
    ],
)
def test_records_that_cannot_be_trusted_stop_the_table(
    tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    damage(write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, False, True]))
    with pytest.raises(RecordsError, match=re.escape(told)):
        table_1(cells(tmp_path / "records"))


def edited(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace('"success": false', '"success": true'), "utf-8")


def shortened(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edited, "was changed after its evaluation"),
        (shortened, "was changed after its evaluation"),
        (Path.unlink, "stands for 3 episodes in .*RememberColor3.jsonl, which is gone"),
    ],
)
def test_records_that_were_changed_after_they_were_marked_are_refused(
    tmp_path: Path, change: Callable[[Path], None], told: str
) -> None:
    path = write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, False, True])
    mark = write_mark(path)
    change(path)
    with pytest.raises(RecordsError, match=told):
        table_1([mark])


def test_a_mark_that_is_none_is_refused(tmp_path: Path) -> None:
    mark = write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True]).with_suffix(".done")
    mark.touch()
    with pytest.raises(RecordsError, match="is not a mark of finished records"):
        table_1([mark])
