"""Documents of text and plain tables, written alike as Markdown, HTML and LaTeX (paper/templates/document.*)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from muvla.report.runner import Contents
from muvla.report.templates import render
from muvla.report.tidy import csv_text


@dataclass(frozen=True)
class PlainTable:
    """Rows of text under a head; align: "l", "r" or "c" for every column, "X" where text may wrap."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    caption: str = ""
    ids: tuple[str, ...] = ()  # of the rows on a page, to link to; none, or one each

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


def document(kind: str, title: str, sections: Sequence[Section], rule: str) -> str:
    """Write the whole document; kind: "md", "html" (a page) or "tex" (a fragment of sections to \\input).

    rule: the rule of the workflow that made it.
    """
    return render(f"document.{kind}.jinja", title=title, sections=sections, rule=rule)


def in_every_kind(
    title: str, sections: Sequence[Section], rule: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> Contents:
    """Write the document as ".md", ".html" and ".tex", and its numbers as ".csv" with these columns and rows."""
    kinds = {f".{kind}": document(kind, title, sections, rule) for kind in ("md", "html", "tex")}
    return {**kinds, ".csv": csv_text(columns, rows)}
