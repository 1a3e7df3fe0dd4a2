"""The report: its numbers are those of the files, twice is the same twice, and LaTeX may be missing."""

import csv
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muvla.report.audit.document import audit
from muvla.report.comparisons import comparisons
from muvla.report.paper import pdf, source
from muvla.report.printed import FILES, read_printed
from muvla.report.prose import TEX_SPECIAL, blocks, escape_tex, prose_html, prose_tex
from muvla.report.published import VARIANTS, libero_tasks, read_published
from muvla.report.runner import write
from muvla.report.tables.table import table
from muvla.report.templates import render
from synthetic_records import EFFECT, PUBLISHED, RULES, TABLE_MIKASA, cells, save, write_cell

PAIR = {"first": "m64_k2", "second": "oft_episodic"}
needs_latex = pytest.mark.skipif(bool(pdf.missing()), reason=f"LaTeX lacks {', '.join(pdf.missing())}")


def make(records: Path, results: Path) -> None:
    """All fragments and the report, as the rules make them."""
    marks = cells(records)
    for file in FILES:
        make_table(marks, file, results)
    paired = comparisons(records=marks, published=TABLE_MIKASA, pairs=[PAIR], statistics=RULES)
    save(paired, results / "comparisons")
    printed = [PUBLISHED / f"{file}.csv" for file in FILES]
    save(audit(tables=printed, claims=PUBLISHED / "claims.csv"), results / "audit")
    make_source(results)


def make_table(marks: list[Path], file: str, results: Path) -> None:
    published = PUBLISHED / f"{file}.csv"
    contents = table(records=marks, published=published, environments=TABLE_MIKASA, statistics=RULES)
    save(contents, results / file)


def make_source(results: Path) -> None:
    fragments = [results / f"{name}.{kind}" for name in source.FRAGMENTS for kind in ("csv", "html")]
    contents = source.paper_source(fragments=fragments, pictures=[], figures=[], effect=EFFECT)
    write(contents, [results / name for name in contents])


def make_pdf(results: Path) -> None:
    """results/paper.pdf and results/latex.log."""
    save(pdf.paper(source=results / "paper.tex", latex_log=str(results / "latex.log")), results / "paper")


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
    make_source(results)
    text = (results / "paper.tex").read_text("utf-8")
    assert "succeeds in 0.31 (interval" in text
    assert "averages 1 does not follow from its own cells, 0 rows are put together" in text


def test_what_was_run_of_rows_that_the_paper_does_not_print_is_counted(results: Path, tmp_path: Path) -> None:
    write_cell(tmp_path / "libero", "m64_k2", "libero_object/0", [True, False, False])
    make_table(cells(tmp_path / "libero"), "table_libero", results)
    make_source(results)
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
def test_a_missing_or_strange_file_is_named(results: Path, file: str, content: str | None, told: str) -> None:
    (results / file).unlink()
    if content is not None:
        (results / file).write_text(content, "utf-8")
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        make_source(results)


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
        source.read_report(text)


def test_prose_is_markdown_in_both_formats() -> None:
    text = "A & B: `m64_k2` is **0.84**, 100 % of m64_ema's"
    assert prose_html(text) == "A &amp; B: <code>m64_k2</code> is <strong>0.84</strong>, 100 % of m64_ema's"
    assert prose_tex(text) == r"A \& B: \texttt{m64\_k2} is \textbf{0.84}, 100 \% of m64\_ema's"
    assert blocks("# t\n\none\nparagraph\n\n## s\n") == [("h1", "t"), ("p", "one paragraph"), ("h2", "s")]
    with pytest.raises(ValueError, match="line 3: a bullet where headings and paragraphs are expected"):
        blocks("# t\n\n- a list\n")
    with pytest.raises(ValueError, match="link_open"):
        prose_tex("[a](b)")


@given(st.text(alphabet=st.one_of(st.characters(codec="ascii"), st.sampled_from(list(TEX_SPECIAL)))))
def test_no_character_keeps_its_meaning_in_latex(text: str) -> None:
    escaped = escape_tex(text)
    # What is left without our own commands must be letters that LaTeX prints as they are.
    for command in sorted(set(TEX_SPECIAL.values()), key=len, reverse=True):
        escaped = escaped.replace(command, "")
    assert not set(escaped) & set("\\{}$&#_%~^")
    assert escaped.isascii()


def test_without_latex_one_sentence_says_so_and_the_source_stays(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(results))
    with pytest.raises(pdf.LatexError, match="needs LaTeX, of which latexmk, pdflatex, kpsewhich") as caught:
        make_pdf(results)
    told = str(caught.value)
    assert "\n" not in told
    assert "containers/setup.sh latex" in told
    assert (results / "paper.tex").is_file()
    assert not (results / "paper.pdf").exists()


@needs_latex
def test_an_error_of_latex_is_named_with_its_line(results: Path) -> None:
    tex = results / "paper.tex"
    tex.write_text(tex.read_text("utf-8").replace(r"\maketitle", "\\maketitle\n\\nosuchcommand"), "utf-8")
    with pytest.raises(pdf.LatexError, match=r"Undefined control sequence.*nosuchcommand"):
        make_pdf(results)
    assert tex.is_file()
    assert "nosuchcommand" in (results / "latex.log").read_text("utf-8", errors="replace")
    assert not (results / "paper.pdf").exists()


@needs_latex
def test_special_characters_compile(tmp_path: Path) -> None:
    text = "".join(map(chr, range(33, 127))) + "".join(TEX_SPECIAL) + "\u4e00"
    (tmp_path / "paper.tex").write_text(render("standalone.tex.jinja", body=escape_tex(text)), "utf-8")
    make_pdf(tmp_path)


@needs_latex
def test_the_pdf_is_the_same_twice_wherever_it_is_made(results: Path, tmp_path: Path) -> None:
    other = shutil.copytree(results, tmp_path / "elsewhere" / "results")
    made = []
    for folder in (results, other):
        make_pdf(folder)
        made.append((folder / "paper.pdf").read_bytes())
        log = (folder / "latex.log").read_text("utf-8", errors="replace")
        assert "Overfull" not in log
        assert "Float too large" not in log
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0]


@needs_latex
def test_full_tables_fit_their_pages(tmp_path: Path) -> None:
    records, size = tmp_path / "records", {"scale": "paper", "width": 4096}
    for variant in list(VARIANTS)[1:]:
        for environment in read_published(PUBLISHED / "table_mikasa.csv").group_of:
            write_cell(records, variant, environment, [True, None, False], asked=4, **size)
        for seed, success in (("seed1", True), ("seed2", False)):  # the widest: three digits, seeds that disagree
            write_cell(tmp_path / seed, variant, "RememberShapeAndColor3x3", [success] * 99, **size)
        for suite in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
            for task in libero_tasks(suite):
                write_cell(records, variant, task, [True, False], **size)
    make(tmp_path, tmp_path / "results")
    make_pdf(tmp_path / "results")
    assert r"~\,200 (3)" in (tmp_path / "results" / "table_mikasa.tex").read_text("utf-8")
    log = (tmp_path / "results" / "latex.log").read_text("utf-8", errors="replace")
    assert "Overfull" not in log
    assert "Float too large" not in log
    assert (
        read_printed(PUBLISHED / "table_libero.csv").rows[0] in (tmp_path / "results" / "table_libero.tex").read_text()
    )
