"""Jinja templates of paper/templates/, filled without surprises from LaTeX's or HTML's special characters."""

from typing import Any

import jinja2
from markupsafe import Markup, escape

from muvla.files import ROOT

TEMPLATES = ROOT / "paper" / "templates"
TEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "π": r"$\pi$",
    "μ": r"$\mu$",
    "†": r"\textdagger{}",
    "–": "--",
    "…": r"\ldots{}",
    "−": r"\textminus{}",
    "±": r"$\pm$",
    "≠": r"$\neq$",
    "≥": r"$\geq$",
}


def escape_tex(text: Any) -> str:
    """Escape `text` for LaTeX; a character that pdflatex may not know becomes "?" rather than an error."""
    escaped = (TEX_SPECIAL.get(char, char if char.isascii() else "?") for char in str(text))
    return "".join(escaped)


def escape_cell(text: Any) -> str:
    """Escape `text` for a cell of a Markdown table, which a bar or a line break would end."""
    return " ".join(str(text).split()).replace("|", "\\|")


def prose_tex(text: str) -> str:
    """A paragraph for LaTeX; what stands between two backticks is set as code."""
    parts = [escape_tex(part) for part in text.split("`")]
    return "".join(rf"\texttt{{{part}}}" if place % 2 else part for place, part in enumerate(parts))


def prose_html(text: str) -> Markup:
    """The same for HTML."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def render(template: str, view: dict[str, Any]) -> str:
    """Fill paper/templates/<template>; .tex templates write <<value>> and <% block %>, .html ones Jinja's
    own."""
    tex = ".tex" in template
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=template.endswith(".html.jinja"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # LaTeX is full of braces, so its templates use brackets of another kind.
        block_start_string="<%" if tex else "{%",
        block_end_string="%>" if tex else "%}",
        variable_start_string="<<" if tex else "{{",
        variable_end_string=">>" if tex else "}}",
        comment_start_string="<#" if tex else "{#",
        comment_end_string="#>" if tex else "#}",
    )
    environment.filters["tex"] = escape_tex
    environment.filters["prose_tex"] = prose_tex
    environment.filters["prose_html"] = prose_html
    environment.filters["md"] = escape_cell
    return environment.get_template(template).render(view)
