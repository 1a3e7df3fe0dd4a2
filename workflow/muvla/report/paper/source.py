"""The report, as a page and as LaTeX source; every number in its text is looked up in the csv files of its fragments.

Its text is paper/templates/report.md.jinja.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from muvla.report.printed import FILES, is_average
from muvla.report.prose import blocks
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Effect
from muvla.report.templates import render
from muvla.report.tidy import read_rows

FRAGMENTS = (*FILES, "comparisons", "audit")  # the csv, tex and html files that the report is made of
REPORT = "report.md.jinja"
DIRECTIVE = re.compile(r"@(fragment|figure) ([\w/]+)")


@dataclass(frozen=True)
class Block:
    """One piece of the report: a section's title, a paragraph, or the name of a fragment or figure to place."""

    kind: str  # "section", "paragraph", "fragment" or "figure"
    text: str


@dataclass(frozen=True)
class Page:
    """Title and content of a page that another rule wrote."""

    title: Markup
    body: Markup


@dataclass(frozen=True)
class Numbers:
    """The lines of the csv files, for the text to look numbers up in."""

    lines: dict[str, list[dict[str, str]]]  # file -> its lines

    def select(self, file: str, **wanted: str) -> list[dict[str, str]]:
        """Return the lines of a file whose columns have these values."""
        return [line for line in self.lines[file] if all(line[key] == value for key, value in wanted.items())]

    def cells(self, file: str, *, printed: bool = True) -> list[dict[str, str]]:
        """Return the cells of a table, without averages: those that the paper prints, run or not, or the others."""
        lines = (line for line in self.lines[file] if bool(line["printed"]) == printed)
        return [line for line in lines if not is_average(line["row"]) and not is_average(line["column"])]


def read_page(path: Path) -> Page:
    """Read a page's title and what is between <main> and </main>. Raises ValueError for a page of another kind."""
    html = path.read_text("utf-8")
    title, main = re.search(r"<title>(.*?)</title>", html), re.search(r"<main>\n(.*)</main>", html, re.DOTALL)
    if title is None or main is None:
        raise ValueError(f"{path} is no page of this project (no <title> or <main>); remove it to have it made again")
    return Page(Markup(title[1]), Markup(main[1]))


def data_uri(path: Path) -> str:
    """Return a PNG as a data URI, so that the page is one file."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def read_report(text: str) -> tuple[str, list[Block]]:
    """Return title and blocks of the report's text, its numbers filled in; report.md.jinja says what it may hold.

    Raises ValueError when it has no title, an unknown directive, or not every fragment once.
    """
    (kind, title), *rest = blocks(text) or [("", "")]
    if kind != "h1":
        raise ValueError(f"{REPORT} must begin with its title, # ..., not {title!r}")
    found = []
    for kind, paragraph in rest:
        directive = DIRECTIVE.fullmatch(paragraph)
        if directive:
            found.append(Block(directive[1], directive[2]))
        elif paragraph.startswith("@"):
            raise ValueError(f"{REPORT}: {paragraph!r} is neither @fragment NAME nor @figure NAME")
        else:
            found.append(Block("paragraph" if kind == "p" else "section", paragraph))
    placed = [block.text for block in found if block.kind == "fragment"]
    if sorted(placed) != sorted(FRAGMENTS):
        raise ValueError(f"{REPORT} places the fragments {placed}; each of {', '.join(FRAGMENTS)} belongs in it once")
    return title, found


def paper_source(
    *,
    fragments: Sequence[Path],
    pictures: Sequence[Path],
    figures: Sequence[str],
    effect: Effect,
) -> Contents:
    """Make tables.html and paper.tex. Raises OSError, or ValueError as read_page and read_report do.

    fragments: csv and html files named as in FRAGMENTS. pictures: a PNG for each of `figures`, names below
    <outputs>/figures.
    """
    by_name = {path.name: path for path in fragments}
    text = render(
        REPORT,
        figures=figures,
        numbers=Numbers({name: read_rows(by_name[f"{name}.csv"]) for name in FRAGMENTS}),
        effect=effect,
    )
    title, found = read_report(text)
    pages = {name: read_page(by_name[f"{name}.html"]) for name in FRAGMENTS}
    shown = {name: data_uri(path) for name, path in zip(figures, pictures, strict=True)}
    return {
        "tables.html": render("report.html.jinja", title=title, blocks=found, pages=pages, pictures=shown),
        "paper.tex": render("report.tex.jinja", title=title, blocks=found),
    }
