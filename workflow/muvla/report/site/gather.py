"""What the site is made of: files of results by name, and what a page says of those that are not there."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from xml.sax.saxutils import unescape

from muvla.report.site.frame import Missing

Read = TypeVar("Read")


def attempt(read: Callable[[], Read], what: str, command: str) -> Read | Missing:
    """Return what `read` returns, or what to say where a file is missing or cannot be read."""
    try:
        return read()
    except FileNotFoundError as error:
        return Missing(what, command, f"There is no {error.filename}." if error.filename else str(error))
    except (ValueError, OSError) as error:
        return Missing(what, command, f"{str(error).rstrip('.')}.")


@dataclass(frozen=True)
class Files:
    """Files by their name. One that was not given counts as missing."""

    by_name: dict[str, Path]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "Files":
        """Take the files that a rule names."""
        return cls({path.name: path for path in paths})

    def __getitem__(self, name: str) -> Path:
        """Return the file of that name. Raises FileNotFoundError."""
        if name not in self.by_name:
            raise FileNotFoundError(f"{name} was not made")
        return self.by_name[name]

    def bytes_of(self, ends: str) -> dict[str, bytes]:
        """Return the content of all files whose name ends like this and that are there."""
        return {
            name: path.read_bytes() for name, path in self.by_name.items() if name.endswith(ends) and path.is_file()
        }


@dataclass(frozen=True)
class Drawing:
    """A picture of the site: its files, what it shows in words, and its height where it is 1000 wide."""

    title: str
    svg: str
    pdf: str
    alt: str
    height: int


def read_drawing(svg: Path, name: str) -> Drawing:
    """Read what an SVG of ours (drawing.scalable_pictures) says of itself; name: of its files on the site.

    Raises FileNotFoundError, or ValueError for an SVG of another kind.
    """
    text = svg.read_text("utf-8")
    parts = {key: re.search(rf"<dc:{key}>(.*?)</dc:{key}>", text, re.DOTALL) for key in ("title", "description")}
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    title, words = parts["title"], parts["description"]
    if title is None or words is None or size is None:
        raise ValueError(f"{svg} does not say what it shows; remove it to have it drawn again")
    height = round(1000 * float(size[2]) / float(size[1]))
    return Drawing(unescape(title[1]), f"{name}.svg", f"{name}.pdf", " ".join(unescape(words[1]).split()), height)
