"""The printed table: complete, and the same as the transcript it was taken from."""

import csv
import json
from pathlib import Path

import pytest

from muvla.report.published import ALL, GROUPS, VARIANTS, read_published

REPOSITORY = Path(__file__).resolve().parents[1]
CSV = REPOSITORY / "config" / "published" / "table_mikasa.csv"
TRANSCRIPT = REPOSITORY.parent / "shared" / "spec" / "published_tables.json"


def lines() -> list[dict[str, str]]:
    with CSV.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_row_has_every_column_once() -> None:
    places = [(line["row"], line["group"], line["column"]) for line in lines()]
    assert len(places) == len(set(places)) == (23 + 3 + 1) * 11
    assert {line["unit"] for line in lines()} == {"success rate"}


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


def test_every_value_is_the_printed_one() -> None:
    if not TRANSCRIPT.exists():
        pytest.skip("the transcript of the project page is not beside this clone")
    table = json.loads(TRANSCRIPT.read_text("utf-8"))["tables"]["table1_mikasa_23env"]
    assert list(VARIANTS.values()) == table["columns"]
    assert list(GROUPS.values()) == [group["group"] for group in table["groups"]]
    found = {(line["group"], line["row"], line["column"]): line["value"] for line in lines()}
    printed = {}
    for row, cells in table["rows"].items():
        group = next((g["group"] for g in table["groups"] if row in (*g["rows"], g["average_row"])), ALL)
        for column, value in cells.items():
            printed[group, row.split(" :: ")[-1], column] = value
    assert found == printed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("0.86", "n/a", 1), "line 2: the value 'n/a' is not a number"),
        (
            lambda text: text.replace("InterceptMedium,π0.5", "InterceptMedium,pi", 1),
            "no such table, column or group",
        ),
        (lambda text: "\n".join(text.splitlines()[:-1]), "no value for .'oft_first_obs', 'average:all'."),
        (lambda text: text + text.splitlines()[1] + "\n", "a second value for π0.5, ShellGamePush"),
        (lambda text: text.replace("table,group", "group,table"), "the columns are"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, change, told: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "table.csv"
    path.write_text(change(CSV.read_text("utf-8")), "utf-8")
    with pytest.raises(ValueError, match=told):
        read_published(path)
