"""Jinja templates of paper/templates/, filled without surprises from LaTeX's or HTML's special characters."""

from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).resolve().parents[3] / "paper" / "templates"
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
}


def escape_tex(text: Any) -> str:
    """Escape `text` for LaTeX; a character that pdflatex may not know becomes "?" rather than an error."""
    escaped = (TEX_SPECIAL.get(char, char if char.isascii() else "?") for char in str(text))
    return "".join(escaped)


def render(template: str, view: dict[str, Any]) -> str:
    """Fill paper/templates/<template>; .tex templates write <<value>> and <% block %>, .html ones Jinja's
    own."""
    tex = ".tex" in template
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=not tex,
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
    return environment.get_template(template).render(view)
