"""One version everywhere: version.py check v1.2.3 | notes v1.2.3 (what CHANGELOG.md says of it)."""

import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def versions() -> dict[str, tuple[str, str]]:
    """Return {file: (version, date)} of every file that names them; "" where it has no date."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    zenodo = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    package = (ROOT / "workflow/muvla/__init__.py").read_text("utf-8")
    own = re.search(r'^__version__ = "([^"]+)"', package, flags=re.MULTILINE)
    newest = next(iter(sections()))
    return {
        "workflow/muvla/__init__.py": (own[1] if own else "", ""),
        "CITATION.cff": (citation["version"], str(citation["date-released"])),
        ".zenodo.json": (zenodo["version"], zenodo["publication_date"]),
        "CHANGELOG.md": newest,
    }


def sections() -> dict[tuple[str, str], str]:
    """Return {(version, date): text} of CHANGELOG.md, in its order."""
    parts = re.split(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {(parts[i], parts[i + 1]): parts[i + 2].strip() for i in range(0, len(parts), 3)}


def check(version: str) -> list[str]:
    """Return a line for each file that names another version, or another date than CHANGELOG.md."""
    date = versions()["CHANGELOG.md"][1]
    return [
        f"{name} says {found} {when}".rstrip()
        for name, (found, when) in versions().items()
        if found != version or when not in ("", date)
    ]


def main(command: str, tag: str) -> None:
    version = tag.removeprefix("v")
    if command == "check":
        if lines := check(version):
            sys.exit("\n".join([f"{tag} is not the version of every file:", *lines]))
    elif command == "notes":
        print(next(text for (name, _), text in sections().items() if name == version))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
