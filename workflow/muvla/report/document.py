"""Text and plain tables that are written as Markdown, HTML and LaTeX alike (paper/templates/document.*)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.report.templates import render


@dataclass(frozen=True)
class PlainTable:
    """Rows of text under a head; align: "l", "r" or "c" for every column, "X" where text may wrap."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    caption: str = ""

    def __post_init__(self) -> None:
        widths = {len(self.head), len(self.align), *(len(row) for row in self.rows)}
        if len(widths) != 1:
            raise ValueError(f"a table of {sorted(widths)} columns: head, align and rows must agree")


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, a table and a list under it, each of which may be left out."""

    title: str
    paragraphs: tuple[str, ...] = ()
    table: PlainTable | None = None
    items: tuple[str, ...] = ()


def document(kind: str, title: str, sections: Sequence[Section], made_by: str) -> str:
    """The whole document; kind: "md", "html" (a page) or "tex" (a fragment of sections to \\input)."""
    return render(f"document.{kind}.jinja", {"title": title, "sections": sections, "made_by": made_by})


def beside(output: Path, title: str, sections: Sequence[Section], made_by: str, csv: str) -> dict[Path, str | bytes]:
    """The document in every kind and its numbers as <output>.md, .html, .tex and .csv."""
    kinds = {kind: document(kind, title, sections, made_by) for kind in ("md", "html", "tex")}
    return {output.with_name(f"{output.name}.{kind}"): content for kind, content in {**kinds, "csv": csv}.items()}
