"""The audit finds what is wrong in the printed tables, and only that: planted mistakes appear, repaired ones go."""

import csv
import shutil
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muvla.report.audit.averages import exact_text, half_up, mean
from muvla.report.audit.claims import changing_baselines, changing_policies, parts
from muvla.report.audit.document import audit as audit_rule
from muvla.report.audit.findings import Audit, run_audit
from muvla.report.printed import FILES, read_printed
from synthetic_records import PUBLISHED, lines_of, save

# By hand, with a calculator, from the three tables: cell -> (printed, recomputed as printed, exact to four digits).
WRONG = {
    ("table1_mikasa_23env", "Average (5 envs)", "π0.5"): ("0.46", "0.47", "0.466"),
    ("table1_mikasa_23env", "Average (7 envs)", "π0.5"): ("0.00", "0.01", "0.0142…"),
    ("table1_mikasa_23env", "Avg. over 23 environments", "π0.5"): ("0.10", "0.12", "0.1221…"),
    ("table3_libero", "OpenVLA", "Avg."): ("75.9", "76.5", "76.5"),
    ("table3_libero", "SpatialVLA", "Avg."): ("71.7", "78.1", "78.05"),
    ("table3_libero", "UniACT", "Avg."): ("76.8", "77.8", "77.75"),
    ("table3_libero", "π0-FAST", "Avg."): ("85.0", "85.5", "85.5"),
    ("table3_libero", "CogACT", "Avg."): ("93.2", "93.6", "93.55"),
    ("table3_libero", "MemoryVLA*", "Avg."): ("96.5", "96.7", "96.65"),
}


def audit(folder: Path) -> Audit:
    return run_audit([folder / f"{file}.csv" for file in FILES], folder / "claims.csv")


def write_audit(folder: Path, output: Path) -> None:
    tables = [folder / f"{file}.csv" for file in FILES]
    save(audit_rule(tables=tables, claims=folder / "claims.csv"), output)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PUBLISHED, tmp_path / "published"))


def edit(folder: Path, file: str, row: str, column: str, value: str) -> None:
    """Print another value in one cell."""
    path = folder / f"{file}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    (line,) = [line for line in lines if line[2:4] == [row, column]]
    line[4] = value
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)


def wrong(folder: Path) -> dict[tuple[str, str, str], tuple[str, str, str]]:
    return {
        (one.table, one.row, one.column): (one.printed, one.recomputed, exact_text(one.exact, one.printed))
        for one in audit(folder).mismatches
    }


def test_the_averages_that_were_found_by_hand_and_no_other() -> None:
    found = audit(PUBLISHED)
    assert len(found.averages) == 44 + 6 + 13
    assert wrong(PUBLISHED) == WRONG
    assert not any(one.rounding_explains for one in found.mismatches)
    assert {exact_text(one.hidden, one.printed) for one in found.mismatches if one.table == "table3_libero"} == {
        "73.5",
        "46.3",
        "73.0",
        "83.0",
        "91.8",
        "95.9",
    }


@pytest.mark.parametrize(
    ("file", "row", "column", "value"),
    [
        ("table_mikasa", "Average (11 envs)", "K=2 (Ours)", "0.24"),
        ("table_mikasa", "Avg. over 23 environments", "EMA (Ours)", "0.20"),
        ("table_memory_vlas", "CronusVLA", "Avg.", "0.14"),  # what rounding half to even gives
        ("table_libero", "Octo", "Avg.", "75.0"),
    ],
)
def test_a_planted_average_is_found(copy: Path, file: str, row: str, column: str, value: str) -> None:
    edit(copy, file, row, column, value)
    assert wrong(copy).keys() - WRONG.keys() == {(read_printed(copy / f"{file}.csv").name, row, column)}


@pytest.mark.parametrize("place", WRONG)
def test_a_repaired_average_is_gone(copy: Path, place: tuple[str, str, str]) -> None:
    table, row, column = place
    file = next(file for file in FILES if read_printed(PUBLISHED / f"{file}.csv").name == table)
    edit(copy, file, row, column, WRONG[place][1])
    assert wrong(copy).keys() == WRONG.keys() - {place}


def test_a_changed_cell_changes_every_average_that_counts_it(copy: Path) -> None:
    edit(copy, "table_mikasa", "RememberColor3", "K=2 (Ours)", "0.02")
    found = {place[1:] for place in wrong(copy).keys() - WRONG.keys()}
    assert found == {("Average (11 envs)", "K=2 (Ours)"), ("Avg. over 23 environments", "K=2 (Ours)")}


def test_a_row_of_two_models_is_named_and_goes_when_it_is_one(copy: Path) -> None:
    (mix,) = audit(copy).mixed
    assert (mix.model, mix.nearest, mix.nearest_average, mix.printed_average) == (
        "μVLA (ours)",
        "K=2 (Ours)",
        "0.68",
        "0.71",
    )
    assert mix.nearest_mean == Fraction("0.6825")
    assert mix.sources["InterceptMedium"] == ("EMA full mask (Ours)",)
    edit(copy, "table_memory_vlas", "μVLA (ours)", "InterceptMedium", "0.47")
    assert audit(copy).mixed == []


def test_contradictions_between_tables_follow_the_cells(copy: Path) -> None:
    found = audit(copy).disagreements
    assert [(two.model, two.task, two.first[1], two.second[1]) for two in found] == [
        ("OpenVLA-OFT", "InterceptMedium", "0.36", "0.14"),
        ("OpenVLA-OFT", "RememberColor3", "0.00", "0.59"),
        ("OpenVLA-OFT", "RememberColor5", "0.04", "0.16"),
        ("OpenVLA-OFT", "RememberColor9", "0.03", "0.06"),
    ]
    edit(copy, "table_memory_vlas", "OpenVLA-OFT", "RememberColor3", "0.00")
    assert len(audit(copy).disagreements) == 3


def test_claims_are_traced_to_their_cells_and_compared_like_for_like(copy: Path) -> None:
    found = audit(copy)
    training, matched, libero = found.claims
    assert training.used == {"baseline": ("OpenVLA-OFT",), "ours": ("K=2 (Ours)",)}
    assert matched.used == {"baseline": ("OpenVLA-OFT†",), "ours": ("K=2 (Ours)",)}
    assert [one.values for one in training.comparisons] == [("0.42", "0.84"), ("0.48", "0.84")]
    assert [one.values for one in matched.comparisons] == [("0.01", "0.23"), ("0.07", "0.23")]
    (one,) = libero.comparisons
    assert (one.baseline, one.values, one.difference) == ("OpenVLA-OFT", ("97.1", "96.2"), Fraction("-0.9"))
    assert one.parts["Spatial"] == Fraction("-4.6")
    assert set(changing_baselines(found.claims)) == {"training tasks", "matched memory semantics"}
    assert changing_policies(found.claims)["LIBERO"] == ("m64_k8",)
    # With one baseline printing both numbers nothing changes between the claims.
    edit(copy, "table_mikasa", "Average (11 envs)", "OpenVLA-OFT", "0.07")
    assert changing_baselines(audit(copy).claims) == {}


def test_a_claim_whose_number_nobody_prints_says_so(copy: Path, tmp_path: Path) -> None:
    text = (copy / "claims.csv").read_text("utf-8")
    (copy / "claims.csv").write_text(text.replace("96.2,table3", "96.3,table3"), "utf-8")
    write_audit(copy, tmp_path / "audit")
    assert "96.3, the authors' model, is printed for no such model" in (tmp_path / "audit.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("baseline", "rival", 1), "claims.csv, line 2: the table is"),
        (lambda text: text.replace("Avg.", "Mean"), "table3_libero has no row or column 'Mean'"),
        (lambda text: text.replace("role", "part", 1), "claims.csv: the columns are"),
    ],
)
def test_damaged_claims_are_refused(copy: Path, tmp_path: Path, change: Callable[[str], str], told: str) -> None:
    (copy / "claims.csv").write_text(change((copy / "claims.csv").read_text("utf-8")), "utf-8")
    with pytest.raises(ValueError, match=told):
        write_audit(copy, tmp_path / "audit")
    assert not list(tmp_path.glob("audit.*"))


def test_the_report_has_every_finding_in_every_format_and_twice_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_audit(PUBLISHED, tmp_path / name)
    for kind in ("md", "html", "csv", "tex"):
        text = (tmp_path / f"one.{kind}").read_text("utf-8")
        assert text == (tmp_path / f"two.{kind}").read_text("utf-8")
        assert text.count("93.55") == text.count("78.05") == 1
        assert "0.6825" in text
    lines = lines_of(tmp_path / "one.csv")
    assert {(line["table"], line["row"], line["column"]) for line in lines if line["rule"] == "average"} == WRONG.keys()
    assert sum(line["rule"] == "disagreement" for line in lines) == 4


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.sampled_from(["0.12", "3", "75.9", "0.123"]))
def test_rounding_is_half_up_at_every_digit(counts: list[int], like: str) -> None:
    value = mean(tuple(f"{count / 100:.2f}" for count in counts))
    assert value == Fraction(sum(counts), 100 * len(counts))
    digits = len(like.partition(".")[2])
    scaled = value * 10**digits
    whole = scaled.numerator // scaled.denominator
    expected = whole + (scaled - whole >= Fraction(1, 2))
    assert Decimal(half_up(value, like)) == Decimal(expected).scaleb(-digits)
    assert Decimal("0.705").quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal(half_up(Fraction(141, 200), "0.71"))


@given(st.fractions(min_value=-100, max_value=100))
def test_exact_text_is_exact_or_says_that_it_goes_on(value: Fraction) -> None:
    text = exact_text(value, "0.1")
    if text.endswith("…"):
        shown = Fraction(text[:-1])
        assert abs(shown) < abs(value) < abs(shown) + Fraction(1, 10**4)
    else:
        assert Fraction(text) == value
        assert len(text.partition(".")[2]) >= 1


def test_a_table_of_tasks_by_models_has_no_parts() -> None:
    assert parts(read_printed(PUBLISHED / "table_mikasa.csv"), "OpenVLA-OFT", "K=2 (Ours)") == {}
