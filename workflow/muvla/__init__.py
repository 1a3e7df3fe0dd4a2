"""Memory in a vision-language-action policy: the library behind the workflow."""

from muvla import cpu

cpu.hold()

__version__ = "0.2.0"  # as in CITATION.cff, .zenodo.json and CHANGELOG.md
