"""The printed tables: complete, and the same as the transcript they were taken from."""

import json
from pathlib import Path

import pytest

from muvla.files import ROOT
from muvla.report.printed import is_average, read_printed
from muvla.report.published import ALL, GROUPS, METHODS, SUITES, TABLE_LIBERO, VARIANTS, read_published, variant_of
from synthetic_records import PUBLISHED, TABLE_MIKASA

CSV = TABLE_MIKASA
TRANSCRIPT = ROOT.parent / "shared" / "spec" / "published_tables.json"
SHAPES = {"table_mikasa": (27, 11), "table_memory_vlas": (6, 5), "table_libero": (13, 5)}


@pytest.mark.parametrize("file", SHAPES)
def test_every_row_has_every_column_once(file: str) -> None:
    table = read_printed(PUBLISHED / f"{file}.csv")
    assert (len(table.rows), len(table.columns)) == SHAPES[file]
    assert len(set(table.rows)) == len(table.rows)
    assert len(table.values) == len(table.rows) * len(table.columns)
    assert table.unit == ("%" if file == "table_libero" else "success rate")
    assert all("arXiv 2606.12497" in note for note in table.notes.values())
    averages = [name for name in (*table.rows, *table.columns) if is_average(name)]
    assert len(averages) == (4 if file == "table_mikasa" else 1)


@pytest.mark.parametrize("file", SHAPES)
def test_every_value_is_the_printed_one(file: str) -> None:
    if not TRANSCRIPT.exists():
        pytest.skip("the transcript of the project page is not beside this clone")
    table = read_printed(PUBLISHED / f"{file}.csv")
    transcript = json.loads(TRANSCRIPT.read_text("utf-8"))["tables"][table.name]
    assert list(table.columns) == transcript["columns"]
    printed = {
        (row.split(" :: ")[-1], column): value
        for row, cells in transcript["rows"].items()
        for column, value in cells.items()
    }
    assert table.values == printed
    assert list(table.rows) == [row.split(" :: ")[-1] for row in transcript["rows"]]
    for group in transcript.get("groups", []):
        assert table.groups[group["group"]] == (*group["rows"], group["average_row"].split(" :: ")[-1])


def test_the_groups_have_their_environments_and_the_columns_their_variants() -> None:
    published = read_published(CSV)
    assert {group: len(names) for group, names in published.environments.items()} == {
        "training": 5,
        "matched": 11,
        "novel": 7,
    }
    assert len(published.group_of) == 23
    assert len(published.values) == 27 * 11
    assert published.values["m64_k2", "average:training"] == "0.84"
    assert list(VARIANTS)[:3] == ["pi05", "oft", "oft_episodic"]
    assert [*GROUPS.values(), ALL] == list(read_printed(CSV).groups)


def test_the_rows_we_can_run_are_rows_of_the_printed_tables() -> None:
    for file in ("table_memory_vlas", "table_libero"):
        table = read_printed(PUBLISHED / f"{file}.csv")
        assert METHODS[table.name].keys() <= set(table.rows)
        assert {variant_of(table.name, row) for row in table.rows} - {None} <= set(VARIANTS)
    assert [*SUITES, "Avg."] == list(read_printed(PUBLISHED / "table_libero.csv").columns)
    assert variant_of(TABLE_LIBERO, "Octo") is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("0.86", "n/a", 1), "line 2: the value 'n/a' is not a number"),
        (lambda text: text.replace("Medium,π0.5", "Medium,pi", 1), "no value for .'ShellGamePush', 'pi'"),
        (lambda text: text.replace(",π0.5,", ",pi,"), "expected table1_mikasa_23env with the columns π0.5"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "no value for .'Avg. over 23 environments', 'OpenVLA"),
        (lambda text: text + text.splitlines()[1] + "\n", "a second value for π0.5, ShellGamePush"),
        (lambda text: text.replace("table,group", "group,table"), "the columns are"),
        (lambda text: text.replace("success rate", "%", 1), "a file holds one table in one unit"),
        (lambda text: text.replace("Average (5 envs)", "Mean"), "has 0 average rows"),
        (lambda text: text.splitlines()[0] + "\n", "holds no cell"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, change, told: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "table.csv"
    path.write_text(change(CSV.read_text("utf-8")), "utf-8")
    with pytest.raises(ValueError, match=told):
        read_published(path)
