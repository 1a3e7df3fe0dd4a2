"""What the site is made of: files of results by name, and what a page says of those that are not there."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from xml.sax.saxutils import unescape

from muvla.report.site.frame import Missing

Read = TypeVar("Read")
Files = Mapping[str, Path]  # by name; what is missing is not among them, or not on disk


def attempt(read: Callable[[], Read], what: str, command: str) -> Read | Missing:
    """Return what `read` returns, or what to say where a file is missing or cannot be read."""
    try:
        return read()
    except FileNotFoundError as error:
        return Missing(what, command, f"There is no {error.filename}." if error.filename else f"{error}.")
    except (ValueError, OSError) as error:
        return Missing(what, command, f"{str(error).rstrip('.')}.")


def named(files: Files, name: str) -> Path:
    """Return the file of that name. Raises FileNotFoundError where the rule named none."""
    if name not in files:
        raise FileNotFoundError(f"{name} was not made")
    return files[name]


@dataclass(frozen=True)
class Drawing:
    """A picture of the site: its files, what it shows in words, and its height where it is 1000 wide.

    shown: the file that a page shows; of a drawing with photographs the smaller .png.
    """

    title: str
    shown: str
    svg: str
    pdf: str
    alt: str
    height: int


def read_drawing(svg: Path, name: str, shown: str) -> Drawing:
    """Read what an SVG of ours (drawing.scalable_pictures) says of itself; name: of its files on the site.

    shown: the kind of file that a page shows, "svg" or "png".

    Raises FileNotFoundError, or ValueError for an SVG of another kind.
    """
    text = svg.read_text("utf-8")
    parts = {key: re.search(rf"<dc:{key}>(.*?)</dc:{key}>", text, re.DOTALL) for key in ("title", "description")}
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    title, words = parts["title"], parts["description"]
    if title is None or words is None or size is None:
        raise ValueError(f"{svg} does not say what it shows; remove it to have it drawn again")
    height = round(1000 * float(size[2]) / float(size[1]))
    words_read = " ".join(unescape(words[1]).split())
    return Drawing(unescape(title[1]), f"{name}.{shown}", f"{name}.svg", f"{name}.pdf", words_read, height)
