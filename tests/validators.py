"""Other projects' validators, which `containers/setup.sh validators` installs into an environment of their own."""

import pytest

from working_copy import REPOSITORY

PROGRAMS = REPOSITORY / ".venv-validators" / "bin"
needs_validators = pytest.mark.skipif(
    not (PROGRAMS / "rocrate-validator").exists(), reason="run `bash containers/setup.sh validators`"
)


def validator(name: str) -> str:
    """The path of a validator."""
    return str(PROGRAMS / name)
