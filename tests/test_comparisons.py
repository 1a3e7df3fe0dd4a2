"""Two variants on the same seeds: environment by environment, corrected for all of them, and on average."""

from pathlib import Path

import pytest

from muvla.report.comparisons import comparisons
from synthetic_records import RULES, TABLE_MIKASA, cells, lines_of, save, write_cell

PAIRS = [{"first": "m64_k2", "second": "oft_episodic"}, {"first": "m64_k2", "second": "m1_k8"}]


def test_pairs_are_tested_corrected_and_averaged(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k2", "RememberColor3", [True] * 20 + [False] * 5)
    write_cell(records, "oft_episodic", "RememberColor3", [False] * 19 + [True] * 6)
    write_cell(records, "m64_k2", "TakeItBack", [True, False])
    write_cell(records, "oft_episodic", "TakeItBack", [True, False, True])  # two shared seeds
    write_cell(records, "m64_k2", "RememberColor9", [True])  # not run with the other
    for name in ("one", "two"):
        contents = comparisons(records=cells(records), published=TABLE_MIKASA, pairs=PAIRS, statistics=RULES)
        save(contents, tmp_path / name)
    lines = {(line["second"], line["environment"]): line for line in lines_of(tmp_path / "one.csv")}
    assert set(lines) == {("oft_episodic", name) for name in ("RememberColor3", "TakeItBack", "average")}
    color = lines["oft_episodic", "RememberColor3"]
    assert [color[name] for name in ("pairs", "both", "only_first", "only_second", "neither")] == [
        "25",
        "1",
        "19",
        "5",
        "0",
    ]
    assert float(color["p"]) == pytest.approx(0.00661, abs=1e-5)  # binomial, 5 or fewer of 24, doubled
    assert float(color["p_holm"]) == pytest.approx(23 * float(color["p"]), rel=1e-4)
    assert lines["oft_episodic", "TakeItBack"]["p"] == "1"
    average = lines["oft_episodic", "average"]
    assert float(average["difference"]) == pytest.approx((14 / 25 + 0) / 2)
    assert float(average["low"]) < float(average["difference"]) < float(average["high"])
    text = (tmp_path / "one.md").read_text("utf-8")
    assert "over the 2 of 23 environments" in text
    assert "m64_k2 against m1_k8" in text
    assert "No environment was run with both" in text
    for kind in ("md", "html", "tex", "csv"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
