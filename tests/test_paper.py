"""The report: its numbers are those of the files, twice is the same twice, and LaTeX may be missing."""

import csv
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muvla.report import paired
from muvla.report.audit import __main__ as audit
from muvla.report.paper import __main__ as paper
from muvla.report.paper import pdf
from muvla.report.printed import FILES, FOLDER, read_printed
from muvla.report.published import VARIANTS, libero_tasks, read_published
from muvla.report.tables import __main__ as tables
from muvla.report.templates import TEX_SPECIAL, escape_tex, render
from synthetic_records import write_cell

PAIR = '[{"first": "m64_k2", "second": "oft_episodic"}]'
EFFECT = ["--environment", "RememberColor3", "--memory", "m64_k2", "--baseline", "oft_episodic"]
needs_latex = pytest.mark.skipif(bool(pdf.missing()), reason=f"LaTeX lacks {', '.join(pdf.missing())}")


def make(records: Path, results: Path) -> None:
    """All fragments and the report, as the rules make them."""
    for file in FILES:
        given = ["--records", str(records), "--published", str(FOLDER / f"{file}.csv")]
        assert tables.main([*given, "--output", str(results / file)]) == 0
    assert paired.main(["--records", str(records), "--pairs", PAIR, "--output", str(results / "comparisons")]) == 0
    assert audit.main(["--output", str(results / "audit")]) == 0
    assert paper.main(["--results", str(results), *EFFECT]) == 0


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    write_cell(folder / "records", "m64_k2", "RememberColor3", [True] * 42 + [False] * 8)
    write_cell(folder / "records", "oft_episodic", "RememberColor3", [False] * 45 + [True] * 5)
    for name in ("one", "two"):
        make(folder / "records", folder / name)
    return folder


@pytest.fixture
def results(written: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(written / "one", tmp_path / "results"))


def test_two_builds_are_the_same_bytes(written: Path) -> None:
    for name in ("paper.tex", "tables.html"):
        assert (written / "one" / name).read_bytes() == (written / "two" / name).read_bytes()


def test_the_text_takes_its_numbers_from_the_files(results: Path) -> None:
    text = (results / "paper.tex").read_text("utf-8")
    assert "Of the 253 cells of Table 1 (MIKASA-Robo) 2 were run, 100 episodes in all." in text
    assert "succeeds in 0.84 (interval 0.71 to 0.92, 50 episodes)" in text
    assert "averages 9 do not follow" in text
    assert "none has a verdict" in text
    path = results / "table_mikasa.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    (line,) = [line for line in lines if line[2] == "RememberColor3" and "m64_k2" in line]
    line[line.index("0.8400")] = "0.3100"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(lines)
    audit_csv = results / "audit.csv"
    audit_csv.write_text("".join(audit_csv.read_text("utf-8").splitlines(keepends=True)[:2]), "utf-8")
    assert paper.main(["--results", str(results), *EFFECT]) == 0
    text = (results / "paper.tex").read_text("utf-8")
    assert "succeeds in 0.31 (interval" in text
    assert "averages 1 does not follow from its own cells, 0 rows are put together" in text


def test_what_was_run_of_rows_that_the_paper_does_not_print_is_counted(results: Path, tmp_path: Path) -> None:
    write_cell(tmp_path / "libero", "m64_k2", "libero_object/0", [True, False, False])
    given = ["--records", str(tmp_path / "libero"), "--published", str(FOLDER / "table_libero.csv")]
    assert tables.main([*given, "--output", str(results / "table_libero")]) == 0
    assert paper.main(["--results", str(results), *EFFECT]) == 0
    text = (results / "paper.tex").read_text("utf-8")
    assert "cells of the LIBERO table none was run" in text
    assert "1 cell that the paper does not print was run beside them, 3 episodes in all." in text


def test_the_page_is_well_formed_and_holds_every_table_and_finding(results: Path) -> None:
    html = (results / "tables.html").read_text("utf-8")
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "img"):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Reader().feed(html)
    assert not opened
    for told in ("InterceptGrabMedium", "CronusVLA", "Diffusion Policy", "m64_k2 against oft_episodic", "93.55"):
        assert told in html
    assert "<code>m64_k2</code>" in html
    assert "&lt;small" not in html
    assert "://" not in re.sub(r"<[^>]*>", "", html)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("audit.csv", None, "audit.csv"),
        ("table_libero.html", "<html></html>", "no page of this project"),
    ],
)
def test_a_missing_or_strange_file_is_named(
    results: Path, capsys: pytest.CaptureFixture[str], file: str, content: str | None, told: str
) -> None:
    (results / file).unlink()
    if content is not None:
        (results / file).write_text(content, "utf-8")
    assert paper.main(["--results", str(results), *EFFECT]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("## no title\n", "must begin with its title"),
        ("# t\n@picture x\n", "neither @fragment NAME nor @figure NAME"),
        ("# t\n@fragment audit\n", "belongs in it once"),
    ],
)
def test_a_text_that_misplaces_something_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        paper.read_report(text)


@given(st.text(alphabet=st.one_of(st.characters(codec="ascii"), st.sampled_from(list(TEX_SPECIAL)))))
def test_no_character_keeps_its_meaning_in_latex(text: str) -> None:
    escaped = escape_tex(text)
    # What is left without our own commands must be letters that LaTeX prints as they are.
    for command in sorted(set(TEX_SPECIAL.values()), key=len, reverse=True):
        escaped = escaped.replace(command, "")
    assert not set(escaped) & set("\\{}$&#_%~^")
    assert escaped.isascii()


def test_without_latex_one_sentence_says_so_and_the_source_stays(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(results))
    assert pdf.main([str(results / "paper.tex")]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "needs LaTeX, of which latexmk, pdflatex, kpsewhich is not installed" in told
    assert "containers/setup.sh latex" in told
    assert (results / "paper.tex").is_file()
    assert not (results / "paper.pdf").exists()


@needs_latex
def test_an_error_of_latex_is_named_with_its_line(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = results / "paper.tex"
    source.write_text(source.read_text("utf-8").replace(r"\maketitle", "\\maketitle\n\\nosuchcommand"), "utf-8")
    assert pdf.main([str(source)]) == 1
    told = capsys.readouterr().err
    assert "Undefined control sequence" in told
    assert "nosuchcommand" in told
    assert source.is_file()
    assert not (results / "paper.pdf").exists()


@needs_latex
def test_special_characters_compile(tmp_path: Path) -> None:
    text = "".join(map(chr, range(33, 127))) + "".join(TEX_SPECIAL) + "\u4e00"
    (tmp_path / "page.tex").write_text(render("standalone.tex.jinja", {"body": escape_tex(text)}), "utf-8")
    assert pdf.main([str(tmp_path / "page.tex")]) == 0


@needs_latex
def test_the_pdf_is_the_same_twice_wherever_it_is_made(results: Path, tmp_path: Path) -> None:
    other = shutil.copytree(results, tmp_path / "elsewhere" / "results")
    made = []
    for folder in (results, other):
        assert pdf.main([str(folder / "paper.tex"), "--latex-log", str(folder / "latex.log")]) == 0
        made.append((folder / "paper.pdf").read_bytes())
        log = (folder / "latex.log").read_text("utf-8", errors="replace")
        assert "Overfull" not in log
        assert "Float too large" not in log
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0]


@needs_latex
def test_full_tables_fit_their_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # thousands of made-up records
    records, size = tmp_path / "records", {"scale": "paper", "width": 4096}
    for variant in list(VARIANTS)[1:]:
        for environment in read_published(FOLDER / "table_mikasa.csv").group_of:
            write_cell(records, variant, environment, [True, None, False], asked=4, **size)
        for suite in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
            for task in libero_tasks(suite):
                write_cell(records, variant, task, [True, False], **size)
    make(records, tmp_path / "results")
    assert pdf.main([str(tmp_path / "results" / "paper.tex"), "--latex-log", str(tmp_path / "latex.log")]) == 0
    log = (tmp_path / "latex.log").read_text("utf-8", errors="replace")
    assert "Overfull" not in log
    assert "Float too large" not in log
    assert read_printed(FOLDER / "table_libero.csv").rows[0] in (tmp_path / "results" / "table_libero.tex").read_text()
