"""The report: python -m muvla.report.paper --results DIR --environment NAME --memory NAME --baseline NAME.

Writes DIR/paper.tex, which inputs the tables beside it, and DIR/tables.html, one page with everything in it. Text comes
from paper/templates/report.md.jinja; every number in it is looked up in the csv files of DIR.
"""

import argparse
import base64
import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from muvla.report.command import written
from muvla.report.printed import FILES, is_average
from muvla.report.templates import render

FRAGMENTS = (*FILES, "comparisons", "audit")  # the csv, tex and html files that the report is made of
REPORT = "report.md.jinja"
DIRECTIVE = re.compile(r"@(fragment|figure) ([\w/]+)")


@dataclass(frozen=True)
class Block:
    """One piece of the report: a section's title, a paragraph, or the name of a fragment or figure to place."""

    kind: str  # "section", "paragraph", "fragment" or "figure"
    text: str


@dataclass(frozen=True)
class Numbers:
    """The lines of the csv files, for the text to look numbers up in."""

    lines: dict[str, list[dict[str, str]]]  # file -> its lines

    def select(self, file: str, **wanted: str) -> list[dict[str, str]]:
        """The lines of a file whose columns have these values."""
        return [line for line in self.lines[file] if all(line[key] == value for key, value in wanted.items())]

    def cells(self, file: str, *, printed: bool = True) -> list[dict[str, str]]:
        """The lines of a table that are printed cells, run or not, or of those that are not; without averages."""
        lines = (line for line in self.lines[file] if bool(line["printed"]) == printed)
        return [line for line in lines if not is_average(line["row"]) and not is_average(line["column"])]


def read_numbers(results: Path) -> Numbers:
    """Read the csv files of the fragments. Raises FileNotFoundError naming the one that is missing."""
    lines = {}
    for name in FRAGMENTS:
        with (results / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            lines[name] = list(csv.DictReader(stream))
    return Numbers(lines)


def page_of(path: Path) -> dict[str, Any]:
    """Title and content of a page that another command wrote: what is between <main> and </main>."""
    html = path.read_text("utf-8")
    title, main = re.search(r"<title>(.*?)</title>", html), re.search(r"<main>\n(.*)</main>", html, re.DOTALL)
    if title is None or main is None:
        raise ValueError(f"{path} is no page of this project (no <title> or <main>); remove it to have it made again")
    return {"title": Markup(title[1]), "body": Markup(main[1])}


def picture(path: Path) -> str:
    """A PNG as a data URI, so that the page is one file."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def read_report(text: str) -> tuple[str, list[Block]]:
    """Title and blocks of the report's text, its numbers filled in; report.md.jinja says what a line may be.

    Raises ValueError when it has no title, an unknown directive, or not every fragment once.
    """
    title, *rest = (line.strip() for line in text.splitlines() if line.strip())
    if not title.startswith("# "):
        raise ValueError(f"{REPORT} must begin with its title, # ..., not {title!r}")
    blocks = []
    for line in rest:
        directive = DIRECTIVE.fullmatch(line)
        if directive:
            blocks.append(Block(directive[1], directive[2]))
        elif line.startswith("@"):
            raise ValueError(f"{REPORT}: {line!r} is neither @fragment NAME nor @figure NAME")
        elif line.startswith("## "):
            blocks.append(Block("section", line[3:]))
        else:
            blocks.append(Block("paragraph", " ".join(line.split())))
    placed = [block.text for block in blocks if block.kind == "fragment"]
    if sorted(placed) != sorted(FRAGMENTS):
        raise ValueError(f"{REPORT} places the fragments {placed}; each of {', '.join(FRAGMENTS)} belongs in it once")
    return title[2:], blocks


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.paper", description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True, help="folder of the tables, comparisons and audit")
    for name in ("environment", "memory", "baseline"):
        parser.add_argument(f"--{name}", required=True, help="of the effect")
    parser.add_argument("--picked", action="store_true", help="--memory was named after the results were seen")
    parser.add_argument("--figures", nargs="*", default=[], help="names of DIR/figures/NAME.pdf and .png")
    options = parser.parse_args(arguments)
    results: Path = options.results
    effect = {name: getattr(options, name) for name in ("environment", "memory", "baseline")}

    def make() -> dict[Path, str]:
        asked = {
            "figures": options.figures,
            "numbers": read_numbers(results),
            "effect": effect,
            "picked": options.picked,
        }
        title, blocks = read_report(render(REPORT, asked))
        report = {"title": title, "blocks": blocks}
        pages = {name: page_of(results / f"{name}.html") for name in FRAGMENTS}
        pictures = {name: picture(results / "figures" / f"{name}.png") for name in options.figures}
        page = render("report.html.jinja", {**report, "pages": pages, "pictures": pictures})
        return {results / "tables.html": page, results / "paper.tex": render("report.tex.jinja", report)}

    return written(make)


if __name__ == "__main__":
    sys.exit(main())
