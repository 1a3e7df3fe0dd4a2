"""What a release says of itself: one version and date in every file, and metadata that archives read."""

import json
import subprocess
import sys
from importlib import util
from types import ModuleType

import pytest

from working_copy import REPOSITORY

SCRIPT = REPOSITORY / "workflow" / "scripts" / "version.py"


@pytest.fixture
def version() -> ModuleType:
    spec = util.spec_from_file_location("version", SCRIPT)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_file_names_the_newest_version_of_the_changelog(version: ModuleType) -> None:
    newest, _ = version.versions()["CHANGELOG.md"]
    assert version.check(newest) == []
    assert len(version.check("9.9.9")) == len(version.versions())
    dates = [date for _, date in version.sections()]
    assert dates == sorted(dates, reverse=True)


def test_a_tag_of_another_version_is_refused_and_the_notes_are_the_changelogs(version: ModuleType) -> None:
    newest, _ = version.versions()["CHANGELOG.md"]
    wrong = subprocess.run([sys.executable, SCRIPT, "check", "v9.9.9"], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "CITATION.cff says" in wrong.stderr
    notes = subprocess.run([sys.executable, SCRIPT, "notes", f"v{newest}"], capture_output=True, text=True, check=True)
    assert notes.stdout.startswith("- ")
    assert "## " not in notes.stdout


def test_zenodo_and_citation_agree() -> None:
    import yaml

    zenodo = json.loads((REPOSITORY / ".zenodo.json").read_text("utf-8"))
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
    assert zenodo["title"] == citation["title"]
    assert zenodo["license"] == citation["license"]
    assert [creator["name"] for creator in zenodo["creators"]] == [author["name"] for author in citation["authors"]]
    paper = citation["preferred-citation"]["identifiers"][0]["value"]
    assert zenodo["related_identifiers"][0]["identifier"] == paper
