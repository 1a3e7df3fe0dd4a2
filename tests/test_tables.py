"""Table 1: what was run is shown with its label and its doubts, what was not is a dash, and twice is the same
twice."""

import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from muvla.records.file import RecordsError
from muvla.report.grid import read_grid
from muvla.report.printed import read_printed
from muvla.report.prose import escape_tex
from muvla.report.published import VARIANTS, read_published
from muvla.report.runner import Contents
from muvla.report.statistics.tests import wilson
from muvla.report.tables.entry import Shape
from muvla.report.tables.table import COLUMNS, table, view_of
from muvla.report.tables.terminal import print_table
from synthetic_records import RULES, TABLE_MIKASA, cells, lines_of, marks, save, write_cell

TRUE, FALSE = [True], [False]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two columns, two environments, two controls; m64_ema has errors and too few episodes."""
    folder = tmp_path_factory.mktemp("written")
    write_cell(folder, "m64_k2", "RememberColor3", TRUE * 42 + FALSE * 8)
    write_cell(folder, "m64_k2", "RememberColor9", TRUE * 3 + FALSE * 7)
    write_cell(folder, "oft_episodic", "RememberColor3", FALSE * 33 + TRUE * 17)
    write_cell(folder, "m64_ema", "RememberColor3", [True, None, False], asked=5)
    write_cell(folder, "m64_k2", "RememberColor3", TRUE * 16 + FALSE * 34, memory="zero", control="zero")
    replanned = TRUE * 20 + FALSE * 30
    write_cell(folder, "oft_episodic", "RememberColor3", replanned, mode="receding", control="receding")
    return folder


@pytest.fixture
def records(written: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(written, tmp_path / "records"))


def made(marks: list[Path]) -> Contents:
    return table(records=marks, published=TABLE_MIKASA, environments=TABLE_MIKASA, statistics=RULES)


def make(records: Path, output: Path) -> None:
    save(made(cells(records)), output)


def rows_of(tex: str) -> dict[str, list[list[str]]]:
    """Lines of every row of the first tabular of the LaTeX source, each a list of cells, by the name in the first."""
    body = tex[tex.index(r"\midrule") : tex.index(r"\bottomrule")]
    found: dict[str, list[list[str]]] = {}
    name = ""
    for line in body.splitlines():
        if " & " in line:
            first, *cells = re.sub(r" \\\\(\*|\[.*\])?$", "", line).split(" & ")
            name = first if first and not first.startswith("{") else name
            found.setdefault(name, []).append(cells)
    return found


def test_two_runs_are_byte_identical(records: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(records, tmp_path / name)
    for suffix in (".tex", ".html", ".csv"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(
        f"{name}{suffix}" for name in ("one", "two") for suffix in (".tex", ".html", ".csv")
    )


def test_the_csv_has_one_line_a_cell_with_the_printed_value(records: Path, tmp_path: Path) -> None:
    make(records, tmp_path / "table")
    lines = lines_of(tmp_path / "table.csv")
    assert tuple(lines[0]) == COLUMNS
    found = {(line["variant"], line["row"]): line for line in lines}
    assert len(lines) == len(found) == 11 * (23 + 4)
    k2 = found["m64_k2", "RememberColor3"]
    assert (k2["episodes"], k2["successes"], k2["printed"], k2["verdict"]) == ("50", "42", "0.92", "none")
    assert (k2["group"], k2["column"]) == ("Held-out, matched memory semantics", "K=2 (Ours)")
    assert (k2["variant"], k2["environment"]) == ("m64_k2", "RememberColor3")
    assert [float(k2[name]) for name in ("mean", "low", "high")] == pytest.approx(wilson(42, 50, 0.95), abs=5e-5)
    assert found["m64_ema", "RememberColor3"]["episodes"] == "2"
    average = found["m64_k2", "Average (11 envs)"]
    assert (average["parts"], average["episodes"], average["printed"]) == ("2/11", "", "0.23")
    assert average["environment"] == average["seeds"] == ""
    assert float(average["mean"]) == pytest.approx((42 / 50 + 3 / 10) / 2)
    idle = found["pi05", "ShellGamePush"]
    assert [idle[name] for name in ("episodes", "successes", "mean", "low", "high")] == [""] * 5
    assert (idle["printed"], idle["verdict"]) == ("0.86", "not run")


def test_the_tex_shows_cells_dashes_averages_marks_and_labels(records: Path, tmp_path: Path) -> None:
    make(records, tmp_path / "table")
    tex = (tmp_path / "table.tex").read_text("utf-8")
    rows = rows_of(tex)
    assert len(rows) == 23 + 3 + 1
    assert all(len(row) == 11 for lines in rows.values() for row in lines)
    k2, ema, baseline = (list(VARIANTS).index(name) for name in ("m64_k2", "m64_ema", "oft_episodic"))
    rates, intervals, printed = rows["RememberColor3"]
    assert rates[k2] == r"\num{0.84}"
    assert r".71--.92~\,50" in intervals[k2]
    assert r"(\num{0.92})" in printed[k2]
    assert rates[ema].endswith(r"\textsuperscript{ei}")
    assert rates[0] == "--"
    assert r"(\num{0.07})" in printed[0]
    (idle,) = rows["ShellGamePush"]
    assert all(cell.startswith("-- ") and r"(\num{" in cell for cell in idle)
    assert rows["Average (11 envs)"][0][k2] == r"\num{0.57}"
    assert r"~\,2/11" in rows["Average (11 envs)"][1][k2]
    assert r"~\,1/11" in rows["Average (11 envs)"][1][baseline]
    assert len(rows["Average (5 envs)"]) == 1
    heading = tex[tex.index(r"\toprule") : tex.index(r"\midrule")]
    assert heading.count(r"mini\linebreak m=8, d=128") == 2
    assert heading.count(r"mini\linebreak m=0, d=128") == 1
    assert heading.count("not run") == 8
    caption = re.search(r"\\caption\*\{(.*)\}\n", tex)
    assert caption is not None
    for told in (
        "MINI RESULTS",
        "open loop",
        r"camera\_mesh\_sha256 abababababab",
        "bundled",
        "012345678901",
        "3.0.1",
    ):
        assert told in caption[1]
    assert tex.count("{") == tex.count("}")


def test_records_that_no_rule_named_change_no_table(records: Path) -> None:
    """Whatever lies in the folder: another variant, a control of an older checkpoint, one that begins just now."""
    named = cells(records)
    before = made(named)
    write_cell(records, "m64_k8", "RememberColor3", TRUE)
    write_cell(records, "m64_k2", "RememberColor5", TRUE)
    write_cell(records, "m64_k2", "RememberColor9", TRUE, control="old", checkpoint_sha256="e" * 64, width=999)
    (records / "m64_k2" / "RememberColor3.begun.jsonl").write_bytes(b"")
    (records / "foreign.jsonl").write_text("not a record\n")
    assert made(named) == before
    assert made(cells(records / "m64_k2")) != before


def test_controls_do_not_change_the_table(records: Path) -> None:
    assert made(marks(records)) == made(cells(records))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r"50% of a_b & {c}", r"50\% of a\_b \& \{c\}"),
        (r"#1 $x^2$ ~\n", r"\#1 \$x\textasciicircum{}2\$ \textasciitilde{}\textbackslash{}n"),
        ("π0.5†", r"$\pi$0.5\textdagger{}"),
        ("\u4e00", "?"),
    ],
)
def test_text_is_escaped_for_latex(text: str, escaped: str) -> None:
    assert escape_tex(text) == escaped


def test_text_from_provenance_is_escaped_in_both_formats(tmp_path: Path) -> None:
    simulator = {"mani_skill": "3.0.1", "driver": "100% <b>_free_</b> & {more}"}
    write_cell(tmp_path / "records", "m64_k2", "RememberColor3", TRUE, simulator=simulator)
    make(tmp_path / "records", tmp_path / "table")
    assert r"100\% \textless{}b\textgreater{}\_free\_" in (tmp_path / "table.tex").read_text("utf-8")
    html = (tmp_path / "table.html").read_text("utf-8")
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_the_html_is_well_formed_and_has_every_printed_value_in_its_own_place(records: Path, tmp_path: Path) -> None:
    make(records, tmp_path / "table")
    html = (tmp_path / "table.html").read_text("utf-8")
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag != "meta":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Reader().feed(html)
    assert not opened
    assert '0.84<small>0.71–0.92 · 50</small><span class="printed">(0.92)</span>' in html
    assert html.count('class="printed"') == 11 * 27
    assert not re.search('class="printed">[^(]', html)  # no verdict


def test_the_terminal_shows_every_run_cell_whole_at_any_width(records: Path, tmp_path: Path) -> None:
    published = read_published(TABLE_MIKASA)
    grid = read_grid(cells(records), RULES)
    view = view_of(grid, read_printed(TABLE_MIKASA), published, Shape("success rate", 100, RULES))
    for width in (60, 80, 200):
        console = Console(width=width, highlight=False, markup=False, record=True, file=io.StringIO())
        print_table(view, console)
        text = console.export_text()
        assert "…" not in text
        for told in (
            "0.84 .71-.92 50",
            "0.34 .22-.48 50",
            "0.50 .09-.91 2ei",
            "m64_ema",
            "Columns not run: pi05",
            "MINI RESULTS",
        ):
            assert told in text
        block = text[: text.index("Columns not run")]
        assert max(len(line) for line in block.splitlines()) <= width


@pytest.mark.parametrize(
    ("variant", "environment", "fields", "told"),
    [
        ("m63", "RememberColor3", {}, "unknown variant 'm63'; the table has pi05"),
        ("m64_k2", "RememberColour3", {}, "unknown environment 'RememberColour3'"),
        ("m64_k2", "RememberColor5", {"checkpoint_sha256": "e" * 64}, "differ in checkpoint_sha256"),
        ("m64_k2", "RememberColor5", {"scale": "paper"}, "differ in scale"),
        ("m64_k2", "RememberColor5", {"memory": "noise"}, "belongs into RememberColor5.noise.jsonl"),
    ],
)
def test_records_that_do_not_belong_are_named(
    records: Path, variant: str, environment: str, fields: dict[str, str], told: str
) -> None:
    write_cell(records, variant, environment, TRUE, **fields)  # type: ignore[arg-type]
    with pytest.raises(RecordsError, match=told):
        made(cells(records))


def test_a_moved_file_is_named(records: Path) -> None:
    (records / "m64_k2").rename(records / "m64_k8")
    with pytest.raises(RecordsError, match="its provenance says m64_k2, RememberColor3; move the file"):
        made(cells(records))


def test_two_files_of_one_cell_are_named(records: Path, tmp_path: Path) -> None:
    write_cell(tmp_path / "other", "m64_k2", "RememberColor3", TRUE)
    with pytest.raises(RecordsError, match="are the same cell"):
        made(cells(records, tmp_path / "other"))
