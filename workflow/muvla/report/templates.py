"""Fill the Jinja templates of paper/templates/; special characters of LaTeX and HTML are escaped."""

import jinja2

from muvla.files import ROOT
from muvla.report.prose import escape_tex, prose_html, prose_tex

TEMPLATES = ROOT / "paper" / "templates"


def escape_cell(text: object) -> str:
    """Escape `text` for a cell of a Markdown table, which a bar or a line break would end."""
    return " ".join(str(text).split()).replace("|", "\\|")


def render(template: str, **view: object) -> str:
    """Fill paper/templates/<template>; .tex templates write <<value>> and <% block %>, .html ones Jinja's own."""
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
    environment.filters |= {"tex": escape_tex, "prose_tex": prose_tex, "prose_html": prose_html, "md": escape_cell}
    return environment.get_template(template).render(view)
