"""The digest of the container image in what is made inside it."""

import hashlib
import json
from pathlib import Path

import pytest

from muvla import provenance
from muvla.jobs import image_digest


@pytest.fixture
def image(tmp_path: Path) -> Path:
    made = tmp_path / "muvla.sif"
    made.write_bytes(b"an image")
    return made


def test_digest_follows_the_file(image: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    first = image_digest.digest(image, notes)
    assert first == "sha256:" + hashlib.sha256(b"an image").hexdigest()
    image.write_bytes(b"another image")
    assert image_digest.digest(image, notes) == "sha256:" + hashlib.sha256(b"another image").hexdigest()


def test_unchanged_image_is_not_read_again(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = tmp_path / "notes.json"
    first = image_digest.digest(image, notes)
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert image_digest.digest(image, notes) == first


def test_damaged_notes_are_made_anew(image: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{")
    assert image_digest.digest(image, tmp_path / "notes.json").startswith("sha256:")


def test_process_inside_knows_its_image(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPTAINER_CONTAINER", raising=False)
    monkeypatch.setenv(image_digest.IMAGE_VARIABLE, "{}")
    image_digest.announce([str(image), str(tmp_path / "absent.sif")], tmp_path / "notes.json")
    assert provenance.container_digest() == "none"
    monkeypatch.setenv("APPTAINER_CONTAINER", f"/elsewhere/{image.name}")
    assert provenance.container_digest() == image_digest.digest(image, tmp_path / "notes.json")


def test_image_that_nobody_announced_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTAINER_CONTAINER", "/elsewhere/other.sif")
    monkeypatch.setenv(image_digest.IMAGE_VARIABLE, json.dumps({"muvla.sif": "sha256:0"}))
    assert provenance.container_digest() == "unknown (other.sif)"


def test_an_address_is_known_by_the_digest_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pull itself, and what happens with another digest: test_registry.py."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(image_digest.IMAGE_VARIABLE, "")
    fixed, moving = f"oras://registry.example/muvla@sha256:{'ab' * 32}", "oras://registry.example/muvla:v1"
    image_digest.announce([fixed, moving])
    for address, expected in ((fixed, f"sha256:{'ab' * 32}"), (moving, f"unknown ({moving} names no digest)")):
        monkeypatch.setenv("APPTAINER_CONTAINER", f"/somewhere/.snakemake/singularity/{image_digest.pulled(address)}")
        assert provenance.container_digest() == expected
