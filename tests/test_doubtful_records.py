"""What a table does with bad records: an error that says what to do, or a mark in the cell; never a silent number."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from muvla.records.file import RecordFile, provenance_path
from muvla.report.tables import __main__ as tables
from synthetic_records import provenance, record, write_cell

PUBLISHED = Path(__file__).resolve().parents[1] / "config" / "published" / "table_mikasa.csv"


def cell(records: Path, output: Path) -> dict[str, str]:
    """The one cell that was run, from the written csv."""
    given = ["--records", str(records), "--published", str(PUBLISHED), "--output", str(output)]
    assert tables.main(given) == 0
    with output.with_suffix(".csv").open(encoding="utf-8", newline="") as stream:
        (found,) = [line for line in csv.DictReader(stream) if line["episodes"]]
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
        file.append(record(later["question"], 2, True))
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
    content["question"]["base_seed"] += 1
    provenance_path(path).write_text(json.dumps(content), "utf-8")


def without_provenance(path: Path) -> None:
    provenance_path(path).unlink()


def of_an_unknown_variant(path: Path) -> None:
    path.parent.rename(path.parents[1] / "m65_k2")


def of_an_unknown_environment(path: Path) -> None:
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
        (without_provenance, "so nobody knows what it answers"),
        (of_an_unknown_variant, "unknown variant 'm65_k2'"),
        (of_an_unknown_environment, "unknown environment 'libero_nowhere'"),
        (of_two_checkpoints, "a column shows one policy; evaluate the older of the two again"),
    ],
)
def test_records_that_cannot_be_trusted_stop_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], told: str
) -> None:
    damage(write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, False, True]))
    given = ["--records", str(tmp_path / "records"), "--published", str(PUBLISHED)]
    assert tables.main([*given, "--output", str(tmp_path / "table")]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "table.csv").exists()
