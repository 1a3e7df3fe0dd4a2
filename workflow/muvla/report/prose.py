"""Prose in Markdown, parsed by markdown-it-py, as HTML and as LaTeX."""

from markdown_it import MarkdownIt
from markupsafe import Markup

MARKDOWN = MarkdownIt("commonmark")
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
TEX_INLINE = {
    "text": "{}",
    "softbreak": " ",
    "code_inline": r"\texttt{{{}}}",
    "em_open": r"\emph{{",
    "em_close": "}}",
    "strong_open": r"\textbf{{",
    "strong_close": "}}",
}


def escape_tex(text: object) -> str:
    """Escape `text` for LaTeX; a character that pdflatex may not know becomes "?" rather than an error."""
    escaped = (TEX_SPECIAL.get(char, char if char.isascii() else "?") for char in str(text))
    return "".join(escaped)


def blocks(text: str) -> list[tuple[str, str]]:
    """Split a Markdown text into its headings ("h1", "h2", ...) and paragraphs ("p"), each with its own text.

    Raises ValueError naming the line of anything else.
    """
    found = []
    tokens = MARKDOWN.parse(text)
    for token, inline in zip(tokens, tokens[1:], strict=False):
        if token.type in ("heading_open", "paragraph_open"):
            found.append((token.tag, " ".join(inline.content.split())))
        elif token.type not in ("inline", "heading_close", "paragraph_close"):
            line = token.map[0] + 1 if token.map else "?"
            raise ValueError(
                f"line {line}: a {token.type.partition('_')[0]} where headings and paragraphs are expected"
            )
    return found


def prose_html(text: str) -> Markup:
    """Write the inline Markdown of one paragraph as HTML."""
    return Markup(MARKDOWN.renderInline(text))


def prose_tex(text: str) -> str:
    """Write the inline Markdown of one paragraph as LaTeX. Raises ValueError for links, images and HTML."""
    (inline,) = MARKDOWN.parseInline(text)
    written = []
    for token in inline.children or []:
        if token.type not in TEX_INLINE:
            raise ValueError(f"{token.type} in {text!r}: LaTeX gets text, code, emphasis and nothing else")
        written.append(TEX_INLINE[token.type].format(escape_tex(token.content)))
    return "".join(written)
