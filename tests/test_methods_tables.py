"""Tables 2 and 3: rows that are ours to run, pooled suites, averages, verdicts; everything else is a dash."""

from pathlib import Path

import pytest

from muvla.records.file import RecordsError
from muvla.report.published import libero_tasks
from muvla.report.runner import Contents
from muvla.report.tables.table import table as make_table
from synthetic_records import PUBLISHED, RULES, TABLE_MIKASA, cells, lines_of, save, write_cell

TRUE, FALSE = [True], [False]
PAPER = {"scale": "paper", "width": 4096, "num_mem_tokens": 64}


def made(marks: list[Path], name: str) -> Contents:
    published = PUBLISHED / f"{name}.csv"
    return make_table(records=marks, published=published, environments=TABLE_MIKASA, statistics=RULES)


def make(records: Path, output: Path, table: str) -> dict[tuple[str, str], dict[str, str]]:
    """Cells of the written csv by row and column."""
    save(made(cells(records), table), output)
    return {(line["row"], line["column"]): line for line in lines_of(output.with_suffix(".csv"))}


def test_memory_table_takes_its_two_rows_from_our_variants(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k2", "RememberColor3", TRUE * 92 + FALSE * 8, **PAPER)
    write_cell(records, "m64_k2", "InterceptMedium", TRUE * 20 + FALSE * 80, **PAPER)
    write_cell(records, "oft", "RememberColor9", FALSE * 94 + TRUE * 6, scale="paper", width=4096)
    write_cell(records, "m64_k8", "RememberColor3", TRUE, **PAPER)  # not in this table
    found = make(records, tmp_path / "table", "table_memory_vlas")
    assert len(found) == 6 * 5
    ours = found["μVLA (ours)", "RememberColor3"]
    assert (ours["variant"], ours["episodes"], ours["verdict"]) == ("m64_k2", "100", "reproduced")
    assert ours["environment"] == "RememberColor3"
    assert found["μVLA (ours)", "InterceptMedium"]["verdict"] == "differs"
    assert found["μVLA (ours)", "RememberColor5"]["verdict"] == "not run"
    average = found["μVLA (ours)", "Avg."]
    assert (average["parts"], average["verdict"], average["printed"]) == ("2/4", "none", "0.71")
    assert float(average["mean"]) == pytest.approx((0.92 + 0.20) / 2)
    assert found["OpenVLA-OFT", "RememberColor9"]["verdict"] == "reproduced"
    assert {found[row, "Avg."]["verdict"] for row in ("SpatialVLA", "π0", "CronusVLA", "MemoryVLA")} == {"not run"}
    tex, html = ((tmp_path / f"table.{kind}").read_text("utf-8") for kind in ("tex", "html"))
    assert "m64\\_k8" not in tex
    assert r"=\,\num{0.92}" in tex
    assert r"$\neq$\,\num{0.56}" in tex
    assert "≠ 0.56" in html
    assert "Fisher" in tex


def test_libero_pools_the_ten_tasks_of_a_suite_and_speaks_percent(tmp_path: Path) -> None:
    records = tmp_path / "records"
    for task in libero_tasks("libero_spatial"):
        write_cell(records, "m64_k8", task, TRUE * 46 + FALSE * 4, **PAPER)
    for task in libero_tasks("libero_object")[:3]:
        write_cell(records, "m64_k8", task, TRUE * 50, **PAPER)
    # The same variant has another checkpoint on MIKASA, which is none of this table's business.
    write_cell(records, "m64_k8", "RememberColor3", TRUE, **{**PAPER, "checkpoint_sha256": "a" * 64})
    found = make(records, tmp_path / "table", "table_libero")
    assert len(found) == 13 * 5
    spatial = found["μVLA (m=64, K=8, ours)", "Spatial"]
    assert (spatial["episodes"], spatial["mean"], spatial["verdict"]) == ("500", "92.000", "reproduced")
    partial = found["μVLA (m=64, K=8, ours)", "Object"]
    assert (partial["episodes"], partial["marks"], partial["verdict"]) == ("150", "t", "inconclusive")
    assert found["μVLA (m=64, K=8, ours)", "Avg."]["parts"] == "2/4"
    assert found["μVLA (m=64, EMA, ours)", "Goal"]["verdict"] == "not run"
    assert found["Octo", "Spatial"]["mean"] == ""
    assert "tasks of the suite are missing" in (tmp_path / "table.tex").read_text("utf-8")


def test_variants_that_the_libero_table_does_not_print_have_rows_of_their_own(tmp_path: Path) -> None:
    records = tmp_path / "records"
    probe = {"probe": {"warnings": ["the pictures of libero_object differ from the golden frame's"]}}
    write_cell(records, "m64_k2", "libero_object/0", TRUE * 9 + FALSE * 11, simulator=probe)
    found = make(records, tmp_path / "table", "table_libero")
    assert len(found) == 14 * 5
    ours = found["K=2 (Ours)", "Object"]
    assert (ours["group"], ours["printed"], ours["mean"]) == ("Not in the paper's table", "", "45.000")
    assert (ours["verdict"], ours["marks"]) == ("none", "tw")
    assert "The simulator warned: the pictures of libero_object differ" in (tmp_path / "table.html").read_text("utf-8")


def test_without_records_nothing_was_run(tmp_path: Path) -> None:
    assert "Nothing was run yet" in str(made([], "table_libero")[".tex"])


def test_a_table_of_which_nothing_was_run_is_all_dashes_and_printed_values(tmp_path: Path) -> None:
    write_cell(tmp_path / "records", "m64_k2", "RememberColor3", TRUE)
    found = make(tmp_path / "records", tmp_path / "table", "table_libero")
    assert {cell["verdict"] for cell in found.values()} == {"not run"}
    assert all(cell["printed"] for cell in found.values())
    assert "Nothing was run yet" in (tmp_path / "table.html").read_text("utf-8")
    assert "Mini" not in (tmp_path / "table.html").read_text("utf-8")


def test_tasks_of_different_settings_are_not_pooled(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k8", "libero_goal/0", TRUE, **PAPER)
    write_cell(records, "m64_k8", "libero_goal/1", TRUE, **PAPER, simulator={"mujoco": "3.3.1"})
    with pytest.raises(RecordsError, match=r"counted together but have different settings: .*simulator.mujoco"):
        made(cells(records), "table_libero")
