"""Memory in a vision-language-action policy: the library behind the workflow."""

from muvla import cpu

cpu.hold()
