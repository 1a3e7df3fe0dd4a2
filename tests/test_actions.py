"""The workflow files for GitHub Actions, which nobody here can run: actionlint, and that they call what is there."""

import re
import subprocess

import pytest

from validators import needs_validators, validator
from working_copy import REPOSITORY

FILES = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))


@needs_validators
def test_actionlint_is_clean() -> None:
    done = subprocess.run([validator("actionlint"), "-no-color", *FILES], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_programs_of_ours_that_they_call_are_there(file) -> None:
    called = re.findall(r"\b((?:containers|workflow|\.ci)/[\w./-]+)", file.read_text("utf-8"))
    made = {"containers/muvla.sif", "containers/paper.sif"}
    assert all((REPOSITORY / name).exists() for name in set(called) - made if not name.endswith("/"))


def test_ci_runs_what_the_submission_runs() -> None:
    assert "- run: bash .ci/run\n" in (REPOSITORY / ".github/workflows/ci.yml").read_text("utf-8")
